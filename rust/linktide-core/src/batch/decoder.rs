//! Bytes of several chunks to one batch: unpack, decode, normalise, key.

use std::ops::ControlFlow;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::columns::Columns;
use super::page::{self, PageScratch};
use super::url::{Urls, read_url};
use super::{Arrival, DeadLetter, EventBatch, ReferralDay, TargetAnswer};
use crate::event::{
    AHEAD_US, AttributeField, DecodeContext, Event, EventKind, Reason, Referral, Rejection, decode,
};
use crate::url::{Normalizer, PublicSuffixList};
use crate::wire::{ChunkRef, DamagedBatch, Record, Unpacker};

/// Bytes of a refused record that are kept.
const DEAD_LETTER_BYTES: usize = 64 * 1024;

/// What a record without a value takes in a batch, about: a few bytes may unpack to millions of them.
const RECORD_BYTES: usize = 64;

/// What a link that a page lists takes in the columns, about, beside its text.
const LISTED_BYTES: usize = 160;

/// What a decoder is told once.
#[derive(Debug, Clone, Copy)]
pub struct DecoderOptions {
    /// Seed of the database's keys.
    pub seed: u64,
    /// A longer record is refused.
    pub max_event_bytes: usize,
    /// A batch ends before its unpacked records take more: compression lets a few bytes hold gigabytes.
    pub max_batch_bytes: usize,
}

/// Undecoded records of one partition.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// The partition, as the store numbers it.
    pub source_id: u32,
    /// Whether losses of its source count; a capped export or a sample says nothing about what it leaves out.
    pub accepts_losses: bool,
    /// The records.
    pub records: ChunkRef<'a>,
}

/// Turns chunks into batches. Keeps buffers, so each thread has its own.
pub struct BatchDecoder {
    options: DecoderOptions,
    unpacker: Unpacker,
    reader: Reader,
}

/// What reading one event needs.
pub(super) struct Reader {
    pub(super) seed: u64,
    pub(super) max_event_bytes: usize,
    pub(super) normalizer: Normalizer,
    pub(super) urls: Urls,
    pub(super) scratch: PageScratch,
}

impl std::fmt::Debug for BatchDecoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BatchDecoder").field("options", &self.options).finish_non_exhaustive()
    }
}

impl BatchDecoder {
    /// A decoder for one database.
    #[must_use]
    pub fn new(suffixes: Arc<PublicSuffixList>, options: DecoderOptions) -> Self {
        let reader = Reader {
            seed: options.seed,
            max_event_bytes: options.max_event_bytes,
            normalizer: Normalizer::new(suffixes),
            urls: Urls::default(),
            scratch: PageScratch::default(),
        };
        Self { options, unpacker: Unpacker::default(), reader }
    }

