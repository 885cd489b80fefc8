//! A link as bytes, for snapshots: what is absent takes no room.

use super::attribute::Field;
use super::flow::Passage;
use super::packed::HASH_BITS;
use super::register::{NEVER, Registers, Status};
use super::table::{Ends, Link};
use crate::event::LossReason;
use crate::graph::WeightClass;
use crate::snapshot::bytes::{Reader, Write};

// The low six bits: status, passage, class of the rel. Then what of the rest is there.
const PASSAGE_SHIFT: u32 = 2;
const CLASS_SHIFT: u32 = 4;
const TWO_BITS: u32 = 3;
const HAS_LAST_SEEN: u32 = 1 << 6;
/// The newest life began with its last sighting: most links were seen once.
const STARTED_LAST_SEEN: u32 = 1 << 7;
const HAS_STARTED: u32 = 1 << 8;
const HAS_FIRM: u32 = 1 << 9;
const HAS_SUSPECT: u32 = 1 << 10;
const HAS_SUSPECT_BEFORE: u32 = 1 << 11;
const HAS_CONFIRMED: u32 = 1 << 12;
const HAS_EARLIER_LIFE: u32 = 1 << 13;
const HAS_ANCHOR: u32 = 1 << 14;
const HAS_REL: u32 = 1 << 15;
/// The attributes hold since the newest life began.
const CHANGED_STARTED: u32 = 1 << 16;
const HAS_CHANGED: u32 = 1 << 17;
const HAS_OTHERS: u32 = 1 << 18;
const HAS_TYPE: u32 = 1 << 19;
const IS_INTERNAL: u32 = 1 << 20;

impl Link {
    /// Append the link, its attributes without room of their own with it.
    pub(crate) fn save(&self, others: impl ExactSizeIterator<Item = (Field, u64)>, out: &mut Vec<u8>) {
        let registers = &self.registers;
        let (started, changed) = (registers.started_at, self.attributes_changed_at);
        let started_last_seen = started != NEVER && started == registers.last_seen;
        let changed_started = changed != NEVER && changed == started;
        let mut flags = registers.status as u32
            | u32::from(self.passage.code()) << PASSAGE_SHIFT
            | (u32::from(self.rel_class.0) & TWO_BITS) << CLASS_SHIFT;
        for (flag, is_set) in [
            (HAS_LAST_SEEN, registers.last_seen != NEVER),
            (STARTED_LAST_SEEN, started_last_seen),
            (HAS_STARTED, started != NEVER && !started_last_seen),
            (HAS_FIRM, registers.firm_at != NEVER),
            (HAS_SUSPECT, registers.suspect_at != NEVER),
            (HAS_SUSPECT_BEFORE, registers.suspect_before_at != NEVER),
            (HAS_CONFIRMED, registers.confirmed_at != NEVER),
            (HAS_EARLIER_LIFE, registers.has_earlier_life),
            (HAS_ANCHOR, self.anchor_hash != 0),
            (HAS_REL, self.rel_hash != 0),
            (CHANGED_STARTED, changed_started),
            (HAS_CHANGED, changed != NEVER && !changed_started),
            (HAS_OTHERS, self.has_other_attributes),
            (HAS_TYPE, self.type_hash != 0),
            (IS_INTERNAL, self.ends.is_internal),
        ] {
            flags |= if is_set { flag } else { 0 };
        }
        out.put_u32(flags);
        out.put_u64(self.link_id);
        out.put_u32(self.ends.source_page);
        out.put_u32(self.ends.target_page);
        for (flag, value) in [
            (HAS_LAST_SEEN, registers.last_seen),
            (HAS_STARTED, started),
            (HAS_FIRM, registers.firm_at),
            (HAS_SUSPECT, registers.suspect_at),
            (HAS_SUSPECT_BEFORE, registers.suspect_before_at),
            (HAS_CONFIRMED, registers.confirmed_at),
            (HAS_CHANGED, changed),
        ] {
            if flags & flag != 0 {
                out.put_i64(value);
            }
        }
        for (flag, hash) in
            [(HAS_ANCHOR, self.anchor_hash), (HAS_REL, self.rel_hash), (HAS_TYPE, self.type_hash)]
        {
            if flags & flag != 0 {
                out.put_u64(hash);
            }
        }
        if flags & HAS_FIRM != 0 {
            out.put_text(registers.firm_reason.as_str());
        }
        if flags & HAS_OTHERS != 0 {
            out.put_u32(others.len() as u32);
            for (field, hash) in others {
                out.put_text(field.as_str());
                out.put_u64(hash);
            }
        }
    }

