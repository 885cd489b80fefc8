//! The out-links of one node in one weight class.
//!
//! Up to [`HUB_LEN`] targets are a plain list, searched by a scan and shortened by swap-remove. Longer
//! ones are an open-addressing table of the targets themselves: it is list and membership index in one,
//! so a hub link costs 4 B divided by the table's load, not 4 B plus an index entry.

use super::GraphError;
use super::arena::{Arena, NO_BLOCK, VACANT, class_for, class_size};

/// A plain list longer than this becomes a table.
const HUB_LEN: u32 = 256;
/// A table shorter than this becomes a plain list; half of [`HUB_LEN`] so that a flip costs nothing.
const LIST_LEN: u32 = HUB_LEN / 2;
const HUB: u8 = 1;
const MIXED: u8 = 2;

/// Where the targets are. 12 bytes; the targets live in the arena.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutList {
    offset: u32,
    len: u32,
    class: u8,
    flags: u8,
}

impl OutList {
    pub(super) const EMPTY: Self = Self { offset: 0, len: 0, class: NO_BLOCK, flags: 0 };

    pub(super) fn len(self) -> u32 {
        self.len
    }

    fn is_hub(self) -> bool {
        self.flags & HUB != 0
    }

    /// Whether the node also has links in other weight classes.
    pub(super) fn is_mixed(self) -> bool {
        self.flags & MIXED != 0
    }

    pub(super) fn set_mixed(&mut self, is_mixed: bool) {
        self.flags = if is_mixed { self.flags | MIXED } else { self.flags & !MIXED };
    }

    /// The targets; a hub's slice has [`VACANT`] slots between them.
    #[inline]
    pub(super) fn targets(self, arena: &Arena) -> &[u32] {
        if self.is_hub() { arena.block(self.offset, self.class) } else { arena.slice(self.offset, self.len) }
    }

    pub(super) fn contains(self, arena: &Arena, target: u32) -> bool {
        self.find(arena, target).is_some()
    }

    fn find(self, arena: &Arena, target: u32) -> Option<usize> {
        let targets = self.targets(arena);
        if self.is_hub() { table_find(targets, target) } else { targets.iter().position(|&t| t == target) }
    }

    /// Adds a target that is not there yet. Fails, unchanged, when the arena is full.
    pub(super) fn insert(&mut self, arena: &mut Arena, target: u32) -> Result<(), GraphError> {
        self.make_room(arena)?;
        let (len, is_hub) = (self.len as usize, self.is_hub());
        let block = arena.block_mut(self.offset, self.class);
        if is_hub {
            table_insert(block, target);
        } else if let Some(slot) = block.get_mut(len) {
            *slot = target;
        }
        self.len += 1;
        Ok(())
    }

    /// Takes a target out. False when it was not there.
    pub(super) fn remove(&mut self, arena: &mut Arena, target: u32) -> bool {
        let Some(at) = self.find(arena, target) else { return false };
        let last = self.len as usize - 1;
        let is_hub = self.is_hub();
        let block = arena.block_mut(self.offset, self.class);
        if is_hub {
            table_remove(block, at);
        } else {
            block.swap(at, last);
        }
        self.len -= 1;
        self.give_back(arena);
        true
    }

    fn make_room(&mut self, arena: &mut Arena) -> Result<(), GraphError> {
        let needed = self.len + 1;
        let wants_table = self.is_hub() || needed > HUB_LEN;
        let class = if wants_table { table_class(needed) } else { class_for(needed) };
        if self.class == NO_BLOCK
            || wants_table != self.is_hub()
            || class_size(class) > class_size(self.class)
        {
            self.rehouse(arena, class, wants_table)?;
        }
        Ok(())
    }

    /// Moves a list that fills less than half its block into a smaller one. A full arena is no error
    /// here: the list then stays where it is.
    fn give_back(&mut self, arena: &mut Arena) {
        if self.len == 0 {
            arena.free(self.offset, self.class);
            *self = Self { flags: self.flags & MIXED, ..Self::EMPTY };
            return;
        }
        let wants_table = self.is_hub() && self.len >= LIST_LEN;
        let class = if wants_table { table_class(self.len) } else { class_for(self.len) };
        if wants_table != self.is_hub() || class_size(class) * 2 <= class_size(self.class) {
            let _stays = self.rehouse(arena, class, wants_table);
        }
    }

    fn rehouse(&mut self, arena: &mut Arena, class: u8, is_table: bool) -> Result<(), GraphError> {
        let offset = arena.alloc(class)?;
        let old = *self;
        let mut at = 0;
        for index in 0..old.targets(arena).len() {
            let Some(&target) = old.targets(arena).get(index) else { break };
            if target != VACANT {
                place(arena.block_mut(offset, class), is_table, at, target);
                at += 1;
            }
        }
        if old.class != NO_BLOCK {
            arena.free(old.offset, old.class);
        }
        let flags = (old.flags & MIXED) | if is_table { HUB } else { 0 };
        *self = Self { offset, len: old.len, class, flags };
        Ok(())
    }

