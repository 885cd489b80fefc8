//! One growing vector of u32 targets, cut into blocks of fixed sizes.

use super::GraphError;

/// Marks an unused slot of a hub table; never a node id.
pub(crate) const VACANT: u32 = u32::MAX;

/// The class of a list that owns no block.
pub(super) const NO_BLOCK: u8 = u8::MAX;

/// Sizes 1 to 8, then four steps per octave, up to 2^31.
const FINE_CLASSES: [u32; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16];
const FINE: u32 = FINE_CLASSES.len() as u32;
const CLASS_COUNT: usize = FINE_CLASSES.len() + 4 * 27;

/// The smallest class that holds `len` targets; `len` 0 counts as 1.
pub(super) fn class_for(len: u32) -> u8 {
    if let Some(class) = FINE_CLASSES.iter().position(|&size| len <= size) {
        return class as u8;
    }
    let octave = (len - 1).ilog2();
    let step = 1u32 << (octave - 2);
    let steps = (len - (1 << octave)).div_ceil(step);
    (FINE + (octave - 4) * 4 + steps - 1) as u8
}

/// How many targets a block of `class` holds; 0 for [`NO_BLOCK`].
pub(super) fn class_size(class: u8) -> u32 {
    if class == NO_BLOCK {
        return 0;
    }
    if let Some(&size) = FINE_CLASSES.get(usize::from(class)) {
        return size;
    }
    let step_index = u32::from(class) - FINE;
    let octave = 4 + step_index / 4;
    (1 << octave) + (step_index % 4 + 1) * (1 << (octave - 2))
}

/// Makes room for `more`, growing by an eighth: doubling would break the promised bytes per link and node.
pub(crate) fn reserve_eighth<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(list.len() / 8).max(256));
    }
}

/// The blocks of all out-lists. Freed blocks are chained through their own first slot, so the free lists
/// cost no memory.
#[derive(Debug, Clone)]
pub(super) struct Arena {
    slots: Vec<u32>,
    /// The weight of each slot; empty while weights come by class.
    weights: Vec<f64>,
    is_weighted: bool,
    free_heads: Vec<u32>,
    /// Bit per class: whether its free list has a block.
    nonempty: u128,
    free_slots: usize,
}

impl Arena {
    pub(super) fn new(slots: usize, is_weighted: bool) -> Self {
        Self {
            slots: Vec::with_capacity(slots),
            weights: Vec::with_capacity(if is_weighted { slots } else { 0 }),
            is_weighted,
            free_heads: vec![VACANT; CLASS_COUNT],
            nonempty: 0,
            free_slots: 0,
        }
    }

    /// A block of `class`, every slot [`VACANT`]. Fails when offsets no longer fit u32.
    pub(super) fn alloc(&mut self, class: u8) -> Result<u32, GraphError> {
        if let Some(offset) = self.take_free(class) {
            self.block_mut(offset, class).fill(VACANT);
            return Ok(offset);
        }
        let size = class_size(class) as usize;
        let offset = self.slots.len();
        if offset + size >= VACANT as usize {
            return Err(GraphError::ArenaFull { slots: offset });
        }
        reserve_eighth(&mut self.slots, size);
        self.slots.resize(offset + size, VACANT);
        if self.is_weighted {
            reserve_eighth(&mut self.weights, size);
            self.weights.resize(offset + size, 0.0);
        }
        Ok(offset as u32)
    }

    /// Gives every slot a weight of its own, `weight` to begin with. Costs 8 B a slot from then on.
    pub(super) fn make_weighted(&mut self, weight: f64) {
        self.weights = vec![weight; self.slots.len()];
        self.is_weighted = true;
    }

