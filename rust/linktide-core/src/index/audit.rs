//! How wrong the scores are, beside what their bounds promise.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, UInt64Array};

use super::Index;
use super::rows::rows;
use crate::authority::{AuthorityVector, Board, ScoredGraph, Threshold, relative_bound};
use crate::error::CoreError;

/// One of the two graphs with its boards as they stand between two batches, to be looked at at leisure.
#[derive(Debug)]
pub struct GraphCopy {
    graph: &'static str,
    vectors: Vec<String>,
    scored: ScoredGraph,
}

/// What an exact solve says of one vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorAudit {
    /// `page` or `domain`.
    pub graph: &'static str,
    /// `citation`, `trust`, or the name of a topic.
    pub vector: String,
    /// Nodes and links of the graph.
    pub size: (u64, u64),
    /// Σ|x − x*|.
    pub error: f64,
    /// Its proven bound.
    pub error_bound: f64,
    /// What the bound is to stay under once drained.
    pub error_target: f64,
    /// Σx*.
    pub sum: f64,
    /// Greatest |x − x*| over the citation x* of the same node.
    pub greatest_relative: f64,
    /// What that is to stay under once drained; proven in "const", measured in "x".
    pub relative_target: f64,
    /// Whether nothing waits to be pushed: the targets hold only then.
    pub is_drained: bool,
    /// Greatest |x + r − b − αPᵀx|: what rounding has done to the equation behind the bound.
    pub equation_error: f64,
    /// Greatest distance between the points last published of a node and the exact ones, and that node.
    pub greatest_gap: (f64, Option<u32>),
    /// Whether the error is larger than its bound.
    pub is_violated: bool,
}

impl Index {
    /// Copies of both graphs, pages first, one at a time so that only one is held. Cheap beside the solves that
    /// follow: events wait for the copy, not for them.
    #[must_use]
    pub fn copy_graph(&self, is_of_domains: bool) -> GraphCopy {
        let (graph, scored) =
            if is_of_domains { ("domain", &self.domain_graph) } else { ("page", &self.page_graph) };
        let states = self.boards().into_iter().filter(|state| state.graph == graph);
        GraphCopy { graph, vectors: states.map(|state| state.vector).collect(), scored: scored.clone() }
    }

    /// Audits as rows; where the greatest gap is, is told by the domain, of a page by that of the page.
    ///
    /// # Errors
    /// The rows could not be built.
    pub fn audit_table(&self, audits: &[VectorAudit]) -> Result<RecordBatch, CoreError> {
        let numbers = |of: fn(&VectorAudit) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(audits.iter().map(of)))
        };
        let counts = |of: fn(&VectorAudit) -> u64| -> ArrayRef {
            Arc::new(UInt64Array::from_iter_values(audits.iter().map(of)))
        };
        let flags = |of: fn(&VectorAudit) -> bool| -> ArrayRef {
            Arc::new(audits.iter().map(|one| Some(of(one))).collect::<BooleanArray>())
        };
        let graphs = StringArray::from_iter_values(audits.iter().map(|one| one.graph));
        let vectors = StringArray::from_iter_values(audits.iter().map(|one| &one.vector));
        let gaps = audits.iter().map(|one| self.domain_name_of(one.graph, one.greatest_gap.1?));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("graph", Arc::new(graphs)),
            ("vector", Arc::new(vectors)),
            ("nodes", counts(|one| one.size.0)),
            ("links", counts(|one| one.size.1)),
            ("error", numbers(|one| one.error)),
            ("error_bound", numbers(|one| one.error_bound)),
            ("error_target", numbers(|one| one.error_target)),
            ("error_ratio", numbers(|one| ratio(one.error, one.sum))),
            ("error_bound_ratio", numbers(|one| ratio(one.error_bound, one.sum))),
            ("greatest_relative_error", numbers(|one| one.greatest_relative)),
            ("relative_target", numbers(|one| one.relative_target)),
            ("is_drained", flags(|one| one.is_drained)),
            ("equation_error", numbers(|one| one.equation_error)),
            ("greatest_gap_points", numbers(|one| one.greatest_gap.0)),
            ("greatest_gap_domain", Arc::new(gaps.collect::<StringArray>())),
            ("is_violated", flags(|one| one.is_violated)),
        ];
        rows("an audit", columns)
    }

    fn domain_name_of(&self, graph: &str, node: u32) -> Option<&str> {
        let domain = if graph == "domain" {
            self.domains.of_node(node)
        } else {
            self.pages.get(node).and_then(|page| self.domains.get(page.domain))
        };
        domain.map(|domain| self.domains.name_of(domain))
    }
}

fn ratio(error: f64, sum: f64) -> f64 {
    if sum > 0.0 { error / sum } else { 0.0 }
}

