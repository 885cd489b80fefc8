//! Values of fields, checked against what the contract says they may be.

use std::borrow::Cow;

use super::fields::{AttributeField, COUNT, Shape};
use super::json::{Kind, Raw, Scanner};
use super::number::scaled;
use super::reason::{Rejection, missing, wrong_type, wrong_value};
use super::text::{push_string, unescape};

/// A string; null is `None`.
pub(super) fn optional_text<'a>(field: &str, raw: Raw<'a>) -> Result<Option<Cow<'a, str>>, Rejection> {
    match raw.kind {
        Kind::Null => Ok(None),
        Kind::Plain | Kind::Escaped => Ok(Some(unescape(raw))),
        _ => Err(wrong_type(field, raw, "a string")),
    }
}

/// A string with something in it.
pub(super) fn required_text<'a>(field: &str, raw: Raw<'a>) -> Result<Cow<'a, str>, Rejection> {
    let text = optional_text(field, raw)?.unwrap_or_default();
    // White space alone would resolve to the source page itself, which nobody means.
    if text.trim_ascii().is_empty() { Err(missing(field)) } else { Ok(text) }
}

/// A string or an integer from 0, as text; null is `None`.
pub(super) fn optional_id<'a>(field: &str, raw: Raw<'a>) -> Result<Option<Cow<'a, str>>, Rejection> {
    if raw.is_null() { Ok(None) } else { text_or_count(field, raw).map(Some) }
}

/// true or false; null is `None`.
pub(super) fn optional_flag(field: &str, raw: Raw<'_>) -> Result<Option<bool>, Rejection> {
    match raw.kind {
        Kind::Null => Ok(None),
        Kind::True => Ok(Some(true)),
        Kind::False => Ok(Some(false)),
        _ => Err(wrong_type(field, raw, "true or false")),
    }
}

/// An integer from 0 that must be there.
pub(super) fn required_count(field: &str, raw: Raw<'_>) -> Result<u64, Rejection> {
    match (raw.kind, COUNT) {
        (Kind::Null, _) => Err(missing(field)),
        (Kind::Number, Shape::UpTo(most)) => {
            let digits = integer(field, raw, most)?;
            digits.parse().map_err(|_| wrong_value(field, raw.text, "an integer from 0"))
        }
        _ => Err(wrong_type(field, raw, "an integer")),
    }
}

/// The canonical text of an attribute's value: equal values give equal bytes.
pub(super) fn attribute_text(field: AttributeField, raw: Raw<'_>) -> Result<Cow<'_, str>, Rejection> {
    let name = field.as_str();
    match (field.shape(), raw.kind) {
        (Shape::Text, Kind::Plain | Kind::Escaped) => Ok(unescape(raw)),
        (Shape::Text, _) => Err(wrong_type(name, raw, "a string")),
        (Shape::Flag, Kind::True | Kind::False) => Ok(Cow::Borrowed(raw.text)),
        (Shape::Flag, _) => Err(wrong_type(name, raw, "true or false")),
        (Shape::UpTo(most), Kind::Number) => integer(name, raw, most),
        (Shape::UpTo(_), _) => Err(wrong_type(name, raw, "an integer")),
        (Shape::TextOrCount, _) => text_or_count(name, raw),
        (Shape::Texts, Kind::Array) => texts(name, raw).map(Cow::Owned),
        (Shape::Texts, _) => Err(wrong_type(name, raw, "an array of strings")),
    }
}

fn text_or_count<'a>(field: &str, raw: Raw<'a>) -> Result<Cow<'a, str>, Rejection> {
    match (raw.kind, COUNT) {
        (Kind::Plain | Kind::Escaped, _) => Ok(unescape(raw)),
        (Kind::Number, Shape::UpTo(most)) => integer(field, raw, most),
        _ => Err(wrong_type(field, raw, "a string or an integer")),
    }
}

/// An integer in plain digits, however it was written (`200`, `2e2`, `200.0`).
fn integer<'a>(field: &str, raw: Raw<'a>, most: i64) -> Result<Cow<'a, str>, Rejection> {
    let outside = || wrong_value(field, raw.text, &format!("an integer from 0 to {most}"));
    let number = scaled(raw.text, 0).ok_or_else(outside)?;
    if !number.is_exact {
        return Err(wrong_type(field, raw, "an integer"));
    }
    if !(0..=most).contains(&number.value) {
        return Err(outside());
    }
    // JSON allows no leading zeros, so digits alone are the plain form already.
    let is_plain = raw.text.bytes().all(|byte| byte.is_ascii_digit());
    Ok(if is_plain { Cow::Borrowed(raw.text) } else { Cow::Owned(number.value.to_string()) })
}

/// The last of an array of strings that are not blank; an array is checked, another kind is none.
pub(super) fn last_text<'a>(field: &str, raw: Raw<'a>) -> Result<Option<Cow<'a, str>>, Rejection> {
    let mut last = None;
    if raw.kind == Kind::Array {
        let mut scanner = Scanner::new(raw.text);
        let mut is_first = true;
        while let Some(item) = scanner.next_item(is_first)? {
            last = optional_text(field, item)?.filter(|text| !text.trim_ascii().is_empty()).or(last);
            is_first = false;
        }
    }
    Ok(last)
}

/// An array of strings as JSON without white space, with the shortest escapes.
fn texts(field: &str, raw: Raw<'_>) -> Result<String, Rejection> {
    let mut scanner = Scanner::new(raw.text);
    let mut out = String::with_capacity(raw.text.len());
    out.push('[');
    let mut is_first = true;
    while let Some(item) = scanner.next_item(is_first)? {
        if !matches!(item.kind, Kind::Plain | Kind::Escaped) {
            return Err(wrong_type(field, item, "strings only"));
        }
        if !is_first {
            out.push(',');
        }
        push_string(&mut out, &unescape(item));
        is_first = false;
    }
    out.push(']');
    Ok(out)
}
