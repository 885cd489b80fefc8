//! Scores that moved as Arrow record batches.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};

use super::Index;
use super::rows::{rows, times, u64s};
use super::scores::{Moved, ScoreRow};
use super::tables::Table;
use crate::error::CoreError;

impl Index {
    /// One table for each kind of score that moved.
    pub(super) fn score_tables(&self, scores: &Moved) -> Result<Vec<Table>, CoreError> {
        let mut tables = Vec::with_capacity(3);
        if !scores.domains.is_empty() {
            let keys = scores.domains.iter().map(|row| self.node_key(row.node));
            let columns = vec![("domain_key", u64s(keys))];
            tables.push(self.score_table_of("domain_scores", columns, &scores.domains)?);
        }
        if !scores.pages.is_empty() {
            let page = |row: &ScoreRow| self.pages.get(row.node);
            let page_key = |row: &ScoreRow| page(row).map_or(0, |page| page.key);
            let domain = |row: &ScoreRow| page(row).and_then(|page| self.domains.get(page.domain));
            let domain_key = |row: &ScoreRow| domain(row).map_or(0, |domain| domain.key);
            let columns = vec![
                ("page_key", u64s(scores.pages.iter().map(page_key))),
                ("domain_key", u64s(scores.pages.iter().map(domain_key))),
            ];
            tables.push(self.score_table_of("page_scores", columns, &scores.pages)?);
        }
        if !scores.topics.is_empty() {
            let topics = &scores.topics;
            let columns = vec![
                ("domain_key", u64s(topics.iter().map(|row| self.node_key(row.node)))),
                ("topic", Arc::new(topics.iter().map(|row| Some(&row.topic)).collect::<StringArray>()) as _),
                ("trust_mass", numbers(topics.iter().map(|row| Some(row.value)))),
                ("score", numbers(topics.iter().map(|row| Some(row.points)))),
                ("scored_at", times(std::iter::repeat_n(self.clock(), topics.len()))),
                ("rev", self.revs(topics.len())),
            ];
            tables.push(("topic_scores", rows("topic_scores", columns)?));
        }
        Ok(tables)
    }

    fn node_key(&self, node: u32) -> u64 {
        self.domains.of_node(node).map_or(0, |domain| domain.key)
    }

    fn score_table_of(
        &self,
        table: &'static str,
        mut columns: Vec<(&'static str, ArrayRef)>,
        scores: &[ScoreRow],
    ) -> Result<Table, CoreError> {
        columns.extend([
            ("citation", numbers(scores.iter().map(|row| Some(row.citation)))),
            ("authority", numbers(scores.iter().map(|row| Some(row.authority)))),
            ("trust_mass", numbers(scores.iter().map(|row| row.trust.map(|(value, _)| value)))),
            ("trust", numbers(scores.iter().map(|row| row.trust.map(|(_, points)| points)))),
            ("scored_at", times(std::iter::repeat_n(self.clock(), scores.len()))),
            ("rev", self.revs(scores.len())),
        ]);
        Ok((table, rows(table, columns)?))
    }
}

fn numbers(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}
