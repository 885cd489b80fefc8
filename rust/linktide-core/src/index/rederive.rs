//! Links with late evidence: derived again from all their observations; the difference is appended.

use rustc_hash::FxHashMap;

use super::Index;
use super::stage::{LifeRow, Pending, RunRow, Tally, TallyKind};
use crate::batch::{EventBatch, PageAnswer};
use crate::links::attribute::{Carried, Field, Run, runs};
use crate::links::life::{Evidence, Life, Observation};
use crate::links::register::Registers;

/// A raw observation as the store kept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObservation {
    /// Key of the link.
    pub link_id: u64,
    /// What was seen, and when.
    pub observation: Observation,
    /// Attributes that a sighting carried.
    pub carried: Vec<(Field, Box<str>)>,
}

/// A link whose stored observations are wanted: its own, and those of its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Key of the link.
    pub link_id: u64,
    /// Key of the page that links.
    pub page_key: u64,
}

/// Everything known of one link on one side of the batch.
struct Derived<'a> {
    registers: Registers,
    lives: Vec<Life>,
    runs: Vec<Run<'a>>,
}

impl Index {
    pub(super) fn rederive(&mut self, pending: &mut Pending, stored: Vec<StoredObservation>) {
        let marked: Vec<u32> =
            (0..pending.touched.len() as u32).filter(|&at| pending.is_marked(at)).collect();
        if marked.is_empty() {
            return;
        }
        pending.drop_marked();
        let mut by_link: FxHashMap<u64, Vec<StoredObservation>> = FxHashMap::default();
        for observation in stored {
            by_link.entry(observation.link_id).or_default().push(observation);
        }
        let mut rows = std::mem::take(&mut pending.rows_of_marked);
        let losing = pages_with_losses(&pending.batch);
        for at_touched in marked {
            let Some(touched) = pending.touched.get(at_touched as usize) else { continue };
            let mut rows = rows.remove(&at_touched).unwrap_or_default();
            if touched.is_replayed {
                self.replay(pending, at_touched, &mut rows);
                continue;
            }
            let before = by_link.remove(&touched.before.link_id).unwrap_or_default();
            let page = self.pages.get(touched.before.ends.source_page).map_or(0, |page| page.key);
            let pages = losing.get(&page).map_or(&[][..], Vec::as_slice);
            self.rederive_link(pending, at_touched, &before, (&rows, pages));
            self.counters.rederived_links += 1;
        }
    }

    fn rederive_link(
        &mut self,
        pending: &mut Pending,
        at_touched: u32,
        stored: &[StoredObservation],
        (rows, pages): (&[usize], &[usize]),
    ) {
        let batch = std::sync::Arc::clone(&pending.batch);
        let link_id = pending.touched.get(at_touched as usize).map_or(0, |touched| touched.before.link_id);
        let answers = || pages.iter().filter_map(|&page| batch.pages.get(page));
        let mut observations: Vec<Observation> = stored.iter().map(|seen| seen.observation).collect();
        let mut carried: Vec<Carried<'_>> = stored.iter().flat_map(carried_by).collect();
        let before = derive(observations.clone(), &mut carried.clone(), pending.clock_before);
        for &row in rows {
            let Some(observation) = batch.observation(row) else { continue };
            observations.push(observation);
            if observation.evidence == Evidence::Sighting {
                let fields = batch.carried(row);
                carried.extend(fields.map(|(field, value)| Carried { field, at: observation.at, value }));
            }
        }
        observations.extend(answers().filter_map(|page| loss_of(&batch, page, link_id)));
        let after = derive(observations, &mut carried, self.clock);
        let prompt = |at: i64| {
            rows.iter().any(|&row| is_prompt_at(&batch, row, at))
                || answers().any(|page| {
                    page.arrival.observed_at == at && page.arrival.record_at - at <= super::stage::PROMPT_US
                })
        };
        self.counters.history_revised += pending.revise_lives(at_touched, &before.lives, &after.lives);
        pending.revise_tallies(at_touched, &before.lives, &after.lives, &prompt);
        pending.revise_runs(at_touched, &before.runs, &after.runs);
        self.accept(pending, at_touched, &after);
    }

    /// Put a derivation in place of the O(1) state.
    fn accept(&mut self, pending: &Pending, at_touched: u32, after: &Derived<'_>) {
        let Some(index) = pending.touched.get(at_touched as usize).map(|touched| touched.index) else {
            return;
        };
        if let Some(link) = self.links.get_mut(index) {
            link.registers = after.registers;
        }
        self.links.clear_attributes(index);
        for run in &after.runs {
            self.links.set_attribute(index, run.field, run.value, run.at);
        }
        if let Some(due) = after.registers.timer() {
            self.timers.push(std::cmp::Reverse((due, index)));
        }
    }
}

fn derive<'a>(observations: Vec<Observation>, carried: &mut [Carried<'a>], clock: i64) -> Derived<'a> {
    let (registers, lives) = Registers::derive(observations, clock);
    Derived { registers, lives, runs: runs(carried) }
}

