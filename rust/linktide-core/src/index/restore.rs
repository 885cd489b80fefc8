//! The index from the tables: what a start, and every failed commit, comes back to.

use super::Index;
use super::stage::ends_of;
use crate::authority::{Budget, ScoredGraph, drain_all};
use crate::error::CoreError;
use crate::links::attribute::Field;
use crate::links::domains::Domain;
use crate::links::page_register::Losses;
use crate::links::register::{NEVER, Registers};

/// One link as the tables have it.
#[derive(Debug, Clone)]
pub struct RestoredLink {
    /// Key of the pair of URLs.
    pub link_id: u64,
    /// Keys of the source: its URL's and its domain's.
    pub source_keys: (u64, u64),
    /// Keys of the target.
    pub target_keys: (u64, u64),
    /// Registers of the newest state row. `confirmed_at` and `has_earlier_life` are not in the tables' state
    /// rows; they are filled in on the safe side, which costs a derivation at worst.
    pub registers: Registers,
    /// Latest instant at which a current attribute began to hold, µs; NEVER without attributes.
    pub attributes_changed_at: i64,
}

/// One domain as the tables have it.
#[derive(Debug, Clone)]
pub struct RestoredDomain<'a> {
    /// Seeded hash of the name.
    pub key: u64,
    /// The name.
    pub name: &'a str,
    /// One of its links has been sighted, so it stands in the domain graph.
    pub has_node: bool,
    /// The points last written: of citation, of trust.
    pub shown: (f64, f64),
}

impl Index {
    /// Take a domain; domains come before links.
    ///
    /// # Errors
    /// The graph is full.
    pub fn restore_domain(&mut self, domain: &RestoredDomain<'_>) -> Result<(), CoreError> {
        let index = self.domains.find_or_add(domain.key, domain.name);
        if domain.has_node {
            self.ensure_node(index)?;
        }
        if let Some(node) = self.domains.get(index).and_then(Domain::node) {
            let has_trust = self.seeds.has_trust();
            restore_shown(&mut self.domain_graph, node, domain.shown, has_trust);
        }
        Ok(())
    }

    /// Take the points last written of a page: of citation, of trust. Pages come after links.
    pub fn restore_page_score(&mut self, page_key: u64, shown: (f64, f64)) {
        if let Some(page) = self.pages.find(page_key) {
            restore_shown(&mut self.page_graph, page, shown, self.seeds.has_trust());
        }
    }

    /// Take the points last written of a domain on a topic; a topic that is no seed set now is passed over.
    pub fn restore_topic_score(&mut self, domain_key: u64, topic: &str, shown: f64) {
        let node = self.domains.find(domain_key).and_then(|index| self.domains.get(index)?.node());
        let board = self.seeds.topics().find(|(_, name)| *name == topic).map(|(board, _)| board - 1);
        let board = board.and_then(|board| self.domain_graph.trust_mut().get_mut(board));
        if let (Some(node), Some(board)) = (node, board) {
            board.restore_shown(node, shown);
        }
    }

    /// Take a link and the current values of its attributes.
    ///
    /// # Errors
    /// The graph is full.
    pub fn restore_link<'a>(
        &mut self,
        link: &RestoredLink,
        attributes: impl Iterator<Item = (Field, &'a str)>,
    ) -> Result<(), CoreError> {
        let (domains, pages) = (&mut self.domains, &mut self.pages);
        let (index, is_new) = self.links.find_or_add(link.link_id, || {
            let mut end = |(page_key, domain_key)| (page_key, domains.find_or_add(domain_key, ""));
            let ends = [end(link.source_keys), end(link.target_keys)];
            ends_of(pages, ends)
        });
        let Some(before) = self.links.get(index).copied() else { return Ok(()) };
        if is_new {
            self.pages.add_link(before.ends.source_page, index);
            self.grow_pages()?;
        }
        let page = self.page_registers.losses(link.source_keys.0);
        if let Some(known) = self.links.get_mut(index) {
            known.registers = on_the_safe_side(with_page(link.registers, page));
        }
        for (field, value) in attributes {
            self.links.set_attribute(index, field, value, link.attributes_changed_at);
        }
        let Some(after) = self.links.get(index).copied() else { return Ok(()) };
        if let Some(due) = after.registers.timer() {
            self.timers.push(std::cmp::Reverse((due, index)));
        }
        self.take_link(index, &before)
    }

    /// Set clock and revision once all links are in, and solve authority.
    ///
    /// # Errors
    /// The graph refused.
    pub fn restored(&mut self, clock: Option<i64>, rev: u64) -> Result<(), CoreError> {
        self.clock = clock.unwrap_or(NEVER);
        self.rev = rev;
        self.new_nodes.clear();
        self.page_graph.solve_next();
        self.domain_graph.solve_next();
        drain_all(&mut [&mut self.page_graph, &mut self.domain_graph], Budget::Unlimited);
        Ok(())
    }
}

fn restore_shown(graph: &mut ScoredGraph, node: u32, (citation, trust): (f64, f64), has_trust: bool) {
    graph.citation_mut().restore_shown(node, citation);
    if let Some(board) = graph.trust_mut().first_mut().filter(|_| has_trust) {
        board.restore_shown(node, trust);
    }
}

/// Add what the page of the link said. While a link lives its page listed it in its last complete answer.
fn with_page(registers: Registers, page: Option<&Losses>) -> Registers {
    let Some(page) = page else { return registers };
    let mut losses = registers.losses();
    losses.join(page);
    let mut joined = registers;
    joined.set_losses(&losses);
    if registers.status.is_live() {
        joined.last_seen = registers.last_seen.max(page.firm_at);
    }
    joined
}

/// Registers whose unknown parts cannot lead to a wrong O(1) step.
fn on_the_safe_side(registers: Registers) -> Registers {
    let is_lost = registers.status == crate::links::register::Status::Lost;
    let by_time = registers.suspect_at.saturating_add(crate::links::life::SUSPECT_WINDOW_US);
    let latest =
        if registers.suspect_at == NEVER { registers.firm_at } else { registers.firm_at.max(by_time) };
    Registers { confirmed_at: if is_lost { latest } else { NEVER }, has_earlier_life: true, ..registers }
}
