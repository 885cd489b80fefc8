//! The cluster form: the aggressive merge that is a second key, never the identity (level C of the table).
//!
//! It is the normalised URL without its scheme (P21), without `www.` or `wwwN.` if a registrable domain
//! remains (P19), with slashes in the path collapsed (P17), without a trailing slash (P18) or an index
//! page (P20), and with the query sorted by name, stable (P16).

use std::cmp::Ordering;

use xxhash_rust::xxh3::xxh3_64;

use super::lanes::{Choice, Lanes, Task, Text, WINDOW, append_run, dispatch};
use super::path::has_pair;

const INDEX_STEMS: [&[u8]; 2] = [b"index", b"default"];
const INDEX_EXTENSIONS: [&[u8]; 6] = [b"html", b"htm", b"php", b"asp", b"aspx", b"jsp"];

/// Buffers kept between calls, so that a cluster form costs no allocation.
pub(super) struct ClusterScratch {
    form: Vec<u8>,
    pairs: Vec<Pair>,
    lanes: Choice,
}

/// The parts of a normalised URL that the cluster form is made of.
pub(super) struct ClusterInput<'u> {
    /// The URL from its host on, without [`www_length`].
    pub text: &'u [u8],
    /// Where the path begins, after host and port.
    pub path: usize,
    /// Where the `?` is, or the length of the text.
    pub query: usize,
}

/// What the short way has seen of the cluster form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Where the path ends in it: it has no double slash, and no index page at its end.
    pub path: usize,
    /// The names in the query certainly are in order.
    pub is_sorted: bool,
}

impl ClusterScratch {
    pub(super) const fn new(lanes: Choice) -> Self {
        Self { form: Vec::new(), pairs: Vec::new(), lanes }
    }

    /// xxh3-64 of the cluster form.
    #[inline(always)]
    pub(super) fn key(&mut self, input: &ClusterInput<'_>, seen: Option<Seen>) -> u64 {
        match seen {
            // Nothing is to be moved: the form is the beginning of the text, or all of it.
            Some(seen) if input.query == input.text.len() => {
                xxh3_64(input.text.get(..seen.path).unwrap_or_default())
            }
            Some(seen) if seen.is_sorted && seen.path == input.query => xxh3_64(input.text),
            _ => self.other_key(input, seen),
        }
    }

    #[inline(never)]
    fn other_key(&mut self, input: &ClusterInput<'_>, seen: Option<Seen>) -> u64 {
        let ClusterInput { text, path, query } = *input;
        let kept = match seen {
            Some(seen) => seen.path,
            None => path + kept_path(text.get(path..query).unwrap_or_default()),
        };
        let has_double_slash = seen.is_none() && has_pair(text.get(path..kept).unwrap_or_default(), *b"//");
        if query == text.len() && !has_double_slash {
            return xxh3_64(text.get(..kept).unwrap_or_default());
        }
        self.split_pairs(text, query);
        let is_sorted = self.pairs.is_sorted_by(|left, right| left.compare(right, text).is_le());
        if is_sorted && kept == query && !has_double_slash {
            return xxh3_64(text);
        }
        self.write(text, path, kept, has_double_slash, is_sorted);
        xxh3_64(&self.form)
    }

    /// The cluster form itself, for level *cluster*, not for keys.
    pub(super) fn form(&mut self, input: &ClusterInput<'_>) -> &[u8] {
        let ClusterInput { text, path, query } = *input;
        let kept = path + kept_path(text.get(path..query).unwrap_or_default());
        self.split_pairs(text, query);
        self.write(text, path, kept, true, false);
        &self.form
    }

    fn split_pairs(&mut self, text: &[u8], query: usize) {
        self.pairs.clear();
        if query < text.len() {
            dispatch(self.lanes, Split { text, start: query + 1, pairs: &mut self.pairs });
        }
    }

