//! What a batch did to the links of tracked domains: the news that alerts and velocity are made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, UInt32Array};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Index;
use super::rows::{rows, times, u64s};
use super::stage::{PROMPT_US, Pending, Tally, TallyKind, Touched};
use crate::error::CoreError;
use crate::event::LossReason;
use crate::graph::WeightClass;
use crate::links::attribute::Field;
use crate::links::register::NEVER;
use crate::links::table::Link;

/// Age of a turn against the clock up to which it is news, µs.
const RECENT_US: i64 = 24 * HOUR_US;
const HOUR_US: i64 = 3600 * 1_000_000;

/// What became of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TurnKind {
    New,
    Restored,
    Lost,
    /// It lives and passes no authority any more.
    Unfollowed,
}

impl TurnKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Restored => "restored",
            Self::Lost => "lost",
            Self::Unfollowed => "unfollowed",
        }
    }
}

/// What is news of tracked domains, for alerts.
#[derive(Debug, Default)]
pub struct News {
    /// Every turn of a link: what it is, when, whether it matters, what is known of its source. None if there are none.
    pub turns: Option<RecordBatch>,
    /// Those that are news, counted by domain and hour.
    pub hours: Option<RecordBatch>,
}

/// One turn of a link to a tracked domain.
#[derive(Debug)]
pub(super) struct Turn {
    /// As the batch leaves it.
    pub(super) link: Link,
    /// The tracked one, by index.
    pub(super) domain: u32,
    pub(super) kind: TurnKind,
    /// Place among the links that the batch touched.
    touched: u32,
    at: i64,
    pub(super) is_recent: bool,
    pub(super) is_important: bool,
}

impl Turn {
    fn is_followed(&self) -> bool {
        self.link.rel_class == WeightClass::FIRST
    }
}

impl Index {
    /// True if a begin or end is news: it lies within a day of the clock and its record came soon.
    pub(super) fn is_recent(&self, tally: Tally) -> bool {
        tally.is_prompt && self.is_near(tally.at)
    }

    fn is_near(&self, at: i64) -> bool {
        at >= self.clock.saturating_sub(RECENT_US)
    }

    /// Begins and ends of lives, and links that passed authority and do so no more, of tracked domains. Revisions of what was told before are not news. The authority of source page and domain is
    /// as it was last written, whether it is shown or not.
    pub(super) fn news(&mut self, pending: &Pending) -> Result<News, CoreError> {
        if !self.has_tracked() {
            return Ok(News::default());
        }
        let mut turns: Vec<Turn> =
            pending.tallies.iter().filter_map(|tally| self.turn_of(pending, *tally)).collect();
        turns.extend(self.unfollowed(pending));
        if turns.is_empty() {
            return Ok(News::default());
        }
        self.weigh(&mut turns);
        let reasons = reasons_of(&turns, pending);
        let flags = |of: &dyn Fn(&Turn) -> bool| -> Arc<BooleanArray> {
            Arc::new(turns.iter().map(|turn| Some(of(turn))).collect())
        };
        let numbers = |of: &dyn Fn(&Turn) -> f64| -> Arc<Float64Array> {
            Arc::new(Float64Array::from_iter_values(turns.iter().map(of)))
        };
        let name = |turn: &Turn| self.domains.get(turn.domain).map(|domain| self.domains.name_of(domain));
        let reason = |turn: &Turn| reasons.get(&(turn.touched, turn.at)).map(|reason| reason.as_str());
        let columns = vec![
            ("link_id", u64s(turns.iter().map(|turn| turn.link.link_id))),
            ("domain_name", Arc::new(turns.iter().map(name).collect::<StringArray>()) as _),
            ("change", Arc::new(StringArray::from_iter_values(turns.iter().map(|turn| turn.kind.as_str())))),
            ("changed_at", times(turns.iter().map(|turn| Some(turn.at)))),
            ("is_dofollow", flags(&Turn::is_followed)),
            ("is_recent", flags(&|turn| turn.is_recent)),
            ("is_important", flags(&|turn| turn.is_important)),
            ("page_authority", numbers(&|turn| self.page_points(&turn.link))),
            ("domain_authority", numbers(&|turn| self.domain_points(&turn.link))),
            ("attributes_at", times(turns.iter().map(|turn| said_at(&turn.link)))),
            ("lost_reason", Arc::new(turns.iter().map(reason).collect::<StringArray>())),
        ];
        let hours = self.hour_rows(&turns)?;
        Ok(News { turns: rows("turns", columns).map(Some)?, hours })
    }

