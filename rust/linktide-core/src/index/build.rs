//! Counts and graphs from all links at once, where links came without their effects: after a restore.

use std::cmp::Reverse;

use super::Index;
use crate::authority::ScoredGraph;
use crate::error::CoreError;
use crate::graph::{DomainPairs, GraphError, WeightClass};
use crate::links::domains::{Domain, DomainTable};
use crate::links::flow::Passage;
use crate::links::pages::PageTable;
use crate::links::register::NEVER;
use crate::links::table::{Link, LinkTable};

impl Index {
    /// Give every link its effects, as [`Index::take_link`] would one by one.
    pub(super) fn build(&mut self) -> Result<(), CoreError> {
        self.grow_pages()?;
        self.build_counts()?;
        let Self { links, pages, domains, pairs, page_graph, domain_graph, .. } = self;
        let (links, pages, domains) = (&*links, &*pages, &*domains);
        let classes = domain_graph.graph().class_count();
        let build_pages = || page_graph.load(page_edges(links, pages));
        let mut build_domains = || {
            (0..classes as u8)
                .try_for_each(|class| load_domains(WeightClass(class), links, pages, domains, pairs))?;
            load_edges(pairs, domain_graph)
        };
        let (of_pages, of_domains) = std::thread::scope(|scope| {
            let pages = scope.spawn(build_pages);
            let of_domains = build_domains();
            (pages.join(), of_domains)
        });
        of_domains?;
        match of_pages {
            Ok(outcome) => outcome.map_err(CoreError::from),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Nodes of domains, live links, timers, and the pages that hand all on.
    fn build_counts(&mut self) -> Result<(), CoreError> {
        for index in 0..self.links.len() as u32 {
            let Some(&link) = self.links.get(index) else { continue };
            if link.registers.last_seen != NEVER {
                self.ensure_node(link.ends.source_domain)?;
                self.ensure_node(link.ends.target_domain)?;
            }
            self.timers.extend(link.registers.timer().map(|due| Reverse((due, index))));
            self.live_links += u64::from(link.registers.status.is_live());
            if link.is_live_backlink()
                && let Some(target) = self.domains.get_mut(link.ends.target_domain)
            {
                target.live_backlinks = target.live_backlinks.saturating_add(1);
            }
            if link.flow().0 == Passage::All {
                self.pages.count_sole_link(link.ends.source_page, true);
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

fn page_edges<'a>(
    links: &'a LinkTable,
    pages: &'a PageTable,
) -> impl Iterator<Item = (u32, u32, WeightClass)> + 'a {
    let edge = |link: &Link| Some((link.ends.source_page, link.ends.target_page, pages.class_of(link)?));
    links.iter().filter_map(edge)
}

/// Count the page links of one class behind each pair of domains. Sorting them first is several times faster
/// than as many steps through a table that does not fit a cache; takes 8 B a link while it runs.
fn load_domains(
    class: WeightClass,
    links: &LinkTable,
    pages: &PageTable,
    domains: &DomainTable,
    pairs: &mut DomainPairs,
) -> Result<(), GraphError> {
    let node = |domain: u32| domains.get(domain).and_then(Domain::node).map(u64::from);
    let pair = |link: &Link| {
        let counts = !link.is_internal() && pages.class_of(link) == Some(class);
        let ends = counts.then_some(link.ends)?;
        Some(node(ends.source_domain)? << 32 | node(ends.target_domain)?)
    };
    let mut sorted: Vec<u64> = Vec::with_capacity(links.iter().filter_map(pair).count());
    sorted.extend(links.iter().filter_map(pair));
    sorted.sort_unstable();
    pairs.load(class, &sorted);
    Ok(())
}

/// Give the domain graph an edge for every pair.
fn load_edges(pairs: &DomainPairs, graph: &mut ScoredGraph) -> Result<(), GraphError> {
    let mut edges: Vec<(u32, u32)> = Vec::with_capacity(pairs.edge_count());
    edges.extend(pairs.iter().map(|(source, target, _, _)| (source, target)));
    edges.sort_unstable();
    edges.dedup();
    graph.load(edges.into_iter().filter_map(|(a, b)| Some((a, b, pairs.class(a, b)?))))
}
