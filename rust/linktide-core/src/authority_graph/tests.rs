//! The graph behind Arrow columns against a map of links.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt32Type};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use proptest::prelude::*;

use super::{Applied, AuthorityGraph, Id};
use crate::authority::Threshold;

type Op = (u32, u32, Option<f64>);

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn words(values: impl IntoIterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn edits(ops: &[Op], are_names: bool) -> RecordBatch {
    let ids = |numbers: Vec<u32>| -> ArrayRef {
        if are_names {
            words(numbers.iter().map(u32::to_string))
        } else {
            Arc::new(UInt32Array::from(numbers))
        }
    };
    batch(vec![
        ("src", ids(ops.iter().map(|op| op.0).collect())),
        ("dst", ids(ops.iter().map(|op| op.1).collect())),
        ("op", words(ops.iter().map(|op| if op.2.is_some() { "add" } else { "drop" }.to_owned()))),
        ("weight", Arc::new(ops.iter().map(|op| op.2).collect::<Float64Array>())),
    ])
}

fn graph(threshold: Threshold, epsilon: f64) -> AuthorityGraph {
    AuthorityGraph::new(0.85, epsilon, threshold, None).unwrap()
}

fn column(rows: &RecordBatch, name: &str) -> Vec<f64> {
    rows.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

/// Sparse ids, so that both kinds of lookup are met.
fn op(weights: [f64; 3]) -> impl Strategy<Value = Op> {
    let id = || (0u32..8).prop_map(|id| if id > 5 { id * 500_000_001 } else { id });
    (id(), id(), prop::option::weighted(0.6, (0usize..3).prop_map(move |at| weights[at])))
}

fn batches() -> impl Strategy<Value = Vec<Vec<Op>>> {
    let one = |weights| prop::collection::vec(prop::collection::vec(op(weights), 0..20), 1..12);
    prop_oneof![one([1.0; 3]), one([1.0, 0.25, 0.0])]
}

#[derive(Default)]
struct Model {
    links: BTreeMap<(u32, u32), f64>,
    nodes: BTreeSet<u32>,
}

impl Model {
    fn apply(&mut self, ops: &[Op]) -> Applied {
        let mut applied = Applied::default();
        for &(source, target, wanted) in ops {
            let before = self.links.remove(&(source, target));
            let after = wanted.filter(|weight| *weight > 0.0);
            if wanted.is_some() {
                self.nodes.extend([source, target]);
            }
            if let Some(weight) = after {
                self.links.insert((source, target), weight);
            }
            let counter = match (before, after) {
                (None, Some(_)) => &mut applied.added,
                (Some(_), None) => &mut applied.dropped,
                (None, None) if wanted.is_none() => &mut applied.unknown_drops,
                (before, after) if before == after => &mut applied.unchanged,
                _ => &mut applied.reweighted,
            };
            *counter += 1;
        }
        applied
    }

    /// x by plain iteration, over the caller's ids.
    fn exact(&self, prior: impl Fn(u32) -> f64) -> BTreeMap<u32, f64> {
        let total = |source| self.links.range((source, 0)..=(source, u32::MAX)).map(|(_, w)| w).sum::<f64>();
        let mut x: BTreeMap<u32, f64> = self.nodes.iter().map(|&id| (id, prior(id))).collect();
        for _ in 0..400 {
            let mut next: BTreeMap<u32, f64> = self.nodes.iter().map(|&id| (id, prior(id))).collect();
            for (&(source, target), weight) in &self.links {
                *next.get_mut(&target).unwrap() += 0.85 * x[&source] * weight / total(source);
            }
            x = next;
        }
        x
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn scores_and_counts_are_those_of_a_map_of_links(
        batches in batches(),
        are_names in any::<bool>(),
        epsilon in 1e-6f64..0.1,
        is_const in any::<bool>(),
    ) {
        let threshold = if is_const { Threshold::Const } else { Threshold::Relative };
        let (mut graph, mut model) = (graph(threshold, epsilon), Model::default());
        for ops in &batches {
            let applied = graph.apply(&[edits(ops, are_names)]).unwrap();
            let wanted = Applied { edges_touched: applied.edges_touched, is_bulk: applied.is_bulk, ..model.apply(ops) };
            prop_assert_eq!(applied, wanted);
            prop_assert_eq!(graph.link_count(), model.links.len() as u64);
            let rows = graph.scores().unwrap();
            let exact = model.exact(|_| 0.15);
            prop_assert_eq!(rows.num_rows(), model.nodes.len());
            let ids: Vec<u32> = if rows.num_rows() == 0 {
                Vec::new()
            } else if are_names {
                rows.column(0).as_string::<i64>().iter().map(|name| name.unwrap().parse().unwrap()).collect()
            } else {
                rows.column(0).as_primitive::<UInt32Type>().values().to_vec()
            };
            let factor = if is_const { 1.0 } else { 2.0 };
            for (id, x) in ids.iter().zip(column(&rows, "score")) {
                prop_assert!((x - exact[id]).abs() <= factor * epsilon * exact[id] + 1e-12, "{id}: {x} for {}", exact[id]);
            }
            let solved = column(&graph.solve_exact().unwrap(), "score");
            for (id, x) in ids.iter().zip(solved) {
                prop_assert!((x - exact[id]).abs() <= 1e-12 * exact[id], "{id}: {x} for {}", exact[id]);
            }
            prop_assert_eq!(rows, graph.scores().unwrap());
        }
    }

    #[test]
    fn trust_comes_from_the_seeds_alone(ops in prop::collection::vec(op([1.0; 3]), 0..40), weight in 0.01f64..9.0) {
        let seeds = [(Id::Number(2), weight), (Id::Number(77), 0.5)];
        let mut graph = AuthorityGraph::new(0.85, 1e-9, Threshold::Const, Some(&seeds)).unwrap();
        let mut model = Model { nodes: BTreeSet::from([2, 77]), ..Model::default() };
        graph.apply(&[edits(&ops, false)]).unwrap();
        model.apply(&ops);
        let exact = model.exact(|id| match id { 2 => weight, 77 => 0.5, _ => 0.0 });
        let rows = graph.scores().unwrap();
        for (id, x) in rows.column(0).as_primitive::<UInt32Type>().values().iter().zip(column(&rows, "score")) {
            prop_assert!((x - exact[id]).abs() <= 1e-7, "{id}: {x} for {}", exact[id]);
        }
        let touched = |id| model.links.keys().any(|&(source, target)| source == id || target == id);
        prop_assert_eq!(graph.unlinked_seed_count(), [2, 77].into_iter().filter(|&id| !touched(id)).count());
    }
}

#[test]
fn a_batch_that_cannot_be_read_changes_nothing() {
    let mut graph = graph(Threshold::Const, 1e-3);
    graph.apply(&[edits(&[(1, 2, Some(1.0))], false)]).unwrap();
    let before = graph.scores().unwrap();
    let ids = |value| -> ArrayRef { Arc::new(Int64Array::from_iter_values([5, value])) };
    let ops = |value: &str| words(["add".to_owned(), value.to_owned()]);
    let weight = |value| -> ArrayRef { Arc::new(Float64Array::from(vec![1.0, value])) };
    let bad = [
        (vec![("src", ids(-1)), ("dst", ids(6)), ("op", ops("add"))], "row 1 of the column src is -1"),
        (
            vec![("src", ids(6)), ("dst", ids(1 << 32)), ("op", ops("add"))],
            "row 1 of the column dst is 4294967296",
        ),
        (
            vec![("src", ids(6)), ("dst", ids(6)), ("op", ops("remove"))],
            "row 1 of the column op is \"remove\"",
        ),
        (vec![("src", ids(6)), ("dst", ids(6))], "no column op"),
        (vec![("src", ids(6)), ("dst", weight(1.0)), ("op", ops("add"))], "dst holds Float64"),
        (vec![("src", ids(6)), ("dst", ops("b")), ("op", ops("add"))], "cannot be mixed"),
        (vec![("src", ops("a")), ("dst", ops("b")), ("op", ops("add"))], "the graph has numbers"),
    ];
    for (columns, wanted) in bad {
        let error = graph.apply(&[batch(columns)]).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    for value in [-1.0, f64::NAN, f64::INFINITY, 1e-200] {
        let columns = vec![("src", ids(6)), ("dst", ids(6)), ("op", ops("add")), ("weight", weight(value))];
        let good = edits(&[(8, 9, Some(1.0))], false);
        let error = graph.apply(&[good, batch(columns)]).unwrap_err().to_string();
        assert!(error.contains("row 2 of the column weight") && error.contains("is 0 or between"), "{error}");
    }
    assert_eq!(graph.scores().unwrap(), before);
}

#[test]
fn seeds_and_settings_out_of_range_are_errors() {
    let with = |alpha, epsilon, seeds| {
        AuthorityGraph::new(alpha, epsilon, Threshold::Const, seeds).map(|_| ()).unwrap_err().to_string()
    };
    assert!(with(1.0, 1e-3, None).contains("alpha must lie between 0 and 1, not 1"));
    assert!(with(f64::NAN, 1e-3, None).contains("not NaN"));
    assert!(with(0.85, 0.0, None).contains("epsilon must lie between 1e-15 and 1, not 0"));
    assert!(with(0.85, 1e-3, Some(&[])).contains("seeds are empty"));
    assert!(with(0.85, 1e-3, Some(&[(Id::Name("a"), -1.0)])).contains("the seed \"a\" has the weight -1"));
    let mixed = [(Id::Name("a"), 1.0), (Id::Number(1), 1.0)];
    assert!(with(0.85, 1e-3, Some(&mixed)).contains("the graph has strings as ids"));
}

#[test]
fn ids_of_any_integer_type_are_one_id() {
    let mut graph = graph(Threshold::Const, 1e-3);
    graph.apply(&[edits(&[(1, u32::MAX, Some(1.0))], false)]).unwrap();
    let ids: ArrayRef = Arc::new(arrow_array::PrimitiveArray::<Int64Type>::from_iter_values([1]));
    let targets: ArrayRef = Arc::new(UInt32Array::from(vec![u32::MAX]));
    let again = batch(vec![("src", ids), ("dst", targets), ("op", words(["add".to_owned()]))]);
    assert_eq!(graph.apply(&[again]).unwrap().unchanged, 1);
    assert_eq!((graph.node_count(), graph.link_count()), (2, 1));
}
