//! `BatchDecoder` and the opaque batch it makes.

use std::sync::{Arc, Mutex, PoisonError};

use linktide_core::batch::{BatchDecoder, Chunk, DecoderOptions, Distribution, EventBatch};
use linktide_core::url::{POLICY_VERSION, PublicSuffixList};
use linktide_core::wire::{ChunkRef, Codec};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

/// Add the classes of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("URL_POLICY_VERSION", POLICY_VERSION)?;
    module.add_class::<PyBatchDecoder>()?;
    module.add_class::<PyEventBatch>()
}

/// Chunks in, one batch out; a pure function of its input. One call at a time, from any thread.
#[pyclass(name = "BatchDecoder", module = "linktide._core", frozen)]
pub(crate) struct PyBatchDecoder {
    decoder: Mutex<BatchDecoder>,
    #[pyo3(get)]
    public_suffix_list_version: String,
}

/// (`source_id`, codec, data, `first_offset`, `received_at_us`, aborted, `accepts_losses`) of one chunk.
type ChunkTuple = (u32, String, PyBackedBytes, i64, i64, Vec<(i64, i64)>, bool);

#[pymethods]
impl PyBatchDecoder {
    /// Raises `ValueError` if the text is no public suffix list.
    #[new]
    fn new(
        public_suffix_list: &str,
        seed: u64,
        max_event_bytes: usize,
        max_batch_bytes: usize,
    ) -> PyResult<Self> {
        let suffixes = PublicSuffixList::parse(public_suffix_list);
        let suffixes = suffixes.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let public_suffix_list_version = suffixes.version().to_owned();
        let options = DecoderOptions { seed, max_event_bytes, max_batch_bytes };
        let decoder = BatchDecoder::new(Arc::new(suffixes), options);
        Ok(Self { decoder: Mutex::new(decoder), public_suffix_list_version })
    }

    /// Decode chunks, given as (`source_id`, codec, data, `first_offset`, `received_at_us`, aborted,
    /// `accepts_losses`).
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
    fn decode(&self, py: Python<'_>, chunks: Vec<ChunkTuple>) -> PyResult<PyEventBatch> {
        let chunks = chunks.iter().map(chunk).collect::<PyResult<Vec<_>>>()?;
        let batch = py.detach(|| {
            // A panic in the decoder would leave only buffers behind, which every call clears.
            self.decoder.lock().unwrap_or_else(PoisonError::into_inner).decode(&chunks)
        });
        Ok(PyEventBatch { batch: Arc::new(batch) })
    }
}

fn chunk(tuple: &ChunkTuple) -> PyResult<Chunk<'_>> {
    let (source_id, codec, data, first_offset, received_at_us, aborted, accepts_losses) = tuple;
    let codec = Codec::from_name(codec).ok_or_else(|| {
        PyValueError::new_err(format!("codec {codec:?} is not known, want kafka, ndjson or framed"))
    })?;
    let records =
        ChunkRef { codec, data, first_offset: *first_offset, received_at_us: *received_at_us, aborted };
    Ok(Chunk { source_id: *source_id, accepts_losses: *accepts_losses, records })
}

/// Accepted events and dead letters of some chunks.
#[pyclass(name = "EventBatch", module = "linktide._core", frozen)]
pub(crate) struct PyEventBatch {
    pub(crate) batch: Arc<EventBatch>,
}

#[pymethods]
impl PyEventBatch {
    /// Accepted events.
    fn __len__(&self) -> usize {
        self.batch.len()
    }

    /// Link events, and links that pages list.
    #[getter]
    fn links(&self) -> usize {
        self.batch.rows()
    }

    /// Where the batch was full: (place of the chunk, first offset not read), or None if all was read.
    #[getter]
    fn ended_at(&self) -> Option<(usize, i64)> {
        self.batch.ended_at
    }

    /// (`source_id`, events, dead letters, greatest record time in µs or None) by source.
    fn by_source(&self) -> Vec<(u32, u64, u64, Option<i64>)> {
        self.batch.by_source()
    }

    /// Accepted events by name.
    fn by_kind(&self) -> Vec<(&'static str, u64)> {
        self.batch.by_kind()
    }

    /// Dead letters by reason.
    fn by_reason(&self) -> Vec<(&'static str, u64)> {
        self.batch.by_reason()
    }

    /// (freshness, source delay), each as (counts by bucket, sum in seconds), for inclusive upper bounds in seconds.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
    fn delays(
        &self,
        now_us: i64,
        freshness_bounds: Vec<f64>,
        delay_bounds: Vec<f64>,
    ) -> (Distribution, Distribution) {
        (self.batch.freshness(now_us, &freshness_bounds), self.batch.source_delay(&delay_bounds))
    }
}
