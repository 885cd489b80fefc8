//! `AuthorityGraph`: a bare graph and its scores, behind one lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use linktide_core::authority::Threshold;
use linktide_core::authority_graph::{Applied, AuthorityGraph, Id};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatch;
use pyo3_arrow::input::AnyRecordBatch;

/// Add the class of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyAuthorityGraph>()
}

fn raise(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// (added, dropped, reweighted, unchanged, unknown drops, edges touched, whether solved in bulk).
type AppliedTuple = (u64, u64, u64, u64, u64, u64, bool);

#[derive(FromPyObject)]
enum SeedId {
    Number(u32),
    Name(String),
}

impl SeedId {
    fn id(&self) -> Id<'_> {
        match self {
            Self::Number(number) => Id::Number(*number),
            Self::Name(name) => Id::Name(name),
        }
    }
}

/// Links and the authority of their nodes, kept within epsilon. One call at a time, from any thread.
#[pyclass(name = "AuthorityGraph", module = "linktide._core", frozen)]
pub(crate) struct PyAuthorityGraph {
    graph: Mutex<AuthorityGraph>,
}

impl PyAuthorityGraph {
    fn lock(&self) -> MutexGuard<'_, AuthorityGraph> {
        // A panic in the core is a defect the caller sees; the numbers stay readable after it.
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a number without the GIL, which a long `apply` in another thread must not hold up.
    fn read<T: Send>(&self, py: Python<'_>, read: impl FnOnce(&AuthorityGraph) -> T + Send) -> T {
        py.detach(|| read(&self.lock()))
    }
}

#[pymethods]
impl PyAuthorityGraph {
    /// Raises `ValueError` for a setting out of range and for seeds that cannot be taken.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
    fn new(alpha: f64, epsilon: f64, threshold: &str, seeds: Option<Vec<(SeedId, f64)>>) -> PyResult<Self> {
        let threshold = Threshold::from_name(threshold).map_err(raise)?;
        let seeds: Option<Vec<_>> =
            seeds.as_ref().map(|seeds| seeds.iter().map(|(id, weight)| (id.id(), *weight)).collect());
        let graph = AuthorityGraph::new(alpha, epsilon, threshold, seeds.as_deref()).map_err(raise)?;
        Ok(Self { graph: Mutex::new(graph) })
    }

    /// Apply the edits of Arrow columns `src`, `dst`, `op` and perhaps `weight`, and drain to epsilon.
    fn apply(&self, py: Python<'_>, batch: AnyRecordBatch) -> PyResult<AppliedTuple> {
        let batches = match batch {
            AnyRecordBatch::RecordBatch(batch) => vec![batch.into_inner()],
            AnyRecordBatch::Stream(stream) => {
                // Its producer may be Python, so it is read with the GIL.
                stream.into_reader()?.collect::<Result<Vec<_>, ArrowError>>().map_err(raise)?
            }
        };
        let applied = py.detach(|| self.lock().apply(&batches)).map_err(raise)?;
        let Applied { added, dropped, reweighted, unchanged, unknown_drops, edges_touched, is_bulk } =
            applied;
        Ok((added, dropped, reweighted, unchanged, unknown_drops, edges_touched, is_bulk))
    }

    /// One row per node: `id`, `score`, `residual`.
    fn scores(&self, py: Python<'_>) -> PyResult<PyRecordBatch> {
        table(self.read(py, AuthorityGraph::scores))
    }

    /// The same columns, solved exactly; changes nothing.
    fn solve_exact(&self, py: Python<'_>) -> PyResult<PyRecordBatch> {
        table(self.read(py, AuthorityGraph::solve_exact))
    }

    /// Proven bound on the sum of all errors.
    #[getter]
    fn error_bound(&self, py: Python<'_>) -> f64 {
        self.read(py, AuthorityGraph::error_bound)
    }

    /// Edges followed so far.
    #[getter]
    fn edges_touched(&self, py: Python<'_>) -> u64 {
        self.read(py, AuthorityGraph::edges_touched)
    }

    /// Links of weight above 0.
    #[getter]
    fn link_count(&self, py: Python<'_>) -> u64 {
        self.read(py, AuthorityGraph::link_count)
    }

    /// Nodes named so far.
    #[getter]
    fn node_count(&self, py: Python<'_>) -> usize {
        self.read(py, AuthorityGraph::node_count)
    }

    /// Seeds that no link names.
    #[getter]
    fn unlinked_seed_count(&self, py: Python<'_>) -> usize {
        self.read(py, AuthorityGraph::unlinked_seed_count)
    }

    /// Bytes held.
    #[getter]
    fn memory_bytes(&self, py: Python<'_>) -> usize {
        self.read(py, AuthorityGraph::memory_bytes)
    }
}

fn table(rows: Result<RecordBatch, ArrowError>) -> PyResult<PyRecordBatch> {
    rows.map(PyRecordBatch::new).map_err(raise)
}
