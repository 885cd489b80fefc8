//! Whole-graph passes: the bulk solve, the restart, the audit.

use super::sum::ExactSum;
use super::{AuthorityError, AuthorityVector, Threshold};
use crate::graph::{LinkGraph, WeightClass};

/// The relative change of x below which a solve counts as exact; rounding allows little less.
const EXACT: f64 = 1e-13;

impl AuthorityVector {
    /// Recomputes from the present x by Gauss–Seidel sweeps over a temporary transpose, then sets
    /// `r := b + αPᵀx − x`; a drain finishes to ε. For bulk loads ([`super::is_bulk`]): apply the whole
    /// batch to the graph without [`Self::on_link_change`], then solve once. Needs 4 B per link (5 with
    /// several weight classes) and 16 B per node while it runs. Returns the sweeps made.
    pub fn solve(&mut self, graph: &LinkGraph) -> usize {
        self.grow(graph);
        let old = self.x.clone();
        self.solve_since(graph, &old)
    }

    fn solve_since(&mut self, graph: &LinkGraph, old: &[f64]) -> usize {
        let in_links = InLinks::of(graph);
        // Half the threshold: most residuals then end below it and little is left to push.
        let goal = 0.5 * self.settings.epsilon * (1.0 - self.settings.alpha);
        let mut passed = self.passed_per_weight(graph);
        let mut sweeps = 0;
        // More than any graph needs: the error falls by at least α a sweep.
        let most = (40.0 / (1.0 - self.settings.alpha)) as usize;
        while sweeps < most {
            sweeps += 1;
            if self.sweep(&in_links, &mut passed) <= goal {
                break;
            }
        }
        self.edges += sweeps as u64 * graph.link_count();
        self.settle(graph, old);
        sweeps
    }

    /// A vector with the same priors, solved from nothing until only rounding is left.
    #[must_use]
    pub fn exact(&self, graph: &LinkGraph) -> Self {
        let mut exact = self.clone();
        exact.settings.epsilon = EXACT;
        exact.settings.threshold = Threshold::Relative;
        exact.solve_from_scratch(graph);
        exact
    }

    /// As [`Self::solve`], forgetting the present x.
    pub fn solve_from_scratch(&mut self, graph: &LinkGraph) -> usize {
        self.grow(graph);
        let old = self.x.clone();
        self.x.fill(0.0);
        self.solve_since(graph, &old)
    }

    /// Takes x from a snapshot of any age (nodes it lacks start at 0) and makes r exact for it. Drain next.
    ///
    /// # Errors
    /// A value that is negative or not finite; nothing changes then.
    pub fn restore(&mut self, graph: &LinkGraph, snapshot: &[f64]) -> Result<(), AuthorityError> {
        if let Some((node, &x)) = snapshot.iter().enumerate().find(|(_, x)| !(x.is_finite() && **x >= 0.0)) {
            return Err(AuthorityError::Snapshot { node, x });
        }
        self.grow(graph);
        let fresh = vec![0.0; self.x.len()];
        let old = std::mem::replace(&mut self.x, fresh);
        self.x.iter_mut().zip(snapshot).for_each(|(x, &saved)| *x = saved);
        self.settle(graph, &old);
        Ok(())
    }

    /// After x was set as a whole: marks what moved, sets `r := b + αPᵀx − x` by one pass over all links,
    /// sums afresh and queues what is over.
    fn settle(&mut self, graph: &LinkGraph, old: &[f64]) {
        for (node, old) in old.iter().enumerate() {
            if old.to_bits() != self.x(node as u32).to_bits() && self.moved_set.insert(node as u32) {
                self.moved.push(node as u32);
            }
        }
        self.r = self.exact_residuals(graph);
        self.cut.clear();
        self.sum_exactly();
        self.queue.clear();
        self.recheck_all();
    }

    /// Greatest |x + r − b − αPᵀx| over all nodes: rounding only, if the rules were kept. One pass over
    /// all links.
    #[must_use]
    pub fn audit(&self, graph: &LinkGraph) -> f64 {
        let mut exact = self.exact_residuals(graph);
        for push in &self.cut {
            for (target, owed) in push.still_owed(graph) {
                if let Some(r) = exact.get_mut(target as usize) {
                    *r -= owed;
                }
            }
        }
        exact.iter().zip(&self.r).map(|(exact, r)| (exact - r).abs()).fold(0.0, f64::max)
    }

    /// Sums Σx and Σ|r| anew. The running sums carry their rounding and need this only where x and r were
    /// set as a whole; it is public for the audit.
    pub fn sum_exactly(&mut self) {
        self.sum_x = self.x.iter().copied().collect::<ExactSum>();
        self.sum_r = self.r.iter().map(|r| r.abs()).collect::<ExactSum>();
    }

