//! `DomainWeb` and what it is asked: why authority changed, and what would change it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use linktide_core::explain::{Change, DomainWeb, PARTS, SolvedWeb, Standing, WebOptions, WhatIf};
use linktide_core::links::flow::RelWeights;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatch;

/// Add the classes of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyDomainWeb>()?;
    module.add_class::<PySolvedWeb>()?;
    module.add_class::<PyStanding>()?;
    module.add_class::<PyAuthorityChange>()?;
    module.add_class::<PyWhatIf>()
}

fn raise(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// The live links of one instant, on their way to a domain graph.
#[pyclass(name = "DomainWeb", module = "linktide._core", frozen)]
pub(crate) struct PyDomainWeb {
    web: Mutex<Option<DomainWeb>>,
}

impl PyDomainWeb {
    fn lock(&self) -> MutexGuard<'_, Option<DomainWeb>> {
        self.web.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take<E: std::fmt::Display + Send>(
        &self,
        py: Python<'_>,
        rows: PyRecordBatch,
        take: impl FnOnce(&mut DomainWeb, &arrow_array::RecordBatch) -> Result<(), E> + Send,
    ) -> PyResult<()> {
        let rows = rows.into_inner();
        py.detach(|| match &mut *self.lock() {
            Some(web) => take(web, &rows).map_err(raise),
            None => Err(raise("the web is solved: it takes no more rows")),
        })
    }
}

#[pymethods]
impl PyDomainWeb {
    #[new]
    #[pyo3(signature = (seed, rel_weights, *, alpha = 0.85))]
    fn new(seed: u64, rel_weights: (f64, f64, f64), alpha: f64) -> Self {
        let (nofollow, ugc, sponsored) = rel_weights;
        let rel_weights = RelWeights { nofollow, ugc, sponsored };
        Self { web: Mutex::new(Some(DomainWeb::new(WebOptions { seed, alpha, rel_weights }))) }
    }

    /// Take names: `domain_key`, `domain_name`.
    fn take_domains(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        self.take(py, rows, DomainWeb::take_domains)
    }

    /// Take priors: `domain_name`, `prior`.
    fn take_priors(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        self.take(py, rows, DomainWeb::take_priors)
    }

    /// Take live links: `source_key`, `s_dom_key`, `t_dom_key`, `rel`, `link_type`.
    fn take_links(&self, py: Python<'_>, rows: PyRecordBatch) -> PyResult<()> {
        self.take(py, rows, DomainWeb::take_links)
    }

    /// Solve exactly; the web takes nothing afterwards.
    fn solve(&self, py: Python<'_>) -> PyResult<PySolvedWeb> {
        let web = self.lock().take().ok_or_else(|| raise("the web is solved already"))?;
        py.detach(|| web.solve()).map(|web| PySolvedWeb { web }).map_err(raise)
    }
}

/// A domain graph and its exact citation.
#[pyclass(name = "SolvedWeb", module = "linktide._core", frozen)]
pub(crate) struct PySolvedWeb {
    web: SolvedWeb,
}

#[pymethods]
impl PySolvedWeb {
    /// What it says of a domain; None if the domain has no name here.
    fn standing(&self, py: Python<'_>, domain_name: &str) -> Option<PyStanding> {
        py.detach(|| self.web.standing(domain_name)).map(|standing| PyStanding { standing })
    }

    /// What other links would do; `ValueError` if that cannot be asked.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
    fn what_if(
        &self,
        py: Python<'_>,
        domain_name: &str,
        gained: Vec<String>,
        lost: Vec<String>,
    ) -> PyResult<PyWhatIf> {
        let answer = py.detach(|| self.web.what_if(domain_name, &gained, &lost));
        answer.map(|answer| PyWhatIf { answer }).map_err(raise)
    }

    /// Domains that link and are linked to.
    #[getter]
    fn linked_sources(&self) -> usize {
        self.web.linked_sources()
    }

    /// Domains with an edge.
    #[getter]
    fn node_count(&self) -> usize {
        self.web.nodes()
    }

    /// Edges.
    #[getter]
    fn link_count(&self) -> u64 {
        self.web.links()
    }
}

/// One domain at one instant.
#[pyclass(name = "Standing", module = "linktide._core", frozen)]
pub(crate) struct PyStanding {
    standing: Standing,
}

#[pymethods]
impl PyStanding {
    /// Citation, exact.
    #[getter]
    fn citation(&self) -> f64 {
        self.standing.citation
    }

    /// In-edges.
    #[getter]
    fn link_count(&self) -> usize {
        self.standing.in_links.len()
    }

    /// The change from here to another standing of the domain.
    fn change_to(&self, py: Python<'_>, after: &Self) -> PyAuthorityChange {
        let change = py.detach(|| Change::between(self.standing.clone(), after.standing.clone()));
        PyAuthorityChange { change }
    }
}

/// A change in parts.
#[pyclass(name = "AuthorityChange", module = "linktide._core", frozen)]
pub(crate) struct PyAuthorityChange {
    change: Change,
}

#[pymethods]
impl PyAuthorityChange {
    /// One row for each in-edge and the prior, the largest first.
    fn rows(&self, py: Python<'_>) -> PyResult<PyRecordBatch> {
        py.detach(|| self.change.table()).map(PyRecordBatch::new).map_err(raise)
    }

    /// The sum of each part, by name.
    fn parts(&self) -> HashMap<&'static str, f64> {
        PARTS.into_iter().zip(self.change.sums()).collect()
    }

    /// Citation and points before and after, and the change.
    fn numbers(&self) -> HashMap<&'static str, f64> {
        let (before, after) = (&self.change.before, &self.change.after);
        let mut numbers = ends(before, after);
        numbers.extend([
            ("change", self.change.total()),
            ("links_before", before.in_links.len() as f64),
            ("links_after", after.in_links.len() as f64),
        ]);
        numbers
    }
}

/// A domain as it is and as it would be.
#[pyclass(name = "WhatIf", module = "linktide._core", frozen)]
pub(crate) struct PyWhatIf {
    answer: WhatIf,
}

#[pymethods]
impl PyWhatIf {
    /// One row for each domain that gains or loses its link.
    fn rows(&self, py: Python<'_>) -> PyResult<PyRecordBatch> {
        py.detach(|| self.answer.table()).map(PyRecordBatch::new).map_err(raise)
    }

    /// Citation and points before and after, exact and to first order, and the error of the latter.
    fn numbers(&self) -> HashMap<&'static str, f64> {
        let answer = &self.answer;
        let mut numbers = ends(&answer.before, &answer.after);
        numbers.extend([
            ("points_first_order", answer.points_first_order()),
            ("change", answer.exact()),
            ("first_order", answer.first_order()),
            ("error", answer.first_order() - answer.exact()),
            ("error_bound", answer.error_bound()),
        ]);
        numbers
    }
}

fn ends(before: &Standing, after: &Standing) -> HashMap<&'static str, f64> {
    HashMap::from([
        ("citation_before", before.citation),
        ("citation_after", after.citation),
        ("points_before", before.points()),
        ("points_after", after.points()),
    ])
}
