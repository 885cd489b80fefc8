//! What a link event costs the authority engine, on R-MAT graphs (0.57/0.19/0.19/0.05, shuffled ids): no
//! community structure, many hubs, no locality. Web crawls are kinder.
//!
//! `cargo bench -p linktide-core --bench authority -- 17 20` runs scales 2^17 and 2^20 (default 17).
//! Events are half re-inserts of held-out links and half drops of random live ones. Edges per event do not
//! depend on the machine; µs are CPU time of this thread where the system tells it, else wall time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench may fail and print"
)]

use std::time::Instant;

use linktide_core::authority::{AuthoritySettings, AuthorityVector, Budget, Threshold};
use linktide_core::graph::{LinkGraph, WeightClass};

const EDGES_PER_NODE: u64 = 11;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }
}

type Link = (u32, u32);

fn rmat(scale: u32, random: &mut Random) -> Vec<Link> {
    let nodes = 1u64 << scale;
    let mut ids: Vec<u32> = (0..nodes as u32).collect();
    for at in (1..ids.len()).rev() {
        ids.swap(at, random.below(at + 1));
    }
    let mut links: Vec<Link> = (0..nodes * EDGES_PER_NODE).map(|_| rmat_link(scale, random, &ids)).collect();
    links.sort_unstable();
    links.dedup();
    links.retain(|(source, target)| source != target);
    for at in (1..links.len()).rev() {
        links.swap(at, random.below(at + 1));
    }
    links
}

fn rmat_link(scale: u32, random: &mut Random, ids: &[u32]) -> Link {
    let (mut source, mut target) = (0usize, 0usize);
    for _ in 0..scale {
        let (down, right) = match random.below(100) {
            0..57 => (0, 0),
            57..76 => (0, 1),
            76..95 => (1, 0),
            _ => (1, 1),
        };
        source = source << 1 | down;
        target = target << 1 | right;
    }
    (ids[source], ids[target])
}

/// Seconds of CPU this thread has used; wall time where the system does not say.
struct Clock(Instant);

impl Clock {
    fn seconds(&self) -> f64 {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanos = stat.and_then(|stat| stat.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()));
        nanos.map_or_else(|| self.0.elapsed().as_secs_f64(), |nanos| nanos / 1e9)
    }
}

struct Stream {
    graph: LinkGraph,
    live: Vec<Link>,
    held: Vec<Link>,
    random: Random,
    clock: Clock,
}

impl Stream {
    fn new(scale: u32) -> Self {
        let clock = Clock(Instant::now());
        let mut random = Random(42);
        let mut live = rmat(scale, &mut random);
        let held = live.split_off(live.len() - live.len() / 10);
        let mut graph = LinkGraph::new();
        for _ in 0..1u32 << scale {
            graph.add_node().unwrap();
        }
        let start = clock.seconds();
        for &(source, target) in &live {
            graph.set_link(source, target, WeightClass::FIRST).unwrap();
        }
        let stream = Self { graph, live, held, random, clock };
        println!("\nR-MAT 2^{scale}, {} links", stream.graph.link_count());
        let seconds = stream.clock.seconds() - start;
        println!("  load {seconds:.2} s, {:.3} µs a link", 1e6 * seconds / stream.graph.link_count() as f64);
        stream.print_memory("loaded in random order");
        stream
    }

    fn print_memory(&self, when: &str) {
        let links = self.graph.link_count() as f64;
        let bytes = self.graph.memory_bytes() as f64;
        let lists = bytes - 16.0 * self.graph.node_count() as f64;
        println!("  {:.2} B a link, {:.2} with 16 B a node ({when})", lists / links, bytes / links);
    }

    /// Edits one link and lets the vector follow.
    fn event(&mut self, vector: Option<&mut AuthorityVector>) {
        let adds = self.random.next().is_multiple_of(2);
        let (from, to) =
            if adds { (&mut self.held, &mut self.live) } else { (&mut self.live, &mut self.held) };
        let (source, target) = from.swap_remove(self.random.below(from.len()));
        to.push((source, target));
        let change = if adds {
            self.graph.set_link(source, target, WeightClass::FIRST)
        } else {
            self.graph.drop_link(source, target)
        };
        if let Some(vector) = vector {
            vector.on_link_change(&self.graph, &change.unwrap());
        }
    }

    fn solved(&self, epsilon: f64, threshold: Threshold) -> AuthorityVector {
        let settings = AuthoritySettings { epsilon, threshold, ..AuthoritySettings::default() };
        let mut vector = AuthorityVector::new(settings).unwrap();
        let start = self.clock.seconds();
        let sweeps = vector.solve_from_scratch(&self.graph);
        let solved = self.clock.seconds();
        let outcome = vector.drain(&self.graph, Budget::Unlimited);
        println!(
            "  ε {epsilon:e} {threshold:?}: solve {sweeps} sweeps {:.2} s, then drain {} edges {:.2} s",
            solved - start,
            outcome.edges,
            self.clock.seconds() - solved
        );
        vector
    }

    fn churn(&mut self, vector: &mut AuthorityVector, batch: usize, batches: usize) {
        let events = (batch * batches) as f64;
        let (start, edges) = (self.clock.seconds(), vector.edges_touched());
        let mut worst: f64 = 0.0;
        for _ in 0..batches {
            let begin = Instant::now();
            for _ in 0..batch {
                self.event(Some(vector));
            }
            vector.drain(&self.graph, Budget::Unlimited);
            worst = worst.max(begin.elapsed().as_secs_f64());
        }
        let micros = 1e6 * (self.clock.seconds() - start) / events;
        println!(
            "    batch {batch:>6}: {:>9.1} edges/event {micros:>8.3} µs/event  worst batch {:.2} ms (wall)",
            (vector.edges_touched() - edges) as f64 / events,
            1e3 * worst
        );
    }

    fn print_error(&self, vector: &AuthorityVector) {
        let settings = AuthoritySettings { epsilon: 1e-9, ..AuthoritySettings::default() };
        let mut exact = AuthorityVector::new(settings).unwrap();
        exact.solve(&self.graph);
        let errors = exact.values().iter().zip(vector.values()).map(|(exact, x)| ((exact - x).abs(), exact));
        let (mut greatest, mut sum): (f64, f64) = (0.0, 0.0);
        for (error, exact) in errors {
            greatest = greatest.max(error / exact);
            sum += error;
        }
        println!(
            "    greatest relative error {greatest:.2e}, L1 {:.2e}, proven {:.2e}; invariant off by {:.1e}",
            sum / vector.sum_x(),
            vector.error_bound_ratio(),
            vector.audit(&self.graph)
        );
    }
}

fn main() {
    let mut scales: Vec<u32> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    if scales.is_empty() {
        scales.push(17);
    }
    for scale in scales {
        let mut stream = Stream::new(scale);
        stream.graph.compact().unwrap();
        stream.print_memory("compacted");
        let start = stream.clock.seconds();
        for _ in 0..200_000 {
            stream.event(None);
        }
        println!("  graph edit alone {:.3} µs/event", 5.0 * (stream.clock.seconds() - start));
        for (epsilon, threshold) in
            [(1e-2, Threshold::Const), (1e-2, Threshold::Relative), (1e-3, Threshold::Relative)]
        {
            let mut vector = stream.solved(epsilon, threshold);
            for (batch, batches) in [(100_000, 2), (10_000, 5), (100, 50), (1, 1_000)] {
                stream.churn(&mut vector, batch, batches);
            }
            stream.print_error(&vector);
        }
        stream.print_memory("after churn");
    }
}
