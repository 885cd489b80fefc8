//! The places of entries by their key, which the entries hold themselves: some 7 B an entry, one cache line to look.
//!
//! A key's hash tells its bucket, a cache line of twelve places with a byte of the hash beside each; a full bucket sends
//! on to the next. Entries are never taken out. A table grows by a quarter, for doubling would leave half of it empty
//! after each step; and tables are shards, so that a step is a small share of all.

use crate::prefetch::prefetch;
use crate::shards::{SHARDS, mixed, shard_of, share_of};

/// Places in a bucket: these, their tags and a word are 64 B.
const WIDTH: usize = 12;
/// Most filled slots of a hundred, before the table grows.
const FULL: usize = 85;
/// Buckets whose keys are read before any is put elsewhere, so that the cache misses overlap: one at a time they made
/// up a third of the cost of a new link.
const TOGETHER: usize = 16;
/// No slot of a bucket.
const NO_TAG: u8 = 0;
/// A byte of 1 for each tag of a bucket.
const ONES: u128 = (u128::MAX / 0xff) >> (128 - 8 * WIDTH);
const HIGHS: u128 = ONES << 7;

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket {
    places: [u32; WIDTH],
    /// A byte of the hash of each place, [`NO_TAG`] where none is; and one that is set once entries that belong here
    /// were put further on. All are read as one word.
    tags: [u8; 16],
}

impl Bucket {
    /// The slots with this tag, as a bit in the high end of each byte.
    #[inline]
    fn with_tag(&self, tag: u8) -> u128 {
        let differs = u128::from_le_bytes(self.tags) ^ (ONES * u128::from(tag));
        let lows = ONES * 0x7f;
        !(((differs & lows) + lows) | differs | lows) & HIGHS
    }

    #[inline]
    fn is_over(&self) -> bool {
        let [.., is_over] = self.tags;
        is_over != 0
    }

    fn send_on(&mut self) {
        let [.., is_over] = &mut self.tags;
        *is_over = 1;
    }
}

/// The slots of which bits were given, and their places.
#[inline]
fn slots(mut bits: u128) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let slot = (bits != 0).then(|| bits.trailing_zeros() as usize / 8);
        bits &= bits.wrapping_sub(1);
        slot
    })
}

#[inline]
fn tag_of(hash: u64) -> u8 {
    (hash as u8).max(NO_TAG + 1)
}

#[derive(Debug, Clone, Default)]
struct Table {
    buckets: Vec<Bucket>,
    len: usize,
}

impl Table {
    /// Where to begin to look: by multiply-shift, which needs no power of two.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        (((hash >> 8 & 0xffff_ffff) * self.buckets.len() as u64) >> 32) as usize
    }

    /// Where to look first.
    #[inline]
    fn first(&self, hash: u64) -> Option<&Bucket> {
        self.buckets.get(self.home(hash))
    }

    #[inline]
    fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (before, after) = self.buckets.split_at_checked(self.home(hash))?;
        for bucket in after.iter().chain(before) {
            let places = slots(bucket.with_tag(tag_of(hash))).filter_map(|slot| bucket.places.get(slot));
            if let Some(place) = places.copied().find(|&place| is_it(place)) {
                return Some(place);
            }
            if !bucket.is_over() {
                break;
            }
        }
        None
    }

    /// Put in a place that is not there; there is room.
    #[inline]
    fn insert(&mut self, hash: u64, place: u32) {
        let home = self.home(hash);
        let Some((before, after)) = self.buckets.split_at_mut_checked(home) else { return };
        for bucket in after.iter_mut().chain(before) {
            let free = slots(bucket.with_tag(NO_TAG)).next();
            let slot = free.and_then(|slot| bucket.places.get_mut(slot).zip(bucket.tags.get_mut(slot)));
            if let Some((known, tag)) = slot {
                (*known, *tag) = (place, tag_of(hash));
                self.len += 1;
                return;
            }
            bucket.send_on();
        }
    }

    /// Make room for so many more.
    fn reserve(&mut self, more: usize, grow_to: impl Fn(usize) -> usize, hash_of: impl Fn(u32) -> u64) {
        let needed = ((self.len + more) * 100).div_ceil(WIDTH * FULL);
        if needed > self.buckets.len() {
            self.resize(grow_to(self.buckets.len()).max(needed), hash_of);
        }
    }

    fn resize(&mut self, buckets: usize, hash_of: impl Fn(u32) -> u64) {
        let old = std::mem::replace(self, Self { buckets: vec![Bucket::default(); buckets], len: 0 });
        let (mut places, mut hashes) = (Vec::new(), Vec::new());
        for buckets in old.buckets.chunks(TOGETHER) {
            let slots = buckets.iter().flat_map(|bucket| bucket.places.iter().zip(bucket.tags));
            places.clear();
            places.extend(slots.filter(|(_, tag)| *tag != NO_TAG).map(|(place, _)| *place));
            hashes.clear();
            // Nothing else in this loop, so that many reads are under way at once.
            hashes.extend(places.iter().map(|&place| hash_of(place)));
            places.iter().zip(&hashes).for_each(|(&place, &hash)| self.insert(hash, place));
        }
    }
}

/// Places by key.
#[derive(Debug, Clone)]
pub(crate) struct PlaceIndex {
    tables: Vec<Table>,
}

impl Default for PlaceIndex {
    fn default() -> Self {
        Self { tables: vec![Table::default(); SHARDS] }
    }
}

