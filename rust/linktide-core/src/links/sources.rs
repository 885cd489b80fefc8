//! Which page each link leaves, and which links leave each page, by runs of links that came one after the other.
//!
//! A crawl tells the links of a page side by side, so a run is some 12 links and takes 12 B: 1 B a link, where a page and
//! a place in the page's list take 8. Links of many pages in turns take 12, the worst there is.

use crate::blocks::Blocks;
use crate::shards::SideMap;

/// Links between two places at which the run is noted.
const STEP: u32 = 64;
/// No run before this one.
const NONE: u32 = u32::MAX;

/// Links of one page that are known one after the other.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Its first link; it ends where the next run starts.
    start: u32,
    page: u32,
    /// The run of the same page before this one.
    before: u32,
}

/// The pages that links leave, in order of the links.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    runs: Blocks<Run>,
    /// The run of every link whose index is a multiple of [`STEP`].
    noted: Blocks<u32>,
    /// The newest run of each page that any link leaves.
    newest: SideMap<u32>,
    links: u32,
}

impl Sources {
    /// Take the next link.
    pub(super) fn push(&mut self, page: u32) {
        if self.runs.last().is_none_or(|last| last.page != page) {
            let run = self.runs.len() as u32;
            let before = self.newest.insert(page, run).unwrap_or(NONE);
            self.runs.push(Run { start: self.links, page, before });
        }
        if self.links.is_multiple_of(STEP) {
            self.noted.push(self.runs.len() as u32 - 1);
        }
        self.links += 1;
    }

    /// The page that a known link leaves.
    #[inline]
    pub(super) fn page_of(&self, link: u32) -> u32 {
        self.run_of(link).map_or(0, |run| run.page)
    }

    #[inline]
    fn run_of(&self, link: u32) -> Option<&Run> {
        let mut low = *self.noted.get(link / STEP)?;
        let last = self.runs.len() as u32 - 1;
        let mut high = self.noted.get(link / STEP + 1).copied().unwrap_or(last);
        // The run is one of low..=high.
        while low < high {
            let middle = high - (high - low) / 2;
            if self.runs.get(middle)?.start <= link { low = middle } else { high = middle - 1 }
        }
        self.runs.get(low)
    }

    /// The newest link that leaves a page.
    pub(super) fn newest_link(&self, page: u32) -> Option<u32> {
        self.newest.get(page).and_then(|&run| self.last_of(run))
    }

    /// The link that was known before this one and leaves the same page.
    pub(super) fn link_before(&self, link: u32) -> Option<u32> {
        let run = self.run_of(link)?;
        if link > run.start { Some(link - 1) } else { self.last_of(run.before) }
    }

    fn last_of(&self, run: u32) -> Option<u32> {
        self.runs.get(run)?;
        let end = self.runs.get(run + 1).map_or(self.links, |next| next.start);
        end.checked_sub(1)
    }

    /// All links that leave a page, newest first.
    pub(super) fn links_of(&self, page: u32) -> impl Iterator<Item = u32> {
        let runs = self.newest.get(page).and_then(|&newest| Some((newest, self.runs.get(newest)?)));
        let runs = std::iter::successors(runs, |(_, run)| Some((run.before, self.runs.get(run.before)?)));
        runs.flat_map(|(at, run)| (run.start..=self.last_of(at).unwrap_or(run.start)).rev())
    }

    /// The pages of all links, in order of the links.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let ends = self.runs.iter().skip(1).map(|run| run.start).chain(std::iter::once(self.links));
        self.runs.iter().zip(ends).flat_map(|(run, end)| (run.start..end).map(move |_| run.page))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.runs.memory_bytes() + self.noted.memory_bytes() + self.newest.memory_bytes()
    }

    pub(super) fn shrink(&mut self) {
        self.runs.shrink();
        self.noted.shrink();
        self.newest.shrink();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn links_of_a_page_are_those_added(runs in prop::collection::vec((0u32..6, 1u32..90), 0..40)) {
            let mut sources = Sources::default();
            let pages: Vec<u32> = runs.iter().flat_map(|&(page, links)| (0..links).map(move |_| page)).collect();
            for &page in &pages {
                sources.push(page);
            }
            prop_assert!(sources.iter().eq(pages.iter().copied()));
            for (link, &page) in (0..).zip(&pages) {
                prop_assert_eq!(sources.page_of(link), page);
                let before = pages[..link as usize].iter().rposition(|&other| other == page);
                prop_assert_eq!(sources.link_before(link), before.map(|at| at as u32));
            }
            for page in 0..7 {
                let mine = (0u32..).zip(&pages).filter(|(_, other)| **other == page).map(|(link, _)| link);
                let mine: Vec<u32> = mine.collect();
                prop_assert_eq!(sources.newest_link(page), mine.last().copied());
                prop_assert!(sources.links_of(page).eq(mine.into_iter().rev()));
            }
        }
    }
}