    fn exact_residuals(&self, graph: &LinkGraph) -> Vec<f64> {
        let nodes = self.x.iter().enumerate();
        let mut r: Vec<f64> = nodes.map(|(node, x)| self.prior(node as u32) - x).collect();
        for (node, passed) in self.passed_per_weight(graph).into_iter().enumerate() {
            for (weights, targets) in graph.segments(node as u32) {
                for (at, &target) in targets.iter().enumerate() {
                    if let Some(r) = r.get_mut(target as usize) {
                        *r += passed.amount() * weights.at(at);
                    }
                }
            }
        }
        r
    }

    fn passed_per_weight(&self, graph: &LinkGraph) -> Vec<Passed> {
        let alpha = self.settings.alpha;
        let per_node = |(node, &x): (usize, &f64)| {
            let total = graph.out_weight(node as u32);
            Passed { rate: if total > 0.0 { alpha / total } else { 0.0 }, x }
        };
        self.x.iter().enumerate().map(per_node).collect()
    }

    /// One Gauss–Seidel sweep in node order. Returns the greatest change of x over max(1, x) in mode "x",
    /// of x alone in "const".
    fn sweep(&mut self, in_links: &InLinks, passed: &mut [Passed]) -> f64 {
        let mut greatest: f64 = 0.0;
        for node in 0..self.x.len() {
            let mut sum = self.prior(node as u32);
            let mut own_share = 0.0;
            for (source, weight) in in_links.of_node(node) {
                let Some(from) = passed.get(source as usize) else { continue };
                if source as usize == node {
                    own_share = from.rate * weight;
                } else {
                    sum += from.amount() * weight;
                }
            }
            let new = sum / (1.0 - own_share);
            if let (Some(x), Some(passed)) = (self.x.get_mut(node), passed.get_mut(node)) {
                let scale = match self.settings.threshold {
                    Threshold::Const => 1.0,
                    Threshold::Relative => new.max(1.0),
                };
                greatest = greatest.max((new - *x).abs() / scale);
                *x = new;
                passed.x = new;
            }
        }
        greatest
    }
}

/// What a source passes on: α·x/W per unit of weight. Rate and x lie together, so a sweep has one miss per
/// in-link.
#[derive(Clone, Copy)]
struct Passed {
    rate: f64,
    x: f64,
}

impl Passed {
    #[inline]
    fn amount(self) -> f64 {
        self.rate * self.x
    }
}

/// The transpose: sources by target, with weights only where links differ in weight.
struct InLinks<'a> {
    starts: Vec<u64>,
    sources: Vec<u32>,
    /// By link; empty unless the graph uses several classes.
    classes: Vec<u8>,
    class_weights: &'a [f64],
    /// By link; empty unless links have weights of their own.
    own_weights: Vec<f64>,
}

impl<'a> InLinks<'a> {
    fn of(graph: &'a LinkGraph) -> Self {
        let nodes = graph.node_count();
        let mut starts = Vec::with_capacity(nodes + 1);
        let mut links = 0u64;
        starts.push(0);
        for node in 0..nodes {
            links += u64::from(graph.in_degree(node as u32));
            starts.push(links);
        }
        let some = |is_needed: bool| if is_needed { links as usize } else { 0 };
        let mut this = Self {
            starts,
            sources: vec![0; links as usize],
            classes: vec![0; some(graph.is_mixed())],
            class_weights: graph.weights(),
            own_weights: vec![0.0; some(graph.has_own_weights())],
        };
        this.fill(graph);
        this
    }

    fn fill(&mut self, graph: &LinkGraph) {
        let mut next = self.starts.clone();
        for node in 0..graph.node_count() as u32 {
            let classes = graph.class_segments(node).map(|(class, _)| class);
            for (class, (weights, targets)) in classes.zip(graph.segments(node)) {
                for (place, &target) in targets.iter().enumerate() {
                    let Some(at) = next.get_mut(target as usize) else { continue };
                    self.put(*at as usize, node, class, weights.at(place));
                    *at += 1;
                }
            }
        }
    }

    #[inline]
    fn put(&mut self, at: usize, source: u32, class: WeightClass, weight: f64) {
        if let Some(slot) = self.sources.get_mut(at) {
            *slot = source;
        }
        if let Some(slot) = self.classes.get_mut(at) {
            *slot = class.0;
        }
        if let Some(slot) = self.own_weights.get_mut(at) {
            *slot = weight;
        }
    }

    fn of_node(&self, node: usize) -> impl Iterator<Item = (u32, f64)> {
        let start = self.starts.get(node).copied().unwrap_or(0) as usize;
        let end = self.starts.get(node + 1).copied().unwrap_or(0) as usize;
        let first = self.class_weights.first().copied().unwrap_or(0.0);
        let sources = self.sources.get(start..end).unwrap_or_default();
        let classes = self.classes.get(start..end).unwrap_or_default();
        let own = self.own_weights.get(start..end).unwrap_or_default();
        sources.iter().enumerate().map(move |(at, &source)| {
            let by_class = || {
                let class = classes.get(at).map(|&class| usize::from(class));
                class.map_or(first, |class| self.class_weights.get(class).copied().unwrap_or(0.0))
            };
            (source, own.get(at).copied().unwrap_or_else(by_class))
        })
    }
}
