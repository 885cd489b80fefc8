//! Puts together what the threads wrote.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, StringArray, StructArray, UInt32Array, UInt64Array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field, Fields};

use super::text_array::text_array;
use super::{ColumnError, Columns, NULL_INPUT, TEXTS, reason_of};
use crate::second_thread::helping;

const GREATEST_TEXT_BYTES: usize = i32::MAX as usize;

/// The texts that one thread wrote, task after task.
pub(super) struct Part {
    pub(super) texts: [Vec<u8>; TEXTS],
    tasks: Vec<Begun>,
}

/// Where the texts of a task begin in its part.
#[derive(Clone, Copy)]
struct Begun {
    number: usize,
    rows: usize,
    starts: [usize; TEXTS],
}

impl Part {
    /// An empty one with room for so many bytes of each text.
    pub(super) fn with_room(bytes: [usize; TEXTS]) -> Self {
        Self { texts: bytes.map(Vec::with_capacity), tasks: Vec::new() }
    }

    /// The rows that follow are those of the task.
    pub(super) fn begin(&mut self, number: usize, rows: usize) {
        self.tasks.push(Begun { number, rows, starts: self.lengths() });
    }

    fn lengths(&self) -> [usize; TEXTS] {
        self.texts.each_ref().map(Vec::len)
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let ends = self.tasks.iter().skip(1).map(|next| next.starts).chain([self.lengths()]);
        self.tasks.iter().zip(ends).map(|(&Begun { number, rows, starts }, ends)| {
            let mut values = [&[][..]; TEXTS];
            let bounds = starts.into_iter().zip(ends);
            for (values, (texts, (start, end))) in values.iter_mut().zip(self.texts.iter().zip(bounds)) {
                *values = texts.get(start..end).unwrap_or_default();
            }
            Piece { number, rows, starts, values }
        })
    }
}

/// The texts of one task, and where they began when the ends of its rows were written.
struct Piece<'p> {
    number: usize,
    rows: usize,
    starts: [usize; TEXTS],
    values: [&'p [u8]; TEXTS],
}

/// Make the arrays.
pub(super) fn assemble(
    mut parts: Vec<Part>,
    mut columns: Columns,
    threads: NonZeroUsize,
) -> Result<Vec<StructArray>, ColumnError> {
    let offsets = std::mem::take(&mut columns.offsets);
    let segments = if let [part] = parts.as_mut_slice()
        && part.lengths().iter().all(|&length| length <= GREATEST_TEXT_BYTES)
    {
        // All is where it belongs.
        let mut values = std::mem::take(&mut part.texts).into_iter();
        vec![offsets.map(|offsets| (values.next().unwrap_or_default(), offsets))]
    } else {
        let mut pieces: Vec<Piece<'_>> = parts.iter().flat_map(Part::pieces).collect();
        pieces.sort_unstable_by_key(|piece| piece.number);
        copied(&pieces, GREATEST_TEXT_BYTES, offsets, threads)
    };
    let fixed = Fixed::new(columns);
    let mut start = 0;
    let arrays = segments.into_iter().map(|texts| {
        let rows = texts.first().map_or(0, |(_, offsets)| offsets.len().saturating_sub(1));
        start += rows;
        fixed.with_texts(start - rows, rows, texts).map_err(|error| ColumnError::Arrow(error.to_string()))
    });
    arrays.collect()
}

/// Runs of pieces of which no column is longer than `limit`.
fn segments(pieces: &[Piece<'_>], limit: usize) -> Vec<std::ops::Range<usize>> {
    let (mut ranges, mut start, mut lengths) = (Vec::new(), 0, [0; TEXTS]);
    for (index, piece) in pieces.iter().enumerate() {
        let added = piece.values.map(<[u8]>::len);
        let is_over = lengths.iter().zip(added).any(|(length, added)| length + added > limit);
        if is_over && index > start {
            ranges.push(start..index);
            (start, lengths) = (index, [0; TEXTS]);
        }
        lengths.iter_mut().zip(added).for_each(|(length, added)| *length += added);
    }
    ranges.push(start..pieces.len());
    ranges
}

/// Values and offsets of a column.
type Column = (Vec<u8>, Vec<i32>);

/// Texts to be put in their place, and the ends of their rows to be told from there.
struct CopyJob<'j> {
    from: &'j [u8],
    to: &'j mut [u8],
    ends: &'j mut [i32],
    shift: usize,
}

