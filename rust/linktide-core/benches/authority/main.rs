//! What link events cost the authority engine, through the public graph: Arrow batches in, drained to ε.
//!
//! `cargo bench -p linktide-core --bench authority -- [graph=rmat:17] [epsilon=1e-2] [part=churn ...]`; parts
//! are churn, recompute, worst, drift, parallel; `dump=FILE` writes the links loaded first, for other
//! programs. One JSON object a line. Half the events re-insert held-out links, half drop random live ones.
//! Edges per event do not depend on the machine; µs are CPU time of this thread.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench may fail and print"
)]

mod churn;
mod clock;
mod engine;
mod graphs;

use std::io::Write;

use churn::Events;
use graphs::Random;
use linktide_core::authority::Threshold;

const THRESHOLDS: [(Threshold, &str); 2] = [(Threshold::Relative, "x"), (Threshold::Const, "const")];

fn values<'a>(arguments: &'a [String], name: &str) -> Vec<&'a str> {
    let mut pairs: Vec<_> = arguments.iter().filter_map(|argument| argument.split_once('=')).collect();
    pairs.retain(|(key, _)| *key == name);
    pairs.into_iter().map(|(_, value)| value).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = values(&arguments, "graph").first().copied().unwrap_or("rmat:17");
    let epsilon: f64 = values(&arguments, "epsilon").first().map_or(1e-2, |text| text.parse().unwrap());
    let number = |key, default| values(&arguments, key).first().map_or(default, |text| text.parse().unwrap());
    let (scale, updates) = (number("rounds", 1usize), number("updates", 2_000_000usize));
    let mut parts = values(&arguments, "part");
    if parts.is_empty() {
        parts.push("churn");
    }
    let mut random = Random(42);
    let (links, nodes) = graphs::links(name, &mut random);
    let mut events = Events::new(links, random);
    if let Some(path) = values(&arguments, "dump").first() {
        dump(&events, path);
    }
    for part in parts {
        match part {
            "churn" => churn_both(&mut events, epsilon, scale),
            "recompute" => engine::warm_recompute(&mut events, nodes, epsilon),
            "worst" => {
                engine::worst_event(&mut events, nodes, epsilon, 100_000);
                engine::worst_event(&mut events, nodes, epsilon, 1_000_000);
            }
            "parallel" => engine::parallel(&mut events, nodes, epsilon),
            "drift" => {
                for (threshold, name) in THRESHOLDS {
                    churn::drift(&mut events, updates, epsilon, threshold, name);
                }
            }
            _ => println!("{{\"what\": \"unknown part\", \"name\": {part:?}}}"),
        }
    }
}

fn churn_both(events: &mut Events, epsilon: f64, rounds: usize) {
    for (threshold, name) in THRESHOLDS {
        let mut graph = churn::loaded(events, epsilon, threshold);
        // Small batches last: a solve leaves smaller residuals than a drained stream does.
        for (size, batches) in [(100_000, 3), (10_000, 10), (100, 300), (1, 10_000)] {
            churn::churn(&mut graph, events, size, batches * rounds, name);
        }
        churn::print_error(&graph, name, epsilon, 470_000 * rounds);
    }
}

fn dump(events: &Events, path: &str) {
    let mut bytes = Vec::with_capacity(8 * events.live.len());
    for &(source, target) in &events.live {
        bytes.extend_from_slice(&source.to_le_bytes());
        bytes.extend_from_slice(&target.to_le_bytes());
    }
    std::fs::File::create(path).unwrap().write_all(&bytes).unwrap();
}
