//! `differential-pagerank LINKS ITERATIONS BATCH BATCHES RANKS`: PageRank as differential-dataflow keeps it
//! current, by counts of surfers over a fixed number of rounds. LINKS is a file of little-endian u32 pairs;
//! a twentieth is held out, then half the events put one back and half drop a live one. Prints one JSON line
//! and writes the surfers of each node to RANKS, and the links they belong to to RANKS.links.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::rc::Rc;
use std::time::Instant;

use differential_dataflow::input::InputSession;
use differential_dataflow::lattice::Lattice;
use differential_dataflow::operators::iterate::Variable;
use differential_dataflow::{AsCollection, VecCollection};
use timely::dataflow::ProbeHandle;
use timely::dataflow::operators::vec::Filter;
use timely::order::Product;
use timely::progress::Timestamp;

type Link = (u32, u32);

/// Surfers that stand for authority 1; the prior of a node is 0.15 of it.
const SURFERS: isize = 1_000_000;

fn pagerank<T: Timestamp + Lattice>(
    rounds: u32,
    links: VecCollection<T, Link, isize>,
) -> VecCollection<T, u32, isize> {
    let nodes = links.clone().flat_map(|(source, target)| [source, target]).distinct();
    let degrees = links.clone().map(|(source, _)| source).count();
    let outer = links.scope();
    outer.iterative::<u32, _, _>(|inner| {
        let (links, nodes, degrees) = (links.enter(inner), nodes.enter(inner), degrees.enter(inner));
        let first = nodes.clone().explode(|node| Some((node, SURFERS)));
        let prior = nodes.explode(|node| Some((node, SURFERS * 15 / 100)));
        let (bind, ranks) = Variable::new_from(first, Product::new(Default::default(), 1));
        let shares = degrees
            .semijoin(ranks)
            .threshold(|(_, degree), rank| (85 * rank) / (100 * degree))
            .map(|(node, _)| node);
        let pushed = links
            .semijoin(shares)
            .map(|(_, target)| target)
            .concat(prior)
            .consolidate()
            .inner
            .filter(move |(_, time, _)| time.inner < rounds)
            .as_collection();
        bind.set(pushed.clone());
        pushed.leave(outer)
    })
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.0) * limit as u128) >> 64) as usize
    }
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| arguments[at].parse::<usize>().unwrap();
    let (rounds, batch, batches) = (number(2) as u32, number(3), number(4));
    let bytes = std::fs::read(&arguments[1]).unwrap();
    let four = |part: &[u8]| u32::from_le_bytes([part[0], part[1], part[2], part[3]]);
    let mut live: Vec<Link> = bytes.chunks_exact(8).map(|pair| (four(&pair[..4]), four(&pair[4..]))).collect();
    let mut held = live.split_off(live.len() - live.len() / 20);
    let ranks_path = arguments[5].clone();
    timely::execute_directly(move |worker| {
        let ranks: Rc<RefCell<HashMap<u32, isize>>> = Rc::default();
        let seen = Rc::clone(&ranks);
        let mut input = InputSession::new();
        let mut probe = ProbeHandle::new();
        worker.dataflow::<u32, _, _>(|scope| {
            let links = input.to_collection(scope);
            pagerank(rounds, links)
                .consolidate()
                .inspect(move |(node, _, change)| *seen.borrow_mut().entry(*node).or_default() += change)
                .probe_with(&mut probe);
        });
        let (begin, cpu) = (Instant::now(), cpu_seconds());
        live.iter().for_each(|link| input.update(*link, 1));
        input.advance_to(1);
        input.flush();
        while probe.less_than(input.time()) {
            worker.step();
        }
        let (load, load_wall) = (cpu_seconds() - cpu, begin.elapsed().as_secs_f64());
        let mut random = Random(7);
        let (begin, cpu) = (Instant::now(), cpu_seconds());
        for round in 0..batches {
            for _ in 0..batch {
                let adds = random.below(2) == 0;
                let (from, to) = if adds { (&mut held, &mut live) } else { (&mut live, &mut held) };
                let link = from.swap_remove(random.below(from.len()));
                to.push(link);
                input.update(link, if adds { 1 } else { -1 });
            }
            input.advance_to(round as u32 + 2);
            input.flush();
            while probe.less_than(input.time()) {
                worker.step();
            }
        }
        println!(
            "{{\"links\": {}, \"rounds\": {rounds}, \"batch\": {batch}, \"load_cpu_seconds\": {load:.3}, \
             \"load_seconds\": {load_wall:.3}, \"batch_cpu_seconds\": {:.6}, \"batch_seconds\": {:.6}}}",
            live.len(),
            (cpu_seconds() - cpu) / batches as f64,
            begin.elapsed().as_secs_f64() / batches as f64,
        );
        let mut file = std::io::BufWriter::new(std::fs::File::create(&ranks_path).unwrap());
        for (node, rank) in ranks.borrow().iter() {
            file.write_all(&node.to_le_bytes()).unwrap();
            file.write_all(&(*rank as u32).to_le_bytes()).unwrap();
        }
        let mut file = std::io::BufWriter::new(std::fs::File::create(ranks_path + ".links").unwrap());
        for (source, target) in &live {
            file.write_all(&source.to_le_bytes()).unwrap();
            file.write_all(&target.to_le_bytes()).unwrap();
        }
    });
}
