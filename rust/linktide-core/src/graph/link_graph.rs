//! The link graph: out-lists, weights by class, in-degrees.

use std::ops::Range;

use super::arena::{Arena, VACANT, reserve_eighth};
use super::nodes::Nodes;
use super::out_list::OutList;
use super::own_weights::{Weights, is_weight};
use super::pair_counts::PairCounts;
use super::{GraphError, LinkChange, WeightClass};

/// A directed graph kept as out-links only: authority is pushed forward, so who links to a node is not
/// needed here. Node ids are dense u32; an edge has one of a few weight classes. An edge of the first
/// class costs 4 B divided by the arena's fill; a node costs 4 B, and 12 more once it has a link out.
#[derive(Debug, Clone)]
pub struct LinkGraph {
    weights: Vec<f64>,
    pub(super) arena: Arena,
    pub(super) nodes: Nodes,
    /// Of the nodes that ever had a link out.
    lists: Vec<OutList>,
    /// Sum of the out-weights by node, once links have weights of their own; empty before.
    pub(super) totals: Vec<f64>,
    /// (node, class) -> index in `extra_lists` + 1, for links outside the first class.
    extra_index: PairCounts,
    extra_lists: Vec<OutList>,
    extra_free: Vec<u32>,
    pub(super) links: u64,
    pub(super) linked_sources: usize,
}

impl Default for LinkGraph {
    fn default() -> Self {
        Self::from_weights(vec![1.0])
    }
}

impl LinkGraph {
    /// An empty graph whose links all weigh 1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty graph with one weight per class, the commonest class first (it is the one at 4 B a link).
    ///
    /// # Errors
    /// No class, more than 16 of them, or a weight outside [`super::WEIGHT_RANGE`] that is not 0.
    pub fn with_weights(weights: &[f64]) -> Result<Self, GraphError> {
        if weights.is_empty() || weights.len() > 16 {
            return Err(GraphError::ClassCount { classes: weights.len() });
        }
        match weights.iter().find(|&&weight| !is_weight(weight)) {
            Some(&weight) => Err(GraphError::Weight { weight }),
            None => Ok(Self::from_weights(weights.to_vec())),
        }
    }

    fn from_weights(weights: Vec<f64>) -> Self {
        Self {
            weights,
            arena: Arena::new(0, false),
            nodes: Nodes::default(),
            lists: Vec::new(),
            totals: Vec::new(),
            extra_index: PairCounts::new(),
            extra_lists: Vec::new(),
            extra_free: Vec::new(),
            links: 0,
            linked_sources: 0,
        }
    }

    /// A new node without links; ids count up from 0.
    ///
    /// # Errors
    /// All 2^32 − 1 ids are taken.
    pub fn add_node(&mut self) -> Result<u32, GraphError> {
        let node = u32::try_from(self.nodes.len()).ok().filter(|&node| node != VACANT);
        let node = node.ok_or(GraphError::NodesFull)?;
        self.nodes.push();
        if self.has_own_weights() {
            reserve_eighth(&mut self.totals, 1);
            self.totals.push(0.0);
        }
        Ok(node)
    }

    /// Nodes ever added.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Edges now in the graph, of all classes.
    #[must_use]
    pub fn link_count(&self) -> u64 {
        self.links
    }

    /// Nodes with at least one out-link and one in-link. O(1): a graph with few of them is a star, whose
    /// scores mean nothing.
    #[must_use]
    pub fn linked_source_count(&self) -> usize {
        self.linked_sources
    }

    /// Have fetched what is kept of a node that will soon be asked for.
    #[inline]
    pub(crate) fn expect(&self, node: u32) {
        self.nodes.expect(node);
    }

    /// In-links of a node; 0 for an unknown one.
    #[must_use]
    pub fn in_degree(&self, node: u32) -> u32 {
        self.nodes.in_degree(node)
    }

    /// Out-links of a node, of all classes; 0 for an unknown one.
    #[must_use]
    pub fn out_degree(&self, node: u32) -> u32 {
        let list = self.list(node);
        let extra: u32 = self.extras(node, list).map(|(_, list)| list.len()).sum();
        list.len() + extra
    }

