//! A whole column of URLs at once: Arrow in, Arrow out, over one or more threads.
//!
//! Rows are taken in tasks of [`TASK_ROWS`]. A thread writes URLs straight into a value buffer; what has one
//! width lies at its final place from the start. With one thread the buffers are the result; with more, the
//! texts are put together at the end, also by all threads.

mod assemble;
mod rows;
mod text_array;

use std::iter;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{ArrayRef, StructArray};

use self::assemble::{Part, assemble};
use self::rows::TextRows;
use super::identity::url_id;
use super::lanes::{Text, append_run};
use super::normalizer::{Normalizer, TakeRow};
use super::options::UrlOptions;
use super::outcome::{NormalizedUrl, UrlReason};
use super::suffixes::PublicSuffixList;
use crate::second_thread::{helping, joined};

/// Rows a thread takes at a time.
const TASK_ROWS: usize = 8_192;
/// Columns of text: url, host, domain.
const TEXTS: usize = 3;
/// As long as most hosts and domains are, a little more than on average.
const HOST_BYTES: usize = 24;
const DOMAIN_BYTES: usize = 16;
/// What stands for a null input among the reasons' codes.
const NULL_INPUT: u8 = u8::MAX;

/// Why columns cannot be read. A bad URL is no error: its row gets a reason.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// The array's type.
    #[error(
        "{what} holds {found}; wanted strings or bytes (utf8, large_utf8, utf8_view, binary, dictionary of these)"
    )]
    NotText {
        /// Which argument.
        what: &'static str,
        /// Its Arrow type.
        found: String,
    },
    /// A base for each row, but not as many.
    #[error("there are {urls} URLs and {bases} bases; wanted one base, or one for each URL")]
    BaseCount {
        /// Rows of URLs.
        urls: usize,
        /// Rows of bases.
        bases: usize,
    },
    /// Arrow refused what was written, which it never should.
    #[error("{0}")]
    Arrow(String),
}

/// What relative URLs are resolved against.
#[derive(Debug, Clone, Copy)]
pub enum Bases<'a> {
    /// One text for all rows, or none.
    One(Option<&'a str>),
    /// A column of as many rows; a null, or bytes that are not UTF-8, count as no base.
    PerRow(&'a [ArrayRef]),
}

/// Normalises columns with one public suffix list at one level with one set of options. Any thread may call.
pub struct ColumnNormalizer {
    suffixes: Arc<PublicSuffixList>,
    options: UrlOptions,
    /// Normalisers that no call uses now; their host caches are warm.
    idle: Mutex<Vec<Normalizer>>,
}

impl ColumnNormalizer {
    /// One that does what `options` say.
    #[must_use]
    pub const fn new(suffixes: Arc<PublicSuffixList>, options: UrlOptions) -> Self {
        Self { suffixes, options, idle: Mutex::new(Vec::new()) }
    }

    /// The list in use.
    #[must_use]
    pub fn suffixes(&self) -> &PublicSuffixList {
        &self.suffixes
    }

    /// What it was told to do.
    #[must_use]
    pub const fn options(&self) -> &UrlOptions {
        &self.options
    }

    /// Use a normaliser for a few URLs.
    pub fn with_normalizer<T>(&self, use_it: impl FnOnce(&mut Normalizer) -> T) -> T {
        let mut normalizer = self.take();
        let got = use_it(&mut normalizer);
        self.idle().push(normalizer);
        got
    }

    /// Normalise the rows of `urls`, whatever their chunks, with up to `threads` threads.
    ///
    /// Gives the rows in order as structs of `url`, `host`, `domain` (utf8), `url_id` (16 bytes, xxh3-128 of
    /// the URL), `domain_id` (xxh3-64 of the domain), `cluster_key` (uint64), `reason` (utf8, null where
    /// there is a URL), `flags` (uint32). A null row has all fields null; a refused one all but the reason;
    /// a URL without a host has no host and no domain. It is one array, or more if a column of texts would
    /// be 2 GiB or longer.
    ///
    /// # Errors
    /// [`ColumnError`] for arrays that hold no text or do not fit one another.
    pub fn normalize(
        &self,
        urls: &[ArrayRef],
        bases: Bases<'_>,
        threads: NonZeroUsize,
    ) -> Result<Vec<StructArray>, ColumnError> {
        let input = Input::new(urls, bases)?;
        let mut columns = Columns::new(input.rows);
        let parts = self.run(&input, &mut columns, threads);
        assemble(parts, columns, threads)
    }

    fn run(&self, input: &Input<'_>, columns: &mut Columns, threads: NonZeroUsize) -> Vec<Part> {
        let tasks = columns.tasks(&input.chunks);
        let workers = threads.get().min(tasks.len()).max(1);
        let tasks = Mutex::new(tasks.into_iter());
        let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            self.with_normalizer(|normalizer| {
                let mut part = Part::with_room(input.room(workers));
                while let Some(task) = next() {
                    let (number, rows) = (task.number, task.codes.len());
                    part.begin(number, rows);
                    fill(normalizer, input, task, &mut part);
                }
                part
            })
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..workers).filter_map(|_| helping(scope, work)).collect();
            let first = work();
            iter::once(first).chain(others.into_iter().map(joined)).collect()
        })
    }

    fn take(&self) -> Normalizer {
        let idle = self.idle().pop();
        idle.unwrap_or_else(|| Normalizer::with_options(Arc::clone(&self.suffixes), self.options.clone()))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Normalizer>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The columns to read.
struct Input<'a> {
    urls: Vec<TextRows<'a>>,
    bases: BaseRows<'a>,
    chunks: Vec<usize>,
    rows: usize,
}

