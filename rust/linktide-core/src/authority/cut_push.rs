//! Pushes of hubs, cut into parts so that no drain runs long.
//!
//! A part is a range of [`target_hash`], not of places in the list: between two parts links may come and go,
//! and lists move. A link that changes among those not told yet is made good at once, so that each target
//! gets its share exactly once:
//!
//! `x + r + owed = b + α·Pᵀx`

use std::ops::Range;

use super::AuthorityVector;
use super::vector::{CHUNK, MAX_INFLATION, is_inflated};
use crate::graph::{LinkChange, LinkGraph, VACANT, target_hash};

/// One above the greatest hash.
const END: u64 = 1 << 32;

/// Targets of one node that are still to be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct CutPush {
    node: u32,
    /// What a link of weight 1 passes.
    rate: f64,
    /// Targets below this hash have been told.
    from: u64,
    step: u64,
    /// A target that is not told.
    except: Option<u32>,
    /// Σ of the weights of links to be told, at first and not told yet.
    whole: f64,
    weight: f64,
}

impl CutPush {
    /// A push of `node`, to begin. `weight` is that of all links to be told.
    pub(super) fn new(node: u32, rate: f64, except: Option<u32>, weight: f64, parts: u32) -> Self {
        let step = END.div_ceil(u64::from(parts.max(1)));
        Self { node, rate, from: 0, step, except, whole: weight, weight }
    }

    pub(super) fn is_of(&self, node: u32) -> bool {
        self.node == node
    }

    /// Σ|amounts| not told yet.
    pub(super) fn owed(&self) -> f64 {
        self.rate.abs() * self.weight.max(0.0)
    }

    /// What each target is still owed.
    pub(super) fn still_owed(self, graph: &LinkGraph) -> impl Iterator<Item = (u32, f64)> {
        let rest = graph.out(self.node).filter(move |(target, _)| !self.is_told(*target));
        rest.map(move |(target, weight)| (target, self.rate * weight))
    }

    fn is_told(&self, target: u32) -> bool {
        target_hash(target) < self.from || self.except == Some(target)
    }
}

impl AuthorityVector {
    /// Follows a change of a link whose source is being pushed: later parts will tell its target by the new
    /// weight, but it is owed by the old one.
    ///
    /// A link far heavier than all there were would be given that much in advance and drown in rounding; and where
    /// the node's links weigh so much more that its x is shared out anew, the new share may be less than what a target
    /// is still owed, which would leave it below its prior. All pushes of the node are then ended at once, in the
    /// order in which they began: a later one may take back what an earlier one gives.
    pub(super) fn follow_in_cuts(&mut self, graph: &LinkGraph, change: &LinkChange) {
        let source = change.source;
        let is_too_heavy =
            |push: &CutPush| !push.is_told(change.target) && change.weight_after > MAX_INFLATION * push.whole;
        let is_ended =
            is_inflated(change) || self.cut.iter().any(|push| push.node == source && is_too_heavy(push));
        let mut at = 0;
        while let Some(push) = self.cut.get_mut(at) {
            let is_told = push.is_told(change.target);
            if push.node == source && is_ended {
                let push = self.cut.remove(at);
                let skipped = if is_told { None } else { Some(change.target) };
                if !is_told {
                    self.add_residual(change.target, push.rate * change.weight_before);
                }
                self.edges += self.tell_part(graph, &push, &(push.from..END), skipped).0;
                continue;
            }
            if push.node == source && !is_told {
                let (rate, more) = (push.rate, change.weight_after - change.weight_before);
                push.weight += more;
                self.add_residual(change.target, -rate * more);
            }
            at += 1;
        }
    }

    /// Tells the next part of the oldest push that was cut; false if none was.
    pub(super) fn tell_next_part(&mut self, graph: &LinkGraph) -> bool {
        let Some(push) = self.cut.first_mut() else { return false };
        let hashes = push.from..(push.from + push.step).min(END);
        push.from = hashes.end;
        let told = *push;
        let (links, weight) = self.tell_part(graph, &told, &hashes, None);
        // A part without links is work too, so that a budget ends.
        self.edges += links.max(1);
        if hashes.end == END {
            self.cut.remove(0);
        } else if let Some(push) = self.cut.first_mut() {
            push.weight -= weight;
        }
        true
    }

    /// Tells the targets whose hash is in `hashes`, `skipped` apart; returns their links and the sum of their
    /// weights.
    fn tell_part(
        &mut self,
        graph: &LinkGraph,
        push: &CutPush,
        hashes: &Range<u64>,
        skipped: Option<u32>,
    ) -> (u64, f64) {
        let (mut links, mut sum_weight, mut sum_change) = (0, 0.0, 0.0);
        for (weights, slots) in graph.segments_of(push.node, hashes) {
            let mut part = Part { targets: [VACANT; CHUNK], amounts: [0.0; CHUNK], len: 0 };
            for (at, &target) in slots.iter().enumerate() {
                let is_here = target != VACANT && hashes.contains(&target_hash(target));
                if !is_here || push.except == Some(target) || skipped == Some(target) {
                    continue;
                }
                let weight = weights.at(at);
                links += 1;
                sum_weight += weight;
                if !part.add(target, push.rate * weight) {
                    sum_change += self.spread(&part.targets, part.amounts);
                    part.len = 0;
                    part.add(target, push.rate * weight);
                }
            }
            let rest = part.targets.get(..part.len).unwrap_or_default();
            sum_change += self.spread(rest, part.amounts);
        }
        self.sum_r.add(sum_change);
        (links, sum_weight)
    }
}

/// Targets found and not told yet.
struct Part {
    targets: [u32; CHUNK],
    amounts: [f64; CHUNK],
    len: usize,
}

impl Part {
    /// False if there is no room.
    fn add(&mut self, target: u32, amount: f64) -> bool {
        let places = (self.targets.get_mut(self.len), self.amounts.get_mut(self.len));
        let (Some(place), Some(slot)) = places else { return false };
        (*place, *slot) = (target, amount);
        self.len += 1;
        true
    }
}
