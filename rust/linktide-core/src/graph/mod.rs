//! The link graph and the registrable-domain pairs that feed it.
//!
//! [`LinkGraph`] holds who links to whom, [`DomainPairs`] counts the page links behind each edge between
//! two domains. Authority over the graph is in [`crate::authority`].

mod arena;
mod domain_pairs;
mod link_graph;
mod load;
mod nodes;
mod out_list;
mod own_weights;
mod pair_counts;
#[cfg(test)]
mod tests;

pub(crate) use arena::{VACANT, reserve_eighth};
pub(crate) use domain_pairs::is_heaviest;
pub use domain_pairs::{DomainPairs, Pair};
pub use link_graph::LinkGraph;
pub(crate) use out_list::target_hash;
pub use own_weights::WEIGHT_RANGE;
pub(crate) use own_weights::Weights;
pub(crate) use pair_counts::PairCounts;

/// Which weight a link has: an index into the weights the graph was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WeightClass(pub u8);

impl WeightClass {
    /// The class of ordinary followed links, the cheapest to keep.
    pub const FIRST: Self = Self(0);
}

/// What an edit of one link did, with all an authority vector needs to follow it in O(1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkChange {
    /// The linking node.
    pub source: u32,
    /// The linked node.
    pub target: u32,
    /// The class before; none when there was no link.
    pub class_before: Option<WeightClass>,
    /// The class after; none when there is no link.
    pub class_after: Option<WeightClass>,
    /// The weight before, 0 without a link.
    pub weight_before: f64,
    /// The weight after, 0 without a link.
    pub weight_after: f64,
    /// Sum of the source's out-weights before.
    pub total_before: f64,
    /// Sum of the source's out-weights after.
    pub total_after: f64,
}

impl LinkChange {
    /// Whether the edit found the link as it wanted it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.class_before == self.class_after && self.weight_before.to_bits() == self.weight_after.to_bits()
    }
}

/// Why the graph refused an edit.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum GraphError {
    /// A node id that was never handed out.
    #[error("node {node} is unknown: the graph has nodes 0 to {nodes} (exclusive)")]
    UnknownNode {
        /// The id given.
        node: u32,
        /// Nodes in the graph.
        nodes: usize,
    },
    /// A weight class the graph was not made with.
    #[error("weight class {class} is unknown: the graph has {classes} classes")]
    UnknownClass {
        /// The class given.
        class: u8,
        /// Classes of the graph.
        classes: usize,
    },
    /// Too few or too many weight classes.
    #[error("a graph needs 1 to 16 weight classes, not {classes}")]
    ClassCount {
        /// Classes given.
        classes: usize,
    },
    /// A weight that is negative, not finite or beyond what sums can carry.
    #[error("a link weight must be 0 or between 1e-150 and 1e150, not {weight}")]
    Weight {
        /// The weight given.
        weight: f64,
    },
    /// Own weights wanted of a graph that has several classes.
    #[error("links have weights of their own only in a graph of one class, not of {classes}")]
    Classes {
        /// Classes of the graph.
        classes: usize,
    },
    /// All node ids are taken.
    #[error("the graph is full: 2^32 - 1 nodes")]
    NodesFull,
    /// Link offsets no longer fit 32 bits.
    #[error("the link arena is full at {slots} slots; compacting the graph frees the unused ones")]
    ArenaFull {
        /// Slots in use.
        slots: usize,
    },
}
