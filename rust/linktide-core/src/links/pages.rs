//! Pages: the ends of links, and the links that leave each.

use rustc_hash::FxHashMap;

use crate::graph::reserve_eighth;
use crate::memory::map_bytes;

/// No link leaves the page, or none after this one.
const NONE: u32 = u32::MAX;

/// What the core keeps of one page.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Seeded hash of the normalised URL.
    pub key: u64,
    /// Index of its registrable domain.
    pub domain: u32,
    newest_link: u32,
}

/// All pages, found by key; the index of a page is its node in the page graph.
#[derive(Debug, Default)]
pub struct PageTable {
    by_key: FxHashMap<u64, u32>,
    pages: Vec<Page>,
    /// For each link, the one known before it that leaves the same page.
    earlier: Vec<u32>,
    /// Live links of pages that answer with a redirect or a foreign canonical; few pages do.
    sole_links: FxHashMap<u32, u32>,
}

impl PageTable {
    /// Find a page by key, or add it.
    pub fn find_or_add(&mut self, key: u64, domain: u32) -> u32 {
        let next = self.pages.len() as u32;
        let index = *self.by_key.entry(key).or_insert(next);
        if index == next {
            reserve_eighth(&mut self.pages, 1);
            self.pages.push(Page { key, domain, newest_link: NONE });
        }
        index
    }

    /// The index of a known key.
    #[must_use]
    pub fn find(&self, key: u64) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    /// The page at an index that this table gave.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Page> {
        self.pages.get(index as usize)
    }

    /// Make room for so many more, no more than that.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.pages.reserve_exact(more);
        self.by_key.reserve(more);
    }

    /// Take a page of a snapshot; pages are then found by [`Self::find_all`].
    pub(crate) fn push(&mut self, key: u64, domain: u32) {
        self.pages.push(Page { key, domain, newest_link: NONE });
    }

    /// Learn to find all pages by key; false if two have the same.
    pub(crate) fn find_all(&mut self) -> bool {
        self.by_key.extend((0..).zip(&self.pages).map(|(index, page)| (page.key, index)));
        self.by_key.len() == self.pages.len()
    }

    /// Make room for so many more links, no more than that.
    pub(crate) fn reserve_links(&mut self, more: usize) {
        self.earlier.reserve_exact(more);
    }

    /// All pages, in order of their index.
    pub fn iter(&self) -> impl Iterator<Item = &Page> {
        self.pages.iter()
    }

    /// Number of pages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// True before the first page.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Remember that a new link leaves `page`; links come in order of their index.
    pub fn add_link(&mut self, page: u32, link: u32) {
        let Some(page) = self.pages.get_mut(page as usize) else { return };
        let missing = (link as usize + 1).saturating_sub(self.earlier.len());
        reserve_eighth(&mut self.earlier, missing);
        self.earlier.resize(self.earlier.len().max(link as usize), NONE);
        self.earlier.push(page.newest_link);
        page.newest_link = link;
    }

    /// All links known to leave a page, newest first.
    pub fn links(&self, page: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(self.newest_link(page), |&link| self.link_before(link))
    }

    /// The newest link that leaves a page.
    #[must_use]
    pub fn newest_link(&self, page: u32) -> Option<u32> {
        self.get(page).map(|page| page.newest_link).filter(|&link| link != NONE)
    }

    /// The link that was known before this one and leaves the same page.
    #[must_use]
    pub fn link_before(&self, link: u32) -> Option<u32> {
        self.earlier.get(link as usize).copied().filter(|&link| link != NONE)
    }

    /// A live link more or less by which the page hands all on: true if the page now begins or ends to do so.
    pub fn count_sole_link(&mut self, page: u32, is_more: bool) -> bool {
        let count = self.sole_links.entry(page).or_default();
        *count = if is_more { count.saturating_add(1) } else { count.saturating_sub(1) };
        let (is_first, is_none) = (is_more && *count == 1, *count == 0);
        if is_none {
            self.sole_links.remove(&page);
        }
        is_first || is_none
    }

    /// Whether the page hands all it has on by a redirect or a canonical.
    #[must_use]
    pub fn has_sole_link(&self, page: u32) -> bool {
        !self.sole_links.is_empty() && self.sole_links.contains_key(&page)
    }

    /// Bytes held, reserved room included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.pages.capacity() * size_of::<Page>()
            + map_bytes(&self.by_key)
            + self.earlier.capacity() * 4
            + map_bytes(&self.sole_links)
    }

    /// Give reserved room back.
    pub fn shrink(&mut self) {
        self.pages.shrink_to_fit();
        self.by_key.shrink_to_fit();
        self.earlier.shrink_to_fit();
        self.sole_links.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_page_are_those_added() {
        let mut pages = PageTable::default();
        let (a, b) = (pages.find_or_add(7, 0), pages.find_or_add(9, 1));
        assert_eq!((pages.find_or_add(7, 0), pages.find(9), pages.len()), (a, Some(b), 2));
        for (page, link) in [(a, 0), (b, 1), (a, 2)] {
            pages.add_link(page, link);
        }
        assert_eq!(pages.links(a).collect::<Vec<_>>(), [2, 0]);
        assert_eq!(pages.links(b).collect::<Vec<_>>(), [1]);
        assert_eq!(pages.links(5).count(), 0);
    }

    #[test]
    fn a_page_hands_on_while_one_sole_link_lives() {
        let mut pages = PageTable::default();
        let page = pages.find_or_add(7, 0);
        assert!(!pages.has_sole_link(page));
        assert!(pages.count_sole_link(page, true));
        assert!(!pages.count_sole_link(page, true));
        assert!(!pages.count_sole_link(page, false));
        assert!(pages.has_sole_link(page));
        assert!(pages.count_sole_link(page, false));
        assert!(!pages.has_sole_link(page));
    }
}
