//! `Index`: state and authority of one database, behind one lock.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use linktide_core::error::CoreError;
use linktide_core::index::{
    BoardState, Changes, DomainNumbers, Index, IndexOptions, observations, wanted_rows,
};
use linktide_core::links::flow::RelWeights;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatch;

use crate::batch::PyEventBatch;

/// Add the classes of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyIndex>()?;
    module.add_class::<PyChanges>()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn raise(error: CoreError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Link state and authority. One thread moves it; others may read its numbers.
#[pyclass(name = "Index", module = "linktide._core", frozen)]
pub(crate) struct PyIndex {
    index: Mutex<Index>,
}

impl PyIndex {
    fn lock(&self) -> MutexGuard<'_, Index> {
        // A panic inside a batch leaves an index that must be thrown away; the caller sees the panic.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyIndex {
    /// Raises `ValueError` for an option out of range.
    #[new]
    #[pyo3(signature = (seed, rel_weights, *, alpha = 0.85, epsilon_busy = 1e-2, epsilon_idle = 1e-3, authority_min_domains = 1000))]
    fn new(
        seed: u64,
        rel_weights: (f64, f64, f64),
        alpha: f64,
        epsilon_busy: f64,
        epsilon_idle: f64,
        authority_min_domains: u32,
    ) -> PyResult<Self> {
        let (nofollow, ugc, sponsored) = rel_weights;
        let rel_weights = RelWeights { nofollow, ugc, sponsored };
        let options =
            IndexOptions { seed, alpha, epsilon_busy, epsilon_idle, authority_min_domains, rel_weights };
        Ok(Self { index: Mutex::new(Index::new(options).map_err(raise)?) })
    }

    /// Take domains of the tables.
    fn restore_domains(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        let rows = rows.into_inner();
        py.detach(|| self.lock().restore_domains(&rows)).map_err(raise)
    }

    /// Take links of the tables, after the domains.
    fn restore_links(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        let rows = rows.into_inner();
        py.detach(|| self.lock().restore_links(&rows)).map_err(raise)
    }

    /// Take loss registers of pages of the tables, before the links.
    fn restore_pages(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        let rows = rows.into_inner();
        py.detach(|| self.lock().restore_pages(&rows)).map_err(raise)
    }

    /// Take the ids of the contents of pages that are stored.
    fn restore_page_sets(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        let rows = rows.into_inner();
        py.detach(|| self.lock().restore_page_sets(&rows)).map_err(raise)
    }

    /// Take scores of pages of the tables, after the links.
    fn restore_page_scores(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        let rows = rows.into_inner();
        py.detach(|| self.lock().restore_page_scores(&rows)).map_err(raise)
    }

    /// Take topical scores of the tables, after the domains and the seeds.
    fn restore_topic_scores(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        let rows = rows.into_inner();
        py.detach(|| self.lock().restore_topic_scores(&rows)).map_err(raise)
    }

    /// Take seed sets in place of those before; a domain that no link has named yet counts later.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
    fn set_seeds(
        &self,
        py: Python<'_>,
        trusted: Vec<String>,
        topics: Vec<(String, Vec<String>)>,
    ) -> PyResult<()> {
        py.detach(|| self.lock().set_seeds(&trusted, &topics)).map_err(raise)
    }

    /// Take priors (`domain_name`, `prior`) in place of those before.
    fn set_priors(&self, py: Python<'_>, rows: Vec<PyRecordBatch>) -> PyResult<()> {
        let rows: Vec<_> = rows.into_iter().map(PyRecordBatch::into_inner).collect();
        py.detach(|| self.lock().take_priors(&rows)).map_err(raise)
    }

    /// (graph, vector, bound, bound over Σx, target, edges followed) of every vector.
    fn vectors(&self, py: Python<'_>) -> Vec<(&'static str, String, f64, f64, f64, u64)> {
        let boards = py.detach(|| self.lock().boards());
        let row = |one: BoardState| {
            (
                one.graph,
                one.vector,
                one.error_bound,
                one.error_bound_ratio,
                one.error_target,
                one.edges_touched,
            )
        };
        boards.into_iter().map(row).collect()
    }

    /// Set clock (µs or None) and revision once all links are in; authority is solved.
    fn restored(&self, py: Python<'_>, clock: Option<i64>, rev: u64) -> PyResult<()> {
        py.detach(|| self.lock().restored(clock, rev)).map_err(raise)
    }

    /// Take a batch; returns `link_id` and `page_key` of links whose stored observations `finish` needs.
    fn begin(&self, py: Python<'_>, batch: &PyEventBatch) -> PyResult<PyRecordBatch> {
        let batch = batch.batch.clone();
        py.detach(|| wanted_rows(&self.lock().begin(&batch))).map(PyRecordBatch::new).map_err(raise)
    }

    /// Complete the batch; `stored` holds the observations of the links that `begin` named.
    #[pyo3(signature = (stored = Vec::new()), text_signature = "($self, stored=())")]
    fn finish(&self, py: Python<'_>, stored: Vec<PyRecordBatch>) -> PyResult<PyChanges> {
        let stored: Vec<_> = stored.into_iter().map(PyRecordBatch::into_inner).collect();
        let changes = py.detach(|| {
            let seen = stored.iter().map(observations).collect::<Result<Vec<_>, _>>()?;
            self.lock().finish(seen.into_iter().flatten().collect())
        });
        changes.map(|changes| PyChanges { changes }).map_err(raise)
    }

    /// Drain authority to the idle error; None if no shown score moved.
    fn settle(&self, py: Python<'_>) -> PyResult<Option<PyChanges>> {
        let changes = py.detach(|| self.lock().settle()).map_err(raise)?;
        Ok(changes.map(|changes| PyChanges { changes }))
    }

    /// Scores of all domains as the engine holds them: `domain_name`, `citation`, `residual`.
    fn scores(&self, py: Python<'_>) -> PyResult<PyRecordBatch> {
        py.detach(|| self.lock().score_table()).map(PyRecordBatch::new).map_err(raise)
    }

    /// Numbers of the whole index, by name.
    fn numbers(&self, py: Python<'_>) -> HashMap<&'static str, f64> {
        // A batch may hold the lock for long: nobody waits for it with the interpreter in hand.
        py.detach(|| self.lock().numbers()).into_iter().collect()
    }

    /// (live backlinks, new, restored, lost, authority or None) of each named domain; None if unknown.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
    fn domain_numbers(&self, py: Python<'_>, names: Vec<String>) -> Vec<Option<DomainNumbers>> {
        py.detach(|| {
            let index = self.lock();
            names.iter().map(|name| index.domain_numbers(name)).collect()
        })
    }
}

/// The rows that a batch appends.
#[pyclass(name = "Changes", module = "linktide._core", frozen)]
pub(crate) struct PyChanges {
    changes: Changes,
}

#[pymethods]
impl PyChanges {
    /// Table name → Arrow record batch; only tables with rows.
    fn tables(&self) -> HashMap<&'static str, PyRecordBatch> {
        let tables = self.changes.tables.iter();
        tables.map(|(name, rows)| (*name, PyRecordBatch::new(rows.clone()))).collect()
    }

    /// Revision of the batch.
    #[getter]
    fn rev(&self) -> u64 {
        self.changes.rev
    }

    /// Greatest event time accepted so far, µs.
    #[getter]
    fn clock_us(&self) -> Option<i64> {
        self.changes.clock
    }
}
