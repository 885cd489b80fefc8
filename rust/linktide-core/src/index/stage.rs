//! The O(1) pass over a batch.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Index, Wanted};
use crate::batch::EventBatch;
use crate::links::attribute::Field;
use crate::links::life::{Ending, Evidence, Life};
use crate::links::pages::PageTable;
use crate::links::register::{Late, NEVER, Registers, Step};
use crate::links::table::{Ends, Link};

/// A batch between `begin` and `finish`.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) batch: Arc<EventBatch>,
    /// The clock before this batch: what the stored lives were derived with.
    pub(super) clock_before: i64,
    pub(super) touched: Vec<Touched>,
    pub(super) lives: Vec<LifeRow>,
    pub(super) runs: Vec<RunRow>,
    /// Attributes for the wide rows of new links that had to be derived, in order of `touched`.
    pub(super) first_runs: Vec<RunRow>,
    pub(super) tallies: Vec<Tally>,
    /// What other attributes of known links were before this batch changed them, in the order of the changes.
    pub(super) undo: Vec<Undo>,
    /// Pages of the batch whose content was not stored before.
    pub(super) new_sets: Vec<usize>,
    /// Pages of the batch that no link leaves, by now.
    pub(super) bare_pages: Vec<usize>,
    /// Batch rows of the marked links.
    pub(super) rows_of_marked: FxHashMap<u32, Vec<usize>>,
}

/// The hash of an attribute (neither anchor nor rel) before it changed; 0 if none was carried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Undo {
    pub(super) touched: u32,
    pub(super) field: Field,
    pub(super) hash: u64,
}

/// A link that this batch touched.
#[derive(Debug)]
pub(super) struct Touched {
    pub(super) index: u32,
    /// As it was before the batch.
    pub(super) before: Link,
    /// The batch row that made the link known, if this batch did.
    pub(super) new_at_row: Option<u32>,
    /// The batch row whose attributes stand in the wide row of a new link.
    pub(super) attributes_row: Option<u32>,
    /// Late evidence came: everything of this link is derived at the end of the batch.
    pub(super) is_marked: bool,
    /// Marked, but late only within this batch: its rows are taken again, in order of time.
    pub(super) is_replayed: bool,
    /// Row of the running life among this batch's life rows.
    pub(super) life_row: Option<usize>,
}

/// A row of `life_changes`.
#[derive(Debug)]
pub(super) struct LifeRow {
    pub(super) touched: u32,
    pub(super) life: Life,
    pub(super) is_void: bool,
}

/// A row of `attribute_changes`.
#[derive(Debug)]
pub(super) struct RunRow {
    pub(super) touched: u32,
    pub(super) field: Field,
    pub(super) at: i64,
    pub(super) value: Box<str>,
    pub(super) is_void: bool,
}

/// One begin or end of a life, for velocity and counters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    pub(super) touched: u32,
    pub(super) at: i64,
    pub(super) kind: TallyKind,
    /// +1, or −1 where a revision takes an earlier one back.
    pub(super) sign: i32,
    /// The record came soon after the event.
    pub(super) is_prompt: bool,
    /// Only its time is new: one of the same kind was counted before and is taken back.
    pub(super) is_moved: bool,
}

/// What a tally counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TallyKind {
    New,
    Restored,
    Lost,
}

/// Longest delay between an event and its record for counters and alerts, µs.
pub(super) const PROMPT_US: i64 = 48 * 3600 * 1_000_000;

/// Rows ahead of the one that is staged whose buckets are fetched, and whose links and pages are, which the buckets
/// tell: cache misses then overlap, of which a link takes some ten in a large index.
const AHEAD: [usize; 2] = [16, 8];

/// Find or add the pages of a link, given as (key, domain) of source and target.
pub(super) fn ends_of(pages: &mut PageTable, [source, target]: [(u64, u32); 2]) -> Ends {
    Ends {
        source_page: pages.find_or_add(source.0, source.1),
        target_page: pages.find_or_add(target.0, target.1),
        is_internal: source.1 == target.1,
    }
}

impl Index {
    pub(super) fn stage(&mut self, batch: &Arc<EventBatch>) -> Vec<Wanted> {
        let mut pending = Pending {
            clock_before: self.clock,
            touched: Vec::with_capacity(batch.len()),
            lives: Vec::with_capacity(batch.len()),
            runs: Vec::new(),
            first_runs: Vec::new(),
            tallies: Vec::with_capacity(batch.len()),
            undo: Vec::new(),
            new_sets: Vec::new(),
            bare_pages: Vec::new(),
            rows_of_marked: FxHashMap::default(),
            batch: Arc::clone(batch),
        };
        self.clock = self.clock.max(batch.newest.unwrap_or(NEVER));
        let mut next = 0;
        for (number, page) in batch.pages.iter().enumerate() {
            self.stage_rows(&mut pending, batch, next..page.rows.start);
            self.stage_page(&mut pending, batch, number);
            next = page.rows.end;
        }
        self.stage_rows(&mut pending, batch, next..batch.rows());
        pending.judge_marked();
        let wanted = pending.touched.iter().filter_map(|touched| self.wanted(touched)).collect();
        self.pending = Some(pending);
        wanted
    }

