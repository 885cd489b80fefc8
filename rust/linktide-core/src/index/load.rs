//! The index out of a snapshot. What the tables moved since comes after it, by the calls of [`super::restore`].

use super::Index;
use super::save::{DOMAINS, LINKS, PAGE_LOSSES, PAGE_SETS, PAGES};
use crate::authority::Board;
use crate::error::CoreError;
use crate::links::page_register::Losses;
use crate::links::table::Link;
use crate::snapshot::bytes::Reader;
use crate::snapshot::{Block, SnapshotError, SnapshotFile};

/// Least bytes of a record of any kind; a count that would need more than there are is damage.
const LEAST_BYTES: u64 = 8;

impl Index {
    /// Take what a snapshot holds; the index must be new, its seeds set. After an error it is of no use.
    ///
    /// # Errors
    /// The snapshot belongs elsewhere or is damaged, or the graph is full.
    pub fn load(&mut self, mut file: SnapshotFile, facts: &[(String, String)]) -> Result<(), CoreError> {
        let mut wanted = facts.to_vec();
        wanted.extend(self.facts());
        file.check(&wanted)?;
        let totals = file.totals();
        let counts = [totals.links, totals.pages, totals.domains, totals.page_losses, totals.page_sets];
        for count in counts {
            if count > totals.bytes / LEAST_BYTES || count >= u64::from(u32::MAX) {
                return Err(impossible("more records than bytes").into());
            }
        }
        self.restoring.reserve_estimates(
            (self.page_graph.boards().count(), totals.pages as usize),
            (self.domain_graph.boards().count(), totals.domains as usize),
        );
        self.links.reserve(totals.links as usize);
        self.pages.reserve(totals.pages as usize);
        self.load_blocks(&mut file)?;
        let loaded = [
            self.links.len(),
            self.pages.len(),
            self.domains.len(),
            self.page_registers.len(),
            self.page_registers.sets().len(),
        ];
        if loaded.map(|count| count as u64) != counts {
            return Err(impossible("another number of records than it says").into());
        }
        self.find_all()?;
        Ok(())
    }

    /// Read blocks on one thread, take them on the other.
    fn load_blocks(&mut self, file: &mut SnapshotFile) -> Result<(), CoreError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(2);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while let Some(block) = file.next().transpose() {
                    let is_last = block.is_err();
                    if sender.send(block).is_err() || is_last {
                        break;
                    }
                }
            });
            receiver.into_iter().try_for_each(|block| self.load_block(&block?))
        })
    }

    fn load_block(&mut self, block: &Block) -> Result<(), CoreError> {
        let mut from = Reader::new(&block.payload);
        for _ in 0..block.records {
            let is_there = match block.kind {
                LINKS => self.load_link(&mut from).is_some(),
                PAGES => self.load_page(&mut from).is_some(),
                DOMAINS => self.load_domain(&mut from)?.is_some(),
                PAGE_LOSSES => self.load_page_losses(&mut from).is_some(),
                PAGE_SETS => from.u64().is_some_and(|set_id| self.page_registers.add_set(set_id)),
                _ => false,
            };
            if !is_there {
                return Err(impossible("a record that is none").into());
            }
        }
        if from.is_empty() { Ok(()) } else { Err(impossible("bytes of no record").into()) }
    }

    fn load_link(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let (link, others) = Link::load(from)?;
        self.links.push(&link, &others);
        Some(())
    }

    fn load_page(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let page = self.pages.len() as u32;
        self.pages.push(from.u64()?, from.u32()?);
        let (citation, trust) = self.page_graph.boards_mut();
        let boards = std::iter::once(citation).chain(trust);
        let estimates = &mut self.restoring.page_estimates;
        boards.zip(estimates).try_for_each(|(board, all)| load_score(board, page, all, from))
    }

    fn load_page_losses(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let page_key = from.u64()?;
        self.page_registers.restore(page_key, &Losses::load(from)?);
        Some(())
    }

    fn load_domain(&mut self, from: &mut Reader<'_>) -> Result<Option<()>, CoreError> {
        let Some((key, name, has_node)) = domain_head(from) else { return Ok(None) };
        let known = self.domains.len();
        let index = self.domains.find_or_add(key, name);
        if self.domains.len() == known {
            return Ok(None);
        }
        if !has_node {
            return Ok(Some(()));
        }
        self.ensure_node(index)?;
        let Some(node) = self.domains.get(index).and_then(crate::links::domains::Domain::node) else {
            return Ok(None);
        };
        let (citation, trust) = self.domain_graph.boards_mut();
        let boards = std::iter::once(citation).chain(trust);
        let estimates = &mut self.restoring.domain_estimates;
        Ok(boards.zip(estimates).try_for_each(|(board, all)| load_score(board, node, all, from)))
    }

    /// Learn to find links and pages by their keys, and check that each names what is there.
    fn find_all(&mut self) -> Result<(), SnapshotError> {
        let domains = self.domains.len() as u32;
        let (links, by_key) = (&mut self.links, &mut self.pages);
        let are_pages_known = by_key.iter().all(|page| page.domain < domains);
        let is_known = |link: Link| {
            let ends = [link.ends.source_page, link.ends.target_page].map(|page| by_key.get(page));
            matches!(ends, [Some(source), Some(target)] if (source.domain == target.domain) == link.is_internal())
        };
        if !are_pages_known || !links.iter().all(is_known) {
            return Err(impossible("a link or page without its ends"));
        }
        let (are_pages_distinct, are_links_distinct) = std::thread::scope(|scope| {
            let pages = scope.spawn(|| by_key.find_all());
            let links = links.find_all();
            (pages.join().unwrap_or(false), links)
        });
        if are_pages_distinct && are_links_distinct { Ok(()) } else { Err(impossible("one key twice")) }
    }
}

fn domain_head<'a>(from: &mut Reader<'a>) -> Option<(u64, &'a str, bool)> {
    Some((from.u64()?, from.text()?, from.u8()? != 0))
}

fn load_score(board: &mut Board, node: u32, estimates: &mut Vec<f64>, from: &mut Reader<'_>) -> Option<()> {
    let (estimate, shown) = (from.f64()?, from.f32()?);
    if !(estimate.is_finite() && estimate >= 0.0 && shown.is_finite()) {
        return None;
    }
    estimates.push(estimate);
    if shown != 0.0 {
        board.restore_shown(node, f64::from(shown));
    }
    Some(())
}

fn impossible(what: &'static str) -> SnapshotError {
    SnapshotError::Content { what }
}