    /// Sum of the weights of a node's out-links, W. By class it is counted from the list lengths, so it
    /// cannot drift.
    #[must_use]
    #[inline]
    pub fn out_weight(&self, node: u32) -> f64 {
        if self.has_own_weights() {
            return self.totals.get(node as usize).copied().unwrap_or(0.0);
        }
        let list = self.list(node);
        let extra: f64 =
            self.extras(node, list).map(|(class, list)| f64::from(list.len()) * self.weight(class)).sum();
        f64::from(list.len()) * self.weight(WeightClass::FIRST) + extra
    }

    /// The weight of a class; 0 for an unknown one.
    #[must_use]
    pub fn weight(&self, class: WeightClass) -> f64 {
        self.weights.get(usize::from(class.0)).copied().unwrap_or(0.0)
    }

    /// The targets of a node's out-links with the weight of each, in no promised order.
    pub fn out(&self, node: u32) -> impl Iterator<Item = (u32, f64)> {
        self.segments(node).flat_map(|(weights, slots)| {
            let each = slots.iter().enumerate().filter(|(_, target)| **target != VACANT);
            each.map(move |(at, &target)| (target, weights.at(at)))
        })
    }

    /// Raw segments, one per class: (weights, slots). A slot may hold [`VACANT`], which is no node id.
    #[inline]
    pub(crate) fn segments(&self, node: u32) -> impl Iterator<Item = (Weights<'_>, &[u32])> {
        let own = self.has_own_weights().then(|| self.list(node).weights(&self.arena));
        self.class_segments(node).map(move |(class, slots)| {
            (own.map_or_else(|| Weights::Same(self.weight(class)), Weights::Each), slots)
        })
    }

    /// As [`Self::segments`], but only the slots in which targets lie whose [`super::target_hash`] is in
    /// `hashes`; others lie there too.
    pub(crate) fn segments_of(
        &self,
        node: u32,
        hashes: &Range<u64>,
    ) -> impl Iterator<Item = (Weights<'_>, &[u32])> {
        let first = self.list(node);
        let lists = std::iter::once((WeightClass::FIRST, first)).chain(self.extras(node, first));
        lists.flat_map(move |(class, list)| {
            let own = self.has_own_weights().then(|| list.weights(&self.arena));
            list.slots_of(&self.arena, hashes).map(|slots| {
                let weights = match own {
                    Some(own) => Weights::Each(own.get(slots.clone()).unwrap_or_default()),
                    None => Weights::Same(self.weight(class)),
                };
                (weights, list.targets(&self.arena).get(slots).unwrap_or_default())
            })
        })
    }

    /// As [`Self::segments`], with the class in place of the weights.
    #[inline]
    pub(crate) fn class_segments(&self, node: u32) -> impl Iterator<Item = (WeightClass, &[u32])> {
        let list = self.list(node);
        let extras = self.extras(node, list).map(|(class, list)| (class, list.targets(&self.arena)));
        std::iter::once((WeightClass::FIRST, list.targets(&self.arena))).chain(extras)
    }

    /// Whether links have weights of their own, see [`Self::set_weight`].
    #[must_use]
    #[inline]
    pub fn has_own_weights(&self) -> bool {
        self.arena.is_weighted()
    }

    /// The weights by class.
    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Whether any link lies outside the first class.
    pub(crate) fn is_mixed(&self) -> bool {
        self.extra_lists.len() > self.extra_free.len()
    }

    /// Weight classes the graph was made with.
    #[must_use]
    pub fn class_count(&self) -> usize {
        self.weights.len()
    }

    /// The class of the link, if it exists.
    #[must_use]
    pub fn link_class(&self, source: u32, target: u32) -> Option<WeightClass> {
        let list = self.list(source);
        if list.contains(&self.arena, target) {
            return Some(WeightClass::FIRST);
        }
        self.extras(source, list).find(|(_, list)| list.contains(&self.arena, target)).map(|(class, _)| class)
    }

    /// The weight of the link, if it exists.
    #[must_use]
    pub fn link_weight(&self, source: u32, target: u32) -> Option<f64> {
        if self.has_own_weights() {
            return self.list(source).weight_of(&self.arena, target);
        }
        self.link_class(source, target).map(|class| self.weight(class))
    }

