//! User names with many `@`: ada appends to the URL at each of them, which takes milliseconds for a long one.
//!
//! The WHATWG parser writes every `@` of user name and password as `%40`, but for the last, which ends them. Written
//! so beforehand, the text means the same and the parser meets one `@` at most.

use std::borrow::Cow;
use std::ops::Range;

use super::scheme::{is_special, scheme_of};

const AT: u8 = b'@';

/// The text, which is parsed against that base, with one `@` at most before its host.
pub(super) fn with_one_at<'t>(text: &'t str, base: Option<&str>) -> Cow<'t, str> {
    let ats = text.bytes().filter(|&byte| byte == AT).count();
    if ats < 2 {
        return text.into();
    }
    let split = authority(text, base).and_then(|authority| {
        let last = authority.start + text.get(authority.clone())?.rfind('@')?;
        let user = text.get(authority.start..last).filter(|user| user.contains('@'))?;
        Some([text.get(..authority.start)?, &user.replace('@', "%40"), text.get(last..)?].concat())
    });
    split.map_or(text.into(), Cow::Owned)
}

/// Where the parser reads user information, host and port; `None` if it reads none, or is too odd to tell.
fn authority(text: &str, base: Option<&str>) -> Option<Range<usize>> {
    let scheme = scheme_of(text);
    let base = base.and_then(scheme_of);
    let rules = scheme.or(base)?;
    // A file has a host, but no user.
    if rules.is("file") {
        return None;
    }
    let is_special = is_special(&rules);
    let is_slash = |byte: u8| byte == b'/' || (is_special && byte == b'\\');
    let after_scheme = if scheme.is_some() { text.find(':')? + 1 } else { 0 };
    let (mut start, mut slashes) = (text.len(), 0);
    for (at, byte) in text.bytes().enumerate().skip(after_scheme) {
        let is_before = slashes == 0 && scheme.is_none() && byte <= b' ';
        let is_skipped = matches!(byte, b'\t' | b'\n' | b'\r') || is_before;
        if is_slash(byte) && (is_special || slashes < 2) {
            slashes += 1;
        } else if !is_skipped {
            start = at;
            break;
        }
    }
    // A special scheme needs no slashes, unless it is the base's: then what follows is a path.
    let needs_none = is_special && scheme.is_some() && scheme != base;
    if slashes < 2 && !needs_none {
        return None;
    }
    let is_end = |byte: u8| matches!(byte, b'/' | b'?' | b'#') || is_slash(byte);
    let rest = text.as_bytes().get(start..)?;
    let length = rest.iter().position(|&byte| is_end(byte)).unwrap_or(rest.len());
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use ada_url::Url;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_at_is_left_before_the_host() {
        for (text, base, wanted) in [
            ("http://a@b@c:d@h/@e@", None, "http://a%40b%40c:d@h/@e@"),
            ("http:\t\\@@h?@@", None, "http:\t\\%40@h?@@"),
            ("http:a@b@h", None, "http:a%40b@h"),
            ("http:a@b@h", Some("http://x"), "http:a@b@h"),
            ("http:a@b@h", Some("https://x"), "http:a%40b@h"),
            ("http:\\/a@b@h", Some("http://x"), "http:\\/a%40b@h"),
            (" //a@b@h", Some("http://x"), " //a%40b@h"),
            (" /\\a@b@h", Some("foo://x"), " /\\a@b@h"),
            ("//a@b@h", None, "//a@b@h"),
            ("foo:a@b@c", None, "foo:a@b@c"),
            ("foo://a@b@c\\@d", None, "foo://a%40b%40c\\@d"),
            ("foo:///a@b@c", None, "foo:///a@b@c"),
            ("file://a@b@c", None, "file://a@b@c"),
            ("http://a@h/b@c@d", None, "http://a@h/b@c@d"),
        ] {
            assert_eq!(with_one_at(text, base), wanted, "{text} on {base:?}");
        }
    }

    proptest! {
        #[test]
        fn the_parser_reads_the_same(
            head in r"(http|https|HTTP|foo|file|ws| )?:?[/\\\t ]{0,4}",
            rest in r"[a:@%40/?#\\\n é.]{0,24}",
            base in prop::option::of(prop::sample::select(vec!["http://x/y/z", "https://u@x", "foo://x/y", "file:///x", "foo:x"])),
        ) {
            let text = head + &rest;
            let href = |text: &str| Url::parse(text, base).map(|url| url.href().to_owned()).ok();
            let mended = with_one_at(&text, base);
            prop_assert_eq!(href(&text), href(&mended), "{:?} for {:?} on {:?}", mended, text, base);
        }
    }
}
