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

/// Nodes sorted into their classes at once; a degree may be two cache misses, so this is some 50 µs.
const SORT_STEP: usize = 1_024;

/// A list that grew longer than this gives its room back once it is empty.
const KEPT_ROOM: usize = 1 << 16;

/// What a queue gives when asked for a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Popped {
    /// The node to push next.
    Node(u32),
    /// None yet: so many nodes were sorted for the next round.
    Sorted(usize),
    /// Nothing is queued.
    Nothing,
}

/// Nodes whose residual is over the threshold, each once, in rounds: what a round queues waits for the next.
///
/// Order decides how often a hub is pushed, so it is most of the cost. Within a round nodes go by degree
/// class, cheap ones first: a hub is pushed after most of what the round sends it, and what lifted it over
/// the threshold may be gone by then. Rounds keep two cheap nodes from feeding each other while a hub waits.
/// What was measured and rejected is in docs/decisions/0005.
#[derive(Debug, Clone, Default)]
pub(super) struct PushQueue {
    queued: NodeSet,
    /// This round, by class of out-degree; of class `class` those before `at` are done.
    round: Vec<Vec<u32>>,
    class: usize,
    at: usize,
    /// Bit per class: whether this round has nodes of it.
    filled: u64,
    /// The nodes of the round that is made now; those before `sorted` stand in their classes already.
    sorting: Vec<u32>,
    sorted: usize,
    next: Vec<u32>,
    len: usize,
}

impl PushQueue {
    pub(super) fn resize(&mut self, nodes: usize) {
        self.queued.resize(nodes);
    }

    pub(super) fn len(&self) -> usize {
        self.len
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
            self.len += 1;
        }
    }

    /// The next node, or one step towards it: making a round of a million nodes takes too long for one call.
    pub(super) fn pop(&mut self, degree: impl Fn(u32) -> u32) -> Popped {
        if self.filled == 0 || !self.sorting.is_empty() {
            return self.make_round(degree);
        }
        loop {
            if let Some(&node) = self.round.get(self.class).and_then(|nodes| nodes.get(self.at)) {
                self.at += 1;
                self.queued.remove(node);
                self.len -= 1;
                return Popped::Node(node);
            }
            if let Some(nodes) = self.round.get_mut(self.class) {
                empty(nodes);
            }
            self.filled &= !(1 << self.class);
            self.at = 0;
            if self.filled == 0 {
                return Popped::Sorted(0);
            }
            self.class = self.filled.trailing_zeros() as usize;
        }
    }

    /// Sorts some nodes of the next round into their classes. A node keeps its class for the round, though
    /// links may come and go before its turn.
    fn make_round(&mut self, degree: impl Fn(u32) -> u32) -> Popped {
        if self.sorting.is_empty() {
            if self.next.is_empty() {
                return Popped::Nothing;
            }
            std::mem::swap(&mut self.sorting, &mut self.next);
            self.round.resize(DEGREE_CLASSES, Vec::new());
        }
        let end = self.sorting.len().min(self.sorted + SORT_STEP);
        let step = self.sorting.get(self.sorted..end).unwrap_or_default();
        let count = step.len();
        for &node in step {
            let class = (u32::BITS - degree(node).leading_zeros()) as usize;
            if let Some(nodes) = self.round.get_mut(class) {
                nodes.push(node);
                self.filled |= 1 << class;
            }
        }
        self.sorted = end;
        if end == self.sorting.len() {
            empty(&mut self.sorting);
            self.sorted = 0;
            self.at = 0;
            self.class = self.filled.trailing_zeros() as usize;
        }
        Popped::Sorted(count)
    }

    pub(super) fn clear(&mut self) {
        let unsorted = self.sorting.drain(..).skip(self.sorted).chain(self.next.drain(..));
        for node in self.round.iter_mut().flat_map(std::mem::take).chain(unsorted) {
            self.queued.remove(node);
        }
        (self.class, self.at, self.filled, self.sorted, self.len) = (0, 0, 0, 0, 0);
    }

    pub(super) fn shrink(&mut self) {
        self.round.iter_mut().for_each(Vec::shrink_to_fit);
        self.sorting.shrink_to_fit();
        self.next.shrink_to_fit();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let nodes = self.round.iter().map(Vec::capacity).sum::<usize>()
            + self.sorting.capacity()
            + self.next.capacity();
        self.queued.memory_bytes() + size_of::<Vec<u32>>() * self.round.capacity() + 4 * nodes
    }
}

fn empty(nodes: &mut Vec<u32>) {
    nodes.clear();
    nodes.shrink_to(KEPT_ROOM);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(queue: &mut PushQueue, degree: impl Fn(u32) -> u32) -> Vec<u32> {
        let mut nodes = Vec::new();
        loop {
            match queue.pop(&degree) {
                Popped::Node(node) => nodes.push(node),
                Popped::Sorted(_) => {}
                Popped::Nothing => return nodes,
            }
        }
    }

    #[test]
    fn nodes_come_out_once_in_rounds_and_by_degree() {
        let mut queue = PushQueue::default();
        queue.resize(100);
        let degree = |node: u32| node;
        for node in [70, 3, 65, 99, 3, 0] {
            queue.push(node);
        }
        assert_eq!((queue.len(), queue.contains(3), queue.contains(4)), (5, true, false));
        assert_eq!(queue.pop(degree), Popped::Sorted(5));
        assert_eq!([queue.pop(degree), queue.pop(degree)], [Popped::Node(0), Popped::Node(3)]);
        queue.push(3);
        let rest = all(&mut queue, degree);
        assert_eq!(rest, [70, 65, 99, 3], "one degree class keeps its order; the next round comes last");
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_cleared_queue_takes_the_same_nodes_again() {
        let mut queue = PushQueue::default();
        queue.resize(10);
        (0..5).for_each(|node| queue.push(node));
        queue.pop(|_| 1);
        queue.pop(|_| 1);
        queue.push(0);
        queue.clear();
        assert_eq!((queue.len(), queue.pop(|_| 1)), (0, Popped::Nothing));
        (0..5).for_each(|node| queue.push(node));
        assert_eq!((queue.len(), all(&mut queue, |_| 1)), (5, vec![0, 1, 2, 3, 4]));
    }

    #[test]
    fn a_large_round_is_made_in_steps_and_gives_its_room_back() {
        let mut queue = PushQueue::default();
        queue.resize(100_000);
        (0..100_000).for_each(|node| queue.push(node));
        assert_eq!(queue.pop(|node| node), Popped::Sorted(SORT_STEP));
        queue.push(5);
        queue.pop(|node| node);
        let full = queue.memory_bytes();
        // What is cleared in the middle of a step is in no list any more.
        let mut cleared = queue.clone();
        cleared.clear();
        assert!(all(&mut cleared, |node| node).is_empty());
        cleared.push(7);
        assert_eq!(all(&mut cleared, |node| node), [7]);
        let nodes = all(&mut queue, |node| node);
        assert!(nodes.iter().copied().eq(0..100_000), "by class, and in order of arrival");
        let (most, empty) = (full + 4 * 131_072, queue.memory_bytes());
        assert!(empty < most, "{empty} B once empty, {full} B while it was made");
    }
}
