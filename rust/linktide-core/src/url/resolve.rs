//! The way to the parser: limits before any work, the base, the scheme that is not there (P3, P26, P27).

use std::borrow::Cow;

use ada_url::Url;

use super::normalizer::MAX_INPUT_BYTES;
use super::options::{AssumedScheme, Level, UrlOptions};
use super::outcome::{UrlFlags, UrlReason};
use super::scheme::{Start, has_special_scheme, host_text_length, is_host_and_port, start_of};
use super::userinfo::{User, with_short_user};

/// A host written longer than this is refused unparsed. 253 bytes of punycode are at most some 250 letters,
/// so 3,000 bytes if each is four triples; and ada's IDNA takes quadratic time on combining marks.
const MAX_HOST_TEXT_BYTES: usize = 3_072;
/// `//host` without a base is read against this one, which gives it https (P3).
const HTTPS_BASE: &str = "https://base.invalid/";

/// The input as text, if it is one and not too long.
pub(super) fn check_input(input: &[u8]) -> Result<&str, UrlReason> {
    if input.len() > MAX_INPUT_BYTES {
        return Err(UrlReason::TooLong);
    }
    std::str::from_utf8(input).map_err(|_| UrlReason::BadUtf8)
}

/// Parse with ada as level and options want it. The URL has a scheme that the policy takes, or the flag
/// `OTHER_SCHEME`.
pub(super) fn parse(
    input: &str,
    base: Option<&str>,
    options: &UrlOptions,
) -> Result<(Url, UrlFlags), UrlReason> {
    let assumed = options.assume_scheme.and_then(|scheme| assume(input, base, scheme, options));
    let (input, base, flags) = match &assumed {
        Some(text) => (text.as_str(), None, UrlFlags::WAS_RELATIVE),
        None => (input, base, UrlFlags::empty()),
    };
    let (url, found) = match options.level {
        Level::Whatwg => parse_any(input, base, options)?,
        _ => parse_web(input, base, options)?,
    };
    Ok((url, flags | found))
}

/// The text with a scheme, if it has none and no base is there to give it one.
fn assume(input: &str, base: Option<&str>, scheme: AssumedScheme, options: &UrlOptions) -> Option<String> {
    let text = input.trim_start_matches(|letter: char| letter <= ' ');
    let rest: Cow<'_, str> = match start_of(input, options.ftp) {
        Start::OtherScheme if is_host_and_port(input) => text.into(),
        Start::Relative | Start::SlashHost if base.is_some_and(|base| is_usable(base, options)) => {
            return None;
        }
        // The slashes may have a TAB or LF between them, which the parser would remove.
        Start::SlashHost => text.trim_start_matches(['/', '\\', '\t', '\n', '\r']).to_owned().into(),
        Start::Relative if !text.is_empty() && !text.starts_with(['/', '\\', '?', '#']) => text.into(),
        _ => return None,
    };
    Some(format!("{}://{rest}", scheme.name()))
}

/// What ada makes of the text. All texts go to ada by this way or the next.
fn parse_text(input: &str, base: Option<&str>, user: User) -> Option<Url> {
    let base = base.map(|base| with_short_user(base, None, user));
    Url::parse(&*with_short_user(input, base.as_deref(), user), base.as_deref()).ok()
}

fn is_url(base: &str) -> bool {
    Url::can_parse(&with_short_user(base, None, User::Dropped), None)
}

fn is_usable(base: &str, options: &UrlOptions) -> bool {
    if options.level == Level::Whatwg {
        return true;
    }
    matches!(start_of(base, options.ftp), Start::Absolute | Start::SchemeOnly)
        && base.len() <= MAX_INPUT_BYTES
        && host_text_length(base) <= MAX_HOST_TEXT_BYTES
        && is_url(base)
}

/// As the WHATWG standard has it, within the limits.
fn parse_any(input: &str, base: Option<&str>, options: &UrlOptions) -> Result<(Url, UrlFlags), UrlReason> {
    let start = start_of(input, options.ftp);
    let has_scheme = !matches!(start, Start::SlashHost | Start::Relative);
    if base.is_some_and(|base| base.len() > MAX_INPUT_BYTES) {
        return Err(UrlReason::TooLong);
    }
    let names_host = start == Start::SlashHost || has_special_scheme(input);
    let is_long = |text: &str| host_text_length(text) > MAX_HOST_TEXT_BYTES;
    if (names_host && is_long(input)) || base.is_some_and(|base| has_special_scheme(base) && is_long(base)) {
        return Err(UrlReason::Host);
    }
    let Some(url) = parse_text(input, base, User::Kept) else {
        return Err(if has_scheme || base.is_some() { UrlReason::Invalid } else { UrlReason::Relative });
    };
    let mut flags = if has_scheme { UrlFlags::empty() } else { UrlFlags::WAS_RELATIVE };
    if start_of(url.href(), options.ftp) != Start::Absolute {
        flags |= UrlFlags::OTHER_SCHEME;
    }
    Ok((url, flags))
}

/// Against the base if the input needs one and it is http(s).
fn parse_web(input: &str, base: Option<&str>, options: &UrlOptions) -> Result<(Url, UrlFlags), UrlReason> {
    let start = start_of(input, options.ftp);
    let needs_base = match start {
        Start::Absolute => false,
        Start::OtherScheme if options.level == Level::Safe => return parse_any(input, None, options),
        Start::OtherScheme => return Err(UrlReason::Scheme),
        Start::SchemeOnly | Start::SlashHost | Start::Relative => true,
    };
    if start != Start::Relative && host_text_length(input) > MAX_HOST_TEXT_BYTES {
        return Err(UrlReason::Host);
    }
    if let Some(base) = base.filter(|_| needs_base) {
        if base.len() > MAX_INPUT_BYTES {
            return Err(UrlReason::TooLong);
        }
        let is_web = matches!(start_of(base, options.ftp), Start::Absolute | Start::SchemeOnly);
        if is_web && host_text_length(base) <= MAX_HOST_TEXT_BYTES {
            if let Some(url) = parse_text(input, Some(base), User::Dropped) {
                return Ok((url, UrlFlags::WAS_RELATIVE));
            }
            if is_url(base) {
                return Err(UrlReason::Invalid);
            }
        }
    }
    let (fallback, flags) = match start {
        Start::Relative => return Err(UrlReason::Relative),
        Start::SlashHost => (Some(HTTPS_BASE), UrlFlags::WAS_RELATIVE),
        _ => (None, UrlFlags::empty()),
    };
    parse_text(input, fallback, User::Dropped).map(|url| (url, flags)).ok_or(UrlReason::Invalid)
}
