//! Blocks out of a file, each checked before it is handed on.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::bytes::Reader;
use super::write::block_hash;
use super::{
    BLOCK_HEAD_BYTES, END_BYTES, FORMAT, HASH_BYTES, Header, MAGIC, MOST_BYTES, SnapshotError, TRAILER_BYTES,
    TRAILER_KIND, Totals,
};

/// A block whose hash was right.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: u32,
    pub(crate) records: u32,
    pub(crate) payload: Vec<u8>,
}

/// An open snapshot whose header and trailer are whole; its blocks are checked one by one as they are read.
#[derive(Debug)]
pub struct SnapshotFile {
    file: File,
    header: Header,
    totals: Totals,
    seed: u64,
    at: u64,
    number: u64,
}

impl SnapshotFile {
    /// Open a file and read where it begins and ends.
    ///
    /// # Errors
    /// No file, no snapshot, another format, or damage to header or trailer.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let (header, seed, at) = read_header(&mut file)?;
        let trailer_at = length.checked_sub(END_BYTES).filter(|end| *end >= at).ok_or(SnapshotError::Cut)?;
        file.seek(SeekFrom::Start(trailer_at))?;
        let totals = read_trailer(&mut file, seed, length, trailer_at)?;
        file.seek(SeekFrom::Start(at))?;
        Ok(Self { file, header, totals, seed, at, number: 0 })
    }

    /// What it belongs to.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What it holds.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Whether it belongs here.
    ///
    /// # Errors
    /// The first fact that differs.
    pub fn check(&self, wanted: &[(String, String)]) -> Result<(), SnapshotError> {
        let found = |name: &str| {
            let known = self.header.facts.iter().find(|(known, _)| known == name);
            known.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        match wanted.iter().find(|(name, value)| found(name) != *value) {
            Some((name, value)) => {
                Err(SnapshotError::Foreign { name: name.clone(), found: found(name), wanted: value.clone() })
            }
            None => Ok(()),
        }
    }

    /// The next block; none after the last.
    ///
    /// # Errors
    /// Damage, or the file system.
    pub(crate) fn next(&mut self) -> Result<Option<Block>, SnapshotError> {
        if self.number == self.totals.blocks {
            let is_at_end = self.at + END_BYTES == self.totals.bytes;
            return if is_at_end { Ok(None) } else { Err(SnapshotError::Damaged { at: self.at }) };
        }
        let damaged = SnapshotError::Damaged { at: self.at };
        let mut head = [0; BLOCK_HEAD_BYTES];
        read_exactly(&mut self.file, &mut head)?;
        let (kind, records, length) = block_head(&head).ok_or(SnapshotError::Cut)?;
        if kind == TRAILER_KIND || length > MOST_BYTES {
            return Err(damaged);
        }
        let mut payload = vec![0; length];
        read_exactly(&mut self.file, &mut payload)?;
        let mut hash = [0; HASH_BYTES];
        read_exactly(&mut self.file, &mut hash)?;
        if block_hash(self.seed, self.number, &head, &payload) != u64::from_le_bytes(hash) {
            return Err(damaged);
        }
        self.at += (BLOCK_HEAD_BYTES + length + HASH_BYTES) as u64;
        self.number += 1;
        Ok(Some(Block { kind, records, payload }))
    }
}

fn block_head(head: &[u8]) -> Option<(u32, u32, usize)> {
    let mut head = Reader::new(head);
    Some((head.u32()?, head.u32()?, head.u32()? as usize))
}

/// The header, its hash, and where the blocks begin.
fn read_header(file: &mut File) -> Result<(Header, u64, u64), SnapshotError> {
    let mut bytes = vec![0; MAGIC.len() + 8];
    read_exactly(file, &mut bytes)?;
    if !bytes.starts_with(&MAGIC) {
        return Err(SnapshotError::Magic);
    }
    let mut start = Reader::new(bytes.get(MAGIC.len()..).unwrap_or_default());
    let (format, length) = (start.u32().unwrap_or_default(), start.u32().unwrap_or_default() as usize);
    if format != FORMAT {
        return Err(SnapshotError::Format { found: format });
    }
    if length > MOST_BYTES {
        return Err(SnapshotError::Damaged { at: 0 });
    }
    let body_at = bytes.len();
    bytes.resize(body_at + length, 0);
    read_exactly(file, bytes.get_mut(body_at..).unwrap_or_default())?;
    let mut hash = [0; HASH_BYTES];
    read_exactly(file, &mut hash)?;
    let seed = u64::from_le_bytes(hash);
    let body = bytes.get(body_at..).unwrap_or_default();
    match parse_header(Reader::new(body)) {
        Some(header) if xxh3_64(&bytes) == seed => Ok((header, seed, (bytes.len() + HASH_BYTES) as u64)),
        _ => Err(SnapshotError::Damaged { at: 0 }),
    }
}

fn parse_header(mut body: Reader<'_>) -> Option<Header> {
    let facts = body.u32()?;
    let facts = (0..facts)
        .map(|_| Some((body.text()?.to_owned(), body.text()?.to_owned())))
        .collect::<Option<Vec<_>>>()?;
    let (token, base_rev, taken_at) = (body.text()?.to_owned(), body.u64()?, body.i64()?);
    body.is_empty().then_some(Header { facts, token, base_rev, taken_at })
}

fn read_trailer(file: &mut File, seed: u64, length: u64, at: u64) -> Result<Totals, SnapshotError> {
    let mut bytes = [0; BLOCK_HEAD_BYTES + TRAILER_BYTES + HASH_BYTES];
    read_exactly(file, &mut bytes)?;
    let (head, rest) = bytes.split_at(BLOCK_HEAD_BYTES);
    let (body, hash) = rest.split_at(TRAILER_BYTES);
    // A file that was cut ends in the midst of some block: to say so helps more than to name a byte.
    if block_head(head) != Some((TRAILER_KIND, 0, TRAILER_BYTES)) {
        return Err(SnapshotError::Cut);
    }
    let totals = parse_totals(Reader::new(body)).ok_or(SnapshotError::Cut)?;
    let is_whole = Reader::new(hash).u64() == Some(block_hash(seed, totals.blocks, head, body));
    if is_whole && totals.bytes == length { Ok(totals) } else { Err(SnapshotError::Damaged { at }) }
}

fn parse_totals(mut body: Reader<'_>) -> Option<Totals> {
    Some(Totals {
        links: body.u64()?,
        pages: body.u64()?,
        domains: body.u64()?,
        page_losses: body.u64()?,
        page_sets: body.u64()?,
        end_rev: body.u64()?,
        blocks: body.u64()?,
        bytes: body.u64()?,
    })
}

fn read_exactly(file: &mut File, bytes: &mut [u8]) -> Result<(), SnapshotError> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => SnapshotError::Cut,
        _ => SnapshotError::Io(error),
    })
}
