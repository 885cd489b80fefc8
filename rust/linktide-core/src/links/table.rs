//! All links in memory: registers and hashes of the current attributes, found by link id.
//!
//! They are kept packed. A link that a batch changes is *open* from its first change to the end of the batch: it lies
//! unpacked in a list, so that the steps of a batch cost no packing, and [`LinkTable::close`] packs all of them.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::attribute::Field;
use super::flow::{Passage, RelWeights};
use super::packed::{HASH_BITS, Packed, Sides, hash_bytes, hash_of};
use super::register::{NEVER, Registers};
use super::sources::Sources;
use crate::blocks::Blocks;
use crate::graph::WeightClass;
use crate::memory::block_bytes;
use crate::places::PlaceIndex;
use crate::shards::SideMap;

/// Room for so many open links is kept.
const KEPT_OPEN: usize = 64;

/// What a link joins, as indexes of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Page that links.
    pub source_page: u32,
    /// Page linked to.
    pub target_page: u32,
    /// Both pages are of one registrable domain.
    pub is_internal: bool,
}

/// What the core keeps of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Key of the pair of URLs.
    pub link_id: u64,
    /// The pages it joins.
    pub ends: Ends,
    /// Time registers and status.
    pub registers: Registers,
    /// Latest instant at which a current attribute began to hold; NEVER without attributes.
    pub attributes_changed_at: i64,
    pub(super) anchor_hash: u64,
    pub(crate) rel_hash: u64,
    pub(super) type_hash: u64,
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
            type_hash: 0,
            rel_class: WeightClass::FIRST,
            passage: Passage::Share,
            has_other_attributes: false,
            touched: 0,
        }
    }

    /// Both pages are of one registrable domain.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.ends.is_internal
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
    by_id: PlaceIndex,
    packed: Blocks<Packed>,
    sides: Sides,
    sources: Sources,
    /// Links that the running batch changes, with their index.
    open: Vec<(u32, Link)>,
    /// Hashes of attributes other than anchor, rel and type; most links carry none.
    others: SideMap<Box<[Other]>>,
    /// Bytes of the lists in `others`.
    other_bytes: usize,
    seed: u64,
    weights: RelWeights,
}

/// An attribute without room of its own, and the hash of its value, without padding.
#[derive(Debug, Clone, Copy)]
struct Other(Field, [u8; 6]);

impl Other {
    fn new((field, hash): (Field, u64)) -> Self {
        Self(field, hash_bytes(hash))
    }

    fn hash(self) -> u64 {
        hash_of(self.1)
    }
}

