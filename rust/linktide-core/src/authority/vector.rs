//! One authority vector: estimates, residuals, and the rules that keep them true.

use std::time::Instant;

use rustc_hash::FxHashMap;

use super::cut_push::CutPush;
use super::queue::{NodeSet, Popped, PushQueue};
use super::settings::{check_epsilon, check_prior};
use super::sum::ExactSum;
use super::{AuthorityError, AuthoritySettings, Budget, DrainOutcome, Threshold};
use crate::graph::{LinkChange, LinkGraph, Weights, reserve_eighth};
use crate::memory::map_bytes;
use crate::prefetch::prefetch;

/// A source whose estimate grew past this many times its true level is pushed at once, see
/// [`AuthorityVector::on_link_change`].
pub(super) const MAX_INFLATION: f64 = 8.0;

/// The links of the source weigh so much more than before that its x is not scaled with them.
pub(super) fn is_inflated(change: &LinkChange) -> bool {
    change.total_after > MAX_INFLATION * change.total_before
}

/// Edges and pushes between two looks at the clock: some 50 µs.
const WORK_PER_LOOK: u64 = 4_096;

/// Targets whose residuals are fetched before any of them is looked at.
pub(super) const CHUNK: usize = 64;

/// Links that one part of a push follows: a millisecond at most, when each of them is a cache miss.
const PART_LINKS: u32 = 32_768;

/// One vector over a graph: 16 B per node (x and r), two bits, and its queue. Several vectors share one
/// graph, and may drain at the same time: draining only reads the graph.
#[derive(Debug, Clone)]
pub struct AuthorityVector {
    pub(super) settings: AuthoritySettings,
    pub(super) x: Vec<f64>,
    pub(super) r: Vec<f64>,
    pub(super) priors: FxHashMap<u32, f64>,
    pub(super) queue: PushQueue,
    /// Pushes of hubs whose targets have not all been told yet; the oldest goes on first.
    pub(super) cut: Vec<CutPush>,
    /// A node with more links is pushed in parts of about so many.
    pub(super) part_links: u32,
    pub(super) moved: Vec<u32>,
    pub(super) moved_set: NodeSet,
    pub(super) sum_x: ExactSum,
    pub(super) sum_r: ExactSum,
    sum_prior: f64,
    pub(super) edges: u64,
    pushes: u64,
    /// Nodes sorted for rounds.
    sorted: u64,
}

impl AuthorityVector {
    /// An empty vector. It takes in the nodes of the graph as calls show it the graph.
    ///
    /// # Errors
    /// A setting out of range.
    pub fn new(settings: AuthoritySettings) -> Result<Self, AuthorityError> {
        Ok(Self {
            settings: settings.checked()?,
            x: Vec::new(),
            r: Vec::new(),
            priors: FxHashMap::default(),
            queue: PushQueue::default(),
            cut: Vec::new(),
            part_links: PART_LINKS,
            moved: Vec::new(),
            moved_set: NodeSet::default(),
            sum_x: ExactSum::default(),
            sum_r: ExactSum::default(),
            sum_prior: 0.0,
            edges: 0,
            pushes: 0,
            sorted: 0,
        })
    }

    /// Takes in nodes added to the graph: x = 0, r = b. The other calls do it themselves when needed.
    pub fn grow(&mut self, graph: &LinkGraph) {
        let (from, to) = (self.x.len(), graph.node_count());
        if from >= to {
            return;
        }
        reserve_eighth(&mut self.x, to - from);
        reserve_eighth(&mut self.r, to - from);
        self.x.resize(to, 0.0);
        self.r.resize(to, 0.0);
        self.queue.resize(to);
        self.moved_set.resize(to);
        for node in from..to {
            let node = node as u32;
            self.sum_prior += self.prior(node);
            self.add_residual(node, self.prior(node));
            self.recheck(node);
        }
    }

    /// Have the values of a node fetched, whose links will soon change.
    #[inline]
    pub(crate) fn expect(&self, node: u32) {
        prefetch(self.x.get(node as usize));
        prefetch(self.r.get(node as usize));
    }