    /// Puts the link into `class`: adds it, moves it, or finds it there. A class of weight 0 drops it:
    /// such a link passes nothing, so it is not kept here.
    ///
    /// # Errors
    /// An unknown node or class, or no room for more links.
    pub fn set_link(
        &mut self,
        source: u32,
        target: u32,
        class: WeightClass,
    ) -> Result<LinkChange, GraphError> {
        if usize::from(class.0) >= self.weights.len() {
            return Err(GraphError::UnknownClass { class: class.0, classes: self.weights.len() });
        }
        if self.has_own_weights() {
            return self.set_weight(source, target, self.weight(class));
        }
        let wanted = (self.weight(class) > 0.0).then_some(class);
        self.change_link(source, target, wanted)
    }

    /// Takes the link out; a link that is not there is no error and no change.
    ///
    /// # Errors
    /// An unknown node.
    pub fn drop_link(&mut self, source: u32, target: u32) -> Result<LinkChange, GraphError> {
        if self.has_own_weights() {
            return self.set_weight(source, target, 0.0);
        }
        self.change_link(source, target, None)
    }

    /// Undoes a change, for a batch that is rolled back. Undo in reverse order.
    ///
    /// # Errors
    /// As [`Self::set_link`].
    pub fn revert(&mut self, change: &LinkChange) -> Result<LinkChange, GraphError> {
        if self.has_own_weights() {
            return self.set_weight(change.source, change.target, change.weight_before);
        }
        self.change_link(change.source, change.target, change.class_before)
    }

    fn change_link(
        &mut self,
        source: u32,
        target: u32,
        wanted: Option<WeightClass>,
    ) -> Result<LinkChange, GraphError> {
        self.check_node(source)?;
        self.check_node(target)?;
        let class_before = self.link_class(source, target);
        let total_before = self.out_weight(source);
        if class_before != wanted {
            if let Some(class) = wanted {
                self.edit(source, class, |list, arena| list.insert(arena, target, 0.0))?;
            }
            if let Some(class) = class_before {
                self.edit(source, class, |list, arena| {
                    list.remove(arena, target);
                    Ok(())
                })?;
            }
            self.count(source, target, class_before.is_some(), wanted.is_some());
        }
        Ok(LinkChange {
            source,
            target,
            class_before,
            class_after: wanted,
            weight_before: class_before.map_or(0.0, |class| self.weight(class)),
            weight_after: wanted.map_or(0.0, |class| self.weight(class)),
            total_before,
            total_after: self.out_weight(source),
        })
    }

    pub(super) fn check_node(&self, node: u32) -> Result<(), GraphError> {
        let nodes = self.node_count();
        if (node as usize) < nodes { Ok(()) } else { Err(GraphError::UnknownNode { node, nodes }) }
    }

    /// Keeps link, in-degree and linked-source counts after an edit of source -> target.
    pub(super) fn count(&mut self, source: u32, target: u32, was: bool, is: bool) {
        if was == is {
            return;
        }
        let sources_now = |graph: &Self| {
            let own = usize::from(graph.is_linked_source(source));
            own + usize::from(source != target && graph.is_linked_source(target))
        };
        // The list is already edited: the state before differs from now in one out-link and one in-link.
        let out_before = self.out_degree(source) + u32::from(was) - u32::from(is);
        let was_source = out_before > 0 && self.in_degree(source) > 0;
        let was_target = source != target && self.is_linked_source(target);
        let before = usize::from(was_source) + usize::from(was_target);
        self.nodes.set_in_degree(target, self.in_degree(target) + u32::from(is) - u32::from(was));
        self.links = self.links + u64::from(is) - u64::from(was);
        self.linked_sources = self.linked_sources + sources_now(self) - before;
    }

    pub(super) fn is_linked_source(&self, node: u32) -> bool {
        self.in_degree(node) > 0 && self.out_degree(node) > 0
    }

    #[inline]
    pub(super) fn list(&self, node: u32) -> OutList {
        let place = self.nodes.place(node);
        place.and_then(|place| self.lists.get(place as usize)).copied().unwrap_or(OutList::EMPTY)
    }

