//! A link in 34 bytes, every time exact to the microsecond, and beside it what few links have.
//!
//! Layout: id 8 B, target page 4, last sighting and start of the newest life 8 each (51 bits of time, 13 of flags), hash
//! of the anchor 6. A time in a word is µs since 1990, when the contract begins to take times; 51 bits reach to
//! 2061. One beyond stands aside: rare things may cost more, nothing may be rounded. Loss registers stand aside always,
//! the other times where they are not that of another register, as they nearly always are.

use super::flow::Passage;
use super::life::SUSPECT_WINDOW_US;
use super::register::{NEVER, Registers, Status};
use super::shared_hashes::SharedHashes;
use super::table::{Ends, Link};
use crate::event::LossReason;
use crate::graph::WeightClass;
use crate::shards::SideMap;

/// Hashes of attributes have so many bits. Two values that follow each other on a link are taken for one by chance once
/// in 2^48 changes: with a thousand million changes that is 1 in 280,000, about what the 64 bits of link ids leave
/// open among ten million links. The seed is the database's, so such values cannot be made.
pub(super) const HASH_BITS: u32 = 48;

const BYTES: usize = 34;
const TIME_BITS: u32 = 51;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
/// 1990-01-01, µs.
const EPOCH: i64 = 631_152_000_000_000;
// Codes of a time in a word; the rest are µs since EPOCH, plus FIRST.
const AT_NEVER: u64 = 0;
const AT_ASIDE: u64 = 1;
const FIRST: u64 = 2;

/// Some of the 13 flags of a word: where they begin and how many bits they have.
#[derive(Clone, Copy)]
struct Bits(u32, u32);

// In the word of the last sighting.
const STATUS: Bits = Bits(51, 2);
const PASSAGE: Bits = Bits(53, 2);
const CLASS: Bits = Bits(55, 2);
const CONFIRMED: Bits = Bits(57, 2);
const EARLIER_LIFE: Bits = Bits(59, 1);
const INTERNAL: Bits = Bits(60, 1);
const OTHERS: Bits = Bits(61, 1);
const OPEN: Bits = Bits(62, 1);
const FIRM: Bits = Bits(63, 1);
// In the word of the start.
const TYPE: Bits = Bits(51, 4);
const CHANGED: Bits = Bits(55, 2);
const SUSPECT: Bits = Bits(57, 1);
const REL: Bits = Bits(58, 6);

// Where `confirmed_at` and `attributes_changed_at` are.
const IS_NEVER: u64 = 0;
const IS_ASIDE: u64 = 1;
/// `confirmed_at` is that of the last firm loss; `attributes_changed_at` is the start of the newest life.
const IS_OTHER: u64 = 2;
/// `confirmed_at` is the end of the wait for a second word.
const IS_WINDOW_END: u64 = 3;

impl Bits {
    fn of(self, word: u64) -> u64 {
        word >> self.0 & ((1 << self.1) - 1)
    }

    fn with(self, value: u64) -> u64 {
        value << self.0
    }

    /// The greatest value.
    const fn most(self) -> u8 {
        (1 << self.1) - 1
    }
}

/// A link as the table keeps it; [`Sides`] tells what it stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed([u8; BYTES]);

impl Packed {
    /// A link without state.
    pub(super) fn new(link_id: u64, ends: Ends) -> Self {
        let mut packed = Self([0; BYTES]);
        packed.put(0, link_id.to_le_bytes());
        packed.put(8, ends.target_page.to_le_bytes());
        packed.put(12, INTERNAL.with(ends.is_internal.into()).to_le_bytes());
        packed
    }