    /// Fills a slot.
    pub(super) fn put(&mut self, at: usize, target: u32, weight: f64) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = target;
        }
        if let Some(slot) = self.weights.get_mut(at) {
            *slot = weight;
        }
    }

    /// What is in a slot.
    pub(super) fn at(&self, at: usize) -> (u32, f64) {
        let target = self.slots.get(at).copied().unwrap_or(VACANT);
        (target, self.weights.get(at).copied().unwrap_or(0.0))
    }

    /// The weights of `len` slots from `offset`; empty while weights come by class.
    pub(super) fn weights(&self, offset: u32, len: usize) -> &[f64] {
        let start = offset as usize;
        self.weights.get(start..start + len).unwrap_or_default()
    }

    pub(super) fn is_weighted(&self) -> bool {
        self.is_weighted
    }

    /// A free block of `class`, or one cut from the next larger: a hub that grows frees blocks of every
    /// size below its own, and nothing else would ever fit them.
    fn take_free(&mut self, class: u8) -> Option<u32> {
        let fitting = self.nonempty.checked_shr(u32::from(class)).filter(|fitting| *fitting != 0)?;
        let from = class + fitting.trailing_zeros() as u8;
        let head = self.free_heads.get_mut(usize::from(from))?;
        let offset = *head;
        *head = self.slots.get(offset as usize).copied().unwrap_or(VACANT);
        if *head == VACANT {
            self.nonempty &= !(1 << from);
        }
        self.free_slots -= class_size(from) as usize;
        let (mut cut, mut rest) = (offset + class_size(class), class_size(from) - class_size(class));
        while rest > 0 {
            let above = class_for(rest);
            let piece = if class_size(above) > rest { above - 1 } else { above };
            self.free(cut, piece);
            cut += class_size(piece);
            rest -= class_size(piece);
        }
        Some(offset)
    }

    pub(super) fn free(&mut self, offset: u32, class: u8) {
        let Some(head) = self.free_heads.get_mut(usize::from(class)) else { return };
        if let Some(first) = self.slots.get_mut(offset as usize) {
            *first = *head;
            *head = offset;
            self.nonempty |= 1 << class;
            self.free_slots += class_size(class) as usize;
        }
    }

    /// `len` slots from `offset`; empty when out of range.
    pub(super) fn slice(&self, offset: u32, len: u32) -> &[u32] {
        let start = offset as usize;
        self.slots.get(start..start + len as usize).unwrap_or_default()
    }

    pub(super) fn block(&self, offset: u32, class: u8) -> &[u32] {
        self.slice(offset, class_size(class))
    }

    pub(super) fn block_mut(&mut self, offset: u32, class: u8) -> &mut [u32] {
        let start = offset as usize;
        self.slots.get_mut(start..start + class_size(class) as usize).unwrap_or_default()
    }

    /// Slots on the free lists.
    pub(super) fn free_slots(&self) -> usize {
        self.free_slots
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        4 * (self.slots.capacity() + self.free_heads.capacity()) + 8 * self.weights.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_gets_the_smallest_class_that_holds_it() {
        for len in (1..100_000u32).chain([1 << 20, (1 << 20) + 1, 1 << 31]) {
            let class = class_for(len);
            assert!(class_size(class) >= len, "{len}");
            assert!(class == 0 || class_size(class - 1) < len, "{len}");
        }
    }

    #[test]
    fn the_largest_class_has_a_free_list() {
        assert!(usize::from(class_for(1 << 31)) < CLASS_COUNT);
    }

    #[test]
    fn a_freed_block_is_used_again_and_clean() {
        let mut arena = Arena::new(0, false);
        let class = class_for(8);
        let first = arena.alloc(class).unwrap();
        arena.block_mut(first, class).fill(7);
        arena.free(first, class);
        assert_eq!(arena.free_slots(), 8);
        assert_eq!(arena.alloc(class).unwrap(), first);
        assert!(arena.block(first, class).iter().all(|&slot| slot == VACANT));
        assert_eq!(arena.free_slots(), 0);
    }

    #[test]
    fn a_large_free_block_is_cut_and_used_up() {
        let mut arena = Arena::new(0, false);
        let first = arena.alloc(class_for(1_000)).unwrap();
        let slots = arena.len();
        arena.free(first, class_for(1_000));
        let mut taken = std::collections::BTreeSet::new();
        for _ in 0..slots / 3 {
            let offset = arena.alloc(class_for(3)).unwrap();
            assert!((0..3).all(|slot| taken.insert(offset + slot)), "two blocks share a slot");
        }
        assert!(arena.len() - slots <= slots / 4, "{} of {slots} slots added", arena.len() - slots);
        assert_eq!(arena.free_slots() + taken.len(), arena.len());
    }
}
