//! From the bytes of one message to an [`Event`].

use std::borrow::Cow;

use super::fields::{AttributeField, Column};
use super::json::{Kind, Raw};
use super::loss::LossReason;
use super::message::Message;
use super::number::scaled;
use super::page::Page;
use super::reason::{Reason, Rejection, missing, shown, wrong_type, wrong_value};
use super::rel::Rel;
use super::time::{day_of, observed_at};
use super::values::{attribute_text, optional_id, optional_text, required_count, required_text};
use super::{Event, EventKind, LinkType, Referral};

/// What a message is judged against.
#[derive(Clone, Copy, Debug)]
pub struct DecodeContext {
    /// When the message was appended (files and pushes: received), µs since 1970 in UTC.
    pub record_time_us: i64,
    /// Longest value taken, in bytes, frame included.
    pub max_event_bytes: usize,
}

/// Whether a field has a place of its own in the tables; what has none goes into `extra`.
fn is_own(kind: EventKind, column: Column) -> bool {
    match column {
        // `version` is always 1, so it says nothing.
        Column::Event | Column::ObservedAt | Column::SourceUrl | Column::Version => true,
        Column::TargetUrl => kind != EventKind::Page,
        Column::Anchor | Column::Rel | Column::LinkType => {
            matches!(kind, EventKind::Discovered | EventKind::Seen | EventKind::Lost)
        }
        // Outside a loss the field means nothing; a page keeps it beside what it came to.
        Column::LostReason => kind == EventKind::Lost,
        Column::Links => kind == EventKind::Page,
        Column::Day | Column::Visits => kind == EventKind::Referral,
        _ => false,
    }
}

/// Decodes one message into the event contract, version 1. `None` is a Kafka tombstone.
///
/// Strings without escapes are borrowed from `value`; an event of the common fields alone is decoded without touching
/// the heap. Hostile input of any kind is a [`Rejection`]; work is linear in the length.
///
/// # Errors
/// The first thing found wrong, one of [`Reason::ALL`] up to `TIME_RANGE`; URLs are not looked into here.
///
/// # Examples
/// ```
/// use linktide_core::event::{DecodeContext, EventKind, decode};
/// let context = DecodeContext { record_time_us: 1_800_000_000_000_000, max_event_bytes: 1 << 20 };
/// let value = br#"{"event":"seen","observed_at":"2026-01-31T12:00:00Z",
///     "source_url":"https://a.example/","target_url":"https://b.example/","rel":["ugc","nofollow"]}"#;
/// let event = decode(Some(value), &context).unwrap();
/// assert_eq!((event.kind, event.observed_at_us), (EventKind::Seen, 1_769_860_800_000_000));
/// assert_eq!(event.rel.unwrap().text, "nofollow ugc");
/// ```
pub fn decode<'a>(value: Option<&'a [u8]>, context: &DecodeContext) -> Result<Event<'a>, Rejection> {
    let mut message = Message::scan(payload(value, context)?)?;
    if let Some(data) = message.enveloped()? {
        message = Message::scan(data)?;
    }
    message.resolve_aliases();
    read(&message, context)
}

/// The JSON text in a value, without frame and byte order mark.
fn payload<'a>(value: Option<&'a [u8]>, context: &DecodeContext) -> Result<&'a str, Rejection> {
    let value = value.ok_or_else(|| Rejection::new(Reason::Tombstone, "the record has no value"))?;
    if value.len() > context.max_event_bytes {
        let detail =
            format!("{} bytes, wanted at most {} (max_event_bytes)", value.len(), context.max_event_bytes);
        return Err(Rejection::new(Reason::TooLarge, detail));
    }
    let framed = match value {
        [0, _, _, _, _, json @ ..] => json,
        _ => value,
    };
    let json = framed.strip_prefix("\u{feff}".as_bytes()).unwrap_or(framed);
    let text = std::str::from_utf8(json).map_err(|error| {
        let at = error.valid_up_to() + (value.len() - json.len());
        Rejection::new(Reason::InvalidUtf8, format!("byte {at}: not UTF-8"))
    })?;
    if text.bytes().all(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')) {
        return Err(Rejection::new(Reason::Empty, format!("{} bytes and nothing in them", value.len())));
    }
    Ok(text)
}

fn read<'a>(message: &Message<'a>, context: &DecodeContext) -> Result<Event<'a>, Rejection> {
    check_version(message.get(Column::Version))?;
    let kind = event_kind(message.get(Column::Event))?;
    let at = message.get(Column::ObservedAt);
    if at.is_null() {
        return Err(missing("observed_at"));
    }
    let observed_at_us = observed_at(at, context.record_time_us)?;
    match kind {
        EventKind::Page => read_page(message, observed_at_us),
        EventKind::Target => read_target(message, observed_at_us),
        EventKind::Referral => read_referral(message, observed_at_us),
        EventKind::Discovered | EventKind::Seen | EventKind::Lost => read_link(message, kind, observed_at_us),
    }
}

