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
        for (_, arrival) in self.arrivals() {
            let count = counts.entry(arrival.source_id).or_default();
            count.0 += 1;
            count.2 = count.2.max(Some(arrival.record_at));
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
        let mut counts = [0u64; 256];
        for (code, _) in self.arrivals() {
            if let Some(count) = counts.get_mut(usize::from(code)) {
                *count += 1;
            }
        }
        let kinds =
            EventKind::ALL.iter().filter_map(|kind| Some((kind.as_str(), *counts.get(*kind as usize)?)));
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

/// How many values fell into each bucket (the last has no upper bound), and their sum in seconds.
pub type Distribution = (Vec<u64>, f64);

impl EventBatch {
    /// From the record's time to `now`, by event, in buckets with these inclusive upper bounds (seconds, rising).
    #[must_use]
    pub fn freshness(&self, now: i64, bounds: &[f64]) -> Distribution {
        distribution(self.arrivals().map(|(_, arrival)| now - arrival.record_at), bounds)
    }

    /// From the observation to its record, by event, in such buckets.
    #[must_use]
    pub fn source_delay(&self, bounds: &[f64]) -> Distribution {
        distribution(self.arrivals().map(|(_, arrival)| arrival.record_at - arrival.observed_at), bounds)
    }
}

/// A delay below zero is a clock that runs ahead; it counts as none.
fn distribution(delays: impl Iterator<Item = i64>, bounds: &[f64]) -> Distribution {
    let mut counts = vec![0; bounds.len() + 1];
    let mut sum = 0.0;
    for delay in delays {
        let seconds = delay.max(0) as f64 / 1e6;
        sum += seconds;
        if let Some(count) = counts.get_mut(bounds.partition_point(|&bound| bound < seconds)) {
            *count += 1;
        }
    }
    (counts, sum)
}
