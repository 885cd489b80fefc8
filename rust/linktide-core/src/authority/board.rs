//! One vector, and what people were last shown of it.

use rustc_hash::FxHashSet;

use super::score::{Scale, relative_bound};
use super::{AuthorityError, AuthoritySettings, AuthorityVector, Budget, Threshold, is_bulk};
use crate::graph::{LinkGraph, reserve_eighth};
use crate::memory::set_bytes;

/// A smaller move of a shown score is not written, points.
const MIN_MOVE_POINTS: f64 = 0.05;

/// A trust vector is drained this much finer than citation: trust is shown down to a ten-thousandth of a seed's.
const TRUST_PRECISION: f64 = 1e-2;

/// A vector over a graph with its scale and the points last written of each node.
#[derive(Debug, Clone)]
pub struct Board {
    vector: AuthorityVector,
    scale: Scale,
    /// ε of citation: the promise the shown points are held to.
    epsilon: f64,
    shown: Vec<f32>,
    /// Nodes whose points moved more than people may miss, but less than a busy drain's bound allows to write.
    held_back: FxHashSet<u32>,
    /// Points were taken from the tables: any of them may differ from what the vector holds.
    is_restored: bool,
}

impl Board {
    /// Citation authority: every node has the prior 1 − α.
    ///
    /// # Errors
    /// α or ε out of range.
    pub fn citation(alpha: f64, epsilon: f64, threshold: Threshold) -> Result<Self, AuthorityError> {
        Self::new(
            AuthoritySettings { alpha, epsilon, threshold, prior: 1.0 - alpha },
            Scale::Citation,
            epsilon,
        )
    }

    /// Trust: seeds alone have a prior, set by [`Self::set_prior`].
    ///
    /// # Errors
    /// α or ε out of range.
    pub fn trust(alpha: f64, epsilon: f64) -> Result<Self, AuthorityError> {
        let threshold = Threshold::Const;
        let finer = epsilon * TRUST_PRECISION;
        Self::new(AuthoritySettings { alpha, epsilon: finer, threshold, prior: 0.0 }, Scale::Trust, epsilon)
    }

    fn new(settings: AuthoritySettings, scale: Scale, epsilon: f64) -> Result<Self, AuthorityError> {
        let vector = AuthorityVector::new(settings)?;
        Ok(Self {
            vector,
            scale,
            epsilon,
            shown: Vec::new(),
            held_back: FxHashSet::default(),
            is_restored: false,
        })
    }

    /// The vector.
    #[must_use]
    pub fn vector(&self) -> &AuthorityVector {
        &self.vector
    }

    /// The vector, to follow changes of the graph.
    pub fn vector_mut(&mut self) -> &mut AuthorityVector {
        &mut self.vector
    }

    /// Promise another ε from the next drain on.
    ///
    /// # Errors
    /// ε is not a positive number.
    pub fn set_epsilon(&mut self, epsilon: f64) -> Result<(), AuthorityError> {
        if self.epsilon.to_bits() == epsilon.to_bits() {
            return Ok(());
        }
        self.vector.set_epsilon(if self.scale == Scale::Trust {
            epsilon * TRUST_PRECISION
        } else {
            epsilon
        })?;
        self.epsilon = epsilon;
        Ok(())
    }

    /// Bring the vector to its ε, or as near as `budget` allows, after `links_moved` links of the graph moved.
    pub fn follow(&mut self, graph: &LinkGraph, links_moved: u64, budget: Budget) {
        self.vector.grow(graph);
        if is_bulk(links_moved, graph.link_count()) {
            self.vector.solve(graph);
        }
        self.vector.drain(graph, budget);
    }

    /// What a node holds: x + r, one step ahead of x, and untouched by what a source links to meanwhile.
    #[must_use]
    pub fn value(&self, node: u32) -> f64 {
        self.vector.estimate(node).max(0.0)
    }

    /// Points of a node now.
    #[must_use]
    pub fn points(&self, node: u32) -> f64 {
        self.points_of(self.value(node))
    }

    /// Points of any value on the scale of this board.
    #[must_use]
    pub fn points_of(&self, value: f64) -> f64 {
        self.scale.points(value, 1.0 - self.vector.settings().alpha)
    }

    /// Points last written of a node.
    #[must_use]
    pub fn shown(&self, node: u32) -> f64 {
        self.shown.get(node as usize).copied().unwrap_or(0.0).into()
    }

