//! `Index`: state and authority of one database, behind one lock.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow_array::UInt64Array;
use linktide_core::error::CoreError;
use linktide_core::index::{
    BoardState, Changes, DomainNumbers, Index, IndexOptions, Progress, SnapshotRun, observations, wanted_rows,
};
use linktide_core::links::flow::RelWeights;
use linktide_core::snapshot::{SnapshotError, SnapshotFile};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyRecordBatch};

use crate::batch::PyEventBatch;

/// Add the classes of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyIndex>()?;
    module.add_class::<PySnapshot>()?;
    module.add_function(wrap_pyfunction!(read_snapshot, module)?)?;
    module.add_class::<PyChanges>()
}

fn raise(error: CoreError) -> PyErr {
    match error {
        CoreError::Snapshot(SnapshotError::Io(error)) => error.into(),
        other => PyValueError::new_err(other.to_string()),
    }
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

    /// Make room for so many links of the tables.
    fn reserve_links(&self, py: Python<'_>, links: usize) {
        py.detach(|| self.lock().reserve_links(links));
    }

    /// Take wide rows of links, after the domains.
    fn restore_links(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        let rows = rows.into_inner();
        py.detach(|| self.lock().restore_links(&rows)).map_err(raise)
    }

    /// Take current attributes of links that have more than their wide row, after the links.
    fn restore_attributes(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        let rows = rows.into_inner();
        py.detach(|| self.lock().restore_attributes(&rows)).map_err(raise)
    }

    /// Take state rows of links, after the links, in any order.
    fn restore_registers(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        let rows = rows.into_inner();
        py.detach(|| self.lock().restore_registers(&rows)).map_err(raise)
    }

    /// Keys of the domains that links brought and no domain row has named.
    fn nameless_domains(&self, py: Python<'_>) -> PyArray {
        let keys: Vec<u64> = py.detach(|| self.lock().nameless_domains().collect());
        PyArray::from_array_ref(std::sync::Arc::new(UInt64Array::from(keys)))
    }

    /// Take what a snapshot holds, into a new index whose seeds are set; raises `ValueError` if it is not to be
    /// trusted or belongs elsewhere, `OSError` if it cannot be read. The index is of no use then.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
    fn load_snapshot(&self, py: Python<'_>, path: PathBuf, facts: Facts) -> PyResult<()> {
        py.detach(|| {
            SnapshotFile::open(&path).map_err(CoreError::from).and_then(|file| self.lock().load(file, &facts))
        })
        .map_err(raise)
    }

    /// Begin a snapshot in a file of its own; raises `OSError` if it cannot be made.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
    fn begin_snapshot(
        &self,
        py: Python<'_>,
        path: PathBuf,
        facts: Facts,
        token: &str,
        taken_at_us: i64,
    ) -> PyResult<PySnapshot> {
        let run = py.detach(|| SnapshotRun::begin(&self.lock(), &path, &facts, token, taken_at_us));
        Ok(PySnapshot { run: Mutex::new(run.map_err(raise)?) })
    }

    /// Sums of hashes of the state, by part: equal states have equal ones. Takes a while.
    fn fingerprint(&self, py: Python<'_>) -> HashMap<&'static str, u64> {
        py.detach(|| self.lock().fingerprint()).into_iter().collect()
    }

    /// Suspect links whose timer is not set; 0 unless something is wrong.
    fn missing_timers(&self, py: Python<'_>) -> usize {
        py.detach(|| self.lock().missing_timers())
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

    /// Write contributions of these domains, once a day of event time.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
    fn set_tracked(&self, names: Vec<String>) {
        self.lock().set_tracked(&names);
    }

    /// Take when contributions were last written: `domain_key`, `scored_at`.
    fn restore_contributed(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        let rows = rows.into_inner();
        py.detach(|| self.lock().restore_contributed(&rows)).map_err(raise)
    }

    /// One exact solve of each vector beside what is kept: one row a vector. Batches wait for copies only.
    fn audit(&self, py: Python<'_>) -> PyResult<PyRecordBatch> {
        py.detach(|| {
            let mut audits = Vec::new();
            for is_of_domains in [false, true] {
                // The lock is let go before the solve begins.
                let copy = self.lock().copy_graph(is_of_domains);
                audits.extend(copy.audit());
            }
            self.lock().audit_table(&audits)
        })
        .map(PyRecordBatch::new)
        .map_err(raise)
    }

    /// (graph, vector, bound, bound over Σx, target, edges followed, bytes) of every vector.
    fn vectors(&self, py: Python<'_>) -> Vec<(&'static str, String, f64, f64, f64, u64, usize)> {
        let boards = py.detach(|| self.lock().boards());
        let row = |one: BoardState| {
            (
                one.graph,
                one.vector,
                one.error_bound,
                one.error_bound_ratio,
                one.error_target,
                one.edges_touched,
                one.memory_bytes,
            )
        };
        boards.into_iter().map(row).collect()
    }

    /// Give back memory that is reserved and not needed now.
    fn shrink(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.lock().shrink()).map_err(raise)
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

/// (name, value) of what a snapshot belongs to.
type Facts = Vec<(String, String)>;

/// A snapshot under way; see `Index.begin_snapshot`.
#[pyclass(name = "Snapshot", module = "linktide._core", frozen)]
pub(crate) struct PySnapshot {
    run: Mutex<SnapshotRun>,
}

#[pymethods]
impl PySnapshot {
    /// Save for about so many seconds; call it between two batches. Returns the bytes of the file once all of it is
    /// on the disk, None before. Raises `OSError`, or `ValueError` if the vectors changed.
    fn step(&self, py: Python<'_>, index: &PyIndex, budget_seconds: f64) -> PyResult<Option<u64>> {
        let budget = Duration::try_from_secs_f64(budget_seconds).unwrap_or_default();
        let progress = py.detach(|| self.lock().step(&index.lock(), budget)).map_err(raise)?;
        Ok(match progress {
            Progress::Written(totals) => Some(totals.bytes),
            Progress::Saving | Progress::Writing => None,
        })
    }

    /// Save all that is left and wait until it is on the disk; returns the bytes of the file. Raises as `step`.
    fn finish(&self, py: Python<'_>, index: &PyIndex) -> PyResult<u64> {
        py.detach(|| self.lock().finish(&index.lock())).map(|totals| totals.bytes).map_err(raise)
    }
}

impl PySnapshot {
    fn lock(&self) -> MutexGuard<'_, SnapshotRun> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// (token, base revision, newest revision, taken at µs, bytes) of a snapshot whose begin and end are whole; raises as
/// `Index.load_snapshot`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
fn read_snapshot(py: Python<'_>, path: PathBuf, facts: Facts) -> PyResult<(String, u64, u64, i64, u64)> {
    let opened = py.detach(|| {
        let file = SnapshotFile::open(&path)?;
        file.check(&facts)?;
        Ok(file)
    });
    let file = opened.map_err(|error: SnapshotError| raise(error.into()))?;
    let (header, totals) = (file.header(), file.totals());
    Ok((header.token.clone(), header.base_rev, totals.end_rev, header.taken_at, totals.bytes))
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

    /// Turns of links to tracked domains; None if there are none.
    fn turns(&self) -> Option<PyRecordBatch> {
        self.changes.news.turns.clone().map(PyRecordBatch::new)
    }

    /// Those of them that are news, counted by domain and hour; None if none is.
    fn hours(&self) -> Option<PyRecordBatch> {
        self.changes.news.hours.clone().map(PyRecordBatch::new)
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
