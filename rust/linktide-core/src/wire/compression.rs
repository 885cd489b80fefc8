//! Decompression of batch bodies into one reused buffer, with a limit.

use std::fmt;
use std::io::{self, Read};

use zstd::zstd_safe::{self, DCtx, InBuffer, OutBuffer, ResetDirective};

use super::cursor::{take, take_slice};
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
/// Room asked for at least when the size is not known beforehand.
const STEP_BYTES: usize = 64 << 10;
const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\0";
/// A snappy element of three bytes stands for 64 at most; anything that claims more is a bomb or broken.
const SNAPPY_GREATEST_RATIO: usize = 22;
const LZ4_MAGIC: u32 = 0x184D_2204;
/// How far back a linked LZ4 block can refer.
const LZ4_WINDOW_BYTES: usize = 64 << 10;

/// Decompresses batch bodies; holds the last one.
pub(super) struct Decompressor {
    /// Only grows, so that no byte is cleared twice; the first `filled` are the body.
    buffer: Vec<u8>,
    filled: usize,
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
        Self { buffer: Vec::new(), filled: 0, zstd: None, max_bytes }
    }

    /// Decompress a body; what comes back is good until the next call.
    pub(super) fn decompress(&mut self, compression: Compression, body: &[u8]) -> Result<&[u8], Damage> {
        self.filled = 0;
        let result = match compression {
            Compression::Gzip => self.gzip(body),
            Compression::Snappy => self.snappy(body),
            Compression::Lz4 => self.lz4(body),
            Compression::Zstd => self.zstd(body),
        };
        match result {
            Ok(()) => Ok(self.buffer.get(..self.filled).unwrap_or_default()),
            Err(Failure::Broken) => Err(Damage::Decompress(compression)),
            Err(Failure::TooLarge) => Err(Damage::TooLarge { max_bytes: self.max_bytes }),
        }
    }

    /// Give back an unusually large buffer.
    pub(super) fn trim(&mut self) {
        if self.buffer.len() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
    }

    /// The body so far, and at least `bytes` to write behind it.
    fn room(&mut self, bytes: usize) -> (&[u8], &mut [u8]) {
        let wanted = self.filled.saturating_add(bytes);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted.max(2 * self.filled), 0);
        }
        let (body, room) = self.buffer.split_at_mut(self.filled);
        (body, room)
    }

    fn check(&self, bytes: usize) -> Result<(), Failure> {
        if bytes > self.max_bytes { Err(Failure::TooLarge) } else { Ok(()) }
    }

    fn advance(&mut self, bytes: usize) -> Result<(), Failure> {
        self.filled += bytes;
        self.check(self.filled)
    }

    fn gzip(&mut self, body: &[u8]) -> Result<(), Failure> {
        let mut stream = flate2::bufread::MultiGzDecoder::new(body);
        loop {
            let bytes = stream.read(self.room(STEP_BYTES).1)?;
            if bytes == 0 {
                return Ok(());
            }
            self.advance(bytes)?;
        }
    }

    fn snappy(&mut self, body: &[u8]) -> Result<(), Failure> {
        if !body.starts_with(XERIAL_MAGIC) {
            return self.snappy_block(body);
        }
        // Version and least compatible version follow; writers disagree on their byte order, so nobody checks.
        let mut rest = body.get(16..).ok_or(Failure::Broken)?;
        while !rest.is_empty() {
            let length = take(&mut rest).map(u32::from_be_bytes).ok_or(Failure::Broken)?;
            self.snappy_block(take_slice(&mut rest, length as usize).ok_or(Failure::Broken)?)?;
        }
        Ok(())
    }

    fn snappy_block(&mut self, block: &[u8]) -> Result<(), Failure> {
        let bytes = snap::raw::decompress_len(block).map_err(|_| Failure::Broken)?;
        self.check(self.filled.saturating_add(bytes))?;
        if bytes > block.len().saturating_mul(SNAPPY_GREATEST_RATIO) {
            return Err(Failure::Broken);
        }
        let written = snap::raw::Decoder::new().decompress(block, self.room(bytes).1);
        self.advance(written.map_err(|_| Failure::Broken)?)
    }

    /// Frames one after another. Read here rather than by a stream reader, which would copy each block once
    /// more, take a frame cut behind its last block for whole, and end after the first frame.
    fn lz4(&mut self, mut body: &[u8]) -> Result<(), Failure> {
        while !body.is_empty() {
            let frame = Lz4Frame::open(&mut body).ok_or(Failure::Broken)?;
            let start = self.filled;
            if let Some(bytes) = frame.content_bytes {
                self.check(start.saturating_add(usize::try_from(bytes).map_err(|_| Failure::TooLarge)?))?;
            }
            while let Some((block, is_stored)) = frame.next_block(&mut body).ok_or(Failure::Broken)? {
                self.lz4_block(&frame, block, is_stored, start)?;
            }
            if frame.content_bytes.is_some_and(|bytes| bytes != (self.filled - start) as u64) {
                return Err(Failure::Broken);
            }
        }
        Ok(())
    }

    fn lz4_block(
        &mut self,
        frame: &Lz4Frame,
        block: &[u8],
        is_stored: bool,
        frame_start: usize,
    ) -> Result<(), Failure> {
        let window_start = frame_start.max(self.filled.saturating_sub(LZ4_WINDOW_BYTES));
        let (body, room) = self.room(frame.block_bytes);
        let room = room.get_mut(..frame.block_bytes).ok_or(Failure::Broken)?;
        let written = if is_stored {
            room.get_mut(..block.len()).ok_or(Failure::Broken)?.copy_from_slice(block);
            Ok(block.len())
        } else if frame.is_linked {
            let window = body.get(window_start..).unwrap_or_default();
            lz4_flex::block::decompress_into_with_dict(block, room, window)
        } else {
            lz4_flex::block::decompress_into(block, room)
        };
        self.advance(written.map_err(|_| Failure::Broken)?)
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
            let bytes = usize::try_from(bytes).map_err(|_| Failure::TooLarge)?;
            self.check(bytes)?;
            let written = context.decompress(self.room(bytes).1, body).map_err(|_| Failure::Broken)?;
            return self.advance(written);
        }
        let mut input = InBuffer::around(body);
        loop {
            let mut output = OutBuffer::around(self.room(STEP_BYTES).1);
            let left = context.decompress_stream(&mut output, &mut input).map_err(|_| Failure::Broken)?;
            let (written, is_full) = (output.pos(), output.pos() == output.capacity());
            self.advance(written)?;
            if input.pos() == body.len() {
                if left == 0 {
                    return Ok(());
                }
                // Nothing more to read, room to write, yet the frame is not complete.
                if !is_full {
                    return Err(Failure::Broken);
                }
            }
        }
    }
}

