//! The query: percent normalisation (P9), empty pairs (P15), session and tracking parameters (P13, P14).

use super::lanes::{Lanes, Stops, Text, append_run};
use super::options::Rules;
use super::outcome::UrlFlags;
use super::parameters::{Parameter, ParameterMatch, find_parameter, may_be_dropped};
use super::percent::{QUERY_STOP, is_plain_triple, push_percent, push_stopped};

/// Append the query from the pair on that begins at `read` in the text, up to `#` or the end; returns where that
/// is. That pair is the parameter `found`, if it is known to be one. The `?` is at `start` in `out`, or will be:
/// nothing, not even the `?`, is there if no pair is left.
#[inline(always)]
pub(super) fn append_query<L: Lanes>(
    lanes: L,
    text: &Text<'_>,
    (mut read, mut found): (usize, Option<&'static Parameter>),
    start: usize,
    rules: &Rules,
    out: &mut Vec<u8>,
    flags: &mut UrlFlags,
) -> usize {
    let mut query = QueryWriter::new(start, rules, out, flags);
    let mut stops = Stops::new(lanes, *text, &QUERY_STOP, read);
    loop {
        while text.byte(read) == b'&' {
            read += 1;
        }
        found = found.or_else(|| query.find(text.0, read));
        let skipped = found.and_then(|found| query.skip_pair(text, read, found, &mut stops));
        read = match skipped {
            Some(end) => end,
            None => query.append_pair(text, read, found, &mut stops),
        };
        if text.byte(read) != b'&' {
            break;
        }
        (read, found) = (read + 1, None);
    }
    if query.has_partners {
        query.drop_partners();
    }
    read
}

/// The next place that does not stay as it is, or where the pair ends.
#[inline(always)]
fn next_stop<L: Lanes>(text: &Text<'_>, mut read: usize, stops: &mut Stops<'_, L>) -> usize {
    loop {
        let stop = stops.next(read);
        if text.byte(stop) != b'%' || !is_plain_triple(text.0, stop) {
            return stop;
        }
        read = stop + 3;
    }
}

struct QueryWriter<'o> {
    rules: &'o Rules,
    out: &'o mut Vec<u8>,
    flags: &'o mut UrlFlags,
    /// Where the `?` is.
    start: usize,
    /// Where the separator of the current pair is.
    pair: usize,
    /// The first parameter seen that is dropped only together with a partner.
    partner: Option<&'static str>,
    has_partners: bool,
}

impl<'o> QueryWriter<'o> {
    fn new(start: usize, rules: &'o Rules, out: &'o mut Vec<u8>, flags: &'o mut UrlFlags) -> Self {
        Self { rules, out, flags, start, pair: start, partner: None, has_partners: false }
    }

