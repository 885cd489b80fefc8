//! A public suffix list, read and looked at before it comes into force.

use linktide_core::index::moved_hosts;
use linktide_core::url::PublicSuffixList;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatch;

/// Add the class of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SuffixList>()
}

/// A public suffix list, private section included.
#[pyclass(frozen, module = "linktide._core")]
struct SuffixList {
    list: PublicSuffixList,
}

#[pymethods]
impl SuffixList {
    /// Raises `ValueError` if the text is no public suffix list.
    #[new]
    fn new(text: &str) -> PyResult<Self> {
        let list = PublicSuffixList::parse(text);
        Ok(Self { list: list.map_err(|error| PyValueError::new_err(error.to_string()))? })
    }

    /// The file's VERSION line; if it has none, `unversioned-` and a hash of the text.
    #[getter]
    fn version(&self) -> &str {
        self.list.version()
    }

    /// How many rules there are.
    fn __len__(&self) -> usize {
        self.list.len()
    }

    /// The registrable domain of a host as normalised URLs have it.
    fn domain_of<'h>(&self, host: &'h str) -> &'h str {
        self.list.registrable_domain(host)
    }

    /// Of `authority`, `domain_name` those whose domain is another one by this list, with `domain_key`,
    /// `new_domain_name` and `new_domain_key`. Raises `ValueError` if a column is missing.
    fn moved_hosts(&self, py: Python<'_>, seed: u64, hosts: PyRecordBatch) -> PyResult<PyRecordBatch> {
        let hosts = hosts.into_inner();
        let moved = py.detach(|| moved_hosts(&self.list, seed, &hosts));
        moved.map(PyRecordBatch::new).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}
