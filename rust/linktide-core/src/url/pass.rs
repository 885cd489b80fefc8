//! The policy pass: one walk over the text of a URL that is parsed already, appending the normalised URL.
//!
//! The input must be what the WHATWG parser serialises for http(s): a lower-case scheme, `//`, an ASCII
//! host, a path that begins with `/` and holds no dot segments. A faster parser may hand over its own
//! text as long as it is that.

use std::ops::Range;

use super::host::check_host;
use super::outcome::{UrlFlags, UrlReason};
use super::path::append_path;
use super::query::append_query;

/// Where the parts of the URL just written lie in the buffer.
#[derive(Debug)]
pub(super) struct Written {
    pub url: Range<usize>,
    pub host: Range<usize>,
    pub flags: UrlFlags,
}

/// Append the normalised form of the serialised URL `text`.
///
/// # Errors
/// [`UrlReason::Host`] (P5), or [`UrlReason::Scheme`] if the text is not http(s). `out` may then hold a
/// part of the URL: the caller takes it back.
pub(super) fn append_url(text: &[u8], out: &mut Vec<u8>) -> Result<Written, UrlReason> {
    let scheme = scheme_length(text).ok_or(UrlReason::Scheme)?;
    let (scheme, rest) = text.split_at_checked(scheme).ok_or(UrlReason::Scheme)?;
    let authority_length = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(authority_length).ok_or(UrlReason::Host)?;
    let (authority, mut flags) = drop_userinfo(authority);
    let (host, port) = split_port(authority);
    let host = check_host(host)?;
    flags |= host.flags;
    if !port.is_empty() {
        flags |= UrlFlags::HAS_PORT;
    }

    let start = out.len();
    out.extend_from_slice(scheme);
    let host_start = out.len();
    out.extend_from_slice(host.bytes);
    let host_end = out.len();
    out.extend_from_slice(port);
    append_tail(tail, out, &mut flags);
    Ok(Written { url: start..out.len(), host: host_start..host_end, flags })
}

/// Path, query and fragment.
fn append_tail(tail: &[u8], out: &mut Vec<u8>, flags: &mut UrlFlags) {
    let mut read = append_path(tail, out, flags);
    if tail.get(read) == Some(&b'?') {
        read += 1;
        read += append_query(tail.get(read..).unwrap_or_default(), out, flags);
    }
    if tail.get(read) == Some(&b'#') {
        *flags |= UrlFlags::HAD_FRAGMENT;
    }
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
