//! The policy pass: one walk over the text of a URL that is parsed already, appending the normalised URL.
//!
//! The input must be what the WHATWG parser serialises for http(s): a lower-case scheme, `//`, an ASCII
//! host, a path that begins with `/` and holds no dot segments. [`append_plain`] goes the same way with
//! a text that needs no parser to be that.

use std::ops::Range;

use super::fragment::append_fragment;
use super::host::{Host, check_host, is_name_byte};
use super::options::Rules;
use super::outcome::{UrlFlags, UrlReason};
use super::path::append_path;
use super::query::append_query;

const FTP: &[u8] = b"ftp://";

/// Where the parts of the URL just written lie in the buffer.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub url: Range<usize>,
    pub host: Range<usize>,
    /// Where the path begins, after host and port.
    pub path: usize,
    /// Where the `?` is, or the end of the query, which is empty.
    pub query: usize,
    /// Where the `#` of a kept fragment is, or the end of the URL.
    pub fragment: usize,
    pub flags: UrlFlags,
}

/// Append the normalised form of the serialised URL `text`.
///
/// # Errors
/// [`UrlReason::Host`] (P5), or [`UrlReason::Scheme`] if the text is not http(s) nor an ftp that
/// the rules allow; `out` is then as it was.
pub(super) fn append_url(text: &[u8], rules: &Rules, out: &mut Vec<u8>) -> Result<Written, UrlReason> {
    let ftp = || (rules.ftp && text.starts_with(FTP)).then_some(FTP.len());
    let scheme = scheme_length(text).or_else(ftp).ok_or(UrlReason::Scheme)?;
    let (scheme, rest) = text.split_at_checked(scheme).ok_or(UrlReason::Scheme)?;
    let authority_length = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(authority_length).ok_or(UrlReason::Host)?;
    let (authority, flags) = drop_userinfo(authority);
    let (host, port) = split_port(authority);
    let host = check_host(host)?;
    let mut written = write(scheme, &host, port, tail, rules, out);
    written.flags = (written.flags | flags).without(UrlFlags::NEEDS_PARSER);
    Ok(written)
}

/// The short way: append the normalised form of a URL text that no parser has seen, if it is so plain
/// that the parser would leave it as it is, but for what the pass does anyway. Else `None`, and `out` is
/// as it was. Most URLs on pages are that plain.
pub(super) fn append_plain(text: &[u8], rules: &Rules, out: &mut Vec<u8>) -> Option<Written> {
    let (scheme, rest) = text.split_at_checked(scheme_length(text)?)?;
    let is_host_byte = |byte: u8| byte == b'.' || is_name_byte(byte);
    let length = rest.iter().position(|&byte| !is_host_byte(byte)).unwrap_or(rest.len());
    let (name, tail) = rest.split_at_checked(length)?;
    // Ports, user names, upper case and IDNA are the parser's, and whatever may be an IPv4 address.
    if !matches!(tail.first(), None | Some(b'/' | b'?' | b'#')) || ends_in_number(name) {
        return None;
    }
    let host = check_host(name).ok()?;
    if host.bytes.len() != name.len() || host.flags.contains(UrlFlags::PUNYCODE) {
        return None;
    }
    let written = write(scheme, &host, b"", tail, rules, out);
    if written.flags.contains(UrlFlags::NEEDS_PARSER) {
        out.truncate(written.url.start);
        return None;
    }
    Some(written)
}

fn ends_in_number(name: &[u8]) -> bool {
    let start = name.iter().rposition(|&byte| byte == b'.').map_or(0, |dot| dot + 1);
    name.get(start).is_none_or(u8::is_ascii_digit)
}

fn write(
    scheme: &[u8],
    host: &Host<'_>,
    port: &[u8],
    tail: &[u8],
    rules: &Rules,
    out: &mut Vec<u8>,
) -> Written {
    let mut flags = host.flags;
    if !port.is_empty() {
        flags |= UrlFlags::HAS_PORT;
    }
    let start = out.len();
    out.extend_from_slice(scheme);
    let host_start = out.len();
    out.extend_from_slice(host.bytes);
    let host_end = out.len();
    out.extend_from_slice(port);
    let path = out.len();
    let (query, fragment) = append_tail(tail, rules, out, &mut flags);
    Written { url: start..out.len(), host: host_start..host_end, path, query, fragment, flags }
}

/// Append path, query and a fragment that stays; returns where query and fragment begin in `out`.
fn append_tail(tail: &[u8], rules: &Rules, out: &mut Vec<u8>, flags: &mut UrlFlags) -> (usize, usize) {
    if tail.first() != Some(&b'/') {
        out.push(b'/');
    }
    let mut read = append_path(tail, rules, out, flags);
    let query = out.len();
    if tail.get(read) == Some(&b'?') {
        read += 1;
        read += append_query(tail.get(read..).unwrap_or_default(), rules, out, flags);
    }
    let fragment = out.len();
    if tail.get(read) == Some(&b'#') {
        append_fragment(tail.get(read..).unwrap_or_default(), rules, out, flags);
    }
    (query, fragment)
}

fn scheme_length(text: &[u8]) -> Option<usize> {
    let schemes: [&[u8]; 2] = [b"https://", b"http://"];
    schemes.into_iter().find(|scheme| text.starts_with(scheme)).map(<[u8]>::len)
}

fn drop_userinfo(authority: &[u8]) -> (&[u8], UrlFlags) {
    // The parser encodes any `@` inside the user name or password.
    match authority.iter().position(|&byte| byte == b'@') {
        Some(at) => (authority.get(at + 1..).unwrap_or_default(), UrlFlags::HAD_USERINFO),
        None => (authority, UrlFlags::empty()),
    }
}

/// Host, and port with its colon. The parser has dropped a default or empty port.
fn split_port(authority: &[u8]) -> (&[u8], &[u8]) {
    let bracket = authority.iter().position(|&byte| byte == b']').unwrap_or(0);
    let after = authority.get(bracket..).unwrap_or_default();
    let colon = after.iter().position(|&byte| byte == b':').map_or(authority.len(), |colon| bracket + colon);
    authority.split_at_checked(colon).unwrap_or((authority, b""))
}
