//! The index from the tables: what a start, and every failed commit, comes back to. After a snapshot only the rows
//! that are newer than it need to come.

use super::Index;
use super::stage::ends_of;
use crate::authority::{Budget, ScoredGraph, drain_all};
use crate::error::CoreError;
use crate::links::attribute::Field;
use crate::links::domains::Domain;
use crate::links::page_register::Losses;
use crate::links::register::{NEVER, Registers, Status};

/// One link as its wide row has it.
#[derive(Debug, Clone)]
pub struct RestoredLink {
    /// Key of the pair of URLs.
    pub link_id: u64,
    /// Keys of the source: its URL's and its domain's.
    pub source_keys: (u64, u64),
    /// Keys of the target.
    pub target_keys: (u64, u64),
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

/// What is needed until all rows are in.
#[derive(Debug, Default)]
pub(super) struct Restoring {
    /// Revision of the registers taken, by link; 0 before any.
    link_revs: Vec<u64>,
    /// Revision of the points taken, by page.
    page_revs: Vec<u64>,
    /// Estimates of the snapshot by board and node; no boards without one.
    pub(super) page_estimates: Vec<Vec<f64>>,
    pub(super) domain_estimates: Vec<Vec<f64>>,
}

impl Restoring {
    /// Make room for the estimates of so many (boards, nodes) of pages and of domains.
    pub(super) fn reserve_estimates(&mut self, pages: (usize, usize), domains: (usize, usize)) {
        let room = |(boards, nodes): (usize, usize)| (0..boards).map(|_| Vec::with_capacity(nodes)).collect();
        (self.page_estimates, self.domain_estimates) = (room(pages), room(domains));
    }
}

impl Index {
    /// Make room for so many links of the tables, no more than that.
    pub fn reserve_links(&mut self, links: usize) {
        let more = links.saturating_sub(self.links.len());
        self.links.reserve(more);
        self.restoring.link_revs.reserve_exact(links);
    }

    /// Take a domain; domains come before links.
    ///
    /// # Errors
    /// The graph is full.
    pub fn restore_domain(&mut self, domain: &RestoredDomain<'_>) -> Result<(), CoreError> {
        let index = self.domains.find_or_add(domain.key, domain.name);
        self.domains.set_name(index, domain.name);
        if domain.has_node {
            self.ensure_node(index)?;
        }
        if let Some(node) = self.domains.get(index).and_then(Domain::node) {
            let has_trust = self.seeds.has_trust();
            restore_shown(&mut self.domain_graph, node, domain.shown, has_trust);
        }
        Ok(())
    }

    /// Keys of the domains that links brought and no domain row has named: none of their links was ever sighted.
    pub fn nameless_domains(&self) -> impl Iterator<Item = u64> {
        self.domains.iter().filter(|domain| self.domains.name_of(domain).is_empty()).map(|domain| domain.key)
    }

