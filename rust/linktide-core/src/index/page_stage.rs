//! One page answer: its sightings, and the loss of every other link of the page.

use std::cmp::Reverse;

use super::Index;
use super::stage::{PROMPT_US, Pending};
use crate::batch::{EventBatch, PageAnswer};
use crate::event::LossReason;
use crate::links::life::{Evidence, Observation};
use crate::links::register::Status;
use crate::links::table::Link;

impl Index {
    /// Take a page: its links one by one, then the ones it does not list. What has not changed costs one look.
    pub(super) fn stage_page(&mut self, pending: &mut Pending, batch: &EventBatch, number: usize) {
        let Some(page) = batch.pages.get(number) else { return };
        let loss = page.loss();
        // Of such an answer its own row tells the views when its links were last seen.
        let is_told = loss.is_some_and(LossReason::is_firm);
        for row in page.rows.clone() {
            self.expect(batch, row);
            if !(is_told && self.see_again(batch, row)) {
                self.stage_row(pending, batch, row);
            }
        }
        if let Some(reason) = loss {
            self.lose_unlisted(pending, batch, page, reason);
            self.page_registers.note(page.page_key, page.arrival.observed_at, reason);
        }
        if page.set_id.is_some_and(|set_id| self.page_registers.add_set(set_id)) {
            pending.new_sets.push(number);
        }
        if self.pages.find(page.page_key).is_none_or(|known| self.links.newest_link(known).is_none()) {
            pending.bare_pages.push(number);
        }
    }

    /// Take a sighting that only goes on with a life, with the same attributes as before; false if it is another.
    fn see_again(&mut self, batch: &EventBatch, row: usize) -> bool {
        let Some(at) = batch.observed_at.get(row).copied() else { return false };
        let known = batch.link_id.get(row).and_then(|&link_id| self.links.find(link_id));
        let Some((index, link)) = known.and_then(|index| Some((index, self.links.get(index)?))) else {
            return false;
        };
        let goes_on = |link: &Link| {
            link.touched == 0 && link.registers.status == Status::Live && link.registers.is_before(at)
        };
        let is_same = |(field, value)| self.links.attribute_hash(index, field) == self.links.hash(value);
        if !goes_on(&link) || !batch.carried(row).all(is_same) {
            return false;
        }
        self.links.see_again(index, at);
        true
    }

    fn lose_unlisted(
        &mut self,
        pending: &mut Pending,
        batch: &EventBatch,
        page: &PageAnswer,
        reason: LossReason,
    ) {
        let at = page.arrival.observed_at;
        let is_prompt = page.arrival.record_at - at <= PROMPT_US;
        let observation = Observation { at, evidence: Evidence::Loss(reason) };
        let mut next = self.pages.find(page.page_key).and_then(|page| self.links.newest_link(page));
        while let Some(index) = next {
            next = self.links.link_before(index);
            let Some(link) = self.links.get(index) else { continue };
            // A sighting of this instant outshines the loss. Only a link seen later may be listed without that.
            let last_seen = link.registers.last_seen;
            let is_listed = || page.lists(batch, link.link_id);
            let is_marked = link.touched != 0 && pending.is_marked(link.touched - 1);
            if last_seen != at && !is_marked && (last_seen < at || !is_listed()) {
                self.lose(pending, index, observation, is_prompt);
            }
        }
    }

    fn lose(&mut self, pending: &mut Pending, index: u32, observation: Observation, is_prompt: bool) {
        let Some(link) = self.links.get_mut(index) else { return };
        // Only registers move of a link without a life, and those of its page tell the tables.
        if !link.registers.status.is_live() && link.registers.observe(observation).is_ok() {
            return;
        }
        let Some(at_touched) = self.touch(pending, index, None) else { return };
        let Some(link) = self.links.get_mut(index) else { return };
        match link.registers.observe(observation) {
            Ok(step) => {
                if let Some(due) = link.registers.timer() {
                    self.timers.push(Reverse((due, index)));
                }
                pending.note(at_touched, step, is_prompt);
            }
            Err(_) => pending.mark(at_touched),
        }
    }
}

impl PageAnswer {
    /// Whether it sights a link: its rows are in the order of their link ids.
    pub(super) fn lists(&self, batch: &EventBatch, link_id: u64) -> bool {
        batch.link_id.get(self.rows.clone()).is_some_and(|ids| ids.binary_search(&link_id).is_ok())
    }
}