    /// Follows one edit of the graph, given the graph after it. O(1), exact: estimates of the source's
    /// other targets need no change, because x of the source is scaled with its total weight.
    ///
    /// That scaling lifts x of a source that gains links above its true level x + r until it is pushed.
    /// Past 8 times it is pushed here, so that neither readers nor rounding meet a hub at 10^5 times its
    /// authority; its list grew eightfold since its last push, so the push costs about one edge per event.
    pub fn on_link_change(&mut self, graph: &LinkGraph, change: &LinkChange) {
        self.grow(graph);
        if change.is_empty() {
            return;
        }
        let (source, target) = (change.source, change.target);
        self.follow_in_cuts(graph, change);
        if change.total_before > 0.0 && is_inflated(change) {
            self.share_anew(graph, change);
        } else {
            self.scale_source(change);
            if self.x(source) > MAX_INFLATION * self.estimate(source) && self.is_over(source) {
                self.push_node(graph, source);
            }
        }
        // Both ends, whatever they were before: the threshold itself may have shrunk with x.
        self.recheck(source);
        self.recheck(target);
    }

    /// Scales x of the source with its total weight, so that its other targets need no change.
    fn scale_source(&mut self, change: &LinkChange) {
        let (source, x, alpha) = (change.source, self.x(change.source), self.settings.alpha);
        let passed = |weight: f64, total: f64| if total > 0.0 { weight / total } else { 0.0 };
        let gained = if change.total_before > 0.0 && change.total_after > 0.0 {
            self.add_x(source, x * (change.total_after / change.total_before) - x);
            self.add_residual(source, -(self.x(source) - x));
            passed(change.weight_after - change.weight_before, change.total_before)
        } else {
            passed(change.weight_after, change.total_after)
                - passed(change.weight_before, change.total_before)
        };
        self.add_residual(change.target, alpha * x * gained);
    }

    /// Leaves x of the source and gives every target its new share. Where one edit multiplies the total
    /// weight, scaling x would drown it in rounding; this follows the source's links instead.
    fn share_anew(&mut self, graph: &LinkGraph, change: &LinkChange) {
        let passed = self.settings.alpha * self.x(change.source);
        let lost = passed * (1.0 / change.total_before - 1.0 / change.total_after);
        let weight = change.total_before - change.weight_before;
        self.tell_targets(graph, change.source, -lost, Some(change.target), weight);
        let gained = change.weight_after / change.total_after - change.weight_before / change.total_before;
        self.add_residual(change.target, passed * gained);
    }

    /// Sets the prior b of one node; 0 for a page that is forgotten, once its links are dropped.
    ///
    /// # Errors
    /// A node the graph does not have, or a prior that is negative or not finite; nothing changes then.
    pub fn set_prior(&mut self, graph: &LinkGraph, node: u32, prior: f64) -> Result<(), AuthorityError> {
        check_prior(prior)?;
        self.grow(graph);
        if node as usize >= self.x.len() {
            return Err(AuthorityError::UnknownNode { node, nodes: self.x.len() });
        }
        self.sum_prior += prior - self.prior(node);
        self.add_residual(node, prior - self.prior(node));
        self.priors.insert(node, prior);
        self.recheck(node);
        Ok(())
    }

    /// Changes ε and looks at every residual again. The new ε holds after the next full drain.
    ///
    /// # Errors
    /// ε outside [1e-15, 1]; nothing changes then.
    pub fn set_epsilon(&mut self, epsilon: f64) -> Result<(), AuthorityError> {
        check_epsilon(epsilon)?;
        self.settings.epsilon = epsilon;
        self.recheck_all();
        Ok(())
    }

    /// Pushes residuals over the threshold until none is left or the budget ends. Reads the graph only. A
    /// drain cut short goes on with the next call, whatever was edited between.
    pub fn drain(&mut self, graph: &LinkGraph, budget: Budget) -> DrainOutcome {
        self.grow(graph);
        let (edges, pushes) = (self.edges, self.pushes);
        match budget {
            Budget::Unlimited => self.push_until(graph, u64::MAX),
            Budget::Edges(edges) => self.push_until(graph, self.work().saturating_add(edges.max(1))),
            Budget::Time(time) => {
                let begin = Instant::now();
                while !self.is_drained() {
                    self.push_until(graph, self.work() + WORK_PER_LOOK);
                    if begin.elapsed() >= time {
                        break;
                    }
                }
            }
        }
        DrainOutcome {
            edges: self.edges - edges,
            pushes: self.pushes - pushes,
            is_drained: self.is_drained(),
        }
    }

    fn push_until(&mut self, graph: &LinkGraph, end: u64) {
        while self.work() < end {
            if !self.cut.is_empty() && self.tell_next_part(graph) {
                continue;
            }
            match self.queue.pop(|node| graph.out_degree(node)) {
                Popped::Node(node) if self.is_over(node) => self.push_node(graph, node),
                Popped::Node(_) => {}
                Popped::Sorted(nodes) => self.sorted += nodes as u64,
                Popped::Nothing => break,
            }
        }
    }