    /// Read what [`Self::save`] appended; none if it cannot be a link.
    pub(crate) fn load(from: &mut Reader<'_>) -> Option<(Self, Vec<(Field, u64)>)> {
        let flags = from.u32()?;
        let has = |flag: u32| flags & flag != 0;
        let link_id = from.u64()?;
        let ends = Ends { source_page: from.u32()?, target_page: from.u32()?, is_internal: has(IS_INTERNAL) };
        let mut time = |flag: u32| if has(flag) { from.i64() } else { Some(NEVER) };
        let last_seen = time(HAS_LAST_SEEN)?;
        let own_start = time(HAS_STARTED)?;
        let started_at = if has(STARTED_LAST_SEEN) { last_seen } else { own_start };
        let (firm_at, suspect_at) = (time(HAS_FIRM)?, time(HAS_SUSPECT)?);
        let (suspect_before_at, confirmed_at) = (time(HAS_SUSPECT_BEFORE)?, time(HAS_CONFIRMED)?);
        let own_change = time(HAS_CHANGED)?;
        let mut hash = |flag: u32| if has(flag) { load_hash(from) } else { Some(0) };
        let (anchor_hash, rel_hash, type_hash) = (hash(HAS_ANCHOR)?, hash(HAS_REL)?, hash(HAS_TYPE)?);
        let firm_reason =
            if has(HAS_FIRM) { LossReason::parse(from.text()?)? } else { LossReason::PAGE_ERROR };
        let others = if has(HAS_OTHERS) { load_others(from)? } else { Vec::new() };
        let registers = Registers {
            last_seen,
            firm_at,
            suspect_at,
            suspect_before_at,
            started_at,
            confirmed_at,
            firm_reason,
            status: Status::of_code((flags & TWO_BITS) as u8),
            has_earlier_life: has(HAS_EARLIER_LIFE),
        };
        let link = Self {
            registers,
            attributes_changed_at: if has(CHANGED_STARTED) { started_at } else { own_change },
            anchor_hash,
            rel_hash,
            type_hash,
            rel_class: WeightClass((flags >> CLASS_SHIFT & TWO_BITS) as u8),
            passage: Passage::of_code((flags >> PASSAGE_SHIFT & TWO_BITS) as u8)?,
            has_other_attributes: has(HAS_OTHERS),
            ..Self::new(link_id, ends)
        };
        Some((link, others))
    }
}

fn load_hash(from: &mut Reader<'_>) -> Option<u64> {
    from.u64().filter(|hash| hash >> HASH_BITS == 0)
}

fn load_others(from: &mut Reader<'_>) -> Option<Vec<(Field, u64)>> {
    let count = from.u32()?;
    (0..count).map(|_| Some((Field::parse(from.text()?)?, load_hash(from)?))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time() -> impl Strategy<Value = i64> {
        prop_oneof![Just(NEVER), 0i64..4, any::<i64>()]
    }

    fn reason() -> impl Strategy<Value = LossReason> {
        let names = ["removedfromhtml", "notfound", "dropped:vendor_1", "noindex"];
        prop::sample::select(names.to_vec()).prop_map(|name| LossReason::parse(name).unwrap())
    }

    prop_compose! {
        fn link()(
            ids in any::<(u64, u32, u32, bool)>(), times in prop::collection::vec(time(), 7), reason in reason(),
            hashes in any::<[Option<u64>; 3]>(), codes in (0u8..4, 0u8..4, 0u8..3), is_restored in any::<bool>(),
            others in prop::collection::vec((prop::sample::select(vec!["alt", "language", "noindex"]), any::<u64>()), 0..3),
            has_others in any::<bool>(),
        ) -> (Link, Vec<(Field, u64)>) {
            let (link_id, source_page, target_page, is_internal) = ids;
            let registers = Registers {
                last_seen: times[0], firm_at: times[1], suspect_at: times[2], suspect_before_at: times[3],
                started_at: times[4], confirmed_at: times[5],
                firm_reason: if times[1] == NEVER { LossReason::PAGE_ERROR } else { reason },
                status: Status::of_code(codes.0), has_earlier_life: is_restored,
            };
            let ends = Ends { source_page, target_page, is_internal };
            let [anchor_hash, rel_hash, type_hash] = hashes.map(|hash| hash.unwrap_or(0) >> 16);
            let others: Vec<_> = others.into_iter().map(|(name, hash)| (Field::parse(name).unwrap(), hash >> 16)).collect();
            let others = if has_others { others } else { Vec::new() };
            let link = Link {
                registers, attributes_changed_at: times[6],
                anchor_hash, rel_hash, type_hash,
                rel_class: WeightClass(codes.1), passage: Passage::of_code(codes.2).unwrap(),
                has_other_attributes: has_others, ..Link::new(link_id, ends)
            };
            (link, others)
        }
    }

    proptest! {
        #[test]
        fn what_is_saved_is_loaded(links in prop::collection::vec(link(), 0..5)) {
            let mut bytes = Vec::new();
            for (link, others) in &links {
                link.save(others.iter().copied(), &mut bytes);
            }
            let mut reader = Reader::new(&bytes);
            for link in &links {
                prop_assert_eq!(&Link::load(&mut reader).unwrap(), link);
            }
            prop_assert!(reader.is_empty());
            if let Some(cut) = bytes.len().checked_sub(1) {
                let mut short = Reader::new(&bytes[..cut]);
                prop_assert!((0..links.len()).any(|_| Link::load(&mut short).is_none()));
            }
        }

        #[test]
        fn any_bytes_are_a_link_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _either = Link::load(&mut Reader::new(&bytes));
        }
    }
}