/// The texts of the pieces, one after another, in segments of which none is longer than `limit`.
fn copied(
    pieces: &[Piece<'_>],
    limit: usize,
    offsets: [Vec<i32>; TEXTS],
    threads: NonZeroUsize,
) -> Vec<[Column; TEXTS]> {
    let ranges = segments(pieces, limit);
    let mut offsets = offsets.map(|offsets| divided(offsets, pieces, &ranges).into_iter());
    let mut next = |index: usize| offsets.get_mut(index).and_then(Iterator::next).unwrap_or_default();
    let mut segments = Vec::with_capacity(ranges.len());
    let mut jobs = Vec::with_capacity(TEXTS * pieces.len());
    for range in &ranges {
        let pieces = pieces.get(range.clone()).unwrap_or_default();
        segments.push(std::array::from_fn(|index| {
            let bytes = pieces.iter().filter_map(|piece| piece.values.get(index)).map(|values| values.len());
            (vec![0; bytes.sum()], next(index))
        }));
    }
    for (range, columns) in ranges.iter().zip(&mut segments) {
        let pieces = pieces.get(range.clone()).unwrap_or_default();
        add_jobs(pieces, columns, &mut jobs);
    }
    let workers = threads.get().min(jobs.len());
    let jobs = Mutex::new(jobs.into_iter());
    let work = || {
        let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some(CopyJob { from, to, ends, shift }) = next() {
            to.copy_from_slice(from);
            for end in ends {
                *end = end.wrapping_add(shift as i32);
            }
        }
    };
    std::thread::scope(|scope| {
        (1..workers).for_each(|_| drop(helping(scope, work)));
        work();
    });
    segments
}

fn add_jobs<'j>(pieces: &'j [Piece<'_>], columns: &'j mut [Column; TEXTS], jobs: &mut Vec<CopyJob<'j>>) {
    for (index, (values, offsets)) in columns.iter_mut().enumerate() {
        let (mut values, mut offsets) = (values.as_mut_slice(), offsets.get_mut(1..).unwrap_or_default());
        let mut written: usize = 0;
        for piece in pieces {
            let (Some(from), Some(start)) = (piece.values.get(index), piece.starts.get(index)) else {
                continue;
            };
            let to = values.split_off_mut(..from.len()).unwrap_or_default();
            let ends = offsets.split_off_mut(..piece.rows).unwrap_or_default();
            // Only the lower bits of a sum count: it is in range in the end.
            jobs.push(CopyJob { from, to, ends, shift: written.wrapping_sub(*start) });
            written += from.len();
        }
    }
}

/// The offsets of each segment, each with a 0 before them.
fn divided(offsets: Vec<i32>, pieces: &[Piece<'_>], ranges: &[std::ops::Range<usize>]) -> Vec<Vec<i32>> {
    if ranges.len() == 1 {
        return vec![offsets];
    }
    let mut ends = offsets.get(1..).unwrap_or_default();
    let rows = |range: &std::ops::Range<usize>| {
        pieces.get(range.clone()).unwrap_or_default().iter().map(|piece| piece.rows).sum()
    };
    let parts = ranges.iter().map(|range| {
        let (own, rest) = ends.split_at_checked(rows(range)).unwrap_or_default();
        ends = rest;
        std::iter::once(&0).chain(own).copied().collect()
    });
    parts.collect()
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
    fn new(fixed: Columns) -> Self {
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
        let with_host = with_host(&host.1, nulls.as_ref());
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

/// Where there is a host. Only a URL of another scheme has none, `mailto:`: most often it is where there is a URL.
fn with_host(offsets: &[i32], nulls: Option<&NullBuffer>) -> Option<NullBuffer> {
    let ends = offsets.get(1..).unwrap_or_default();
    let without = offsets.iter().zip(ends).filter(|(start, end)| start == end).count();
    if without == nulls.map_or(0, NullBuffer::null_count) {
        return nulls.cloned();
    }
    Some(NullBuffer::new(offsets.iter().zip(ends).map(|(start, end)| start != end).collect()))
}

fn reasons(codes: &[u8]) -> StringArray {
    let is_reason = |row: usize| codes.get(row).is_some_and(|&code| !matches!(code, 0 | NULL_INPUT));
    let nulls = NullBuffer::new(BooleanBuffer::collect_bool(codes.len(), is_reason));
    if nulls.null_count() == codes.len() {
        return StringArray::new_null(codes.len());
    }
    let mut values = String::new();
    let mut offsets = Vec::with_capacity(codes.len() + 1);
    offsets.push(0);
    for &code in codes {
        if !matches!(code, 0 | NULL_INPUT) {
            values.push_str(reason_of(code).map_or("", super::UrlReason::name));
        }
        offsets.push(values.len() as i32);
    }
    StringArray::new(OffsetBuffer::new(offsets.into()), Buffer::from_vec(values.into_bytes()), Some(nulls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_column_over_the_limit_is_cut_between_tasks() {
        let piece = |number, start, bytes: &'static [u8]| Piece {
            number,
            rows: 1,
            starts: [start, 0, 0],
            values: [bytes, b"", b""],
        };
        // As two threads wrote them: one 0, 2 and 4, the other 1 and 3.
        let pieces = [
            piece(0, 0, b"abc"),
            piece(1, 0, b"de"),
            piece(2, 3, b"f"),
            piece(3, 2, b"ghijklm"),
            piece(4, 4, b""),
        ];
        assert_eq!(segments(&pieces, 5), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(segments(&pieces, 100), std::slice::from_ref(&(0..5)));
        assert_eq!(segments(&[], 100), std::slice::from_ref(&(0..0)));
        let offsets = || [vec![0, 3, 2, 4, 9, 4], vec![0; 6], vec![0; 6]];
        let got = copied(&pieces, 100, offsets(), NonZeroUsize::MIN);
        let whole = (b"abcdefghijklm".to_vec(), vec![0, 3, 5, 6, 13, 13]);
        assert_eq!(got, [[whole, (Vec::new(), vec![0; 6]), (Vec::new(), vec![0; 6])]]);
        let urls: Vec<Column> =
            copied(&pieces, 5, offsets(), NonZeroUsize::MIN).into_iter().map(|[url, ..]| url).collect();
        let wanted: [(&[u8], Vec<i32>); 4] =
            [(b"abcde", vec![0, 3, 5]), (b"f", vec![0, 1]), (b"ghijklm", vec![0, 7]), (b"", vec![0, 0])];
        assert_eq!(urls, wanted.map(|(values, offsets)| (values.to_vec(), offsets)));
    }
}
