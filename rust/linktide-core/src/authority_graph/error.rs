//! Why an authority graph refused what it was given.

use crate::authority::AuthorityError;
use crate::graph::GraphError;

/// What is wrong with a setting or a batch. The graph is then as it was before, but for the two room errors
/// of [`GraphError`], which can come in the middle of a batch.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AuthorityGraphError {
    /// A column is missing.
    #[error("the batch has no column {name}; it needs src, dst and op, and may have weight")]
    Missing {
        /// Name of the column.
        name: &'static str,
    },
    /// A column of a type that cannot be read.
    #[error("the column {name} holds {found}, want {wanted}")]
    Type {
        /// Name of the column.
        name: &'static str,
        /// Its type.
        found: String,
        /// Types wanted, in words.
        wanted: &'static str,
    },
    /// A null where a value is needed.
    #[error("row {row} of the column {name} is null")]
    Null {
        /// Name of the column.
        name: &'static str,
        /// Row in the whole batch, from 0.
        row: usize,
    },
    /// An id that does not fit.
    #[error("row {row} of the column {name} is {value}; an id lies between 0 and 4294967295")]
    Id {
        /// Name of the column.
        name: &'static str,
        /// Row in the whole batch, from 0.
        row: usize,
        /// The value given.
        value: i128,
    },
    /// An operation that is not known.
    #[error("row {row} of the column op is {value:?}, want \"add\" or \"drop\"")]
    Operation {
        /// Row in the whole batch, from 0.
        row: usize,
        /// The value given.
        value: String,
    },
    /// A weight that is negative, not a number, or beyond what sums can carry.
    #[error("row {row} of the column weight is {weight}; a weight is 0 or between 1e-150 and 1e150")]
    Weight {
        /// Row in the whole batch, from 0.
        row: usize,
        /// The value given.
        weight: f64,
    },
    /// Numbers where the graph has names, or the other way round.
    #[error("the graph has {held} as ids; {given} cannot be mixed with them")]
    IdKind {
        /// What the graph has.
        held: &'static str,
        /// What was given.
        given: &'static str,
    },
    /// A seed whose weight is no weight.
    #[error("the seed {seed} has the weight {weight}; it must be finite and above 0")]
    Seed {
        /// The seed.
        seed: String,
        /// The value given.
        weight: f64,
    },
    /// Seeds were named, but none.
    #[error("the seeds are empty: no node would have any authority; leave seeds out for citation authority")]
    NoSeeds,
    /// More names than ids.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A setting out of range.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}
