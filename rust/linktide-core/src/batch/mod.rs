//! A batch of accepted events in columns, and what was refused beside it.
//!
//! Decoding is a pure function of bytes, so the next batch can be decoded while the one before it is stored.

mod columns;
mod counts;
mod decoder;
mod judge;
mod page;
mod url;

use std::ops::Range;

use arrow_array::{Array, StringArray};
use arrow_buffer::ScalarBuffer;

use crate::event::{EventKind, LossReason, Reason};
use crate::links::attribute::Field;
use crate::links::life::{Evidence, Observation};

pub use counts::{Distribution, SourceCount};
pub use decoder::{BatchDecoder, Chunk, DecoderOptions};
pub use judge::judge;

/// A `lost` event of a source whose losses do not count: the link is heard of, and nothing is observed.
pub const UNCOUNTED_LOSS: u8 = 7;

/// Accepted events in arrival order: the columns hold a row for each link event and for each link that a page lists.
#[derive(Debug)]
pub struct EventBatch {
    /// 1 discovered, 2 seen, 3 lost, 4 listed by a page, or [`UNCOUNTED_LOSS`].
    pub kind: ScalarBuffer<u8>,
    /// Event time, µs UTC.
    pub observed_at: ScalarBuffer<i64>,
    /// Time of the record that carried it, µs UTC.
    pub record_at: ScalarBuffer<i64>,
    /// Partition of a source, as the store numbers it.
    pub source_id: ScalarBuffer<u32>,
    /// Offset in that partition.
    pub offset: ScalarBuffer<u64>,
    /// Key of the pair of URLs.
    pub link_id: ScalarBuffer<u64>,
    /// Key of the source URL.
    pub source_key: ScalarBuffer<u64>,
    /// Key of the target URL.
    pub target_key: ScalarBuffer<u64>,
    /// Key of the source's registrable domain.
    pub source_domain_key: ScalarBuffer<u64>,
    /// Key of the target's registrable domain.
    pub target_domain_key: ScalarBuffer<u64>,
    /// Normalised.
    pub source_url: StringArray,
    /// Normalised.
    pub target_url: StringArray,
    /// Byte range of the registrable domain in `source_url`.
    pub source_domain: Vec<(u16, u16)>,
    /// Byte range of the registrable domain in `target_url`.
    pub target_domain: Vec<(u16, u16)>,
    /// Of lost events.
    pub lost_reason: Vec<Option<LossReason>>,
    /// Canonical rel tokens; null if not carried.
    pub rel: StringArray,
    /// Anchor text; null if not carried.
    pub anchor: StringArray,
    /// Kind of link; null if not carried.
    pub link_type: StringArray,
    /// JSON object of all other optional and unknown fields.
    pub extra: StringArray,
    /// Only where it differs from the normalised form.
    pub raw_source_url: StringArray,
    /// Only where it differs from the normalised form.
    pub raw_target_url: StringArray,
    /// Attributes beside anchor, rel and link type, of all rows.
    pub attributes: Vec<(Field, Box<str>)>,
    /// End of each row's share of `attributes`.
    pub attribute_ends: Vec<u32>,
    /// Accepted `page` events, in arrival order.
    pub pages: Vec<PageAnswer>,
    /// Accepted `target` events.
    pub targets: Vec<TargetAnswer>,
    /// Accepted `referral` events.
    pub referrals: Vec<ReferralDay>,
    /// What was refused.
    pub dead_letters: Vec<DeadLetter>,
    /// Greatest event time of the batch.
    pub newest: Option<i64>,
    /// Set where the batch was full before its chunks were read: (place of the chunk, first offset not read).
    pub ended_at: Option<(usize, i64)>,
}

/// Where an accepted record came from, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Partition of a source.
    pub source_id: u32,
    /// Its offset.
    pub offset: u64,
    /// Event time, µs.
    pub observed_at: i64,
    /// Record time, µs.
    pub record_at: i64,
}

impl EventBatch {
    /// How long after the newest event its record came, µs; of several at that instant the soonest.
    pub(crate) fn newest_delay(&self) -> Option<i64> {
        let newest = self.newest?;
        let links = self.observed_at.iter().copied().zip(self.record_at.iter().copied());
        let arrivals = (self.pages.iter().map(|page| page.arrival))
            .chain(self.targets.iter().map(|target| target.arrival))
            .chain(self.referrals.iter().map(|referral| referral.arrival))
            .map(|arrival| (arrival.observed_at, arrival.record_at));
        links.chain(arrivals).filter(|(at, _)| *at == newest).map(|(at, record_at)| record_at - at).min()
    }
}

/// One accepted `page` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageAnswer {
    /// Where it came from.
    pub arrival: Arrival,
    /// Key of the page's URL.
    pub page_key: u64,
    /// Normalised.
    pub page_url: Box<str>,
    /// As sent, where it differs.
    pub raw_url: Option<Box<str>>,
    /// Why links that it does not list are lost, if it speaks of all.
    pub loss_reason: Option<LossReason>,
    /// Whether losses of its source count.
    pub accepts_losses: bool,
    /// Its sightings, as rows of the batch; each link once.
    pub rows: Range<usize>,
    /// Hash of what it lists; none if it lists nothing.
    pub set_id: Option<u64>,
    /// JSON object of all other optional and unknown fields, those of the page.
    pub extra: Option<Box<str>>,
}

impl PageAnswer {
    /// What it says of every link of the page that it does not list.
    #[must_use]
    pub fn loss(&self) -> Option<LossReason> {
        self.loss_reason.filter(|_| self.accepts_losses)
    }
}