/// The head of an LZ4 frame. Its own checksums are stepped over: the batch's covers the same bytes.
///
/// Layout: <https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>.
struct Lz4Frame {
    block_bytes: usize,
    is_linked: bool,
    has_block_checksum: bool,
    has_content_checksum: bool,
    content_bytes: Option<u64>,
}

impl Lz4Frame {
    fn open(input: &mut &[u8]) -> Option<Self> {
        let magic = u32::from_le_bytes(take(input)?);
        let [flags, block_size] = take(input)?;
        let (version, has_dictionary) = (flags >> 6, flags & 0x01 != 0);
        let block_bytes = match block_size >> 4 & 0x07 {
            size @ 4..=7 => 1 << (8 + 2 * size),
            _ => return None,
        };
        if magic != LZ4_MAGIC || version != 1 || has_dictionary {
            return None;
        }
        let content_bytes = if flags & 0x08 != 0 { Some(u64::from_le_bytes(take(input)?)) } else { None };
        let _head_checksum: [u8; 1] = take(input)?;
        Some(Self {
            block_bytes,
            is_linked: flags & 0x20 == 0,
            has_block_checksum: flags & 0x10 != 0,
            has_content_checksum: flags & 0x04 != 0,
            content_bytes,
        })
    }

    /// The next block and whether it is stored as it is; the inner None is the end of the frame.
    #[expect(clippy::option_option, reason = "the outer None is a broken frame, as everywhere here")]
    fn next_block<'a>(&self, input: &mut &'a [u8]) -> Option<Option<(&'a [u8], bool)>> {
        let size = u32::from_le_bytes(take(input)?);
        if size == 0 {
            if self.has_content_checksum {
                take::<4>(input)?;
            }
            return Some(None);
        }
        let block = take_slice(input, (size & 0x7fff_ffff) as usize)?;
        if self.has_block_checksum {
            take::<4>(input)?;
        }
        Some(Some((block, size >> 31 == 1)))
    }
}
