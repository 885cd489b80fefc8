//! The engine below the public graph: recompute to compare with, one huge event, several vectors.

use std::time::{Duration, Instant};

use linktide_core::authority::{
    AuthoritySettings, AuthorityVector, Board, Budget, ScoredGraph, Threshold, drain_all,
};
use linktide_core::graph::{LinkGraph, WeightClass};

use crate::churn::Events;
use crate::clock::{Clock, process_seconds};

/// A drain may not hold its thread for more than 5 ms; one part of a push may come on top of its budget.
const SLICE: Duration = Duration::from_millis(3);

pub(crate) fn loaded(events: &Events, nodes: usize) -> LinkGraph {
    let mut graph = LinkGraph::new();
    for _ in 0..nodes {
        graph.add_node().unwrap();
    }
    for &(source, target) in &events.live {
        graph.set_link(source, target, WeightClass::FIRST).unwrap();
    }
    graph.compact().unwrap();
    graph
}

fn vector(graph: &LinkGraph, epsilon: f64, threshold: Threshold, prior: f64) -> AuthorityVector {
    let settings = AuthoritySettings { epsilon, threshold, prior, ..AuthoritySettings::default() };
    let mut vector = AuthorityVector::new(settings).unwrap();
    vector.solve_from_scratch(graph);
    vector.drain(graph, Budget::Unlimited);
    vector
}

fn event(graph: &mut LinkGraph, events: &mut Events, vectors: &mut [AuthorityVector]) {
    let ((source, target), adds) = events.next();
    let change = if adds {
        graph.set_link(source, target, WeightClass::FIRST)
    } else {
        graph.drop_link(source, target)
    };
    let change = change.unwrap();
    for vector in vectors {
        vector.on_link_change(graph, &change);
    }
}

/// Gauss–Seidel from the last scores after each batch of 100, the transpose for nothing: one sweep is the
/// least a recompute can do, the whole one goes on until no x moves by more than half the threshold.
pub(crate) fn warm_recompute(events: &mut Events, nodes: usize, epsilon: f64) {
    let clock = Clock::new();
    let mut graph = loaded(events, nodes);
    let mut own = vector(&graph, epsilon, Threshold::Relative, 0.15);
    for size in [1, 100, 10_000, 100_000] {
        for _ in 0..size {
            event(&mut graph, events, &mut []);
        }
        let transpose = Transpose::of(&graph);
        let start = own.values().to_vec();
        let repeats = (100_000_000 / transpose.sources.len()).clamp(2, 100);
        let (mut first, mut whole, mut sweeps) = (0.0, 0.0, 0);
        for _ in 0..repeats {
            let (mut x, mut passed) = (start.clone(), transpose.passed(&start));
            let begin = clock.seconds();
            let mut change = transpose.sweep(&mut x, &mut passed);
            first += clock.seconds() - begin;
            sweeps = 1;
            while change > 0.5 * epsilon * 0.15 {
                change = transpose.sweep(&mut x, &mut passed);
                sweeps += 1;
            }
            whole += clock.seconds() - begin;
        }
        println!(
            "{{\"what\": \"recompute\", \"batch\": {size}, \"one_sweep_ms\": {:.2}, \"whole_ms\": {:.2}, \"sweeps\": {sweeps}}}",
            1e3 * first / repeats as f64,
            1e3 * whole / repeats as f64,
        );
        own.solve(&graph);
        own.drain(&graph, Budget::Unlimited);
    }
}

struct Transpose {
    starts: Vec<usize>,
    sources: Vec<u32>,
    rates: Vec<f64>,
}

impl Transpose {
    fn of(graph: &LinkGraph) -> Self {
        let nodes = graph.node_count() as u32;
        let mut starts = vec![0usize];
        for node in 0..nodes {
            starts.push(starts[node as usize] + graph.in_degree(node) as usize);
        }
        let mut next = starts.clone();
        let mut sources = vec![0; graph.link_count() as usize];
        for node in 0..nodes {
            for (target, _) in graph.out(node) {
                sources[next[target as usize]] = node;
                next[target as usize] += 1;
            }
        }
        let rate = |node| match graph.out_degree(node) {
            0 => 0.0,
            degree => 0.85 / f64::from(degree),
        };
        Self { starts, sources, rates: (0..nodes).map(rate).collect() }
    }

    fn passed(&self, x: &[f64]) -> Vec<f64> {
        x.iter().zip(&self.rates).map(|(x, rate)| x * rate).collect()
    }

    /// One Gauss–Seidel sweep; the greatest change of x over max(1, x).
    fn sweep(&self, x: &mut [f64], passed: &mut [f64]) -> f64 {
        let mut greatest: f64 = 0.0;
        for node in 0..x.len() {
            let sources = &self.sources[self.starts[node]..self.starts[node + 1]];
            let new = 0.15 + sources.iter().map(|&source| passed[source as usize]).sum::<f64>();
            greatest = greatest.max((new - x[node]).abs() / new.max(1.0));
            x[node] = new;
            passed[node] = new * self.rates[node];
        }
        greatest
    }
}

