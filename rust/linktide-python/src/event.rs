//! The event contract for Python: its dead-letter reasons, and one message decoded for tests and tools,
//! and a chunk decoded for benches.

use linktide_core::batch::judge;
use linktide_core::event::{DecodeContext, Event, Reason, decode};
use linktide_core::wire::{ChunkRef, Codec, Unpacker};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyDict;

/// Every dead-letter reason and its sentence for the operator, in the order of the documentation.
#[pyfunction]
fn dead_letter_reasons() -> Vec<(&'static str, &'static str)> {
    Reason::ALL.iter().map(|reason| (reason.name(), reason.help())).collect()
}

/// Decodes one message: a dict of the fields found, or (reason, detail). For tests and tools, not for streams.
#[pyfunction]
#[pyo3(signature = (value, record_time_us, max_event_bytes = 1_048_576))]
fn decode_event(
    py: Python<'_>,
    value: Option<&[u8]>,
    record_time_us: i64,
    max_event_bytes: usize,
) -> PyResult<Py<PyAny>> {
    match decode(value, &DecodeContext { record_time_us, max_event_bytes }) {
        Ok(event) => Ok(fields(py, &event)?.into_any().unbind()),
        Err(refused) => Ok((refused.reason.name(), refused.detail).into_pyobject(py)?.into_any().unbind()),
    }
}

/// Unpack a chunk and decode its events without looking into their URLs: (accepted, refused). For benches.
///
/// Raises `ValueError` for an unknown codec.
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments come by value")]
#[pyfunction]
fn decode_only(
    py: Python<'_>,
    codec: &str,
    data: PyBackedBytes,
    first_offset: i64,
    received_at_us: i64,
    max_event_bytes: usize,
) -> PyResult<(u64, u64)> {
    let codec = Codec::from_name(codec).ok_or_else(|| {
        PyValueError::new_err(format!("codec {codec:?} is not known, want kafka, ndjson or framed"))
    })?;
    Ok(py.detach(|| {
        let chunk = ChunkRef { codec, data: &data, first_offset, received_at_us, aborted: &[] };
        judge(&mut Unpacker::default(), &chunk, max_event_bytes)
    }))
}

fn fields<'py>(py: Python<'py>, event: &Event<'_>) -> PyResult<Bound<'py, PyDict>> {
    let attributes = PyDict::new(py);
    for (field, text) in &event.attributes {
        attributes.set_item(field.as_str(), text.as_ref())?;
    }
    let fields = PyDict::new(py);
    fields.set_item("event", event.kind.as_str())?;
    fields.set_item("observed_at_us", event.observed_at_us)?;
    fields.set_item("source_url", event.source_url.as_ref())?;
    fields.set_item("target_url", event.target_url.as_deref())?;
    fields.set_item("base", event.base.as_deref())?;
    fields.set_item("lost_reason", event.lost_reason.map(linktide_core::event::LossReason::as_str))?;
    fields.set_item("rel", event.rel.as_ref().map(|rel| rel.text.as_ref()))?;
    fields.set_item("anchor", event.anchor.as_deref())?;
    fields.set_item("link_type", event.link_type.map(linktide_core::event::LinkType::as_str))?;
    fields.set_item("attributes", attributes)?;
    fields.set_item("event_id", event.event_id.as_deref())?;
    fields.set_item("extra", event.extra.as_deref())?;
    if let Some(page) = &event.page {
        fields.set_item("links", page.entries.len())?;
    }
    if let Some(referral) = event.referral {
        fields.set_item("day", referral.day)?;
        fields.set_item("visits", referral.visits)?;
    }
    Ok(fields)
}

/// Adds the names of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(dead_letter_reasons, module)?)?;
    module.add_function(wrap_pyfunction!(decode_event, module)?)?;
    module.add_function(wrap_pyfunction!(decode_only, module)?)
}
