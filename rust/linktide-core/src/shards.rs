//! Hash tables in shards of unequal size, so that they double one after the other and never all at once.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

pub(crate) const SHARDS: usize = 32;
/// How finely the hashes are parted.
const SLOT_BITS: u32 = 12;
/// The highest seven bits tell entries of a table apart and the lowest find their place; these are neither.
const SLOT_SHIFT: u32 = 57 - SLOT_BITS;
const SHARD_OF_SLOT: [u8; 1 << SLOT_BITS] = shard_of_slot();

/// A shard takes 2^(1/32) times as many hashes as the one before it: whatever the number of entries, one shard has
/// just doubled and another is about to, and the room of all together is nearly the same share of their entries.
const fn shard_of_slot() -> [u8; 1 << SLOT_BITS] {
    const RATIO: f64 = 1.021_897_148_654_116_7;
    let mut shards = [0; 1 << SLOT_BITS];
    let (mut slot, mut shard, mut end) = (0, 0, RATIO - 1.0);
    while slot < shards.len() {
        if slot as f64 >= end * shards.len() as f64 {
            shard += 1;
            end = (end + 1.0) * RATIO - 1.0;
        }
        #[expect(clippy::indexing_slicing, reason = "a constant: the compiler would find it out")]
        {
            shards[slot] = if shard < SHARDS as u8 { shard } else { SHARDS as u8 - 1 };
        }
        slot += 1;
    }
    shards
}

#[derive(Debug, Clone)]
struct Shards<T> {
    /// None before the first entry.
    tables: Vec<HashTable<T>>,
}

impl<T> Default for Shards<T> {
    fn default() -> Self {
        Self { tables: Vec::new() }
    }
}

impl<T> Shards<T> {
    #[inline]
    fn table(&self, hash: u64) -> Option<&HashTable<T>> {
        self.tables.get(shard_of(hash))
    }

    fn table_mut(&mut self, hash: u64) -> Option<&mut HashTable<T>> {
        if self.tables.is_empty() {
            self.tables.resize_with(SHARDS, HashTable::new);
        }
        self.tables.get_mut(shard_of(hash))
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.tables.iter().all(HashTable::is_empty)
    }

    fn shrink(&mut self, hash_of: impl Fn(&T) -> u64) {
        self.tables.iter_mut().for_each(|table| table.shrink_to_fit(&hash_of));
    }

    fn memory_bytes(&self) -> usize {
        let tables = self.tables.capacity() * size_of::<HashTable<T>>();
        tables + self.tables.iter().map(HashTable::allocation_size).sum::<usize>()
    }
}

/// The shard of a hash, of [`SHARDS`].
#[inline]
pub(crate) fn shard_of(hash: u64) -> usize {
    let slot = (hash >> SLOT_SHIFT) as usize % (1 << SLOT_BITS);
    usize::from(SHARD_OF_SLOT.get(slot).copied().unwrap_or_default())
}

/// Of so many entries those that one shard is to hold.
pub(crate) fn share_of(shard: usize, entries: usize) -> usize {
    let slots = SHARD_OF_SLOT.iter().filter(|&&other| usize::from(other) == shard).count();
    (entries * slots) >> SLOT_BITS
}

/// A hash of a key.
#[inline]
pub(crate) fn mixed(key: u64) -> u64 {
    let wide = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    (wide >> 64) as u64 ^ wide as u64
}

/// Values of the few places that have one.
#[derive(Debug, Clone)]
pub(crate) struct SideMap<V> {
    shards: Shards<(u32, V)>,
}

impl<V> Default for SideMap<V> {
    fn default() -> Self {
        Self { shards: Shards::default() }
    }
}

impl<V> SideMap<V> {
    pub(crate) fn get(&self, at: u32) -> Option<&V> {
        let hash = mixed(at.into());
        self.shards.table(hash)?.find(hash, |entry| entry.0 == at).map(|entry| &entry.1)
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut V> {
        let hash = mixed(at.into());
        self.shards.table_mut(hash)?.find_mut(hash, |entry| entry.0 == at).map(|entry| &mut entry.1)
    }

    /// Put a value in place of the one before it, which is returned.
    pub(crate) fn insert(&mut self, at: u32, value: V) -> Option<V> {
        let hash = mixed(at.into());
        let table = self.shards.table_mut(hash)?;
        match table.entry(hash, |entry| entry.0 == at, |entry| mixed(entry.0.into())) {
            Entry::Occupied(mut known) => Some(std::mem::replace(&mut known.get_mut().1, value)),
            Entry::Vacant(slot) => {
                slot.insert((at, value));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<V> {
        let hash = mixed(at.into());
        let known = self.shards.table_mut(hash)?.find_entry(hash, |entry| entry.0 == at);
        known.ok().map(|entry| entry.remove().0.1)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    pub(crate) fn shrink(&mut self) {
        self.shards.shrink(|entry| mixed(entry.0.into()));
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.shards.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shards_double_one_after_the_other() {
        let mut map = SideMap::default();
        let mut before = 0;
        for at in 0..400_000 {
            map.insert(at, [0u8; 4]);
            let bytes = map.memory_bytes();
            if at > 100_000 {
                let an_entry = bytes as f64 / f64::from(at);
                assert!((13.0..15.5).contains(&an_entry), "{an_entry} B an entry for {at}");
                assert!(bytes - before < before / 20, "{before} to {bytes} B at {at}");
            }
            before = bytes;
        }
    }

    proptest! {
        #[test]
        fn a_side_map_is_a_map(steps in prop::collection::vec((0u32..40, prop::option::of(any::<u64>())), 0..300)) {
            let (mut map, mut model) = (SideMap::default(), BTreeMap::new());
            for (at, value) in steps {
                let before = match value {
                    Some(value) => (map.insert(at, value), model.insert(at, value)),
                    None => (map.remove(at), model.remove(&at)),
                };
                prop_assert_eq!(before.0, before.1);
                map.shrink();
            }
            for at in 0..40 {
                prop_assert_eq!(map.get(at), model.get(&at));
            }
        }
    }
}