    /// The parameter to drop that the pair at `read` is, as it is written there.
    #[inline(always)]
    fn find(&self, text: &[u8], read: usize) -> Option<&'static Parameter> {
        if !self.rules.drops_marks || !may_be_dropped(Text(text).three(read)) {
            return None;
        }
        find_parameter(text.get(read..)?)
    }

    /// Where the pair at `read` ends, if it is one to drop that holds nothing to be flagged.
    #[inline(always)]
    fn skip_pair<L: Lanes>(
        &mut self,
        text: &Text<'_>,
        read: usize,
        found: &Parameter,
        stops: &mut Stops<'_, L>,
    ) -> Option<usize> {
        let end = next_stop(text, read, stops);
        let is_end = matches!(text.0.get(end), None | Some(b'&' | b'#'));
        if !is_end || found.compare == ParameterMatch::ExactWithPartner {
            return None;
        }
        *self.flags |= found.kind.flag();
        Some(end)
    }

    /// Append the pair at `read`, if it stays, and return where it ends.
    #[inline(always)]
    fn append_pair<L: Lanes>(
        &mut self,
        text: &Text<'_>,
        mut read: usize,
        mut found: Option<&'static Parameter>,
        stops: &mut Stops<'_, L>,
    ) -> usize {
        self.pair = self.out.len();
        self.out.push(if self.pair == self.start { b'?' } else { b'&' });
        let mut is_as_read = true;
        loop {
            let stop = next_stop(text, read, stops);
            append_run(text, read, stop, self.out);
            read = stop;
            let rest = text.0.get(read..).unwrap_or_default();
            match rest.first() {
                None | Some(b'#' | b'&') => break,
                Some(b'%') => read += push_percent(rest, self.out, self.flags),
                Some(_) => read += push_stopped(text.0, read, self.out, self.flags),
            }
            is_as_read = false;
        }
        if !is_as_read {
            found = self.find(self.out, self.pair + 1);
        }
        self.end_pair(found);
        read
    }

    /// Keep or take back the pair just written, which is that parameter to drop, if any.
    #[inline(always)]
    fn end_pair(&mut self, found: Option<&'static Parameter>) {
        let pair = self.out.get(self.pair + 1..).unwrap_or_default();
        if pair.is_empty() {
            self.out.truncate(self.pair);
            return;
        }
        let Some(found) = found else {
            if self.rules.has_extra_names() && self.rules.drops_also(name_of(pair)) {
                self.out.truncate(self.pair);
                *self.flags |= UrlFlags::HAD_TRACKING;
            }
            return;
        };
        if found.compare == ParameterMatch::ExactWithPartner {
            self.has_partners |= *self.partner.get_or_insert(found.name) != found.name;
            return;
        }
        self.out.truncate(self.pair);
        *self.flags |= found.kind.flag();
    }

    /// `CFID` alone may select content; beside `CFTOKEN` both are a session (P13). Whether the partner
    /// comes is known only at the end, so the pairs kept are swept once more, which is rare.
    #[cold]
    fn drop_partners(&mut self) {
        *self.flags |= UrlFlags::HAD_SESSION;
        let end = self.out.len();
        let (mut read, mut write) = (self.start, self.start);
        while read < end {
            let rest = self.out.get(read + 1..end).unwrap_or_default();
            let length = rest.iter().position(|&byte| byte == b'&').unwrap_or(rest.len());
            let pair = rest.get(..length).unwrap_or_default();
            let is_dropped =
                find_parameter(pair).is_some_and(|row| row.compare == ParameterMatch::ExactWithPartner);
            if !is_dropped {
                self.out.copy_within(read..=read + length, write);
                if let Some(separator) = self.out.get_mut(write) {
                    *separator = if write == self.start { b'?' } else { b'&' };
                }
                write += length + 1;
            }
            read += length + 1;
        }
        self.out.truncate(write);
    }
}

fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|&byte| byte == b'=').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Portable;
    use super::*;

    fn query(text: &str) -> String {
        let mut out = b"kept".to_vec();
        let start = out.len();
        append_query(
            Portable,
            &Text(text.as_bytes()),
            (0, None),
            start,
            &Rules::default(),
            &mut out,
            &mut UrlFlags::empty(),
        );
        String::from_utf8(out).unwrap().strip_prefix("kept").unwrap().to_owned()
    }

    #[test]
    fn pairs_are_kept_in_order_less_the_empty_and_the_marked() {
        let hash = "0123456789abcdef0123456789abcdef";
        for (text, wanted) in [
            ("", ""),
            ("&&", ""),
            ("&b=1&&a&", "?b=1&a"),
            ("b=&b", "?b=&b"),
            ("=", "?="),
            ("utm_source=x&id=1&fbclid", "?id=1"),
            ("id=1&UTM%5Fmedium=x#utm", "?id=1"),
            ("gclid=1", ""),
            ("a[]=%5b%2c+%20", "?a%5B%5D=%5B%2C+%20"),
            ("a='|\\^`{}\"<>", "?a=%27%7C%5C%5E%60%7B%7D%22%3C%3E"),
            ("CFID=1&x=2&CFTOKEN=3&cfid=4", "?x=2"),
            ("cftoken=3&cfid=1", ""),
            ("cfid=1&x=2&cfid=2", "?cfid=1&x=2&cfid=2"),
            ("PHPSESSID=1&ASPSESSIONIDABC=2&jsessionid=3&q=4", "?q=4"),
            (&format!("sid={hash}&s={hash}&sid=5&s=hat"), "?sid=5&s=hat"),
            ("a=b=c&utm=1", "?a=b=c&utm=1"),
        ] {
            assert_eq!(query(text), wanted, "{text}");
            assert_eq!(query(wanted.strip_prefix('?').unwrap_or("")), wanted, "{text} twice");
        }
    }
}
