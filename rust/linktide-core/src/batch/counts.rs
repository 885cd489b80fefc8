//! What a batch holds, counted for metrics and offsets.

use std::collections::BTreeMap;

use super::EventBatch;
use crate::event::EventKind;

/// (source, events, dead letters, greatest record time in µs).
pub type SourceCount = (u32, u64, u64, Option<i64>);

impl EventBatch {
    /// Events and dead letters by source.
    #[must_use]
    pub fn by_source(&self) -> Vec<SourceCount> {
        let mut counts: BTreeMap<u32, (u64, u64, Option<i64>)> = BTreeMap::new();
        for (&source, &record_at) in self.source_id.iter().zip(self.record_at.iter()) {
            let count = counts.entry(source).or_default();
            count.0 += 1;
            count.2 = count.2.max(Some(record_at));
        }
        for letter in &self.dead_letters {
            let count = counts.entry(letter.source_id).or_default();
            count.1 += 1;
            count.2 = count.2.max(Some(letter.record_at));
        }
        counts.into_iter().map(|(source, (events, dead, newest))| (source, events, dead, newest)).collect()
    }

    /// Accepted events by the name of their kind.
    #[must_use]
    pub fn by_kind(&self) -> Vec<(&'static str, u64)> {
        let kinds = EventKind::ALL.iter().map(|kind| {
            let count = self.kind.iter().filter(|&&code| code == *kind as u8).count();
            (kind.as_str(), count as u64)
        });
        kinds.filter(|(_, count)| *count > 0).collect()
    }

    /// Dead letters by the name of their reason.
    #[must_use]
    pub fn by_reason(&self) -> Vec<(&'static str, u64)> {
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        for letter in &self.dead_letters {
            *counts.entry(letter.reason.name()).or_default() += 1;
        }
        counts.into_iter().collect()
    }
}
