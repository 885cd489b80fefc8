//! A small memory of the registrable domains of recent hosts. Links come in page order, so hosts repeat.

use xxhash_rust::xxh3::xxh3_64;

use super::suffixes::{PublicSuffixList, Registrable};

/// 8,192 slots of 64 bytes: half a megabyte, which stays in the second-level cache.
const SLOTS: usize = 8_192;
/// Longer hosts are rare and are looked up each time.
const MAX_CACHED_BYTES: usize = 60;

// One slot is one cache line.
#[derive(Clone)]
#[repr(align(64))]
struct Slot {
    host: [u8; MAX_CACHED_BYTES],
    length: u8,
    start: u8,
    is_listed: bool,
    is_suffix: bool,
}

/// Direct-mapped, compared byte by byte: a crafted collision can only make it slower, never wrong.
pub(super) struct DomainCache {
    slots: Vec<Slot>,
}

impl DomainCache {
    pub(super) fn new() -> Self {
        let empty =
            Slot { host: [0; MAX_CACHED_BYTES], length: 0, start: 0, is_listed: false, is_suffix: false };
        Self { slots: vec![empty; SLOTS] }
    }

    /// The list's answer for a name host, from memory if it is there.
    pub(super) fn registrable(&mut self, suffixes: &PublicSuffixList, host: &[u8]) -> Registrable {
        let index = (xxh3_64(host) as usize) & (SLOTS - 1);
        let (Some(slot), Ok(length @ 1..)) = (self.slots.get_mut(index), u8::try_from(host.len())) else {
            return suffixes.registrable(host);
        };
        if slot.host.get(..usize::from(slot.length)) == Some(host) {
            return Registrable {
                start: usize::from(slot.start),
                is_listed: slot.is_listed,
                is_suffix: slot.is_suffix,
            };
        }
        let found = suffixes.registrable(host);
        if let Some(kept) = slot.host.get_mut(..host.len()) {
            kept.copy_from_slice(host);
            slot.length = length;
            slot.start = found.start as u8;
            slot.is_listed = found.is_listed;
            slot.is_suffix = found.is_suffix;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_never_changes_an_answer() {
        let list = PublicSuffixList::parse("com\nuk\nco.uk\n*.ck\n").unwrap();
        let mut cache = DomainCache::new();
        let tails = ["com", "co.uk", "b.ck", "zz"];
        // More hosts than slots, so that slots are overwritten and hosts come back.
        for round in 0..2 {
            for number in 0..3 * SLOTS {
                let padding = "x".repeat(number % 70);
                let host = format!("www{number}.{padding}y.{}", tails[number % tails.len()]);
                let answer = cache.registrable(&list, host.as_bytes());
                assert_eq!(answer, list.registrable(host.as_bytes()), "{host} in round {round}");
                assert_eq!(cache.registrable(&list, host.as_bytes()), answer);
            }
        }
    }
}