    fn write(&mut self, text: &[u8], path: usize, kept: usize, has_double_slash: bool, is_sorted: bool) {
        let form = &mut self.form;
        form.clear();
        if has_double_slash {
            form.extend_from_slice(text.get(..path).unwrap_or_default());
            for &byte in text.get(path..kept).unwrap_or_default() {
                if byte != b'/' || form.len() == path || form.last() != Some(&b'/') {
                    form.push(byte);
                }
            }
        } else {
            form.extend_from_slice(text.get(..kept).unwrap_or_default());
        }
        if !is_sorted {
            // Sorting by name, then place is stable and, unlike `sort_by`, never allocates.
            if self.pairs.iter().any(|pair| pair.may_be_longer()) {
                self.pairs.sort_unstable_by(|left, right| left.compare(right, text));
            } else {
                self.pairs.sort_unstable();
            }
        }
        let query = form.len();
        for pair in &self.pairs {
            form.push(b'&');
            append_run(&Text(text), pair.start(), pair.end(), form);
        }
        if let Some(first) = form.get_mut(query) {
            *first = b'?';
        }
    }
}

/// A pair of a query in one number: the first eight bytes of its name, where it begins, where it ends. So numbers
/// sort as names do, and pairs of one name by their place, unless names are longer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair(u128);

impl Pair {
    fn new(text: &[u8], start: usize, end: usize, name: usize) -> Self {
        let bytes = text.get(start..).unwrap_or_default();
        let head = match bytes.first_chunk() {
            Some(bytes) => u64::from_be_bytes(*bytes),
            None => bytes.iter().rev().fold(0, |head, &byte| head >> 8 | u64::from(byte) << 56),
        };
        let length = name - start;
        let behind = u64::MAX.checked_shr(8 * length as u32).unwrap_or(0);
        Self(u128::from(head & !behind) << 64 | u128::from(start as u32) << 32 | u128::from(end as u32))
    }

    const fn start(self) -> usize {
        (self.0 >> 32) as u32 as usize
    }

    const fn end(self) -> usize {
        self.0 as u32 as usize
    }

    /// Whether the number may not hold all of the name. There is no NUL in a URL.
    const fn may_be_longer(self) -> bool {
        (self.0 >> 64) as u8 != 0
    }

    /// The order of the names, then of the places.
    #[inline(always)]
    fn compare(&self, other: &Self, text: &[u8]) -> Ordering {
        if self.0 >> 64 != other.0 >> 64 || !self.may_be_longer() {
            return self.cmp(other);
        }
        let rest = |pair: &Self| {
            let rest = text.get(pair.start() + size_of::<u64>()..pair.end()).unwrap_or_default();
            let length = rest.iter().position(|&byte| byte == b'=').unwrap_or(rest.len());
            rest.get(..length).unwrap_or_default()
        };
        rest(self).cmp(rest(other)).then_with(|| self.cmp(other))
    }
}

/// Find the pairs of a query that begins at `start`.
struct Split<'a> {
    text: &'a [u8],
    start: usize,
    pairs: &'a mut Vec<Pair>,
}

impl Task for Split<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { text, mut start, pairs } = self;
        let (mut at, mut name) = (start, None);
        while at < text.len() {
            let window = Text(text).window(lanes, at);
            let separators = window.equal(b'&');
            let mut marks = separators | window.equal(b'=');
            while marks != 0 {
                let place = at + marks.trailing_zeros() as usize;
                if separators & marks & marks.wrapping_neg() == 0 {
                    name = name.or(Some(place));
                } else {
                    pairs.push(Pair::new(text, start, place, name.unwrap_or(place)));
                    (start, name) = (place + 1, None);
                }
                marks &= marks - 1;
            }
            at += WINDOW;
        }
        if start < text.len() {
            pairs.push(Pair::new(text, start, text.len(), name.unwrap_or(text.len())));
        }
    }
}

/// Length of all leading `www.` and `wwwN.` of what lies before the registrable domain of a host. All, for the
/// form of a form must be that form.
pub(super) fn www_length(before: &[u8]) -> usize {
    let mut length = 0;
    while let Some(rest) = before.get(length..).and_then(|rest| rest.strip_prefix(b"www")) {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if rest.get(digits) != Some(&b'.') {
            break;
        }
        length += 3 + digits + 1;
    }
    length
}

