//! What a batch changes beside the links: counts, counters and the two graphs.

use super::Index;
use super::stage::{Pending, Tally, TallyKind};
use crate::error::CoreError;
use crate::links::domains::Domain;
use crate::links::flow::Passage;
use crate::links::register::NEVER;
use crate::links::table::{Ends, Link};

/// Links ahead of the one that takes effect whose nodes are fetched, so that cache misses overlap.
const AHEAD: usize = 12;

impl Index {
    pub(super) fn take_effect(&mut self, pending: &Pending) -> Result<(), CoreError> {
        self.grow_pages()?;
        for (at, touched) in pending.touched.iter().enumerate() {
            if let Some(coming) = pending.touched.get(at + AHEAD) {
                self.expect_ends(coming.before.ends);
            }
            self.take_link(touched.index, &touched.before)?;
        }
        for tally in &pending.tallies {
            self.count(pending, *tally);
        }
        Ok(())
    }

    /// Have fetched what hangs on the pages of a link to come.
    fn expect_ends(&self, ends: Ends) {
        for page in [ends.source_page, ends.target_page] {
            self.pages.expect_at(page);
            self.page_graph.expect(page);
        }
    }

    /// Follow one link from what it was before.
    pub(super) fn take_link(&mut self, index: u32, before: &Link) -> Result<(), CoreError> {
        let Some(after) = self.links.get(index) else { return Ok(()) };
        if before.registers.last_seen == NEVER && after.registers.last_seen != NEVER {
            self.ensure_nodes_of(&after)?;
        }
        match (before.registers.status.is_live(), after.registers.status.is_live()) {
            (false, true) => self.live_links += 1,
            (true, false) => self.live_links = self.live_links.saturating_sub(1),
            _ => {}
        }
        if before.is_live_backlink() != after.is_live_backlink()
            && let Some(domain) = self.pages.get(after.ends.target_page).map(|page| page.domain)
            && let Some(target) = self.domains.get_mut(domain)
        {
            let step = if after.is_live_backlink() { 1 } else { -1 };
            target.live_backlinks = target.live_backlinks.saturating_add_signed(step);
            self.count_pair(&after, domain);
        }
        self.take_flow(before, &after)
    }

    /// Keep both graphs equal to what the live links pass on.
    fn take_flow(&mut self, before: &Link, after: &Link) -> Result<(), CoreError> {
        if before.flow() == after.flow() {
            return Ok(());
        }
        let (took_all, takes_all) = (before.flow().0 == Passage::All, after.flow().0 == Passage::All);
        let page = after.ends.source_page;
        if took_all != takes_all && self.pages.count_sole_link(page, takes_all) {
            let links: Vec<u32> = self.links.links_of(page).collect();
            return links.into_iter().try_for_each(|link| self.set_edges(link));
        }
        self.set_edges_of(after)
    }

    fn set_edges(&mut self, index: u32) -> Result<(), CoreError> {
        let Some(link) = self.links.get(index) else { return Ok(()) };
        self.set_edges_of(&link)
    }

    /// Give a link its edge in the page graph, and its share in the edge between its domains.
    fn set_edges_of(&mut self, link: &Link) -> Result<(), CoreError> {
        let ends = link.ends;
        let class = self.pages.class_of(link);
        let change = self.page_graph.set_link(ends.source_page, ends.target_page, class)?;
        if change.is_empty() || link.is_internal() {
            return Ok(());
        }
        // A page that no longer hands all on gives edges back to links whose turn in the batch is yet to come.
        self.ensure_nodes_of(link)?;
        let node = |page: u32| self.domains.get(self.pages.get(page)?.domain).and_then(Domain::node);
        let (Some(source), Some(target)) = (node(ends.source_page), node(ends.target_page)) else {
            return Ok(());
        };
        let (pair, before) = ((source, target), self.domain_graph.graph().link_class(source, target));
        let mut edge = before;
        if let Some(class) = change.class_before {
            edge = self.pairs.remove(pair, class, edge);
        }
        if let Some(class) = change.class_after {
            edge = self.pairs.add(pair, class, edge);
        }
        if edge != before {
            self.domain_graph.set_link(source, target, edge)?;
        }
        Ok(())
    }

    /// Give every page a node.
    pub(super) fn grow_pages(&mut self) -> Result<(), CoreError> {
        while self.page_graph.graph().node_count() < self.pages.len() {
            let page = self.page_graph.add_node()?;
            if self.seeds.has_trust() {
                self.seed_page(page)?;
            }
        }
        Ok(())
    }

    /// Give the domains of a link their nodes.
    pub(super) fn ensure_nodes_of(&mut self, link: &Link) -> Result<(), CoreError> {
        for page in [link.ends.source_page, link.ends.target_page] {
            if let Some(page) = self.pages.get(page) {
                self.ensure_node(page.domain)?;
            }
        }
        Ok(())
    }

    pub(super) fn ensure_node(&mut self, domain: u32) -> Result<(), CoreError> {
        let new = self.domains.get(domain).filter(|known| known.node().is_none()).map(|known| known.key);
        if let Some(domain_key) = new {
            let node = self.domain_graph.add_node()?;
            self.domains.set_node(domain, node);
            self.new_nodes.push(domain);
            self.seed_domain(domain_key, node)?;
        }
        Ok(())
    }

    /// Count a begin or end for metrics, if it is recent news and joins two domains.
    fn count(&mut self, pending: &Pending, tally: Tally) {
        let Some(touched) = pending.touched.get(tally.touched as usize) else { return };
        if touched.before.is_internal() || tally.sign < 0 || tally.is_moved {
            return;
        }
        let is_recent = self.is_recent(tally);
        let counters = &mut self.counters;
        let target = self.pages.get(touched.before.ends.target_page);
        let domain = target.and_then(|page| self.domains.get_mut(page.domain));
        match tally.kind {
            _ if !is_recent => counters.backfilled_links += 1,
            TallyKind::New => {
                counters.new_links += 1;
                domain.map(|known| known.recent_new = known.recent_new.saturating_add(1)).unwrap_or_default();
            }
            TallyKind::Restored => {
                counters.restored_links += 1;
                domain
                    .map(|known| known.recent_restored = known.recent_restored.saturating_add(1))
                    .unwrap_or_default();
            }
            TallyKind::Lost => {
                counters.lost_links += 1;
                domain
                    .map(|known| known.recent_lost = known.recent_lost.saturating_add(1))
                    .unwrap_or_default();
            }
        }
    }
}
