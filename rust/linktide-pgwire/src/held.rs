//! Results on their way to their clients. One that is not read within five seconds goes to a file: memory
//! belongs to those who read, and no transaction of the engine is open for any of them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::SchemaRef;

use crate::{Answer, Refusal};

/// Results as small as this stay: a file costs more.
const SMALL_BYTES: usize = 64 * 1024;
/// When the waiting results hold more, the oldest go to files without delay.
const MOST_MEMORY_BYTES: usize = 512 << 20;

/// Where results wait.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    most_file_bytes: u64,
    most_memory_bytes: usize,
    patience: Duration,
    waiting: Mutex<Vec<Weak<Held>>>,
    file_bytes: Arc<AtomicU64>,
}

/// The rows of one result that were not read yet.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) schema: SchemaRef,
    since: Instant,
    rest: Mutex<Rest>,
    /// Of the whole result.
    bytes: usize,
    in_file: AtomicU64,
    file_bytes: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Rest {
    front: VecDeque<RecordBatch>,
    file: Option<StreamReader<BufReader<File>>>,
    lost: Option<Refusal>,
}

impl Shelf {
    pub(crate) fn new(folder: PathBuf, most_file_bytes: u64, patience: Duration) -> Self {
        let (waiting, file_bytes) = (Mutex::default(), Arc::default());
        let most_memory_bytes = MOST_MEMORY_BYTES;
        Self { folder, most_file_bytes, most_memory_bytes, patience, waiting, file_bytes }
    }

    /// Hold a result until it is read or dropped.
    pub(crate) fn put(&self, answer: Answer) -> Arc<Held> {
        let held = Arc::new(Held {
            bytes: answer.batches.iter().map(RecordBatch::get_array_memory_size).sum(),
            schema: answer.schema,
            since: Instant::now(),
            rest: Mutex::new(Rest { front: answer.batches.into(), file: None, lost: None }),
            in_file: AtomicU64::new(0),
            file_bytes: Arc::clone(&self.file_bytes),
        });
        lock(&self.waiting).push(Arc::downgrade(&held));
        held
    }

    /// Bytes of results in files now.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes.load(Ordering::Relaxed)
    }

    /// Put what has waited too long into files; called now and then, from a thread that may block.
    pub(crate) fn tidy(&self) {
        let mut old = Vec::new();
        let mut waiting = lock(&self.waiting);
        let mut bytes: usize = waiting.iter().filter_map(Weak::upgrade).map(|held| held.bytes).sum();
        waiting.retain(|held| match held.upgrade() {
            Some(held) if held.since.elapsed() >= self.patience || bytes > self.most_memory_bytes => {
                bytes = bytes.saturating_sub(held.bytes);
                old.push(held);
                false
            }
            other => other.is_some(),
        });
        drop(waiting);
        for held in old {
            held.spill(self);
        }
    }
}

impl Held {
    /// The next batch.
    ///
    /// # Errors
    /// [`Refusal`] if the result had to be given up.
    pub(crate) fn next(&self) -> Result<Option<RecordBatch>, Refusal> {
        let mut rest = lock(&self.rest);
        if let Some(lost) = &rest.lost {
            return Err(lost.clone());
        }
        if let Some(batch) = rest.front.pop_front() {
            return Ok(Some(batch));
        }
        rest.file.as_mut().and_then(Iterator::next).transpose().map_err(|error| lost(&error))
    }

    /// The next rows, as batches that share memory with the result.
    ///
    /// # Errors
    /// As `next`.
    pub(crate) fn take(&self, mut rows: usize) -> Result<Vec<RecordBatch>, Refusal> {
        let mut taken = Vec::new();
        while rows > 0 {
            let Some(batch) = self.next()? else { break };
            if batch.num_rows() > rows {
                lock(&self.rest).front.push_front(batch.slice(rows, batch.num_rows() - rows));
                taken.push(batch.slice(0, rows));
                break;
            }
            rows -= batch.num_rows();
            taken.push(batch);
        }
        Ok(taken)
    }