    /// What is news among the turns, counted by domain and hour; none if nothing is.
    fn hour_rows(&self, turns: &[Turn]) -> Result<Option<RecordBatch>, CoreError> {
        let mut counts: BTreeMap<(&str, i64), [u32; 4]> = BTreeMap::new();
        for turn in turns.iter().filter(|turn| turn.is_recent) {
            let side = match turn.kind {
                TurnKind::New | TurnKind::Restored => 0,
                TurnKind::Lost => 2,
                TurnKind::Unfollowed => continue,
            };
            let Some(domain) = self.domains.get(turn.domain) else { continue };
            let hour = turn.at.div_euclid(HOUR_US) * HOUR_US;
            let counted = counts.entry((self.domains.name_of(domain), hour)).or_default();
            if let Some(count) = counted.get_mut(side + usize::from(!turn.is_followed())) {
                *count += 1;
            }
        }
        if counts.is_empty() {
            return Ok(None);
        }
        let names = StringArray::from_iter_values(counts.keys().map(|(name, _)| name));
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("domain_name", Arc::new(names)),
            ("hour", times(counts.keys().map(|(_, hour)| Some(*hour)))),
        ];
        for (at, name) in
            ["gained_dofollow", "gained_nofollow", "lost_dofollow", "lost_nofollow"].into_iter().enumerate()
        {
            let count = counts.values().map(|counted| counted.get(at).copied().unwrap_or(0));
            columns.push((name, Arc::new(UInt32Array::from_iter_values(count))));
        }
        rows("hours", columns).map(Some)
    }

    /// The domain that a link leads to from another one, if it is tracked.
    fn tracked_target(&self, link: &Link) -> Option<u32> {
        if link.is_internal() {
            return None;
        }
        let index = self.pages.get(link.ends.target_page)?.domain;
        self.is_tracked(self.domains.get(index)?.key).then_some(index)
    }

    fn turn_of(&self, pending: &Pending, tally: Tally) -> Option<Turn> {
        if tally.sign < 0 || tally.is_moved {
            return None;
        }
        let touched = pending.touched.get(tally.touched as usize)?;
        let domain = self.tracked_target(&touched.before)?;
        let kind = match tally.kind {
            TallyKind::New => TurnKind::New,
            TallyKind::Restored => TurnKind::Restored,
            TallyKind::Lost => TurnKind::Lost,
        };
        let link = self.links.get(touched.index)?;
        let (touched, is_recent) = (tally.touched, self.is_recent(tally));
        Some(Turn { link, domain, kind, touched, at: tally.at, is_recent, is_important: false })
    }

    /// Live links whose rel said that they are followed and says so no more. Of one whose rel was never told nothing
    /// is known to have changed.
    fn unfollowed(&self, pending: &Pending) -> Vec<Turn> {
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
            let domain = self.tracked_target(&link)?;
            let at = told_at.get(&at_touched).copied().unwrap_or(link.attributes_changed_at);
            let (kind, is_recent) = (TurnKind::Unfollowed, self.is_near(at));
            Some(Turn { link, domain, kind, touched: at_touched, at, is_recent, is_important: false })
        };
        let mut turns: Vec<Turn> = turned.into_iter().filter_map(turn_of).collect();
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

/// Since when the link says what it says; none if it says nothing.
fn said_at(link: &Link) -> Option<i64> {
    (link.attributes_changed_at != NEVER).then_some(link.attributes_changed_at)
}

/// Why lives of these links ended in the batch, by link (its place among the touched) and time.
fn reasons_of(turns: &[Turn], pending: &Pending) -> FxHashMap<(u32, i64), LossReason> {
    let lost: FxHashSet<u32> =
        turns.iter().filter(|turn| turn.kind == TurnKind::Lost).map(|turn| turn.touched).collect();
    let rows = pending.lives.iter().filter(|row| !row.is_void && lost.contains(&row.touched));
    let endings = rows.filter_map(|row| Some((row.touched, row.life.ending?)));
    endings.map(|(touched, ending)| ((touched, ending.confirmed_at), ending.reason)).collect()
}