    #[inline]
    fn part<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
    }

    #[inline]
    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        if let Some(part) = self.0.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *part = bytes;
        }
    }

    #[inline]
    pub(super) fn link_id(&self) -> u64 {
        u64::from_le_bytes(self.part(0))
    }

    #[inline]
    fn seen(&self) -> u64 {
        u64::from_le_bytes(self.part(12))
    }

    #[inline]
    fn start(&self) -> u64 {
        u64::from_le_bytes(self.part(20))
    }

    #[inline]
    pub(super) fn anchor_hash(&self) -> u64 {
        hash_of(self.part(28))
    }

    pub(super) fn has_others(&self) -> bool {
        OTHERS.of(self.seen()) != 0
    }

    /// Where it stands among the open links, if it is open.
    #[inline]
    pub(super) fn place(&self) -> Option<usize> {
        (OPEN.of(self.seen()) != 0).then(|| u32::from_le_bytes(self.part(8)) as usize)
    }

    /// The page linked to, unless it is open.
    #[inline]
    pub(super) fn target_page(&self) -> u32 {
        u32::from_le_bytes(self.part(8))
    }

    /// The place takes the room of the target page; closing the link packs it anew.
    pub(super) fn open_at(&mut self, place: u32) {
        self.put(8, place.to_le_bytes());
        self.put(12, (self.seen() | OPEN.with(1)).to_le_bytes());
    }

    /// Move the last sighting; false if that takes more than the word.
    pub(super) fn move_last_seen(&mut self, at: i64) -> bool {
        let (word, coded) = (self.seen(), coded(at));
        let is_plain = word & TIME_MASK != AT_ASIDE && coded != AT_ASIDE;
        if is_plain {
            self.put(12, (word & !TIME_MASK | coded).to_le_bytes());
        }
        is_plain
    }
}

/// A hash without the bytes that it does not need.
pub(super) fn hash_bytes(hash: u64) -> [u8; 6] {
    let [bytes @ .., _, _] = hash.to_le_bytes();
    bytes
}

/// What [`hash_bytes`] was given.
#[inline]
pub(super) fn hash_of(bytes: [u8; 6]) -> u64 {
    let mut all = [0; 8];
    if let Some(first) = all.first_chunk_mut() {
        *first = bytes;
    }
    u64::from_le_bytes(all)
}

#[inline]
fn coded(at: i64) -> u64 {
    match at.checked_sub(EPOCH).map(u64::try_from) {
        _ if at == NEVER => AT_NEVER,
        Some(Ok(since)) if since <= TIME_MASK - FIRST => since + FIRST,
        _ => AT_ASIDE,
    }
}

/// A value that is kept without padding.
type Wide = [u8; 8];

/// What few links have, by their index, and the texts that many share.
#[derive(Debug, Clone)]
pub(super) struct Sides {
    last_seen: SideMap<Wide>,
    started: SideMap<Wide>,
    confirmed: SideMap<Wide>,
    changed: SideMap<Wide>,
    firm: SideMap<(Wide, LossReason)>,
    suspect: SideMap<[Wide; 2]>,
    rel: SideMap<Wide>,
    link_type: SideMap<Wide>,
    rels: SharedHashes,
    types: SharedHashes,
}

impl Default for Sides {
    fn default() -> Self {
        Self {
            last_seen: SideMap::default(),
            started: SideMap::default(),
            confirmed: SideMap::default(),
            changed: SideMap::default(),
            firm: SideMap::default(),
            suspect: SideMap::default(),
            rel: SideMap::default(),
            link_type: SideMap::default(),
            rels: SharedHashes::new(REL.most()),
            types: SharedHashes::new(TYPE.most()),
        }
    }
}

