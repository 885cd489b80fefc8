//! Several vectors over one graph, drained at the same time.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{AuthorityVector, Budget, DrainOutcome};
use crate::graph::LinkGraph;

/// Drains `vectors` over one graph on up to `threads` threads and returns what each did, in order. A vector
/// is drained by one thread, so its result does not depend on their number. The calling thread is one of
/// them; the others end before this returns.
///
/// [`Budget::Edges`] holds for each vector, [`Budget::Time`] for the whole call: it is a slice that the next
/// call goes on from, and every vector moves on by some thousand edges at least. Threads cost some 20 µs each
/// to start, so a batch that queued little is drained here.
pub fn drain_together(
    graph: &LinkGraph,
    vectors: &mut [&mut AuthorityVector],
    budget: Budget,
    threads: usize,
) -> Vec<DrainOutcome> {
    let queued = vectors.iter().filter(|vector| vector.queue_len() >= LEAST_QUEUE).count();
    let threads = threads.min(queued);
    let mut outcomes = vec![DrainOutcome { edges: 0, pushes: 0, is_drained: true }; vectors.len()];
    let mut jobs: Vec<_> = vectors.iter_mut().zip(&mut outcomes).collect();
    // The longest queue first: two threads then end at about the same time.
    jobs.sort_by_key(|(vector, _)| vector.queue_len());
    let jobs = Mutex::new(jobs);
    let begin = Instant::now();
    let work = || {
        while let Some((vector, outcome)) = take(&jobs) {
            let left = match budget {
                Budget::Time(time) => Budget::Time(time.saturating_sub(begin.elapsed())),
                other => other,
            };
            *outcome = vector.drain(graph, left);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Without a thread to be had, the others do its work.
            let _thread = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    outcomes
}

/// A vector with fewer nodes to push is not worth a thread.
const LEAST_QUEUE: usize = 64;

fn take<T>(jobs: &Mutex<Vec<T>>) -> Option<T> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).pop()
}
