//! Unpacking of chunks, for the fetch thread, tests and benches.

use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::{Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use linktide_core::wire::{self, ChunkRef, Codec, Unpacker};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3_arrow::PyRecordBatch;

/// What the 32-bit offsets of an Arrow binary column can address.
const GREATEST_VALUE_BYTES: usize = i32::MAX as usize;

/// Add the functions of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(scan_record_batches, module)?)?;
    module.add_function(wrap_pyfunction!(read_records, module)?)
}

/// Any bytes-like object. `bytes` is borrowed; what others might change meanwhile is copied.
enum Data {
    Borrowed(PyBackedBytes),
    Copied(Vec<u8>),
}

impl AsRef<[u8]> for Data {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Copied(bytes) => bytes,
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Data {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.extract::<PyBackedBytes>() {
            return Ok(Self::Borrowed(bytes));
        }
        PyBuffer::<u8>::get(&object)?.to_vec(object.py()).map(Self::Copied)
    }
}

/// Walk Kafka record batch headers: (next offset, records, offset to fetch again or None).
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
#[pyfunction]
fn scan_record_batches(py: Python<'_>, data: Data, fetch_offset: i64) -> (i64, u64, Option<i64>) {
    let scan = py.detach(|| wire::scan(data.as_ref(), fetch_offset));
    let damaged_offset = scan.first_damaged.map(|damaged| damaged.base_offset.max(fetch_offset));
    (scan.next_offset, scan.records, damaged_offset)
}

/// The records of a chunk as (offset, timestamp, value); damaged batches yield nothing.
///
/// Raises `ValueError` for an unknown codec and for values of 2 GiB or more together.
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
#[pyfunction]
#[pyo3(
    signature = (codec, data, first_offset, received_at_us, aborted = Vec::new()),
    text_signature = "(codec, data, first_offset, received_at_us, aborted=())"
)]
fn read_records(
    py: Python<'_>,
    codec: &str,
    data: Data,
    first_offset: i64,
    received_at_us: i64,
    aborted: Vec<(i64, i64)>,
) -> PyResult<PyRecordBatch> {
    let codec = Codec::from_name(codec).ok_or_else(|| {
        PyValueError::new_err(format!("codec {codec:?} is not known, want kafka, ndjson or framed"))
    })?;
    let batch = py.detach(|| {
        let data = data.as_ref();
        to_arrow(&ChunkRef { codec, data, first_offset, received_at_us, aborted: &aborted })
    });
    batch.map(PyRecordBatch::new).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn to_arrow(chunk: &ChunkRef<'_>) -> Result<RecordBatch, ArrowError> {
    let (mut offsets, mut times, mut values) = (Vec::new(), Vec::new(), BinaryBuilder::new());
    let mut value_bytes = 0;
    Unpacker::default().for_each_record(chunk, |record| {
        value_bytes += record.value.map_or(0, <[u8]>::len);
        if value_bytes <= GREATEST_VALUE_BYTES {
            offsets.push(record.offset);
            times.push(record.timestamp_us);
            values.append_option(record.value);
        }
    });
    if value_bytes > GREATEST_VALUE_BYTES {
        return Err(ArrowError::OffsetOverflowError(value_bytes));
    }
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema = Schema::new(vec![
        Field::new("offset", DataType::Int64, false),
        Field::new("timestamp", time, false),
        Field::new("value", DataType::Binary, true),
    ]);
    let times = TimestampMicrosecondArray::from(times).with_timezone("UTC");
    let columns: Vec<arrow_array::ArrayRef> =
        vec![Arc::new(Int64Array::from(offsets)), Arc::new(times), Arc::new(values.finish())];
    RecordBatch::try_new(Arc::new(schema), columns)
}
