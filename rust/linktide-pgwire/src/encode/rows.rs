//! Batches as `DataRow` messages, and schemas as what a row description says.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use bytes::BytesMut;
use pgwire::api::portal::Format;
use pgwire::api::results::{FieldFormat, FieldInfo};
use pgwire::messages::data::DataRow;

use super::column::{Column, column_of};
use super::nested::put_value;
use crate::oids::{modifier_of, type_of, width_of};

/// Which columns go in binary; a list that is too short leaves the rest as text.
#[derive(Debug, Clone)]
pub(crate) struct Formats(Format);

impl Formats {
    /// All as text.
    pub(crate) fn text() -> Self {
        Self(Format::UnifiedText)
    }

    /// As a client asked for them.
    pub(crate) fn asked(format: &Format) -> Self {
        Self(format.clone())
    }

    pub(crate) fn is_binary(&self, column: usize) -> bool {
        match &self.0 {
            Format::UnifiedText => false,
            Format::UnifiedBinary => true,
            Format::Individual(codes) => codes.get(column) == Some(&1),
        }
    }
}

/// What a client is told of the columns.
pub(crate) fn fields_of(schema: &Schema, formats: &Formats) -> Vec<FieldInfo> {
    let describe = |(place, field): (usize, &std::sync::Arc<arrow_schema::Field>)| {
        let pg_type = type_of(field.data_type());
        let format = if formats.is_binary(place) { FieldFormat::Binary } else { FieldFormat::Text };
        let width = width_of(&pg_type);
        FieldInfo::new(field.name().clone(), None, None, pg_type, format)
            .with_type_size(width)
            .with_type_modifier(modifier_of(field.data_type()))
    };
    schema.fields().iter().enumerate().map(describe).collect()
}

/// Append the rows of a batch.
pub(crate) fn encode_rows(batch: &RecordBatch, formats: &Formats, rows: &mut VecDeque<DataRow>) {
    let columns: Vec<(Box<dyn Column + '_>, bool)> = batch
        .columns()
        .iter()
        .enumerate()
        .map(|(place, array)| (column_of(array.as_ref()), formats.is_binary(place)))
        .collect();
    let mut buffer = BytesMut::with_capacity(batch.get_array_memory_size().min(1 << 20));
    for row in 0..batch.num_rows() {
        for (column, is_binary) in &columns {
            put_value(column.as_ref(), row, *is_binary, &mut buffer);
        }
        rows.push_back(DataRow::new(buffer.split(), columns.len() as i16));
    }
}
