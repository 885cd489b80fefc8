//! The rows of `COPY … TO STDOUT`.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_array::RecordBatch;
use bytes::{BufMut, BytesMut};
use futures::Stream;
use pgwire::api::results::CopyResponse;
use pgwire::error::PgWireResult;
use pgwire::messages::copy::CopyData;

use crate::encode::{Column, column_of, put_value};
use crate::error::told;
use crate::held::Held;
use crate::statement::{CopyFormat, CopyOptions};

const BINARY_BEGIN: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Answer a COPY. The binary trailer is added by the protocol's own code.
pub(crate) fn response(held: Arc<Held>, options: &CopyOptions) -> CopyResponse {
    let columns = held.schema.fields().len();
    let is_binary = options.format == CopyFormat::Binary;
    let mut pending = VecDeque::new();
    if options.has_header && !is_binary {
        let mut line = BytesMut::new();
        for (place, field) in held.schema.fields().iter().enumerate() {
            put_field(Some(field.name().as_bytes()), place, options, &mut line);
        }
        line.put_u8(b'\n');
        pending.push_back(CopyData::new(line.freeze()));
    }
    let rows = Lines { held, options: options.clone(), pending, is_first: is_binary };
    CopyResponse::new(i8::from(is_binary), columns, rows)
}

struct Lines {
    held: Arc<Held>,
    options: CopyOptions,
    pending: VecDeque<CopyData>,
    /// Whether the beginning of the binary form is still to be sent.
    is_first: bool,
}

impl Lines {
    fn next(&mut self) -> PgWireResult<Option<CopyData>> {
        loop {
            if let Some(line) = self.pending.pop_front() {
                return Ok(Some(line));
            }
            let Some(batch) = self.held.next().map_err(told)? else {
                let begin = std::mem::take(&mut self.is_first);
                return Ok(begin.then(|| CopyData::new(bytes::Bytes::from_static(BINARY_BEGIN))));
            };
            self.encode(&batch);
        }
    }

    fn encode(&mut self, batch: &RecordBatch) {
        let columns: Vec<Box<dyn Column + '_>> =
            batch.columns().iter().map(|array| column_of(array.as_ref())).collect();
        let mut out = BytesMut::new();
        let mut text = BytesMut::new();
        for row in 0..batch.num_rows() {
            if self.options.format == CopyFormat::Binary {
                if std::mem::take(&mut self.is_first) {
                    out.put_slice(BINARY_BEGIN);
                }
                out.put_i16(columns.len() as i16);
                for column in &columns {
                    put_value(column.as_ref(), row, true, &mut out);
                }
            } else {
                for (place, column) in columns.iter().enumerate() {
                    text.clear();
                    let is_null = column.is_null(row);
                    if !is_null {
                        column.text(row, &mut text);
                    }
                    put_field((!is_null).then_some(&text[..]), place, &self.options, &mut out);
                }
                out.put_u8(b'\n');
            }
            self.pending.push_back(CopyData::new(out.split().freeze()));
        }
    }
}

impl Stream for Lines {
    type Item = PgWireResult<CopyData>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.next().transpose())
    }
}

fn put_field(value: Option<&[u8]>, place: usize, options: &CopyOptions, out: &mut BytesMut) {
    if place > 0 {
        out.put_u8(options.delimiter);
    }
    let Some(value) = value else { return out.put_slice(options.null.as_bytes()) };
    if options.format == CopyFormat::Csv {
        put_csv(value, options, out);
    } else {
        put_text(value, options.delimiter, out);
    }
}

fn put_text(value: &[u8], delimiter: u8, out: &mut BytesMut) {
    for byte in value {
        let letter = match byte {
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            8 => b'b',
            11 => b'v',
            12 => b'f',
            other if *other == delimiter => *other,
            other => {
                out.put_u8(*other);
                continue;
            }
        };
        out.put_u8(b'\\');
        out.put_u8(letter);
    }
}

fn put_csv(value: &[u8], options: &CopyOptions, out: &mut BytesMut) {
    let is_odd = |byte: &u8| [options.delimiter, options.quote, b'\n', b'\r'].contains(byte);
    // What reads as the word for null, or as the end of the data, is put into quotes too.
    let is_word = value == options.null.as_bytes() || value == b"\\.";
    if !is_word && !value.iter().any(is_odd) {
        return out.put_slice(value);
    }
    out.put_u8(options.quote);
    for byte in value {
        if *byte == options.quote || *byte == options.escape {
            out.put_u8(options.escape);
        }
        out.put_u8(*byte);
    }
    out.put_u8(options.quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(value: Option<&str>, format: CopyFormat) -> String {
        let mut out = BytesMut::new();
        put_field(value.map(str::as_bytes), 0, &CopyOptions::of(format), &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn fields_are_escaped_as_postgres_does() {
        assert_eq!(field(Some("a\tb\\c\n"), CopyFormat::Text), "a\\tb\\\\c\\n");
        assert_eq!(field(None, CopyFormat::Text), "\\N");
        assert_eq!(field(Some("a,\"b\""), CopyFormat::Csv), "\"a,\"\"b\"\"\"");
        assert_eq!(field(Some(""), CopyFormat::Csv), "\"\"");
        assert_eq!(field(Some("\\."), CopyFormat::Csv), "\"\\.\"");
        assert_eq!(field(None, CopyFormat::Csv), "");
    }
}
