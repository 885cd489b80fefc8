//! Puts together what the threads wrote.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, StringArray, StructArray, UInt32Array, UInt64Array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field, Fields};

use super::{ColumnError, FixedColumns, NULL_INPUT, reason_of};

const GREATEST_TEXT_BYTES: usize = i32::MAX as usize;

/// One text column of one thread: values, and the end of each row within its task.
#[derive(Default)]
pub(super) struct Texts {
    pub(super) values: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    fn end(&mut self, start: usize) {
        self.ends.push((self.values.len() - start) as u32);
    }
}

/// What one thread wrote.
#[derive(Default)]
pub(super) struct Part {
    pub(super) url: Texts,
    pub(super) host: Texts,
    pub(super) domain: Texts,
    tasks: Vec<Begun>,
}

/// Where the texts and rows of a task begin in its part.
#[derive(Clone, Copy)]
struct Begun {
    number: usize,
    row: usize,
    bytes: [usize; 3],
}

impl Part {
    /// The rows that follow are those of the task.
    pub(super) fn begin(&mut self, number: usize) {
        let bytes = self.columns().map(|texts| texts.values.len());
        self.tasks.push(Begun { number, row: self.url.ends.len(), bytes });
    }

    /// The next row's URL is written.
    pub(super) fn end_url(&mut self) {
        let [url, ..] = self.starts();
        self.url.end(url);
    }

    /// The next row's host and domain are written.
    pub(super) fn end_site(&mut self) {
        let [_, host, domain] = self.starts();
        self.host.end(host);
        self.domain.end(domain);
    }

    fn starts(&self) -> [usize; 3] {
        self.tasks.last().map_or([0; 3], |task| task.bytes)
    }

    fn columns(&self) -> [&Texts; 3] {
        [&self.url, &self.host, &self.domain]
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let ends = self.tasks.iter().skip(1).map(|next| (next.row, next.bytes));
        let last = (self.url.ends.len(), self.columns().map(|texts| texts.values.len()));
        self.tasks.iter().zip(ends.chain([last])).map(|(task, (row, bytes))| {
            let mut columns = [(&[][..], &[][..]); 3];
            for (index, texts) in self.columns().into_iter().enumerate() {
                let (Some(column), Some(&from), Some(&to)) =
                    (columns.get_mut(index), task.bytes.get(index), bytes.get(index))
                else {
                    continue;
                };
                *column = (
                    texts.values.get(from..to).unwrap_or_default(),
                    texts.ends.get(task.row..row).unwrap_or_default(),
                );
            }
            Piece { number: task.number, rows: row - task.row, columns }
        })
    }
}

/// The texts of one task: values and ends of each column.
struct Piece<'p> {
    number: usize,
    rows: usize,
    columns: [(&'p [u8], &'p [u32]); 3],
}

/// Make the arrays.
pub(super) fn assemble(
    parts: Vec<Part>,
    fixed: FixedColumns,
    threads: NonZeroUsize,
) -> Result<Vec<StructArray>, ColumnError> {
    let (segments, is_whole) = {
        let mut pieces: Vec<Piece<'_>> = parts.iter().flat_map(Part::pieces).collect();
        pieces.sort_unstable_by_key(|piece| piece.number);
        let ranges = segments(&pieces, GREATEST_TEXT_BYTES);
        let is_whole = parts.len() == 1 && ranges.len() == 1;
        let copy = |range: &std::ops::Range<usize>| {
            let pieces = pieces.get(range.clone()).unwrap_or_default();
            (pieces.iter().map(|piece| piece.rows).sum::<usize>(), copied(pieces, !is_whole, threads))
        };
        (ranges.iter().map(copy).collect::<Vec<_>>(), is_whole)
    };
    let mut segments = segments;
    if is_whole && let (Some(part), Some((_, texts))) = (parts.into_iter().next(), segments.first_mut()) {
        // The values are where they belong: only the offsets were made anew.
        let values = [part.url.values, part.host.values, part.domain.values];
        texts.iter_mut().zip(values).for_each(|(column, values)| column.0 = values);
    }
    let fixed = Fixed::new(fixed);
    let mut start = 0;
    let arrays = segments.into_iter().map(|(rows, texts)| {
        start += rows;
        fixed.with_texts(start - rows, rows, texts).map_err(|error| ColumnError::Arrow(error.to_string()))
    });
    arrays.collect()
}

/// Runs of pieces of which no column is longer than `limit`.
fn segments(pieces: &[Piece<'_>], limit: usize) -> Vec<std::ops::Range<usize>> {
    let (mut ranges, mut start, mut lengths) = (Vec::new(), 0, [0; 3]);
    for (index, piece) in pieces.iter().enumerate() {
        let added = piece.columns.map(|(values, _)| values.len());
        let is_over = lengths.iter().zip(added).any(|(length, added)| length + added > limit);
        if is_over && index > start {
            ranges.push(start..index);
            (start, lengths) = (index, [0; 3]);
        }
        lengths.iter_mut().zip(added).for_each(|(length, added)| *length += added);
    }
    ranges.push(start..pieces.len());
    ranges
}

/// Values and offsets of a column.
type Column = (Vec<u8>, Vec<i32>);

struct CopyJob<'j> {
    values: (&'j [u8], &'j mut [u8]),
    ends: (&'j [u32], &'j mut [i32]),
    shift: usize,
}

