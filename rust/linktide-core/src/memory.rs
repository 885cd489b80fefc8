//! What collections take of the heap, so that the index can tell its own size.

use std::collections::{HashMap, HashSet};

/// Bytes of a map: its table has a power of two of slots, of which at most 7/8 are filled, and a byte beside
/// each.
pub(crate) fn map_bytes<K, V, S>(map: &HashMap<K, V, S>) -> usize {
    table_bytes(map.capacity(), size_of::<(K, V)>())
}

/// Bytes of a set.
pub(crate) fn set_bytes<K, S>(set: &HashSet<K, S>) -> usize {
    table_bytes(set.capacity(), size_of::<K>())
}

/// What a usual allocator takes for a small block of `len` bytes: whole steps of 16 B, its own 8 B included,
/// and never less than 32 B.
pub(crate) fn block_bytes(len: usize) -> usize {
    if len == 0 { 0 } else { (len + 8).next_multiple_of(16).max(32) }
}

fn table_bytes(capacity: usize, entry: usize) -> usize {
    if capacity == 0 {
        return 0;
    }
    let slots = if capacity < 8 { capacity + 1 } else { capacity / 7 * 8 };
    slots * (entry + 1) + 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_power_of_two_of_slots() {
        let mut map: HashMap<u64, u32> = HashMap::new();
        assert_eq!(map_bytes(&map), 0);
        for key in 0..5_000 {
            map.insert(key, 0);
            let slots = (map_bytes(&map) - 16) / 17;
            assert!(slots.is_power_of_two() && slots > map.len(), "{slots} slots for {}", map.len());
        }
    }
}
