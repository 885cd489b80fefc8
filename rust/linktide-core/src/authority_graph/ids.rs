//! From the caller's ids, numbers or names, to dense node ids and back.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::AuthorityGraphError;
use crate::memory::map_bytes;

/// No node.
const NONE: u32 = u32::MAX;

/// What the caller calls a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id<'a> {
    /// A number of its own, anywhere in 32 bits.
    Number(u32),
    /// A name.
    Name(&'a str),
}

/// All ids of one graph; either all numbers or all names.
#[derive(Debug, Clone, Default)]
pub(super) enum Ids {
    #[default]
    Empty,
    Numbers(Numbers),
    Names(Names),
}

impl Ids {
    /// The node of an id, if it has one.
    #[inline]
    pub(super) fn get(&self, id: Id<'_>) -> Option<u32> {
        match (self, id) {
            (Self::Numbers(numbers), Id::Number(number)) => numbers.get(number),
            (Self::Names(names), Id::Name(name)) => names.get(name),
            _ => None,
        }
    }

    /// The node of an id; a new one is the next in order. Fails for an id of the other kind.
    #[inline]
    pub(super) fn get_or_add(&mut self, id: Id<'_>) -> Result<u32, AuthorityGraphError> {
        self.check_kind(id)?;
        if matches!(self, Self::Empty) {
            *self = match id {
                Id::Number(_) => Self::Numbers(Numbers::default()),
                Id::Name(_) => Self::Names(Names::default()),
            };
        }
        Ok(match (self, id) {
            (Self::Numbers(numbers), Id::Number(number)) => numbers.get_or_add(number),
            (Self::Names(names), Id::Name(name)) => names.get_or_add(name),
            _ => NONE,
        })
    }

    /// Whether ids of this kind can be taken.
    pub(super) fn check_kind(&self, id: Id<'_>) -> Result<(), AuthorityGraphError> {
        match (self, id) {
            (Self::Numbers(_), Id::Name(_)) => {
                Err(AuthorityGraphError::IdKind { held: "numbers", given: "strings" })
            }
            (Self::Names(_), Id::Number(_)) => {
                Err(AuthorityGraphError::IdKind { held: "strings", given: "numbers" })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Numbers(numbers) => numbers.by_node.len(),
            Self::Names(names) => names.ends.len(),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Numbers(numbers) => {
                4 * (numbers.by_node.capacity() + numbers.direct.capacity()) + map_bytes(&numbers.hashed)
            }
            Self::Names(names) => names.text.capacity() + 8 * names.ends.capacity() + map_bytes(&names.nodes),
        }
    }
}

/// Sparse u32 numbers. Numbers below four times the nodes are looked up in a table, others in a hash map.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    by_node: Vec<u32>,
    direct: Vec<u32>,
    hashed: FxHashMap<u32, u32>,
}

impl Numbers {
    #[inline]
    fn get(&self, number: u32) -> Option<u32> {
        match self.direct.get(number as usize) {
            Some(&node) if node != NONE => Some(node),
            _ if self.hashed.is_empty() => None,
            _ => self.hashed.get(&number).copied(),
        }
    }

    fn get_or_add(&mut self, number: u32) -> u32 {
        if let Some(node) = self.get(number) {
            return node;
        }
        let node = self.by_node.len() as u32;
        self.by_node.push(number);
        if number as usize >= self.direct.len() && (number as usize) < 4 * (self.by_node.len() + 1024) {
            self.direct.resize((number as usize + 1).next_multiple_of(1024), NONE);
        }
        match self.direct.get_mut(number as usize) {
            Some(slot) => *slot = node,
            None => {
                self.hashed.insert(number, node);
            }
        }
        node
    }

    pub(super) fn by_node(&self) -> &[u32] {
        &self.by_node
    }
}

/// Names: one text, ends by node, nodes by hash.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    text: String,
    ends: Vec<usize>,
    nodes: FxHashMap<u64, u32>,
}

impl Names {
    pub(super) fn name(&self, node: u32) -> &str {
        let start = (node as usize).checked_sub(1).and_then(|before| self.ends.get(before));
        let end = self.ends.get(node as usize).copied().unwrap_or(0);
        self.text.get(start.copied().unwrap_or(0)..end).unwrap_or("")
    }

    fn get(&self, name: &str) -> Option<u32> {
        self.find(name).ok()
    }

    /// The node of a name, or the free hash under which it belongs. Two names with one hash go on to hashes
    /// of another seed; names are never taken out, so the way stays.
    fn find(&self, name: &str) -> Result<u32, u64> {
        let mut seed = 0;
        loop {
            let hash = xxh3_64_with_seed(name.as_bytes(), seed);
            match self.nodes.get(&hash) {
                None => return Err(hash),
                Some(&node) if self.name(node) == name => return Ok(node),
                Some(_) => seed += 1,
            }
        }
    }

    fn get_or_add(&mut self, name: &str) -> u32 {
        match self.find(name) {
            Ok(node) => node,
            Err(hash) => {
                let node = self.ends.len() as u32;
                self.text.push_str(name);
                self.ends.push(self.text.len());
                self.nodes.insert(hash, node);
                node
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_are_numbered_in_order_and_found_again(
            numbers in prop::collection::vec(prop_oneof![0u32..50, 0u32..9_000, any::<u32>(), Just(u32::MAX)], 0..400),
            are_names in any::<bool>(),
        ) {
            let (mut ids, mut model) = (Ids::default(), BTreeMap::new());
            for number in numbers {
                let name = number.to_string();
                let id = if are_names { Id::Name(&name) } else { Id::Number(number) };
                let next = model.len() as u32;
                prop_assert_eq!(ids.get(id), model.get(&number).copied());
                prop_assert_eq!(ids.get_or_add(id).unwrap(), *model.entry(number).or_insert(next));
            }
            prop_assert_eq!(ids.len(), model.len());
            for (number, node) in model {
                match &ids {
                    Ids::Numbers(numbers) => prop_assert_eq!(numbers.by_node()[node as usize], number),
                    Ids::Names(names) => prop_assert_eq!(names.name(node), number.to_string()),
                    Ids::Empty => prop_assert!(false),
                }
            }
        }
    }

    #[test]
    fn far_apart_numbers_do_not_cost_the_room_between() {
        let mut ids = Ids::default();
        for number in 0..10_000 {
            ids.get_or_add(Id::Number(number * 400_000)).unwrap();
        }
        assert!(ids.memory_bytes() < 60 * 10_000, "{}", ids.memory_bytes());
    }
}
