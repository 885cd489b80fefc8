//! From the authority engine to the scores that are published.

use super::{Index, IndexOptions};
use crate::authority::{
    AuthoritySettings, AuthorityVector, Budget, Threshold, bound_in_points, display_score, is_bulk,
};
use crate::error::CoreError;

/// A smaller move of a shown score is not written, points.
const MIN_MOVE_POINTS: f64 = 0.05;

/// A score that moved enough to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScoreRow {
    pub(super) domain_key: u64,
    pub(super) citation: f64,
    pub(super) authority: f64,
}

/// What the engine holds of one domain, whether it is shown or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Score<'a> {
    /// The domain.
    pub domain_name: &'a str,
    /// Estimate x of the unnormalised system.
    pub citation: f64,
    /// Signed residual r.
    pub residual: f64,
}

/// State of authority as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuthorityState {
    /// Bound of Σ|x* − x|: Σ|r| / (1−α).
    pub error_bound: f64,
    /// The bound over Σx.
    pub error_bound_ratio: f64,
    /// What the bound is to stay under.
    pub error_target: f64,
    /// Edges followed since start.
    pub edges_touched: u64,
    /// Domains.
    pub nodes: u64,
    /// Pairs of domains with a live followed link.
    pub links: u64,
    /// Source domains that have followed in-links themselves.
    pub linked_sources: u64,
    /// Whether scores mean enough to be shown.
    pub is_shown: bool,
}

pub(super) fn vector(options: &IndexOptions) -> Result<AuthorityVector, CoreError> {
    let settings = AuthoritySettings {
        alpha: options.alpha,
        epsilon: options.epsilon_busy,
        threshold: Threshold::Const,
        prior: 1.0 - options.alpha,
    };
    Ok(AuthorityVector::new(settings)?)
}

/// The least move that is written at this error bound, points.
fn least_move(epsilon: f64) -> f64 {
    MIN_MOVE_POINTS.max(2.0 * bound_in_points(epsilon, Threshold::Const))
}

impl Index {
    /// Drain to `epsilon` and take the scores that moved enough.
    pub(super) fn publish(&mut self, epsilon: f64) -> Result<Vec<ScoreRow>, CoreError> {
        if self.citation.settings().epsilon.to_bits() != epsilon.to_bits() {
            self.citation.set_epsilon(epsilon)?;
        }
        self.citation.grow(&self.graph);
        if is_bulk(self.edges_moved, self.graph.link_count()) {
            self.citation.solve(&self.graph);
        }
        self.citation.drain(&self.graph, Budget::Unlimited);
        self.edges_moved = 0;
        let prior = self.citation.settings().prior;
        let (move_points, finest) = (least_move(epsilon), least_move(self.options.epsilon_idle));
        // What the busy bound held back is looked at again under the idle one, though it may not move any more.
        let again = if move_points > finest { Vec::new() } else { self.held_back.drain().collect() };
        let mut rows = Vec::new();
        for node in self.citation.take_moved().into_iter().chain(again) {
            // x + r: one step ahead of x, and untouched by what a source links to meanwhile.
            let citation = self.citation.estimate(node);
            let authority = display_score(citation, prior);
            let Some(domain) = self.domains.of_node(node) else { continue };
            let move_by = (authority - domain.published).abs();
            if move_by >= move_points {
                domain.published = authority;
                rows.push(ScoreRow { domain_key: domain.key, citation, authority });
            } else if move_by >= finest {
                self.held_back.insert(node);
            }
        }
        Ok(rows)
    }

    /// Scores of all domains, as the engine holds them.
    pub fn scores(&self) -> impl Iterator<Item = Score<'_>> {
        self.domains.iter().filter_map(|domain| {
            let node = domain.node()?;
            let (citation, residual) = (self.citation.x(node), self.citation.residual(node));
            Some(Score { domain_name: &domain.name, citation, residual })
        })
    }

    /// State of authority as a whole.
    #[must_use]
    pub fn authority(&self) -> AuthorityState {
        let linked_sources = self.graph.linked_source_count() as u64;
        AuthorityState {
            error_bound: self.citation.error_bound(),
            error_bound_ratio: self.citation.error_bound_ratio(),
            error_target: self.citation.error_target(),
            edges_touched: self.citation.edges_touched(),
            nodes: self.graph.node_count() as u64,
            links: self.graph.link_count(),
            linked_sources,
            is_shown: linked_sources >= u64::from(self.options.authority_min_domains),
        }
    }

    /// Shown authority of a domain, 0 to 100; none while the graph is too small or the domain unknown.
    #[must_use]
    pub fn shown_authority(&self, domain: u32) -> Option<f64> {
        let node = self.domains.get(domain)?.node()?;
        let prior = self.citation.settings().prior;
        self.authority().is_shown.then(|| display_score(self.citation.estimate(node), prior))
    }
}
