//! Text out of JSON strings and into them.
//!
//! Half a surrogate pair (`"\ud83d"`, what a snippet cut inside an emoji looks like) is no character. It becomes
//! U+FFFD wherever it stands, as in a browser's URLs: refusing the message would lose an event for the sake of one
//! character, and keeping it would make `extra` a text that `DuckDB` refuses to read as JSON.

use std::borrow::Cow;

use super::json::{Kind, Raw, plain_run, unicode_escape};

/// The text of a JSON string; borrowed unless it holds an escape.
pub(super) fn unescape(raw: Raw<'_>) -> Cow<'_, str> {
    if raw.kind == Kind::Escaped {
        Cow::Owned(unescape_inner(raw.inner()))
    } else {
        Cow::Borrowed(raw.inner())
    }
}

fn unescape_inner(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, after)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut characters = after.chars();
        let mut taken = 1;
        match characters.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let (character, length) = unicode_escape(characters.as_str().as_bytes()).unwrap_or((None, 0));
                out.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
                taken += length;
            }
            other => out.extend(other),
        }
        rest = after.get(taken..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Appends `text` as a JSON string, with the shortest escapes and no more of them than JSON asks for.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let (plain, rest) = text.split_at_checked(plain_run(text.as_bytes())).unwrap_or(("", text));
    out.push_str(plain);
    for character in rest.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => {
                const DIGITS: [char; 16] =
                    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
                let code = character as usize;
                out.push_str("\\u00");
                out.extend(DIGITS.get(code >> 4));
                out.extend(DIGITS.get(code & 15));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Appends JSON that was checked before, with every half of a surrogate pair replaced.
pub(super) fn push_repaired(out: &mut String, json: &str) {
    let mut rest = json;
    while let Some((plain, after)) = rest.split_once('\\') {
        out.push_str(plain);
        let (escape, length) = match after.as_bytes().split_first() {
            Some((b'u', hex)) => match unicode_escape(hex) {
                Some((None, length)) => ("ufffd", length + 1),
                Some((Some(_), length)) => ("", length + 1),
                None => ("", 1),
            },
            _ => ("", 1),
        };
        out.push('\\');
        out.push_str(if escape.is_empty() { after.get(..length).unwrap_or_default() } else { escape });
        rest = after.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
}
