//! URL identity: one URL, or an Arrow column of them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use linktide_core::url::{
    AssumedScheme, Bases, ColumnError, ColumnNormalizer, ExtraNames, Level, NormalizedUrl, POLICY_VERSION,
    PublicSuffixList, UrlOptions, UrlReason, explain, url_id,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyArray;
use pyo3_arrow::input::AnyArray;

/// Add the class of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<UrlNormalizer>()
}

/// url, host, domain, `url_id`, `domain_id`, `cluster_key`, reason, flags of one URL.
type Row<'py> = (
    Option<String>,
    Option<String>,
    Option<String>,
    Option<Bound<'py, PyBytes>>,
    Option<u64>,
    Option<u64>,
    Option<&'static str>,
    Option<u32>,
);

/// (level, rules, part, before, after) of each change, and the cluster form.
type Story = (Vec<(&'static str, Vec<&'static str>, &'static str, String, String)>, Option<String>);

/// The bases of a call: none, one text, or an array of as many rows.
#[derive(FromPyObject)]
enum PyBases {
    One(String),
    PerRow(AnyArray),
}

/// Normalises URLs by the policy with the public suffix list given as text. Any thread may call.
#[pyclass(frozen, module = "linktide._core")]
struct UrlNormalizer {
    columns: ColumnNormalizer,
    suffixes: Arc<PublicSuffixList>,
}

#[pymethods]
impl UrlNormalizer {
    #[classattr]
    const POLICY_VERSION: u32 = POLICY_VERSION;

    /// Raises `ValueError` if the text is no public suffix list, or an option cannot be.
    #[new]
    #[expect(clippy::fn_params_excessive_bools, clippy::too_many_arguments, reason = "keywords")]
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
    #[pyo3(signature = (
        psl_text, *, level = "index", ftp = false, assume_scheme = None, keep_hashbang = false,
        keep_hashroute = false, max_output_bytes = 8192, reject_private = false, unwrap_redirects = false,
        unwrap_amp = false, extra_tracking = Vec::new(),
    ))]
    fn new(
        psl_text: &str,
        level: &str,
        ftp: bool,
        assume_scheme: Option<&str>,
        keep_hashbang: bool,
        keep_hashroute: bool,
        max_output_bytes: usize,
        reject_private: bool,
        unwrap_redirects: bool,
        unwrap_amp: bool,
        extra_tracking: Vec<String>,
    ) -> PyResult<Self> {
        let suffixes = Arc::new(PublicSuffixList::parse(psl_text).map_err(value_error)?);
        let extra = ExtraNames::parse(extra_tracking.iter().map(String::as_str)).map_err(value_error)?;
        let options = UrlOptions {
            level: read_level(level)?,
            ftp,
            assume_scheme: assume_scheme.map(read_scheme).transpose()?,
            keep_hashbang,
            keep_hashroute,
            max_output_bytes,
            reject_private,
            unwrap_redirects,
            unwrap_amp,
            extra_tracking: extra,
        };
        options.check().map_err(value_error)?;
        Ok(Self { columns: ColumnNormalizer::new(Arc::clone(&suffixes), options), suffixes })
    }

    #[getter]
    fn suffixes_version(&self) -> &str {
        self.suffixes.version()
    }

    #[getter]
    fn suffixes_rules(&self) -> usize {
        self.suffixes.len()
    }

    /// (url, host, domain, `url_id`, `domain_id`, `cluster_key`, reason, flags) of one URL's bytes.
    #[pyo3(signature = (url, base = None))]
    fn normalize<'py>(&self, py: Python<'py>, url: &[u8], base: Option<&str>) -> Row<'py> {
        let mut out = Vec::new();
        let got = self.columns.with_normalizer(|normalizer| normalizer.normalize(url, base, &mut out));
        row(py, got, &out)
    }

    /// Struct arrays of the rows of `urls`, in order: one, unless a column of texts takes 2 GiB.
    ///
    /// Raises `TypeError` for arrays that hold no text, `ValueError` for bases that are not as many.
    #[pyo3(signature = (urls, bases = None, threads = 1))]
    fn normalize_columns(
        &self,
        py: Python<'_>,
        urls: AnyArray,
        bases: Option<PyBases>,
        threads: usize,
    ) -> PyResult<Vec<PyArray>> {
        let urls = urls.into_chunked_array()?;
        let (base, per_row) = match bases {
            None => (None, None),
            Some(PyBases::One(base)) => (Some(base), None),
            Some(PyBases::PerRow(bases)) => (None, Some(bases.into_chunked_array()?)),
        };
        let threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
        let arrays = py.detach(|| {
            let bases = match &per_row {
                Some(bases) => Bases::PerRow(bases.chunks()),
                None => Bases::One(base.as_deref()),
            };
            self.columns.normalize(urls.chunks(), bases, threads)
        });
        let arrays = arrays.map_err(column_error)?;
        Ok(arrays.into_iter().map(|array| PyArray::from_array_ref(Arc::new(array))).collect())
    }

    /// What the policy does to one URL, change by change, and its cluster form.
    #[pyo3(signature = (url, base = None))]
    fn explain(&self, url: &[u8], base: Option<&str>) -> Story {
        let told = explain(&self.suffixes, self.columns.options(), url, base);
        let steps = told.steps.into_iter();
        let steps = steps.map(|step| (step.level.name(), step.rules, step.part, step.before, step.after));
        (steps.collect(), told.cluster_form)
    }
}

fn row<'py>(py: Python<'py>, got: Result<NormalizedUrl, UrlReason>, out: &[u8]) -> Row<'py> {
    match got {
        Err(reason) => (None, None, None, None, None, None, Some(reason.name()), None),
        Ok(got) => {
            let bytes = |range| out.get(range).unwrap_or_default();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (url, host, domain) = (bytes(got.url), bytes(got.host), bytes(got.domain));
            let has_host = !host.is_empty();
            (
                Some(text(url)),
                has_host.then(|| text(host)),
                has_host.then(|| text(domain)),
                Some(PyBytes::new(py, &url_id(url))),
                has_host.then_some(got.domain_id),
                Some(got.cluster_key),
                None,
                Some(got.flags.bits()),
            )
        }
    }
}

fn read_level(name: &str) -> PyResult<Level> {
    let wanted = Level::ALL.map(Level::name).join(", ");
    Level::from_name(name)
        .ok_or_else(|| PyValueError::new_err(format!("level is {name:?}, wanted one of {wanted}")))
}

fn read_scheme(name: &str) -> PyResult<AssumedScheme> {
    AssumedScheme::from_name(name)
        .ok_or_else(|| PyValueError::new_err(format!("assume_scheme is {name:?}, wanted http or https")))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn value_error(error: impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn column_error(error: ColumnError) -> PyErr {
    match error {
        ColumnError::NotText { .. } => PyTypeError::new_err(error.to_string()),
        _ => value_error(error),
    }
}
