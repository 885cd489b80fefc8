//! Blocks on their way into a file, on a thread of their own.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

use super::bytes::Write as _;
use super::{
    BLOCK_HEAD_BYTES, FORMAT, HASH_BYTES, Header, MAGIC, SnapshotError, TRAILER_BYTES, TRAILER_KIND, Totals,
};

/// Blocks that may wait for the disk.
const MOST_WAITING: usize = 3;

/// After so many bytes they are pressed onto the disk, so that no flood of them stands before a commit's own.
const BYTES_PER_SYNC: u64 = 16 << 20;

/// Between two looks whether the disk has caught up.
const LOOK: Duration = Duration::from_millis(1);

enum Message {
    Block { kind: u32, records: u32, payload: Vec<u8> },
    End(Totals),
}

/// Writes one snapshot. Blocks are handed over without waiting for the disk; whoever drops the writer before the
/// end leaves a file that is no snapshot.
#[derive(Debug)]
pub struct SnapshotWriter {
    sender: Option<Sender<Message>>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<Result<Totals, SnapshotError>>>,
}

impl SnapshotWriter {
    /// Make the file, an old one of that name emptied first, and write its header.
    ///
    /// # Errors
    /// The file cannot be made, or no thread can be started.
    pub fn create(path: &Path, header: &Header) -> Result<Self, SnapshotError> {
        let mut file = File::create(path)?;
        let bytes = header_bytes(header);
        file.write_all(&bytes.0)?;
        let (sender, receiver) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let begun = Begun { file, seed: bytes.1, bytes: bytes.0.len() as u64, blocks: 0, unsynced: 0 };
        let counter = Arc::clone(&waiting);
        let thread = std::thread::Builder::new()
            .name("linktide-snapshot".to_owned())
            .spawn(move || begun.write_all(&receiver, &counter))?;
        Ok(Self { sender: Some(sender), waiting, thread: Some(thread) })
    }

    /// Whether a block would not have to wait behind many others; true also once writing has failed.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Acquire) < MOST_WAITING || self.is_over()
    }

    /// Wait until [`Self::has_room`].
    pub fn wait_for_room(&self) {
        while !self.has_room() {
            std::thread::sleep(LOOK);
        }
    }

    /// Hand over a block.
    ///
    /// # Errors
    /// What made the writing fail.
    pub fn put(&mut self, kind: u32, records: u32, payload: Vec<u8>) -> Result<(), SnapshotError> {
        self.send(Message::Block { kind, records, payload })
    }

    /// Hand over what the trailer tells; blocks and bytes are counted here. Then [`Self::wait`].
    ///
    /// # Errors
    /// What made the writing fail.
    pub fn end(&mut self, totals: Totals) -> Result<(), SnapshotError> {
        self.send(Message::End(totals))?;
        self.sender = None;
        Ok(())
    }

    /// Whether all is on the disk, or has failed: then [`Self::wait`] does not wait.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Wait until all is on the disk; returns what the file holds.
    ///
    /// # Errors
    /// What made the writing fail, a missing end included.
    pub fn wait(&mut self) -> Result<Totals, SnapshotError> {
        self.sender = None;
        let thread = self.thread.take().ok_or(SnapshotError::Cut)?;
        thread.join().unwrap_or(Err(SnapshotError::Cut))
    }

    fn send(&mut self, message: Message) -> Result<(), SnapshotError> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        match self.sender.as_ref().map(|sender| sender.send(message)) {
            Some(Ok(())) => Ok(()),
            // The thread has gone: it tells why.
            _ => self.wait().and(Err(SnapshotError::Cut)),
        }
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _nobody_asks = thread.join();
        }
    }
}

/// The bytes of a header and its hash.
fn header_bytes(header: &Header) -> (Vec<u8>, u64) {
    let mut body = Vec::new();
    body.put_u32(header.facts.len() as u32);
    for (name, value) in &header.facts {
        body.put_text(name);
        body.put_text(value);
    }
    body.put_text(&header.token);
    body.put_u64(header.base_rev);
    body.put_i64(header.taken_at);
    let mut bytes = MAGIC.to_vec();
    bytes.put_u32(FORMAT);
    bytes.put_u32(body.len() as u32);
    bytes.extend_from_slice(&body);
    let hash = xxhash_rust::xxh3::xxh3_64(&bytes);
    bytes.put_u64(hash);
    (bytes, hash)
}

/// The hash of a block: over its head and bytes, seeded with its file and place.
pub(super) fn block_hash(seed: u64, number: u64, head: &[u8], payload: &[u8]) -> u64 {
    let mut hash = Xxh3::with_seed(seed.wrapping_add(number));
    hash.update(head);
    hash.update(payload);
    hash.digest()
}

struct Begun {
    file: File,
    seed: u64,
    bytes: u64,
    blocks: u64,
    unsynced: u64,
}

impl Begun {
    fn write_all(
        mut self,
        messages: &Receiver<Message>,
        waiting: &AtomicUsize,
    ) -> Result<Totals, SnapshotError> {
        for message in messages {
            match message {
                Message::Block { kind, records, payload } => self.write(kind, records, &payload)?,
                Message::End(totals) => return self.end(totals),
            }
            waiting.fetch_sub(1, Ordering::AcqRel);
        }
        Err(SnapshotError::Cut)
    }

    fn write(&mut self, kind: u32, records: u32, payload: &[u8]) -> Result<(), SnapshotError> {
        let mut head = Vec::with_capacity(BLOCK_HEAD_BYTES);
        head.put_u32(kind);
        head.put_u32(records);
        head.put_u32(payload.len() as u32);
        let hash = block_hash(self.seed, self.blocks, &head, payload);
        self.file.write_all(&head)?;
        self.file.write_all(payload)?;
        self.file.write_all(&hash.to_le_bytes())?;
        let written = (BLOCK_HEAD_BYTES + payload.len() + HASH_BYTES) as u64;
        self.bytes += written;
        self.blocks += 1;
        self.unsynced += written;
        if self.unsynced >= BYTES_PER_SYNC {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    fn end(mut self, totals: Totals) -> Result<Totals, SnapshotError> {
        let bytes = self.bytes + super::END_BYTES;
        let totals = Totals { blocks: self.blocks, bytes, ..totals };
        let mut body = Vec::with_capacity(TRAILER_BYTES);
        for number in [
            totals.links,
            totals.pages,
            totals.domains,
            totals.page_losses,
            totals.page_sets,
            totals.end_rev,
            totals.blocks,
            totals.bytes,
        ] {
            body.put_u64(number);
        }
        self.write(TRAILER_KIND, 0, &body)?;
        self.file.sync_all()?;
        Ok(totals)
    }
}