    /// Note that these points of a node are written.
    pub fn show(&mut self, node: u32, points: f64) {
        if self.shown.len() <= node as usize {
            let missing = node as usize + 1 - self.shown.len();
            reserve_eighth(&mut self.shown, missing);
            self.shown.resize(node as usize + 1, 0.0);
        }
        if let Some(shown) = self.shown.get_mut(node as usize) {
            *shown = points as f32;
        }
    }

    /// Take the points last written of a node from the tables.
    pub fn restore_shown(&mut self, node: u32, points: f64) {
        self.show(node, points);
        self.is_restored |= points != 0.0;
    }

    /// Nodes whose points moved by more than the bound leaves open, so that they are to be written.
    /// `finest` is the ε of idle times, `citation` the citation of a node: trust's bound is a share of it.
    pub fn due(&mut self, finest: f64, citation: impl Fn(u32) -> f64) -> Vec<u32> {
        // What the busy bound held back is looked at again under the idle one, though it may not move any more.
        let is_finest = self.epsilon <= finest;
        let mut nodes = self.vector.take_moved();
        if is_finest {
            nodes.extend(self.held_back.drain());
        }
        if std::mem::take(&mut self.is_restored) {
            nodes.extend((0..).zip(&self.shown).filter(|(_, shown)| **shown != 0.0).map(|(node, _)| node));
        }
        nodes.sort_unstable();
        nodes.dedup();
        let mut due = Vec::new();
        for node in nodes {
            let move_by = (self.points(node) - self.shown(node)).abs();
            if move_by >= self.least_move(self.epsilon, node, &citation) {
                due.push(node);
            } else if !is_finest && move_by >= self.least_move(finest, node, &citation) {
                self.held_back.insert(node);
            }
        }
        due
    }

    /// The least move that is written, points: twice what the bound leaves open.
    fn least_move(&self, epsilon: f64, node: u32, citation: &impl Fn(u32) -> f64) -> f64 {
        let relative = match self.scale {
            Scale::Citation => relative_bound(epsilon, self.vector.settings().threshold),
            Scale::Trust => {
                // What lies below the floor shows 0, however wrong it may be.
                let floor = self.scale.floor(1.0 - self.vector.settings().alpha);
                TRUST_PRECISION * epsilon * citation(node) / self.value(node).max(floor)
            }
        };
        MIN_MOVE_POINTS.max(2.0 * self.scale.bound_in_points(relative))
    }

    /// Give back all room that is reserved and not needed now.
    pub fn shrink(&mut self) {
        self.shown.shrink_to_fit();
        self.held_back.shrink_to_fit();
        self.vector.shrink();
    }

    /// Bytes held, reserved room included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.vector.memory_bytes() + 4 * self.shown.capacity() + set_bytes(&self.held_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::WeightClass;

    /// A star of `leaves` nodes that link to node 0.
    fn star(leaves: u32) -> LinkGraph {
        let mut graph = LinkGraph::new();
        for _ in 0..=leaves {
            graph.add_node().unwrap();
        }
        for leaf in 1..=leaves {
            graph.set_link(leaf, 0, WeightClass::FIRST).unwrap();
        }
        graph
    }

    fn citation(epsilon: f64) -> Board {
        Board::citation(0.85, epsilon, Threshold::Const).unwrap()
    }

    #[test]
    fn a_node_is_due_once_though_it_moved_and_was_held_back() {
        let mut graph = star(400);
        let mut board = citation(1e-2);
        board.follow(&graph, 401, Budget::Unlimited);
        for node in board.due(1e-3, |_| 0.0) {
            board.show(node, board.points(node));
        }
        // One leaf of 400 less moves the hub by about 0.03 points: seen only under the finer bound, twice.
        for leaf in 1..=3 {
            let change = graph.drop_link(leaf, 0).unwrap();
            board.vector_mut().on_link_change(&graph, &change);
            board.follow(&graph, 1, Budget::Unlimited);
            assert!(board.due(1e-3, |_| 0.0).is_empty());
        }
        let change = graph.drop_link(4, 0).unwrap();
        board.vector_mut().on_link_change(&graph, &change);
        board.set_epsilon(1e-3).unwrap();
        board.follow(&graph, 1, Budget::Unlimited);
        assert_eq!(board.due(1e-3, |_| 0.0), [0]);
    }

    #[test]
    fn points_of_the_tables_that_nothing_holds_any_more_are_due() {
        let graph = star(3);
        let mut board = Board::trust(0.85, 1e-3).unwrap();
        board.restore_shown(2, 66.7);
        board.follow(&graph, u64::MAX, Budget::Unlimited);
        assert_eq!(board.due(1e-3, |_| 0.15), [2]);
        board.show(2, 0.0);
        assert!(board.due(1e-3, |_| 0.15).is_empty());
    }
}