impl Sides {
    /// What a packed link stands for; it is not open.
    #[inline]
    pub(super) fn unpack(&self, index: u32, packed: &Packed, source_page: u32) -> Link {
        let (seen, start) = (packed.seen(), packed.start());
        let last_seen = time(seen, index, &self.last_seen);
        let started_at = time(start, index, &self.started);
        let (firm_at, firm_reason) = self.firm_of(index, seen);
        let (suspect_at, suspect_before_at) = self.suspect_of(index, start);
        let confirmed_at = match CONFIRMED.of(seen) {
            IS_NEVER => NEVER,
            IS_OTHER => firm_at,
            IS_WINDOW_END => suspect_at.wrapping_add(SUSPECT_WINDOW_US),
            _ => aside(&self.confirmed, index),
        };
        let attributes_changed_at = match CHANGED.of(start) {
            IS_NEVER => NEVER,
            IS_OTHER => started_at,
            _ => aside(&self.changed, index),
        };
        let registers = Registers {
            last_seen,
            firm_at,
            suspect_at,
            suspect_before_at,
            started_at,
            confirmed_at,
            firm_reason,
            status: Status::of_code(STATUS.of(seen) as u8),
            has_earlier_life: EARLIER_LIFE.of(seen) != 0,
        };
        let ends = Ends {
            source_page,
            target_page: u32::from_le_bytes(packed.part(8)),
            is_internal: INTERNAL.of(seen) != 0,
        };
        Link {
            registers,
            attributes_changed_at,
            anchor_hash: packed.anchor_hash(),
            rel_hash: self.rel_hash(index, packed),
            type_hash: self.type_hash(index, packed),
            rel_class: WeightClass(CLASS.of(seen) as u8),
            passage: Passage::of_code(PASSAGE.of(seen) as u8).unwrap_or_default(),
            has_other_attributes: packed.has_others(),
            ..Link::new(packed.link_id(), ends)
        }
    }

    /// Put a link in place of what was packed of it before.
    pub(super) fn pack(&mut self, index: u32, link: &Link, packed: &mut Packed) {
        let registers = &link.registers;
        let (was_seen, was_start) = (packed.seen(), packed.start());
        let seen = self.put_seen(index, was_seen, link);
        let start = self.put_start(index, was_start, link);
        let loss = (registers.firm_at.to_le_bytes(), registers.firm_reason);
        keep(&mut self.firm, index, FIRM.of(was_seen) != 0, (FIRM.of(seen) != 0).then_some(loss));
        let suspects = [registers.suspect_at, registers.suspect_before_at].map(i64::to_le_bytes);
        let is_suspect = SUSPECT.of(start) != 0;
        keep(&mut self.suspect, index, SUSPECT.of(was_start) != 0, is_suspect.then_some(suspects));
        packed.put(8, link.ends.target_page.to_le_bytes());
        packed.put(12, seen.to_le_bytes());
        packed.put(20, start.to_le_bytes());
        packed.put(28, hash_bytes(link.anchor_hash));
    }

    /// The word of the last sighting, and what of it stands aside.
    fn put_seen(&mut self, index: u32, before: u64, link: &Link) -> u64 {
        let registers = &link.registers;
        let confirmed = match registers.confirmed_at {
            NEVER => IS_NEVER,
            at if at == registers.firm_at => IS_OTHER,
            at if registers.suspect_at.checked_add(SUSPECT_WINDOW_US) == Some(at)
                && registers.suspect_at != NEVER =>
            {
                IS_WINDOW_END
            }
            _ => IS_ASIDE,
        };
        let aside = (confirmed == IS_ASIDE).then(|| registers.confirmed_at.to_le_bytes());
        keep(&mut self.confirmed, index, CONFIRMED.of(before) == IS_ASIDE, aside);
        put_time(&mut self.last_seen, index, before, registers.last_seen)
            | STATUS.with(registers.status as u64)
            | PASSAGE.with(link.passage.code().into())
            | CLASS.with(link.rel_class.0.into())
            | CONFIRMED.with(confirmed)
            | EARLIER_LIFE.with(registers.has_earlier_life.into())
            | INTERNAL.with(link.ends.is_internal.into())
            | OTHERS.with(link.has_other_attributes.into())
            | FIRM.with((registers.firm_at != NEVER).into())
    }

