//! URL identity, for tests and tooling: one URL at a time, or an Arrow array of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::builder::{
    FixedSizeBinaryBuilder, StringBuilder, UInt8Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use linktide_core::url::{Normalizer, POLICY_VERSION, PublicSuffixList, url_id};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyRecordBatch};

/// Add the class of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<UrlNormalizer>()
}

type Row = (String, String, String, u32, u64);

/// A normalised URL or the name of the reason why there is none.
#[derive(IntoPyObject)]
enum Answer {
    Row(Row),
    Reason(&'static str),
}

/// Normalises URLs by the policy with the public suffix list given as text.
#[pyclass(frozen, module = "linktide._core")]
struct UrlNormalizer {
    normalizer: Mutex<Normalizer>,
    #[pyo3(get)]
    suffixes_version: String,
    #[pyo3(get)]
    suffixes_rules: usize,
}

impl UrlNormalizer {
    /// A normaliser holds caches only, so one that a panic left behind is as good as any.
    fn lock(&self) -> MutexGuard<'_, Normalizer> {
        self.normalizer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl UrlNormalizer {
    #[classattr]
    const POLICY_VERSION: u32 = POLICY_VERSION;

    /// Raises `ValueError` if the text is no public suffix list.
    #[new]
    fn new(psl_text: &str) -> PyResult<Self> {
        let suffixes =
            PublicSuffixList::parse(psl_text).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self {
            suffixes_version: suffixes.version().to_owned(),
            suffixes_rules: suffixes.len(),
            normalizer: Mutex::new(Normalizer::new(Arc::new(suffixes))),
        })
    }

    /// (url, host, domain, flags, cluster key), or the name of the reason why there is none.
    #[pyo3(signature = (url, base = None))]
    fn normalize(&self, url: &str, base: Option<&str>) -> Answer {
        let mut out = Vec::new();
        match self.lock().normalize(url.as_bytes(), base, &mut out) {
            Err(reason) => Answer::Reason(reason.name()),
            Ok(row) => {
                let text = |range: std::ops::Range<usize>| {
                    String::from_utf8_lossy(out.get(range).unwrap_or_default()).into_owned()
                };
                Answer::Row((
                    text(row.url),
                    text(row.host),
                    text(row.domain),
                    row.flags.bits(),
                    row.cluster_key,
                ))
            }
        }
    }

    /// One row per URL: `url`, `host`, `domain`, `url_id`, `flags`, `cluster_key`, `reason` (0: none). Null in,
    /// null out.
    ///
    /// Raises `ValueError` for arrays that are no strings or of different length.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
    #[pyo3(signature = (urls, bases = None))]
    fn normalize_array(
        &self,
        py: Python<'_>,
        urls: PyArray,
        bases: Option<PyArray>,
    ) -> PyResult<PyRecordBatch> {
        let bases = bases.as_ref().map(|bases| bases.array().as_ref());
        let batch = py.detach(|| normalize_rows(&mut self.lock(), urls.array().as_ref(), bases));
        batch.map(PyRecordBatch::new).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

fn normalize_rows(
    normalizer: &mut Normalizer,
    urls: &dyn Array,
    bases: Option<&dyn Array>,
) -> Result<RecordBatch, ArrowError> {
    if let Some(bases) = bases.filter(|bases| bases.len() != urls.len()) {
        let text = format!("there are {} urls and {} bases, want as many", urls.len(), bases.len());
        return Err(ArrowError::InvalidArgumentError(text));
    }
    let mut columns = Columns::new(urls.len());
    let mut bases = bases.map(strings).transpose()?;
    let mut out = Vec::new();
    for url in strings(urls)? {
        let base = bases.as_mut().and_then(Iterator::next).flatten();
        columns.append(normalizer, url, base, &mut out)?;
    }
    columns.finish()
}

fn strings(array: &dyn Array) -> Result<Box<dyn Iterator<Item = Option<&str>> + '_>, ArrowError> {
    match array.data_type() {
        DataType::Utf8 => Ok(Box::new(array.as_string::<i32>().iter())),
        DataType::LargeUtf8 => Ok(Box::new(array.as_string::<i64>().iter())),
        DataType::Utf8View => Ok(Box::new(array.as_string_view().iter())),
        other => Err(ArrowError::InvalidArgumentError(format!("the array holds {other}, want strings"))),
    }
}

struct Columns {
    texts: [StringBuilder; 3],
    url_id: FixedSizeBinaryBuilder,
    flags: UInt32Builder,
    cluster_key: UInt64Builder,
    reason: UInt8Builder,
}

impl Columns {
    fn new(rows: usize) -> Self {
        Self {
            texts: Default::default(),
            url_id: FixedSizeBinaryBuilder::with_capacity(rows, 16),
            flags: UInt32Builder::with_capacity(rows),
            cluster_key: UInt64Builder::with_capacity(rows),
            reason: UInt8Builder::with_capacity(rows),
        }
    }

    fn append(
        &mut self,
        normalizer: &mut Normalizer,
        url: Option<&str>,
        base: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<(), ArrowError> {
        out.clear();
        let row = url.map(|url| normalizer.normalize(url.as_bytes(), base, out));
        self.reason
            .append_option(row.as_ref().map(|row| row.as_ref().err().map_or(0, |reason| reason.code())));
        let Some(Ok(row)) = row else {
            self.texts.iter_mut().for_each(StringBuilder::append_null);
            self.url_id.append_null();
            self.flags.append_null();
            self.cluster_key.append_null();
            return Ok(());
        };
        self.url_id.append_value(url_id(out))?;
        for (builder, range) in self.texts.iter_mut().zip([row.url, row.host, row.domain]) {
            builder.append_value(String::from_utf8_lossy(out.get(range).unwrap_or_default()));
        }
        self.flags.append_value(row.flags.bits());
        self.cluster_key.append_value(row.cluster_key);
        Ok(())
    }

    fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let [url, host, domain] = self.texts.each_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef);
        let columns: [(&str, ArrayRef); 7] = [
            ("url", url),
            ("host", host),
            ("domain", domain),
            ("url_id", Arc::new(self.url_id.finish())),
            ("flags", Arc::new(self.flags.finish())),
            ("cluster_key", Arc::new(self.cluster_key.finish())),
            ("reason", Arc::new(self.reason.finish())),
        ];
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
            .collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}
