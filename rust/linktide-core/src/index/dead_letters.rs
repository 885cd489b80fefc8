//! Rows of what was refused.

use std::sync::Arc;

use arrow_array::{BinaryArray, RecordBatch, StringArray, UInt32Array, UInt64Array};

use super::rows::{rows as table_rows, times, u64s};
use crate::batch::EventBatch;
use crate::error::CoreError;

pub(super) fn rows(batch: &EventBatch, rev: u64) -> Result<RecordBatch, CoreError> {
    let letters = &batch.dead_letters;
    let bytes = letters.iter().map(|letter| letter.bytes.as_deref());
    table_rows(
        "dead_letters",
        vec![
            ("source_id", Arc::new(UInt32Array::from_iter_values(letters.iter().map(|l| l.source_id)))),
            ("off", u64s(letters.iter().map(|letter| letter.offset))),
            ("reason", Arc::new(letters.iter().map(|l| Some(l.reason.name())).collect::<StringArray>())),
            ("detail", Arc::new(letters.iter().map(|l| Some(l.detail.as_str())).collect::<StringArray>())),
            ("record_at", times(letters.iter().map(|letter| Some(letter.record_at)))),
            ("received_at", times(letters.iter().map(|letter| Some(letter.received_at)))),
            ("bytes", Arc::new(bytes.collect::<BinaryArray>())),
            ("byte_length", u64s(letters.iter().map(|letter| letter.byte_length))),
            ("bytes_hash", u64s(letters.iter().map(|letter| letter.bytes_hash))),
            ("rev", Arc::new(UInt64Array::from_value(rev, letters.len()))),
        ],
    )
}
