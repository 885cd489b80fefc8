//! The graph against plain maps.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const WEIGHTS: [f64; 4] = [1.0, 0.0, 0.25, 2.0];

fn graph(nodes: u32) -> LinkGraph {
    let mut graph = LinkGraph::with_weights(&WEIGHTS).unwrap();
    for node in 0..nodes {
        assert_eq!(graph.add_node().unwrap(), node);
    }
    graph
}

fn check(graph: &LinkGraph, model: &BTreeMap<(u32, u32), u8>) {
    assert_eq!(graph.link_count(), model.len() as u64);
    let mut sources = 0;
    for node in 0..graph.node_count() as u32 {
        let mut out: Vec<_> = graph.out(node).collect();
        out.sort_by_key(|(target, _)| *target);
        let wanted: Vec<_> = model
            .range((node, 0)..=(node, u32::MAX))
            .map(|((_, target), class)| (*target, WEIGHTS[usize::from(*class)]))
            .collect();
        assert_eq!(out, wanted);
        assert_eq!(graph.out_degree(node) as usize, wanted.len());
        let total: f64 = wanted.iter().map(|(_, weight)| weight).sum();
        assert!((graph.out_weight(node) - total).abs() < 1e-12);
        let in_degree = model.keys().filter(|(_, target)| *target == node).count();
        assert_eq!(graph.in_degree(node) as usize, in_degree);
        sources += usize::from(in_degree > 0 && !wanted.is_empty());
    }
    assert_eq!(graph.linked_source_count(), sources);
}

fn apply(model: &mut BTreeMap<(u32, u32), u8>, link: (u32, u32), class: Option<u8>) {
    match class.filter(|class| WEIGHTS[usize::from(*class)] > 0.0) {
        Some(class) => model.insert(link, class),
        None => model.remove(&link),
    };
}

