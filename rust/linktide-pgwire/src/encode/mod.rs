//! Arrow values in PostgreSQL's text and binary formats.

mod column;
mod nested;
mod numbers;
mod rows;
mod times;

pub(crate) use column::{Column, column_of};
pub(crate) use nested::put_value;
pub(crate) use numbers::decimal_text;
pub(crate) use rows::{Formats, encode_rows, fields_of};
pub(crate) use times::{date_text, interval_text, time_text, timestamp_text};
