//! Which node to push next: first in, first out.

use std::collections::VecDeque;

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

/// Nodes whose residual is over the threshold, each once, in order of arrival.
///
/// Order decides how often a hub is pushed, so it is most of the cost. Arrival order lets a hub gather
/// what the whole queue before it sends. Rejected after measuring (`benches/authority.rs`): letting a hub
/// of d links wait for d edges and then go first pushes it before the queue has sent its part, many times
/// the edges in large batches; arrival order plus such a wait gains nothing that pays for its state.
#[derive(Debug, Clone, Default)]
pub(super) struct PushQueue {
    queued: NodeSet,
    nodes: VecDeque<u32>,
}

impl PushQueue {
    pub(super) fn resize(&mut self, nodes: usize) {
        self.queued.resize(nodes);
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    #[cfg(test)]
    pub(super) fn contains(&self, node: u32) -> bool {
        self.queued.contains(node)
    }

    /// Adds a node, unless it is in.
    #[inline]
    pub(super) fn push(&mut self, node: u32) {
        if self.queued.insert(node) {
            self.nodes.push_back(node);
        }
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        let node = self.nodes.pop_front()?;
        self.queued.remove(node);
        Some(node)
    }

    pub(super) fn clear(&mut self) {
        while self.pop().is_some() {}
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.queued.memory_bytes() + 4 * self.nodes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_out_once_in_order_of_arrival() {
        let mut queue = PushQueue::default();
        queue.resize(100);
        for node in [70, 3, 70, 99, 3] {
            queue.push(node);
        }
        assert_eq!((queue.len(), queue.contains(3), queue.contains(4)), (3, true, false));
        assert_eq!([queue.pop(), queue.pop()], [Some(70), Some(3)]);
        queue.push(70);
        assert_eq!([queue.pop(), queue.pop(), queue.pop()], [Some(99), Some(70), None]);
    }
}