    /// Take the points last written of a page: of citation, of trust. Pages come after links, in any order of
    /// their revisions.
    pub fn restore_page_score(&mut self, page_key: u64, shown: (f64, f64), rev: u64) {
        if let Some(page) = self.pages.find(page_key)
            && is_newest(&mut self.restoring.page_revs, page, rev)
        {
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

    /// Take a link and the attributes of its wide row, all of one instant.
    pub fn restore_link<'a>(
        &mut self,
        link: &RestoredLink,
        attributes_at: i64,
        attributes: impl Iterator<Item = (Field, &'a str)>,
    ) {
        let (domains, pages) = (&mut self.domains, &mut self.pages);
        let (index, _) = self.links.find_or_add(link.link_id, || {
            let mut end = |(page_key, domain_key)| (page_key, domains.find_or_add(domain_key, ""));
            let ends = [end(link.source_keys), end(link.target_keys)];
            ends_of(pages, ends)
        });
        self.set_attributes(index, attributes_at, attributes);
    }

    /// Take the current attributes of a link, in place of those of its wide row; links come first.
    pub fn restore_attributes_of<'a>(
        &mut self,
        link_id: u64,
        changed_at: i64,
        attributes: impl Iterator<Item = (Field, &'a str)>,
    ) {
        if let Some(index) = self.links.find(link_id) {
            self.set_attributes(index, changed_at, attributes);
        }
    }

    fn set_attributes<'a>(
        &mut self,
        index: u32,
        changed_at: i64,
        attributes: impl Iterator<Item = (Field, &'a str)>,
    ) {
        // Open, it is packed once and not by every attribute.
        let _open = self.links.get_mut(index);
        self.links.clear_attributes(index);
        for (field, value) in attributes {
            self.links.set_attribute(index, field, value, changed_at);
        }
        self.links.close();
    }

    /// Take the registers of a state row; links come first, rows in any order of their revisions.
    ///
    /// `confirmed_at` and `has_earlier_life` are not in these rows; they are filled in on the safe side, which costs
    /// a derivation at worst.
    pub fn restore_registers_of(&mut self, link_id: u64, registers: Registers, rev: u64) {
        if let Some(index) = self.links.find(link_id)
            && is_newest(&mut self.restoring.link_revs, index, rev)
        {
            self.links.change(index, |link| link.registers = on_the_safe_side(registers));
        }
    }

    /// Set clock and revision once all is in, give the links their effects and bring authority to its error:
    /// from the estimates of the snapshot, or else by a solve.
    ///
    /// # Errors
    /// The graph refused.
    pub fn restored(&mut self, clock: Option<i64>, rev: u64) -> Result<(), CoreError> {
        self.clock = clock.unwrap_or(NEVER);
        self.rev = rev;
        let restoring = std::mem::take(&mut self.restoring);
        let (of_pages, of_domains) = (restoring.page_estimates, restoring.domain_estimates);
        drop((restoring.link_revs, restoring.page_revs));
        self.take_page_losses();
        self.build()?;
        self.new_nodes.clear();
        self.written_domains = self.domains.len() as u32;
        self.page_graph.solve_next();
        self.domain_graph.solve_next();
        let (pages, domains) = (&mut self.page_graph, &mut self.domain_graph);
        let taken = std::thread::scope(|scope| {
            let by_domains = scope.spawn(|| domains.take_estimates(&of_domains));
            let by_pages = pages.take_estimates(&of_pages);
            by_domains
                .join()
                .map_or_else(|panic| std::panic::resume_unwind(panic), |taken| taken.and(by_pages))
        });
        taken?;
        drop((of_pages, of_domains));
        drain_all(&mut [&mut self.page_graph, &mut self.domain_graph], Budget::Unlimited);
        Ok(())
    }
}

impl Index {
    /// Tell the links what their pages said of them: state rows do not, where nothing else moved.
    fn take_page_losses(&mut self) {
        for (page_key, losses) in self.page_registers.iter() {
            let Some(page) = self.pages.find(*page_key) else { continue };
            let links: Vec<u32> = self.links.links_of(page).collect();
            for link in links {
                self.links.change(link, |link| link.registers = with_page(link.registers, losses));
            }
        }
    }
}

/// Whether nothing newer was taken at this place; then `rev` is noted there.
fn is_newest(revs: &mut Vec<u64>, at: u32, rev: u64) -> bool {
    let at = at as usize;
    if at >= revs.len() {
        revs.resize(at + 1, 0);
    }
    let Some(known) = revs.get_mut(at).filter(|known| **known <= rev) else { return false };
    *known = rev;
    true
}

fn restore_shown(graph: &mut ScoredGraph, node: u32, (citation, trust): (f64, f64), has_trust: bool) {
    graph.citation_mut().restore_shown(node, citation);
    if let Some(board) = graph.trust_mut().first_mut().filter(|_| has_trust) {
        board.restore_shown(node, trust);
    }
}

/// Add what the page of the link said. While a link lives its page listed it in its last complete answer.
pub(super) fn with_page(registers: Registers, page: &Losses) -> Registers {
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
pub(super) fn on_the_safe_side(registers: Registers) -> Registers {
    let is_lost = registers.status == Status::Lost;
    let by_time = registers.suspect_at.saturating_add(crate::links::life::SUSPECT_WINDOW_US);
    let latest =
        if registers.suspect_at == NEVER { registers.firm_at } else { registers.firm_at.max(by_time) };
    Registers { confirmed_at: if is_lost { latest } else { NEVER }, has_earlier_life: true, ..registers }
}
