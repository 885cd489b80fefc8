//! One entry for a fuzzer and for property tests: the engine beside a model solved from nothing.

use std::collections::BTreeMap;

use super::{AuthoritySettings, AuthorityVector, Budget, Threshold};
use crate::graph::{LinkChange, LinkGraph, WeightClass};

const ALPHA: f64 = 0.85;
const PRIOR: f64 = 1.0 - ALPHA;
const MOST_NODES: usize = 12;
const WEIGHTS: [f64; 4] = [1.0, 0.1, 2.5, 0.0];
const OWN_WEIGHTS: [f64; 4] = [1.0, 3e-5, 7e4, 0.0];
const EPSILONS: [f64; 4] = [1e-2, 1e-1, 1e-3, 1e-6];
/// How far x + r may be from b + αPᵀx, and a promise from what was measured: rounding alone.
const ROUNDING: f64 = 1e-9;

/// Run arbitrary bytes as a sequence of events on citation in both modes and on trust, and compare with a
/// dense solve of a model that shares no code with the engine.
///
/// The first byte picks ε and the kind of weights; then each three bytes are an event: a link added, given
/// another weight or dropped (to itself too, known or not), a node added or forgotten, a prior or seed
/// changed, ε changed, a drain cut short, a batch that is solved anew, a compaction, a restore.
///
/// # Errors
/// A sentence on the broken promise.
pub fn exercise(input: &[u8]) -> Result<(), &'static str> {
    let Some((&choice, events)) = input.split_first() else { return Ok(()) };
    let mut world = World::new(choice).ok_or("an empty world can be made")?;
    for event in events.chunks_exact(3) {
        let &[what, first, second] = event else { continue };
        world.take(what, first, second).ok_or("every event can be taken")?;
        world.check_any_time()?;
    }
    world.end_batch();
    world.check_any_time()?;
    for vector in &mut world.vectors {
        if !vector.drain(&world.graph, Budget::Unlimited).is_drained {
            return Err("a drain without a bound ends drained");
        }
    }
    world.check_any_time()?;
    world.check_drained()
}

struct World {
    graph: LinkGraph,
    /// Citation "const", citation "x", trust.
    vectors: Vec<AuthorityVector>,
    /// A batch is under way that ends in a solve.
    is_bulk: bool,
    weights: [f64; 4],
    links: BTreeMap<(u32, u32), f64>,
    /// By vector and node.
    priors: Vec<Vec<f64>>,
}

impl World {
    fn new(choice: u8) -> Option<Self> {
        let has_own = choice & 1 == 1;
        let graph = if has_own { LinkGraph::new() } else { LinkGraph::with_weights(&WEIGHTS).ok()? };
        let epsilon = pick(EPSILONS, choice >> 1);
        let vector = |threshold, prior| {
            let settings = AuthoritySettings { alpha: ALPHA, epsilon, threshold, prior };
            let mut vector = AuthorityVector::new(settings).ok()?;
            // Pushes are cut as those of hubs are.
            vector.part_links = if choice & 8 == 0 { 2 } else { u32::MAX };
            Some(vector)
        };
        let kinds = [(Threshold::Const, PRIOR), (Threshold::Relative, PRIOR), (Threshold::Const, 0.0)];
        let vectors = kinds.into_iter().map(|(threshold, prior)| vector(threshold, prior));
        let mut world = Self {
            graph,
            vectors: vectors.collect::<Option<_>>()?,
            is_bulk: false,
            weights: if has_own { OWN_WEIGHTS } else { WEIGHTS },
            links: BTreeMap::new(),
            priors: vec![Vec::new(); kinds.len()],
        };
        (0..3).try_for_each(|_| world.add_node())?;
        world.set_prior(2, 0, 1.0)?;
        Some(world)
    }

    fn nodes(&self) -> usize {
        self.graph.node_count()
    }