    /// The link, if its stored observations are needed. All sightings of a link that this batch made known are in
    /// this batch, but its page may have spoken of it before.
    fn wanted(&self, touched: &Touched) -> Option<Wanted> {
        if !touched.is_marked || touched.is_replayed {
            return None;
        }
        let page_key = self.pages.get(touched.before.ends.source_page)?.key;
        let is_wanted = touched.new_at_row.is_none() || self.page_registers.losses(page_key).is_some();
        is_wanted.then_some(Wanted { link_id: touched.before.link_id, page_key })
    }

    fn stage_rows(&mut self, pending: &mut Pending, batch: &EventBatch, rows: Range<usize>) {
        for row in rows {
            self.expect(batch, row);
            self.stage_row(pending, batch, row);
        }
    }

    /// Have fetched what rows to come will look up.
    #[inline]
    pub(super) fn expect(&self, batch: &EventBatch, row: usize) {
        let keys = |ahead: usize| {
            let at = row + ahead;
            Some((*batch.link_id.get(at)?, [*batch.source_key.get(at)?, *batch.target_key.get(at)?]))
        };
        let [buckets, entries] = AHEAD.map(keys);
        if let Some((link_id, pages)) = buckets {
            self.links.expect(link_id);
            for key in pages {
                self.pages.expect(key);
            }
        }
        if let Some((link_id, pages)) = entries {
            self.links.expect_link(link_id);
            for key in pages {
                self.pages.expect_page(key);
            }
        }
    }

    pub(super) fn stage_row(&mut self, pending: &mut Pending, batch: &EventBatch, row: usize) {
        let Some(&link_id) = batch.link_id.get(row) else { return };
        let (domains, pages) = (&mut self.domains, &mut self.pages);
        let (index, is_new) = self.links.find_or_add(link_id, || {
            let key = |column: &[u64]| column.get(row).copied().unwrap_or_default();
            let source = domains.find_or_add(key(&batch.source_domain_key), batch.source_domain_name(row));
            let target = domains.find_or_add(key(&batch.target_domain_key), batch.target_domain_name(row));
            ends_of(pages, [(key(&batch.source_key), source), (key(&batch.target_key), target)])
        });
        if is_new {
            let page_key = batch.source_key.get(row).copied().unwrap_or_default();
            if let Some(losses) = self.page_registers.losses(page_key) {
                self.links.change(index, |link| link.registers = Registers::unsighted(losses));
            }
        }
        let Some(at_touched) = self.touch(pending, index, is_new.then_some(row as u32)) else { return };
        let is_marked = pending.touched.get(at_touched).is_none_or(|touched| touched.is_marked);
        if !is_marked && self.step(pending, batch, at_touched, row).is_err() {
            pending.mark(at_touched);
        }
    }

    /// Remember how the link was before the batch; returns its place among the touched.
    pub(super) fn touch(
        &mut self,
        pending: &mut Pending,
        index: u32,
        new_at_row: Option<u32>,
    ) -> Option<usize> {
        let link = self.links.get_mut(index)?;
        if link.touched == 0 {
            let before = *link;
            link.touched = pending.touched.len() as u32 + 1;
            pending.touched.push(Touched {
                index,
                before,
                new_at_row,
                attributes_row: None,
                is_marked: false,
                is_replayed: false,
                life_row: None,
            });
        }
        Some(link.touched as usize - 1)
    }

    /// Take one event in O(1).
    fn step(
        &mut self,
        pending: &mut Pending,
        batch: &EventBatch,
        at_touched: usize,
        row: usize,
    ) -> Result<(), Late> {
        let Some(observation) = batch.observation(row) else { return Ok(()) };
        let at = observation.at;
        let index = pending.touched.get(at_touched).map_or(0, |touched| touched.index);
        let is_sighting = observation.evidence == Evidence::Sighting;
        let link = self.links.get_mut(index).ok_or(Late)?;
        let is_newest = at > link.registers.last_seen;
        let step = link.registers.observe(observation)?;
        let timer = link.registers.timer();
        if let Some(due) = timer.filter(|_| !is_sighting) {
            self.timers.push(Reverse((due, index)));
        }
        let record_at = batch.record_at.get(row).copied().unwrap_or(at);
        pending.note(at_touched, step, record_at - at <= PROMPT_US);
        if is_sighting {
            self.carry(pending, batch, at_touched, row, at, is_newest)?;
        }
        Ok(())
    }

