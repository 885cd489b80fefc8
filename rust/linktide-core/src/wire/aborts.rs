//! Which transactional batches were aborted, by the rules of Kafka's own consumer.
//!
//! An aborted transaction runs from its first offset (told by the broker beside the data) to the abort marker
//! of the same producer (a control batch within the data).

use super::batch::Batch;

/// The aborted transactions of one chunk while it is walked in offset order.
#[derive(Debug, Default)]
pub(super) struct Aborts {
    /// (first offset, producer id), latest first, so that the next one is popped off the end.
    ahead: Vec<(i64, i64)>,
    open: Vec<i64>,
}

impl Aborts {
    /// Begin a chunk; allocates nothing unless there are aborted transactions.
    pub(super) fn begin(&mut self, aborted: &[(i64, i64)]) {
        self.open.clear();
        self.ahead.clear();
        self.ahead.extend(aborted.iter().map(|&(producer_id, first_offset)| (first_offset, producer_id)));
        self.ahead.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Open what has begun by the end of this batch; must be called for each batch in turn.
    pub(super) fn advance(&mut self, batch: &Batch<'_>) {
        while let Some((_, producer_id)) = self.ahead.pop_if(|(first, _)| *first < batch.next_offset) {
            if !self.open.contains(&producer_id) {
                self.open.push(producer_id);
            }
        }
    }

    /// Whether the records of this batch were never committed.
    pub(super) fn is_aborted(&self, batch: &Batch<'_>) -> bool {
        batch.header.is_transactional() && self.open.contains(&batch.header.producer_id)
    }

    /// A marker ends the producer's transaction. Also a commit marker: it can only follow an aborted one
    /// whose own marker was damaged, and what comes after it must not be lost with it.
    pub(super) fn end(&mut self, producer_id: i64) {
        self.open.retain(|open| *open != producer_id);
    }
}
