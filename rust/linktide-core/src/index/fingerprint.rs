//! The whole state as a few numbers: equal states have equal ones, in whatever order they were built.

use xxhash_rust::xxh3::xxh3_64;

use super::Index;
use super::restore::on_the_safe_side;
use crate::authority::ScoredGraph;
use crate::graph::LinkGraph;
use crate::links::attribute::Field;
use crate::links::domains::Domain;
use crate::links::register::NEVER;
use crate::snapshot::bytes::Write;

impl Index {
    /// (part, sum of a hash of each of its entries): registers as a restore from the tables knows them, attributes,
    /// ends, timers, pages, domains, both graphs, what was last written of scores. Scores themselves are left
    /// out: they are equal within their error only. Goes over everything; for tests and audits.
    #[must_use]
    pub fn fingerprint(&self) -> Vec<(&'static str, u64)> {
        let domain_key = |index: u32| self.domains.get(index).map_or(0, |domain| domain.key);
        let page_key = |index: u32| self.pages.get(index).map_or(0, |page| page.key);
        let node_key = |node: u32| self.domains.of_node(node).map_or(0, |domain| domain.key);
        vec![
            ("links", self.link_sum(&domain_key, &page_key)),
            (
                "pages",
                sum((0..).zip(self.pages.iter()), |(_, page), out| {
                    out.put_u64(page.key);
                    out.put_u64(domain_key(page.domain));
                }),
            ),
            (
                "page links",
                sum(0..self.pages.len() as u32, |page, out| {
                    let mut ids: Vec<u64> = self
                        .pages
                        .links(page)
                        .filter_map(|link| Some(self.links.get(link)?.link_id))
                        .collect();
                    ids.sort_unstable();
                    out.put_u64(page_key(page));
                    out.put_u8(u8::from(self.pages.has_sole_link(page)));
                    for id in ids {
                        out.put_u64(id);
                    }
                }),
            ),
            (
                "domains",
                sum(self.domains.iter(), |domain, out| {
                    out.put_u64(domain.key);
                    out.put_text(&domain.name);
                    out.put_u32(domain.live_backlinks);
                    out.put_u8(u8::from(domain.node().is_some()));
                }),
            ),
            ("page graph", edge_sum(self.page_graph.graph(), &page_key)),
            ("domain graph", edge_sum(self.domain_graph.graph(), &node_key)),
            (
                "domain pairs",
                sum(self.pairs.iter(), |(source, target, class, count), out| {
                    for number in [node_key(source), node_key(target), u64::from(class.0), u64::from(count)] {
                        out.put_u64(number);
                    }
                }),
            ),
            ("page points", points_sum(&self.page_graph, &page_key)),
            ("domain points", points_sum(&self.domain_graph, &node_key)),
            (
                "priors",
                sum(self.domains.iter().filter_map(Domain::node), |node, out| {
                    out.put_u64(node_key(node));
                    self.domain_graph.boards().for_each(|board| out.put_f64(board.vector().prior(node)));
                }),
            ),
            ("live links", self.live_links),
            ("clock", self.clock.cast_unsigned()),
            ("rev", self.rev),
        ]
    }

    fn link_sum(&self, domain_key: &dyn Fn(u32) -> u64, page_key: &dyn Fn(u32) -> u64) -> u64 {
        sum((0u32..).zip(self.links.iter()), |(index, link), out| {
            let registers = on_the_safe_side(link.registers);
            out.put_u64(link.link_id);
            out.put_u64(page_key(link.ends.source_page));
            out.put_u64(page_key(link.ends.target_page));
            out.put_u64(domain_key(link.ends.source_domain));
            out.put_u64(domain_key(link.ends.target_domain));
            for time in [
                registers.last_seen,
                registers.firm_at,
                registers.suspect_at,
                registers.suspect_before_at,
                registers.started_at,
                registers.confirmed_at,
                link.attributes_changed_at,
            ] {
                out.put_i64(time);
            }
            let reason = if registers.firm_at == NEVER { "" } else { registers.firm_reason.as_str() };
            out.put_text(reason);
            for code in [registers.status as u8, link.rel_class.0, link.passage as u8] {
                out.put_u8(code);
            }
            out.put_u64(self.links.attribute_hash(index, Field::ANCHOR));
            out.put_u64(self.links.attribute_hash(index, Field::REL));
            let mut others = self.links.other_attributes(index).to_vec();
            others.sort_unstable();
            for (field, hash) in others {
                out.put_text(field.as_str());
                out.put_u64(hash);
            }
        })
    }

    /// Suspect links whose timer is not set; 0 unless something is wrong.
    #[must_use]
    pub fn missing_timers(&self) -> usize {
        let set: std::collections::BTreeSet<(i64, u32)> = self.timers.iter().map(|timer| timer.0).collect();
        let wanted =
            (0u32..).zip(self.links.iter()).filter_map(|(at, link)| Some((link.registers.timer()?, at)));
        wanted.filter(|timer| !set.contains(timer)).count()
    }
}

/// Sum of the hashes of all entries, so that their order does not matter.
fn sum<T>(entries: impl Iterator<Item = T>, mut put: impl FnMut(T, &mut Vec<u8>)) -> u64 {
    let mut bytes = Vec::new();
    entries.fold(0, |sum: u64, entry| {
        bytes.clear();
        put(entry, &mut bytes);
        sum.wrapping_add(xxh3_64(&bytes))
    })
}

fn edge_sum(graph: &LinkGraph, key: &dyn Fn(u32) -> u64) -> u64 {
    let edges = (0..graph.node_count() as u32)
        .flat_map(|source| graph.out(source).map(move |(target, weight)| (source, target, weight)));
    sum(edges, |(source, target, weight), out| {
        out.put_u64(key(source));
        out.put_u64(key(target));
        out.put_f64(weight);
    })
}

fn points_sum(graph: &ScoredGraph, key: &dyn Fn(u32) -> u64) -> u64 {
    let nodes = 0..graph.graph().node_count() as u32;
    let shown = nodes.flat_map(|node| (0..).zip(graph.boards()).map(move |(at, board)| (at, node, board)));
    sum(shown, |(at, node, board), out| {
        out.put_u32(at);
        out.put_u64(key(node));
        out.put_f64(board.shown(node));
    })
}
