//! The hashes that name URLs, hosts, domains and links. All are xxh3: its output is a fixed standard, so
//! the same value comes from any language and any later release.

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// `url_id`: xxh3-128 of a normalised URL, big-endian, as the canonical digest has it (Python:
/// `xxhash.xxh3_128_digest`). It is unseeded: the same URL has the same id in every database.
#[must_use]
#[inline]
pub fn url_id(url: &[u8]) -> [u8; 16] {
    xxh3_128(url).to_be_bytes()
}

/// A 64-bit key of a database: xxh3-64 under the database's own seed, so that nobody outside can make
/// two names collide.
#[must_use]
pub fn key(seed: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}

#[cfg(test)]
mod tests {
    use super::{key, url_id};

    #[test]
    fn hashes_are_the_published_ones() {
        // Vectors of the xxHash reference implementation for the empty input.
        assert_eq!(u128::from_be_bytes(url_id(b"")), 0x99aa_06d3_0147_98d8_6001_c324_468d_497f);
        assert_eq!(key(0, b""), 0x2d06_8005_38d3_94c2);
    }

    #[test]
    fn a_seed_changes_the_key() {
        assert_ne!(key(1, b"example.com"), key(2, b"example.com"));
    }
}