    fn take(&mut self, what: u8, first: u8, second: u8) -> Option<()> {
        let nodes = self.nodes() as u32;
        let (source, target) = (u32::from(first) % nodes, u32::from(second) % nodes);
        let value = f64::from(second);
        match what % 16 {
            0..=5 => self.set(source, target, usize::from(what >> 4) % 4)?,
            6..=8 => self.drop(source, target)?,
            9 if self.nodes() < MOST_NODES => self.add_node()?,
            10 => self.forget(source)?,
            11 => self.set_prior(2, source, value / 100.0)?,
            12 => (0..2).try_for_each(|vector| self.set_prior(vector, source, PRIOR + value / 40.0))?,
            13 => {
                self.end_batch();
                for vector in &mut self.vectors {
                    vector.drain(&self.graph, Budget::Edges(u64::from(second)));
                }
            }
            14 => self.is_bulk = true,
            _ => self.maintain(first, second)?,
        }
        Some(())
    }

    fn maintain(&mut self, first: u8, second: u8) -> Option<()> {
        self.end_batch();
        match first % 4 {
            0 => self.graph.compact().ok()?,
            1 => {
                let values: Vec<f64> = (0..self.nodes()).map(|at| f64::from(second >> (at % 8))).collect();
                self.vectors.iter_mut().try_for_each(|vector| vector.restore(&self.graph, &values).ok())?;
            }
            2 => self.vectors.iter_mut().for_each(AuthorityVector::shrink),
            _ => {
                let epsilon = pick(EPSILONS, second);
                self.vectors.iter_mut().try_for_each(|vector| vector.set_epsilon(epsilon).ok())?;
            }
        }
        Some(())
    }

    fn set(&mut self, source: u32, target: u32, class: usize) -> Option<()> {
        let weight = self.weights.get(class).copied().unwrap_or(0.0);
        let change = if self.graph.class_count() == 1 {
            self.graph.set_weight(source, target, weight).ok()?
        } else {
            self.graph.set_link(source, target, WeightClass(class as u8)).ok()?
        };
        if weight > 0.0 {
            self.links.insert((source, target), weight);
        } else {
            self.links.remove(&(source, target));
        }
        self.follow(&change);
        Some(())
    }

    fn drop(&mut self, source: u32, target: u32) -> Option<()> {
        self.links.remove(&(source, target));
        let change = self.graph.drop_link(source, target).ok()?;
        self.follow(&change);
        Some(())
    }

    fn follow(&mut self, change: &LinkChange) {
        if !self.is_bulk {
            self.vectors.iter_mut().for_each(|vector| vector.on_link_change(&self.graph, change));
        }
    }

    fn add_node(&mut self) -> Option<()> {
        self.graph.add_node().ok()?;
        for (vector, priors) in self.vectors.iter_mut().zip(&mut self.priors) {
            vector.grow(&self.graph);
            priors.push(vector.settings().prior);
        }
        Some(())
    }

    fn forget(&mut self, node: u32) -> Option<()> {
        let links: Vec<_> = self.links.keys().copied().filter(|(a, b)| *a == node || *b == node).collect();
        links.into_iter().try_for_each(|(source, target)| self.drop(source, target))?;
        (0..self.vectors.len()).try_for_each(|vector| self.set_prior(vector, node, 0.0))
    }

    fn set_prior(&mut self, vector: usize, node: u32, prior: f64) -> Option<()> {
        *self.priors.get_mut(vector)?.get_mut(node as usize)? = prior;
        self.vectors.get_mut(vector)?.set_prior(&self.graph, node, prior).ok()
    }

    fn end_batch(&mut self) {
        if std::mem::take(&mut self.is_bulk) {
            for vector in &mut self.vectors {
                vector.solve(&self.graph);
            }
        }
    }

