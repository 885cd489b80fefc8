//! Which links matter to the tracked domain they lead to: those of its best pages, and those of its foremost domains.
//!
//! What a link must reach is relative to the profile of its target. To find that all links are looked at, so it is done
//! seldom (see [`KEPT_US`]) and only if a link of a tracked domain was lost or is followed no more.
//! Whether a lost link was the last of its domain is told exactly, by counts that are kept from the first such pass on.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Index;
use super::turns::{Turn, TurnKind};
use crate::graph::PairCounts;
use crate::links::domains::Domain;
use crate::links::table::Link;

/// How long marks hold: what the best have moves slowly. µs of event time.
const KEPT_US: i64 = 6 * 3600 * 1_000_000;
/// The same while all that is asked of is history: of that years may come in an hour.
const KEPT_OF_PAST_US: i64 = 7 * 24 * 3600 * 1_000_000;
/// Best pages of a profile, at least, and one of how many links.
const BEST_PAGES: usize = 5;
const LINKS_PER_BEST_PAGE: usize = 100;
/// The foremost domains of a profile are one of so many.
const DOMAINS_PER_FOREMOST: usize = 10;

/// What is known of the profiles of tracked domains.
#[derive(Debug, Default)]
pub(super) struct Importance {
    /// Live links from a domain to a tracked one, by index of both; none before the first pass.
    pairs: Option<PairCounts>,
    /// By index of the tracked domain.
    marks: FxHashMap<u32, Marks>,
    /// Event time at which the marks were found.
    marked_at: i64,
}

/// The least authority, as last written, of the best pages and of the foremost domains.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Marks {
    page: f64,
    domain: f64,
}

/// Authority of the pages and domains that link to one domain.
#[derive(Debug, Default)]
pub(super) struct Profile {
    pages: Vec<f64>,
    domains: Vec<f64>,
}

impl Importance {
    pub(super) fn memory_bytes(&self) -> usize {
        let marks = self.marks.capacity() * size_of::<(u32, Marks)>();
        self.pairs.as_ref().map_or(0, PairCounts::memory_bytes) + marks
    }

    #[cfg(test)]
    pub(super) fn pairs(&self) -> Option<&PairCounts> {
        self.pairs.as_ref()
    }

    /// Whether the marks are too old for these turns, or there are none of a domain: its first links came since.
    fn is_due<'t>(&self, clock: i64, mut asked: impl Iterator<Item = &'t Turn> + Clone) -> bool {
        let kept = if asked.clone().any(|turn| turn.is_recent) { KEPT_US } else { KEPT_OF_PAST_US };
        let has_marks =
            |turn: &Turn| self.marks.get(&turn.domain).is_some_and(|marks| marks.page.is_finite());
        self.pairs.is_none()
            || !(0..kept).contains(&clock.saturating_sub(self.marked_at))
            || !asked.all(has_marks)
    }
}

impl Profile {
    fn marks(&mut self) -> Marks {
        let best = BEST_PAGES.max(self.pages.len().div_ceil(LINKS_PER_BEST_PAGE));
        Marks {
            page: least_of(&mut self.pages, best),
            domain: {
                let foremost = self.domains.len().div_ceil(DOMAINS_PER_FOREMOST);
                least_of(&mut self.domains, foremost)
            },
        }
    }
}

/// The least of the `count` greatest; of none nothing reaches it.
fn least_of(points: &mut [f64], count: usize) -> f64 {
    let Some(last) = count.min(points.len()).checked_sub(1) else { return f64::INFINITY };
    *points.select_nth_unstable_by(last, |a, b| b.total_cmp(a)).1
}

impl Index {
    /// Follow a link that began or ceased to be a live backlink of a tracked domain.
    pub(super) fn count_pair(&mut self, link: &Link, target: u32) {
        if self.importance.pairs.is_none()
            || !self.domains.get(target).is_some_and(|domain| self.is_tracked(domain.key))
        {
            return;
        }
        let source = self.pages.get(link.ends.source_page).map(|page| page.domain);
        let Some((source, pairs)) = source.zip(self.importance.pairs.as_mut()) else { return };
        let step = if link.is_live_backlink() { 1 } else { -1 };
        pairs.set(source, target, pairs.get(source, target).saturating_add_signed(step));
    }

    /// Tell of lost links and of those followed no more which matter. A lost one does if its page was among the best
    /// of its target, or if it was the last of a foremost domain; one that lives if either its page or its domain is
    /// that. None does while authority is not shown, nor one that lives again.
    pub(super) fn weigh(&mut self, turns: &mut [Turn]) {
        let asked = turns.iter().filter(|turn| self.may_matter(turn));
        if !self.authority().is_shown || asked.clone().next().is_none() {
            return;
        }
        if self.importance.is_due(self.clock, asked) {
            self.find_marks(turns);
        }
        for turn in turns {
            turn.is_important = self.may_matter(turn) && self.matters(turn);
        }
    }