    /// The same list in the smallest block of another arena.
    pub(super) fn copied_to(self, from: &Arena, to: &mut Arena) -> Result<Self, GraphError> {
        if self.len == 0 {
            return Ok(Self { flags: self.flags & MIXED, ..Self::EMPTY });
        }
        let is_table = self.is_hub();
        let class = if is_table { table_class(self.len) } else { class_for(self.len) };
        let offset = to.alloc(class)?;
        let block = to.block_mut(offset, class);
        let live = self.targets(from).iter().filter(|&&target| target != VACANT);
        for (at, &target) in live.enumerate() {
            place(block, is_table, at, target);
        }
        Ok(Self { offset, class, ..self })
    }

    /// Slots a compacted copy needs.
    pub(super) fn tight_slots(self) -> usize {
        match self.len {
            0 => 0,
            len if self.is_hub() => class_size(table_class(len)) as usize,
            len => class_size(class_for(len)) as usize,
        }
    }
}

fn place(block: &mut [u32], is_table: bool, at: usize, target: u32) {
    if is_table {
        table_insert(block, target);
    } else if let Some(slot) = block.get_mut(at) {
        *slot = target;
    }
}

/// The block for a table of `len` targets: at most 7/8 full, so probes stay short.
fn table_class(len: u32) -> u8 {
    class_for(len + len.div_ceil(7))
}

/// Home slot by multiply-shift, which needs no power of two: tables grow by a fifth, not by two.
fn home(target: u32, slots: usize) -> usize {
    let mut hash = target;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^= hash >> 16;
    ((u64::from(hash) * slots as u64) >> 32) as usize
}

fn table_find(table: &[u32], target: u32) -> Option<usize> {
    let start = home(target, table.len());
    let (before, after) = table.split_at_checked(start)?;
    let steps = after.iter().chain(before).position(|&slot| slot == target || slot == VACANT)?;
    let at = (start + steps) % table.len();
    (table.get(at) == Some(&target)).then_some(at)
}

fn table_insert(table: &mut [u32], target: u32) {
    let start = home(target, table.len());
    if let Some((before, after)) = table.split_at_mut_checked(start)
        && let Some(slot) = after.iter_mut().chain(before).find(|slot| **slot == VACANT)
    {
        *slot = target;
    }
}

/// Empties slot `hole` and moves later entries back, so that no tombstones gather.
fn table_remove(table: &mut [u32], mut hole: usize) {
    let slots = table.len();
    let mut at = hole;
    for _ in 0..slots {
        at = (at + 1) % slots;
        let Some(&target) = table.get(at) else { break };
        if target == VACANT {
            break;
        }
        let displacement = (at + slots - home(target, slots)) % slots;
        let gap = (at + slots - hole) % slots;
        if displacement >= gap {
            table.swap(hole, at);
            hole = at;
        }
    }
    if let Some(slot) = table.get_mut(hole) {
        *slot = VACANT;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn live(list: OutList, arena: &Arena) -> BTreeSet<u32> {
        list.targets(arena).iter().copied().filter(|&target| target != VACANT).collect()
    }

    #[test]
    fn a_list_grows_into_a_hub_and_back() {
        let mut arena = Arena::with_capacity(0);
        let mut list = OutList::EMPTY;
        for target in 0..5_000 {
            list.insert(&mut arena, target * 3).unwrap();
        }
        assert!(list.is_hub());
        assert_eq!(live(list, &arena), (0..5_000).map(|target| target * 3).collect());
        let slots = class_size(list.class);
        assert!(slots * 10 <= 5_000 * 15, "{slots} slots for 5000 links");
        for target in 10..5_000 {
            assert!(list.remove(&mut arena, target * 3));
        }
        assert!(!list.is_hub());
        assert_eq!(live(list, &arena), (0..10).map(|target| target * 3).collect());
        assert!(arena.free_slots() + 24 >= arena.len(), "blocks came back");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_list_is_a_set(ops in prop::collection::vec((any::<bool>(), 0u32..700), 0..3_000)) {
            let mut arena = Arena::with_capacity(0);
            let mut list = OutList::EMPTY;
            let mut model = BTreeSet::new();
            for (adds, target) in ops.into_iter().flat_map(|(adds, t)| [(adds, t), (true, t ^ 512)]) {
                if adds {
                    prop_assert_eq!(list.contains(&arena, target), model.contains(&target));
                    if model.insert(target) {
                        list.insert(&mut arena, target).unwrap();
                    }
                } else {
                    prop_assert_eq!(list.remove(&mut arena, target), model.remove(&target));
                }
                prop_assert_eq!(list.len() as usize, model.len());
            }
            prop_assert_eq!(live(list, &arena), model);
        }
    }
}
