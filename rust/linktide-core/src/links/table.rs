//! All links in memory: registers and hashes of the current attributes, found by link id.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::attribute::Field;
use super::flow::{Passage, RelWeights};
use super::register::{NEVER, Registers};
use crate::graph::{WeightClass, reserve_eighth};
use crate::memory::{block_bytes, map_bytes};

/// What a link joins, as indexes of pages and of registrable domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Page that links.
    pub source_page: u32,
    /// Page linked to.
    pub target_page: u32,
    /// Domain of the page that links.
    pub source_domain: u32,
    /// Domain of the page linked to.
    pub target_domain: u32,
}

/// What the core keeps of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Key of the pair of URLs.
    pub link_id: u64,
    /// The pages and domains it joins.
    pub ends: Ends,
    /// Time registers and status.
    pub registers: Registers,
    /// Latest instant at which a current attribute began to hold; NEVER without attributes.
    pub attributes_changed_at: i64,
    pub(super) anchor_hash: u64,
    pub(super) rel_hash: u64,
    /// What its rel weighs.
    pub rel_class: WeightClass,
    /// What its type does with authority.
    pub passage: Passage,
    pub(super) has_other_attributes: bool,
    /// 1 + place among the links touched by the running batch; 0 if untouched.
    pub touched: u32,
}

impl Link {
    /// A link without state.
    #[must_use]
    pub fn new(link_id: u64, ends: Ends) -> Self {
        Self {
            link_id,
            ends,
            registers: Registers::default(),
            attributes_changed_at: NEVER,
            anchor_hash: 0,
            rel_hash: 0,
            rel_class: WeightClass::FIRST,
            passage: Passage::Share,
            has_other_attributes: false,
            touched: 0,
        }
    }

    /// Both pages are of one registrable domain.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.ends.source_domain == self.ends.target_domain
    }

    /// What it does with authority, on its own: nothing unless it is live.
    #[must_use]
    pub fn flow(&self) -> (Passage, WeightClass) {
        if self.registers.status.is_live() {
            (self.passage, self.rel_class)
        } else {
            (Passage::Nothing, WeightClass::FIRST)
        }
    }

    /// The link is live and joins two domains.
    #[must_use]
    pub fn is_live_backlink(&self) -> bool {
        self.registers.status.is_live() && !self.is_internal()
    }
}

/// Every link ever heard of.
#[derive(Debug, Default)]
pub struct LinkTable {
    by_id: FxHashMap<u64, u32>,
    links: Vec<Link>,
    /// Hashes of attributes other than anchor and rel; most links carry none.
    others: FxHashMap<u32, Vec<(Field, u64)>>,
    /// Bytes of the lists in `others`.
    other_bytes: usize,
    seed: u64,
    weights: RelWeights,
}

impl LinkTable {
    /// `seed` is the database's, so that hash collisions cannot be crafted.
    #[must_use]
    pub fn new(seed: u64, weights: RelWeights) -> Self {
        Self { seed, weights, ..Self::default() }
    }

    /// Number of links.
    #[must_use]
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// True before the first link.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Find a link, or add it without state. Returns its index and whether it is new.
    pub fn find_or_add(&mut self, link_id: u64, ends: impl FnOnce() -> Ends) -> (u32, bool) {
        let next = self.links.len() as u32;
        let index = *self.by_id.entry(link_id).or_insert(next);
        if index < next {
            return (index, false);
        }
        reserve_eighth(&mut self.links, 1);
        self.links.push(Link::new(link_id, ends()));
        (index, true)
    }

    /// The index of a known link.
    #[must_use]
    pub fn find(&self, link_id: u64) -> Option<u32> {
        self.by_id.get(&link_id).copied()
    }

