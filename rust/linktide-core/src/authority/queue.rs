//! Which node to push next: first in, first out, but hubs wait.

use std::collections::VecDeque;

/// A node with more out-links than this waits.
const DELAY_FROM: u32 = 32;
/// Degree classes 2^5 to 2^31.
const CLASSES: usize = 27;

/// A set of bits by node id.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeSet {
    words: Vec<u64>,
}

impl NodeSet {
    pub(super) fn resize(&mut self, nodes: usize) {
        self.words.resize(nodes.div_ceil(64), 0);
    }

    /// Adds a node; true when it was not in. An unknown node is never in.
    #[inline]
    pub(super) fn insert(&mut self, node: u32) -> bool {
        let Some(word) = self.words.get_mut(node as usize / 64) else { return false };
        let bit = 1 << (node % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    #[inline]
    pub(super) fn remove(&mut self, node: u32) {
        if let Some(word) = self.words.get_mut(node as usize / 64) {
            *word &= !(1 << (node % 64));
        }
    }

    #[cfg(test)]
    pub(super) fn contains(&self, node: u32) -> bool {
        self.words.get(node as usize / 64).is_some_and(|word| word >> (node % 64) & 1 == 1)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        8 * self.words.capacity()
    }
}

/// Nodes whose residual is over the threshold. A node of d > 32 out-links waits until about d edges were
/// pushed for others: what reaches it meanwhile is pushed on together, and two hubs that feed one another
/// cannot each be pushed per event. "About": d is rounded down to a power of two, so that every delay is
/// one of 27 and each keeps its own first-in-first-out list, already in order of due time.
#[derive(Debug, Clone)]
pub(super) struct PushQueue {
    queued: NodeSet,
    ready: VecDeque<u32>,
    delayed: Vec<VecDeque<(u64, u32)>>,
    next_due: u64,
    waiting: usize,
}

impl PushQueue {
    pub(super) fn new() -> Self {
        Self {
            queued: NodeSet::default(),
            ready: VecDeque::new(),
            delayed: vec![VecDeque::new(); CLASSES],
            next_due: u64::MAX,
            waiting: 0,
        }
    }

    pub(super) fn resize(&mut self, nodes: usize) {
        self.queued.resize(nodes);
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.waiting
    }

    #[cfg(test)]
    pub(super) fn contains(&self, node: u32) -> bool {
        self.queued.contains(node)
    }

    /// Adds a node of `degree` out-links at `clock` edges, unless it is in.
    #[inline]
    pub(super) fn push(&mut self, node: u32, degree: impl FnOnce() -> u32, clock: u64) {
        if self.queued.insert(node) {
            self.enter(node, degree(), clock);
        }
    }

    fn enter(&mut self, node: u32, degree: u32, clock: u64) {
        if degree <= DELAY_FROM {
            return self.ready.push_back(node);
        }
        let octave = degree.ilog2();
        let due = clock + (1 << octave);
        if let Some(class) = self.delayed.get_mut(octave as usize - 5) {
            class.push_back((due, node));
            self.waiting += 1;
            self.next_due = self.next_due.min(due);
        }
    }

    /// The node to push at `clock` edges: a hub whose wait is over, else the oldest other node, else the
    /// hub that has waited longest.
    pub(super) fn pop(&mut self, clock: u64) -> Option<u32> {
        let node = if clock >= self.next_due {
            self.pop_delayed()?
        } else {
            self.ready.pop_front().or_else(|| self.pop_delayed())?
        };
        self.queued.remove(node);
        Some(node)
    }

    fn pop_delayed(&mut self) -> Option<u32> {
        let due = |class: &VecDeque<(u64, u32)>| class.front().map_or(u64::MAX, |(due, _)| *due);
        let (_, node) = self.delayed.iter_mut().min_by_key(|class| due(class))?.pop_front()?;
        self.waiting -= 1;
        self.next_due = self.delayed.iter().map(due).min().unwrap_or(u64::MAX);
        Some(node)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let delayed: usize = self.delayed.iter().map(VecDeque::capacity).sum();
        self.queued.memory_bytes() + 4 * self.ready.capacity() + 16 * delayed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_waits_its_degree_and_no_node_is_twice_in() {
        let mut queue = PushQueue::new();
        queue.resize(100);
        queue.push(70, || 64, 0);
        for node in 0..10 {
            queue.push(node, || 3, 0);
            queue.push(node, || 3, 0);
        }
        assert_eq!(queue.len(), 11);
        assert_eq!(queue.pop(0), Some(0));
        assert_eq!(queue.pop(63), Some(1));
        assert_eq!(queue.pop(64), Some(70));
        for node in 2..10 {
            assert_eq!(queue.pop(64), Some(node));
        }
        queue.push(80, || 1 << 20, 64);
        queue.push(81, || 40, 64);
        assert_eq!([queue.pop(64), queue.pop(64), queue.pop(64)], [Some(81), Some(80), None]);
    }
}
