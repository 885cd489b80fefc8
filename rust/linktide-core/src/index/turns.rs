//! What a batch did to the links of tracked domains: the news that alerts and velocity are made of.

use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, RecordBatch, StringArray};
use rustc_hash::FxHashMap;

use super::Index;
use super::rows::{rows, times, u64s};
use super::stage::{PROMPT_US, Pending, Tally, TallyKind, Touched};
use crate::error::CoreError;
use crate::graph::WeightClass;
use crate::links::attribute::Field;
use crate::links::table::Link;

/// Age of a turn against the clock up to which it is news, µs.
const RECENT_US: i64 = 24 * 3600 * 1_000_000;

/// One turn of a link to a tracked domain.
struct Turn<'a> {
    link: Link,
    domain_name: &'a str,
    change: &'static str,
    at: i64,
    is_recent: bool,
}

impl Index {
    /// True if a begin or end is news: it lies within a day of the clock and its record came soon.
    pub(super) fn is_recent(&self, tally: Tally) -> bool {
        tally.is_prompt && self.is_near(tally.at)
    }

    fn is_near(&self, at: i64) -> bool {
        at >= self.clock.saturating_sub(RECENT_US)
    }

    /// Begins and ends of lives, and links that passed authority and do so no more, of tracked domains; none if
    /// there are none. Revisions of what was told before are not news. The authority of source page and domain is
    /// as it was last written, whether it is shown or not.
    pub(super) fn turn_rows(&self, pending: &Pending) -> Result<Option<RecordBatch>, CoreError> {
        if !self.has_tracked() {
            return Ok(None);
        }
        let mut turns: Vec<Turn<'_>> =
            pending.tallies.iter().filter_map(|tally| self.turn_of(pending, *tally)).collect();
        turns.extend(self.unfollowed(pending));
        if turns.is_empty() {
            return Ok(None);
        }
        let domain_key = |page: u32| {
            let domain = self.pages.get(page).and_then(|page| self.domains.get(page.domain));
            domain.map_or(0, |domain| domain.key)
        };
        let flags = |of: &dyn Fn(&Turn<'_>) -> bool| -> BooleanArray {
            turns.iter().map(|turn| Some(of(turn))).collect()
        };
        let texts = |of: &dyn for<'t> Fn(&'t Turn<'_>) -> &'t str| -> StringArray {
            turns.iter().map(|turn| Some(of(turn))).collect()
        };
        let page_points = |turn: &Turn<'_>| self.page_graph.citation().shown(turn.link.ends.source_page);
        let domain_points = |turn: &Turn<'_>| {
            let node = self
                .pages
                .get(turn.link.ends.source_page)
                .and_then(|page| self.domains.get(page.domain)?.node());
            node.map_or(0.0, |node| self.domain_graph.citation().shown(node))
        };
        let columns = vec![
            ("link_id", u64s(turns.iter().map(|turn| turn.link.link_id))),
            ("s_dom_key", u64s(turns.iter().map(|turn| domain_key(turn.link.ends.source_page)))),
            ("domain_name", Arc::new(texts(&|turn| turn.domain_name)) as _),
            ("change", Arc::new(texts(&|turn| turn.change)) as _),
            ("changed_at", times(turns.iter().map(|turn| Some(turn.at)))),
            ("is_dofollow", Arc::new(flags(&|turn| turn.link.rel_class == WeightClass::FIRST)) as _),
            ("is_recent", Arc::new(flags(&|turn| turn.is_recent)) as _),
            ("page_authority", Arc::new(Float64Array::from_iter_values(turns.iter().map(page_points)))),
            ("domain_authority", Arc::new(Float64Array::from_iter_values(turns.iter().map(domain_points)))),
        ];
        rows("turns", columns).map(Some)
    }

    /// The name of the domain that a link leads to from another one, if it is tracked.
    fn tracked_target(&self, link: &Link) -> Option<&str> {
        if link.is_internal() {
            return None;
        }
        let domain = self.domains.get(self.pages.get(link.ends.target_page)?.domain)?;
        self.is_tracked(domain.key).then(|| self.domains.name_of(domain))
    }

    fn turn_of(&self, pending: &Pending, tally: Tally) -> Option<Turn<'_>> {
        if tally.sign < 0 || tally.is_moved {
            return None;
        }
        let touched = pending.touched.get(tally.touched as usize)?;
        let domain_name = self.tracked_target(&touched.before)?;
        let change = match tally.kind {
            TallyKind::New => "new",
            TallyKind::Restored => "restored",
            TallyKind::Lost => "lost",
        };
        let link = self.links.get(touched.index)?;
        Some(Turn { link, domain_name, change, at: tally.at, is_recent: self.is_recent(tally) })
    }

    /// Live links whose rel said that they are followed and says so no more. Of one whose rel was never told nothing
    /// is known to have changed.
    fn unfollowed(&self, pending: &Pending) -> Vec<Turn<'_>> {
        let is_turned = |touched: &Touched| {
            let before = touched.before;
            let Some(link) = self.links.get(touched.index) else { return false };
            touched.new_at_row.is_none()
                && before.rel_hash != 0
                && (before.rel_class, link.rel_class == WeightClass::FIRST) == (WeightClass::FIRST, false)
                && before.registers.status.is_live()
                && link.registers.status.is_live()
        };
        let turned: Vec<(u32, &Touched)> =
            (0u32..).zip(&pending.touched).filter(|(_, touched)| is_turned(touched)).collect();
        if turned.is_empty() {
            return Vec::new();
        }
        // Since when the rel says so: other attributes may have changed since.
        let mut told_at: FxHashMap<u32, i64> = FxHashMap::default();
        for run in pending.runs.iter().filter(|run| run.field == Field::REL && !run.is_void) {
            let at = told_at.entry(run.touched).or_insert(run.at);
            *at = run.at.max(*at);
        }
        let turn_of = |(at_touched, touched): (u32, &Touched)| {
            let link = self.links.get(touched.index)?;
            let domain_name = self.tracked_target(&link)?;
            let at = told_at.get(&at_touched).copied().unwrap_or(link.attributes_changed_at);
            Some(Turn { link, domain_name, change: "unfollowed", at, is_recent: self.is_near(at) })
        };
        let mut turns: Vec<Turn<'_>> = turned.into_iter().filter_map(turn_of).collect();
        if turns.is_empty() {
            return turns;
        }
        // When the record came that told of it: one pass over the batch, for all of them.
        let mut delays: FxHashMap<(u64, i64), i64> =
            turns.iter().map(|turn| ((turn.link.link_id, turn.at), i64::MAX)).collect();
        let batch = &pending.batch;
        for ((link_id, at), record_at) in
            batch.link_id.iter().zip(batch.observed_at.iter()).zip(batch.record_at.iter())
        {
            if let Some(delay) = delays.get_mut(&(*link_id, *at)) {
                *delay = (*delay).min(record_at.saturating_sub(*at));
            }
        }
        for turn in &mut turns {
            let delay = delays.get(&(turn.link.link_id, turn.at)).copied().unwrap_or(i64::MAX);
            turn.is_recent &= delay <= PROMPT_US;
        }
        turns
    }
}