impl PlaceIndex {
    /// The place of a key. `key_of` tells the key of the entry at a place.
    #[inline]
    pub(crate) fn find(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<u32> {
        let hash = mixed(key);
        self.tables.get(shard_of(hash))?.find(hash, |place| key_of(place) == key)
    }

    /// Have the bucket of a key fetched that will soon be asked for.
    #[inline]
    pub(crate) fn expect(&self, key: u64) {
        let hash = mixed(key);
        prefetch(self.tables.get(shard_of(hash)).and_then(|table| table.first(hash)));
    }

    /// The place that a key has most likely, by its bucket alone, which should have been fetched.
    #[inline]
    pub(crate) fn likely(&self, key: u64) -> Option<u32> {
        let hash = mixed(key);
        let bucket = self.tables.get(shard_of(hash))?.first(hash)?;
        slots(bucket.with_tag(tag_of(hash))).next().and_then(|slot| bucket.places.get(slot)).copied()
    }

    /// The place of a key; where it has none it gets `next`.
    #[inline]
    pub(crate) fn find_or_insert(&mut self, key: u64, next: u32, key_of: impl Fn(u32) -> u64) -> u32 {
        let hash = mixed(key);
        let Some(table) = self.tables.get_mut(shard_of(hash)) else { return next };
        if let Some(place) = table.find(hash, |place| key_of(place) == key) {
            return place;
        }
        table.reserve(1, |buckets| buckets + buckets / 4 + 1, |place| mixed(key_of(place)));
        table.insert(hash, next);
        next
    }

    /// Make room for so many more.
    pub(crate) fn reserve(&mut self, more: usize, key_of: impl Fn(u32) -> u64) {
        for (shard, table) in self.tables.iter_mut().enumerate() {
            table.reserve(share_of(shard, more), |buckets| buckets, |place| mixed(key_of(place)));
        }
    }

    /// Give back room that is not needed now.
    pub(crate) fn shrink(&mut self, key_of: impl Fn(u32) -> u64) {
        for table in &mut self.tables {
            let needed = (table.len * 100).div_ceil(WIDTH * FULL);
            if needed < table.buckets.len() {
                table.resize(needed, |place| mixed(key_of(place)));
            }
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let tables = self.tables.capacity() * size_of::<Table>();
        tables + self.tables.iter().map(|table| table.buckets.capacity() * size_of::<Bucket>()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_is_a_cache_line() {
        assert_eq!((size_of::<Bucket>(), align_of::<Bucket>()), (64, 64));
    }

    #[test]
    fn tables_grow_by_small_steps() {
        let mut index = PlaceIndex::default();
        let key_of = |at: u32| u64::from(at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut before = 0;
        for at in 0..400_000 {
            assert_eq!(index.find_or_insert(key_of(at), at, key_of), at);
            let bytes = index.memory_bytes();
            if at > 100_000 {
                let a_key = bytes as f64 / f64::from(at);
                assert!((6.2..7.6).contains(&a_key), "{a_key} B a key for {at}");
                assert!(bytes - before < before / 40, "{before} to {bytes} B at {at}");
            }
            before = bytes;
        }
        index.shrink(key_of);
        assert!(index.memory_bytes() < before);
        for at in (0..400_000).step_by(7) {
            assert_eq!(index.find(key_of(at), key_of), Some(at));
            assert_eq!(index.find(key_of(at) ^ 1 << 40, key_of), None);
        }
    }

    proptest! {
        #[test]
        fn it_is_a_map(
            keys in prop::collection::vec(prop_oneof![0u64..30, any::<u64>()], 0..400), room in 0usize..600,
            shrinks_at in 0usize..400,
        ) {
            let (mut index, mut known) = (PlaceIndex::default(), Vec::new());
            let mut model: BTreeMap<u64, u32> = BTreeMap::new();
            index.reserve(room, |_| 0);
            for (step, key) in keys.into_iter().enumerate() {
                let next = known.len() as u32;
                let wanted = *model.entry(key).or_insert(next);
                let key_of = |at: u32| known[at as usize];
                prop_assert_eq!(index.find(key, key_of), (wanted < next).then_some(wanted));
                prop_assert_eq!(index.find_or_insert(key, next, key_of), wanted);
                known.extend((wanted == next).then_some(key));
                if step == shrinks_at {
                    index.shrink(|at| known[at as usize]);
                }
            }
            for (key, at) in model {
                prop_assert_eq!(index.find(key, |at| known[at as usize]), Some(at));
            }
        }

        /// Keys whose hashes collide: all in one bucket and with one tag, and many more than it holds.
        #[test]
        fn full_buckets_send_on(hashes in prop::collection::vec((0u64..3, 0u64..2), 1..200)) {
            let mut table = Table::default();
            let hash_of = |(home, tag): (u64, u64)| home << 38 | tag;
            for (at, &hash) in (0u32..).zip(&hashes) {
                table.reserve(1, |buckets| buckets + buckets / 4 + 1, |at| hash_of(hashes[at as usize]));
                table.insert(hash_of(hash), at);
                for (at, &hash) in (0..=at).zip(&hashes) {
                    prop_assert_eq!(table.find(hash_of(hash), |place| place == at), Some(at));
                }
                prop_assert_eq!(table.find(hash_of(hash), |place| place > at), None);
            }
        }
    }
}
