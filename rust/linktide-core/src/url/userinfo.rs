//! Long user names and passwords. ada encodes them letter by letter and appends to the URL at each `@`, which takes
//! milliseconds for a long one; and the policy drops them anyway (P8).

use std::borrow::Cow;
use std::ops::Range;

use super::scheme::{is_special, scheme_of};

/// A longer one is kept from the parser.
const LONG_USER_BYTES: usize = 64;
/// Stands for any user name, for the policy notes that there was one.
const SOME_USER: &str = "u";

/// What is wanted of user name and password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// All of it, as the parser writes it.
    Kept,
    /// Only whether there is any.
    Dropped,
}

/// The text, which is parsed against that base, so that the parser has little work before its host.
///
/// Of a long user name one letter is left if it is dropped later. If not, every `@` in it is written as the parser
/// writes it, so that it meets one alone.
pub(super) fn with_short_user<'t>(text: &'t str, base: Option<&str>, user: User) -> Cow<'t, str> {
    if text.len() <= LONG_USER_BYTES || !text.as_bytes().contains(&b'@') {
        return text.into();
    }
    let short = authority(text, base).and_then(|authority| {
        let start = authority.start;
        let length = text.get(authority)?.rfind('@').filter(|&length| length > LONG_USER_BYTES)?;
        let long = text.get(start..start + length)?;
        let new = match user {
            User::Kept => encoded_ats(long),
            User::Dropped if is_empty(long) => return None,
            User::Dropped => SOME_USER.to_owned(),
        };
        Some([text.get(..start)?, &new, text.get(start + length..)?].concat())
    });
    short.map_or(text.into(), Cow::Owned)
}

/// Whether the parser sees neither name nor password.
fn is_empty(user: &str) -> bool {
    let mut seen = user.bytes().filter(|byte| !matches!(byte, b'\t' | b'\n' | b'\r'));
    matches!((seen.next(), seen.next()), (None | Some(b':'), None))
}

fn encoded_ats(user: &str) -> String {
    let mut new = String::with_capacity(3 * user.len());
    for letter in user.chars() {
        match letter {
            '@' => new.push_str("%40"),
            _ => new.push(letter),
        }
    }
    new
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

    fn short(text: &str, base: Option<&str>, user: User) -> String {
        with_short_user(text, base, user).into_owned()
    }

    #[test]
    fn long_users_are_found_where_the_parser_reads_them() {
        let long = "a@b:@".repeat(14);
        for (text, base, dropped) in [
            ("http://{}@h/@e@", None, "http://u@h/@e@"),
            ("http:\t\\{}@h?@@", None, "http:\t\\u@h?@@"),
            ("http:{}@h", None, "http:u@h"),
            ("http:{}@h", Some("http://x"), "http:{}@h"),
            ("http:{}@h", Some("https://x"), "http:u@h"),
            ("http:\\/{}@h", Some("http://x"), "http:\\/u@h"),
            (" //{}@h", Some("http://x"), " //u@h"),
            (" /\\{}@h", Some("http://x"), " /\\u@h"),
            (" /\\{}@h", Some("foo://x"), " /\\{}@h"),
            ("//{}@h", None, "//{}@h"),
            ("foo:{}@c", None, "foo:{}@c"),
            ("foo://{}@c\\@d", None, "foo://u@d"),
            ("foo:///{}@c", None, "foo:///{}@c"),
            ("file://{}@c", None, "file://{}@c"),
            ("http://a@h/{}@d", None, "http://a@h/{}@d"),
        ] {
            let (text, dropped) = (text.replace("{}", &long), dropped.replace("{}", &long));
            assert_eq!(short(&text, base, User::Dropped), dropped, "{text} on {base:?}");
            assert_eq!(short(&text, base, User::Kept) != text, dropped != text, "{text} on {base:?}");
        }
        let text = format!("http://{long}@h/@");
        let wanted = format!("http://{}@h/@", long.replace('@', "%40"));
        assert_eq!(short(&text, None, User::Kept), wanted);
        let nobody = format!("http://{}:@h", "\t".repeat(100));
        assert_eq!(short(&nobody, None, User::Dropped), nobody);
    }

    proptest! {
        #[test]
        fn the_parser_reads_the_same(
            head in r"(http|https|HTTP|foo|file|ws| )?:?[/\\\t ]{0,4}",
            user in r"[a:@%\n é|]{0,3}",
            count in 1..70_usize,
            rest in r"[a:@%40/?#\\\n é.]{0,24}",
            base in prop::option::of(prop::sample::select(vec!["http://x/y/z", "https://u@x", "foo://x/y", "file:///x", "foo:x"])),
        ) {
            let text = head + &user.repeat(count) + &rest;
            let parsed = |text: &str| Url::parse(text, base).ok();
            let wanted = parsed(&text);
            let kept = parsed(&short(&text, base, User::Kept));
            prop_assert_eq!(wanted.as_ref().map(Url::href), kept.as_ref().map(Url::href), "{:?} on {:?}", text, base);
            let anonymous = |url: Option<Url>| url.map(|mut url| {
                let had = url.has_credentials();
                let _ = (url.set_username(None), url.set_password(None));
                (had, url.href().to_owned())
            });
            let dropped = parsed(&short(&text, base, User::Dropped));
            prop_assert_eq!(anonymous(wanted), anonymous(dropped), "{:?} on {:?}", text, base);
        }
    }
}