fn carried_by(seen: &StoredObservation) -> impl Iterator<Item = Carried<'_>> {
    let at = seen.observation.at;
    let is_sighting = seen.observation.evidence == Evidence::Sighting;
    let carried = seen.carried.iter().filter(move |_| is_sighting);
    carried.map(move |(field, value)| Carried { field: *field, at, value })
}

/// What a page says of a link that it does not list.
fn loss_of(batch: &EventBatch, page: &PageAnswer, link_id: u64) -> Option<Observation> {
    let reason = page.loss().filter(|_| !page.lists(batch, link_id))?;
    Some(Observation { at: page.arrival.observed_at, evidence: Evidence::Loss(reason) })
}

/// Pages of the batch that speak of all their links, by the page's key.
pub(super) fn pages_with_losses(batch: &EventBatch) -> FxHashMap<u64, Vec<usize>> {
    let mut pages: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
    for (number, page) in batch.pages.iter().enumerate().filter(|(_, page)| page.loss().is_some()) {
        pages.entry(page.page_key).or_default().push(number);
    }
    pages
}

fn is_prompt_at(batch: &EventBatch, row: usize, at: i64) -> bool {
    batch.observed_at.get(row) == Some(&at)
        && batch.record_at.get(row).is_some_and(|&record| record - at <= super::stage::PROMPT_US)
}

impl Pending {
    /// What the O(1) pass noted of marked links does not hold.
    fn drop_marked(&mut self) {
        let touched = &self.touched;
        let keep = |at: u32| touched.get(at as usize).is_some_and(|link| !link.is_marked);
        self.lives.retain(|row| keep(row.touched));
        self.runs.retain(|row| keep(row.touched));
        self.tallies.retain(|tally| keep(tally.touched));
    }

    /// Append the lives that differ; returns how many stored ones are revised.
    fn revise_lives(&mut self, touched: u32, before: &[Life], after: &[Life]) -> u64 {
        let mut revised = 0;
        for &life in before {
            let is_gone = after.iter().all(|new| new.started_at != life.started_at);
            revised += u64::from(is_gone || !after.contains(&life));
            if is_gone {
                self.lives.push(LifeRow { touched, life, is_void: true });
            }
        }
        for &life in after.iter().filter(|life| !before.contains(life)) {
            self.lives.push(LifeRow { touched, life, is_void: false });
        }
        revised
    }

    fn revise_tallies(
        &mut self,
        touched: u32,
        before: &[Life],
        after: &[Life],
        is_prompt: &dyn Fn(i64) -> bool,
    ) {
        let (mut taken_back, mut added) = (tallies_of(before), tallies_of(after));
        taken_back.retain(|old| {
            let same = added.iter().position(|new| (new.0, new.1) == (old.0, old.1));
            same.map(|at| added.swap_remove(at)).is_none()
        });
        for (kind, at, is_timed) in added {
            let is_prompt = is_timed || is_prompt(at);
            let is_moved = taken_back.iter().position(|old| old.0 == kind).map(|old| taken_back.remove(old));
            if let Some((kind, at, _)) = is_moved {
                self.tallies.push(Tally { touched, at, kind, sign: -1, is_prompt: false, is_moved: true });
            }
            let is_moved = is_moved.is_some();
            self.tallies.push(Tally { touched, at, kind, sign: 1, is_prompt, is_moved });
        }
        for (kind, at, _) in taken_back {
            self.tallies.push(Tally { touched, at, kind, sign: -1, is_prompt: false, is_moved: false });
        }
    }

    /// Append the runs that differ; the first ones of a new link go into its wide row.
    fn revise_runs(&mut self, touched: u32, before: &[Run<'_>], after: &[Run<'_>]) {
        for run in
            before.iter().filter(|old| after.iter().all(|new| (new.field, new.at) != (old.field, old.at)))
        {
            self.runs.push(run_row(touched, run, true));
        }
        let is_new = self.touched.get(touched as usize).is_some_and(|link| link.new_at_row.is_some());
        let first_at = after.iter().map(|run| run.at).min().filter(|_| is_new);
        for run in after.iter().filter(|run| !before.contains(run)) {
            if first_at == Some(run.at) {
                self.first_runs.push(run_row(touched, run, false));
            } else {
                self.runs.push(run_row(touched, run, false));
            }
        }
    }
}

fn run_row(touched: u32, run: &Run<'_>, is_void: bool) -> RunRow {
    RunRow { touched, field: run.field, at: run.at, value: run.value.into(), is_void }
}

/// (kind, time, time alone decided it) of every begin and end.
fn tallies_of(lives: &[Life]) -> Vec<(TallyKind, i64, bool)> {
    let mut tallies = Vec::with_capacity(2 * lives.len());
    for (number, life) in lives.iter().enumerate() {
        let kind = if number == 0 { TallyKind::New } else { TallyKind::Restored };
        tallies.push((kind, life.started_at, false));
        if let Some(ending) = life.ending {
            tallies.push((TallyKind::Lost, ending.confirmed_at, !ending.is_confirmed_by_event));
        }
    }
    tallies
}
