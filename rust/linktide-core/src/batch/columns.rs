//! The columns of a batch while it grows.

use arrow_array::builder::StringBuilder;

use super::url::{Url, Urls};
use super::{Arrival, DeadLetter, EventBatch, PageAnswer, ReferralDay, TargetAnswer, UNCOUNTED_LOSS};
use crate::event::{Event, EventKind, LinkType, LossReason};
use crate::links::attribute::Field;

/// A row on its way into the columns.
pub(super) struct Row<'r> {
    pub(super) kind: u8,
    pub(super) arrival: Arrival,
    pub(super) link_id: u64,
    pub(super) lost_reason: Option<LossReason>,
    pub(super) target: Side<'r>,
    pub(super) rel: Option<&'r str>,
    pub(super) anchor: Option<&'r str>,
    pub(super) link_type: Option<LinkType>,
    pub(super) extra: Option<&'r str>,
}

/// The target of a row.
pub(super) struct Side<'r> {
    pub(super) url: &'r str,
    /// As sent, where it differs.
    pub(super) raw: Option<&'r str>,
    pub(super) key: u64,
    pub(super) domain_key: u64,
    pub(super) domain: (u16, u16),
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
    pub(super) pages: Vec<PageAnswer>,
    pub(super) targets: Vec<TargetAnswer>,
    pub(super) referrals: Vec<ReferralDay>,
}

impl Columns {
    /// Add a link event.
    pub(super) fn push_event(
        &mut self,
        arrival: Arrival,
        event: &Event<'_>,
        urls: &Urls,
        seed: u64,
        accepts_losses: bool,
    ) {
        let Urls { source, target, .. } = urls;
        let is_uncounted = event.kind == EventKind::Lost && !accepts_losses;
        let row = Row {
            kind: if is_uncounted { UNCOUNTED_LOSS } else { event.kind as u8 },
            arrival,
            link_id: urls.link_id(seed),
            lost_reason: event.lost_reason,
            target: Side {
                url: target.as_str(),
                raw: target.raw(event.target_url.as_deref().unwrap_or_default()),
                key: target.key,
                domain_key: target.domain_key,
                domain: target.domain,
            },
            rel: event.rel.as_ref().map(|rel| rel.text.as_ref()),
            anchor: event.anchor.as_deref(),
            link_type: event.link_type,
            extra: event.extra.as_deref(),
        };
        self.push(row, source, source.raw(&event.source_url), others(event));
    }

    /// Add a row with the attributes it carries beside anchor, rel and link type.
    pub(super) fn push<'v>(
        &mut self,
        row: Row<'_>,
        source: &Url,
        raw_source: Option<&str>,
        attributes: impl Iterator<Item = (Field, &'v str)>,
    ) {
        let Row { target, arrival, .. } = row;
        self.kind.push(row.kind);
        self.observed_at.push(arrival.observed_at);
        self.record_at.push(arrival.record_at);
        self.source_id.push(arrival.source_id);
        self.offset.push(arrival.offset);
        self.link_id.push(row.link_id);
        self.source_key.push(source.key);
        self.target_key.push(target.key);
        self.source_domain_key.push(source.domain_key);
        self.target_domain_key.push(target.domain_key);
        self.source_domain.push(source.domain);
        self.target_domain.push(target.domain);
        self.lost_reason.push(row.lost_reason);
        self.source_url.append_value(source.as_str());
        self.raw_source_url.append_option(raw_source);
        self.target_url.append_value(target.url);
        self.raw_target_url.append_option(target.raw);
        self.rel.append_option(row.rel);
        self.anchor.append_option(row.anchor);
        self.link_type.append_option(row.link_type.map(LinkType::as_str));
        self.extra.append_option(row.extra);
        self.attributes.extend(attributes.map(|(field, value)| (field, value.into())));
        self.attribute_ends.push(self.attributes.len() as u32);
    }

    /// Number of rows so far.
    pub(super) fn len(&self) -> usize {
        self.link_id.len()
    }

    pub(super) fn finish(mut self, dead_letters: Vec<DeadLetter>) -> EventBatch {
        let pages = self.pages.iter().map(|page| page.arrival.observed_at);
        let targets = self.targets.iter().map(|target| target.arrival.observed_at);
        let referrals = self.referrals.iter().map(|visits| visits.arrival.observed_at);
        let links = self.observed_at.iter().copied();
        EventBatch {
            newest: links.chain(pages).chain(targets).chain(referrals).max(),
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
            pages: self.pages,
            targets: self.targets,
            referrals: self.referrals,
            dead_letters,
        }
    }
}

/// Attributes of an event beside anchor, rel and link type.
fn others<'e>(event: &'e Event<'_>) -> impl Iterator<Item = (Field, &'e str)> {
    event.attributes.iter().map(|(field, value)| (Field::from(*field), value.as_ref()))
}
