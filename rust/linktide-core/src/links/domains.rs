//! Registrable domains: names, graph nodes and the counts that metrics show.

use rustc_hash::FxHashMap;

/// No node in the domain graph yet: no link of the domain was ever sighted.
const NO_NODE: u32 = u32::MAX;

/// What the core keeps of one registrable domain.
#[derive(Debug, Clone)]
pub struct Domain {
    /// Seeded hash of the name.
    pub key: u64,
    /// The name, ASCII.
    pub name: Box<str>,
    node: u32,
    /// Live links from other domains.
    pub live_backlinks: u32,
    /// Lives of recent event time that began since start, for counters.
    pub recent_new: u64,
    /// Lives of recent event time that began again since start.
    pub recent_restored: u64,
    /// Lives of recent event time that ended since start.
    pub recent_lost: u64,
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
    by_key: FxHashMap<u64, u32>,
    domains: Vec<Domain>,
    by_node: Vec<u32>,
}

impl DomainTable {
    /// Find a domain by key, or add it.
    pub fn find_or_add(&mut self, key: u64, name: &str) -> u32 {
        let next = self.domains.len() as u32;
        let index = *self.by_key.entry(key).or_insert(next);
        if index == next {
            self.domains.push(Domain {
                key,
                name: name.into(),
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
    pub(crate) fn name(&mut self, index: u32, name: &str) {
        if let Some(domain) = self.domains.get_mut(index as usize).filter(|domain| domain.name.is_empty()) {
            domain.name = name.into();
        }
    }

    /// The index of a known key.
    #[must_use]
    pub fn find(&self, key: u64) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    /// Give a domain its node.
    pub fn set_node(&mut self, index: u32, node: u32) {
        if let Some(domain) = self.domains.get_mut(index as usize) {
            domain.node = node;
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
        self.domains.get(index as usize)
    }

    /// The domain at an index that this table gave.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Domain> {
        self.domains.get(index as usize)
    }

    /// The domain at an index that this table gave, to change it.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Domain> {
        self.domains.get_mut(index as usize)
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
        self.domains.is_empty()
    }
}
