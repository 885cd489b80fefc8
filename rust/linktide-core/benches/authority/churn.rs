//! Streams of events through the public graph: edges and µs per event, errors, drift.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type};
use arrow_array::{DictionaryArray, Int8Array, RecordBatch, StringArray, UInt32Array};
use linktide_core::authority::Threshold;
use linktide_core::authority_graph::AuthorityGraph;

use crate::clock::Clock;
use crate::graphs::{Link, Random};

pub(crate) const ALPHA: f64 = 0.85;

/// Links in and out of the graph; every event takes one over, by an even chance in either direction.
pub(crate) struct Events {
    pub(crate) live: Vec<Link>,
    pub(crate) held: Vec<Link>,
    pub(crate) random: Random,
}

impl Events {
    /// Holds a twentieth of the links out.
    pub(crate) fn new(mut links: Vec<Link>, random: Random) -> Self {
        let held = links.split_off(links.len() - links.len() / 20);
        Self { live: links, held, random }
    }

    /// The next event: the link, and whether it is added.
    pub(crate) fn next(&mut self) -> (Link, bool) {
        let adds = self.random.next().is_multiple_of(2);
        let (from, to) =
            if adds { (&mut self.held, &mut self.live) } else { (&mut self.live, &mut self.held) };
        let link = from.swap_remove(self.random.below(from.len()));
        to.push(link);
        (link, adds)
    }

    pub(crate) fn batch(&mut self, events: usize) -> RecordBatch {
        let events: Vec<_> = (0..events).map(|_| self.next()).collect();
        batch(&events)
    }
}

pub(crate) fn batch(events: &[(Link, bool)]) -> RecordBatch {
    let ops = Int8Array::from_iter_values(events.iter().map(|(_, adds)| i8::from(!adds)));
    let words = Arc::new(StringArray::from(vec!["add", "drop"]));
    let ops: DictionaryArray<Int8Type> = DictionaryArray::new(ops, words);
    let sources = UInt32Array::from_iter_values(events.iter().map(|(link, _)| link.0));
    let targets = UInt32Array::from_iter_values(events.iter().map(|(link, _)| link.1));
    RecordBatch::try_from_iter([
        ("src", Arc::new(sources) as _),
        ("dst", Arc::new(targets) as _),
        ("op", Arc::new(ops) as _),
    ])
    .unwrap()
}

pub(crate) fn loaded(events: &Events, epsilon: f64, threshold: Threshold) -> AuthorityGraph {
    let clock = Clock::new();
    let adds: Vec<_> = events.live.iter().map(|&link| (link, true)).collect();
    let rows = batch(&adds);
    drop(adds);
    let mut graph = AuthorityGraph::new(ALPHA, epsilon, threshold, None).unwrap();
    let start = clock.seconds();
    graph.apply(&[rows]).unwrap();
    let seconds = clock.seconds() - start;
    let links = graph.link_count() as f64;
    println!(
        "{{\"what\": \"load\", \"links\": {links}, \"nodes\": {}, \"seconds\": {seconds:.3}, \"sweeps\": {:.0}, \
         \"bytes_per_link\": {:.2}}}",
        graph.node_count(),
        graph.edges_touched() as f64 / links,
        graph.memory_bytes() as f64 / links,
    );
    graph
}

/// What `count` batches of `size` events cost.
pub(crate) fn churn(graph: &mut AuthorityGraph, events: &mut Events, size: usize, count: usize, name: &str) {
    let clock = Clock::new();
    let (mut seconds, mut worst, mut worst_wall) = (0.0, 0.0f64, 0.0f64);
    let edges = graph.edges_touched();
    let mut left = count;
    while left > 0 {
        // Made in groups, for events cost time too.
        let group: Vec<_> = (0..left.min(200_000 / size + 1)).map(|_| events.batch(size)).collect();
        left -= group.len();
        let start = clock.seconds();
        for batch in &group {
            let begin = Clock::new();
            graph.apply(std::slice::from_ref(batch)).unwrap();
            worst = worst.max(begin.seconds());
            worst_wall = worst_wall.max(begin.wall_seconds());
        }
        seconds += clock.seconds() - start;
    }
    let total = (size * count) as f64;
    println!(
        "{{\"what\": \"churn\", \"threshold\": \"{name}\", \"batch\": {size}, \"batches\": {count}, \
         \"edges_per_event\": {:.2}, \"us_per_event\": {:.3}, \"worst_batch_ms\": {:.2}, \
         \"worst_batch_wall_ms\": {:.2}}}",
        (graph.edges_touched() - edges) as f64 / total,
        1e6 * seconds / total,
        1e3 * worst,
        1e3 * worst_wall,
    );
}

fn column(rows: &RecordBatch, name: &str) -> Vec<f64> {
    rows.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

/// Errors against the exact solve, and how far x + r is from b + αPᵀx.
pub(crate) fn print_error(graph: &AuthorityGraph, name: &str, epsilon: f64, updates: usize) {
    let (rows, exact) = (graph.scores().unwrap(), graph.solve_exact().unwrap());
    let (mut greatest, mut sum, mut total): (f64, f64, f64) = (0.0, 0.0, 0.0);
    for (x, exact) in column(&rows, "score").iter().zip(column(&exact, "score")) {
        greatest = greatest.max((x - exact).abs() / exact);
        sum += (x - exact).abs();
        total += exact;
    }
    println!(
        "{{\"what\": \"error\", \"threshold\": \"{name}\", \"epsilon\": {epsilon}, \"updates\": {updates}, \
         \"greatest_relative\": {greatest:.3e}, \"l1\": {:.3e}, \"proven_l1\": {:.3e}, \"invariant\": {:.2e}, \
         \"bytes_per_link\": {:.2}}}",
        sum / total,
        graph.error_bound() / total,
        graph.audit(),
        graph.memory_bytes() as f64 / graph.link_count() as f64,
    );
}

pub(crate) fn drift(events: &mut Events, updates: usize, epsilon: f64, threshold: Threshold, name: &str) {
    let mut graph = loaded(events, epsilon, threshold);
    churn(&mut graph, events, 1_000, updates / 1_000, name);
    print_error(&graph, name, epsilon, updates);
}
