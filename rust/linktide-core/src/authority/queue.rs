//! Which node to push next: in rounds, nodes with few links first.

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

/// Classes of out-degree: 0, 1, 2 to 3, 4 to 7, …
const DEGREE_CLASSES: usize = 33;

/// Nodes whose residual is over the threshold, each once, in rounds: what a round queues waits for the next.
///
/// Order decides how often a hub is pushed, so it is most of the cost. Within a round nodes go by degree
/// class, cheap ones first: a hub is pushed after most of what the round sends it, and what lifted it over
/// the threshold may be gone by then. Rounds keep two cheap nodes from feeding each other while a hub waits.
/// What was measured and rejected is in docs/decisions/0005.
#[derive(Debug, Clone, Default)]
pub(super) struct PushQueue {
    queued: NodeSet,
    /// This round, in order; before `at` they are done.
    round: Vec<u32>,
    at: usize,
    next: Vec<u32>,
}

impl PushQueue {
    pub(super) fn resize(&mut self, nodes: usize) {
        self.queued.resize(nodes);
    }

    pub(super) fn len(&self) -> usize {
        self.round.len() - self.at + self.next.len()
    }

    #[cfg(test)]
    pub(super) fn contains(&self, node: u32) -> bool {
        self.queued.contains(node)
    }

    /// Adds a node, unless it is in.
    #[inline]
    pub(super) fn push(&mut self, node: u32) {
        if self.queued.insert(node) {
            self.next.push(node);
        }
    }

    pub(super) fn pop(&mut self, degree: impl Fn(u32) -> u32) -> Option<u32> {
        if self.at == self.round.len() {
            self.begin_round(degree);
        }
        let node = *self.round.get(self.at)?;
        self.at += 1;
        self.queued.remove(node);
        Some(node)
    }

    fn begin_round(&mut self, degree: impl Fn(u32) -> u32) {
        self.round.clear();
        self.at = 0;
        if self.next.len() < 2 {
            std::mem::swap(&mut self.round, &mut self.next);
            return;
        }
        let class = |node: u32| (u32::BITS - degree(node).leading_zeros()) as usize;
        let mut starts = [0usize; DEGREE_CLASSES + 1];
        for &node in &self.next {
            if let Some(count) = starts.get_mut(class(node) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        self.round.resize(self.next.len(), 0);
        for node in self.next.drain(..) {
            if let Some(start) = starts.get_mut(class(node))
                && let Some(slot) = self.round.get_mut(*start)
            {
                *slot = node;
                *start += 1;
            }
        }
    }

    pub(super) fn clear(&mut self) {
        for node in self.round.drain(..).skip(self.at).chain(self.next.drain(..)) {
            self.queued.remove(node);
        }
        self.at = 0;
    }

    pub(super) fn shrink(&mut self) {
        self.round.shrink_to_fit();
        self.next.shrink_to_fit();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.queued.memory_bytes() + 4 * (self.round.capacity() + self.next.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_out_once_in_rounds_and_by_degree() {
        let mut queue = PushQueue::default();
        queue.resize(100);
        let degree = |node: u32| node;
        for node in [70, 3, 65, 99, 3, 0] {
            queue.push(node);
        }
        assert_eq!((queue.len(), queue.contains(3), queue.contains(4)), (5, true, false));
        assert_eq!([queue.pop(degree), queue.pop(degree)], [Some(0), Some(3)]);
        queue.push(3);
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop(degree)).collect();
        assert_eq!(rest, [70, 65, 99, 3], "one degree class keeps its order; the next round comes last");
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_cleared_queue_takes_the_same_nodes_again() {
        let mut queue = PushQueue::default();
        queue.resize(10);
        (0..5).for_each(|node| queue.push(node));
        queue.pop(|_| 1);
        queue.push(0);
        queue.clear();
        assert_eq!((queue.len(), queue.pop(|_| 1)), (0, None));
        (0..5).for_each(|node| queue.push(node));
        assert_eq!(queue.len(), 5);
    }
}
