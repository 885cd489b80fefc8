//! What the store keeps of an event as JSON text, written and read back.

use std::borrow::Cow;

use super::decode::attributes;
use super::fields::AttributeField;
use super::json::Scanner;
use super::message::Message;
use super::text::{push_string, unescape};

/// The attributes in a stored `extra` object, as [`super::decode`] gave them; none if the text is not such an object.
#[must_use]
pub fn attributes_of(extra: &str) -> Vec<(AttributeField, Cow<'_, str>)> {
    Message::scan(extra).and_then(|message| attributes(&message)).unwrap_or_default()
}

/// The names and texts of a stored object, as [`json_object`] wrote it; none if it is no such object.
#[must_use]
pub fn texts_of(json: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let mut scanner = Scanner::new(json);
    let mut texts = Vec::new();
    if scanner.open_object() {
        while let Ok(Some((name, text))) = scanner.next_field(texts.is_empty()) {
            texts.push((unescape(name), unescape(text)));
        }
    }
    texts
}

/// A JSON object of names and texts, in the order given.
#[must_use]
pub fn json_object(fields: &[(&str, &str)]) -> String {
    let mut out = String::from("{");
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(&mut out, name);
        out.push(':');
        push_string(&mut out, value);
    }
    out.push('}');
    out
}
