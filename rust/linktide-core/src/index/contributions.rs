//! What makes up the citation of tracked domains, written once a day of event time.

use std::sync::Arc;

use arrow_array::types::{TimestampMicrosecondType, UInt64Type};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, UInt64Array};
use rustc_hash::FxHashMap;

use super::importance::Importance;
use super::rows::{rows, times, u64s};
use super::tables::Table;
use super::{Index, numbers};
use crate::authority::sum::ExactSum;
use crate::error::CoreError;
use crate::links::domains::Domain;
use crate::links::register::NEVER;
use crate::url::key;

/// In-edges written of a domain and day: the largest. What the others pass is one row.
pub const KEPT_EDGES: usize = 500;

const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// The domains whose contributions are written, and the day (of event time) they last were; none before.
#[derive(Debug, Default)]
pub(super) struct Tracked {
    days: FxHashMap<u64, Option<i64>>,
}

/// One edge to a tracked domain.
#[derive(Debug, Clone, Copy)]
struct Edge {
    source: u32,
    weight: f64,
    passed: f64,
}

/// One domain that is due.
struct Due {
    domain_key: u64,
    node: u32,
    edges: Vec<Edge>,
}

impl Index {
    /// Write contributions of these domains from now on, in place of those before.
    pub fn set_tracked(&mut self, names: &[String]) {
        let seed = self.options.seed;
        let days = names.iter().map(|name| (key(seed, name.as_bytes()), None));
        let before = std::mem::take(&mut self.tracked.days);
        self.tracked.days = days.collect();
        for (domain_key, day) in &mut self.tracked.days {
            *day = before.get(domain_key).copied().flatten();
        }
        // Of others nothing was counted.
        self.importance = Importance::default();
    }

    pub(super) fn has_tracked(&self) -> bool {
        !self.tracked.days.is_empty()
    }

    pub(super) fn is_tracked(&self, domain_key: u64) -> bool {
        self.tracked.days.contains_key(&domain_key)
    }

    pub(super) fn tracked_keys(&self) -> impl Iterator<Item = u64> {
        self.tracked.days.keys().copied()
    }

    /// Take when contributions were last written: `domain_key`, `scored_at`.
    ///
    /// # Errors
    /// A column is missing or of another type.
    pub fn restore_contributed(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let keys = numbers::<UInt64Type>(batch, "domain_key")?;
        let times = numbers::<TimestampMicrosecondType>(batch, "scored_at")?;
        for row in 0..batch.num_rows() {
            if let Some(day) = self.tracked.days.get_mut(&keys.value(row)) {
                *day = super::at(times, row).map(|at| at.div_euclid(DAY_US));
            }
        }
        Ok(())
    }

    /// The rows of all tracked domains whose day has turned, as the batch leaves them. None on other batches: one
    /// pass over the domain graph on those that have any.
    pub(super) fn contribution_table(&mut self) -> Result<Option<Table>, CoreError> {
        if self.clock == NEVER {
            return Ok(None);
        }
        let today = self.clock.div_euclid(DAY_US);
        let mut found = Vec::new();
        for (&domain_key, day) in &mut self.tracked.days {
            let index = self.domains.find(domain_key);
            let node = index.and_then(|index| self.domains.get(index)).and_then(Domain::node);
            if let Some(node) = node.filter(|_| day.is_none_or(|day| day < today)) {
                *day = Some(today);
                found.push(Due { domain_key, node, edges: Vec::new() });
            }
        }
        if found.is_empty() {
            return Ok(None);
        }
        found.sort_unstable_by_key(|due| due.domain_key);
        self.gather(&mut found);
        self.rows_of(&found).map(|rows| Some(("authority_contributions", rows)))
    }

    /// The graph has out-links only: who links to the domains is found by looking at every link.
    fn gather(&self, found: &mut [Due]) {
        let graph = self.domain_graph.graph();
        let vector = self.domain_graph.citation().vector();
        let places: FxHashMap<u32, usize> =
            found.iter().enumerate().map(|(place, due)| (due.node, place)).collect();
        for source in 0..graph.node_count() as u32 {
            for (target, weight) in graph.out(source) {
                let Some(due) = places.get(&target).and_then(|&place| found.get_mut(place)) else { continue };
                let passed = self.options.alpha * vector.x(source) * weight / graph.out_weight(source);
                due.edges.push(Edge { source, weight, passed });
            }
        }
        for due in found {
            // By source where two pass the same, so that what is kept does not depend on the order of links.
            due.edges.sort_unstable_by(|a, b| b.passed.total_cmp(&a.passed).then(a.source.cmp(&b.source)));
        }
    }

    fn rows_of(&self, found: &[Due]) -> Result<RecordBatch, CoreError> {
        let board = self.domain_graph.citation();
        let (graph, vector) = (self.domain_graph.graph(), board.vector());
        let (mut keys, mut sources) = (Vec::new(), Vec::new());
        let mut numbers: [Vec<Option<f64>>; 6] = std::array::from_fn(|_| Vec::new());
        let mut links = Vec::new();
        let mut put = |values: [Option<f64>; 6]| {
            numbers.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        };
        for due in found {
            let (kept, rest) = due.edges.split_at(due.edges.len().min(KEPT_EDGES));
            for edge in kept {
                let total = graph.out_weight(edge.source);
                let citation = vector.x(edge.source);
                put([Some(citation), Some(edge.weight), Some(total), Some(edge.passed), None, None]);
                keys.push(due.domain_key);
                sources.push(self.domains.of_node(edge.source).map(|domain| domain.key));
                links.push(1);
            }
            let passed = rest.iter().map(|edge| edge.passed).collect::<ExactSum>().value();
            let (prior, citation) = (vector.prior(due.node), board.value(due.node));
            put([None, None, None, Some(passed), Some(prior), Some(citation)]);
            keys.push(due.domain_key);
            sources.push(None);
            links.push(rest.len() as u64);
        }
        let count = keys.len();
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("domain_key", u64s(keys.into_iter())),
            ("source_dom_key", Arc::new(sources.into_iter().collect::<UInt64Array>())),
            ("links", u64s(links.into_iter())),
            ("scored_at", times(std::iter::repeat_n(self.clock(), count))),
            ("rev", self.revs(count)),
        ];
        let names = ["source_citation", "weight", "out_weight", "contribution", "prior", "citation"];
        for (name, values) in names.into_iter().zip(numbers) {
            columns.push((name, Arc::new(values.into_iter().collect::<Float64Array>())));
        }
        rows("authority_contributions", columns)
    }
}
