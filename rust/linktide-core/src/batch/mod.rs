//! A batch of accepted events in columns, and what was refused beside it.
//!
//! Decoding is a pure function of bytes, so the next batch can be decoded while the one before it is stored.

mod columns;
mod counts;
mod decoder;
mod judge;

use arrow_array::{Array, StringArray};
use arrow_buffer::ScalarBuffer;

use crate::event::{LossReason, Reason};

use crate::links::attribute::Field;

pub use counts::{Distribution, SourceCount};
pub use decoder::{BatchDecoder, Chunk, DecoderOptions};
pub use judge::judge;

/// Accepted link events, one row each, in arrival order.
#[derive(Debug)]
pub struct EventBatch {
    /// 1 discovered, 2 seen, 3 lost.
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
    /// What was refused.
    pub dead_letters: Vec<DeadLetter>,
    /// Greatest event time of the batch.
    pub newest: Option<i64>,
    /// Set where the batch was full before its chunks were read: (place of the chunk, first offset not read).
    pub ended_at: Option<(usize, i64)>,
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
        self.link_id.len()
    }

    /// True if no event was accepted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.link_id.is_empty()
    }

    /// True if the row is evidence that the link is there.
    #[must_use]
    pub fn is_sighting(&self, row: usize) -> bool {
        self.kind.get(row).is_some_and(|&kind| kind != 3)
    }

    /// Attributes that the row carried, anchor, rel and link type included.
    pub fn carried(&self, row: usize) -> impl Iterator<Item = (Field, &str)> {
        let named =
            [(Field::ANCHOR, &self.anchor), (Field::REL, &self.rel), (Field::LINK_TYPE, &self.link_type)];
        let named = named.into_iter().filter_map(move |(field, column)| Some((field, text(column, row)?)));
        named.chain(self.other_attributes(row).iter().map(|(field, value)| (*field, value.as_ref())))
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
