//! The file of a snapshot: framed, hashed blocks, so that a start need not read every row of the tables.
//!
//! The tables are the truth and this file is a copy that may be old, so nothing of it is taken on trust: every
//! byte lies under a hash, and what it belongs to stands in its header. It knows nothing of what the blocks hold.
//!
//! Layout, all numbers little-endian, hashes XXH3-64:
//! * header: [`MAGIC`], format u32, length u32, that many bytes (see [`Header`]), hash of all before;
//! * blocks: kind u32, records u32, length u32, that many bytes, hash. The hash is seeded with the header's hash
//!   and the number of the block, so a block of another file or at another place is found out;
//! * trailer: a block of kind 0 and fixed length, the last bytes of the file (see [`Totals`]).

pub(crate) mod bytes;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::io;

pub(crate) use read::Block;
pub use read::SnapshotFile;
pub use write::SnapshotWriter;

/// The first bytes of every snapshot.
pub const MAGIC: [u8; 8] = *b"LTSNAP\r\n";

/// Version of the layout and of the records in it; a file of another one is not read.
pub const FORMAT: u32 = 3;

const TRAILER_KIND: u32 = 0;
const BLOCK_HEAD_BYTES: usize = 12;
const HASH_BYTES: usize = 8;
const TRAILER_BYTES: usize = 64;
/// The trailer with its frame.
const END_BYTES: u64 = (BLOCK_HEAD_BYTES + TRAILER_BYTES + HASH_BYTES) as u64;
/// A header or a block is smaller; a length beyond it is damage, not a wish for memory.
const MOST_BYTES: usize = 64 << 20;

/// What a snapshot belongs to and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// (name, value) of what must be the same where it is read: database, policy, list, weights, vectors.
    pub facts: Vec<(String, String)>,
    /// A word that the tables hold too, once the snapshot is whole.
    pub token: String,
    /// Every row of the tables up to this revision is in the snapshot; later ones may be or not.
    pub base_rev: u64,
    /// When it was begun, Unix µs.
    pub taken_at: i64,
}

/// What a whole snapshot holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Links.
    pub links: u64,
    /// Pages.
    pub pages: u64,
    /// Domains.
    pub domains: u64,
    /// Pages with loss registers.
    pub page_losses: u64,
    /// Contents of pages.
    pub page_sets: u64,
    /// The newest revision of which anything may be in it.
    pub end_rev: u64,
    /// Blocks before the trailer.
    pub blocks: u64,
    /// Length of the file.
    pub bytes: u64,
}

/// Why a snapshot is not read, or could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Another kind of file.
    #[error("it is no snapshot of linktide")]
    Magic,
    /// Another version of the layout.
    #[error("it has format {found}, this program reads {FORMAT}")]
    Format {
        /// The version found.
        found: u32,
    },
    /// It ends too early, or goes on after its end.
    #[error("it is cut off or has no end")]
    Cut,
    /// A hash does not fit its bytes.
    #[error("it is damaged at byte {at}")]
    Damaged {
        /// Where the damaged block begins.
        at: u64,
    },
    /// It was made for something else.
    #[error("its {name} is {found:?}, wanted {wanted:?}")]
    Foreign {
        /// What differs.
        name: String,
        /// As the file has it.
        found: String,
        /// As it is here.
        wanted: String,
    },
    /// The bytes are what was written, and yet no state.
    #[error("it holds {what}, which cannot be")]
    Content {
        /// What was found, in words.
        what: &'static str,
    },
    /// Seeds with other names came while it was written.
    #[error("the vectors of authority changed while it was written")]
    Overtaken,
}
