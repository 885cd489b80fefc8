//! The cluster form: the aggressive merge that is a second key, never the identity (level C of the table).
//!
//! It is the normalised URL without its scheme (P21), without `www.` or `wwwN.` if a registrable domain
//! remains (P19), with slashes in the path collapsed (P17), without a trailing slash (P18) or an index
//! page (P20), and with the query sorted by name, stable (P16).

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use super::path::has_pair;

const INDEX_STEMS: [&[u8]; 2] = [b"index", b"default"];
const INDEX_EXTENSIONS: [&[u8]; 6] = [b"html", b"htm", b"php", b"asp", b"aspx", b"jsp"];

/// Buffers kept between calls, so that a cluster form costs no allocation.
#[derive(Default)]
pub(super) struct ClusterScratch {
    form: Vec<u8>,
    pairs: Vec<Range<usize>>,
}

/// The parts of a normalised URL that the cluster form is made of.
pub(super) struct ClusterInput<'u> {
    /// The URL from its host on.
    pub text: &'u [u8],
    /// Where in the host the registrable domain begins.
    pub domain: usize,
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
    /// xxh3-64 of the cluster form.
    pub(super) fn key(&mut self, input: &ClusterInput<'_>, seen: Option<Seen>) -> u64 {
        let www = www_length(input);
        if let Some(seen) = seen.filter(|seen| seen.is_sorted) {
            return self.seen_key(input, seen, www);
        }
        self.other_key(input, seen, www)
    }

    /// Nothing is to be moved: the form is the text, or the text less a slash before its query.
    #[inline(always)]
    fn seen_key(&mut self, input: &ClusterInput<'_>, seen: Seen, www: usize) -> u64 {
        let head = input.text.get(www..seen.path).unwrap_or_default();
        let query = input.text.get(input.query..).unwrap_or_default();
        if query.is_empty() {
            return xxh3_64(head);
        }
        if seen.path == input.query {
            return xxh3_64(input.text.get(www..).unwrap_or_default());
        }
        self.form.clear();
        self.form.extend_from_slice(head);
        self.form.extend_from_slice(query);
        xxh3_64(&self.form)
    }

    #[inline(never)]
    fn other_key(&mut self, input: &ClusterInput<'_>, seen: Option<Seen>, www: usize) -> u64 {
        let text = input.text.get(www..).unwrap_or_default();
        let (path, query) = (input.path - www, input.query - www);
        let kept = match seen {
            Some(seen) => seen.path - www,
            None => path + kept_path(text.get(path..query).unwrap_or_default()),
        };
        let has_double_slash = seen.is_none() && has_pair(text.get(path..kept).unwrap_or_default(), *b"//");
        self.split_pairs(text, query);
        let is_contiguous = kept == query || query == text.len();
        if is_contiguous && !has_double_slash && self.is_sorted(text) {
            let end = if query == text.len() { kept } else { text.len() };
            return xxh3_64(text.get(..end).unwrap_or_default());
        }
        self.write(text, path, kept);
        xxh3_64(&self.form)
    }

    /// The cluster form itself, and how many bytes of `www.` it lacks; for level *cluster*, not for keys.
    pub(super) fn form(&mut self, input: &ClusterInput<'_>) -> (&[u8], usize) {
        let www = www_length(input);
        let text = input.text.get(www..).unwrap_or_default();
        let (path, query) = (input.path - www, input.query - www);
        let kept = path + kept_path(text.get(path..query).unwrap_or_default());
        self.split_pairs(text, query);
        self.write(text, path, kept);
        (&self.form, www)
    }

    fn split_pairs(&mut self, text: &[u8], query: usize) {
        self.pairs.clear();
        let mut start = query + 1;
        while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
            let length = rest.iter().position(|&byte| byte == b'&').unwrap_or(rest.len());
            self.pairs.push(start..start + length);
            start += length + 1;
        }
    }

    fn is_sorted(&self, text: &[u8]) -> bool {
        self.pairs.is_sorted_by(|left, right| name(text, left) <= name(text, right))
    }

    fn write(&mut self, text: &[u8], path: usize, kept: usize) {
        self.form.clear();
        self.form.extend_from_slice(text.get(..path).unwrap_or_default());
        for &byte in text.get(path..kept).unwrap_or_default() {
            if byte != b'/' || self.form.len() == path || self.form.last() != Some(&b'/') {
                self.form.push(byte);
            }
        }
        // Sorting by name, then place is stable and, unlike `sort_by`, never allocates.
        self.pairs.sort_unstable_by(|left, right| {
            name(text, left).cmp(name(text, right)).then(left.start.cmp(&right.start))
        });
        for (index, pair) in self.pairs.iter().enumerate() {
            self.form.push(if index == 0 { b'?' } else { b'&' });
            self.form.extend_from_slice(text.get(pair.clone()).unwrap_or_default());
        }
    }
}

fn name<'u>(text: &'u [u8], pair: &Range<usize>) -> &'u [u8] {
    let pair = text.get(pair.clone()).unwrap_or_default();
    pair.split(|&byte| byte == b'=').next().unwrap_or_default()
}

/// Length of all leading `www.` and `wwwN.` that lie wholly before the registrable domain. All, for the
/// form of a form must be that form.
fn www_length(input: &ClusterInput<'_>) -> usize {
    let before = input.text.get(..input.domain).unwrap_or_default();
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
        let text = format!("{host}{tail}");
        let input = ClusterInput {
            text: text.as_bytes(),
            domain: host.len() - domain.len(),
            path: text.find('/').unwrap(),
            query: text.find('?').unwrap_or(text.len()),
        };
        ClusterScratch::default().key(&input, None)
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