fn read_link<'a>(message: &Message<'a>, kind: EventKind, at_us: i64) -> Result<Event<'a>, Rejection> {
    let is_lost = kind == EventKind::Lost;
    Ok(Event {
        target_url: Some(required_text("target_url", message.get(Column::TargetUrl))?),
        lost_reason: if is_lost { Some(lost_reason(message)?.unwrap_or_default()) } else { None },
        ..bare(message, kind, at_us, required_text("source_url", message.get(Column::SourceUrl))?)?
    })
}

fn read_page<'a>(message: &Message<'a>, at_us: i64) -> Result<Event<'a>, Rejection> {
    let source_url = required_text("source_url", message.get(Column::SourceUrl))?;
    let lost_reason = lost_reason(message)?;
    let page = Page::read(message, lost_reason)?;
    Ok(Event { lost_reason, page: Some(page), ..bare(message, EventKind::Page, at_us, source_url)? })
}

fn read_target<'a>(message: &Message<'a>, at_us: i64) -> Result<Event<'a>, Rejection> {
    let source_url = optional_text("source_url", message.get(Column::SourceUrl))?.unwrap_or_default();
    Ok(Event {
        target_url: Some(required_text("target_url", message.get(Column::TargetUrl))?),
        ..bare(message, EventKind::Target, at_us, source_url)?
    })
}

fn read_referral<'a>(message: &Message<'a>, at_us: i64) -> Result<Event<'a>, Rejection> {
    let raw = message.get(Column::Day);
    let day = required_text("day", raw)?;
    let day = day_of(day.as_bytes()).ok_or_else(|| wrong_value("day", raw.text, "a date like 2026-01-31"))?;
    let visits = required_count("visits", message.get(Column::Visits))?;
    Ok(Event {
        target_url: Some(required_text("target_url", message.get(Column::TargetUrl))?),
        referral: Some(Referral { day, visits }),
        ..bare(
            message,
            EventKind::Referral,
            at_us,
            required_text("source_url", message.get(Column::SourceUrl))?,
        )?
    })
}

/// What events of all kinds may have. Fields of a link are checked in every one, so that a typo is seen.
fn bare<'a>(
    message: &Message<'a>,
    kind: EventKind,
    observed_at_us: i64,
    source_url: Cow<'a, str>,
) -> Result<Event<'a>, Rejection> {
    Ok(Event {
        kind,
        observed_at_us,
        source_url,
        target_url: None,
        base: optional_text("base", message.get(Column::Base))?.filter(|base| !base.trim_ascii().is_empty()),
        lost_reason: None,
        rel: Rel::read(message.get(Column::Rel))?,
        anchor: optional_text("anchor", message.get(Column::Anchor))?,
        link_type: link_type(message.get(Column::LinkType))?,
        attributes: attributes(message)?,
        event_id: optional_id("event_id", message.get(Column::EventId))?,
        extra: message.extra(|column| is_own(kind, column)),
        page: None,
        referral: None,
    })
}

fn check_version(raw: Raw<'_>) -> Result<(), Rejection> {
    let is_one = match raw.kind {
        Kind::Null => true,
        Kind::Number => scaled(raw.text, 0).is_some_and(|number| number.value == 1 && number.is_exact),
        Kind::Plain => matches!(raw.inner(), "1" | "1.0"),
        Kind::Escaped => false,
        _ => return Err(wrong_type("version", raw, "1")),
    };
    if is_one {
        return Ok(());
    }
    Err(Rejection::new(Reason::UnsupportedVersion, format!("version is {}, wanted 1", shown(raw.text))))
}

fn event_kind(raw: Raw<'_>) -> Result<EventKind, Rejection> {
    let name = optional_text("event", raw)?.ok_or_else(|| missing("event"))?;
    let Some(kind) = EventKind::parse(&name) else {
        let wanted = "discovered, seen, lost, page, target or referral";
        return Err(Rejection::new(
            Reason::UnknownEvent,
            format!("event is {}, wanted {wanted}", shown(raw.text)),
        ));
    };
    Ok(kind)
}

fn lost_reason(message: &Message<'_>) -> Result<Option<LossReason>, Rejection> {
    let raw = message.get(Column::LostReason);
    let Some(name) = optional_text("lost_reason", raw)? else { return Ok(None) };
    LossReason::parse(&name).map(Some).ok_or_else(|| {
        let wanted = "one of the seven reasons or dropped: and 1 to 32 of a-z, 0-9, _";
        wrong_value("lost_reason", raw.text, wanted)
    })
}

pub(super) fn link_type(raw: Raw<'_>) -> Result<Option<LinkType>, Rejection> {
    let Some(name) = optional_text("link_type", raw)? else { return Ok(None) };
    let wanted = "text, image, frame, form, redirect, canonical, alternate or rss";
    LinkType::parse(&name).map(Some).ok_or_else(|| wrong_value("link_type", raw.text, wanted))
}

pub(super) fn attributes<'a>(
    message: &Message<'a>,
) -> Result<Vec<(AttributeField, Cow<'a, str>)>, Rejection> {
    message.attributes().map(|(field, raw)| Ok((field, attribute_text(field, raw)?))).collect()
}