impl GraphCopy {
    /// Solve every vector exactly and hold it against what is kept; some 60 passes over all links for each.
    #[must_use]
    pub fn audit(&self) -> Vec<VectorAudit> {
        let citation = self.scored.citation().vector().exact(self.scored.graph());
        let of = |(at, (name, board)): (usize, (&String, &Board))| {
            if at == 0 {
                self.audit_of(name, board, &citation, &citation)
            } else {
                self.audit_of(name, board, &board.vector().exact(self.scored.graph()), &citation)
            }
        };
        self.vectors.iter().zip(self.scored.boards()).enumerate().map(of).collect()
    }

    /// `measure` is the exact citation: the error of trust is promised as a share of it.
    fn audit_of(
        &self,
        name: &str,
        board: &Board,
        exact: &AuthorityVector,
        measure: &AuthorityVector,
    ) -> VectorAudit {
        let (graph, vector) = (self.scored.graph(), board.vector());
        let nodes = 0..graph.node_count() as u32;
        let error_of = |node: u32| (vector.x(node) - exact.x(node)).abs();
        let gap_of = |node: u32| (board.shown(node) - board.points_of(exact.x(node))).abs();
        let error: f64 = nodes.clone().map(error_of).sum();
        let relative = nodes.clone().map(|node| ratio(error_of(node), measure.x(node)));
        let greatest_relative = relative.fold(0.0, f64::max);
        let further = |best: (f64, Option<u32>), node: u32| {
            let gap = gap_of(node);
            if gap > best.0 { (gap, Some(node)) } else { best }
        };
        let settings = vector.settings();
        let relative_target = relative_bound(settings.epsilon, settings.threshold);
        // The exact solution is one to its own bound; rounding of the sums is added to that.
        let slack = exact.error_bound() + 1e-12 * (graph.node_count() as f64 + exact.sum_x());
        let is_proven = settings.threshold == Threshold::Const && vector.is_drained();
        VectorAudit {
            graph: self.graph,
            vector: name.to_owned(),
            size: (graph.node_count() as u64, graph.link_count()),
            error,
            error_bound: vector.error_bound(),
            error_target: vector.error_target(),
            sum: exact.sum_x(),
            greatest_relative,
            relative_target,
            is_drained: vector.is_drained(),
            equation_error: vector.audit(graph),
            greatest_gap: nodes.fold((0.0, None), further),
            is_violated: error > vector.error_bound() + slack
                || (is_proven && greatest_relative > relative_target * (1.0 + 1e-9) + 1e-12),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{Budget, drain_all};
    use crate::graph::WeightClass;

    /// A ring with chords, loaded and drained, and one link that nothing followed yet.
    fn copy(epsilon: f64) -> GraphCopy {
        let board = Board::citation(0.85, epsilon, Threshold::Const).unwrap();
        let mut scored = ScoredGraph::new(&[1.0], board).unwrap();
        for _ in 0..60 {
            scored.add_node().unwrap();
        }
        for node in 0..60 {
            scored.set_link(node, (node + 1) % 60, Some(WeightClass::FIRST)).unwrap();
            scored.set_link(node, node * node % 7, Some(WeightClass::FIRST)).unwrap();
        }
        drain_all(&mut [&mut scored], Budget::Unlimited);
        scored.set_link(3, 40, Some(WeightClass::FIRST)).unwrap();
        GraphCopy { graph: "domain", vectors: vec!["citation".into()], scored }
    }

    #[test]
    fn the_true_error_lies_within_the_bound() {
        for epsilon in [1e-1, 1e-2, 1e-6] {
            let audit = copy(epsilon).audit().remove(0);
            assert!(audit.error > 0.0 && !audit.is_violated, "{audit:?}");
            assert!(audit.error <= audit.error_bound && audit.equation_error < 1e-12, "{audit:?}");
            // Nothing was published: the greatest gap is the highest score.
            assert!(audit.greatest_gap.0 > 5.0 && audit.greatest_gap.1.is_some(), "{audit:?}");
        }
    }

    #[test]
    fn a_vector_that_missed_a_change_is_found_out() {
        let mut copy = copy(1e-6);
        drain_all(&mut [&mut copy.scored], Budget::Unlimited);
        let vector = copy.scored.citation().vector().clone();
        copy.scored.set_link(5, 50, Some(WeightClass::FIRST)).unwrap();
        *copy.scored.citation_mut().vector_mut() = vector;
        let audit = copy.audit().remove(0);
        assert!(audit.is_violated && audit.error > audit.error_bound, "{audit:?}");
        assert!(audit.equation_error > 1e-6, "{audit:?}");
    }
}
