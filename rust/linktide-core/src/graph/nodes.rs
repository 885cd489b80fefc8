//! What the graph keeps of each node, in 4 B: how many links it has in, and where its list of links out is.
//!
//! Most nodes have few links in and many have none out, so a byte and three are enough; what they cannot hold stands
//! in a map.

use super::arena::reserve_eighth;
use crate::prefetch::prefetch;
use crate::shards::SideMap;

const DEGREE_BITS: u32 = 8;
/// The degree stands in the map.
const LARGE: u32 = (1 << DEGREE_BITS) - 1;
/// The place stands in the map; 0 is none, others are 1 + place.
const FAR: u32 = u32::MAX >> DEGREE_BITS;

/// All nodes, by id.
#[derive(Debug, Clone, Default)]
pub(super) struct Nodes {
    packed: Vec<u32>,
    degrees: SideMap<u32>,
    places: SideMap<u32>,
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.packed.len()
    }

    /// A node without links.
    pub(super) fn push(&mut self) {
        reserve_eighth(&mut self.packed, 1);
        self.packed.push(0);
    }

    /// Have a node fetched that will soon be asked for.
    #[inline]
    pub(super) fn expect(&self, node: u32) {
        prefetch(self.packed.get(node as usize));
    }

    /// Links in; 0 for an unknown node.
    #[inline]
    pub(super) fn in_degree(&self, node: u32) -> u32 {
        match self.packed.get(node as usize).map_or(0, |packed| packed & LARGE) {
            LARGE => self.degrees.get(node).copied().unwrap_or(0),
            degree => degree,
        }
    }

    /// Nothing happens to an unknown node.
    pub(super) fn set_in_degree(&mut self, node: u32, degree: u32) {
        let Some(packed) = self.packed.get_mut(node as usize) else { return };
        let was_large = *packed & LARGE == LARGE;
        *packed = *packed & !LARGE | degree.min(LARGE);
        if degree >= LARGE {
            self.degrees.insert(node, degree);
        } else if was_large {
            self.degrees.remove(node);
        }
    }

    /// Where the list of a node is; none before it has one.
    #[inline]
    pub(super) fn place(&self, node: u32) -> Option<u32> {
        match self.packed.get(node as usize)? >> DEGREE_BITS {
            FAR => self.places.get(node).copied(),
            place => place.checked_sub(1),
        }
    }

    /// Give a node that has none a place; nothing happens to an unknown one.
    pub(super) fn set_place(&mut self, node: u32, place: u32) {
        let Some(packed) = self.packed.get_mut(node as usize) else { return };
        *packed = *packed & LARGE | place.saturating_add(1).min(FAR) << DEGREE_BITS;
        if place >= FAR - 1 {
            self.places.insert(node, place);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        4 * self.packed.capacity() + self.degrees.memory_bytes() + self.places.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_and_places_of_any_size_are_kept() {
        let mut nodes = Nodes::default();
        nodes.set_in_degree(0, 1);
        nodes.set_place(0, 1);
        nodes.push();
        assert_eq!((nodes.in_degree(0), nodes.place(0), nodes.len()), (0, None, 1));
        for place in [0, 1, FAR - 3, FAR - 2, FAR - 1, FAR, u32::MAX - 1] {
            nodes.push();
            let node = nodes.len() as u32 - 1;
            nodes.set_place(node, place);
            for degree in [0, 1, 254, 255, 256, 70_000, u32::MAX, 255, 254, 3, 255, 0] {
                nodes.set_in_degree(node, degree);
                assert_eq!((nodes.in_degree(node), nodes.place(node)), (degree, Some(place)));
            }
        }
        assert!(nodes.degrees.is_empty());
        assert_eq!((nodes.in_degree(99), nodes.place(99)), (0, None));
    }
}