    /// Take the attributes that a sighting carried.
    fn carry(
        &mut self,
        pending: &mut Pending,
        batch: &EventBatch,
        at_touched: usize,
        row: usize,
        at: i64,
        is_newest: bool,
    ) -> Result<(), Late> {
        let touched = pending.touched.get_mut(at_touched).ok_or(Late)?;
        let index = touched.index;
        let changed_at = self.links.get(index).map_or(NEVER, |link| link.attributes_changed_at);
        let is_known = touched.new_at_row.is_none();
        let has_wide_row = is_known || touched.attributes_row.is_some();
        for (field, value) in batch.carried(row) {
            let is_same = self.links.attribute_hash(index, field) == self.links.hash(value);
            if is_same && (is_newest || at >= changed_at) {
                continue;
            }
            if !is_newest {
                return Err(Late);
            }
            if is_known {
                pending.keep_for_undo(at_touched, field, self.links.attribute_hash(index, field));
            }
            self.links.set_attribute(index, field, value, at);
            if has_wide_row {
                let touched = at_touched as u32;
                pending.runs.push(RunRow { touched, field, at, value: value.into(), is_void: false });
            } else if let Some(touched) = pending.touched.get_mut(at_touched) {
                touched.attributes_row = Some(row as u32);
            }
        }
        Ok(())
    }

    /// Confirm the suspicions whose time has come.
    pub(super) fn time_out(&mut self, pending: &mut Pending) {
        // Time passes by the newest event: if that is history when it comes, so is what it makes certain.
        let mut is_prompt = None;
        while let Some(&Reverse((due, index))) = self.timers.peek() {
            if due > self.clock {
                break;
            }
            self.timers.pop();
            let is_due = self.links.get(index).is_some_and(|link| link.registers.timer() == Some(due));
            let Some(at_touched) = is_due.then(|| self.touch(pending, index, None)).flatten() else {
                continue;
            };
            if pending.touched.get(at_touched).is_none_or(|touched| touched.is_marked) {
                continue;
            }
            let ended = self.links.get_mut(index).and_then(|link| link.registers.time_out(due));
            let is_prompt = *is_prompt
                .get_or_insert_with(|| pending.batch.newest_delay().is_none_or(|delay| delay <= PROMPT_US));
            pending.note(at_touched, Step { ended, started: None }, is_prompt);
        }
    }
}

impl Pending {
    /// Turn a step into rows and tallies.
    pub(super) fn note(&mut self, at_touched: usize, step: Step, is_prompt: bool) {
        let touched = at_touched as u32;
        if let Some((started_at, ending)) = step.ended {
            self.note_end(at_touched, started_at, ending);
            let at = ending.confirmed_at;
            self.tallies.push(Tally {
                touched,
                at,
                kind: TallyKind::Lost,
                sign: 1,
                is_prompt,
                is_moved: false,
            });
        }
        if let Some(started) = step.started {
            let row = self.lives.len();
            let life = Life { started_at: started.at, ending: None };
            self.lives.push(LifeRow { touched, life, is_void: false });
            if let Some(link) = self.touched.get_mut(at_touched) {
                link.life_row = Some(row);
            }
            let kind = if started.is_restored { TallyKind::Restored } else { TallyKind::New };
            self.tallies.push(Tally { touched, at: started.at, kind, sign: 1, is_prompt, is_moved: false });
        }
    }

    /// One row per life and batch: an end overwrites the start that this batch wrote.
    fn note_end(&mut self, at_touched: usize, started_at: i64, ending: Ending) {
        let life = Life { started_at, ending: Some(ending) };
        let row = self.touched.get_mut(at_touched).and_then(|link| link.life_row.take());
        match row.and_then(|row| self.lives.get_mut(row)) {
            Some(row) => row.life = life,
            None => self.lives.push(LifeRow { touched: at_touched as u32, life, is_void: false }),
        }
    }

    /// Leave a link to be derived at the end of the batch.
    pub(super) fn mark(&mut self, at_touched: usize) {
        if let Some(link) = self.touched.get_mut(at_touched) {
            link.is_marked = true;
        }
    }

    /// True if late evidence came for the link: what the O(1) pass noted of it does not hold.
    pub(super) fn is_marked(&self, touched: u32) -> bool {
        self.touched.get(touched as usize).is_some_and(|link| link.is_marked)
    }
}
