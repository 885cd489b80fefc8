//! What must hold after any sequence of events.

use proptest::prelude::*;

use super::oracle::{dense, priors};
use crate::authority::{AuthoritySettings, AuthorityVector, Budget, Scale, Threshold};
use crate::graph::{LinkChange, LinkGraph, WeightClass};

const WEIGHTS: [f64; 3] = [1.0, 0.1, 2.5];
/// As far apart as sums of weights must bear.
const OWN_WEIGHTS: [f64; 3] = [1.0, 3e-7, 2e11];
const ALPHA: f64 = 0.85;
/// Room for rounding only.
const ROUNDING: f64 = 1e-11;

#[derive(Debug, Clone)]
enum Op {
    Set(u32, u32, u8),
    Drop(u32, u32),
    Node,
    Prior(u32, f64),
    Drain(u64),
    Epsilon(f64),
    Compact,
}

fn op() -> impl Strategy<Value = Op> {
    let node = || 0u32..9;
    prop_oneof![
        8 => (node(), node(), 0u8..3).prop_map(|(u, v, class)| Op::Set(u, v, class)),
        5 => (node(), node()).prop_map(|(u, v)| Op::Drop(u, v)),
        1 => Just(Op::Node),
        1 => (node(), 0.15f64..3.0).prop_map(|(v, b)| Op::Prior(v, b)),
        3 => (1u64..60).prop_map(Op::Drain),
        1 => prop_oneof![Just(1e-1), Just(1e-2), Just(1e-3)].prop_map(Op::Epsilon),
        1 => Just(Op::Compact),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 0..120)
}

struct World {
    graph: LinkGraph,
    vectors: Vec<AuthorityVector>,
    changes: Vec<LinkChange>,
}

impl World {
    /// Four nodes; citation authority in both modes, and trust from node 0.
    fn new(epsilon: f64) -> Self {
        Self::over(LinkGraph::with_weights(&WEIGHTS).unwrap(), epsilon)
    }

    fn over(mut graph: LinkGraph, epsilon: f64) -> Self {
        for _ in 0..4 {
            graph.add_node().unwrap();
        }
        let vector = |threshold, prior| {
            let settings = AuthoritySettings { alpha: ALPHA, epsilon, threshold, prior };
            let mut vector = AuthorityVector::new(settings).unwrap();
            // Pushes are cut as those of hubs are.
            vector.part_links = 3;
            vector
        };
        let mut trust = vector(Threshold::Const, 0.0);
        trust.set_prior(&graph, 0, 1.0).unwrap();
        let mut vectors = vec![vector(Threshold::Const, 0.15), vector(Threshold::Relative, 0.15), trust];
        for vector in &mut vectors {
            vector.grow(&graph);
        }
        Self { graph, vectors, changes: Vec::new() }
    }

    fn nodes(&self) -> u32 {
        self.graph.node_count() as u32
    }

    fn follow(&mut self, change: LinkChange) {
        for vector in &mut self.vectors {
            vector.on_link_change(&self.graph, &change);
        }
        self.changes.push(change);
    }

    fn apply(&mut self, op: &Op) {
        let nodes = self.nodes();
        match *op {
            Op::Set(u, v, class) => {
                let (u, v) = (u % nodes, v % nodes);
                let change = if self.graph.class_count() == 1 {
                    self.graph.set_weight(u, v, OWN_WEIGHTS[usize::from(class)])
                } else {
                    self.graph.set_link(u, v, WeightClass(class))
                };
                self.follow(change.unwrap());
            }
            Op::Drop(u, v) => {
                let change = self.graph.drop_link(u % nodes, v % nodes).unwrap();
                self.follow(change);
            }
            Op::Node => {
                self.graph.add_node().unwrap();
                self.vectors.iter_mut().for_each(|vector| vector.grow(&self.graph));
            }
            Op::Prior(v, b) => {
                for vector in self.vectors.iter_mut().take(2) {
                    vector.set_prior(&self.graph, v % nodes, b).unwrap();
                }
            }
            Op::Drain(edges) => self.drain(Budget::Edges(edges)),
            Op::Epsilon(epsilon) => {
                for vector in &mut self.vectors {
                    vector.set_epsilon(epsilon).unwrap();
                }
            }
            Op::Compact => self.graph.compact().unwrap(),
        }
    }

    fn run(&mut self, ops: &[Op]) {
        for op in ops {
            self.apply(op);
        }
    }

    fn drain(&mut self, budget: Budget) {
        for vector in &mut self.vectors {
            vector.drain(&self.graph, budget);
        }
    }