    /// Edges, one for each push, and one for each node sorted, so that a budget also ends on nodes without
    /// out-links.
    fn work(&self) -> u64 {
        self.edges + self.pushes + self.sorted
    }

    /// Moves the residual of a node into its estimate and passes α of it along its links.
    fn push_node(&mut self, graph: &LinkGraph, node: u32) {
        let Some(slot) = self.r.get_mut(node as usize) else { return };
        let pushed = std::mem::take(slot);
        self.pushes += 1;
        self.sum_r.add(-pushed.abs());
        self.add_x(node, pushed);
        let total = graph.out_weight(node);
        if total > 0.0 {
            self.tell_targets(graph, node, self.settings.alpha * pushed / total, None, total);
        }
    }

    /// Adds `rate` times its weight to the residual of every target of a node but `except`, or begins to: a
    /// hub's targets are told in parts, by drains. `weight` is that of all links to be told.
    ///
    /// So are those of a node with an earlier push under way, whatever its degree is by now: told before it, what
    /// this one takes back would leave targets below their priors.
    fn tell_targets(&mut self, graph: &LinkGraph, node: u32, rate: f64, except: Option<u32>, weight: f64) {
        let degree = graph.out_degree(node);
        if degree > self.part_links || self.cut.iter().any(|push| push.is_of(node)) {
            let parts = degree.div_ceil(self.part_links.max(1));
            self.cut.push(CutPush::new(node, rate, except, weight, parts));
            return;
        }
        let mut sum_change = 0.0;
        for (weights, targets) in graph.segments(node) {
            sum_change += match (weights, except) {
                (Weights::Same(weight), None) => self.spread(targets, std::iter::repeat(rate * weight)),
                (Weights::Each(each), None) => self.spread(targets, each.iter().map(|weight| rate * weight)),
                (_, Some(except)) => {
                    let amount = |(at, &target)| if target == except { 0.0 } else { rate * weights.at(at) };
                    self.spread(targets, targets.iter().enumerate().map(amount))
                }
            };
        }
        self.edges += u64::from(degree);
        self.sum_r.add(sum_change);
    }

    /// Adds its amount to the residual of every target, queues those now over the threshold and returns the
    /// change of Σ|r|. The loop all time goes to: it reads and writes r alone, without a branch that depends
    /// on r, so that the misses of a chunk overlap; x is read for the few that pass the floor.
    pub(super) fn spread(&mut self, targets: &[u32], amounts: impl IntoIterator<Item = f64>) -> f64 {
        let floor = self.floor();
        let mut sum_change = 0.0;
        let mut amounts = amounts.into_iter();
        for chunk in targets.chunks(CHUNK) {
            let mut over = [0u32; CHUNK];
            let mut found = 0;
            for (&target, amount) in chunk.iter().zip(&mut amounts) {
                // A vacant slot of a hub table is no node: it falls out here.
                let Some(slot) = self.r.get_mut(target as usize) else { continue };
                let (before, after) = (slot.abs(), (*slot + amount).abs());
                *slot += amount;
                sum_change += after - before;
                if let Some(place) = over.get_mut(found) {
                    *place = target;
                }
                found += usize::from(after > floor);
            }
            for &target in over.get(..found).unwrap_or_default() {
                self.recheck(target);
            }
        }
        sum_change
    }

    /// Queues a node that is over its threshold.
    fn recheck(&mut self, node: u32) {
        if self.is_over(node) {
            self.queue.push(node);
        }
    }

    pub(super) fn recheck_all(&mut self) {
        for node in 0..self.r.len() {
            self.recheck(node as u32);
        }
    }

    pub(super) fn is_over(&self, node: u32) -> bool {
        self.residual(node).abs() > threshold(self.floor(), self.settings.threshold, &self.x, node)
    }

    /// The least residual worth pushing, ε(1−α).
    fn floor(&self) -> f64 {
        self.settings.epsilon * (1.0 - self.settings.alpha)
    }

    pub(super) fn add_x(&mut self, node: u32, amount: f64) {
        let Some(x) = self.x.get_mut(node as usize) else { return };
        let before = *x;
        *x += amount;
        self.sum_x.add(*x - before);
        if self.moved_set.insert(node) {
            self.moved.push(node);
        }
    }

