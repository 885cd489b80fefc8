//! Losses that pages speak of: a complete answer is one for every link of the page, known before it or after.
//!
//! The registers of a link hold what its page said, too: an answer moves those of every known link, and a link that
//! becomes known begins with what its page has.

use super::register::NEVER;
use crate::blocks::Blocks;
use crate::event::LossReason;
use crate::places::PlaceIndex;
use crate::snapshot::bytes::{Reader, Write};

/// Loss registers, of a page or of a link; µs of event time, [`NEVER`] where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Losses {
    /// Last firm loss.
    pub firm_at: i64,
    /// Greatest suspect time.
    pub suspect_at: i64,
    /// Second greatest distinct suspect time.
    pub suspect_before_at: i64,
    /// Reason of the last firm loss; meaningless without one.
    pub firm_reason: LossReason,
}

impl Default for Losses {
    fn default() -> Self {
        Self {
            firm_at: NEVER,
            suspect_at: NEVER,
            suspect_before_at: NEVER,
            firm_reason: LossReason::PAGE_ERROR,
        }
    }
}

impl Losses {
    /// Take a loss; maxima, so neither order nor repetition matters.
    pub fn note(&mut self, at: i64, reason: LossReason) {
        if reason.is_firm() {
            if at > self.firm_at || (at == self.firm_at && reason > self.firm_reason) {
                self.firm_at = at;
                self.firm_reason = reason;
            }
        } else if at > self.suspect_at {
            self.suspect_before_at = self.suspect_at;
            self.suspect_at = at;
        } else if at < self.suspect_at && at > self.suspect_before_at {
            self.suspect_before_at = at;
        }
    }

    /// Take all that others hold.
    pub fn join(&mut self, other: &Self) {
        if other.firm_at != NEVER {
            self.note(other.firm_at, other.firm_reason);
        }
        for at in [other.suspect_at, other.suspect_before_at] {
            if at != NEVER {
                self.note(at, LossReason::PAGE_ERROR);
            }
        }
    }

    /// Append the registers, for snapshots.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        for at in [self.firm_at, self.suspect_at, self.suspect_before_at] {
            out.put_i64(at);
        }
        out.put_text(if self.firm_at == NEVER { "" } else { self.firm_reason.as_str() });
    }

    /// Read what [`Self::save`] appended; none if it cannot be that.
    pub(crate) fn load(from: &mut Reader<'_>) -> Option<Self> {
        let (firm_at, suspect_at, suspect_before_at) = (from.i64()?, from.i64()?, from.i64()?);
        let reason = from.text()?;
        let firm_reason = if firm_at == NEVER { LossReason::PAGE_ERROR } else { LossReason::parse(reason)? };
        Some(Self { firm_at, suspect_at, suspect_before_at, firm_reason })
    }
}

/// What is kept of pages that were answered for, by the key of their URL. In the order in which they came, for
/// snapshots are saved in slices.
#[derive(Debug, Default)]
pub struct PageRegisters {
    by_key: PlaceIndex,
    losses: Blocks<(u64, Losses)>,
    known_sets: PlaceIndex,
    /// Contents of pages that are stored.
    sets: Blocks<u64>,
}

#[inline]
fn key_at(losses: &Blocks<(u64, Losses)>, at: u32) -> u64 {
    losses.get(at).map_or(0, |known| known.0)
}

#[inline]
fn set_at(sets: &Blocks<u64>, at: u32) -> u64 {
    sets.get(at).copied().unwrap_or(0)
}

impl PageRegisters {
    /// What the page said of all its links; none before its first loss.
    #[must_use]
    pub fn losses(&self, page_key: u64) -> Option<&Losses> {
        if self.is_empty() {
            return None;
        }
        let at = self.by_key.find(page_key, |at| key_at(&self.losses, at))?;
        self.losses.get(at).map(|(_, losses)| losses)
    }

    /// Take a loss of every link of the page.
    pub fn note(&mut self, page_key: u64, at: i64, reason: LossReason) {
        if let Some(losses) = self.find_or_add(page_key) {
            losses.note(at, reason);
        }
    }

    /// Take the registers of a page as the tables have them.
    pub fn restore(&mut self, page_key: u64, losses: &Losses) {
        if let Some(known) = self.find_or_add(page_key) {
            known.join(losses);
        }
    }