enum BaseRows<'a> {
    One(Option<&'a str>),
    /// Where each chunk begins, and its rows.
    PerRow(Vec<(usize, TextRows<'a>)>),
}

impl<'a> Input<'a> {
    fn new(urls: &'a [ArrayRef], bases: Bases<'a>) -> Result<Self, ColumnError> {
        let chunks: Vec<usize> = urls.iter().map(|chunk| chunk.len()).collect();
        let rows = chunks.iter().sum();
        let read = |chunks: &'a [ArrayRef], what| {
            chunks.iter().map(move |chunk| TextRows::of(chunk.as_ref(), what)).collect::<Result<Vec<_>, _>>()
        };
        let bases = match bases {
            Bases::One(base) => BaseRows::One(base),
            Bases::PerRow(arrays) => {
                let count = arrays.iter().map(|chunk| chunk.len()).sum();
                if count != rows {
                    return Err(ColumnError::BaseCount { urls: rows, bases: count });
                }
                let mut start = 0;
                let starts = arrays.iter().map(|chunk| {
                    start += chunk.len();
                    start - chunk.len()
                });
                BaseRows::PerRow(starts.zip(read(arrays, "the array of bases")?).collect())
            }
        };
        Ok(Self { urls: read(urls, "the array of URLs")?, bases, chunks, rows })
    }

    /// How many bytes of each column of text one of these threads will most likely write.
    fn room(&self, threads: usize) -> [usize; TEXTS] {
        let bytes: usize = self.urls.iter().filter_map(TextRows::bytes).sum();
        [bytes, HOST_BYTES * self.rows, DOMAIN_BYTES * self.rows].map(|bytes| bytes / threads)
    }
}

impl BaseRows<'_> {
    fn get(&self, row: usize) -> Option<&str> {
        match self {
            Self::One(base) => *base,
            Self::PerRow(chunks) => {
                let after = chunks.partition_point(|(start, _)| *start <= row);
                let (start, rows) = chunks.get(after.checked_sub(1)?)?;
                std::str::from_utf8(rows.get(row - start)?).ok()
            }
        }
    }
}

/// What has one width in each row, at its final place.
struct Columns {
    /// 0, the code of a reason, or [`NULL_INPUT`].
    codes: Vec<u8>,
    url_ids: Vec<[u8; 16]>,
    domain_ids: Vec<u64>,
    cluster_keys: Vec<u64>,
    flags: Vec<u32>,
    /// Of the texts: where each row ends, after a 0.
    offsets: [Vec<i32>; TEXTS],
}

/// Some rows of one chunk, and their places in the columns.
struct Task<'f> {
    number: usize,
    chunk: usize,
    /// First row in the chunk, and in the whole column.
    row: usize,
    whole_row: usize,
    codes: &'f mut [u8],
    url_ids: &'f mut [[u8; 16]],
    domain_ids: &'f mut [u64],
    cluster_keys: &'f mut [u64],
    flags: &'f mut [u32],
    ends: [&'f mut [i32]; TEXTS],
}

