//! The whole state as a few numbers: equal states have equal ones, in whatever order they were built.

use xxhash_rust::xxh3::xxh3_64;

use super::Index;
use super::restore::{on_the_safe_side, with_page};
use crate::authority::ScoredGraph;
use crate::graph::{LinkGraph, VACANT};
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
            ("links", self.link_sum(&page_key)),
            (
                "pages",
                sum((0..).zip(self.pages.iter()), |(_, page), out| {
                    out.put_u64(page.key);
                    out.put_u64(domain_key(page.domain));
                }),
            ),
            ("page links", self.page_link_sum()),
            (
                "page losses",
                sum(self.page_registers.iter(), |(key, losses), out| {
                    out.put_u64(*key);
                    losses.save(out);
                }),
            ),
            ("page sets", sum(self.page_registers.sets().iter(), |set_id, out| out.put_u64(*set_id))),
            (
                "domains",
                sum(self.domains.iter(), |domain, out| {
                    out.put_u64(domain.key);
                    out.put_text(self.domains.name_of(domain));
                    out.put_u32(domain.live_backlinks);
                    out.put_u8(u8::from(domain.node().is_some()));
                }),
            ),
            ("page graph", edge_sum(self.page_graph.graph(), &page_key)),
            ("domain graph", edge_sum(self.domain_graph.graph(), &node_key)),
            ("domain pairs", self.pair_sum(&node_key)),
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

    fn pair_sum(&self, node_key: &dyn Fn(u32) -> u64) -> u64 {
        let graph = self.domain_graph.graph();
        let edges = (0..graph.node_count() as u32).flat_map(|source| {
            let targets = graph
                .class_segments(source)
                .flat_map(|(class, slots)| slots.iter().zip(std::iter::repeat(class)));
            let targets = targets.filter(|(target, _)| **target != VACANT);
            targets.map(move |(&target, class)| ((source, target), class))
        });
        sum(edges, |(pair, edge), out| {
            out.put_u64(node_key(pair.0));
            out.put_u64(node_key(pair.1));
            for class in self.pairs.classes() {
                out.put_u32(self.pairs.count(pair, class, Some(edge)));
            }
        })
    }

    fn page_link_sum(&self) -> u64 {
        sum((0..).zip(self.pages.iter()), |(index, page), out| {
            let links = self.links.links_of(index).filter_map(|link| Some(self.links.get(link)?.link_id));
            let mut ids: Vec<u64> = links.collect();
            ids.sort_unstable();
            out.put_u64(page.key);
            out.put_u8(u8::from(self.pages.has_sole_link(index)));
            for id in ids {
                out.put_u64(id);
            }
        })
    }

    fn link_sum(&self, page_key: &dyn Fn(u32) -> u64) -> u64 {
        sum((0u32..).zip(self.links.iter()), |(index, link), out| {
            // What the page said and listed them with moves them after a restart only, to no effect.
            let page = self.page_registers.losses(page_key(link.ends.source_page));
            let joined = page.map_or(link.registers, |losses| with_page(link.registers, losses));
            let registers = on_the_safe_side(joined);
            out.put_u64(link.link_id);
            out.put_u64(page_key(link.ends.source_page));
            out.put_u64(page_key(link.ends.target_page));
            out.put_u8(u8::from(link.is_internal()));
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
            for field in [Field::ANCHOR, Field::REL, Field::LINK_TYPE] {
                out.put_u64(self.links.attribute_hash(index, field));
            }
            let mut others: Vec<(Field, u64)> = self.links.other_attributes(index).collect();
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
