//! The policy pass: one walk over the text of a URL that is parsed already, appending the normalised URL.
//!
//! The input must be what the WHATWG parser serialises for http(s): a lower-case scheme, `//`, an ASCII
//! host, a path that begins with `/` and holds no dot segments.

use std::ops::Range;

use super::cluster::Seen;
use super::fragment::append_fragment;
use super::host::check_host;
use super::lanes::{Choice, Lanes, Task, Text, dispatch};
use super::options::Rules;
use super::outcome::{UrlFlags, UrlReason};
use super::parameters::Parameter;
use super::path::append_path;
use super::query::append_query;

const FTP: &[u8] = b"ftp://";

/// Where the parts of the URL just written lie in the buffer.
#[derive(Debug, Clone, Default)]
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
    /// The hash of the host for the memory of domains, if it was made on the way.
    pub host_hash: Option<u64>,
    /// What was seen of the cluster form on the way, if it was the short way.
    pub seen: Option<Seen>,
}

/// Append the normalised form of the serialised URL `text`.
///
/// # Errors
/// [`UrlReason::Host`] (P5), or [`UrlReason::Scheme`] if the text is not http(s) nor an ftp that
/// the rules allow; `out` is then as it was.
pub(super) fn append_url(
    choice: Choice,
    text: &[u8],
    rules: &Rules,
    out: &mut Vec<u8>,
) -> Result<Written, UrlReason> {
    let ftp = || (rules.ftp && text.starts_with(FTP)).then_some(FTP.len());
    let scheme = scheme_length(text).or_else(ftp).ok_or(UrlReason::Scheme)?;
    let (scheme, rest) = text.split_at_checked(scheme).ok_or(UrlReason::Scheme)?;
    let authority_length = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    let authority = rest.get(..authority_length).ok_or(UrlReason::Host)?;
    let (host_and_port, flags) = drop_userinfo(authority);
    let (host, port) = split_port(host_and_port);
    let host = check_host(host)?;
    let start = out.len();
    out.extend_from_slice(scheme);
    let host_start = out.len();
    out.extend_from_slice(host.bytes);
    let host_end = out.len();
    out.extend_from_slice(port);
    let path = out.len();
    let port_flag = if port.is_empty() { UrlFlags::empty() } else { UrlFlags::HAS_PORT };
    let mut written = Written {
        url: start..path,
        host: host_start..host_end,
        path,
        query: path,
        fragment: path,
        flags: host.flags | flags | port_flag,
        host_hash: None,
        seen: None,
    };
    let read = scheme.len() + authority_length;
    dispatch(choice, Pass { text, part: Part::Path, read, rules, out, written: &mut written });
    written.flags = written.flags.without(UrlFlags::NEEDS_PARSER);
    Ok(written)
}

/// The pass over the rest of a text, of which all before was written.
pub(super) struct Pass<'a> {
    pub text: &'a [u8],
    /// What the rest begins with.
    pub part: Part,
    /// Where in the text it begins.
    pub read: usize,
    pub rules: &'a Rules,
    pub out: &'a mut Vec<u8>,
    pub written: &'a mut Written,
}

impl Task for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        append_tail(lanes, &Text(self.text), self.part, self.read, self.rules, self.out, self.written);
    }
}

/// Where in a URL the pass goes on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// In the path or at its beginning.
    Path,
    /// At the beginning of a pair, which is that parameter, if it is known to be one; neither it nor its separator
    /// was written.
    Query(Option<&'static Parameter>),
}

/// Go on with a URL of which the text up to `read`, which is in that part, was written, to its end.
#[inline(always)]
fn append_tail<L: Lanes>(
    lanes: L,
    text: &Text<'_>,
    part: Part,
    mut read: usize,
    rules: &Rules,
    out: &mut Vec<u8>,
    written: &mut Written,
) {
    let flags = &mut written.flags;
    let query = match part {
        Part::Query(first) => Some((read, first)),
        Part::Path => {
            if out.len() == written.path && text.byte(read) != b'/' {
                out.push(b'/');
            }
            read = append_path(lanes, text, read, written.path, rules, out, flags);
            written.query = out.len();
            (text.byte(read) == b'?').then_some((read + 1, None))
        }
    };
    if let Some(query) = query {
        read = append_query(lanes, text, query, written.query, rules, out, flags);
    }
    written.fragment = out.len();
    if text.byte(read) == b'#' {
        append_fragment(text.0.get(read..).unwrap_or_default(), rules, out, flags);
    }
    written.url.end = out.len();
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
