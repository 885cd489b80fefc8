//! Links with weights of their own, for graphs whose weights are not a few known classes.
//!
//! The first weight that is not the class's gives every slot of the arena an f64 beside it. A graph that never
//! sees one pays nothing; one that does pays 12 B a link in place of 4, and 8 B a node for the sum. A table
//! of distinct weights with an index per link would take 8 B a link, but three times that once most weights
//! differ, and a second random read per link pushed.

use super::{GraphError, LinkChange, LinkGraph, WeightClass};

/// The least and the greatest weight of a link, 0 apart: between them no sum of weights overflows and no
/// share of one is lost.
pub const WEIGHT_RANGE: (f64, f64) = (1e-150, 1e150);

/// Whether a link may have this weight.
pub(super) fn is_weight(weight: f64) -> bool {
    weight == 0.0 || (WEIGHT_RANGE.0..=WEIGHT_RANGE.1).contains(&weight)
}

/// The weights of a segment of an out-list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Weights<'a> {
    /// All slots have this one.
    Same(f64),
    /// Each slot has its own.
    Each(&'a [f64]),
}

impl Weights<'_> {
    /// The weight of the slot at a place.
    #[inline]
    pub(crate) fn at(self, place: usize) -> f64 {
        match self {
            Self::Same(weight) => weight,
            Self::Each(weights) => weights.get(place).copied().unwrap_or(0.0),
        }
    }
}

impl LinkGraph {
    /// Adds the link with a weight of its own, or changes its weight; weight 0 drops it, for it passes
    /// nothing. For graphs of a single class. While every weight given is that class's, links cost what
    /// they cost there.
    ///
    /// # Errors
    /// A weight that is no number, negative or outside [`WEIGHT_RANGE`]; an unknown node; a graph with
    /// several classes; no room for more links. Nothing changes then.
    pub fn set_weight(&mut self, source: u32, target: u32, weight: f64) -> Result<LinkChange, GraphError> {
        if !is_weight(weight) {
            return Err(GraphError::Weight { weight });
        }
        if self.class_count() != 1 {
            return Err(GraphError::Classes { classes: self.class_count() });
        }
        if !self.has_own_weights() {
            if weight == 0.0 {
                return self.drop_link(source, target);
            }
            if weight.to_bits() == self.weight(WeightClass::FIRST).to_bits() {
                return self.set_link(source, target, WeightClass::FIRST);
            }
            self.begin_own_weights();
        }
        self.change_weight(source, target, weight)
    }

    fn begin_own_weights(&mut self) {
        let nodes = 0..self.node_count() as u32;
        self.totals = nodes.map(|node| self.out_weight(node)).collect();
        self.arena.make_weighted(self.weight(WeightClass::FIRST));
    }

    fn change_weight(&mut self, source: u32, target: u32, weight: f64) -> Result<LinkChange, GraphError> {
        self.check_node(source)?;
        self.check_node(target)?;
        let before = self.list(source).weight_of(&self.arena, target);
        let total_before = self.out_weight(source);
        let weight_before = before.unwrap_or(0.0);
        let is_changed = weight_before.to_bits() != weight.to_bits();
        if is_changed {
            self.edit_weight(source, target, before, weight)?;
        }
        let total_after = if is_changed {
            self.moved_total(source, total_before - weight_before + weight)
        } else {
            total_before
        };
        Ok(LinkChange {
            source,
            target,
            class_before: before.map(|_| WeightClass::FIRST),
            class_after: (weight > 0.0).then_some(WeightClass::FIRST),
            weight_before,
            weight_after: weight,
            total_before,
            total_after,
        })
    }

    fn edit_weight(
        &mut self,
        source: u32,
        target: u32,
        before: Option<f64>,
        weight: f64,
    ) -> Result<(), GraphError> {
        self.edit_list(source, |list, arena| {
            if before.is_none() {
                return list.insert(arena, target, weight);
            }
            if weight > 0.0 {
                list.set_weight(arena, target, weight);
            } else {
                list.remove(arena, target);
            }
            Ok(())
        })?;
        self.count(source, target, before.is_some(), weight > 0.0);
        Ok(())
    }

    /// Stores the moved sum. Where it fell below half, it is summed anew: what was taken away could hide
    /// rounding as large as what is left. Such an edit changes most of what the node passes on, so its
    /// links will be pushed anyway.
    fn moved_total(&mut self, node: u32, moved: f64) -> f64 {
        let before = self.out_weight(node);
        let anew = || self.out(node).fold(0.0, |sum, (_, weight)| sum + weight);
        let total = if moved >= 0.5 * before { moved } else { anew() };
        if let Some(slot) = self.totals.get_mut(node as usize) {
            *slot = total;
        }
        total
    }
}