    /// The word of the start, and what of it stands aside but losses.
    fn put_start(&mut self, index: u32, before: u64, link: &Link) -> u64 {
        let registers = &link.registers;
        let changed = match link.attributes_changed_at {
            NEVER => IS_NEVER,
            at if at == registers.started_at => IS_OTHER,
            _ => IS_ASIDE,
        };
        let aside = (changed == IS_ASIDE).then(|| link.attributes_changed_at.to_le_bytes());
        keep(&mut self.changed, index, CHANGED.of(before) == IS_ASIDE, aside);
        let link_type = self.types.code(link.type_hash);
        let aside = (link_type == TYPE.most()).then(|| link.type_hash.to_le_bytes());
        keep(&mut self.link_type, index, TYPE.of(before) == u64::from(TYPE.most()), aside);
        let rel = self.rels.code(link.rel_hash);
        let aside = (rel == REL.most()).then(|| link.rel_hash.to_le_bytes());
        keep(&mut self.rel, index, REL.of(before) == u64::from(REL.most()), aside);
        let has_suspect = registers.suspect_at != NEVER || registers.suspect_before_at != NEVER;
        put_time(&mut self.started, index, before, registers.started_at)
            | TYPE.with(link_type.into())
            | CHANGED.with(changed)
            | REL.with(rel.into())
            | SUSPECT.with(has_suspect.into())
    }

    fn firm_of(&self, index: u32, seen: u64) -> (i64, LossReason) {
        let known = (FIRM.of(seen) != 0).then(|| self.firm.get(index)).flatten();
        known.map_or((NEVER, LossReason::PAGE_ERROR), |(at, reason)| (i64::from_le_bytes(*at), *reason))
    }

    fn suspect_of(&self, index: u32, start: u64) -> (i64, i64) {
        let known = (SUSPECT.of(start) != 0).then(|| self.suspect.get(index)).flatten();
        let [at, before] = known.copied().unwrap_or([NEVER.to_le_bytes(); 2]);
        (i64::from_le_bytes(at), i64::from_le_bytes(before))
    }

    pub(super) fn rel_hash(&self, index: u32, packed: &Packed) -> u64 {
        match REL.of(packed.start()) as u8 {
            code if code == REL.most() => aside(&self.rel, index).cast_unsigned(),
            code => self.rels.hash(code),
        }
    }

