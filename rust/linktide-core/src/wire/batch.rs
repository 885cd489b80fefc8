//! The walk over Kafka record batch headers: lengths, checksums, offsets. No decompression.
//!
//! Layout: <https://kafka.apache.org/documentation/#recordbatch>. The checksum covers everything from the
//! attributes on, so base offset, length, leader epoch and magic are checked by plausibility alone.

use super::cursor::take;
use super::damage::{Damage, DamagedBatch};

/// Base offset and length, which the length does not count.
const PREFIX_BYTES: usize = 12;
/// Up to and including the magic byte; the same in all formats.
const PEEK_BYTES: usize = 17;
/// The shortest length any format can have (v0).
const LEAST_LENGTH: i32 = 14;
/// Bytes of a record that has nothing: length, attributes, two deltas, key, value, header count.
const LEAST_RECORD_BYTES: usize = 7;
const MAGIC: i8 = 2;
/// Beyond any true offset, with room left to count on from it.
pub(super) const GREATEST_OFFSET: i64 = i64::MAX - (1 << 33);

/// Fields of a v2 batch header that reading needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) base_offset: i64,
    pub(super) attributes: i16,
    pub(super) last_offset_delta: i32,
    pub(super) first_timestamp_ms: i64,
    pub(super) max_timestamp_ms: i64,
    pub(super) producer_id: i64,
    pub(super) records: i32,
}

impl Header {
    /// Returns the header, the stored checksum and the body.
    fn parse(mut bytes: &[u8]) -> Option<(Self, u32, &[u8])> {
        let input = &mut bytes;
        let base_offset = i64::from_be_bytes(take(input)?);
        let _length_epoch_magic: [u8; 9] = take(input)?;
        let crc = u32::from_be_bytes(take(input)?);
        let attributes = i16::from_be_bytes(take(input)?);
        let last_offset_delta = i32::from_be_bytes(take(input)?);
        let first_timestamp_ms = i64::from_be_bytes(take(input)?);
        let max_timestamp_ms = i64::from_be_bytes(take(input)?);
        let producer_id = i64::from_be_bytes(take(input)?);
        let _epoch_sequence: [u8; 6] = take(input)?;
        let records = i32::from_be_bytes(take(input)?);
        let header = Self {
            base_offset,
            attributes,
            last_offset_delta,
            first_timestamp_ms,
            max_timestamp_ms,
            producer_id,
            records,
        };
        Some((header, crc, input))
    }

    pub(super) fn compression_id(&self) -> u8 {
        (self.attributes & 0x07) as u8
    }

    pub(super) fn is_append_time(&self) -> bool {
        self.attributes & 0x08 != 0
    }

    pub(super) fn is_transactional(&self) -> bool {
        self.attributes & 0x10 != 0
    }

    pub(super) fn is_control(&self) -> bool {
        self.attributes & 0x20 != 0
    }

    /// The offset after the batch if the counts can be true. Compaction may leave fewer records than deltas.
    fn next_offset(&self, body_bytes: usize) -> Option<i64> {
        let records = usize::try_from(self.records).ok()?;
        let is_compressed = self.compression_id() != 0;
        let is_plausible = (is_compressed || records <= body_bytes / LEAST_RECORD_BYTES)
            && i64::from(self.records) <= i64::from(self.last_offset_delta) + 1;
        if !is_plausible || self.last_offset_delta < 0 {
            return None;
        }
        let next_offset = self.base_offset.checked_add(i64::from(self.last_offset_delta) + 1)?;
        (next_offset <= GREATEST_OFFSET).then_some(next_offset)
    }

    /// The same for a batch whose checksum failed: only if two fields agree, as in any batch not compacted.
    fn claimed_next_offset(&self, body_bytes: usize) -> Option<i64> {
        if i64::from(self.records) != i64::from(self.last_offset_delta) + 1 {
            return None;
        }
        self.next_offset(body_bytes)
    }
}

/// A batch whose checksum and counts are sound.
#[derive(Clone, Debug)]
pub(super) struct Batch<'a> {
    pub(super) header: Header,
    pub(super) next_offset: i64,
    pub(super) body: &'a [u8],
    pub(super) bytes: std::ops::Range<usize>,
}

impl Batch<'_> {
    /// The same stretch, once its body proves unreadable.
    pub(super) fn damaged(&self, reason: Damage) -> DamagedBatch {
        DamagedBatch {
            base_offset: self.header.base_offset,
            next_offset: self.next_offset,
            reason,
            bytes: self.bytes.clone(),
        }
    }
}

/// Base offset, length and magic: what all formats share.
#[derive(Clone, Copy)]
struct Peek {
    base_offset: i64,
    length: i32,
    magic: i8,
}

impl Peek {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let input = &mut bytes.get(..PEEK_BYTES)?;
        let base_offset = i64::from_be_bytes(take(input)?);
        let length = i32::from_be_bytes(take(input)?);
        let _leader_epoch: [u8; 4] = take(input)?;
        let [magic] = take(input)?;
        Some(Self { base_offset, length, magic: magic.cast_signed() })
    }

    fn bytes(self) -> Option<usize> {
        (self.length >= LEAST_LENGTH).then(|| PREFIX_BYTES + self.length as usize)
    }

    fn is_plausible(self) -> bool {
        self.length >= LEAST_LENGTH && (0..=MAGIC).contains(&self.magic) && self.base_offset < GREATEST_OFFSET
    }
}

