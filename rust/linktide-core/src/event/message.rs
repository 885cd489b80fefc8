//! The fields of one JSON object, found but not yet read.

use std::borrow::Cow;

use super::fields::{ALIASES, AttributeField, Column};
use super::json::{Kind, Raw, Scanner};
use super::reason::{Reason, Rejection, missing, wrong_type};
use super::text::{push_repaired, push_string, unescape};

/// An object's fields; of a key that comes twice the last value stands. Null is the same as absent, but for unknown
/// fields.
#[derive(Default)]
pub(super) struct Message<'a> {
    columns: [Raw<'a>; Column::ALL.len()],
    attributes: [Raw<'a>; AttributeField::ALL.len()],
    /// Sorted by name, each once.
    unknown: Vec<(Cow<'a, str>, Raw<'a>)>,
    has_lone_surrogate: bool,
}

impl<'a> Message<'a> {
    /// Scans the whole text, so that what is kept of it is known to be JSON.
    pub(super) fn scan(text: &'a str) -> Result<Self, Rejection> {
        let mut scanner = Scanner::new(text);
        if !scanner.open_object() {
            let other = scanner.value(0)?;
            scanner.end()?;
            let detail = format!("the message is {}, wanted an object", other.kind.name());
            return Err(Rejection::new(Reason::NotAnObject, detail));
        }
        let message = Self::fields(&mut scanner)?;
        scanner.end()?;
        Ok(message)
    }

    /// The fields of the object that the scanner has opened.
    pub(super) fn fields(scanner: &mut Scanner<'a>) -> Result<Self, Rejection> {
        let mut message = Self::default();
        let mut is_first = true;
        while let Some((key, value)) = scanner.next_field(is_first)? {
            is_first = false;
            message.put(unescape(key), value);
        }
        // A stable sort of the reversed list puts the last of equal names first, and that one stays.
        message.unknown.reverse();
        message.unknown.sort_by(|(one, _), (two, _)| one.cmp(two));
        message.unknown.dedup_by(|(one, _), (two, _)| one == two);
        message.has_lone_surrogate = scanner.has_lone_surrogate;
        Ok(message)
    }

    fn put(&mut self, key: Cow<'a, str>, value: Raw<'a>) {
        if let Some(column) = Column::parse(&key) {
            self.set(column, value);
        } else if let Some(field) = AttributeField::parse(&key) {
            if let Some(slot) = self.attributes.get_mut(field as usize) {
                *slot = value;
            }
        } else {
            self.unknown.push((key, value));
        }
    }

    fn set(&mut self, column: Column, value: Raw<'a>) {
        if let Some(slot) = self.columns.get_mut(column as usize) {
            *slot = value;
        }
    }

    /// The value of a field, null if absent.
    pub(super) fn get(&self, column: Column) -> Raw<'a> {
        self.columns.get(column as usize).copied().unwrap_or_default()
    }

    /// The value of an attribute, null if absent.
    pub(super) fn attribute(&self, field: AttributeField) -> Raw<'a> {
        self.attributes.get(field as usize).copied().unwrap_or_default()
    }

    /// The attributes that are there, in the order of the fields.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (AttributeField, Raw<'a>)> {
        let there = self.attributes.iter().enumerate().filter(|(_, value)| !value.is_null());
        there.filter_map(|(place, &value)| Some((*AttributeField::ALL.get(place)?, value)))
    }

    /// The event inside a `CloudEvents` envelope, or `None` if this is no envelope.
    pub(super) fn enveloped(&self) -> Result<Option<&'a str>, Rejection> {
        let data = self.get(Column::Data);
        let is_plain = data.kind != Kind::Object && !self.get(Column::Event).is_null();
        if !matches!(self.get(Column::Specversion).kind, Kind::Plain | Kind::Escaped) || is_plain {
            return Ok(None);
        }
        match data.kind {
            Kind::Object => Ok(Some(data.text)),
            Kind::Null => Err(missing("data of the CloudEvents envelope")),
            _ => Err(wrong_type("data of the CloudEvents envelope", data, "an object")),
        }
    }

    /// Moves aliases to the fields they stand for; one that is not needed stays where it is.
    pub(super) fn resolve_aliases(&mut self) {
        for (column, alias) in ALIASES {
            self.resolve_alias(column, alias);
        }
    }

    /// Moves one alias.
    pub(super) fn resolve_alias(&mut self, column: Column, alias: Column) {
        if self.get(column).is_null() {
            self.set(column, self.get(alias));
            self.set(alias, Raw::default());
        }
    }

    /// All fields but those that have a place of their own, as one JSON object in the order of the names'
    /// bytes; values as they were written. `None` if there are none.
    pub(super) fn extra(&self, is_own: impl Fn(Column) -> bool) -> Option<String> {
        let mut fields = self.beside(is_own);
        fields.extend(self.attributes().map(|(field, value)| (field.as_str(), value)));
        self.sorted_object(fields)
    }

    /// As `extra`, without the attributes.
    pub(super) fn extra_beside_attributes(&self, is_own: impl Fn(Column) -> bool) -> Option<String> {
        self.sorted_object(self.beside(is_own))
    }

    fn beside(&self, is_own: impl Fn(Column) -> bool) -> Vec<(&str, Raw<'_>)> {
        let mut fields: Vec<(&str, Raw<'_>)> = Vec::new();
        for (&(name, column), &value) in Column::ALL.iter().zip(&self.columns) {
            if !value.is_null() && !is_own(column) {
                fields.push((name, value));
            }
        }
        fields.extend(self.unknown.iter().map(|(name, value)| (name.as_ref(), *value)));
        fields
    }

    fn sorted_object(&self, mut fields: Vec<(&str, Raw<'_>)>) -> Option<String> {
        if fields.is_empty() {
            return None;
        }
        fields.sort_unstable_by_key(|&(name, _)| name);
        Some(self.object(&fields))
    }

    fn object(&self, fields: &[(&str, Raw<'_>)]) -> String {
        let length = fields.iter().map(|(name, value)| name.len() + value.text.len() + 4).sum::<usize>();
        let mut out = String::with_capacity(length + 2);
        for (index, (name, value)) in fields.iter().enumerate() {
            out.push(if index == 0 { '{' } else { ',' });
            push_string(&mut out, name);
            out.push(':');
            if self.has_lone_surrogate {
                push_repaired(&mut out, value.text);
            } else {
                out.push_str(value.text);
            }
        }
        out.push('}');
        out
    }
}