    /// Decode chunks in order. Every record up to [`EventBatch::ended_at`] is in the batch or in its dead
    /// letters; nothing fails.
    pub fn decode(&mut self, chunks: &[Chunk<'_>]) -> EventBatch {
        let mut columns = Columns::default();
        let mut dead_letters = Vec::new();
        let Self { options, unpacker, reader } = self;
        let (mut bytes, mut ended_at) = (0, None);
        for (place, chunk) in chunks.iter().enumerate() {
            let scan = unpacker.for_each_record_until(&chunk.records, |record| {
                let size = RECORD_BYTES + record.value.map_or(0, <[u8]>::len).min(options.max_event_bytes);
                if bytes > 0 && bytes + size > options.max_batch_bytes {
                    return ControlFlow::Break(());
                }
                bytes += size;
                let record = with_sound_time(record, chunk.records.received_at_us);
                let rows = columns.len();
                if let Err(rejection) = reader.take(&mut columns, chunk, &record) {
                    dead_letters.push(refuse(chunk, &record, rejection));
                }
                bytes += (columns.len() - rows).saturating_sub(1) * LISTED_BYTES;
                ControlFlow::Continue(())
            });
            dead_letters.extend(scan.damaged.iter().map(|damaged| refuse_batch(chunk, damaged)));
            if scan.is_broken_off {
                ended_at = Some((place, scan.next_offset));
                break;
            }
        }
        EventBatch { ended_at, ..columns.finish(dead_letters) }
    }
}

/// The record, with the time of receipt where its own time cannot be true: a producer stamps what its clock
/// says, and a clock that runs ahead would let its events win every maximum for ever.
fn with_sound_time(record: Record<'_>, received_at_us: i64) -> Record<'_> {
    let is_sound = (0..=received_at_us.saturating_add(AHEAD_US)).contains(&record.timestamp_us);
    Record { timestamp_us: if is_sound { record.timestamp_us } else { received_at_us }, ..record }
}

impl Reader {
    /// Decode one record, normalise its URLs and add it to the columns; nothing is added if it is refused.
    fn take(
        &mut self,
        columns: &mut Columns,
        chunk: &Chunk<'_>,
        record: &Record<'_>,
    ) -> Result<(), Rejection> {
        let (record_time_us, max_event_bytes) = (record.timestamp_us, self.max_event_bytes);
        let event = decode(record.value, &DecodeContext { record_time_us, max_event_bytes })?;
        let arrival = Arrival {
            source_id: chunk.source_id,
            offset: record.offset as u64,
            observed_at: event.observed_at_us,
            record_at: record_time_us,
        };
        match event.kind {
            EventKind::Page => page::take(self, columns, arrival, chunk.accepts_losses, &event),
            EventKind::Target => self.take_target(columns, arrival, &event),
            EventKind::Referral => self.take_referral(columns, arrival, &event),
            EventKind::Discovered | EventKind::Seen | EventKind::Lost => {
                self.read_urls(&event)?;
                columns.push_event(arrival, &event, &self.urls, self.seed, chunk.accepts_losses);
                Ok(())
            }
        }
    }

    fn read_urls(&mut self, event: &Event<'_>) -> Result<(), Rejection> {
        self.urls.read_source(&mut self.normalizer, self.seed, &event.source_url)?;
        self.read_target(event)
    }

    fn read_target(&mut self, event: &Event<'_>) -> Result<(), Rejection> {
        let target = event.target_url.as_deref().unwrap_or_default();
        let source = Some(event.source_url.as_ref()).filter(|url| !url.is_empty());
        let base = event.base.as_deref().or(source);
        read_url(&mut self.normalizer, self.seed, "target_url", target, base, &mut self.urls.target)
    }

    fn take_target(
        &mut self,
        columns: &mut Columns,
        arrival: Arrival,
        event: &Event<'_>,
    ) -> Result<(), Rejection> {
        self.read_target(event)?;
        let target = &self.urls.target;
        let code = |wanted| event.attributes.iter().find(|(field, _)| *field == wanted);
        let code = code(AttributeField::HttpCodeTarget).or_else(|| code(AttributeField::HttpCode));
        columns.targets.push(TargetAnswer {
            arrival,
            target_key: target.key,
            target_url: target.as_str().into(),
            raw_url: target.raw(event.target_url.as_deref().unwrap_or_default()).map(Into::into),
            http_code: code.and_then(|(_, code)| code.parse().ok()),
            extra: event.extra.as_deref().map(Into::into),
        });
        Ok(())
    }

    fn take_referral(
        &mut self,
        columns: &mut Columns,
        arrival: Arrival,
        event: &Event<'_>,
    ) -> Result<(), Rejection> {
        self.read_urls(event)?;
        let Urls { source, target, .. } = &self.urls;
        let Referral { day, visits } = event.referral.unwrap_or(Referral { day: 0, visits: 0 });
        columns.referrals.push(ReferralDay {
            arrival,
            link_id: self.urls.link_id(self.seed),
            keys: [source.key, target.key],
            urls: [source.as_str().into(), target.as_str().into()],
            day,
            visits,
            extra: event.extra.as_deref().map(Into::into),
        });
        Ok(())
    }
}

fn refuse(chunk: &Chunk<'_>, record: &Record<'_>, rejection: Rejection) -> DeadLetter {
    let value = record.value;
    DeadLetter {
        source_id: chunk.source_id,
        offset: record.offset as u64,
        reason: rejection.reason,
        detail: rejection.detail,
        record_at: record.timestamp_us,
        received_at: chunk.records.received_at_us,
        bytes: value.map(head),
        byte_length: value.map_or(0, <[u8]>::len) as u64,
        bytes_hash: xxh3_64(value.unwrap_or_default()),
    }
}

/// A damaged batch is one dead letter at its first wanted offset; nobody can tell its records apart.
fn refuse_batch(chunk: &Chunk<'_>, damaged: &DamagedBatch) -> DeadLetter {
    let bytes = chunk.records.data.get(damaged.bytes.clone()).unwrap_or_default();
    let first = damaged.base_offset.max(chunk.records.first_offset);
    DeadLetter {
        source_id: chunk.source_id,
        offset: first as u64,
        reason: Reason::BadBatch,
        detail: format!("offsets {first} to {}: {}", first.max(damaged.next_offset - 1), damaged.reason),
        record_at: chunk.records.received_at_us,
        received_at: chunk.records.received_at_us,
        bytes: Some(head(bytes)),
        byte_length: bytes.len() as u64,
        bytes_hash: xxh3_64(bytes),
    }
}

fn head(bytes: &[u8]) -> Vec<u8> {
    bytes.get(..bytes.len().min(DEAD_LETTER_BYTES)).unwrap_or_default().to_vec()
}
