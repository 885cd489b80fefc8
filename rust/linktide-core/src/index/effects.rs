//! What a batch changes beside the links: counts, counters and the domain graph.

use super::Index;
use super::stage::{Pending, Tally, TallyKind};
use crate::error::CoreError;
use crate::graph::WeightClass;
use crate::links::register::NEVER;
use crate::links::table::Link;

/// Age of a life's begin or end, against the clock, up to which counters take it, µs.
const RECENT_US: i64 = 24 * 3600 * 1_000_000;

impl Index {
    pub(super) fn take_effect(&mut self, pending: &Pending) -> Result<(), CoreError> {
        for touched in &pending.touched {
            let Some(&after) = self.links.get(touched.index) else { continue };
            self.take_link(&touched.before, &after)?;
        }
        for tally in &pending.tallies {
            self.count(pending, *tally);
        }
        Ok(())
    }

    /// Follow one link from `before` to `after`.
    pub(super) fn take_link(&mut self, before: &Link, after: &Link) -> Result<(), CoreError> {
        if before.registers.last_seen == NEVER && after.registers.last_seen != NEVER {
            self.ensure_node(after.source_domain)?;
            self.ensure_node(after.target_domain)?;
        }
        match (before.registers.status.is_live(), after.registers.status.is_live()) {
            (false, true) => self.live_links += 1,
            (true, false) => self.live_links = self.live_links.saturating_sub(1),
            _ => {}
        }
        if before.is_live_backlink() != after.is_live_backlink()
            && let Some(target) = self.domains.get_mut(after.target_domain)
        {
            let step = if after.is_live_backlink() { 1 } else { -1 };
            target.live_backlinks = target.live_backlinks.saturating_add_signed(step);
        }
        self.take_edge(before, after)
    }

    /// Keep the domain graph equal to the live followed links.
    fn take_edge(&mut self, before: &Link, after: &Link) -> Result<(), CoreError> {
        if before.passes_authority() == after.passes_authority() {
            return Ok(());
        }
        let node = |index: u32| self.domains.get(index).and_then(super::super::links::domains::Domain::node);
        let (Some(source), Some(target)) = (node(after.source_domain), node(after.target_domain)) else {
            return Ok(());
        };
        let moved = if after.passes_authority() {
            self.pairs.add(source, target, WeightClass::FIRST)
        } else {
            self.pairs.remove(source, target, WeightClass::FIRST)
        };
        if !moved.is_some_and(|pair| pair.moves_edge()) {
            return Ok(());
        }
        let change = if after.passes_authority() {
            self.graph.set_link(source, target, WeightClass::FIRST)?
        } else {
            self.graph.drop_link(source, target)?
        };
        self.edges_moved += 1;
        self.citation.on_link_change(&self.graph, &change);
        Ok(())
    }

    pub(super) fn ensure_node(&mut self, domain: u32) -> Result<(), CoreError> {
        if self.domains.get(domain).is_some_and(|known| known.node().is_none()) {
            let node = self.graph.add_node()?;
            self.domains.set_node(domain, node);
            self.new_nodes.push(domain);
        }
        Ok(())
    }

    /// Count a begin or end for metrics, if it is recent news and joins two domains.
    fn count(&mut self, pending: &Pending, tally: Tally) {
        let Some(touched) = pending.touched.get(tally.touched as usize) else { return };
        if touched.before.is_internal() || tally.sign < 0 || tally.is_moved {
            return;
        }
        let is_recent = tally.is_prompt && tally.at >= self.clock.saturating_sub(RECENT_US);
        let counters = &mut self.counters;
        let domain = self.domains.get_mut(touched.before.target_domain);
        match tally.kind {
            _ if !is_recent => counters.backfilled_links += 1,
            TallyKind::New => {
                counters.new_links += 1;
                domain.map(|known| known.recent_new += 1).unwrap_or_default();
            }
            TallyKind::Restored => {
                counters.restored_links += 1;
                domain.map(|known| known.recent_restored += 1).unwrap_or_default();
            }
            TallyKind::Lost => {
                counters.lost_links += 1;
                domain.map(|known| known.recent_lost += 1).unwrap_or_default();
            }
        }
    }
}
