//! What metrics and status show of the index.

use std::sync::Arc;

use arrow_array::{Float64Array, RecordBatch, StringArray};

use super::Index;
use crate::error::CoreError;
use crate::url::key;

/// (live backlinks, new, restored, lost, shown authority) of one domain.
pub type DomainNumbers = (u32, u64, u64, u64, Option<f64>);

impl Index {
    /// Numbers of the whole index, by name.
    #[must_use]
    pub fn numbers(&self) -> Vec<(&'static str, f64)> {
        let (counters, authority) = (self.counters, self.authority());
        let mut numbers = vec![
            ("known_links", self.links.len() as f64),
            ("live_links", self.live_links as f64),
            ("pages", self.pages.len() as f64),
            ("domains", self.domains.len() as f64),
            ("new_links", counters.new_links as f64),
            ("restored_links", counters.restored_links as f64),
            ("lost_links", counters.lost_links as f64),
            ("backfilled_links", counters.backfilled_links as f64),
            ("history_revised", counters.history_revised as f64),
            ("rederived_links", counters.rederived_links as f64),
            ("suspect_timers", self.timers.len() as f64),
            ("authority_error_bound", authority.error_bound),
            ("authority_error_bound_ratio", authority.error_bound_ratio),
            ("authority_error_target", authority.error_target),
            ("authority_edges_touched", authority.edges_touched as f64),
            ("authority_cpu_seconds", self.authority_seconds),
            ("authority_nodes", authority.nodes as f64),
            ("authority_links", authority.links as f64),
            ("authority_linked_sources", authority.linked_sources as f64),
            ("authority_trust_scale", authority.trust_scale.unwrap_or(0.0)),
            ("authority_page_links", self.page_graph.graph().link_count() as f64),
            (
                "authority_memory_bytes",
                (self.page_graph.memory_bytes() + self.domain_graph.memory_bytes()) as f64,
            ),
            ("authority_is_shown", f64::from(u8::from(authority.is_shown))),
            ("memory_bytes", self.memory_bytes() as f64),
        ];
        numbers.extend(self.memory().map(|(name, bytes)| (name, bytes as f64)));
        numbers
    }

    /// Numbers of one domain by name; none if it is unknown.
    #[must_use]
    pub fn domain_numbers(&self, name: &str) -> Option<DomainNumbers> {
        let index = self.domains.find(key(self.options.seed, name.as_bytes()))?;
        let domain = self.domains.get(index)?;
        let authority = self.shown_authority(index);
        Some((
            domain.live_backlinks,
            domain.recent_new.into(),
            domain.recent_restored.into(),
            domain.recent_lost.into(),
            authority,
        ))
    }

    /// Scores of all domains: `domain_name`, `citation`, `residual`.
    ///
    /// # Errors
    /// The rows could not be built.
    pub fn score_table(&self) -> Result<RecordBatch, CoreError> {
        let names = self.scores().map(|score| Some(score.domain_name)).collect::<StringArray>();
        let citations = Float64Array::from_iter_values(self.scores().map(|score| score.citation));
        let residuals = Float64Array::from_iter_values(self.scores().map(|score| score.residual));
        super::rows::rows(
            "scores",
            vec![
                ("domain_name", Arc::new(names)),
                ("citation", Arc::new(citations)),
                ("residual", Arc::new(residuals)),
            ],
        )
    }
}
