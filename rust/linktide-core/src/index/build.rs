//! Counts and graphs from all links at once, where links came without their effects: after a restore.

use std::cmp::Reverse;
use std::sync::{Mutex, PoisonError};

use super::Index;
use crate::authority::ScoredGraph;
use crate::error::CoreError;
use crate::graph::{DomainPairs, GraphError, WeightClass, is_heaviest};
use crate::links::domains::{Domain, DomainTable};
use crate::links::flow::Passage;
use crate::links::pages::PageTable;
use crate::links::register::NEVER;
use crate::links::table::{Link, LinkTable};
use crate::second_thread::{helping, joined};

impl Index {
    /// Give every link its effects, as [`Index::take_link`] would one by one.
    pub(super) fn build(&mut self) -> Result<(), CoreError> {
        self.grow_pages()?;
        self.ensure_nodes()?;
        for (index, link) in (0u32..).zip(self.links.iter()) {
            self.timers.extend(link.registers.timer().map(|due| Reverse((due, index))));
            self.live_links += u64::from(link.registers.status.is_live());
            if link.flow().0 == Passage::All {
                self.pages.count_sole_link(link.ends.source_page, true);
            }
        }
        let Self { links, pages, domains, pairs, page_graph, domain_graph, .. } = self;
        let (links, pages) = (&*links, &*pages);
        let waiting = Mutex::new(Some(page_graph));
        let take = || waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let load = || take().map_or(Ok(()), |graph| load_pages(links, pages, graph));
        std::thread::scope(|scope| {
            let other = helping(scope, load);
            let sorted = load_domains(links, pages, domains, pairs);
            load_edges(&sorted, domain_graph)?;
            load()?;
            other.map_or(Ok(()), joined).map_err(CoreError::from)
        })
    }

    /// Give a node to every domain of which a link was sighted. The tables name them, so there is nothing to do but
    /// where only lost links were ever heard of.
    fn ensure_nodes(&mut self) -> Result<(), CoreError> {
        if self.domains.iter().all(|domain| domain.node().is_some()) {
            return Ok(());
        }
        for index in 0..self.links.len() as u32 {
            if let Some(link) = self.links.get(index).filter(|link| link.registers.last_seen != NEVER) {
                self.ensure_nodes_of(&link)?;
            }
        }
        Ok(())
    }
}

impl PageTable {
    /// The class in which a link stands in the page graph; none if it passes nothing there.
    pub(super) fn class_of(&self, link: &Link) -> Option<WeightClass> {
        let ends = link.ends;
        match link.flow() {
            _ if ends.source_page == ends.target_page => None,
            (Passage::Nothing, _) => None,
            (Passage::All, _) => Some(WeightClass::FIRST),
            (Passage::Share, _) if self.has_sole_link(ends.source_page) => None,
            (Passage::Share, class) => Some(class),
        }
    }
}

fn load_pages(links: &LinkTable, pages: &PageTable, graph: &mut ScoredGraph) -> Result<(), GraphError> {
    graph.load(|page, out| {
        out.extend(
            links.all_of(page).filter_map(|link| Some((pages.class_of(&link)?, link.ends.target_page))),
        );
    })
}

/// Count the live links to each domain, and the page links behind each pair of domains; returns these by class,
/// sorted, as source·2^32 + target. Sorting them is several times faster than a step each through a table that fits
/// no cache; it takes 8 B a link while it runs.
fn load_domains(
    links: &LinkTable,
    pages: &PageTable,
    domains: &mut DomainTable,
    pairs: &mut DomainPairs,
) -> Vec<(WeightClass, Vec<u64>)> {
    let nodes: Vec<Option<u32>> = domains.iter().map(Domain::node).collect();
    let domain = |page: u32| pages.get(page).map(|page| page.domain);
    let node = |page: u32| nodes.get(domain(page)? as usize).copied().flatten().map(u64::from);
    let mut backlinks = vec![0u32; nodes.len()];
    // Room is not memory before it is written to.
    let mut found: Vec<(WeightClass, Vec<u64>)> =
        pairs.classes().map(|class| (class, Vec::with_capacity(links.len()))).collect();
    for link in links.iter().filter(Link::is_live_backlink) {
        let target = domain(link.ends.target_page);
        if let Some(count) = target.and_then(|domain| backlinks.get_mut(domain as usize)) {
            *count = count.saturating_add(1);
        }
        let Some(class) = pages.class_of(&link) else { continue };
        let ends = node(link.ends.source_page).zip(node(link.ends.target_page));
        let list = found.iter_mut().find(|(known, _)| *known == class);
        if let (Some((source, target)), Some((_, list))) = (ends, list) {
            list.push(source << 32 | target);
        }
    }
    for (index, count) in (0..).zip(backlinks) {
        if let Some(domain) = domains.get_mut(index) {
            domain.live_backlinks = count;
        }
    }
    for (_, list) in &mut found {
        list.sort_unstable();
    }
    pairs.load(&found);
    found
}

/// Give the domain graph an edge for every pair, in its heaviest class.
fn load_edges(sorted: &[(WeightClass, Vec<u64>)], graph: &mut ScoredGraph) -> Result<(), GraphError> {
    let mut lists: Vec<(WeightClass, &[u64])> =
        sorted.iter().map(|(class, list)| (*class, list.as_slice())).collect();
    graph.load(|node, out| {
        for (at, (class, rest)) in lists.iter_mut().enumerate() {
            let mine = rest.iter().take_while(|pair| **pair >> 32 <= u64::from(node)).count();
            let (now, later) = rest.split_at(mine);
            *rest = later;
            let targets = now.chunk_by(|a, b| a == b).filter_map(|run| run.first());
            let heavier = sorted.get(..at).unwrap_or_default();
            let targets = targets.filter(|pair| is_heaviest(heavier, **pair));
            out.extend(targets.map(|pair| (*class, *pair as u32)));
        }
    })
}
