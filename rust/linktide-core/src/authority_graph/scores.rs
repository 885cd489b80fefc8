//! The scores as an Arrow batch.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, LargeStringArray, RecordBatch, UInt32Array};
use arrow_schema::{ArrowError, Field, Schema};

use super::AuthorityGraph;
use super::ids::Ids;
use crate::authority::AuthorityVector;

impl AuthorityGraph {
    /// One row per node, in the order they were first named: `id`, `score` (x, unnormalised), `residual`.
    ///
    /// # Errors
    /// Arrow's, if the columns could not be put together.
    pub fn scores(&self) -> Result<RecordBatch, ArrowError> {
        self.table(&self.vector)
    }

    /// As [`Self::scores`], solved exactly (to rounding) from nothing; the graph and its scores stay as they
    /// are. As long as a bulk load, about 40 passes over all links.
    ///
    /// # Errors
    /// As [`Self::scores`].
    pub fn solve_exact(&self) -> Result<RecordBatch, ArrowError> {
        self.table(&self.vector.exact(&self.graph))
    }

    fn table(&self, vector: &AuthorityVector) -> Result<RecordBatch, ArrowError> {
        let nodes = 0..self.ids.len() as u32;
        let ids: ArrayRef = match &self.ids {
            Ids::Empty => Arc::new(UInt32Array::from_iter_values([])),
            Ids::Numbers(numbers) => {
                Arc::new(UInt32Array::from_iter_values(numbers.by_node().iter().copied()))
            }
            Ids::Names(names) => {
                Arc::new(LargeStringArray::from_iter_values(nodes.clone().map(|node| names.name(node))))
            }
        };
        let of_nodes = |value: &dyn Fn(u32) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(nodes.clone().map(value)))
        };
        let columns = [
            ("id", ids),
            ("score", of_nodes(&|node| vector.x(node))),
            ("residual", of_nodes(&|node| vector.residual(node))),
        ];
        let field = |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), false);
        let fields: Vec<Field> = columns.iter().map(field).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.map(|(_, column)| column).to_vec())
    }
}