    /// Make room for so many more, no more than that.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.links.reserve_exact(more);
        self.by_id.reserve(more);
    }

    /// Take a link of a snapshot, whose ids are then found by [`Self::find_all`].
    pub(crate) fn push(&mut self, link: Link, others: Vec<(Field, u64)>) {
        if !others.is_empty() {
            self.others.insert(self.links.len() as u32, others);
        }
        self.links.push(link);
    }

    /// Learn to find all links by id; false if two have the same.
    pub(crate) fn find_all(&mut self) -> bool {
        self.by_id.extend((0..).zip(&self.links).map(|(index, link)| (link.link_id, index)));
        self.by_id.len() == self.links.len()
    }

    /// Attributes other than anchor and rel, with the hashes of their current values.
    pub(crate) fn other_attributes(&self, index: u32) -> &[(Field, u64)] {
        self.others.get(&index).map(Vec::as_slice).unwrap_or_default()
    }

    /// The link at an index that this table gave.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Link> {
        self.links.get(index as usize)
    }

    /// The link at an index that this table gave, to change it.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Link> {
        self.links.get_mut(index as usize)
    }

    /// All links, in order of their index.
    pub fn iter(&self) -> impl Iterator<Item = &Link> {
        self.links.iter()
    }

    /// The hash under which a value is remembered; never 0, which means "not carried".
    #[must_use]
    pub fn hash(&self, value: &str) -> u64 {
        xxh3_64_with_seed(value.as_bytes(), self.seed).max(1)
    }

    /// Hash of the current value of a field; 0 if no sighting carried it.
    #[must_use]
    pub fn attribute_hash(&self, index: u32, field: Field) -> u64 {
        let Some(link) = self.get(index) else { return 0 };
        match field {
            Field::ANCHOR => link.anchor_hash,
            Field::REL => link.rel_hash,
            _ if !link.has_other_attributes => self.hash_before(field),
            _ => {
                let known =
                    self.others.get(&index).and_then(|list| list.iter().find(|known| known.0 == field));
                known.map_or_else(|| self.hash_before(field), |known| known.1)
            }
        }
    }

    /// The hash of what a field is before anything carried it.
    fn hash_before(&self, field: Field) -> u64 {
        if field == Field::OCCURRENCES { self.hash(Field::ONCE) } else { 0 }
    }

    /// Remember a current value that holds since `at`.
    pub fn set_attribute(&mut self, index: u32, field: Field, value: &str, at: i64) {
        let hash = self.hash(value);
        let Some(link) = self.links.get_mut(index as usize) else { return };
        link.attributes_changed_at = link.attributes_changed_at.max(at);
        match field {
            Field::ANCHOR => link.anchor_hash = hash,
            Field::REL => {
                link.rel_hash = hash;
                link.rel_class = self.weights.class_of(value);
            }
            _ => {
                link.has_other_attributes = true;
                if field == Field::LINK_TYPE {
                    link.passage = Passage::of(value);
                }
                let list = self.others.entry(index).or_default();
                if let Some(entry) = list.iter_mut().find(|(known, _)| *known == field) {
                    entry.1 = hash;
                } else {
                    self.other_bytes -= list_bytes(list);
                    list.push((field, hash));
                    self.other_bytes += list_bytes(list);
                }
            }
        }
    }

    /// Make a link what it was before the running batch, attributes apart that are neither anchor nor rel.
    pub fn put_back(&mut self, index: u32, before: &Link) {
        if let Some(link) = self.links.get_mut(index as usize) {
            *link = Link { touched: link.touched, ..*before };
        }
    }

    /// Set the remembered hash of an attribute that is neither anchor nor rel; 0 forgets it.
    pub fn set_other_hash(&mut self, index: u32, field: Field, hash: u64) {
        let Some(list) = self.others.get_mut(&index) else { return };
        self.other_bytes -= list_bytes(list);
        list.retain(|(known, _)| *known != field);
        if hash != 0 {
            list.push((field, hash));
        }
        if list.is_empty() {
            self.others.remove(&index);
        } else {
            self.other_bytes += list_bytes(list);
        }
    }

    /// Forget all attributes of a link, before they are set again from a derivation.
    pub fn clear_attributes(&mut self, index: u32) {
        let Some(link) = self.links.get_mut(index as usize) else { return };
        if link.has_other_attributes
            && let Some(list) = self.others.remove(&index)
        {
            self.other_bytes -= list_bytes(&list);
        }
        link.has_other_attributes = false;
        (link.anchor_hash, link.rel_hash) = (0, 0);
        (link.rel_class, link.passage) = (WeightClass::FIRST, Passage::Share);
        link.attributes_changed_at = NEVER;
    }

    /// Bytes held, reserved room included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.links.capacity() * size_of::<Link>()
            + map_bytes(&self.by_id)
            + map_bytes(&self.others)
            + self.other_bytes
    }

    /// Give reserved room back.
    pub fn shrink(&mut self) {
        self.links.shrink_to_fit();
        self.by_id.shrink_to_fit();
        self.others.shrink_to_fit();
    }
}

fn list_bytes(list: &Vec<(Field, u64)>) -> usize {
    block_bytes(list.capacity() * size_of::<(Field, u64)>())
}