/// The top node links to a hub of `links` links that had no in-link: most of them really change. Before that the
/// hub grows to its size, one event at a time.
pub(crate) fn worst_event(events: &mut Events, nodes: usize, epsilon: f64, links: u32) {
    let mut graph = loaded(events, nodes);
    let hub = graph.add_node().unwrap();
    let (mut growth, mut growth_wall) = (0.0f64, 0.0f64);
    while graph.out_degree(hub) < links.min(nodes as u32 / 2) {
        let target = events.random.below(nodes) as u32;
        let clock = Clock::new();
        graph.set_link(hub, target, WeightClass::FIRST).unwrap();
        growth = growth.max(clock.seconds());
        growth_wall = growth_wall.max(clock.wall_seconds());
    }
    println!(
        "{{\"what\": \"growth\", \"hub_links\": {}, \"worst_event_ms\": {:.2}, \"worst_event_wall_ms\": {:.2}}}",
        graph.out_degree(hub),
        1e3 * growth,
        1e3 * growth_wall,
    );
    for (threshold, name) in [(Threshold::Relative, "x"), (Threshold::Const, "const")] {
        let mut graph = graph.clone();
        let mut vector = vector(&graph, epsilon, threshold, 0.15);
        let top = (0..nodes as u32).max_by(|&a, &b| vector.x(a).total_cmp(&vector.x(b))).unwrap();
        let edges = vector.edges_touched();
        let begin = Clock::new();
        let change = graph.set_link(top, hub, WeightClass::FIRST).unwrap();
        vector.on_link_change(&graph, &change);
        let (mut longest, mut longest_wall, mut slices) = (begin.seconds(), begin.wall_seconds(), 1);
        let mut under_target = begin.seconds();
        while !vector.is_drained() {
            let slice = Clock::new();
            vector.drain(&graph, Budget::Time(SLICE));
            longest = longest.max(slice.seconds());
            longest_wall = longest_wall.max(slice.wall_seconds());
            slices += 1;
            if vector.error_bound() > vector.error_target() || !vector.is_drained() {
                under_target = begin.seconds();
            }
        }
        println!(
            "{{\"what\": \"worst_event\", \"threshold\": \"{name}\", \"hub_links\": {}, \"edges\": {}, \"slices\": {slices}, \
             \"longest_slice_ms\": {:.2}, \"longest_slice_wall_ms\": {:.2}, \"under_target_ms\": {:.1}, \"drained_ms\": {:.1}, \
             \"drained_wall_ms\": {:.1}}}",
            graph.out_degree(hub),
            vector.edges_touched() - edges,
            1e3 * longest,
            1e3 * longest_wall,
            1e3 * under_target,
            1e3 * begin.seconds(),
            1e3 * begin.wall_seconds(),
        );
    }
}

/// Citation and three trust boards over one graph: the CPU of draining them on one thread and on two.
pub(crate) fn parallel(events: &mut Events, nodes: usize, epsilon: f64) {
    let citation = Board::citation(0.85, epsilon, Threshold::Relative).unwrap();
    let mut scored = ScoredGraph::new(&[1.0], citation).unwrap();
    (0..nodes).for_each(|_| {
        scored.add_node().unwrap();
    });
    scored.set_trust((0..3).map(|_| Board::trust(0.85, epsilon).unwrap()).collect());
    for board in 1..=3 {
        for _ in 0..nodes / 20 {
            scored.set_prior(board, events.random.below(nodes) as u32, 1.0).unwrap();
        }
    }
    for &(source, target) in &events.live {
        scored.set_link(source, target, Some(WeightClass::FIRST)).unwrap();
    }
    drain_all(&mut [&mut scored], Budget::Unlimited);
    for _ in 0..6 {
        drain_round(&mut scored, events);
    }
}

fn drain_round(scored: &mut ScoredGraph, events: &mut Events) {
    const EVENTS: u32 = 20_000;
    for _ in 0..EVENTS {
        let ((source, target), adds) = events.next();
        scored.set_link(source, target, adds.then_some(WeightClass::FIRST)).unwrap();
    }
    let edges = |scored: &ScoredGraph| scored.boards().map(|b| b.vector().edges_touched()).sum::<u64>();
    let before = edges(scored);
    let mut alone: Vec<_> = scored.boards().map(|board| board.vector().clone()).collect();
    let (begin, cpu) = (Instant::now(), process_seconds());
    for vector in &mut alone {
        vector.drain(scored.graph(), Budget::Unlimited);
    }
    let cpu_alone = process_seconds() - cpu;
    let one = (cpu_alone, cpu_alone, begin.elapsed().as_secs_f64());
    drop(alone);
    let begin = Clock::new();
    let other = drain_all(&mut [scored], Budget::Unlimited);
    let own = begin.seconds();
    // On a busy machine the wall tells of its neighbours; the thread that works longer tells what could be.
    let two = (own + other, own.max(other), begin.wall_seconds());
    let edges = (edges(scored) - before) as f64 / f64::from(EVENTS);
    for (threads, (cpu, longer, wall)) in [(1, one), (2, two)] {
        println!(
            "{{\"what\": \"parallel\", \"threads\": {threads}, \"batch\": {EVENTS}, \"vectors\": 4, \
             \"edges_per_event\": {edges:.1}, \"cpu_us_per_event\": {:.3}, \"longer_thread_us_per_event\": {:.3}, \"wall_us_per_event\": {:.3}}}",
            1e6 * cpu / f64::from(EVENTS),
            1e6 * longer / f64::from(EVENTS),
            1e6 * wall / f64::from(EVENTS),
        );
    }
}
