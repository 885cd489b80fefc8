//! From a chunk to its records.

use std::ops::ControlFlow;

use super::aborts::Aborts;
use super::batch::{Batch, Batches};
use super::compression::{Compression, Decompressor};
use super::damage::{Damage, DamagedBatch};
use super::records::{Marker, Records, marker};
use super::{ChunkRef, Codec, Record, streams};

/// What became of a chunk: every record in it is in exactly one of the four counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkScan {
    /// The offset after the last one read, gaps, markers and damage included; at least the first offset.
    pub next_offset: i64,
    /// Records handed out.
    pub records: u64,
    /// Records below the first offset, left out (of batches that reach it; those before it are not opened).
    pub below: u64,
    /// Records of aborted transactions, left out.
    pub aborted: u64,
    /// What could not be read and reaches the first offset or beyond, in offset order.
    pub damaged: Vec<DamagedBatch>,
    /// Bytes of a partial batch at the end.
    pub trailing_bytes: usize,
    /// The sink broke off at `next_offset`, which it did not take.
    pub is_broken_off: bool,
}

impl ChunkScan {
    pub(super) fn deliver(
        &mut self,
        first_offset: i64,
        record: Record<'_>,
        sink: &mut impl FnMut(Record<'_>) -> ControlFlow<()>,
    ) {
        if record.offset < first_offset {
            self.below += 1;
        } else if sink(record).is_continue() {
            self.records += 1;
        } else {
            self.is_broken_off = true;
            self.next_offset = record.offset;
        }
    }

    pub(super) fn damage(&mut self, first_offset: i64, damaged: DamagedBatch) {
        if damaged.next_offset > first_offset {
            self.damaged.push(damaged);
        }
    }
}

/// Reads chunks; keeps its buffers between them, so give each worker thread its own.
pub struct Unpacker {
    decompressor: Decompressor,
    aborts: Aborts,
}

impl Default for Unpacker {
    fn default() -> Self {
        Self::new(Self::MAX_BATCH_BYTES)
    }
}

impl Unpacker {
    /// The usual limit of one decompressed batch: 256 MiB.
    pub const MAX_BATCH_BYTES: usize = 256 << 20;

    /// `max_batch_bytes` bounds one decompressed batch; a larger one is damaged.
    #[must_use]
    pub fn new(max_batch_bytes: usize) -> Self {
        Self { decompressor: Decompressor::new(max_batch_bytes), aborts: Aborts::default() }
    }

    /// Hand every wanted record of a chunk to `sink`, in offset order; never fails.
    ///
    /// A batch is checked whole before its first record is handed out, so it is either in the records or in
    /// the damage. Allocates per chunk at most, not per record.
    pub fn for_each_record(&mut self, chunk: &ChunkRef<'_>, mut sink: impl FnMut(Record<'_>)) -> ChunkScan {
        self.for_each_record_until(chunk, |record| {
            sink(record);
            ControlFlow::Continue(())
        })
    }

    /// As [`Self::for_each_record`], until `sink` breaks off: the record it broke off at is not taken, and the
    /// same chunk read from its offset goes on where this left.
    pub fn for_each_record_until(
        &mut self,
        chunk: &ChunkRef<'_>,
        mut sink: impl FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> ChunkScan {
        let mut scan = ChunkScan { next_offset: chunk.first_offset, ..ChunkScan::default() };
        match chunk.codec {
            Codec::Kafka => self.read_batches(chunk, &mut scan, &mut sink),
            Codec::Ndjson => streams::read_lines(chunk, &mut scan, &mut sink),
            Codec::Framed => streams::read_frames(chunk, &mut scan, &mut sink),
        }
        scan
    }

    fn read_batches(
        &mut self,
        chunk: &ChunkRef<'_>,
        scan: &mut ChunkScan,
        sink: &mut impl FnMut(Record<'_>) -> ControlFlow<()>,
    ) {
        self.aborts.begin(chunk.aborted);
        let mut batches = Batches::new(chunk.data, chunk.first_offset);
        for item in &mut batches {
            let result = item.and_then(|batch| {
                scan.next_offset = scan.next_offset.max(batch.next_offset);
                self.read_batch(&batch, chunk, scan, sink).map_err(|reason| batch.damaged(reason))
            });
            if scan.is_broken_off {
                break;
            }
            if let Err(damaged) = result {
                scan.next_offset = scan.next_offset.max(damaged.next_offset);
                scan.damage(chunk.first_offset, damaged);
            }
        }
        scan.trailing_bytes = batches.trailing_bytes();
        self.decompressor.trim();
    }

    fn read_batch(
        &mut self,
        batch: &Batch<'_>,
        chunk: &ChunkRef<'_>,
        scan: &mut ChunkScan,
        sink: &mut impl FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(), Damage> {
        let header = &batch.header;
        self.aborts.advance(batch);
        if !header.is_control() {
            if batch.next_offset <= chunk.first_offset {
                return Ok(());
            }
            if self.aborts.is_aborted(batch) {
                scan.aborted += u64::from(header.records.unsigned_abs());
                return Ok(());
            }
        }
        let body = match Compression::from_id(header.compression_id())? {
            None => batch.body,
            Some(compression) => self.decompressor.decompress(compression, batch.body)?,
        };
        if header.is_control() {
            // Compaction may leave a control batch without its record; then it says nothing.
            if header.records > 0 && marker(body).ok_or(Damage::Marker)? == Marker::End {
                self.aborts.end(header.producer_id);
            }
            return Ok(());
        }
        Records::new(header, body).check()?;
        for record in Records::new(header, body).flatten() {
            let timestamp_us = micros(record.timestamp_ms).unwrap_or(chunk.received_at_us);
            let record = Record { offset: record.offset, timestamp_us, value: record.value };
            scan.deliver(chunk.first_offset, record, sink);
            if scan.is_broken_off {
                break;
            }
        }
        Ok(())
    }
}

/// Kafka writes −1 where it has no time.
fn micros(milliseconds: i64) -> Option<i64> {
    (milliseconds >= 0).then(|| milliseconds.saturating_mul(1000))
}