/// Walks the batches of a buffer; ends at its end or at a partial batch.
#[derive(Debug)]
pub(super) struct Batches<'a> {
    data: &'a [u8],
    position: usize,
    /// Batches may only go up from here.
    expected_offset: i64,
    /// The broker begins with the batch that holds it, so an honest first batch does not lie beyond.
    first_offset: i64,
}

impl<'a> Batches<'a> {
    pub(super) fn new(data: &'a [u8], first_offset: i64) -> Self {
        Self { data, position: 0, expected_offset: 0, first_offset }
    }

    /// Bytes not walked: a partial batch.
    pub(super) fn trailing_bytes(&self) -> usize {
        self.data.len() - self.position
    }

    fn rest(&self) -> &'a [u8] {
        self.data.get(self.position..).unwrap_or_default()
    }

    /// Base offset of the batch at the current position, if there is a header that could be true.
    fn follower(&self) -> Option<i64> {
        let peek = Peek::parse(self.rest()).filter(|peek| peek.is_plausible())?;
        (peek.base_offset >= self.expected_offset).then_some(peek.base_offset)
    }

    /// Read one whole batch; `self.position` already stands behind it.
    fn read(&self, peek: Peek, bytes: &'a [u8], start: usize) -> Result<Batch<'a>, Damage> {
        if peek.magic != MAGIC {
            return Err(Damage::Magic { magic: peek.magic });
        }
        let (header, stored, body) = Header::parse(bytes).ok_or(Damage::Length { length: peek.length })?;
        let computed = crc32c::crc32c(bytes.get(PEEK_BYTES + 4..).unwrap_or_default());
        if stored != computed {
            return Err(Damage::Crc { stored, computed });
        }
        let Header { base_offset: offset, records, last_offset_delta, .. } = header;
        let next_offset =
            header.next_offset(body.len()).ok_or(Damage::Counts { records, last_offset_delta })?;
        if offset < self.expected_offset {
            return Err(Damage::Offset { offset, expected: self.expected_offset });
        }
        // Two batches overlap, one of them lies: this one, unless it goes on where the walk had come to or the
        // follower lies where this one has to be.
        let due = self.expected_offset.max(self.first_offset);
        let overlap = self.follower().filter(|follower| due < *follower && *follower < next_offset);
        if let Some(expected) = overlap.filter(|_| offset > due) {
            return Err(Damage::Offset { offset, expected });
        }
        Ok(Batch { header, next_offset, body, bytes: start..self.position })
    }

    /// Settle which offsets and bytes a damaged batch takes with it.
    fn damage(&mut self, peek: Peek, bytes: &[u8], start: usize, reason: Damage) -> DamagedBatch {
        let follower = self.follower();
        if follower.is_none() && self.rest().len() >= PEEK_BYTES {
            self.position = self.data.len();
        }
        let greatest = follower.map_or(GREATEST_OFFSET, |follower| follower - 1).max(self.expected_offset);
        let base_offset = peek.base_offset.clamp(self.expected_offset, greatest);
        let claimed = || {
            let (header, _, body) = Header::parse(bytes)?;
            header.claimed_next_offset(body.len()).filter(|_| peek.magic == MAGIC)
        };
        let next_offset = follower.unwrap_or_else(|| claimed().unwrap_or(0).max(base_offset + 1));
        DamagedBatch { base_offset, next_offset, reason, bytes: start..self.position }
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, DamagedBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let (start, rest) = (self.position, self.rest());
        let peek = Peek::parse(rest)?;
        let item = if let Some(length) = peek.bytes() {
            let bytes = rest.get(..length)?;
            self.position += length;
            self.read(peek, bytes, start).map_err(|reason| self.damage(peek, bytes, start, reason))
        } else {
            self.position = self.data.len();
            Err(self.damage(peek, &[], start, Damage::Length { length: peek.length }))
        };
        self.expected_offset = match &item {
            Ok(batch) => batch.next_offset,
            Err(damaged) => damaged.next_offset,
        };
        Some(item)
    }
}

/// What the headers of a buffer say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Where to fetch next: after the last whole batch, damaged ones included.
    pub next_offset: i64,
    /// Records in sound batches as their headers count them, control batches left out.
    pub records: u64,
    /// Sound batches.
    pub batches: u64,
    /// The first batch that cannot be read; fetch again from `max(fetch offset, its base_offset)`.
    pub first_damaged: Option<DamagedBatch>,
    /// Bytes of a partial batch at the end. If they are all there is, the fetch limit is too small.
    pub trailing_bytes: usize,
}

/// Walk the headers of Kafka record batches and check their checksums; decompresses nothing, never fails.
///
/// Batches that lie wholly below `fetch_offset` do not count.
#[must_use]
pub fn scan(data: &[u8], fetch_offset: i64) -> Scan {
    let mut scan = Scan { next_offset: fetch_offset, ..Scan::default() };
    let mut batches = Batches::new(data, fetch_offset);
    for item in &mut batches {
        match item {
            Ok(batch) if batch.next_offset > fetch_offset => {
                scan.next_offset = batch.next_offset;
                scan.batches += 1;
                if !batch.header.is_control() {
                    scan.records += u64::from(batch.header.records.unsigned_abs());
                }
            }
            Err(damaged) if damaged.next_offset > fetch_offset => {
                scan.next_offset = damaged.next_offset;
                scan.first_damaged.get_or_insert(damaged);
            }
            _ => {}
        }
    }
    scan.trailing_bytes = batches.trailing_bytes();
    scan
}