/// The texts of the pieces, one after another; only their offsets unless `with_values`.
fn copied(pieces: &[Piece<'_>], with_values: bool, threads: NonZeroUsize) -> [Column; 3] {
    let mut columns: [Column; 3] = [const { (Vec::new(), Vec::new()) }; 3];
    let mut jobs = Vec::with_capacity(3 * pieces.len());
    for (index, column) in columns.iter_mut().enumerate() {
        let texts = || pieces.iter().filter_map(|piece| piece.columns.get(index));
        let rows: usize = texts().map(|(_, ends)| ends.len()).sum();
        let bytes: usize = texts().map(|(values, _)| values.len()).sum();
        *column = (vec![0; if with_values { bytes } else { 0 }], vec![0; rows + 1]);
        let (mut values, mut offsets) = (column.0.as_mut_slice(), column.1.get_mut(1..).unwrap_or_default());
        let mut shift = 0;
        for (from, ends) in texts() {
            let to = values.split_off_mut(..from.len()).unwrap_or_default();
            let places = offsets.split_off_mut(..ends.len()).unwrap_or_default();
            jobs.push(CopyJob { values: (*from, to), ends: (*ends, places), shift });
            shift += from.len();
        }
    }
    let workers = if with_values { threads.get().min(jobs.len()) } else { 1 };
    let jobs = Mutex::new(jobs.into_iter());
    let work = || {
        let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some(CopyJob { values, ends, shift }) = next() {
            if values.0.len() == values.1.len() {
                values.1.copy_from_slice(values.0);
            }
            ends.1.iter_mut().zip(ends.0).for_each(|(to, from)| *to = (shift + *from as usize) as i32);
        }
    };
    std::thread::scope(|scope| {
        (1..workers).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    columns
}

/// The columns of one width as arrays of all rows.
struct Fixed {
    codes: Vec<u8>,
    nulls: Option<NullBuffer>,
    url_id: Buffer,
    domain_id: ScalarBuffer<u64>,
    cluster_key: ScalarBuffer<u64>,
    flags: ScalarBuffer<u32>,
}

impl Fixed {
    fn new(fixed: FixedColumns) -> Self {
        let codes = fixed.codes;
        let is_good = |row: usize| codes.get(row) == Some(&0);
        let nulls = Some(NullBuffer::new(BooleanBuffer::collect_bool(codes.len(), is_good)));
        Self {
            nulls: nulls.filter(|nulls| nulls.null_count() > 0),
            codes,
            url_id: Buffer::from_vec(fixed.url_ids.into_flattened()),
            domain_id: fixed.domain_ids.into(),
            cluster_key: fixed.cluster_keys.into(),
            flags: fixed.flags.into(),
        }
    }

    fn with_texts(&self, start: usize, rows: usize, texts: [Column; 3]) -> Result<StructArray, ArrowError> {
        let nulls = self.nulls.as_ref().map(|nulls| nulls.slice(start, rows));
        let [url, host, domain] = texts;
        // Only an URL of another scheme has no host: `mailto:`.
        let named = host.1.windows(2).map(|ends| ends.first() != ends.last());
        let with_host = NullBuffer::new(named.collect());
        let with_host = Some(with_host).filter(|nulls| nulls.null_count() > 0);
        let url_id = self.url_id.slice_with_length(16 * start, 16 * rows);
        let arrays: [(&str, ArrayRef); 8] = [
            ("url", Arc::new(text_array(url, nulls.clone())?)),
            ("host", Arc::new(text_array(host, with_host.clone())?)),
            ("domain", Arc::new(text_array(domain, with_host.clone())?)),
            ("url_id", Arc::new(FixedSizeBinaryArray::try_new(16, url_id, nulls.clone())?)),
            ("domain_id", Arc::new(UInt64Array::try_new(self.domain_id.slice(start, rows), with_host)?)),
            (
                "cluster_key",
                Arc::new(UInt64Array::try_new(self.cluster_key.slice(start, rows), nulls.clone())?),
            ),
            ("reason", Arc::new(reasons(self.codes.get(start..start + rows).unwrap_or_default()))),
            ("flags", Arc::new(UInt32Array::try_new(self.flags.slice(start, rows), nulls)?)),
        ];
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = arrays
            .into_iter()
            .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
            .unzip();
        StructArray::try_new_with_length(Fields::from(fields), arrays, None, rows)
    }
}

fn text_array((values, offsets): Column, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    StringArray::try_new(offsets, Buffer::from_vec(values), nulls)
}

fn reasons(codes: &[u8]) -> StringArray {
    if codes.iter().all(|&code| matches!(code, 0 | NULL_INPUT)) {
        return StringArray::new_null(codes.len());
    }
    codes.iter().map(|&code| reason_of(code).map(super::UrlReason::name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_column_over_the_limit_is_cut_between_tasks() {
        let piece = |number, bytes: &'static [u8]| Piece {
            number,
            rows: 1,
            columns: [(bytes, &[1]), (b"", &[0]), (b"", &[0])],
        };
        let pieces = [piece(0, b"abc"), piece(1, b"de"), piece(2, b"f"), piece(3, b"ghijklm"), piece(4, b"")];
        assert_eq!(segments(&pieces, 5), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(segments(&pieces, 100), std::slice::from_ref(&(0..5)));
        assert_eq!(segments(&[], 100), std::slice::from_ref(&(0..0)));
        let [url, host, _] = copied(&pieces, true, NonZeroUsize::MIN);
        assert_eq!((url.0.as_slice(), url.1.as_slice()), (&b"abcdefghijklm"[..], &[0, 1, 4, 6, 7, 14][..]));
        assert_eq!(host, (Vec::new(), vec![0; 6]));
    }
}
