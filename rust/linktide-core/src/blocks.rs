//! A list in blocks of one size: growing never moves what is there, nor asks for twice the room.

use crate::prefetch::prefetch;

const SHIFT: u32 = 13;
/// Entries of a block.
const BLOCK: usize = 1 << SHIFT;

/// A list that only grows at its end.
#[derive(Debug, Clone)]
pub(crate) struct Blocks<T> {
    blocks: Vec<Vec<T>>,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { blocks: Vec::new() }
    }
}

impl<T> Blocks<T> {
    pub(crate) fn len(&self) -> usize {
        self.blocks.len().saturating_sub(1) * BLOCK + self.blocks.last().map_or(0, Vec::len)
    }

    pub(crate) fn push(&mut self, entry: T) {
        if self.blocks.last().is_none_or(|last| last.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        if let Some(last) = self.blocks.last_mut() {
            // Only after it was shrunk is it full before its time.
            if last.len() == last.capacity() {
                last.reserve_exact(BLOCK - last.len());
            }
            last.push(entry);
        }
    }

    #[inline]
    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        self.blocks.get((at >> SHIFT) as usize)?.get(at as usize % BLOCK)
    }

    /// Have an entry fetched that will soon be asked for.
    #[inline]
    pub(crate) fn expect(&self, at: u32) {
        prefetch(self.get(at));
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.blocks.get_mut((at >> SHIFT) as usize)?.get_mut(at as usize % BLOCK)
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.blocks.last()?.last()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten()
    }

    /// Give back the room of the last block that is not filled.
    pub(crate) fn shrink(&mut self) {
        self.blocks.shrink_to_fit();
        if let Some(last) = self.blocks.last_mut() {
            last.shrink_to_fit();
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| block.capacity() * size_of::<T>()).sum::<usize>();
        blocks + self.blocks.capacity() * size_of::<Vec<T>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_that_grows_by_blocks() {
        let mut list: Blocks<[u8; 5]> = Blocks::default();
        assert_eq!((list.len(), list.get(0), list.last()), (0, None, None));
        let mut bytes = 0;
        for number in 0..50_000u32 {
            list.push(std::array::from_fn(|at| (number >> at) as u8));
            assert!(list.memory_bytes() <= bytes + 5 * BLOCK + 1_024 || number == 0, "at {number}");
            bytes = list.memory_bytes();
            if number == 20_000 {
                list.shrink();
                assert!(list.memory_bytes() < bytes);
            }
        }
        assert_eq!(list.len(), 50_000);
        list.get_mut(7).unwrap()[0] = 9;
        for (at, entry) in (0..).zip(list.iter()) {
            assert_eq!(list.get(at), Some(entry));
            assert_eq!(entry[1], (at >> 1) as u8);
        }
        assert_eq!((list.get(50_000), list.get(u32::MAX)), (None, None));
        assert_eq!(list.last(), list.get(49_999));
    }
}
