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

    /// A list of targets that differ, in the smallest block that holds it.
    pub(super) fn of(targets: &[u32], arena: &mut Arena) -> Result<Self, GraphError> {
        let len = targets.len() as u32;
        let is_table = len > HUB_LEN;
        let class = if is_table { table_class(len) } else { class_for(len) };
        let flags = if is_table { HUB } else { 0 };
        let list = Self { offset: arena.alloc(class)?, len, class, flags };
        for (at, &target) in (0..).zip(targets) {
            list.place(arena, at, target, 0.0);
        }
        Ok(list)
    }

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

    /// The weights beside [`Self::targets`]; empty while weights come by class.
    #[inline]
    pub(super) fn weights(self, arena: &Arena) -> &[f64] {
        arena.weights(self.offset, self.targets(arena).len())
    }

    /// The weight of a link in a weighted arena, none when it is not there.
    pub(super) fn weight_of(self, arena: &Arena, target: u32) -> Option<f64> {
        self.find(arena, target).map(|at| arena.at(self.offset as usize + at).1)
    }

    /// Changes the weight of a link in a weighted arena.
    pub(super) fn set_weight(self, arena: &mut Arena, target: u32, weight: f64) {
        if let Some(at) = self.find(arena, target) {
            arena.put(self.offset as usize + at, target, weight);
        }
    }

    /// Adds a target that is not there yet. Fails, unchanged, when the arena is full. The weight counts in a
    /// weighted arena only.
    pub(super) fn insert(&mut self, arena: &mut Arena, target: u32, weight: f64) -> Result<(), GraphError> {
        self.make_room(arena)?;
        self.place(arena, self.len, target, weight);
        self.len += 1;
        Ok(())
    }

    /// Puts a link into its slot: by hash in a table, else at place `at`.
    fn place(self, arena: &mut Arena, at: u32, target: u32, weight: f64) {
        let vacant = if self.is_hub() {
            table_vacancy(arena.block(self.offset, self.class), target)
        } else {
            Some(at as usize)
        };
        if let Some(at) = vacant {
            arena.put(self.offset as usize + at, target, weight);
        }
    }

    /// Takes a target out. False when it was not there.
    pub(super) fn remove(&mut self, arena: &mut Arena, target: u32) -> bool {
        let Some(at) = self.find(arena, target) else { return false };
        if self.is_hub() {
            self.close_gap(arena, at);
        } else {
            let (last, weight) = arena.at(self.offset as usize + self.len as usize - 1);
            arena.put(self.offset as usize + at, last, weight);
        }
        self.len -= 1;
        self.give_back(arena);
        true
    }

    /// Empties slot `hole` of a table and moves later entries back, so that no tombstones gather.
    fn close_gap(self, arena: &mut Arena, mut hole: usize) {
        let start = self.offset as usize;
        let slots = class_size(self.class) as usize;
        let mut at = hole;
        for _ in 0..slots {
            at = (at + 1) % slots;
            let (target, weight) = arena.at(start + at);
            if target == VACANT {
                break;
            }
            let displacement = (at + slots - home(target, slots)) % slots;
            let gap = (at + slots - hole) % slots;
            if displacement >= gap {
                arena.put(start + hole, target, weight);
                hole = at;
            }
        }
        arena.put(start + hole, VACANT, 0.0);
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
        let flags = (old.flags & MIXED) | if is_table { HUB } else { 0 };
        *self = Self { offset, len: old.len, class, flags };
        let mut placed = 0;
        for at in 0..old.targets(arena).len() {
            let (target, weight) = arena.at(old.offset as usize + at);
            if target != VACANT {
                self.place(arena, placed, target, weight);
                placed += 1;
            }
        }
        if old.class != NO_BLOCK {
            arena.free(old.offset, old.class);
        }
        Ok(())
    }

    /// The same list in the smallest block of another arena.
    pub(super) fn copied_to(self, from: &Arena, to: &mut Arena) -> Result<Self, GraphError> {
        if self.len == 0 {
            return Ok(Self { flags: self.flags & MIXED, ..Self::EMPTY });
        }
        let is_table = self.is_hub();
        let class = if is_table { table_class(self.len) } else { class_for(self.len) };
        let copy = Self { offset: to.alloc(class)?, class, ..self };
        let mut placed = 0;
        for at in 0..self.targets(from).len() {
            let (target, weight) = from.at(self.offset as usize + at);
            if target != VACANT {
                copy.place(to, placed, target, weight);
                placed += 1;
            }
        }
        Ok(copy)
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

/// The slot where a target that is not in the table belongs.
fn table_vacancy(table: &[u32], target: u32) -> Option<usize> {
    let start = home(target, table.len());
    let (before, after) = table.split_at_checked(start)?;
    let steps = after.iter().chain(before).position(|&slot| slot == VACANT)?;
    Some((start + steps) % table.len())
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
        let mut arena = Arena::new(0, false);
        let mut list = OutList::EMPTY;
        for target in 0..5_000 {
            list.insert(&mut arena, target * 3, 1.0).unwrap();
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
            let mut arena = Arena::new(0, false);
            let mut list = OutList::EMPTY;
            let mut model = BTreeSet::new();
            for (adds, target) in ops.into_iter().flat_map(|(adds, t)| [(adds, t), (true, t ^ 512)]) {
                if adds {
                    prop_assert_eq!(list.contains(&arena, target), model.contains(&target));
                    if model.insert(target) {
                        list.insert(&mut arena, target, 1.0).unwrap();
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
