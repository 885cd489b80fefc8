//! The one error of the core.

use crate::authority::AuthorityError;
use crate::graph::GraphError;

/// What can go wrong in the core besides bad events, which are dead letters and never errors.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// `finish` without `begin`.
    #[error("no batch is begun: begin must come before finish")]
    NoBatch,
    /// A batch from the store lacks a column, or has it with another type.
    #[error("the column {name} is missing or is not {wanted}")]
    Column {
        /// Name of the column.
        name: &'static str,
        /// Type wanted, in words.
        wanted: &'static str,
    },
    /// Rows could not be put into an Arrow batch.
    #[error("rows of {table} could not be built: {source}")]
    Rows {
        /// Table concerned.
        table: &'static str,
        /// Arrow's reason.
        source: arrow_schema::ArrowError,
    },
    /// The graph refused an edit.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Authority refused a setting.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// More named seed sets than there may be.
    #[error("{topics} topics are named; at most {most} are kept")]
    TooManyTopics {
        /// Topics given.
        topics: usize,
        /// Topics allowed.
        most: usize,
    },
    /// A snapshot is not read, or could not be written.
    #[error(transparent)]
    Snapshot(#[from] crate::snapshot::SnapshotError),
    /// The public suffix list cannot be read.
    #[error(transparent)]
    SuffixList(#[from] crate::url::PslError),
}
