//! The columns of a batch while it grows.

use std::borrow::Cow;

use arrow_array::builder::StringBuilder;

use super::{DeadLetter, EventBatch};
use crate::event::{Event, LossReason};
use crate::links::attribute::Field;
use crate::wire::Record;

/// One URL after normalisation.
#[derive(Debug, Default)]
pub(super) struct Url {
    pub(super) text: Vec<u8>,
    pub(super) domain: (u16, u16),
    pub(super) key: u64,
    pub(super) domain_key: u64,
}

#[derive(Debug, Default)]
pub(super) struct Columns {
    kind: Vec<u8>,
    observed_at: Vec<i64>,
    record_at: Vec<i64>,
    source_id: Vec<u32>,
    offset: Vec<u64>,
    link_id: Vec<u64>,
    source_key: Vec<u64>,
    target_key: Vec<u64>,
    source_domain_key: Vec<u64>,
    target_domain_key: Vec<u64>,
    source_domain: Vec<(u16, u16)>,
    target_domain: Vec<(u16, u16)>,
    lost_reason: Vec<Option<LossReason>>,
    source_url: StringBuilder,
    target_url: StringBuilder,
    rel: StringBuilder,
    anchor: StringBuilder,
    link_type: StringBuilder,
    extra: StringBuilder,
    raw_source_url: StringBuilder,
    raw_target_url: StringBuilder,
    attributes: Vec<(Field, Box<str>)>,
    attribute_ends: Vec<u32>,
}

impl Columns {
    pub(super) fn push(
        &mut self,
        source_id: u32,
        record: &Record<'_>,
        event: &Event<'_>,
        (link_id, source, target): (u64, &Url, &Url),
    ) {
        self.kind.push(event.kind as u8);
        self.observed_at.push(event.observed_at_us);
        self.record_at.push(record.timestamp_us);
        self.source_id.push(source_id);
        self.offset.push(record.offset as u64);
        self.link_id.push(link_id);
        self.source_key.push(source.key);
        self.target_key.push(target.key);
        self.source_domain_key.push(source.domain_key);
        self.target_domain_key.push(target.domain_key);
        self.source_domain.push(source.domain);
        self.target_domain.push(target.domain);
        self.lost_reason.push(event.lost_reason);
        let raw_target = event.target_url.as_deref().unwrap_or_default();
        push_url(&mut self.source_url, &mut self.raw_source_url, source, &event.source_url);
        push_url(&mut self.target_url, &mut self.raw_target_url, target, raw_target);
        self.rel.append_option(event.rel.as_ref().map(|rel| rel.text.as_ref()));
        self.anchor.append_option(event.anchor.as_deref());
        self.link_type.append_option(event.link_type.map(super::super::event::LinkType::as_str));
        self.extra.append_option(event.extra.as_deref());
        self.attributes.extend(others(event).map(|(field, value)| (field, value.as_ref().into())));
        self.attribute_ends.push(self.attributes.len() as u32);
    }

    pub(super) fn finish(mut self, dead_letters: Vec<DeadLetter>) -> EventBatch {
        EventBatch {
            newest: self.observed_at.iter().copied().max(),
            ended_at: None,
            kind: self.kind.into(),
            observed_at: self.observed_at.into(),
            record_at: self.record_at.into(),
            source_id: self.source_id.into(),
            offset: self.offset.into(),
            link_id: self.link_id.into(),
            source_key: self.source_key.into(),
            target_key: self.target_key.into(),
            source_domain_key: self.source_domain_key.into(),
            target_domain_key: self.target_domain_key.into(),
            source_url: self.source_url.finish(),
            target_url: self.target_url.finish(),
            source_domain: self.source_domain,
            target_domain: self.target_domain,
            lost_reason: self.lost_reason,
            rel: self.rel.finish(),
            anchor: self.anchor.finish(),
            link_type: self.link_type.finish(),
            extra: self.extra.finish(),
            raw_source_url: self.raw_source_url.finish(),
            raw_target_url: self.raw_target_url.finish(),
            attributes: self.attributes,
            attribute_ends: self.attribute_ends,
            dead_letters,
        }
    }
}

/// The normalised form, and the raw one where it differs. Normalised URLs are ASCII.
fn push_url(urls: &mut StringBuilder, raws: &mut StringBuilder, url: &Url, raw: &str) {
    let text = std::str::from_utf8(&url.text).unwrap_or_default();
    urls.append_value(text);
    raws.append_option((text != raw).then_some(raw));
}

/// Attributes of an event beside anchor, rel and link type.
fn others<'e>(event: &'e Event<'_>) -> impl Iterator<Item = (Field, &'e Cow<'e, str>)> {
    event.attributes.iter().map(|(field, value)| (Field::from(*field), value))
}
