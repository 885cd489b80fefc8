//! Registrable domains: names, graph nodes and the counts that metrics show.

use crate::blocks::Blocks;
use crate::graph::reserve_eighth;
use crate::places::PlaceIndex;

/// No node in the domain graph yet: no link of the domain was ever sighted.
const NO_NODE: u32 = u32::MAX;

/// What the core keeps of one registrable domain, beside its name.
#[derive(Debug, Clone)]
pub struct Domain {
    /// Seeded hash of the name.
    pub key: u64,
    /// The name among all names: start and length.
    name: (u32, u32),
    node: u32,
    /// Live links from other domains.
    pub live_backlinks: u32,
    /// Lives of recent event time that began since start, for counters.
    pub recent_new: u32,
    /// Lives of recent event time that began again since start.
    pub recent_restored: u32,
    /// Lives of recent event time that ended since start.
    pub recent_lost: u32,
}

impl Domain {
    /// Node in the domain graph.
    #[must_use]
    pub fn node(&self) -> Option<u32> {
        (self.node != NO_NODE).then_some(self.node)
    }
}

/// All domains, found by key.
#[derive(Debug, Default)]
pub struct DomainTable {
    by_key: PlaceIndex,
    domains: Blocks<Domain>,
    by_node: Vec<u32>,
    /// All names, one after the other.
    names: Vec<u8>,
}

#[inline]
fn key_at(domains: &Blocks<Domain>, at: u32) -> u64 {
    domains.get(at).map_or(0, |domain| domain.key)
}

impl DomainTable {
    /// Find a domain by key, or add it.
    pub fn find_or_add(&mut self, key: u64, name: &str) -> u32 {
        let Self { by_key, domains, .. } = self;
        let next = domains.len() as u32;
        let index = by_key.find_or_insert(key, next, |at| key_at(domains, at));
        if index == next {
            let name = self.keep_name(name);
            self.domains.push(Domain {
                key,
                name,
                node: NO_NODE,
                live_backlinks: 0,
                recent_new: 0,
                recent_restored: 0,
                recent_lost: 0,
            });
        }
        index
    }

    /// Give a domain its name, if it has none yet.
    pub(crate) fn set_name(&mut self, index: u32, name: &str) {
        if self.get(index).is_some_and(|domain| domain.name.1 == 0) {
            let name = self.keep_name(name);
            if let Some(domain) = self.domains.get_mut(index) {
                domain.name = name;
            }
        }
    }

    /// Where the name now is. Names of 4 GiB are those of 200 million domains: then a domain goes without.
    fn keep_name(&mut self, name: &str) -> (u32, u32) {
        let Ok(start) = u32::try_from(self.names.len()) else { return (0, 0) };
        reserve_eighth(&mut self.names, name.len());
        self.names.extend_from_slice(name.as_bytes());
        (start, name.len() as u32)
    }

    /// The name, ASCII; empty before the tables have told it.
    #[must_use]
    pub fn name_of(&self, domain: &Domain) -> &str {
        let (start, length) = (domain.name.0 as usize, domain.name.1 as usize);
        let name = self.names.get(start..start + length).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// The index of a known key.
    #[must_use]
    pub fn find(&self, key: u64) -> Option<u32> {
        self.by_key.find(key, |at| key_at(&self.domains, at))
    }

    /// Give a domain its node.
    pub fn set_node(&mut self, index: u32, node: u32) {
        if let Some(domain) = self.domains.get_mut(index) {
            domain.node = node;
            let missing = (node as usize + 1).saturating_sub(self.by_node.len());
            reserve_eighth(&mut self.by_node, missing);
            self.by_node.resize(self.by_node.len().max(node as usize + 1), NO_NODE);
            if let Some(slot) = self.by_node.get_mut(node as usize) {
                *slot = index;
            }
        }
    }

    /// The domain of a node.
    #[must_use]
    pub fn of_node(&self, node: u32) -> Option<&Domain> {
        let index = *self.by_node.get(node as usize)?;
        self.domains.get(index)
    }

    /// The domain at an index that this table gave.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Domain> {
        self.domains.get(index)
    }

    /// The domain at an index that this table gave, to change it.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Domain> {
        self.domains.get_mut(index)
    }

    /// All domains.
    pub fn iter(&self) -> impl Iterator<Item = &Domain> {
        self.domains.iter()
    }

    /// Number of domains.
    #[must_use]
    pub fn len(&self) -> usize {
        self.domains.len()
    }

    /// True before the first domain.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held, reserved room included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.domains.memory_bytes()
            + self.by_key.memory_bytes()
            + self.by_node.capacity() * 4
            + self.names.capacity()
    }

    /// Give reserved room back.
    pub fn shrink(&mut self) {
        let Self { by_key, domains, .. } = self;
        by_key.shrink(|at| key_at(domains, at));
        self.domains.shrink();
        self.by_node.shrink_to_fit();
        self.names.shrink_to_fit();
    }
}