impl Columns {
    fn new(rows: usize) -> Self {
        Self {
            codes: vec![0; rows],
            url_ids: vec![[0; 16]; rows],
            domain_ids: vec![0; rows],
            cluster_keys: vec![0; rows],
            flags: vec![0; rows],
            offsets: std::array::from_fn(|_| vec![0; rows + 1]),
        }
    }

    fn tasks(&mut self, chunks: &[usize]) -> Vec<Task<'_>> {
        let (mut codes, mut url_ids) = (self.codes.as_mut_slice(), self.url_ids.as_mut_slice());
        let (mut domain_ids, mut cluster_keys) =
            (self.domain_ids.as_mut_slice(), self.cluster_keys.as_mut_slice());
        let mut flags = self.flags.as_mut_slice();
        let mut ends = self.offsets.each_mut().map(|offsets| offsets.get_mut(1..).unwrap_or_default());
        let (mut tasks, mut whole_row) = (Vec::new(), 0);
        for (chunk, &rows) in chunks.iter().enumerate() {
            for row in (0..rows).step_by(TASK_ROWS) {
                let count = TASK_ROWS.min(rows - row);
                tasks.push(Task {
                    number: tasks.len(),
                    chunk,
                    row,
                    whole_row,
                    codes: codes.split_off_mut(..count).unwrap_or_default(),
                    url_ids: url_ids.split_off_mut(..count).unwrap_or_default(),
                    domain_ids: domain_ids.split_off_mut(..count).unwrap_or_default(),
                    cluster_keys: cluster_keys.split_off_mut(..count).unwrap_or_default(),
                    flags: flags.split_off_mut(..count).unwrap_or_default(),
                    ends: ends.each_mut().map(|ends| ends.split_off_mut(..count).unwrap_or_default()),
                });
                whole_row += count;
            }
        }
        tasks
    }
}

/// Write the rows of a task.
fn fill(normalizer: &mut Normalizer, input: &Input<'_>, task: Task<'_>, part: &mut Part) {
    let Some(rows) = input.urls.get(task.chunk) else { return };
    let (count, whole_row) = (task.codes.len(), task.whole_row);
    let inputs = rows.texts(task.row..task.row + count);
    let row = |row: usize| Some(((*inputs.get(row)?)?, input.bases.get(whole_row + row)));
    let [urls, hosts, domains] = &mut part.texts;
    let writer = Writer { next: 0, url_end: urls.len(), task, hosts, domains };
    normalizer.normalize_rows_into(count, row, urls, writer);
}

/// Writes row after row into the columns.
struct Writer<'w, 'f> {
    next: usize,
    url_end: usize,
    task: Task<'f>,
    hosts: &'w mut Vec<u8>,
    domains: &'w mut Vec<u8>,
}

impl TakeRow for Writer<'_, '_> {
    #[inline(always)]
    fn take(&mut self, text: &[u8], got: Option<Result<NormalizedUrl, UrlReason>>) {
        let Self { next, task, hosts, domains, .. } = self;
        let row = *next;
        *next += 1;
        match got {
            None => set(task.codes, row, NULL_INPUT),
            Some(Err(reason)) => set(task.codes, row, reason.code()),
            Some(Ok(found)) => {
                self.url_end = found.url.end;
                append_run(&Text(text), found.host.start, found.host.end, hosts);
                append_run(&Text(text), found.domain.start, found.domain.end, domains);
                set(task.url_ids, row, url_id(text.get(found.url).unwrap_or_default()));
                set(task.domain_ids, row, found.domain_id);
                set(task.cluster_keys, row, found.cluster_key);
                set(task.flags, row, found.flags.bits());
            }
        }
        // Of a longer text than offsets can tell the lower bits are right; it will be cut.
        for (ends, end) in task.ends.iter_mut().zip([self.url_end, hosts.len(), domains.len()]) {
            set(ends, row, end as i32);
        }
    }
}

#[inline(always)]
fn set<T>(column: &mut [T], row: usize, value: T) {
    if let Some(place) = column.get_mut(row) {
        *place = value;
    }
}

fn reason_of(code: u8) -> Option<UrlReason> {
    UrlReason::ALL.into_iter().find(|reason| reason.code() == code)
}

#[cfg(test)]
mod tests;
