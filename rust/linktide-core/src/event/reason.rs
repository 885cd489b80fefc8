//! The one fixed list of reasons for which a message becomes a dead letter.

use std::fmt;

use super::json::{Fault, MAX_DEPTH, Raw};

macro_rules! reasons {
    ($($variant:ident, $name:literal, $help:literal;)*) => {
        /// Why a message was refused. The names are part of the contract: none is renamed or reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $help] $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name, as stored in `dead_letters` and used as a metric label.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// One sentence for the operator: what it means and what to do.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }
        }
    };
}

reasons! {
    Tombstone, "TOMBSTONE", "The record has no value; a tombstone says nothing about a link, so send a `lost` event instead.";
    Empty, "EMPTY", "The value is empty or only white space; look for a producer that flushes blank lines.";
    TooLarge, "TOO_LARGE", "The value is longer than `max_event_bytes`; raise the setting or cut the snippets.";
    InvalidUtf8, "INVALID_UTF8", "The value is not UTF-8; encode it at the producer, or check that the topic holds JSON and not Avro or Protobuf.";
    InvalidJson, "INVALID_JSON", "The value is not one JSON text (NaN and Infinity are not JSON); the detail names the byte.";
    TooDeep, "TOO_DEEP", "Arrays and objects are nested more than 64 deep; flatten the field the detail points at.";
    NotAnObject, "NOT_AN_OBJECT", "The JSON is no object; send one object per message, not an array of them.";
    MissingField, "MISSING_FIELD", "A required field is absent, null or blank; the detail names it.";
    WrongType, "WRONG_TYPE", "A field has another JSON type than the contract says; the detail names both.";
    WrongValue, "WRONG_VALUE", "A field has the right type but a value outside its list or range; the detail names the field.";
    UnknownEvent, "UNKNOWN_EVENT", "`event` is none of the contract's names; they are lower case.";
    UnsupportedEvent, "UNSUPPORTED_EVENT", "The release that refused it did not take this event of the contract yet; this one does, so replay it.";
    UnsupportedVersion, "UNSUPPORTED_VERSION", "`version` is not 1; upgrade linktide, then replay.";
    TimeFormat, "TIME_FORMAT", "`observed_at` is no RFC 3339 date and time; write it like 2026-01-31T23:59:59Z.";
    TimeRange, "TIME_RANGE", "`observed_at` has no offset, lies before 1990 or more than one hour after the record's own time; check the producer's clock and unit.";
    RelativeUrl, "RELATIVE_URL", "The URL is relative and there is nothing to resolve it against; send `base` or an absolute `source_url`.";
    UrlScheme, "URL_SCHEME", "The URL's scheme is not http or https; leave such links out.";
    UrlHost, "URL_HOST", "The URL's host is empty or not a valid host name or address.";
    UrlTooLong, "URL_TOO_LONG", "The URL is longer than the longest one kept; such URLs are nearly always data or traps.";
    UrlInvalid, "URL_INVALID", "The URL cannot be parsed by the WHATWG rules that browsers follow.";
    BadBatch, "BAD_BATCH", "A Kafka record batch is damaged (checksum, length or compression) and stayed so when fetched again; check the broker's disk.";
}

impl Reason {
    /// The reason of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A message that cannot be an event, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Rejection {
    /// From the fixed list.
    pub reason: Reason,
    /// One sentence naming the field, the value seen (cut) and the value wanted.
    pub detail: String,
}

impl Rejection {
    /// A refusal; `detail` is a sentence without its full stop.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl From<Fault> for Rejection {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax { at, wanted } => {
                Self::new(Reason::InvalidJson, format!("byte {at}: wanted {wanted}"))
            }
            Fault::TooDeep { at } => {
                Self::new(Reason::TooDeep, format!("byte {at}: nested more than {MAX_DEPTH} deep"))
            }
        }
    }
}

/// A value as an error sentence shows it: what cannot be seen is escaped, cut to 80 characters.
pub(super) fn shown(text: &str) -> String {
    const LIMIT: usize = 80;
    let mut cut = String::new();
    for character in text.chars().take(LIMIT) {
        match character {
            '"' | '\'' | '\\' => cut.push(character),
            other => cut.extend(other.escape_debug()),
        }
    }
    if text.chars().nth(LIMIT).is_some() {
        cut.push('…');
    }
    cut
}

pub(super) fn wrong_type(field: &str, raw: Raw<'_>, wanted: &str) -> Rejection {
    Rejection::new(Reason::WrongType, format!("{field} is {}, wanted {wanted}", raw.kind.name()))
}

pub(super) fn wrong_value(field: &str, value: &str, wanted: &str) -> Rejection {
    Rejection::new(Reason::WrongValue, format!("{field} is {}, wanted {wanted}", shown(value)))
}

pub(super) fn missing(field: &str) -> Rejection {
    Rejection::new(Reason::MissingField, format!("{field} is absent, null or blank"))
}
