//! Pages: the ends of links.

use rustc_hash::FxHashMap;

use crate::blocks::Blocks;
use crate::memory::map_bytes;
use crate::places::PlaceIndex;

/// What the core keeps of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Seeded hash of the normalised URL.
    pub key: u64,
    /// Index of its registrable domain.
    pub domain: u32,
}

/// A page without padding: key, domain.
type Packed = ([u8; 8], [u8; 4]);

/// All pages, found by key; the index of a page is its node in the page graph.
#[derive(Debug, Default)]
pub struct PageTable {
    by_key: PlaceIndex,
    pages: Blocks<Packed>,
    /// Live links of pages that answer with a redirect or a foreign canonical; few pages do.
    sole_links: FxHashMap<u32, u32>,
}

#[inline]
fn key_at(pages: &Blocks<Packed>, at: u32) -> u64 {
    pages.get(at).map_or(0, |page| u64::from_le_bytes(page.0))
}

#[inline]
fn unpacked(page: &Packed) -> Page {
    Page { key: u64::from_le_bytes(page.0), domain: u32::from_le_bytes(page.1) }
}

impl PageTable {
    /// Find a page by key, or add it.
    pub fn find_or_add(&mut self, key: u64, domain: u32) -> u32 {
        let Self { by_key, pages, .. } = self;
        let next = pages.len() as u32;
        let index = by_key.find_or_insert(key, next, |at| key_at(pages, at));
        if index == next {
            self.push(key, domain);
        }
        index
    }

    /// Have the bucket of a key fetched that will soon be asked for.
    #[inline]
    pub(crate) fn expect(&self, key: u64) {
        self.by_key.expect(key);
    }

    /// Have the page of a key fetched, whose bucket has been.
    #[inline]
    pub(crate) fn expect_page(&self, key: u64) {
        if let Some(at) = self.by_key.likely(key) {
            self.pages.expect(at);
        }
    }

    /// Have the page at an index fetched.
    #[inline]
    pub(crate) fn expect_at(&self, index: u32) {
        self.pages.expect(index);
    }

    /// The index of a known key.
    #[must_use]
    pub fn find(&self, key: u64) -> Option<u32> {
        self.by_key.find(key, |at| key_at(&self.pages, at))
    }

    /// The page at an index that this table gave.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<Page> {
        self.pages.get(index).map(unpacked)
    }

    /// Make room to find so many more.
    pub(crate) fn reserve(&mut self, more: usize) {
        let Self { by_key, pages, .. } = self;
        by_key.reserve(more, |at| key_at(pages, at));
    }

    /// Take a page of a snapshot; pages are then found by [`Self::find_all`].
    pub(crate) fn push(&mut self, key: u64, domain: u32) {
        self.pages.push((key.to_le_bytes(), domain.to_le_bytes()));
    }

    /// Learn to find all pages by key; false if two have the same.
    pub(crate) fn find_all(&mut self) -> bool {
        let Self { by_key, pages, .. } = self;
        (0..)
            .zip(pages.iter().map(unpacked))
            .all(|(index, page)| by_key.find_or_insert(page.key, index, |at| key_at(pages, at)) == index)
    }

    /// All pages, in order of their index.
    pub fn iter(&self) -> impl Iterator<Item = Page> {
        self.pages.iter().map(unpacked)
    }

    /// Number of pages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// True before the first page.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        self.pages.memory_bytes() + self.by_key.memory_bytes() + map_bytes(&self.sole_links)
    }

    /// Give reserved room back.
    pub fn shrink(&mut self) {
        let Self { by_key, pages, .. } = self;
        by_key.shrink(|at| key_at(pages, at));
        self.pages.shrink();
        self.sole_links.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_by_key() {
        let mut pages = PageTable::default();
        let (a, b) = (pages.find_or_add(7, 0), pages.find_or_add(9, 1));
        assert_eq!((pages.find_or_add(7, 0), pages.find(9), pages.len()), (a, Some(b), 2));
        assert_eq!(pages.get(b), Some(Page { key: 9, domain: 1 }));
        assert_eq!((pages.find(8), pages.get(2)), (None, None));
        let mut again = PageTable::default();
        pages.iter().for_each(|page| again.push(page.key, page.domain));
        assert!(again.find_all() && again.find(9) == Some(b));
        again.push(7, 1);
        assert!(!again.find_all());
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
