//! The path: percent normalisation (P9) and session ids that servers write into paths (P12).

use super::options::Rules;
use super::outcome::UrlFlags;
use super::percent::{PATH_STOP, push_percent, push_stopped, run_length};

const SESSION_PARAMETER: &[u8] = b";jsessionid=";
/// ASP.NET writes its cookieless session as a segment `(S(…))` of so many letters and digits.
const ASP_NET_BYTES: usize = 24;

/// Append the path at the start of `tail`, up to `?`, `#` or the end; returns how many bytes were read.
pub(super) fn append_path(tail: &[u8], rules: &Rules, out: &mut Vec<u8>, flags: &mut UrlFlags) -> usize {
    let start = out.len();
    let mut may_hold_session = false;
    let mut read = 0;
    while let Some(rest) = tail.get(read..) {
        let (run, stopped) = rest.split_at(run_length(rest, PATH_STOP));
        out.extend_from_slice(run);
        read += run.len();
        match stopped.first() {
            None | Some(b'?' | b'#') => break,
            Some(b'%') => read += push_percent(stopped, out, flags),
            Some(&byte) => {
                may_hold_session |= matches!(byte, b';' | b'(');
                push_stopped(byte, out, flags);
                read += 1;
            }
        }
        // Perhaps a dot segment, written plainly or as `%2e`: the parser resolves those.
        if out.ends_with(b"/.") {
            *flags |= UrlFlags::NEEDS_PARSER;
        }
    }
    if may_hold_session && rules.drops_marks && drop_sessions(out, start) {
        *flags |= UrlFlags::HAD_SESSION;
    }
    read
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
    use super::*;

    fn path(text: &str) -> String {
        let mut out = b"kept".to_vec();
        append_path(text.as_bytes(), &Rules::default(), &mut out, &mut UrlFlags::empty());
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
            assert_eq!(append_path(text.as_bytes(), &Rules::default(), &mut out, &mut UrlFlags::empty()), 2);
            assert_eq!(out, b"/a");
        }
    }
}
