//! Small codes for the few texts that most links have one of: rel and type.

use rustc_hash::FxHashMap;

use crate::memory::map_bytes;

/// Hashes of texts that many links share, each under a small code; 0 is that of the hash 0.
#[derive(Debug, Clone)]
pub(super) struct SharedHashes {
    hashes: Vec<u64>,
    codes: FxHashMap<u64, u8>,
    /// The code of all that came when the others were taken.
    aside: u8,
}

impl SharedHashes {
    pub(super) fn new(aside: u8) -> Self {
        Self { hashes: vec![0], codes: FxHashMap::default(), aside }
    }

    /// The code of a hash, a new one if need be.
    pub(super) fn code(&mut self, hash: u64) -> u8 {
        if hash == 0 {
            return 0;
        }
        if let Some(code) = self.codes.get(&hash) {
            return *code;
        }
        let code = self.hashes.len() as u8;
        if code < self.aside {
            self.hashes.push(hash);
            self.codes.insert(hash, code);
        }
        code
    }

    /// The hash of a code that has one.
    pub(super) fn hash(&self, code: u8) -> u64 {
        self.hashes.get(usize::from(code)).copied().unwrap_or_default()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.hashes.capacity() * size_of::<u64>() + map_bytes(&self.codes)
    }
}
