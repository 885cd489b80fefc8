//! Rows of held results as streams of messages.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use futures::Stream;
use pgwire::api::results::QueryResponse;
use pgwire::error::PgWireResult;
use pgwire::messages::data::DataRow;

use crate::encode::{Formats, encode_rows, fields_of};
use crate::error::told;
use crate::held::Held;

/// Encodes one batch when its first row is asked for.
struct Rows {
    source: Source,
    formats: Formats,
    pending: VecDeque<DataRow>,
}

enum Source {
    Held(Arc<Held>),
    Batches(VecDeque<RecordBatch>),
}

impl Rows {
    fn next(&mut self) -> PgWireResult<Option<DataRow>> {
        loop {
            if let Some(row) = self.pending.pop_front() {
                return Ok(Some(row));
            }
            let batch = match &mut self.source {
                Source::Held(held) => held.next().map_err(told)?,
                Source::Batches(batches) => batches.pop_front(),
            };
            let Some(batch) = batch else { return Ok(None) };
            encode_rows(&batch, &self.formats, &mut self.pending);
        }
    }
}

impl Stream for Rows {
    type Item = PgWireResult<DataRow>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.next().transpose())
    }
}

/// Answer with all rows of a result.
pub(crate) fn whole(held: Arc<Held>, formats: Formats) -> QueryResponse {
    let fields = fields_of(&held.schema, &formats);
    let rows = Rows { source: Source::Held(held), formats, pending: VecDeque::new() };
    QueryResponse::new(Arc::new(fields), rows)
}

/// Answer with these batches.
pub(crate) fn some(
    schema: &SchemaRef,
    batches: Vec<RecordBatch>,
    formats: Formats,
    tag: &str,
) -> QueryResponse {
    let fields = fields_of(schema, &formats);
    let rows = Rows { source: Source::Batches(batches.into()), formats, pending: VecDeque::new() };
    let mut response = QueryResponse::new(Arc::new(fields), rows);
    response.set_command_tag(tag);
    response
}

/// Answer with rows of texts.
pub(crate) fn texts(schema: &SchemaRef, rows: &[Vec<&str>], formats: Formats, tag: &str) -> QueryResponse {
    let column = |place: usize| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.get(place).copied()).collect::<StringArray>())
    };
    let batch = RecordBatch::try_new(Arc::clone(schema), (0..schema.fields().len()).map(column).collect());
    some(schema, batch.into_iter().collect(), formats, tag)
}

/// The columns of `SHOW ALL`.
pub(crate) const SHOW_ALL: [&str; 3] = ["name", "setting", "description"];

/// The schema of columns of texts.
pub(crate) fn text_schema<'a>(names: impl IntoIterator<Item = &'a str>) -> SchemaRef {
    let fields: Vec<Field> = names.into_iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    Arc::new(Schema::new(fields))
}