fn edit(graph: &mut LinkGraph, (source, target): (u32, u32), class: Option<u8>) -> LinkChange {
    match class {
        Some(class) => graph.set_link(source, target, WeightClass(class)).unwrap(),
        None => graph.drop_link(source, target).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_graph_is_a_map_of_links(
        ops in prop::collection::vec((0u32..9, 0u32..9, prop::option::weighted(0.7, 0u8..4)), 0..300),
        compact_at in 0usize..300,
    ) {
        let (mut graph, mut model) = (graph(9), BTreeMap::new());
        for (at, (source, target, class)) in ops.into_iter().enumerate() {
            let change = edit(&mut graph, (source, target), class);
            prop_assert_eq!(change.class_before.map(|c| c.0), model.get(&(source, target)).copied());
            apply(&mut model, (source, target), class);
            prop_assert_eq!(change.class_after.map(|c| c.0), model.get(&(source, target)).copied());
            prop_assert_eq!(change.total_after.to_bits(), graph.out_weight(source).to_bits());
            if at == compact_at {
                graph.compact().unwrap();
            }
        }
        check(&graph, &model);
    }

    #[test]
    fn reverting_in_reverse_order_restores_the_graph(
        before in prop::collection::vec((0u32..6, 0u32..6, 0u8..4), 0..40),
        batch in prop::collection::vec((0u32..6, 0u32..6, prop::option::of(0u8..4)), 0..80),
    ) {
        let (mut graph, mut model) = (graph(6), BTreeMap::new());
        for (source, target, class) in before {
            edit(&mut graph, (source, target), Some(class));
            apply(&mut model, (source, target), Some(class));
        }
        let changes: Vec<_> = batch.into_iter().map(|(s, t, class)| edit(&mut graph, (s, t), class)).collect();
        for change in changes.iter().rev() {
            graph.revert(change).unwrap();
        }
        check(&graph, &model);
    }

    #[test]
    fn a_graph_with_own_weights_is_a_map_of_weights(
        ops in prop::collection::vec((0u32..4, 0u32..400, prop::option::weighted(0.7, 0usize..4)), 0..1500),
        compact_at in 0usize..1500,
    ) {
        let weights = [1.0, 1e-6, 0.25, 1e12];
        let mut graph = LinkGraph::new();
        (0..400).for_each(|_| { graph.add_node().unwrap(); });
        let mut model = BTreeMap::new();
        let mut changes = Vec::new();
        for (at, (source, target, wanted)) in ops.into_iter().enumerate() {
            let weight = wanted.map_or(0.0, |class| weights[class]);
            let change = graph.set_weight(source, target, weight).unwrap();
            let before = if weight > 0.0 { model.insert((source, target), weight) } else { model.remove(&(source, target)) };
            prop_assert_eq!(change.weight_before.to_bits(), before.unwrap_or(0.0f64).to_bits());
            prop_assert_eq!(change.is_empty(), change.weight_before.to_bits() == weight.to_bits());
            prop_assert_eq!(change.total_after.to_bits(), graph.out_weight(source).to_bits());
            changes.push(change);
            if at == compact_at {
                graph.compact().unwrap();
            }
        }
        prop_assert_eq!(graph.link_count(), model.len() as u64);
        for source in 0..400 {
            let out: BTreeMap<_, _> = graph.out(source).collect();
            let wanted: BTreeMap<_, _> = model.range((source, 0)..=(source, 400)).map(|((_, t), w)| (*t, *w)).collect();
            let total: f64 = wanted.values().sum();
            prop_assert!((graph.out_weight(source) - total).abs() <= 1e-9 * total, "{} {total}", graph.out_weight(source));
            prop_assert_eq!(out, wanted);
        }
        for change in changes.iter().rev() {
            graph.revert(change).unwrap();
        }
        prop_assert_eq!(graph.link_count(), 0);
        prop_assert!((0..4).all(|source| graph.out_weight(source).to_bits() == 0));
    }

    #[test]
    fn the_heaviest_page_link_is_the_class_of_the_edge(
        ops in prop::collection::vec((any::<bool>(), 0u32..3, 0u32..3, 0u8..4), 0..200),
    ) {
        let mut pairs = DomainPairs::new(&WEIGHTS);
        let mut edges: BTreeMap<(u32, u32), WeightClass> = BTreeMap::new();
        let mut model: BTreeMap<(u32, u32), [u32; 4]> = BTreeMap::new();
        for (adds, a, b, class) in ops {
            let counts = model.entry((a, b)).or_default();
            let count = &mut counts[usize::from(class)];
            let is_counted = class != 1 && (adds || *count > 0);
            let (edge, class) = (edges.remove(&(a, b)), WeightClass(class));
            let after = if adds { pairs.add((a, b), class, edge) } else { pairs.remove((a, b), class, edge) };
            edges.extend(after.map(|class| ((a, b), class)));
            if is_counted {
                *count = if adds { *count + 1 } else { *count - 1 };
            }
            let heaviest = [3usize, 0, 2].into_iter().find(|&class| counts[class] > 0);
            prop_assert_eq!(after.map(|class| usize::from(class.0)), heaviest);
            for (class, &count) in (0..).zip(counts.iter()) {
                prop_assert_eq!(pairs.count((a, b), WeightClass(class), after), count);
            }
        }
        let many = model.values().flatten().filter(|&&count| count > 1).count();
        prop_assert!(pairs.memory_bytes() <= 3 * 21 * (many + edges.len() + 16));
    }
}

#[test]
fn unknown_nodes_and_classes_are_errors() {
    let mut graph = graph(2);
    assert_eq!(graph.set_link(0, 2, WeightClass::FIRST), Err(GraphError::UnknownNode { node: 2, nodes: 2 }));
    assert_eq!(graph.drop_link(u32::MAX, 0), Err(GraphError::UnknownNode { node: u32::MAX, nodes: 2 }));
    assert_eq!(graph.set_link(0, 1, WeightClass(4)), Err(GraphError::UnknownClass { class: 4, classes: 4 }));
    assert_eq!(graph.link_count(), 0);
    assert!(LinkGraph::with_weights(&[]).is_err());
    assert!(LinkGraph::with_weights(&[1.0, -0.5]).is_err());
    let mut plain = LinkGraph::new();
    plain.add_node().unwrap();
    for weight in [f64::NAN, -1.0, f64::INFINITY, 1e-151, 1e151] {
        assert!(
            plain.set_weight(0, 0, weight).is_err_and(|error| error.to_string().contains("0 or between"))
        );
    }
    assert_eq!(graph.set_weight(0, 1, 0.5), Err(GraphError::Classes { classes: 4 }));
    assert!(!plain.has_own_weights() && plain.link_count() == 0);
}

#[test]
fn a_unit_link_costs_at_most_8_bytes_beside_its_nodes() {
    let mut graph = LinkGraph::new();
    let nodes = 20_000u32;
    for _ in 0..nodes {
        graph.add_node().unwrap();
    }
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    for _ in 0..400_000 {
        // Squared: a few hubs, many small lists.
        let hub = (u64::from(next() % nodes) * u64::from(next() % nodes) / u64::from(nodes)) as u32;
        let (source, target) = (hub * (next() % 4) / 3, next() % nodes);
        if next() % 4 == 0 {
            graph.drop_link(source % nodes, target).unwrap();
        } else {
            graph.set_link(source % nodes, target, WeightClass::FIRST).unwrap();
        }
    }
    graph.compact().unwrap();
    let bytes = graph.memory_bytes() - 16 * nodes as usize;
    assert!(bytes as u64 <= 8 * graph.link_count(), "{bytes} B for {} links", graph.link_count());
}