    pub(super) fn type_hash(&self, index: u32, packed: &Packed) -> u64 {
        match TYPE.of(packed.start()) as u8 {
            code if code == TYPE.most() => aside(&self.link_type, index).cast_unsigned(),
            code => self.types.hash(code),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let times =
            [&self.last_seen, &self.started, &self.confirmed, &self.changed, &self.rel, &self.link_type];
        times.iter().map(|map| map.memory_bytes()).sum::<usize>()
            + self.firm.memory_bytes()
            + self.suspect.memory_bytes()
            + self.rels.memory_bytes()
            + self.types.memory_bytes()
    }

    pub(super) fn shrink(&mut self) {
        let Self { last_seen, started, confirmed, changed, firm, suspect, rel, link_type, .. } = self;
        for map in [last_seen, started, confirmed, changed, rel, link_type] {
            map.shrink();
        }
        firm.shrink();
        suspect.shrink();
    }
}

/// A time that a word has or that stands aside.
#[inline]
fn time(word: u64, index: u32, map: &SideMap<Wide>) -> i64 {
    match word & TIME_MASK {
        AT_NEVER => NEVER,
        AT_ASIDE => aside(map, index),
        since => EPOCH + (since - FIRST) as i64,
    }
}

fn put_time(map: &mut SideMap<Wide>, index: u32, before: u64, at: i64) -> u64 {
    let coded = coded(at);
    keep(map, index, before & TIME_MASK == AT_ASIDE, (coded == AT_ASIDE).then(|| at.to_le_bytes()));
    coded
}

fn aside(map: &SideMap<Wide>, index: u32) -> i64 {
    map.get(index).map_or(NEVER, |value| i64::from_le_bytes(*value))
}

/// Put a value where there is one now, take it away where there was one.
fn keep<V>(map: &mut SideMap<V>, index: u32, was: bool, value: Option<V>) {
    match value {
        Some(value) => {
            map.insert(index, value);
        }
        None if was => {
            map.remove(index);
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time() -> impl Strategy<Value = i64> {
        let edges = [NEVER, NEVER + 1, EPOCH - 1, EPOCH, EPOCH + TIME_MASK as i64, i64::MAX, 0];
        let known = 1_780_000_000_000_000i64..1_780_000_000_000_004;
        prop_oneof![
            prop::sample::select(edges.to_vec()),
            known.clone(),
            known.prop_map(|at| at + SUSPECT_WINDOW_US),
            (EPOCH + TIME_MASK as i64 - 4..=EPOCH + TIME_MASK as i64 + 4),
            any::<i64>(),
        ]
    }

    fn reason() -> impl Strategy<Value = LossReason> {
        let names = ["removedfromhtml", "notfound", "dropped:vendor_1"];
        prop::sample::select(names.to_vec()).prop_map(|name| LossReason::parse(name).unwrap())
    }

    prop_compose! {
        fn link()(
            ids in any::<(u64, u32, u32, bool)>(), times in prop::array::uniform7(time()), reason in reason(),
            hashes in any::<[u64; 3]>(), few in (0u64..400, 0u64..30), codes in (0u8..4, 0u8..4, 0u8..3),
            flags in any::<(bool, bool)>(),
        ) -> Link {
            let (link_id, source_page, target_page, is_internal) = ids;
            let registers = Registers {
                last_seen: times[0], firm_at: times[1], suspect_at: times[2], suspect_before_at: times[3],
                started_at: times[4], confirmed_at: times[5],
                firm_reason: if times[1] == NEVER { LossReason::PAGE_ERROR } else { reason },
                status: Status::of_code(codes.0), has_earlier_life: flags.0,
            };
            let ends = Ends { source_page, target_page, is_internal };
            Link {
                registers, attributes_changed_at: times[6], anchor_hash: hashes[0] >> 16,
                rel_hash: few.0.wrapping_mul(0x1_0001_0001), type_hash: few.1.wrapping_mul(0x7_0001_0001),
                rel_class: WeightClass(codes.1), passage: Passage::of_code(codes.2).unwrap(),
                has_other_attributes: flags.1, ..Link::new(link_id, ends)
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_time_survives(at in time()) {
            let mut map = SideMap::default();
            prop_assert_eq!(super::time(put_time(&mut map, 3, 0, at), 3, &map), at);
        }

        /// Links packed over one another, in any order, are what was packed last; nothing stays aside of what was.
        #[test]
        fn what_is_packed_is_unpacked(steps in prop::collection::vec((0u32..3, link(), time()), 1..400)) {
            let mut sides = Sides::default();
            let mut packed: [Option<(Packed, Link)>; 3] = [None; 3];
            for (index, mut link, at) in steps {
                let slot = &mut packed[index as usize];
                if let Some((_, before)) = slot {
                    link.link_id = before.link_id;
                }
                let mut now = slot.map_or_else(|| Packed::new(link.link_id, link.ends), |known| known.0);
                now.open_at(7);
                prop_assert_eq!(now.place(), Some(7));
                sides.pack(index, &link, &mut now);
                prop_assert_eq!(now.place(), None);
                if now.move_last_seen(at) {
                    link.registers.last_seen = at;
                }
                *slot = Some((now, link));
                for (index, (packed, link)) in (0..).zip(&packed).filter_map(|(at, one)| Some((at, one.as_ref()?))) {
                    prop_assert_eq!(&sides.unpack(index, packed, link.ends.source_page), link);
                    prop_assert_eq!((packed.link_id(), packed.anchor_hash()), (link.link_id, link.anchor_hash));
                }
            }
            let blank = Link::new(0, Ends { source_page: 0, target_page: 0, is_internal: false });
            for (index, slot) in (0..).zip(&mut packed) {
                if let Some((packed, _)) = slot {
                    sides.pack(index, &blank, packed);
                }
            }
            let aside = [&sides.last_seen, &sides.started, &sides.confirmed, &sides.changed, &sides.rel, &sides.link_type];
            prop_assert!(aside.iter().all(|map| map.is_empty()) && sides.firm.is_empty() && sides.suspect.is_empty());
        }
    }
}