/// The id of the link at a place.
#[inline]
fn id_at(packed: &Blocks<Packed>, at: u32) -> u64 {
    packed.get(at).map_or(0, Packed::link_id)
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
        self.packed.len()
    }

    /// True before the first link.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Find a link, or add it without state. Returns its index and whether it is new.
    pub fn find_or_add(&mut self, link_id: u64, ends: impl FnOnce() -> Ends) -> (u32, bool) {
        let Self { by_id, packed, .. } = self;
        let next = packed.len() as u32;
        let index = by_id.find_or_insert(link_id, next, |at| id_at(packed, at));
        if index < next {
            return (index, false);
        }
        let ends = ends();
        self.sources.push(ends.source_page);
        self.packed.push(Packed::new(link_id, ends));
        (index, true)
    }

    /// Have the bucket of a link fetched that will soon be asked for.
    #[inline]
    pub(crate) fn expect(&self, link_id: u64) {
        self.by_id.expect(link_id);
    }

    /// Have a link fetched, if it is known, whose bucket has been.
    #[inline]
    pub(crate) fn expect_link(&self, link_id: u64) {
        if let Some(at) = self.by_id.likely(link_id) {
            self.packed.expect(at);
        }
    }

    /// The index of a known link.
    #[must_use]
    pub fn find(&self, link_id: u64) -> Option<u32> {
        self.by_id.find(link_id, |at| id_at(&self.packed, at))
    }

    /// Make room to find so many more.
    pub(crate) fn reserve(&mut self, more: usize) {
        let Self { by_id, packed, .. } = self;
        by_id.reserve(more, |at| id_at(packed, at));
    }

    /// Take a link of a snapshot, whose ids are then found by [`Self::find_all`].
    pub(crate) fn push(&mut self, link: &Link, others: &[(Field, u64)]) {
        let index = self.packed.len() as u32;
        self.keep_others(index, others.to_vec());
        let mut packed = Packed::new(link.link_id, link.ends);
        self.sides.pack(index, link, &mut packed);
        self.sources.push(link.ends.source_page);
        self.packed.push(packed);
    }

    /// Learn to find all links by id; false if two have the same.
    pub(crate) fn find_all(&mut self) -> bool {
        let Self { by_id, packed, .. } = self;
        (0..)
            .zip(packed.iter())
            .all(|(index, link)| by_id.find_or_insert(link.link_id(), index, |at| id_at(packed, at)) == index)
    }

    /// Attributes other than anchor, rel and type, with the hashes of their current values.
    pub(crate) fn other_attributes(&self, index: u32) -> impl ExactSizeIterator<Item = (Field, u64)> {
        let list = self.others.get(index).map(AsRef::as_ref).unwrap_or_default();
        list.iter().map(|other: &Other| (other.0, other.hash()))
    }

    /// Put a list in place of the one before it; an empty one takes no room.
    fn keep_others(&mut self, index: u32, list: Vec<(Field, u64)>) {
        let before = if list.is_empty() {
            self.others.remove(index)
        } else {
            let list: Box<[Other]> = list.into_iter().map(Other::new).collect();
            self.other_bytes += list_bytes(&list);
            self.others.insert(index, list)
        };
        self.other_bytes -= before.map_or(0, |list| list_bytes(&list));
    }

    /// The link at an index that this table gave.
    #[must_use]
    #[inline]
    pub fn get(&self, index: u32) -> Option<Link> {
        self.get_from(index, || self.sources.page_of(index))
    }

    /// All known links that leave a page, newest first.
    pub(crate) fn all_of(&self, page: u32) -> impl Iterator<Item = Link> {
        self.links_of(page).filter_map(move |index| self.get_from(index, || page))
    }

    #[inline]
    fn get_from(&self, index: u32, source_page: impl FnOnce() -> u32) -> Option<Link> {
        let packed = self.packed.get(index)?;
        match packed.place() {
            None => Some(self.sides.unpack(index, packed, source_page())),
            Some(place) => self.open.get(place).map(|open| open.1),
        }
    }

    /// The link at an index, if the running batch has changed it.
    #[must_use]
    pub fn open(&self, index: u32) -> Option<&Link> {
        self.open.get(self.packed.get(index)?.place()?).map(|open| &open.1)
    }

    /// The link at an index that this table gave, to change it; it is open from then on.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Link> {
        let packed = self.packed.get_mut(index)?;
        let place = if let Some(place) = packed.place() {
            place
        } else {
            let link = self.sides.unpack(index, packed, self.sources.page_of(index));
            let place = self.open.len();
            packed.open_at(place as u32);
            self.open.push((index, link));
            place
        };
        self.open.get_mut(place).map(|open| &mut open.1)
    }

    /// Change a link without leaving it open.
    pub fn change(&mut self, index: u32, change: impl FnOnce(&mut Link)) {
        let Some(packed) = self.packed.get_mut(index) else { return };
        if let Some(place) = packed.place() {
            if let Some((_, link)) = self.open.get_mut(place) {
                change(link);
            }
            return;
        }
        let mut link = self.sides.unpack(index, packed, self.sources.page_of(index));
        change(&mut link);
        self.sides.pack(index, &link, packed);
    }

    /// Move the last sighting of a link, and nothing else of it.
    pub fn see_again(&mut self, index: u32, at: i64) {
        let is_moved = self
            .packed
            .get_mut(index)
            .is_some_and(|packed| packed.place().is_none() && packed.move_last_seen(at));
        if !is_moved {
            self.change(index, |link| link.registers.last_seen = at);
        }
    }

    /// Pack all open links: the batch is over.
    pub fn close(&mut self) {
        let mut open = std::mem::take(&mut self.open);
        for (index, link) in open.drain(..) {
            if let Some(packed) = self.packed.get_mut(index) {
                self.sides.pack(index, &link, packed);
            }
        }
        // The room of a batch goes back; that of single links is wanted again at once.
        if open.capacity() <= KEPT_OPEN {
            self.open = open;
        }
    }

    /// All links, in order of their index.
    pub fn iter(&self) -> impl Iterator<Item = Link> {
        let pages = self.sources.iter();
        (0u32..).zip(self.packed.iter().zip(pages)).filter_map(|(index, (packed, page))| {
            match packed.place() {
                None => Some(self.sides.unpack(index, packed, page)),
                Some(_) => self.get(index),
            }
        })
    }

    /// All links to some pages, in order of their index. Of the others no more than that is read.
    pub(crate) fn links_to(&self, is_wanted: impl Fn(u32) -> bool) -> impl Iterator<Item = Link> {
        (0u32..).zip(self.packed.iter()).filter_map(move |(index, packed)| match packed.place() {
            None if !is_wanted(packed.target_page()) => None,
            _ => self.get(index).filter(|link| is_wanted(link.ends.target_page)),
        })
    }

    /// All links known to leave a page, newest first.
    pub fn links_of(&self, page: u32) -> impl Iterator<Item = u32> {
        self.sources.links_of(page)
    }

    /// The newest link that leaves a page.
    #[must_use]
    pub fn newest_link(&self, page: u32) -> Option<u32> {
        self.sources.newest_link(page)
    }

    /// The link that was known before this one and leaves the same page.
    #[must_use]
    pub fn link_before(&self, link: u32) -> Option<u32> {
        self.sources.link_before(link)
    }

    /// The hash under which a value is remembered; never 0, which means "not carried".
    #[must_use]
    pub fn hash(&self, value: &str) -> u64 {
        (xxh3_64_with_seed(value.as_bytes(), self.seed) >> (64 - HASH_BITS)).max(1)
    }

    /// Hash of the current value of a field; 0 if no sighting carried it.
    #[must_use]
    pub fn attribute_hash(&self, index: u32, field: Field) -> u64 {
        let Some(packed) = self.packed.get(index) else { return 0 };
        let open = packed.place().and_then(|place| self.open.get(place)).map(|open| &open.1);
        match (field, open) {
            (Field::ANCHOR, Some(link)) => link.anchor_hash,
            (Field::ANCHOR, None) => packed.anchor_hash(),
            (Field::REL, Some(link)) => link.rel_hash,
            (Field::REL, None) => self.sides.rel_hash(index, packed),
            (Field::LINK_TYPE, Some(link)) => link.type_hash,
            (Field::LINK_TYPE, None) => self.sides.type_hash(index, packed),
            _ if !open.map_or_else(|| packed.has_others(), |link| link.has_other_attributes) => {
                self.hash_before(field)
            }
            _ => {
                let known = self.other_attributes(index).find(|known| known.0 == field);
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
        let (hash, class) = (self.hash(value), self.weights);
        self.change(index, |link| {
            link.attributes_changed_at = link.attributes_changed_at.max(at);
            match field {
                Field::ANCHOR => link.anchor_hash = hash,
                Field::REL => (link.rel_hash, link.rel_class) = (hash, class.class_of(value)),
                Field::LINK_TYPE => (link.type_hash, link.passage) = (hash, Passage::of(value)),
                _ => link.has_other_attributes = true,
            }
        });
        if field.has_own_room() || index as usize >= self.len() {
            return;
        }
        let known =
            self.others.get_mut(index).and_then(|list| list.iter_mut().find(|known| known.0 == field));
        if let Some(known) = known {
            *known = Other::new((field, hash));
        } else {
            self.keep_others(index, self.other_attributes(index).chain([(field, hash)]).collect());
        }
    }

    /// Make a link what it was before the running batch, attributes apart that have no room of their own.
    pub fn put_back(&mut self, index: u32, before: &Link) {
        self.change(index, |link| *link = Link { touched: link.touched, ..*before });
    }

    /// Set the remembered hash of an attribute that has no room of its own; 0 forgets it.
    pub fn set_other_hash(&mut self, index: u32, field: Field, hash: u64) {
        let rest = self.other_attributes(index).filter(|(known, _)| *known != field);
        let list = rest.chain((hash != 0).then_some((field, hash))).collect();
        self.keep_others(index, list);
    }

    /// Forget all attributes of a link, before they are set again from a derivation.
    pub fn clear_attributes(&mut self, index: u32) {
        let mut had_others = false;
        self.change(index, |link| {
            had_others = link.has_other_attributes;
            link.has_other_attributes = false;
            (link.anchor_hash, link.rel_hash, link.type_hash) = (0, 0, 0);
            (link.rel_class, link.passage) = (WeightClass::FIRST, Passage::Share);
            link.attributes_changed_at = NEVER;
        });
        if had_others {
            self.keep_others(index, Vec::new());
        }
    }

    /// Bytes held, reserved room included; what the running batch holds open is its own.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.packed.memory_bytes()
            + self.by_id.memory_bytes()
            + self.sides.memory_bytes()
            + self.sources.memory_bytes()
            + self.others.memory_bytes()
            + self.other_bytes
    }

    /// Give reserved room back.
    pub fn shrink(&mut self) {
        let Self { by_id, packed, .. } = self;
        by_id.shrink(|at| id_at(packed, at));
        packed.shrink();
        self.sides.shrink();
        self.sources.shrink();
        self.others.shrink();
    }
}

fn list_bytes(list: &[Other]) -> usize {
    block_bytes(size_of_val(list))
}