/// How much of the path stays when trailing slashes and index pages are taken off its end.
fn kept_path(path: &[u8]) -> usize {
    let mut kept = path;
    loop {
        let slashes = kept.iter().rev().take_while(|&&byte| byte == b'/').count();
        kept = kept.get(..kept.len() - slashes).unwrap_or_default();
        let Some(slash) = kept.iter().rposition(|&byte| byte == b'/') else { return kept.len() };
        if !kept.get(slash + 1..).is_some_and(is_index_page) {
            return kept.len();
        }
        kept = kept.get(..slash).unwrap_or_default();
    }
}

fn is_index_page(segment: &[u8]) -> bool {
    let Some(dot) = segment.iter().position(|&byte| byte == b'.') else { return false };
    let (stem, extension) = segment.split_at_checked(dot).unwrap_or_default();
    let is_one_of = |list: &[&[u8]], part: &[u8]| list.iter().any(|name| name.eq_ignore_ascii_case(part));
    is_one_of(&INDEX_STEMS, stem) && is_one_of(&INDEX_EXTENSIONS, extension.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(host: &str, domain: &str, tail: &str) -> u64 {
        let www = www_length(&host.as_bytes()[..host.len() - domain.len()]);
        let text = format!("{}{tail}", &host[www..]);
        let input = ClusterInput {
            text: text.as_bytes(),
            path: text.find('/').unwrap(),
            query: text.find('?').unwrap_or(text.len()),
        };
        ClusterScratch::new(Choice::best()).key(&input, None)
    }

    #[test]
    fn forms_are_as_the_table_says() {
        for (tail, form) in [
            ("/", "a.com"),
            ("//", "a.com"),
            ("/b/", "a.com/b"),
            ("/b//c///", "a.com/b/c"),
            ("/index.html", "a.com"),
            ("/b/Default.ASPX", "a.com/b"),
            ("/b/index.php/", "a.com/b"),
            ("/index.php?b=1", "a.com?b=1"),
            ("/b/?y=1&x=2&y=0", "a.com/b?x=2&y=1&y=0"),
            ("/b?x=1&x", "a.com/b?x=1&x"),
            ("/b?y//=/&x", "a.com/b?x&y//=/"),
            ("/index.html.en", "a.com/index.html.en"),
            ("/index", "a.com/index"),
            (":81/b/", "a.com:81/b"),
        ] {
            assert_eq!(key("a.com", "a.com", tail), xxh3_64(form.as_bytes()), "{tail}");
        }
    }

    #[test]
    fn www_goes_only_before_a_registrable_domain() {
        for (host, domain, form) in [
            ("www.a.com", "a.com", "a.com"),
            ("www12.a.com", "a.com", "a.com"),
            ("www.b.a.com", "a.com", "b.a.com"),
            ("www.com", "www.com", "www.com"),
            ("www.github.io", "www.github.io", "www.github.io"),
            ("wwwx.a.com", "a.com", "wwwx.a.com"),
            ("www.www.com", "www.com", "www.com"),
            ("www.www2.a.com", "a.com", "a.com"),
            ("www.wwwx.a.com", "a.com", "wwwx.a.com"),
        ] {
            assert_eq!(key(host, domain, "/"), xxh3_64(form.as_bytes()), "{host}");
        }
    }

    proptest! {
        #[test]
        fn order_of_distinct_names_and_trailing_slash_do_not_matter(mut names in prop::collection::hash_set("[a-e]{1,3}", 1..6)) {
            let forward: Vec<String> = names.drain().collect();
            let mut backward = forward.clone();
            backward.reverse();
            let left = key("a.com", "a.com", &format!("/b//c/?{}", forward.join("&")));
            prop_assert_eq!(left, key("a.com", "a.com", &format!("/b/c?{}", backward.join("&"))));
        }
    }
}
