//! The path: percent normalisation (P9) and session ids that servers write into paths (P12).

use super::lanes::{Lanes, Stops, Text, append_run};
use super::options::Rules;
use super::outcome::UrlFlags;
use super::percent::{PATH_STOP, push_percent, push_stopped};

const SESSION_PARAMETER: &[u8] = b";jsessionid=";
/// ASP.NET writes its cookieless session as a segment `(S(…))` of so many letters and digits.
const ASP_NET_BYTES: usize = 24;

/// Go on with a path that begins at `start` in `out`, reading the text from `read` on up to `?`, `#` or the
/// end; returns where that is.
#[inline(always)]
pub(super) fn append_path<L: Lanes>(
    lanes: L,
    text: &Text<'_>,
    mut read: usize,
    start: usize,
    rules: &Rules,
    out: &mut Vec<u8>,
    flags: &mut UrlFlags,
) -> usize {
    let mut stops = Stops::new(lanes, *text, &PATH_STOP, read);
    loop {
        let stop = stops.next(read);
        append_run(text, read, stop, out);
        read = stop;
        let rest = text.0.get(read..).unwrap_or_default();
        match rest.first() {
            None | Some(b'?' | b'#') => break,
            Some(b'%') => read += push_percent(rest, out, flags),
            Some(_) => {
                read += push_stopped(text.0, read, out, flags);
            }
        }
    }
    if out.get(start..).is_some_and(has_dot_segment) {
        *flags |= UrlFlags::NEEDS_PARSER;
    }
    let path = out.get(start..).unwrap_or_default();
    let may_hold_session = path.iter().any(|byte| matches!(byte, b';' | b'('));
    if may_hold_session && rules.drops_marks && drop_sessions(out, start) {
        *flags |= UrlFlags::HAD_SESSION;
    }
    read
}

/// Whether the path has a segment `.` or `..`: the parser resolves those.
pub(super) fn has_dot_segment(path: &[u8]) -> bool {
    has_pair(path, *b"/.")
        && path.split(|&byte| byte == b'/').skip(1).any(|segment| matches!(segment, b"." | b".."))
}

/// Whether the two bytes stand side by side.
#[expect(clippy::needless_bitwise_bool, reason = "without branches many bytes are compared at a time")]
pub(super) fn has_pair(text: &[u8], pair: [u8; 2]) -> bool {
    let next = text.get(1..).unwrap_or_default();
    text.iter().zip(next).fold(false, |found, (&one, &two)| found | ((one == pair[0]) & (two == pair[1])))
}

/// Rewrite the path `out[start..]` in place without session ids; true if there were any.
fn drop_sessions(out: &mut Vec<u8>, start: usize) -> bool {
    let end = out.len();
    let mut writer = Writer { out, write: start };
    let mut read = start;
    while read < end {
        // A segment is read with the slash before it.
        let next = writer.position(b'/', read + 1, end);
        let segment = writer.write;
        writer.keep_parameters(read, next);
        if next < end && is_asp_net_session(writer.out.get(segment..writer.write)) {
            writer.write = segment;
        }
        read = next;
    }
    let length = writer.write;
    out.truncate(length);
    length < end
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    write: usize,
}

impl Writer<'_> {
    fn position(&self, byte: u8, from: usize, end: usize) -> usize {
        let found = self.out.get(from..end).and_then(|text| text.iter().position(|&other| other == byte));
        found.map_or(end, |offset| from + offset)
    }

    /// Keep the segment `out[read..next]` less its session parameters.
    fn keep_parameters(&mut self, mut read: usize, next: usize) {
        let segment = self.write;
        while read < next {
            let end = self.position(b';', read + 1, next);
            // Stripping `/..;jsessionid=X` to `/..` would make a new dot segment.
            let is_dots = matches!(self.out.get(segment..self.write), Some(b"/." | b"/.."));
            if is_dots || !is_session_parameter(self.out.get(read..end)) {
                self.out.copy_within(read..end, self.write);
                self.write += end - read;
            }
            read = end;
        }
    }
}

/// Whether a session id may begin with the `;` or `(` at `at` of a text that no percent sign hides.
pub(super) fn may_be_session(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    is_session_parameter(Some(rest)) || rest.starts_with(b"(S(") || rest.starts_with(b"(s(")
}

fn is_session_parameter(parameter: Option<&[u8]>) -> bool {
    let head = parameter.and_then(|text| text.get(..SESSION_PARAMETER.len()));
    head.is_some_and(|head| head.eq_ignore_ascii_case(SESSION_PARAMETER))
}

fn is_asp_net_session(segment: Option<&[u8]>) -> bool {
    let inner = segment
        .and_then(|text| text.strip_prefix(b"/(S(").or_else(|| text.strip_prefix(b"/(s(")))
        .and_then(|text| text.strip_suffix(b"))"));
    inner.is_some_and(|inner| inner.len() == ASP_NET_BYTES && inner.iter().all(u8::is_ascii_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Portable;
    use super::*;

    fn append(text: &str, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        append_path(
            Portable,
            &Text(text.as_bytes()),
            0,
            start,
            &Rules::default(),
            out,
            &mut UrlFlags::empty(),
        )
    }

    fn path(text: &str) -> String {
        let mut out = b"kept".to_vec();
        append(text, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("kept").unwrap().to_owned()
    }

    #[test]
    fn session_parameters_go_and_others_stay() {
        for (text, wanted) in [
            ("/a;jsessionid=1", "/a"),
            ("/a;JSessionID=1;v=2/b;c", "/a;v=2/b;c"),
            ("/a;v=2;jsessionid=1!5/", "/a;v=2/"),
            ("/;jsessionid=1", "/"),
            ("/a;%6asessionid=1", "/a"),
            ("/a;jsessionid", "/a;jsessionid"),
            ("/a;xjsessionid=1", "/a;xjsessionid=1"),
            ("/..;jsessionid=1/", "/..;jsessionid=1/"),
            ("/.;jsessionid=1;jsessionid=2", "/.;jsessionid=1"),
            ("/(S(abcdefghijklmnopqrstuvwx))/a", "/a"),
            ("/(S(abcdefghijklmnopqrstuvwx));jsessionid=1/a", "/a"),
            ("/(S(abcdefghijklmnopqrstuvwx))", "/(S(abcdefghijklmnopqrstuvwx))"),
            ("/(S(short))/a", "/(S(short))/a"),
            ("/f(x)//g", "/f(x)//g"),
        ] {
            assert_eq!(path(text), wanted, "{text}");
            assert_eq!(path(&path(text)), wanted, "{text} twice");
        }
    }

    #[test]
    fn reading_stops_at_the_query_and_the_fragment() {
        for text in ["/a?b", "/a#b", "/a"] {
            let mut out = Vec::new();
            assert_eq!(append(text, &mut out), 2);
            assert_eq!(out, b"/a");
        }
    }
}