    fn spill(&self, to: &Shelf) {
        let mut rest = lock(&self.rest);
        let bytes: usize = rest.front.iter().map(RecordBatch::get_array_memory_size).sum();
        if bytes <= SMALL_BYTES || rest.file.is_some() {
            return;
        }
        let batches = std::mem::take(&mut rest.front);
        let before = self.file_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.in_file.store(bytes as u64, Ordering::Relaxed);
        if before + bytes as u64 > to.most_file_bytes {
            rest.lost = Some(Refusal::new(
                "53100",
                format!(
                    "the result was not read for {} s, and waiting results fill sql_spill_max_bytes: \
                     read faster, or ask for less",
                    to.patience.as_secs()
                ),
            ));
            return;
        }
        match write(&self.schema, &batches, to) {
            Ok(file) => rest.file = Some(file),
            Err(error) => rest.lost = Some(lost(&error)),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.file_bytes.fetch_sub(self.in_file.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

fn lost(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new("58030", format!("the result that waited in a file cannot be read back ({error})"))
}

/// Write batches to a file that no folder names: it is gone with the last who has it open.
fn write(
    schema: &SchemaRef,
    batches: &VecDeque<RecordBatch>,
    shelf: &Shelf,
) -> Result<StreamReader<BufReader<File>>, arrow_schema::ArrowError> {
    let mut file = tempfile::tempfile_in(&shelf.folder)?;
    let mut writer = StreamWriter::try_new(BufWriter::new(&mut file), schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    drop(writer);
    file.seek(SeekFrom::Start(0))?;
    StreamReader::try_new(BufReader::new(file), None)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    fn answer(rows: i64) -> Answer {
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        let batch = |from: i64| {
            let values: ArrayRef = Arc::new((from..(from + 1000).min(rows)).collect::<Int64Array>());
            RecordBatch::try_new(Arc::clone(&schema), vec![values]).unwrap()
        };
        let batches = (0..rows).step_by(1000).map(batch).collect();
        Answer { schema, batches }
    }

    fn read(held: &Held) -> Vec<i64> {
        let mut all = Vec::new();
        while let Some(batch) = held.next().unwrap() {
            let column = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
            all.extend(column.values());
        }
        all
    }

    fn shelf(most: u64) -> Shelf {
        Shelf::new(std::env::temp_dir(), most, Duration::ZERO)
    }

    #[test]
    fn a_result_reads_the_same_from_its_file() {
        let shelf = shelf(1 << 30);
        let held = shelf.put(answer(100_500));
        let first: usize = held.take(1_500).unwrap().iter().map(RecordBatch::num_rows).sum();
        assert_eq!(first, 1_500);
        shelf.tidy();
        assert!(shelf.file_bytes() > 700_000);
        assert_eq!(read(&held), (1_500..100_500).collect::<Vec<_>>());
        drop(held);
        assert_eq!(shelf.file_bytes(), 0);
    }

    #[test]
    fn the_oldest_goes_first_when_memory_is_short() {
        let mut shelf = Shelf::new(std::env::temp_dir(), 1 << 30, Duration::from_secs(3600));
        shelf.most_memory_bytes = 1_000_000;
        let held = [shelf.put(answer(100_000)), shelf.put(answer(100_000))];
        shelf.tidy();
        assert!(lock(&held[0].rest).file.is_some());
        assert!(lock(&held[1].rest).file.is_none());
        assert_eq!(read(&held[0]), read(&held[1]));
    }

    #[test]
    fn small_results_stay_where_they_are() {
        let shelf = shelf(1 << 30);
        let held = shelf.put(answer(10));
        shelf.tidy();
        assert_eq!(shelf.file_bytes(), 0);
        assert_eq!(read(&held).len(), 10);
    }

    #[test]
    fn who_reads_too_late_is_told_when_the_files_are_full() {
        let shelf = shelf(1_000_000);
        let held = [shelf.put(answer(100_000)), shelf.put(answer(100_000))];
        shelf.tidy();
        assert_eq!(read(&held[0]).len(), 100_000);
        assert_eq!(held[1].next().unwrap_err().code, "53100");
        drop(held);
        assert_eq!(shelf.file_bytes(), 0);
    }

    #[test]
    fn rows_are_taken_across_batches() {
        let held = shelf(0).put(answer(2_500));
        let counts = |rows| held.take(rows).unwrap().iter().map(RecordBatch::num_rows).collect::<Vec<_>>();
        assert_eq!(counts(1_200), [1_000, 200]);
        assert_eq!(counts(0), Vec::<usize>::new());
        assert_eq!(counts(5_000), [800, 500]);
        assert_eq!(counts(1), Vec::<usize>::new());
    }
}
