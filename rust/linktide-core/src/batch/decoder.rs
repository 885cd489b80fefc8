//! Bytes of several chunks to one batch: unpack, decode, normalise, key.

use std::ops::ControlFlow;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::columns::{Columns, Url};
use super::{DeadLetter, EventBatch};
use crate::event::{AHEAD_US, DecodeContext, Event, Reason, Rejection, decode};
use crate::url::{Normalizer, PublicSuffixList, UrlReason, key};
use crate::wire::{ChunkRef, DamagedBatch, Record, Unpacker};

/// Bytes of a refused record that are kept.
const DEAD_LETTER_BYTES: usize = 64 * 1024;

/// What a record without a value takes in a batch, about: a few bytes may unpack to millions of them.
const RECORD_BYTES: usize = 64;

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
    /// The records.
    pub records: ChunkRef<'a>,
}

/// Turns chunks into batches. Keeps buffers, so each thread has its own.
pub struct BatchDecoder {
    options: DecoderOptions,
    normalizer: Normalizer,
    unpacker: Unpacker,
    urls: Urls,
}

impl std::fmt::Debug for BatchDecoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BatchDecoder").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The two URLs of an event; the source is kept because the next event often has the same.
#[derive(Debug, Default)]
struct Urls {
    raw_source: String,
    source: Url,
    target: Url,
}

impl BatchDecoder {
    /// A decoder for one database.
    #[must_use]
    pub fn new(suffixes: Arc<PublicSuffixList>, options: DecoderOptions) -> Self {
        let normalizer = Normalizer::new(suffixes);
        Self { options, normalizer, unpacker: Unpacker::default(), urls: Urls::default() }
    }

    /// Decode chunks in order. Every record up to [`EventBatch::ended_at`] is in the batch or in its dead
    /// letters; nothing fails.
    pub fn decode(&mut self, chunks: &[Chunk<'_>]) -> EventBatch {
        let mut columns = Columns::default();
        let mut dead_letters = Vec::new();
        let Self { options, normalizer, unpacker, urls } = self;
        let (mut bytes, mut ended_at) = (0, None);
        for (place, chunk) in chunks.iter().enumerate() {
            let scan = unpacker.for_each_record_until(&chunk.records, |record| {
                let size = RECORD_BYTES + record.value.map_or(0, <[u8]>::len).min(options.max_event_bytes);
                if bytes > 0 && bytes + size > options.max_batch_bytes {
                    return ControlFlow::Break(());
                }
                bytes += size;
                let record = with_sound_time(record, chunk.records.received_at_us);
                let taken = take(options, normalizer, urls, &record)
                    .map(|event| columns.push(chunk.source_id, &record, &event, urls.pair(options.seed)));
                if let Err(rejection) = taken {
                    dead_letters.push(refuse(chunk, &record, rejection));
                }
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

impl Urls {
    fn pair(&self, seed: u64) -> (u64, &Url, &Url) {
        let mut bytes = [0; 16];
        let (source, target) = bytes.split_at_mut(8);
        source.copy_from_slice(&self.source.key.to_le_bytes());
        target.copy_from_slice(&self.target.key.to_le_bytes());
        (key(seed, &bytes), &self.source, &self.target)
    }
}

/// The record, with the time of receipt where its own time cannot be true: a producer stamps what its clock
/// says, and a clock that runs ahead would let its events win every maximum for ever.
fn with_sound_time(record: Record<'_>, received_at_us: i64) -> Record<'_> {
    let is_sound = (0..=received_at_us.saturating_add(AHEAD_US)).contains(&record.timestamp_us);
    Record { timestamp_us: if is_sound { record.timestamp_us } else { received_at_us }, ..record }
}

/// Decode one record and normalise its URLs into `urls`.
fn take<'a>(
    options: &DecoderOptions,
    normalizer: &mut Normalizer,
    urls: &mut Urls,
    record: &Record<'a>,
) -> Result<Event<'a>, Rejection> {
    let context =
        DecodeContext { record_time_us: record.timestamp_us, max_event_bytes: options.max_event_bytes };
    let event = decode(record.value, &context)?;
    if urls.raw_source.is_empty() || urls.raw_source != event.source_url {
        urls.raw_source.clear();
        read_url(normalizer, options.seed, "source_url", &event.source_url, None, &mut urls.source)?;
        urls.raw_source.push_str(&event.source_url);
    }
    let target = event.target_url.as_deref().unwrap_or_default();
    let base = event.base.as_deref().unwrap_or(&event.source_url);
    read_url(normalizer, options.seed, "target_url", target, Some(base), &mut urls.target)?;
    Ok(event)
}

fn read_url(
    normalizer: &mut Normalizer,
    seed: u64,
    field: &str,
    raw: &str,
    base: Option<&str>,
    url: &mut Url,
) -> Result<(), Rejection> {
    url.text.clear();
    let text = normalizer.normalize_text(raw.as_bytes(), base, &mut url.text).map_err(|reason| {
        let shown: String = raw.chars().take(200).collect();
        Rejection::new(dead_letter_reason(reason), format!("{field} {shown:?}: {reason}"))
    })?;
    let domain = normalizer.domain(&text, &url.text);
    url.domain = (domain.start as u16, domain.end as u16);
    url.key = key(seed, &url.text);
    url.domain_key = key(seed, url.text.get(domain).unwrap_or_default());
    Ok(())
}

fn dead_letter_reason(reason: UrlReason) -> Reason {
    match reason {
        UrlReason::Scheme => Reason::UrlScheme,
        UrlReason::Relative => Reason::RelativeUrl,
        UrlReason::Host | UrlReason::Private => Reason::UrlHost,
        UrlReason::TooLong => Reason::UrlTooLong,
        UrlReason::BadUtf8 | UrlReason::Invalid => Reason::UrlInvalid,
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
