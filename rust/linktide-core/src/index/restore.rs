//! The index from the tables: what a start, and every failed commit, comes back to.

use super::Index;
use crate::error::CoreError;
use crate::links::attribute::Field;
use crate::links::register::{NEVER, Registers};

/// One link as the tables have it.
#[derive(Debug, Clone)]
pub struct RestoredLink {
    /// Key of the pair of URLs.
    pub link_id: u64,
    /// Key of the source's domain.
    pub source_domain_key: u64,
    /// Key of the target's domain.
    pub target_domain_key: u64,
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
    /// The score last written, points.
    pub published: f64,
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
        if let Some(known) = self.domains.get_mut(index) {
            known.published = domain.published;
        }
        Ok(())
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
        let domains = &mut self.domains;
        let (index, _) = self.links.find_or_add(link.link_id, || {
            let source = domains.find_or_add(link.source_domain_key, "");
            (source, domains.find_or_add(link.target_domain_key, ""))
        });
        let Some(before) = self.links.get(index).copied() else { return Ok(()) };
        if let Some(known) = self.links.get_mut(index) {
            known.registers = on_the_safe_side(link.registers);
        }
        for (field, value) in attributes {
            self.links.set_attribute(index, field, value, link.attributes_changed_at);
        }
        let Some(after) = self.links.get(index).copied() else { return Ok(()) };
        if let Some(due) = after.registers.timer() {
            self.timers.push(std::cmp::Reverse((due, index)));
        }
        self.take_link(&before, &after)
    }

    /// Set clock and revision once all links are in, and solve authority.
    ///
    /// # Errors
    /// The graph refused.
    pub fn restored(&mut self, clock: Option<i64>, rev: u64) -> Result<(), CoreError> {
        self.clock = clock.unwrap_or(NEVER);
        self.rev = rev;
        self.new_nodes.clear();
        self.citation.grow(&self.graph);
        self.citation.solve(&self.graph);
        self.citation.drain(&self.graph, crate::authority::Budget::Unlimited);
        self.edges_moved = 0;
        Ok(())
    }
}

/// Registers whose unknown parts cannot lead to a wrong O(1) step.
fn on_the_safe_side(registers: Registers) -> Registers {
    let is_lost = registers.status == crate::links::register::Status::Lost;
    let by_time = registers.suspect_at.saturating_add(crate::links::life::SUSPECT_WINDOW_US);
    let latest =
        if registers.suspect_at == NEVER { registers.firm_at } else { registers.firm_at.max(by_time) };
    Registers { confirmed_at: if is_lost { latest } else { NEVER }, has_earlier_life: true, ..registers }
}
