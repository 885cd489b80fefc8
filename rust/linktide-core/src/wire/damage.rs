//! What cannot be read, and why.

use std::ops::Range;

use thiserror::Error;

use super::Compression;

/// Why a batch (or a frame) cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// The length field cannot be true, so the next batch cannot be found either.
    #[error("batch length {length} is too small or does not lead to a batch")]
    Length {
        /// As the header has it.
        length: i32,
    },
    /// A format this reader does not know, or one older than v2.
    #[error(
        "record format v{magic} is not read, only v2: set the topic's message format to v2 and rewrite it"
    )]
    Magic {
        /// As the header has it.
        magic: i8,
    },
    /// The checksum differs: bytes changed on the way or on disk.
    #[error("CRC-32C of the batch is {computed:08x}, its header says {stored:08x}")]
    Crc {
        /// As the header has it.
        stored: u32,
        /// Over the bytes at hand.
        computed: u32,
    },
    /// Counts in the header contradict each other or the size of the batch.
    #[error("header counts {records} records up to offset delta {last_offset_delta}, which cannot be")]
    Counts {
        /// As the header has it.
        records: i32,
        /// As the header has it.
        last_offset_delta: i32,
    },
    /// The batch overlaps the one before or after it.
    #[error("batch says offset {offset}, but {expected} was due")]
    Offset {
        /// As the header has it.
        offset: i64,
        /// The least offset that could come here, or that of the next batch if the batch runs beyond it.
        expected: i64,
    },
    /// A compression this reader does not know.
    #[error("compression type {id} is not known")]
    Compression {
        /// Bits 0–2 of the attributes.
        id: u8,
    },
    /// The compressed bytes are broken or cut.
    #[error("{0} bytes are broken or cut")]
    Decompress(Compression),
    /// The batch decompresses to more than allowed.
    #[error("batch decompresses to more than {max_bytes} bytes")]
    TooLarge {
        /// The limit in force.
        max_bytes: usize,
    },
    /// A record inside an otherwise sound batch.
    #[error("record {index} of the batch has a broken length, number or offset")]
    Record {
        /// Position in the batch, from 0; the record count if bytes are left over behind the last.
        index: u32,
    },
    /// A transaction marker that is neither commit nor abort.
    #[error("control batch without a readable marker")]
    Marker,
    /// A frame whose length is negative or runs beyond the chunk.
    #[error("frame length {length} is negative or runs beyond the chunk")]
    Frame {
        /// As the frame has it; −1 if the frame head itself is cut.
        length: i32,
    },
}

impl Damage {
    /// A short name from a fixed list, for metric labels and dead letters.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => "batch_length",
            Self::Magic { .. } => "batch_magic",
            Self::Crc { .. } => "batch_crc",
            Self::Counts { .. } => "batch_counts",
            Self::Offset { .. } => "batch_offset",
            Self::Compression { .. } => "batch_compression",
            Self::Decompress(_) => "batch_decompress",
            Self::TooLarge { .. } => "batch_too_large",
            Self::Record { .. } => "batch_record",
            Self::Marker => "batch_marker",
            Self::Frame { .. } => "frame_length",
        }
    }
}

/// A stretch of a chunk that yields no record. A batch is read whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedBatch {
    /// First offset it may have held; below the wanted offset if the batch began there.
    pub base_offset: i64,
    /// The offset after it, gaps included; equals `base_offset` if it stands where no offset is free.
    pub next_offset: i64,
    /// Why.
    pub reason: Damage,
    /// Where it lies in the chunk's data; runs to the end if no next batch could be found.
    pub bytes: Range<usize>,
}
