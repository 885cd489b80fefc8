//! Whom to trust, and what is known of domains from elsewhere: the priors of the boards.

use rustc_hash::FxHashMap;

use super::Index;
use crate::authority::Board;
use crate::error::CoreError;
use crate::memory::map_bytes;
use crate::url::key;

/// Most named seed sets beside trust itself.
pub const MAX_TOPICS: usize = 8;

/// Seed domains and priors, by domain key; the domains need not be known yet.
#[derive(Debug, Default)]
pub(super) struct Seeds {
    /// Bit 0: trusted; bit 1 + n: seed of the topic n.
    marks: FxHashMap<u64, u16>,
    has_trust: bool,
    topics: Vec<Box<str>>,
    priors: FxHashMap<u64, f64>,
}

impl Seeds {
    /// Whether there is a trust board; it is the first of its graph.
    pub(super) fn has_trust(&self) -> bool {
        self.has_trust
    }

    /// Topics with the place of their board in the domain graph.
    pub(super) fn topics(&self) -> impl Iterator<Item = (usize, &str)> {
        let first = 1 + usize::from(self.has_trust);
        (first..).zip(self.topics.iter().map(AsRef::as_ref))
    }

    /// Whether scores of a small graph mean something.
    pub(super) fn has_priors(&self) -> bool {
        !self.priors.is_empty()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        map_bytes(&self.marks) + map_bytes(&self.priors)
    }

    fn mark(&self, domain_key: u64) -> u16 {
        if self.marks.is_empty() { 0 } else { self.marks.get(&domain_key).copied().unwrap_or(0) }
    }

    fn is_trusted(&self, domain_key: u64) -> bool {
        self.mark(domain_key) & 1 != 0
    }
}

impl Index {
    /// Take these seed sets in place of those before: domains that are trusted, and up to [`MAX_TOPICS`] named
    /// sets. A domain that no link has named yet counts once one does.
    ///
    /// # Errors
    /// Too many topics, or an ε out of range.
    pub fn set_seeds(
        &mut self,
        trusted: &[String],
        topics: &[(String, Vec<String>)],
    ) -> Result<(), CoreError> {
        if topics.len() > MAX_TOPICS {
            return Err(CoreError::TooManyTopics { topics: topics.len(), most: MAX_TOPICS });
        }
        let seeds = &mut self.seeds;
        seeds.marks.clear();
        seeds.has_trust = !trusted.is_empty();
        seeds.topics = topics.iter().map(|(name, _)| name.as_str().into()).collect();
        let sets = std::iter::once(trusted).chain(topics.iter().map(|(_, names)| names.as_slice()));
        for (bit, names) in sets.enumerate() {
            for name in names {
                *seeds.marks.entry(key(self.options.seed, name.as_bytes())).or_default() |= 1 << bit;
            }
        }
        let (alpha, epsilon) = (self.options.alpha, self.options.epsilon_busy);
        let boards =
            |count: usize| (0..count).map(|_| Board::trust(alpha, epsilon)).collect::<Result<Vec<_>, _>>();
        let trust = usize::from(!trusted.is_empty());
        self.domain_graph.set_trust(boards(trust + topics.len())?);
        self.page_graph.set_trust(boards(trust)?);
        self.seed_all()
    }

    /// Take these priors (domain, b ≥ 0) in place of those before; other domains have 1 − α.
    ///
    /// # Errors
    /// A prior that is negative or not finite: then those before it are in force already.
    pub fn set_priors<'n>(&mut self, priors: impl Iterator<Item = (&'n str, f64)>) -> Result<(), CoreError> {
        let seed = self.options.seed;
        let new: FxHashMap<u64, f64> = priors.map(|(name, b)| (key(seed, name.as_bytes()), b)).collect();
        let before = std::mem::replace(&mut self.seeds.priors, new);
        let nodes: Vec<(u64, u32)> =
            self.domains.iter().filter_map(|domain| Some((domain.key, domain.node()?))).collect();
        for (domain_key, node) in nodes {
            if before.contains_key(&domain_key) || self.seeds.priors.contains_key(&domain_key) {
                self.seed_domain(domain_key, node)?;
            }
        }
        self.domain_graph.solve_next();
        Ok(())
    }

    fn seed_all(&mut self) -> Result<(), CoreError> {
        let nodes: Vec<(u64, u32)> =
            self.domains.iter().filter_map(|domain| Some((domain.key, domain.node()?))).collect();
        for (domain_key, node) in nodes {
            if self.seeds.mark(domain_key) != 0 {
                self.seed_domain(domain_key, node)?;
            }
        }
        if self.seeds.has_trust {
            for page in 0..self.page_graph.graph().node_count() as u32 {
                self.seed_page(page)?;
            }
        }
        Ok(())
    }

    /// Give a domain's node its priors.
    pub(super) fn seed_domain(&mut self, domain_key: u64, node: u32) -> Result<(), CoreError> {
        let base = 1.0 - self.options.alpha;
        let known = self.seeds.priors.get(&domain_key).copied();
        let prior = known.unwrap_or(base);
        if known.is_some() || self.domain_graph.citation().vector().prior(node).to_bits() != prior.to_bits() {
            self.domain_graph.set_prior(0, node, prior)?;
        }
        let mark = self.seeds.mark(domain_key);
        // Bit 0 is trust, whose board is the first if it is there; topics follow.
        let first = usize::from(self.seeds.has_trust);
        for bit in (0..=self.seeds.topics.len()).filter(|bit| mark & (1 << bit) != 0) {
            self.domain_graph.set_prior(first + bit, node, prior)?;
        }
        Ok(())
    }

    /// Give a page of a trusted domain its prior.
    pub(super) fn seed_page(&mut self, page: u32) -> Result<(), CoreError> {
        let domain = self.pages.get(page).and_then(|page| self.domains.get(page.domain));
        if domain.is_some_and(|domain| self.seeds.is_trusted(domain.key)) {
            self.page_graph.set_prior(1, page, 1.0 - self.options.alpha)?;
        }
        Ok(())
    }
}