    fn exact(&self, vector: &AuthorityVector) -> Vec<f64> {
        dense(&self.graph, ALPHA, &priors(vector))
    }

    /// What holds between any two calls, drained or not.
    fn check_any_time(&self) {
        for vector in &self.vectors {
            assert!(
                vector.audit(&self.graph) <= ROUNDING,
                "x + r != b + αPᵀx by {}",
                vector.audit(&self.graph)
            );
            for node in 0..self.nodes() {
                assert!(
                    !vector.is_over(node) || vector.queue.contains(node),
                    "node {node} is over, not queued"
                );
                assert!(vector.x(node) >= -ROUNDING);
                let below = vector.prior(node) - vector.estimate(node);
                assert!(below <= ROUNDING, "node {node}: x + r is {below} below its prior");
            }
            let sum_x: f64 = vector.values().iter().sum();
            let sum_r: f64 = (0..self.nodes()).map(|node| vector.residual(node).abs()).sum();
            assert!((vector.sum_x() - sum_x).abs() <= ROUNDING);
            let owed: f64 = vector
                .cut
                .iter()
                .flat_map(|push| push.still_owed(&self.graph))
                .map(|(_, owed)| owed.abs())
                .sum();
            assert!((vector.error_bound() - (sum_r + owed) / 0.15).abs() <= ROUNDING);
            let exact = self.exact(vector);
            let error: f64 = exact.iter().zip(vector.values()).map(|(exact, x)| (exact - x).abs()).sum();
            assert!(error <= vector.error_bound() + ROUNDING, "{error} > {}", vector.error_bound());
        }
    }

    /// What a full drain promises.
    fn check_drained(&self) {
        let ones = vec![0.15; self.nodes() as usize];
        let global = dense(&self.graph, ALPHA, &ones);
        for vector in &self.vectors {
            assert!(vector.is_drained());
            assert!(vector.error_bound() <= vector.error_target() + ROUNDING);
            let epsilon = vector.settings().epsilon;
            let floor = |x: &f64| match vector.settings().threshold {
                Threshold::Const => epsilon * 0.15,
                Threshold::Relative => epsilon * 0.15 * x.max(1.0),
            };
            let thresholds: Vec<f64> = vector.values().iter().map(floor).collect();
            let bounds = dense(&self.graph, ALPHA, &thresholds);
            for (node, exact) in self.exact(vector).into_iter().enumerate() {
                let x = vector.x(node as u32);
                assert!((x - exact).abs() <= bounds[node] + ROUNDING, "node {node}: {x} for {exact}");
                if vector.settings().threshold == Threshold::Const {
                    assert!((x - exact).abs() <= epsilon * global[node] + ROUNDING);
                    let off = (vector.estimate(node as u32) - exact).abs();
                    assert!(off <= epsilon * (global[node] - 0.15) + ROUNDING);
                }
                if vector.prior(node as u32) >= 0.15 && vector.settings().threshold == Threshold::Const {
                    assert!((x - exact).abs() <= epsilon * exact + ROUNDING);
                }
            }
        }
    }
}

