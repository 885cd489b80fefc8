//! A small memory of the sites of recent hosts. Links come in page order, so hosts repeat.

use xxhash_rust::xxh3::xxh3_64;

use super::cluster::www_length;
use super::identity::key;
use super::outcome::UrlFlags;
use super::suffixes::PublicSuffixList;
use crate::prefetch::prefetch;

/// A longer host is looked up each time. A slot is one cache line.
const HOST_BYTES: usize = 47;
/// A power of two: a set is picked by the low bits of the hash.
const SETS: usize = 16_384;
/// Unseeded, as the column of domain ids is.
const SEED: u64 = 0;

/// What only the name of a host and the public suffix list decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Site {
    /// xxh3-64 of the registrable domain.
    pub domain_id: u64,
    /// `UNKNOWN_TLD`, `IS_SUFFIX`.
    pub flags: UrlFlags,
    /// Where in the host the registrable domain begins.
    pub domain: u8,
    /// How many bytes at the beginning of the host the cluster form lacks.
    pub www: u8,
}

impl Site {
    const NONE: Self = Self { domain_id: 0, flags: UrlFlags::empty(), domain: 0, www: 0 };

    /// The site of an address, or of a host that DNS cannot hold: all of it.
    pub(super) fn whole(host: &[u8]) -> Self {
        Self { domain_id: key(SEED, host), ..Self::NONE }
    }

    /// The list's answer for a name that DNS can hold, so that all places in it fit a byte.
    fn look_up(suffixes: &PublicSuffixList, host: &[u8]) -> Self {
        let found = suffixes.registrable(host);
        let (before, domain) = host.split_at_checked(found.start).unwrap_or((b"", host));
        let unknown = if found.is_listed { UrlFlags::empty() } else { UrlFlags::UNKNOWN_TLD };
        let suffix = if found.is_suffix { UrlFlags::IS_SUFFIX } else { UrlFlags::empty() };
        Self {
            domain_id: key(SEED, domain),
            flags: unknown | suffix,
            domain: before.len() as u8,
            www: www_length(before) as u8,
        }
    }
}

/// Each host has two slots, and all its bytes are compared: a crafted collision can only make it slower,
/// never wrong.
pub(super) struct DomainCache {
    sets: Vec<[Slot; 2]>,
}

impl DomainCache {
    pub(super) fn new() -> Self {
        Self { sets: vec![[Slot::EMPTY; 2]; SETS] }
    }

    /// Have the slots of a host fetched that will soon be asked for; returns its [`hash`].
    #[inline(always)]
    pub(super) fn expect(&self, host: &[u8]) -> u64 {
        let hash = hash(host);
        if let Some([first, second]) = self.sets.get(set_of(hash)) {
            prefetch(Some(first));
            prefetch(Some(second));
        }
        hash
    }

    /// The site of a name host with that [`hash`], from memory if it is there.
    #[inline(always)]
    pub(super) fn site(&mut self, suffixes: &PublicSuffixList, host: &[u8], hash: u64) -> Site {
        if let Some([first, second]) = self.sets.get(set_of(hash)) {
            if first.holds(host) {
                return first.site;
            }
            if second.holds(host) {
                return second.site;
            }
        }
        self.look_up(suffixes, host, hash)
    }

    /// Ask the list and keep its answer in the first slot; what was there moves to the second.
    #[cold]
    fn look_up(&mut self, suffixes: &PublicSuffixList, host: &[u8], hash: u64) -> Site {
        let site = Site::look_up(suffixes, host);
        if let (Some([first, second]), Some(slot)) = (self.sets.get_mut(set_of(hash)), Slot::of(host, site)) {
            *second = std::mem::replace(first, slot);
        }
        site
    }
}

#[inline(always)]
const fn set_of(hash: u64) -> usize {
    hash as usize & (SETS - 1)
}

#[derive(Clone)]
#[repr(C, align(64))]
struct Slot {
    site: Site,
    /// Of the host; [`u8::MAX`], which no host has, if there is none.
    length: u8,
    host: [u8; HOST_BYTES],
}

