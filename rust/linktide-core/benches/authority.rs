//! What a link event costs the authority engine, on two generated graphs: R-MAT (0.57/0.19/0.19/0.05,
//! shuffled ids: hubs without communities, no locality, the worst case) and a web of hosts with navigation
//! links.
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

const EDGES_PER_NODE: u64 = 12;

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
    (0..nodes * EDGES_PER_NODE).map(|_| rmat_link(scale, random, &ids)).collect()
}

/// Each link once, none to itself, in random order.
fn shuffled(mut links: Vec<Link>, random: &mut Random) -> Vec<Link> {
    links.sort_unstable();
    links.dedup();
    links.retain(|(source, target)| source != target);
    for at in (1..links.len()).rev() {
        links.swap(at, random.below(at + 1));
    }
    links
}

/// Pages in hosts of power-law size: all link to the host's first pages, those to many, and few abroad.
fn web(scale: u32, random: &mut Random) -> Vec<Link> {
    let nodes = 1usize << scale;
    let (mut links, mut homes, mut start) = (Vec::new(), Vec::new(), 0);
    while start < nodes {
        let even = (random.below(1_000_000) + 1) as f64 / 1e6;
        let size = ((20.0 / even.powf(0.8)) as usize).min(20_000).min(nodes - start);
        homes.push(start);
        for page in 0..size {
            if random.below(4) > 0 {
                web_page(page, size, start, &homes, random, &mut links);
            }
        }
        start += size;
    }
    links
}

fn web_page(
    page: usize,
    size: usize,
    start: usize,
    homes: &[usize],
    random: &mut Random,
    links: &mut Vec<Link>,
) {
    let mut link = |target: usize| links.push(((start + page) as u32, target as u32));
    let listed = if page < 4 { 400 } else { 8 };
    (0..listed.min(size)).for_each(|target| link(start + target));
    for _ in 0..4 {
        let reach = random.below(size) + 1;
        link(start + random.below(reach));
    }
    if random.below(3) == 0 {
        let reach = random.below(homes.len()) + 1;
        link(homes[random.below(reach)]);
    }
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
    fn new(name: &str, scale: u32) -> Self {
        let clock = Clock(Instant::now());
        let mut random = Random(42);
        let links = if name == "web" { web(scale, &mut random) } else { rmat(scale, &mut random) };
        let mut live = shuffled(links, &mut random);
        let held = live.split_off(live.len() - live.len() / 20);
        let mut graph = LinkGraph::new();
        for _ in 0..1u32 << scale {
            graph.add_node().unwrap();
        }
        let start = clock.seconds();
        for &(source, target) in &live {
            graph.set_link(source, target, WeightClass::FIRST).unwrap();
        }
        let stream = Self { graph, live, held, random, clock };
        println!("\n{name} 2^{scale}, {} links", stream.graph.link_count());
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
        for name in ["R-MAT"] {
            run(&mut Stream::new(name, scale));
        }
    }
}

fn run(stream: &mut Stream) {
    stream.graph.compact().unwrap();
    stream.print_memory("compacted");
    let start = stream.clock.seconds();
    for _ in 0..200_000 {
        stream.event(None);
    }
    println!("  graph edit alone {:.3} µs/event", 5.0 * (stream.clock.seconds() - start));
    for (epsilon, threshold) in [(1e-2, Threshold::Relative), (1e-2, Threshold::Const)] {
        let mut vector = stream.solved(epsilon, threshold);
        // Small batches last: the solve leaves smaller residuals than a drained stream does.
        for (batch, batches) in [(100_000, 4), (10_000, 10), (100, 200), (1, 10_000)] {
            stream.churn(&mut vector, batch, batches);
        }
        stream.print_error(&vector);
    }
    stream.print_memory("after churn");
}