fn assert_within(left: &World, right: &World, epsilons: f64) {
    for (left, right) in left.vectors.iter().zip(&right.vectors).take(1) {
        for node in 0..left.node_count() as u32 {
            let (a, b) = (left.x(node), right.x(node));
            let limit = epsilons * left.settings().epsilon * a.max(b) * 1.02;
            assert!((a - b).abs() <= limit, "node {node}: {a} and {b}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_invariant_the_queue_and_the_bound_hold_after_every_event(ops in ops()) {
        let mut world = World::new(1e-2);
        for op in &ops {
            world.apply(op);
            world.check_any_time();
        }
    }

    #[test]
    fn they_hold_with_weights_of_any_size_too(ops in ops(), epsilon in 1e-6f64..0.2) {
        let mut world = World::over(LinkGraph::new(), epsilon);
        for op in &ops {
            world.apply(op);
            world.check_any_time();
        }
        world.drain(Budget::Unlimited);
        world.check_drained();
        for vector in &mut world.vectors {
            vector.solve_from_scratch(&world.graph);
        }
        world.check_any_time();
    }

    #[test]
    fn a_drain_keeps_the_promised_bound_for_every_node(ops in ops(), epsilon in 1e-6f64..0.2) {
        let mut world = World::new(epsilon);
        world.run(&ops);
        world.drain(Budget::Unlimited);
        world.check_drained();
        world.check_any_time();
    }

    #[test]
    fn a_smaller_epsilon_holds_after_the_next_drain(ops in ops()) {
        let mut world = World::new(1e-1);
        world.run(&ops);
        world.drain(Budget::Unlimited);
        world.apply(&Op::Epsilon(1e-5));
        world.drain(Budget::Unlimited);
        world.check_drained();
    }

    #[test]
    fn a_sliced_drain_is_the_unsliced_one(ops in ops(), slice in 1u64..40) {
        let mut whole = World::new(1e-3);
        whole.run(&ops);
        let mut sliced = World { graph: whole.graph.clone(), vectors: whole.vectors.clone(), changes: vec![] };
        whole.drain(Budget::Unlimited);
        while sliced.vectors.iter().any(|vector| !vector.is_drained()) {
            sliced.drain(Budget::Edges(slice));
            sliced.check_any_time();
        }
        for (whole, sliced) in whole.vectors.iter().zip(&sliced.vectors) {
            prop_assert_eq!(whole.values(), sliced.values());
            prop_assert_eq!(whole.edges_touched(), sliced.edges_touched());
        }
    }

    #[test]
    fn adding_then_dropping_links_changes_nothing_beyond_the_bound(
        ops in ops(),
        batch in prop::collection::vec((0u32..9, 0u32..9, 0u8..3), 1..12),
        drains_between in any::<bool>(),
    ) {
        let mut world = World::new(1e-2);
        world.run(&ops);
        world.apply(&Op::Epsilon(1e-2));
        world.drain(Budget::Unlimited);
        let before = World { graph: world.graph.clone(), vectors: world.vectors.clone(), changes: vec![] };
        world.changes.clear();
        for &(u, v, class) in &batch {
            world.apply(&Op::Set(u, v, class));
        }
        if drains_between {
            world.drain(Budget::Unlimited);
        }
        for change in std::mem::take(&mut world.changes).iter().rev() {
            let undone = world.graph.revert(change).unwrap();
            world.follow(undone);
        }
        world.drain(Budget::Unlimited);
        assert_within(&world, &before, 2.0);
        world.check_drained();
    }

    #[test]
    fn batch_split_and_order_change_nothing_beyond_the_bound(
        links in prop::collection::btree_set((0u32..9, 0u32..9), 1..40),
        drops in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        every in 1usize..10,
    ) {
        let links: Vec<_> = links.into_iter().collect();
        let adds = links.iter().map(|&(u, v)| Op::Set(u, v, 0));
        let gone: std::collections::BTreeSet<_> = drops.iter().map(|drop| *drop.get(&links)).collect();
        let drops: Vec<_> = gone.into_iter().map(|(u, v)| Op::Drop(u, v)).collect();
        let nodes = || std::iter::repeat_n(Op::Node, 5);
        let once: Vec<_> = nodes().chain(adds.clone()).chain(drops.iter().cloned()).collect();
        let mut split: Vec<_> = nodes().chain(adds.rev()).chain(drops.into_iter().rev()).collect();
        for at in (0..split.len()).step_by(every).rev() {
            split.insert(at, Op::Drain(u64::MAX));
        }
        let (mut left, mut right) = (World::new(1e-2), World::new(1e-2));
        left.run(&once);
        right.run(&split);
        left.drain(Budget::Unlimited);
        right.drain(Budget::Unlimited);
        assert_within(&left, &right, 2.0);
    }

    #[test]
    fn a_solve_and_a_restore_of_any_age_restore_the_invariant(
        ops in ops(),
        later in ops(),
        snapshot in prop::collection::vec(0.0f64..100.0, 0..12),
    ) {
        let mut world = World::new(1e-3);
        world.run(&ops);
        for vector in &mut world.vectors {
            vector.restore(&world.graph, &snapshot[..snapshot.len().min(vector.node_count())]).unwrap();
        }
        world.check_any_time();
        world.drain(Budget::Unlimited);
        world.check_drained();
        for vector in &mut world.vectors {
            vector.solve_from_scratch(&world.graph);
        }
        world.check_any_time();
        world.run(&later);
        for vector in &mut world.vectors {
            vector.solve(&world.graph);
            prop_assert!(vector.drain(&world.graph, Budget::Unlimited).is_drained);
        }
        world.check_drained();
        world.check_any_time();
    }

    #[test]
    fn what_moved_is_named_once(ops in ops(), later in ops()) {
        let mut world = World::new(1e-2);
        world.run(&ops);
        let mut vector = world.vectors.swap_remove(0);
        world.vectors = vec![vector.clone()];
        vector.take_moved();
        world.vectors[0].take_moved();
        world.run(&later);
        let mut moved = world.vectors[0].take_moved();
        moved.sort_unstable();
        prop_assert!(moved.windows(2).all(|pair| pair[0] < pair[1]));
        for node in 0..world.nodes() {
            let is_same = world.vectors[0].x(node).to_bits() == vector.x(node).to_bits();
            prop_assert!(is_same || moved.binary_search(&node).is_ok());
        }
        prop_assert!(world.vectors[0].take_moved().is_empty());
    }

    #[test]
    fn a_forgotten_page_leaves_nothing(ops in ops()) {
        let mut world = World::new(1e-4);
        world.run(&ops);
        for other in 0..world.nodes() {
            world.apply(&Op::Drop(1, other));
            world.apply(&Op::Drop(other, 1));
        }
        for vector in &mut world.vectors {
            vector.set_prior(&world.graph, 1, 0.0).unwrap();
        }
        world.drain(Budget::Unlimited);
        world.check_any_time();
        for vector in &world.vectors {
            prop_assert!(vector.estimate(1).abs() <= ROUNDING);
        }
    }
}

#[test]
fn a_node_without_in_links_scores_exactly_zero() {
    let mut world = World::new(1e-2);
    world.run(&[Op::Set(0, 1, 0), Op::Set(1, 2, 0), Op::Set(2, 1, 0)]);
    world.drain(Budget::Unlimited);
    let vector = &world.vectors[0];
    assert!(Scale::Citation.points(vector.estimate(0), 0.15).abs() < 1e-12);
    assert!(Scale::Citation.points(vector.estimate(3), 0.15).abs() < 1e-12);
    assert!(Scale::Citation.points(vector.estimate(1), 0.15) > 1.0);
}

#[test]
fn settings_and_values_out_of_range_are_errors() {
    let with = |alpha, epsilon, prior| {
        AuthorityVector::new(AuthoritySettings { alpha, epsilon, threshold: Threshold::Const, prior })
            .is_err()
    };
    assert!(with(1.0, 1e-2, 0.15) && with(0.0, 1e-2, 0.15) && with(f64::NAN, 1e-2, 0.15));
    assert!(with(0.85, 0.0, 0.15) && with(0.85, f64::INFINITY, 0.15));
    assert!(with(0.85, 1e-2, -0.1) && with(0.85, 1e-2, f64::NAN));
    let mut world = World::new(1e-2);
    let vector = &mut world.vectors[0];
    assert!(vector.set_prior(&world.graph, 4, 1.0).is_err());
    assert!(vector.set_epsilon(-1.0).is_err());
    assert!(vector.restore(&world.graph, &[1.0, f64::NAN]).is_err());
    world.drain(Budget::Unlimited);
    world.check_drained();
}

#[test]
fn links_shared_anew_under_a_push_leave_no_target_below_its_prior() {
    let before = [Op::Set(0, 3, 1), Op::Set(1, 0, 2), Op::Set(4, 1, 0), Op::Set(4, 6, 1), Op::Set(4, 0, 2)];
    let after =
        [Op::Node, Op::Drop(2, 0), Op::Set(6, 1, 0), Op::Drain(15), Op::Set(5, 0, 0), Op::Set(5, 0, 2)];
    let mut world = World::over(LinkGraph::new(), 1e-6);
    world.run(&before);
    for op in &after {
        world.apply(op);
        world.check_any_time();
    }
}

/// A hub loses links while its push is under way, and takes back most of it by its next one.
#[test]
fn a_push_that_takes_back_waits_for_the_one_before_it() {
    let mut world = World::over(LinkGraph::new(), 1e-6);
    for op in [
        Op::Set(1, 1, 0),
        Op::Set(3, 0, 2),
        Op::Set(4, 3, 0),
        Op::Drain(2),
        Op::Node,
        Op::Set(3, 8, 2),
        Op::Drain(37),
        Op::Prior(0, 0.15),
        Op::Set(6, 0, 0),
        Op::Set(5, 5, 0),
        Op::Set(2, 3, 0),
        Op::Set(2, 0, 1),
        Op::Drain(3),
        Op::Set(5, 2, 2),
        Op::Set(3, 2, 0),
        Op::Set(3, 1, 0),
        Op::Drain(16),
        Op::Set(2, 1, 2),
        Op::Drop(8, 8),
    ] {
        world.apply(&op);
        world.check_any_time();
    }
}
