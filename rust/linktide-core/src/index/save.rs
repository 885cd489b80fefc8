//! The index into a snapshot, slice by slice, while batches go on between the slices.
//!
//! A slice holds what the index holds at its moment, so parts of one snapshot may be of different revisions. That
//! is no harm: links, pages and domains are only ever added, what is saved of each is a value and never a step, and
//! a restore puts the newest value of the tables in place of every one that moved after the snapshot began.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Index;
use crate::authority::{Board, ScoredGraph};
use crate::error::CoreError;
use crate::snapshot::bytes::Write;
use crate::snapshot::{Header, SnapshotError, SnapshotWriter, Totals};

/// Records of a block: some 2 MB of links.
const RECORDS_PER_BLOCK: usize = 32_768;

pub(super) const LINKS: u32 = 1;
pub(super) const PAGES: u32 = 2;
pub(super) const DOMAINS: u32 = 3;
pub(super) const PAGE_LOSSES: u32 = 4;
pub(super) const PAGE_SETS: u32 = 5;
const LAST: u32 = PAGE_SETS;

/// How far a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is more to save; call again.
    Saving,
    /// All is handed over and on its way to the disk.
    Writing,
    /// All is on the disk.
    Written(Totals),
}

/// A snapshot under way. It must be asked for between two batches.
#[derive(Debug)]
pub struct SnapshotRun {
    writer: SnapshotWriter,
    /// Which part is saved now, and how much of it is.
    part: u32,
    next: usize,
    totals: Totals,
    boards: String,
}

impl SnapshotRun {
    /// Begin a file. `facts` tell what it belongs to, those of the index are added.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn begin(
        index: &Index,
        path: &Path,
        facts: &[(String, String)],
        token: &str,
        taken_at: i64,
    ) -> Result<Self, CoreError> {
        let facts = facts.iter().cloned().chain(index.facts()).collect();
        let header = Header { facts, token: token.to_owned(), base_rev: index.rev, taken_at };
        let writer = SnapshotWriter::create(path, &header)?;
        let boards = index.board_names();
        Ok(Self { writer, part: LINKS, next: 0, totals: Totals::default(), boards })
    }

    /// Save for about so long, less if the disk does not follow.
    ///
    /// # Errors
    /// The file could not be written, or the vectors of the index are others than when it began.
    pub fn step(&mut self, index: &Index, budget: Duration) -> Result<Progress, CoreError> {
        let began = Instant::now();
        while self.part <= LAST && index.pending.is_none() && self.writer.has_room() {
            if index.board_names() != self.boards {
                return Err(SnapshotError::Overtaken.into());
            }
            self.save_block(index)?;
            if began.elapsed() >= budget {
                break;
            }
        }
        if self.part <= LAST {
            return Ok(Progress::Saving);
        }
        if self.writer.is_over() { Ok(Progress::Written(self.writer.wait()?)) } else { Ok(Progress::Writing) }
    }

    /// Save all that is left and wait until it is on the disk; no batch may be under way.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn finish(&mut self, index: &Index) -> Result<Totals, CoreError> {
        while self.part <= LAST && index.pending.is_none() {
            self.step(index, Duration::MAX)?;
            self.writer.wait_for_room();
        }
        Ok(self.writer.wait()?)
    }

    fn save_block(&mut self, index: &Index) -> Result<(), CoreError> {
        let (count, known) = match self.part {
            LINKS => (&mut self.totals.links, index.links.len()),
            PAGES => (&mut self.totals.pages, index.pages.len()),
            DOMAINS => (&mut self.totals.domains, index.domains.len()),
            PAGE_LOSSES => (&mut self.totals.page_losses, index.page_registers.len()),
            _ => (&mut self.totals.page_sets, index.page_registers.sets().len()),
        };
        let end = known.min(self.next + RECORDS_PER_BLOCK);
        let records = self.next..end;
        *count = end as u64;
        if !records.is_empty() {
            let size = records.len();
            let mut payload = Vec::with_capacity(size * if self.part == LINKS { 72 } else { 48 });
            for at in records {
                match self.part {
                    LINKS => index.save_link(at as u32, &mut payload),
                    PAGES => index.save_page(at as u32, &mut payload),
                    DOMAINS => index.save_domain(at as u32, &mut payload),
                    PAGE_LOSSES => index.save_page_losses(at, &mut payload),
                    _ => payload.extend(
                        index
                            .page_registers
                            .sets()
                            .get(at as u32)
                            .map(|id| id.to_le_bytes())
                            .into_iter()
                            .flatten(),
                    ),
                }
            }
            self.writer.put(self.part, size as u32, payload)?;
        }
        self.next = end;
        if end == known {
            (self.part, self.next) = (self.part + 1, 0);
        }
        if self.part > LAST {
            self.totals.end_rev = index.rev;
            self.writer.end(self.totals)?;
        }
        Ok(())
    }
}

impl Index {
    /// What of the index itself a snapshot depends on.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let weights = self.options.rel_weights.by_class().map(|weight| weight.to_string()).join(" ");
        vec![("weights by rel".to_owned(), weights), ("vectors".to_owned(), self.board_names())]
    }

    /// The vectors by name, in the order in which they are saved.
    fn board_names(&self) -> String {
        let topics: Vec<&str> = self.seeds.topics().map(|(_, name)| name).collect();
        let trust = if self.seeds.has_trust() { "citation trust" } else { "citation" };
        format!("{trust} {}", topics.join(" "))
    }

    fn save_link(&self, index: u32, out: &mut Vec<u8>) {
        if let Some(link) = self.links.get(index) {
            link.save(self.links.other_attributes(index), out);
        }
    }

    fn save_page(&self, index: u32, out: &mut Vec<u8>) {
        let Some(page) = self.pages.get(index) else { return };
        out.put_u64(page.key);
        out.put_u32(page.domain);
        save_scores(&self.page_graph, index, out);
    }

    fn save_page_losses(&self, at: usize, out: &mut Vec<u8>) {
        let Some((key, losses)) = self.page_registers.get(at as u32) else { return };
        out.put_u64(*key);
        losses.save(out);
    }

    fn save_domain(&self, index: u32, out: &mut Vec<u8>) {
        let Some(domain) = self.domains.get(index) else { return };
        out.put_u64(domain.key);
        out.put_text(self.domains.name_of(domain));
        out.put_u8(u8::from(domain.node().is_some()));
        if let Some(node) = domain.node() {
            save_scores(&self.domain_graph, node, out);
        }
    }
}

fn save_scores(graph: &ScoredGraph, node: u32, out: &mut Vec<u8>) {
    for board in graph.boards() {
        save_score(board, node, out);
    }
}

fn save_score(board: &Board, node: u32, out: &mut Vec<u8>) {
    out.put_f64(board.vector().x(node).max(0.0));
    out.put_f32(board.shown(node) as f32);
}