impl Slot {
    const EMPTY: Self = Self { site: Site::NONE, length: u8::MAX, host: [0; HOST_BYTES] };

    /// `None` if the host is too long.
    fn of(host: &[u8], site: Site) -> Option<Self> {
        let mut slot = Self { site, length: host.len() as u8, host: [0; HOST_BYTES] };
        slot.host.get_mut(..host.len())?.copy_from_slice(host);
        Some(slot)
    }

    #[inline(always)]
    fn holds(&self, host: &[u8]) -> bool {
        if usize::from(self.length) != host.len() {
            return false;
        }
        let kept = self.host.get(..host.len()).unwrap_or_default();
        match (Words::of(host), Words::of(kept)) {
            (Some(words), Some(own)) => own.is(&words),
            _ => kept == host,
        }
    }
}

/// Picks the set of a host; nothing that is stored or seen depends on it.
#[inline(always)]
pub(super) fn hash(host: &[u8]) -> u64 {
    match Words::of(host) {
        Some(words) => words.hash(),
        None => xxh3_64(host),
    }
}

/// All bytes of a host of 8 to 32 bytes in four words, which overlap in a short one. Made, compared and hashed
/// without loops and jumps, for the lengths of hosts cannot be foreseen.
struct Words([u64; 4]);

impl Words {
    #[inline(always)]
    fn of(host: &[u8]) -> Option<Self> {
        if !(8..=32).contains(&host.len()) {
            return None;
        }
        let last = host.len() - 8;
        let (second, third) = (last.min(8), last.saturating_sub(8));
        Some(Self([word(host, 0), word(host, second), word(host, third), word(host, last)]))
    }

    #[inline(always)]
    fn is(&self, other: &Self) -> bool {
        let ([first, second, third, last], own) = (self.0, other.0);
        (first ^ own[0]) | (second ^ own[1]) | (third ^ own[2]) | (last ^ own[3]) == 0
    }

    #[inline(always)]
    fn hash(&self) -> u64 {
        let fold = |one: u64, two: u64| {
            let product = u128::from(one) * u128::from(two);
            product as u64 ^ (product >> 64) as u64
        };
        let [first, second, third, last] = self.0;
        fold(first ^ 0x9E37_79B9_7F4A_7C15, second ^ 0xD6E8_FEB8_6659_FD93)
            ^ fold(third ^ 0xA076_1D64_78BD_642F, last ^ 0xE703_7ED1_A0B4_28DB)
    }
}

#[inline(always)]
fn word(host: &[u8], at: usize) -> u64 {
    match host.get(at..at + 8).and_then(<[u8]>::first_chunk) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_a_cache_line() {
        assert_eq!(size_of::<Slot>(), 64);
    }

    #[test]
    fn the_cache_never_changes_an_answer() {
        let list = PublicSuffixList::parse("com\nuk\nco.uk\n*.ck\n").unwrap();
        let mut cache = DomainCache::new();
        let tails = ["com", "co.uk", "b.ck", "zz"];
        // More hosts than slots, so that slots are overwritten and hosts come back.
        for round in 0..2 {
            for number in 0..5 * SETS {
                let padding = "x".repeat(number % 70);
                let host = format!("www{number}.{padding}y.{}", tails[number % tails.len()]);
                let (host, hash) = (host.as_bytes(), cache.expect(host.as_bytes()));
                let answer = cache.site(&list, host, hash);
                assert_eq!(answer, Site::look_up(&list, host), "{number} in round {round}");
                assert_eq!(cache.site(&list, host, hash), answer);
            }
        }
    }

    #[test]
    fn short_hosts_are_told_apart() {
        let list = PublicSuffixList::parse("com\n").unwrap();
        let mut cache = DomainCache::new();
        for host in ["a", "b", "t.co", "a.com", "b.com", "ab.com", "abc.com", "abcd.com"].repeat(2) {
            let (host, hash) = (host.as_bytes(), cache.expect(host.as_bytes()));
            assert_eq!(cache.site(&list, host, hash), Site::look_up(&list, host));
        }
        assert_eq!(cache.site(&list, b"", hash(b"")), Site::look_up(&list, b""));
    }
}