/// One accepted `target` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetAnswer {
    /// Where it came from.
    pub arrival: Arrival,
    /// Key of the target's URL.
    pub target_key: u64,
    /// Normalised.
    pub target_url: Box<str>,
    /// As sent, where it differs.
    pub raw_url: Option<Box<str>>,
    /// How the target answered.
    pub http_code: Option<u16>,
    /// JSON object of all optional and unknown fields.
    pub extra: Option<Box<str>>,
}

/// One accepted `referral` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferralDay {
    /// Where it came from.
    pub arrival: Arrival,
    /// Key of the pair of URLs.
    pub link_id: u64,
    /// Keys of source and target.
    pub keys: [u64; 2],
    /// Normalised, source and target.
    pub urls: [Box<str>; 2],
    /// Days since 1970.
    pub day: i32,
    /// Visits of that day.
    pub visits: u64,
    /// JSON object of all optional and unknown fields.
    pub extra: Option<Box<str>>,
}

/// A record that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Partition of a source.
    pub source_id: u32,
    /// Its offset.
    pub offset: u64,
    /// Why.
    pub reason: Reason,
    /// One sentence.
    pub detail: String,
    /// Record time, µs.
    pub record_at: i64,
    /// Arrival here, µs.
    pub received_at: i64,
    /// The first 64 KiB; none for a tombstone.
    pub bytes: Option<Vec<u8>>,
    /// Length of the whole.
    pub byte_length: u64,
    /// `xxh3_64` of the whole.
    pub bytes_hash: u64,
}

impl EventBatch {
    /// Number of accepted events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.link_events() + self.pages.len() + self.targets.len() + self.referrals.len()
    }

    /// Number of rows: link events, and links that pages list.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.link_id.len()
    }

    /// Number of accepted link events.
    #[must_use]
    pub fn link_events(&self) -> usize {
        self.rows() - self.pages.iter().map(|page| page.rows.len()).sum::<usize>()
    }

    /// True if no event was accepted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the accepted events came from, and the code of their kind; pages, targets and referrals last.
    pub fn arrivals(&self) -> impl Iterator<Item = (u8, Arrival)> {
        let rows = self.kind.iter().zip(self.source_id.iter().zip(self.offset.iter()));
        let times = self.observed_at.iter().zip(self.record_at.iter());
        let links = rows.zip(times).filter(|((kind, _), _)| **kind != EventKind::Page as u8).map(
            |((&kind, (&source_id, &offset)), (&observed_at, &record_at))| {
                let kind = if kind == UNCOUNTED_LOSS { EventKind::Lost as u8 } else { kind };
                (kind, Arrival { source_id, offset, observed_at, record_at })
            },
        );
        let pages = self.pages.iter().map(|page| (EventKind::Page as u8, page.arrival));
        let targets = self.targets.iter().map(|target| (EventKind::Target as u8, target.arrival));
        let referrals = self.referrals.iter().map(|visits| (EventKind::Referral as u8, visits.arrival));
        links.chain(pages).chain(targets).chain(referrals)
    }

    /// What the row says of its link; nothing, if its source's losses do not count.
    #[must_use]
    pub fn observation(&self, row: usize) -> Option<Observation> {
        let at = self.observed_at.get(row).copied()?;
        let evidence = match self.kind.get(row).copied()? {
            UNCOUNTED_LOSS => return None,
            3 => Evidence::Loss(self.lost_reason.get(row).copied().flatten().unwrap_or_default()),
            _ => Evidence::Sighting,
        };
        Some(Observation { at, evidence })
    }

    /// Attributes that the row carried, anchor, rel, link type and occurrences included.
    pub fn carried(&self, row: usize) -> impl Iterator<Item = (Field, &str)> {
        let named =
            [(Field::ANCHOR, &self.anchor), (Field::REL, &self.rel), (Field::LINK_TYPE, &self.link_type)];
        let named = named.into_iter().filter_map(move |(field, column)| Some((field, text(column, row)?)));
        // Of a link that a page lists; a count above one stands among the other attributes.
        let others = self.other_attributes(row);
        let is_listed = self.kind.get(row) == Some(&(EventKind::Page as u8));
        let is_once = is_listed && others.iter().all(|(field, _)| *field != Field::OCCURRENCES);
        named
            .chain(is_once.then_some((Field::OCCURRENCES, Field::ONCE)))
            .chain(others.iter().map(|(field, value)| (*field, value.as_ref())))
    }

    /// Attributes of the row beside anchor, rel and link type.
    #[must_use]
    pub fn other_attributes(&self, row: usize) -> &[(Field, Box<str>)] {
        let end = self.attribute_ends.get(row).map_or(0, |&end| end as usize);
        let start =
            row.checked_sub(1).and_then(|before| self.attribute_ends.get(before)).map_or(0, |&s| s as usize);
        self.attributes.get(start..end).unwrap_or_default()
    }

    /// Registrable domain of the row's source.
    #[must_use]
    pub fn source_domain_name(&self, row: usize) -> &str {
        cut(&self.source_url, &self.source_domain, row)
    }

    /// Registrable domain of the row's target.
    #[must_use]
    pub fn target_domain_name(&self, row: usize) -> &str {
        cut(&self.target_url, &self.target_domain, row)
    }
}

/// The value of a nullable text column.
#[must_use]
pub fn text(column: &StringArray, row: usize) -> Option<&str> {
    (row < column.len() && column.is_valid(row)).then(|| column.value(row))
}

fn cut<'a>(urls: &'a StringArray, ranges: &[(u16, u16)], row: usize) -> &'a str {
    let range = ranges.get(row).map_or(0..0, |&(start, end)| start as usize..end as usize);
    text(urls, row).and_then(|url| url.get(range)).unwrap_or_default()
}