    /// Runs `edit` on the list of a node in the first class.
    pub(super) fn edit_list<T>(
        &mut self,
        node: u32,
        edit: impl FnOnce(&mut OutList, &mut Arena) -> Result<T, GraphError>,
    ) -> Result<T, GraphError> {
        self.check_node(node)?;
        let place = self.nodes.place(node).unwrap_or_else(|| {
            let place = self.lists.len() as u32;
            reserve_eighth(&mut self.lists, 1);
            self.lists.push(OutList::EMPTY);
            self.nodes.set_place(node, place);
            place
        });
        let missing = GraphError::UnknownNode { node, nodes: self.nodes.len() };
        edit(self.lists.get_mut(place as usize).ok_or(missing)?, &mut self.arena)
    }

    /// The lists of a node outside the first class, empty ones left out.
    fn extras(&self, node: u32, list: OutList) -> impl Iterator<Item = (WeightClass, OutList)> {
        let classes = if list.is_mixed() { 1..self.weights.len() } else { 0..0 };
        classes.filter_map(move |class| {
            let at = self.extra_index.get(node, class as u32).checked_sub(1)?;
            let list = self.extra_lists.get(at as usize).copied()?;
            Some((WeightClass(class as u8), list))
        })
    }

    /// Runs `edit` on the list of (node, class), creating it before and dropping it after when empty.
    fn edit(
        &mut self,
        node: u32,
        class: WeightClass,
        edit: impl FnOnce(&mut OutList, &mut Arena) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        if class == WeightClass::FIRST {
            return self.edit_list(node, edit);
        }
        let key = u32::from(class.0);
        let mut list = match self.extra_index.get(node, key).checked_sub(1) {
            Some(at) => self.extra_lists.get(at as usize).copied().unwrap_or(OutList::EMPTY),
            None => OutList::EMPTY,
        };
        edit(&mut list, &mut self.arena)?;
        self.store_extra(node, key, list)
    }

    fn store_extra(&mut self, node: u32, class: u32, list: OutList) -> Result<(), GraphError> {
        let entry = self.extra_index.get(node, class);
        if list.len() == 0 {
            self.extra_index.set(node, class, 0);
            self.extra_free.extend(entry.checked_sub(1));
        } else {
            let at = entry.checked_sub(1).or_else(|| self.extra_free.pop());
            let at = at.unwrap_or_else(|| {
                self.extra_lists.push(OutList::EMPTY);
                self.extra_lists.len() as u32 - 1
            });
            if let Some(slot) = self.extra_lists.get_mut(at as usize) {
                *slot = list;
            }
            self.extra_index.set(node, class, at + 1);
        }
        let is_mixed = (1..self.weights.len()).any(|class| self.extra_index.get(node, class as u32) > 0);
        self.edit_list(node, |list, _| {
            list.set_mixed(is_mixed);
            Ok(())
        })
    }

    /// Bytes held by the graph, reserved room included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.arena.memory_bytes()
            + self.extra_index.memory_bytes()
            + 12 * (self.lists.capacity() + self.extra_lists.capacity())
            + self.nodes.memory_bytes()
            + 4 * self.extra_free.capacity()
            + 8 * self.totals.capacity()
    }

    /// Whether a fifth of the arena is free blocks, so that [`Self::compact`] pays.
    #[must_use]
    pub fn is_compaction_due(&self) -> bool {
        self.arena.len() > 4096 && self.arena.free_slots() * 5 > self.arena.len()
    }

    /// Rewrites the arena without free blocks, lists in node order. One pass over all links; needs the
    /// memory of a second arena while it runs.
    ///
    /// # Errors
    /// The arena is full; the graph is then unchanged.
    pub fn compact(&mut self) -> Result<(), GraphError> {
        let slots = self.lists.iter().chain(&self.extra_lists).map(|list| list.tight_slots()).sum();
        let mut arena = Arena::new(slots, self.arena.is_weighted());
        let lists = copy_lists(&self.lists, &self.arena, &mut arena)?;
        self.extra_lists = copy_lists(&self.extra_lists, &self.arena, &mut arena)?;
        self.lists = lists;
        self.arena = arena;
        Ok(())
    }
}

fn copy_lists(lists: &[OutList], from: &Arena, to: &mut Arena) -> Result<Vec<OutList>, GraphError> {
    lists.iter().map(|list| list.copied_to(from, to)).collect()
}