    fn find_or_add(&mut self, page_key: u64) -> Option<&mut Losses> {
        let Self { by_key, losses, .. } = self;
        let next = losses.len() as u32;
        let at = by_key.find_or_insert(page_key, next, |at| key_at(losses, at));
        if at == next {
            losses.push((page_key, Losses::default()));
        }
        losses.get_mut(at).map(|(_, losses)| losses)
    }

    /// All pages that had a loss.
    pub fn iter(&self) -> impl Iterator<Item = &(u64, Losses)> {
        self.losses.iter()
    }

    /// Number of pages that had a loss.
    #[must_use]
    pub fn len(&self) -> usize {
        self.losses.len()
    }

    /// True before the first loss of a page.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A page by its place.
    #[must_use]
    pub fn get(&self, at: u32) -> Option<&(u64, Losses)> {
        self.losses.get(at)
    }

    /// The contents that are stored.
    pub(crate) fn sets(&self) -> &Blocks<u64> {
        &self.sets
    }

    /// Remember that a content is stored; true if it was not.
    pub fn add_set(&mut self, set_id: u64) -> bool {
        let Self { known_sets, sets, .. } = self;
        let next = sets.len() as u32;
        let is_new = known_sets.find_or_insert(set_id, next, |at| set_at(sets, at)) == next;
        if is_new {
            sets.push(set_id);
        }
        is_new
    }

    /// Give back room to grow.
    pub fn shrink(&mut self) {
        let Self { by_key, losses, known_sets, sets } = self;
        by_key.shrink(|at| key_at(losses, at));
        known_sets.shrink(|at| set_at(sets, at));
        losses.shrink();
        sets.shrink();
    }

    /// Bytes held, reserved room included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.by_key.memory_bytes()
            + self.losses.memory_bytes()
            + self.known_sets.memory_bytes()
            + self.sets.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the order and however often, the registers are the maxima and the two greatest times apart.
        #[test]
        fn registers_are_maxima(list in proptest::collection::vec((0_i64..6, 0_u8..3), 0..12), cut in 0_usize..12) {
            let reasons = [LossReason::PAGE_ERROR, LossReason::NOT_FOUND, LossReason::NO_INDEX];
            let all = list.iter().map(|&(at, reason)| (at, reasons[usize::from(reason)]));
            let mut losses = Losses::default();
            all.clone().for_each(|(at, reason)| losses.note(at, reason));
            let firm = all.clone().filter(|loss| loss.1.is_firm()).max();
            let mut suspects: Vec<i64> = all.clone().filter(|loss| !loss.1.is_firm()).map(|loss| loss.0).collect();
            suspects.sort_unstable();
            suspects.dedup();
            suspects.reverse();
            prop_assert_eq!(losses.firm_at, firm.map_or(NEVER, |loss| loss.0));
            prop_assert!(firm.is_none_or(|loss| losses.firm_reason == loss.1));
            prop_assert_eq!(losses.suspect_at, suspects.first().copied().unwrap_or(NEVER));
            prop_assert_eq!(losses.suspect_before_at, suspects.get(1).copied().unwrap_or(NEVER));
            let (mut one, mut two) = (Losses::default(), Losses::default());
            for (place, (at, reason)) in all.enumerate() {
                if place < cut { one.note(at, reason) } else { two.note(at, reason) }
            }
            two.join(&one);
            prop_assert_eq!(two, losses);
        }

        #[test]
        fn what_is_saved_is_loaded(list in proptest::collection::vec((any::<i64>(), 0_u8..3), 0..4)) {
            let reasons = ["pageerror", "notfound", "dropped:vendor_1"];
            let mut losses = Losses::default();
            for (at, reason) in list {
                losses.note(at, LossReason::parse(reasons[usize::from(reason)]).unwrap());
            }
            let mut bytes = Vec::new();
            losses.save(&mut bytes);
            prop_assert_eq!(Losses::load(&mut Reader::new(&bytes)), Some(losses));
            for cut in 0..bytes.len() {
                prop_assert_eq!(Losses::load(&mut Reader::new(&bytes[..cut])), None);
            }
        }
    }
}
