//! A small memory of the registrable domains of recent hosts. Links come in page order, so hosts repeat.

use xxhash_rust::xxh3::xxh3_64;

use super::lanes::prefetch;
use super::suffixes::{PublicSuffixList, Registrable};

/// Hosts up to so many bytes have slots of 32 bytes, so that two share a cache line; there are 32,768.
const SHORT_BYTES: usize = 28;
const SHORT_SLOTS: usize = 32_768;
/// Longer ones have slots of 64 bytes; there are 8,192.
const LONG_BYTES: usize = 60;
const LONG_SLOTS: usize = 8_192;

/// Each host has two slots, and all its bytes are compared: a crafted collision can only make it slower,
/// never wrong. A host that fits no slot is looked up each time.
pub(super) struct DomainCache {
    short: Vec<Slot<SHORT_BYTES>>,
    long: Vec<Slot<LONG_BYTES>>,
}

impl DomainCache {
    pub(super) fn new() -> Self {
        Self { short: vec![Slot::EMPTY; SHORT_SLOTS], long: vec![Slot::EMPTY; LONG_SLOTS] }
    }

    /// Have the slots of a host fetched that will soon be asked for; returns its [`hash`].
    #[inline(always)]
    pub(super) fn expect(&self, host: &[u8]) -> u64 {
        let hash = hash(host);
        if let Some(slot) = self.short.get(first_slot(hash, SHORT_SLOTS)) {
            prefetch(slot);
        }
        hash
    }

    /// The list's answer for a name host with that [`hash`], from memory if it is there.
    #[inline(always)]
    pub(super) fn registrable(&mut self, suffixes: &PublicSuffixList, host: &[u8], hash: u64) -> Registrable {
        if host.len() <= SHORT_BYTES {
            return registrable(&mut self.short, suffixes, host, hash);
        }
        registrable(&mut self.long, suffixes, host, hash)
    }
}

#[inline(always)]
fn registrable<const N: usize>(
    slots: &mut [Slot<N>],
    suffixes: &PublicSuffixList,
    host: &[u8],
    hash: u64,
) -> Registrable {
    let first = first_slot(hash, slots.len());
    for index in [first, first + 1] {
        if let Some(slot) = slots.get(index)
            && slot.holds(host)
        {
            return slot.answer();
        }
    }
    look_up(slots, suffixes, host, first)
}

/// Ask the list and keep its answer in the first slot; what was there moves to the second.
#[cold]
fn look_up<const N: usize>(
    slots: &mut [Slot<N>],
    suffixes: &PublicSuffixList,
    host: &[u8],
    first: usize,
) -> Registrable {
    let found = suffixes.registrable(host);
    slots.swap(first, first + 1);
    if let (Some(slot), Ok(length @ 1..)) = (slots.get_mut(first), u8::try_from(host.len()))
        && let Some(kept) = slot.host.get_mut(..host.len())
    {
        kept.copy_from_slice(host);
        slot.length = length;
        slot.start = found.start as u8;
        slot.is_listed = found.is_listed;
        slot.is_suffix = found.is_suffix;
    }
    found
}

#[derive(Clone)]
#[repr(C, align(32))]
struct Slot<const N: usize> {
    host: [u8; N],
    length: u8,
    start: u8,
    is_listed: bool,
    is_suffix: bool,
}

impl<const N: usize> Slot<N> {
    const EMPTY: Self = Self { host: [0; N], length: 0, start: 0, is_listed: false, is_suffix: false };

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

    const fn answer(&self) -> Registrable {
        let Self { start, is_listed, is_suffix, .. } = *self;
        Registrable { start: start as usize, is_listed, is_suffix }
    }
}

/// Picks the slots of a host; nothing that is stored or seen depends on it.
#[inline(always)]
pub(super) fn hash(host: &[u8]) -> u64 {
    match Words::of(host) {
        Some(words) => words.hash(),
        None => xxh3_64(host),
    }
}

/// The first of the two slots, an even one.
#[inline(always)]
const fn first_slot(hash: u64, slots: usize) -> usize {
    hash as usize & (slots - 1) & !1
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
    fn the_cache_never_changes_an_answer() {
        let list = PublicSuffixList::parse("com\nuk\nco.uk\n*.ck\n").unwrap();
        let mut cache = DomainCache::new();
        let tails = ["com", "co.uk", "b.ck", "zz"];
        // More hosts than slots, so that slots are overwritten and hosts come back.
        for round in 0..2 {
            for number in 0..3 * SHORT_SLOTS {
                let padding = "x".repeat(number % 70);
                let host = format!("www{number}.{padding}y.{}", tails[number % tails.len()]);
                let hash = cache.expect(host.as_bytes());
                let answer = cache.registrable(&list, host.as_bytes(), hash);
                assert_eq!(answer, list.registrable(host.as_bytes()), "{host} in round {round}");
                assert_eq!(cache.registrable(&list, host.as_bytes(), hash), answer);
            }
        }
    }
}