    pub(super) fn add_residual(&mut self, node: u32, amount: f64) {
        let Some(r) = self.r.get_mut(node as usize) else { return };
        let before = r.abs();
        *r += amount;
        self.sum_r.add(r.abs() - before);
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &AuthoritySettings {
        &self.settings
    }

    /// Nodes the vector knows.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.x.len()
    }

    /// The prior b of a node.
    #[must_use]
    pub fn prior(&self, node: u32) -> f64 {
        self.priors.get(&node).copied().unwrap_or(self.settings.prior)
    }

    /// Σb, the sum of all priors.
    #[must_use]
    pub fn sum_prior(&self) -> f64 {
        self.sum_prior
    }

    /// The authority of a node; 0 for an unknown one. Never negative. Once drained it is within the bound
    /// of [`Threshold`]; before, a source that just gained links stands too high, see [`Self::estimate`].
    #[must_use]
    pub fn x(&self, node: u32) -> f64 {
        self.x.get(node as usize).copied().unwrap_or(0.0)
    }

    /// The residual of a node; 0 for an unknown one.
    #[must_use]
    pub fn residual(&self, node: u32) -> f64 {
        self.r.get(node as usize).copied().unwrap_or(0.0)
    }

    /// x + r, one step ahead of x: it does not move when a node's own out-links change, is never below the
    /// prior, and is exactly the prior without in-links. Once drained ("const") within ε·(x* − (1−α)).
    #[must_use]
    pub fn estimate(&self, node: u32) -> f64 {
        self.x(node) + self.residual(node)
    }

    /// All x, by node.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.x
    }

    /// Σx, to normalise.
    #[must_use]
    pub fn sum_x(&self) -> f64 {
        self.sum_x.value()
    }

    /// Proven bound on Σ|x* − x|, at any time, drained or not: Σ|r| / (1−α), with what pushes under way still
    /// owe. O(1).
    #[must_use]
    pub fn error_bound(&self) -> f64 {
        let owed: f64 = self.cut.iter().map(CutPush::owed).sum();
        (self.sum_r.value().max(0.0) + owed) / (1.0 - self.settings.alpha)
    }

    /// [`Self::error_bound`] over Σx; 0 for an empty vector, infinite when nothing was drained yet.
    #[must_use]
    pub fn error_bound_ratio(&self) -> f64 {
        let bound = self.error_bound();
        if bound > 0.0 { bound / self.sum_x() } else { 0.0 }
    }

    /// What [`Self::error_bound`] is at most once drained: ε·n in "const", ε·(n + Σx) in "x".
    #[must_use]
    pub fn error_target(&self) -> f64 {
        let nodes = self.x.len() as f64;
        match self.settings.threshold {
            Threshold::Const => self.settings.epsilon * nodes,
            Threshold::Relative => self.settings.epsilon * (nodes + self.sum_x()),
        }
    }

    /// Whether nothing waits to be pushed, so that no residual is over the threshold.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.queue.len() == 0 && self.cut.is_empty()
    }

    /// Nodes waiting to be pushed.
    #[must_use]
    pub fn queue_len(&self) -> usize {
        self.queue.len() + self.cut.len()
    }

    /// Edges followed since the vector was made, by pushes and by the sweeps of solves.
    #[must_use]
    pub fn edges_touched(&self) -> u64 {
        self.edges
    }

    /// Nodes whose x changed since the last call, each once, in order of first change. For publishing.
    pub fn take_moved(&mut self) -> Vec<u32> {
        let moved = std::mem::take(&mut self.moved);
        for &node in &moved {
            self.moved_set.remove(node);
        }
        moved
    }

    /// As [`Self::take_moved`] for those who publish nothing; keeps the room.
    pub(crate) fn forget_moved(&mut self) {
        for node in self.moved.drain(..) {
            self.moved_set.remove(node);
        }
    }

    /// Gives back all room that is reserved and not needed now.
    pub fn shrink(&mut self) {
        self.x.shrink_to_fit();
        self.r.shrink_to_fit();
        self.moved.shrink_to_fit();
        self.priors.shrink_to_fit();
        self.queue.shrink();
    }

    /// Bytes held, reserved room included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        8 * (self.x.capacity() + self.r.capacity())
            + self.queue.memory_bytes()
            + self.moved_set.memory_bytes()
            + 4 * self.moved.capacity()
            + map_bytes(&self.priors)
    }
}

#[inline]
fn threshold(floor: f64, kind: Threshold, x: &[f64], node: u32) -> f64 {
    match kind {
        Threshold::Const => floor,
        Threshold::Relative => floor * x.get(node as usize).copied().unwrap_or(0.0).max(1.0),
    }
}
