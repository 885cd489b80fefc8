//! From the authority engine to the scores that are published.

use super::Index;
use crate::authority::{Board, Budget, ScoredGraph, drain_all};
use crate::error::CoreError;

/// Edges that one batch may follow on each board. What is left waits for the next one: a single event may move
/// millions of residuals, and the error bound tells at any time how far scores are.
const EDGES_PER_BATCH: u64 = 50_000_000;

/// A score that moved enough to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScoreRow {
    pub(super) node: u32,
    pub(super) citation: f64,
    pub(super) authority: f64,
    /// Value and points; none while nobody is trusted.
    pub(super) trust: Option<(f64, f64)>,
}

/// A topical score that moved enough to be written.
#[derive(Debug, Clone)]
pub(super) struct TopicRow {
    pub(super) node: u32,
    pub(super) topic: Box<str>,
    pub(super) value: f64,
    pub(super) points: f64,
}

/// All scores that moved enough to be written.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) domains: Vec<ScoreRow>,
    pub(super) pages: Vec<ScoreRow>,
    pub(super) topics: Vec<TopicRow>,
}

impl Moved {
    pub(super) fn is_empty(&self) -> bool {
        self.domains.is_empty() && self.pages.is_empty() && self.topics.is_empty()
    }
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

/// State of the domains' citation.
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
    /// Pairs of domains with a live link that passes authority.
    pub links: u64,
    /// Source domains that have such in-links themselves.
    pub linked_sources: u64,
    /// Whether scores mean enough to be shown.
    pub is_shown: bool,
    /// Σb of citation over Σb of trust: what makes the two comparable. None while nobody is trusted.
    pub trust_scale: Option<f64>,
}

/// State of one vector.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardState {
    /// `page` or `domain`.
    pub graph: &'static str,
    /// `citation`, `trust`, or the name of a topic.
    pub vector: String,
    /// Bound of Σ|x* − x|.
    pub error_bound: f64,
    /// The bound over Σx.
    pub error_bound_ratio: f64,
    /// What the bound is to stay under.
    pub error_target: f64,
    /// Edges followed since start.
    pub edges_touched: u64,
    /// Bytes held, the graph not counted.
    pub memory_bytes: usize,
}

impl Index {
    /// Drain to `epsilon` and take the scores that moved enough.
    pub(super) fn publish(&mut self, epsilon: f64) -> Result<Moved, CoreError> {
        self.domain_graph.set_epsilon(epsilon)?;
        self.page_graph.set_epsilon(epsilon)?;
        let graphs = &mut [&mut self.page_graph, &mut self.domain_graph];
        self.authority_seconds += drain_all(graphs, Budget::Edges(EDGES_PER_BATCH));
        let (finest, has_trust) = (self.options.epsilon_idle, self.seeds.has_trust());
        let mut topics = Vec::new();
        for (board, name) in self.seeds.topics() {
            for node in self.domain_graph.due(board, finest) {
                let Some(board) = self.domain_graph.trust_mut().get_mut(board - 1) else { continue };
                let (value, points) = show(board, node);
                topics.push(TopicRow { node, topic: name.into(), value, points });
            }
        }
        Ok(Moved {
            domains: moved(&mut self.domain_graph, finest, has_trust),
            pages: moved(&mut self.page_graph, finest, has_trust),
            topics,
        })
    }

    /// Scores of all domains, as the engine holds them.
    pub fn scores(&self) -> impl Iterator<Item = Score<'_>> {
        let vector = self.domain_graph.citation().vector();
        self.domains.iter().filter_map(|domain| {
            let node = domain.node()?;
            let (citation, residual) = (vector.x(node), vector.residual(node));
            Some(Score { domain_name: self.domains.name_of(domain), citation, residual })
        })
    }

    /// State of the domains' citation.
    #[must_use]
    pub fn authority(&self) -> AuthorityState {
        let (graph, vector) = (self.domain_graph.graph(), self.domain_graph.citation().vector());
        let linked_sources = graph.linked_source_count() as u64;
        let trust = self.domain_graph.trust().first().filter(|_| self.seeds.has_trust());
        let trusted = trust.map(|board| board.vector().sum_prior()).filter(|sum| *sum > 0.0);
        AuthorityState {
            error_bound: vector.error_bound(),
            error_bound_ratio: vector.error_bound_ratio(),
            error_target: vector.error_target(),
            edges_touched: vector.edges_touched(),
            nodes: graph.node_count() as u64,
            links: graph.link_count(),
            linked_sources,
            is_shown: self.seeds.has_priors()
                || linked_sources >= u64::from(self.options.authority_min_domains),
            trust_scale: trusted.map(|sum| vector.sum_prior() / sum),
        }
    }

    /// State of every vector.
    #[must_use]
    pub fn boards(&self) -> Vec<BoardState> {
        let names = |topics: bool| {
            let trust = self.seeds.has_trust().then_some("trust");
            let topics = self.seeds.topics().map(|(_, name)| name).filter(move |_| topics);
            std::iter::once("citation").chain(trust).chain(topics)
        };
        let of = |graph, scored: &ScoredGraph, topics| -> Vec<BoardState> {
            names(topics).zip(scored.boards()).map(|(name, board)| state(graph, name, board)).collect()
        };
        let pages = of("page", &self.page_graph, false);
        pages.into_iter().chain(of("domain", &self.domain_graph, true)).collect()
    }

    /// Shown authority of a domain, 0 to 100; none while the graph is too small or the domain unknown.
    #[must_use]
    pub fn shown_authority(&self, domain: u32) -> Option<f64> {
        let node = self.domains.get(domain)?.node()?;
        self.authority().is_shown.then(|| self.domain_graph.citation().points(node))
    }
}

fn state(graph: &'static str, name: &str, board: &Board) -> BoardState {
    let vector = board.vector();
    BoardState {
        graph,
        vector: name.to_owned(),
        error_bound: vector.error_bound(),
        error_bound_ratio: vector.error_bound_ratio(),
        error_target: vector.error_target(),
        edges_touched: vector.edges_touched(),
        memory_bytes: board.memory_bytes(),
    }
}

/// Take the points of a node as written; returns its value and them.
fn show(board: &mut Board, node: u32) -> (f64, f64) {
    let (value, points) = (board.value(node), board.points(node));
    board.show(node, points);
    (value, points)
}

/// One row for each node that moved on the citation or the trust board.
fn moved(graph: &mut ScoredGraph, finest: f64, has_trust: bool) -> Vec<ScoreRow> {
    let mut nodes = graph.due(0, finest);
    if has_trust {
        nodes.extend(graph.due(1, finest));
        nodes.sort_unstable();
        nodes.dedup();
    }
    let rows = nodes.into_iter().map(|node| {
        let (citation, authority) = show(graph.citation_mut(), node);
        let trust = graph.trust_mut().first_mut().filter(|_| has_trust).map(|board| show(board, node));
        ScoreRow { node, citation, authority, trust }
    });
    rows.collect()
}
