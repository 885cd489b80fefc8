//! Decompression of batch bodies into one reused buffer, with a limit.

use std::fmt;
use std::io::{self, Read};

use zstd::zstd_safe::{self, DCtx, InBuffer, OutBuffer, ResetDirective};

use super::damage::Damage;

/// The compressions of Kafka's v2 format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, one or more members.
    Gzip,
    /// Raw, or in the frames of the xerial library as Java writes them.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// RFC 8878, one or more frames.
    Zstd,
}

impl Compression {
    /// The compression of these attribute bits; None is none.
    pub(super) fn from_id(id: u8) -> Result<Option<Self>, Damage> {
        match id {
            0 => Ok(None),
            1 => Ok(Some(Self::Gzip)),
            2 => Ok(Some(Self::Snappy)),
            3 => Ok(Some(Self::Lz4)),
            4 => Ok(Some(Self::Zstd)),
            _ => Err(Damage::Compression { id }),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}

/// A buffer larger than this is given back after the chunk.
const KEPT_BYTES: usize = 16 << 20;
/// Room added at least when the size is not known beforehand.
const STEP_BYTES: usize = 64 << 10;
const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\0";
/// A snappy element of three bytes stands for 64 at most; anything that claims more is a bomb or broken.
const SNAPPY_GREATEST_RATIO: usize = 22;

/// Decompresses batch bodies; holds the last one.
pub(super) struct Decompressor {
    buffer: Vec<u8>,
    zstd: Option<DCtx<'static>>,
    max_bytes: usize,
}

/// Why a body could not be decompressed.
enum Failure {
    Broken,
    TooLarge,
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

impl Decompressor {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { buffer: Vec::new(), zstd: None, max_bytes }
    }

    /// Decompress a body; what comes back is good until the next call.
    pub(super) fn decompress(&mut self, compression: Compression, body: &[u8]) -> Result<&[u8], Damage> {
        self.buffer.clear();
        let result = match compression {
            Compression::Gzip => self.read(flate2::read::MultiGzDecoder::new(body)),
            Compression::Snappy => self.snappy(body),
            Compression::Lz4 => self.read(lz4_flex::frame::FrameDecoder::new(body)),
            Compression::Zstd => self.zstd(body),
        };
        match result {
            Ok(()) => Ok(&self.buffer),
            Err(Failure::Broken) => Err(Damage::Decompress(compression)),
            Err(Failure::TooLarge) => Err(Damage::TooLarge { max_bytes: self.max_bytes }),
        }
    }

    /// Give back an unusually large buffer.
    pub(super) fn trim(&mut self) {
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
    }

    fn check_size(&self, bytes: usize) -> Result<(), Failure> {
        if bytes > self.max_bytes { Err(Failure::TooLarge) } else { Ok(()) }
    }

    fn read(&mut self, stream: impl Read) -> Result<(), Failure> {
        stream.take(self.max_bytes as u64 + 1).read_to_end(&mut self.buffer)?;
        self.check_size(self.buffer.len())
    }

    fn snappy(&mut self, body: &[u8]) -> Result<(), Failure> {
        if !body.starts_with(XERIAL_MAGIC) {
            return self.snappy_block(body);
        }
        // Version and least compatible version follow; writers disagree on their byte order, so nobody checks.
        let mut rest = body.get(16..).ok_or(Failure::Broken)?;
        while !rest.is_empty() {
            let (length, tail) = rest.split_first_chunk::<4>().ok_or(Failure::Broken)?;
            let length = u32::from_be_bytes(*length) as usize;
            let (block, tail) = tail.split_at_checked(length).ok_or(Failure::Broken)?;
            self.snappy_block(block)?;
            rest = tail;
        }
        Ok(())
    }

    fn snappy_block(&mut self, block: &[u8]) -> Result<(), Failure> {
        let start = self.buffer.len();
        let bytes = snap::raw::decompress_len(block).map_err(|_| Failure::Broken)?;
        self.check_size(start.saturating_add(bytes))?;
        if bytes > block.len().saturating_mul(SNAPPY_GREATEST_RATIO) {
            return Err(Failure::Broken);
        }
        self.buffer.resize(start + bytes, 0);
        let target = self.buffer.get_mut(start..).unwrap_or_default();
        snap::raw::Decoder::new().decompress(block, target).map_err(|_| Failure::Broken)?;
        Ok(())
    }

    fn zstd(&mut self, body: &[u8]) -> Result<(), Failure> {
        let mut context = match self.zstd.take() {
            Some(context) => context,
            None => DCtx::try_create().ok_or(Failure::Broken)?,
        };
        let result = self.zstd_with(&mut context, body);
        if context.reset(ResetDirective::SessionOnly).is_ok() {
            self.zstd = Some(context);
        }
        result
    }

    fn zstd_with(&mut self, context: &mut DCtx<'static>, body: &[u8]) -> Result<(), Failure> {
        let known = zstd_safe::get_frame_content_size(body).map_err(|_| Failure::Broken)?;
        // One frame of known size goes straight to the buffer; Java's producer does not tell the size.
        if let Some(bytes) = known.filter(|_| zstd_safe::find_frame_compressed_size(body) == Ok(body.len())) {
            self.check_size(usize::try_from(bytes).map_err(|_| Failure::TooLarge)?)?;
            self.buffer.reserve(bytes as usize);
            return context.decompress(&mut self.buffer, body).map(drop).map_err(|_| Failure::Broken);
        }
        let mut input = InBuffer::around(body);
        loop {
            let filled = self.buffer.len();
            self.check_size(filled)?;
            if filled == self.buffer.capacity() {
                let room = filled.max(STEP_BYTES).max(2 * body.len());
                self.buffer.reserve(room.min(self.max_bytes + 1 - filled));
            }
            let mut output = OutBuffer::around_pos(&mut self.buffer, filled);
            let left = context.decompress_stream(&mut output, &mut input).map_err(|_| Failure::Broken)?;
            let is_consumed = input.pos() == body.len();
            if is_consumed && left == 0 {
                return self.check_size(self.buffer.len());
            }
            // Nothing more to read, room to write, yet the frame is not complete.
            if is_consumed && self.buffer.len() < self.buffer.capacity() {
                return Err(Failure::Broken);
            }
        }
    }
}
