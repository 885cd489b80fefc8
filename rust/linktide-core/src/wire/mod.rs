//! Bytes of one partition to records: Kafka record batches v2, NDJSON lines, and plain frames.
//!
//! [`scan`] walks headers and checksums only and says where to continue fetching. [`Unpacker`] hands out the
//! records. Neither stops for bytes it cannot read: these come back as [`DamagedBatch`], and reading goes on
//! where the next header is still plausible.

mod aborts;
mod batch;
mod compression;
mod cursor;
mod damage;
mod fuzz;
mod records;
mod streams;
#[cfg(test)]
mod tests;
mod unpack;

pub use batch::{Scan, scan};
pub use compression::Compression;
pub use damage::{Damage, DamagedBatch};
pub use fuzz::exercise;
pub use unpack::{ChunkScan, Unpacker};

/// How the records of a chunk are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Kafka record batches, format v2, as they came from the broker; may begin before the first offset and
    /// end in a partial batch.
    Kafka,
    /// Lines; the offset of a line is the first offset plus its index. A blank line takes an offset and
    /// yields nothing; CRLF is tolerated and the last line may lack its end.
    Ndjson,
    /// Repeated (offset i64, `timestamp_us` i64, length i32, bytes), little endian; length −1 is a null value.
    Framed,
}

impl Codec {
    /// The codec of this name (`kafka`, `ndjson`, `framed`), as the sources write it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "kafka" => Some(Self::Kafka),
            "ndjson" => Some(Self::Ndjson),
            "framed" => Some(Self::Framed),
            _ => None,
        }
    }
}

/// Undecoded records of one partition, in offset order.
#[derive(Clone, Copy, Debug)]
pub struct ChunkRef<'a> {
    /// How `data` is packed.
    pub codec: Codec,
    /// The packed records.
    pub data: &'a [u8],
    /// Records below it are not wanted.
    pub first_offset: i64,
    /// Unix µs; stands in for the record time where the codec carries none.
    pub received_at_us: i64,
    /// (producer id, first offset) of aborted transactions, in any order; empty unless read committed.
    pub aborted: &'a [(i64, i64)],
}

/// One record. The value borrows from the chunk, or from the unpacker where the batch was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place in the partition.
    pub offset: i64,
    /// Unix µs: append time if the topic keeps that, else create time, else the time of receipt.
    pub timestamp_us: i64,
    /// None is a null value (a tombstone).
    pub value: Option<&'a [u8]>,
}
