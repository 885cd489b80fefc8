//! The domain graph of one instant, built at once from its live links and solved exactly.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::types::{Float64Type, UInt64Type};
use rustc_hash::{FxHashMap, FxHashSet};

use super::standing::{InLink, Standing};
use crate::authority::sum::ExactSum;
use crate::authority::{AuthoritySettings, AuthorityVector};
use crate::error::CoreError;
use crate::graph::{LinkGraph, WeightClass};
use crate::index::{at, numbers, texts};
use crate::links::flow::{Passage, RelWeights};
use crate::url::key;

/// What a web is told once; the same as the index is.
#[derive(Debug, Clone, Copy)]
pub struct WebOptions {
    /// Seed of the database's keys.
    pub seed: u64,
    /// Damping of authority; 0.85.
    pub alpha: f64,
    /// What links weigh by their rel.
    pub rel_weights: RelWeights,
}

/// A link that passes authority from one domain to another, unless its page hands all on by another link.
#[derive(Debug, Clone, Copy)]
struct Passing {
    page: u64,
    source: u32,
    target: u32,
    class: WeightClass,
    is_sole: bool,
}

/// Live links, gathered in any order; 24 B for each followed one between two domains.
#[derive(Debug)]
pub struct DomainWeb {
    options: WebOptions,
    names: Arc<FxHashMap<u64, Box<str>>>,
    priors: Arc<FxHashMap<u64, f64>>,
    nodes: FxHashMap<u64, u32>,
    keys: Vec<u64>,
    links: Vec<Passing>,
    /// Pages with a live redirect or foreign canonical.
    handing_on: FxHashSet<u64>,
}

impl DomainWeb {
    /// No links yet.
    #[must_use]
    pub fn new(options: WebOptions) -> Self {
        Self {
            options,
            names: Arc::default(),
            priors: Arc::default(),
            nodes: FxHashMap::default(),
            keys: Vec::new(),
            links: Vec::new(),
            handing_on: FxHashSet::default(),
        }
    }

    /// Take the names of domains: `domain_key`, `domain_name`. A domain without a name here is unknown.
    ///
    /// # Errors
    /// A column is missing or of another type.
    pub fn take_domains(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let keys = numbers::<UInt64Type>(batch, "domain_key")?;
        let names = texts(batch, "domain_name")?;
        let known = Arc::make_mut(&mut self.names);
        for row in 0..batch.num_rows() {
            known.insert(keys.value(row), names.get(row).unwrap_or_default().into());
        }
        Ok(())
    }

    /// Take priors of domains: `domain_name`, `prior`.
    ///
    /// # Errors
    /// A column is missing or of another type.
    pub fn take_priors(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let names = texts(batch, "domain_name")?;
        let values = numbers::<Float64Type>(batch, "prior")?;
        let known = Arc::make_mut(&mut self.priors);
        for row in 0..batch.num_rows() {
            if let (Some(name), Some(prior)) = (names.get(row), at(values, row)) {
                known.insert(key(self.options.seed, name.as_bytes()), prior);
            }
        }
        Ok(())
    }

    /// Take links that live at the instant, internal ones included: `source_key`, `s_dom_key`, `t_dom_key`,
    /// `rel`, `link_type`.
    ///
    /// # Errors
    /// A column is missing or of another type.
    pub fn take_links(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let pages = numbers::<UInt64Type>(batch, "source_key")?;
        let sources = numbers::<UInt64Type>(batch, "s_dom_key")?;
        let targets = numbers::<UInt64Type>(batch, "t_dom_key")?;
        let (rels, types) = (texts(batch, "rel")?, texts(batch, "link_type")?);
        for row in 0..batch.num_rows() {
            let page = pages.value(row);
            let passage = types.get(row).map_or(Passage::Share, Passage::of);
            if passage == Passage::All {
                self.handing_on.insert(page);
            }
            let (source, target) = (sources.value(row), targets.value(row));
            if passage == Passage::Nothing || source == target {
                continue;
            }
            let is_sole = passage == Passage::All;
            let rel = rels.get(row).filter(|_| !is_sole);
            let class = rel.map_or(WeightClass::FIRST, |rel| self.options.rel_weights.class_of(rel));
            if self.weight(class) > 0.0 {
                let (source, target) = (self.node(source), self.node(target));
                self.links.push(Passing { page, source, target, class, is_sole });
            }
        }
        Ok(())
    }

    fn weight(&self, class: WeightClass) -> f64 {
        self.options.rel_weights.by_class().get(usize::from(class.0)).copied().unwrap_or(0.0)
    }

    fn node(&mut self, domain_key: u64) -> u32 {
        let next = self.keys.len() as u32;
        let node = *self.nodes.entry(domain_key).or_insert(next);
        if node == next {
            self.keys.push(domain_key);
        }
        node
    }

    /// Fold the links into edges between domains, the heaviest link of a pair deciding, and solve.
    ///
    /// # Errors
    /// A weight or a prior out of range, or too many domains.
    pub fn solve(mut self) -> Result<SolvedWeb, CoreError> {
        let mut graph = LinkGraph::with_weights(&self.options.rel_weights.by_class())?;
        for _ in 0..self.keys.len() {
            graph.add_node()?;
        }
        for link in std::mem::take(&mut self.links) {
            if !link.is_sole && self.handing_on.contains(&link.page) {
                continue;
            }
            let before = graph.link_weight(link.source, link.target).unwrap_or(0.0);
            if self.weight(link.class) > before {
                graph.set_link(link.source, link.target, link.class)?;
            }
        }
        let vector = self.solved(&graph)?;
        Ok(SolvedWeb { graph, vector, web: self })
    }