    fn may_matter(&self, turn: &Turn) -> bool {
        let is_asked = match turn.kind {
            TurnKind::New | TurnKind::Restored => false,
            TurnKind::Lost => !turn.link.registers.status.is_live(),
            TurnKind::Unfollowed => true,
        };
        is_asked && (self.page_points(&turn.link) > 0.0 || self.domain_points(&turn.link) > 0.0)
    }

    fn matters(&self, turn: &Turn) -> bool {
        let Some(marks) = self.importance.marks.get(&turn.domain) else { return false };
        let reaches = |points: f64, mark: f64| points > 0.0 && points >= mark;
        if reaches(self.page_points(&turn.link), marks.page) {
            return true;
        }
        let is_foremost = reaches(self.domain_points(&turn.link), marks.domain);
        is_foremost && (turn.kind == TurnKind::Unfollowed || self.links_left(turn) == 0)
    }

    /// Live links from the source domain of a turn to its target.
    fn links_left(&self, turn: &Turn) -> u32 {
        let source = self.pages.get(turn.link.ends.source_page).map(|page| page.domain);
        let pairs = self.importance.pairs.as_ref();
        source.zip(pairs).map_or(0, |(source, pairs)| pairs.get(source, turn.domain))
    }

    /// Authority of the source page as it was last written, whether it is shown or not.
    pub(super) fn page_points(&self, link: &Link) -> f64 {
        self.page_graph.citation().shown(link.ends.source_page)
    }

    /// The same of the source domain.
    pub(super) fn domain_points(&self, link: &Link) -> f64 {
        self.pages.get(link.ends.source_page).map_or(0.0, |page| self.points_of(page.domain))
    }

    fn points_of(&self, domain: u32) -> f64 {
        let node = self.domains.get(domain).and_then(Domain::node);
        node.map_or(0.0, |node| self.domain_graph.citation().shown(node))
    }

    /// One pass over all links: who links to the tracked domains, and what the best of these have. The links that were
    /// just lost count among them.
    fn find_marks(&mut self, turns: &[Turn]) {
        let (pairs, mut profiles) = self.survey();
        let mut counted = FxHashSet::default();
        let is_lost = |turn: &&Turn| turn.kind == TurnKind::Lost && self.may_matter(turn);
        let mut last: FxHashSet<(u32, u32)> = FxHashSet::default();
        for turn in turns.iter().filter(is_lost).filter(|turn| counted.insert(turn.link.link_id)) {
            profiles.entry(turn.domain).or_default().pages.push(self.page_points(&turn.link));
            let source = self.pages.get(turn.link.ends.source_page).map(|page| page.domain);
            last.extend(
                source.filter(|source| pairs.get(*source, turn.domain) == 0).map(|s| (s, turn.domain)),
            );
        }
        let linked = pairs.iter().map(|(source, target, _)| (source, target));
        for (source, target) in linked.chain(last) {
            profiles.entry(target).or_default().domains.push(self.points_of(source));
        }
        let marks = profiles.iter_mut().map(|(domain, profile)| (*domain, profile.marks())).collect();
        self.importance = Importance { pairs: Some(pairs), marks, marked_at: self.clock };
    }

    /// Count the live links from each domain to each tracked one, and gather the authority of their pages.
    pub(super) fn survey(&self) -> (PairCounts, FxHashMap<u32, Profile>) {
        let mut profiles: FxHashMap<u32, Profile> = FxHashMap::default();
        for index in self.tracked_keys().filter_map(|key| self.domains.find(key)) {
            profiles.insert(index, Profile::default());
        }
        // A bit a page stays in a near cache, which the pages themselves do not.
        let mut wanted = vec![0u64; self.pages.len().div_ceil(64)];
        for (at, page) in self.pages.iter().enumerate() {
            if let Some(word) = wanted.get_mut(at / 64).filter(|_| profiles.contains_key(&page.domain)) {
                *word |= 1 << (at % 64);
            }
        }
        let is_wanted =
            |page: u32| wanted.get(page as usize / 64).is_some_and(|word| word >> (page % 64) & 1 == 1);
        let mut pairs = PairCounts::new();
        for link in self.links.links_to(is_wanted).filter(Link::is_live_backlink) {
            let domain_of = |page: u32| self.pages.get(page).map(|page| page.domain);
            let ends = domain_of(link.ends.source_page).zip(domain_of(link.ends.target_page));
            let Some((source, target)) = ends else { continue };
            pairs.set(source, target, pairs.get(source, target).saturating_add(1));
            profiles.entry(target).or_default().pages.push(self.page_points(&link));
        }
        (pairs, profiles)
    }
}