    /// What holds between any two calls, drained or not.
    fn check_any_time(&self) -> Result<(), &'static str> {
        if self.graph.link_count() != self.links.len() as u64 {
            return Err("the graph has the links of the model");
        }
        if self.is_bulk {
            return Ok(());
        }
        for (vector, priors) in self.vectors.iter().zip(&self.priors) {
            let mut passed = self.passed_on(vector.values());
            for (target, owed) in vector.cut.iter().flat_map(|push| push.still_owed(&self.graph)) {
                if let Some(passed) = passed.get_mut(target as usize) {
                    *passed -= owed;
                }
            }
            for (node, (passed, prior)) in (0u32..).zip(passed.iter().zip(priors)) {
                let off = vector.estimate(node) - prior - passed;
                if !is_within(off, ROUNDING * (1.0 + passed.abs())) {
                    return Err("x + r is b + αPᵀx, what pushes under way owe apart");
                }
            }
            let exact = self.solve(priors);
            let error: f64 = exact.iter().zip(vector.values()).map(|(exact, x)| (exact - x).abs()).sum();
            if !is_within(error, vector.error_bound() + ROUNDING * (1.0 + vector.sum_x())) {
                return Err("the sum of all errors is within the bound told");
            }
        }
        Ok(())
    }

    /// What a full drain promises of every node.
    fn check_drained(&self) -> Result<(), &'static str> {
        for (vector, priors) in self.vectors.iter().zip(&self.priors) {
            let settings = vector.settings();
            let theta = |x: &f64| match settings.threshold {
                Threshold::Const => settings.epsilon * PRIOR,
                Threshold::Relative => settings.epsilon * PRIOR * x.max(1.0),
            };
            // (I − αPᵀ)⁻¹ has no negative entry: residuals at their thresholds are the worst there is.
            let bounds = self.solve(&vector.values().iter().map(theta).collect::<Vec<_>>());
            let is_proven = settings.threshold == Threshold::Const && priors.iter().all(|b| *b >= PRIOR);
            for ((exact, x), bound) in self.solve(priors).iter().zip(vector.values()).zip(bounds) {
                let room = ROUNDING * (1.0 + exact);
                if !is_within(x - exact, bound + room) {
                    return Err("a drained node is within its bound");
                }
                if is_proven && !is_within(x - exact, settings.epsilon * exact + room) {
                    return Err("a drained node is within ε of the exact value");
                }
            }
        }
        Ok(())
    }

    /// αPᵀx, from the model's links.
    fn passed_on(&self, x: &[f64]) -> Vec<f64> {
        let mut passed = vec![0.0; x.len()];
        for (source, target, share) in self.shares() {
            if let (Some(to), Some(from)) = (passed.get_mut(target), x.get(source)) {
                *to += ALPHA * share * from;
            }
        }
        passed
    }

    /// P as (source, target, share).
    fn shares(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        let mut totals = BTreeMap::new();
        for ((source, _), weight) in &self.links {
            *totals.entry(*source).or_insert(0.0) += weight;
        }
        self.links.iter().map(move |(&(source, target), weight)| {
            (source as usize, target as usize, weight / totals.get(&source).copied().unwrap_or(1.0))
        })
    }

    /// y of (I − αPᵀ)y = right by elimination; each column is dominated by its diagonal, so no pivots are
    /// sought.
    fn solve(&self, right: &[f64]) -> Vec<f64> {
        let size = right.len();
        let unit = |at: usize| (0..size).map(move |column| f64::from(u8::from(at == column)));
        let mut rows: Vec<Vec<f64>> =
            right.iter().enumerate().map(|(at, value)| unit(at).chain([*value]).collect()).collect();
        for (source, target, share) in self.shares() {
            if let Some(cell) = rows.get_mut(target).and_then(|row| row.get_mut(source)) {
                *cell -= ALPHA * share;
            }
        }
        for column in 0..size {
            let Some(pivot) = rows.get(column).cloned() else { continue };
            for (_, row) in rows.iter_mut().enumerate().filter(|(at, _)| *at != column) {
                let factor = cell(row, column) / cell(&pivot, column);
                row.iter_mut().zip(&pivot).for_each(|(cell, pivot)| *cell -= factor * pivot);
            }
        }
        rows.iter().enumerate().map(|(at, row)| cell(row, size) / cell(row, at)).collect()
    }
}

/// False for what is no number.
fn is_within(value: f64, bound: f64) -> bool {
    value.abs() <= bound
}

fn cell(row: &[f64], column: usize) -> f64 {
    row.get(column).copied().unwrap_or(0.0)
}

fn pick(values: [f64; 4], choice: u8) -> f64 {
    let [first, second, third, fourth] = values;
    match choice % 4 {
        0 => first,
        1 => second,
        2 => third,
        _ => fourth,
    }
}