    /// The exact citation over a graph of these nodes.
    fn solved(&self, graph: &LinkGraph) -> Result<AuthorityVector, CoreError> {
        let alpha = self.options.alpha;
        let settings = AuthoritySettings { alpha, prior: 1.0 - alpha, ..AuthoritySettings::default() };
        let mut vector = AuthorityVector::new(settings)?;
        for (node, domain_key) in (0..).zip(&self.keys) {
            if let Some(&prior) = self.priors.get(domain_key) {
                vector.set_prior(graph, node, prior)?;
            }
        }
        Ok(vector.exact(graph))
    }
}

/// The domain graph of one instant and its exact citation.
#[derive(Debug)]
pub struct SolvedWeb {
    graph: LinkGraph,
    vector: AuthorityVector,
    web: DomainWeb,
}

impl SolvedWeb {
    /// What the solution says of a domain; none if no name of it was taken. A domain that nobody links to at
    /// the instant, also one that is not met yet, stands at its prior.
    #[must_use]
    pub fn standing(&self, domain_name: &str) -> Option<Standing> {
        let domain_key = self.known_key(domain_name)?;
        let node = self.web.nodes.get(&domain_key).copied();
        Some(self.standing_in(&self.graph, &self.vector, domain_key, node))
    }

    /// Damping.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.web.options.alpha
    }

    /// Domains with an edge.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.graph.node_count()
    }

    /// Edges.
    #[must_use]
    pub fn links(&self) -> u64 {
        self.graph.link_count()
    }

    /// Domains that link and are linked to: too few, and no score means anything.
    #[must_use]
    pub fn linked_sources(&self) -> usize {
        self.graph.linked_source_count()
    }

    pub(super) fn graph(&self) -> &LinkGraph {
        &self.graph
    }

    pub(super) fn key_of(&self, domain_name: &str) -> u64 {
        key(self.web.options.seed, domain_name.as_bytes())
    }

    pub(super) fn known_key(&self, domain_name: &str) -> Option<u64> {
        Some(self.key_of(domain_name)).filter(|domain_key| self.web.names.contains_key(domain_key))
    }

    pub(super) fn node_of(&self, domain_key: u64) -> Option<u32> {
        self.web.nodes.get(&domain_key).copied()
    }

    pub(super) fn prior_of(&self, domain_key: u64) -> f64 {
        self.web.priors.get(&domain_key).copied().unwrap_or(1.0 - self.alpha())
    }

    /// Exact citation of a domain; its prior if it has no edge.
    pub(super) fn citation_of(&self, domain_key: u64) -> f64 {
        self.node_of(domain_key).map_or_else(|| self.prior_of(domain_key), |node| self.vector.x(node))
    }

    /// A copy whose graph may be edited and solved again, with a node for each of these domains.
    pub(super) fn editable(&self, domain_keys: &[u64]) -> Result<(Self, Vec<u32>), CoreError> {
        let web = DomainWeb {
            options: self.web.options,
            names: Arc::clone(&self.web.names),
            priors: Arc::clone(&self.web.priors),
            nodes: self.web.nodes.clone(),
            keys: self.web.keys.clone(),
            links: Vec::new(),
            handing_on: FxHashSet::default(),
        };
        let mut copy = Self { graph: self.graph.clone(), vector: self.vector.clone(), web };
        let nodes = domain_keys.iter().map(|&domain_key| copy.web.node(domain_key)).collect();
        while copy.graph.node_count() < copy.web.keys.len() {
            copy.graph.add_node()?;
        }
        Ok((copy, nodes))
    }

    pub(super) fn set_edge(
        &mut self,
        source: u32,
        target: u32,
        class: Option<WeightClass>,
    ) -> Result<(), CoreError> {
        match class {
            Some(class) => self.graph.set_link(source, target, class)?,
            None => self.graph.drop_link(source, target)?,
        };
        Ok(())
    }

    pub(super) fn solve_again(&mut self) -> Result<(), CoreError> {
        self.vector = self.web.solved(&self.graph)?;
        Ok(())
    }

    /// Everybody who links to a node, found by one pass over all out-links.
    pub(super) fn standing_in(
        &self,
        graph: &LinkGraph,
        vector: &AuthorityVector,
        domain_key: u64,
        node: Option<u32>,
    ) -> Standing {
        let mut in_links = Vec::new();
        let nodes = 0..graph.node_count() as u32;
        for source in nodes.filter(|_| node.is_some()) {
            let weights = graph.out(source).filter(|(target, _)| Some(*target) == node);
            in_links.extend(weights.map(|(_, weight)| InLink {
                source: self.name_of(source),
                citation: vector.x(source),
                weight,
                total: graph.out_weight(source),
                is_linked: graph.in_degree(source) > 0,
            }));
        }
        in_links.sort_by(|a, b| a.source.cmp(&b.source));
        let alpha = self.alpha();
        let prior = self.prior_of(domain_key);
        let terms = in_links.iter().map(|link| link.passed(alpha));
        let citation = std::iter::once(prior).chain(terms).collect::<ExactSum>().value();
        Standing { alpha, prior, citation, in_links }
    }

    pub(super) fn standing_of(&self, domain_key: u64) -> Standing {
        self.standing_in(&self.graph, &self.vector, domain_key, self.node_of(domain_key))
    }

    fn name_of(&self, node: u32) -> Box<str> {
        let domain_key = self.web.keys.get(node as usize).copied().unwrap_or_default();
        // Every domain of a live link has a name; one without stays told apart by its key.
        self.web.names.get(&domain_key).cloned().unwrap_or_else(|| format!("#{domain_key:016x}").into())
    }
}
