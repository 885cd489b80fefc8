//! Columns to Arrow record batches.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray, UInt64Array};

use super::Wanted;
use crate::error::CoreError;
use crate::links::register::NEVER;

/// A record batch of named columns, in this order.
pub(super) fn rows(table: &'static str, columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch, CoreError> {
    RecordBatch::try_from_iter(columns).map_err(|source| CoreError::Rows { table, source })
}

/// A column of keys or counts.
pub(super) fn u64s(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(values))
}

/// The links that a semi-join is to fetch: `link_id`, `page_key`.
///
/// # Errors
/// The rows could not be built.
pub fn wanted_rows(wanted: &[Wanted]) -> Result<RecordBatch, CoreError> {
    let columns = vec![
        ("link_id", u64s(wanted.iter().map(|link| link.link_id))),
        ("page_key", u64s(wanted.iter().map(|link| link.page_key))),
    ];
    rows("wanted", columns)
}

/// Times in µs UTC, null where there is none.
pub(super) fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

/// None for a time that is NEVER.
pub(super) fn known(at: i64) -> Option<i64> {
    (at != NEVER).then_some(at)
}
