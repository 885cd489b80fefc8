//! How many live followed page links stand behind each edge between two domains.

use super::WeightClass;
use super::pair_counts::PairCounts;

/// What one page link more or less did to the edge between its domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairChange {
    /// The class of the edge now: that of its heaviest page link; none when no page link is left.
    pub class: Option<WeightClass>,
    /// The class of the edge before.
    pub class_before: Option<WeightClass>,
    /// Page links behind the edge now, in all classes.
    pub links: u32,
}

impl PairChange {
    /// Whether the edge appeared, vanished or changed class, so that the graph must follow.
    #[must_use]
    pub fn moves_edge(&self) -> bool {
        self.class != self.class_before
    }
}

/// Live followed page links per ordered pair of domains and weight class. The edge A -> B exists while any
/// is left, and has the class of the heaviest. Links inside one domain are the caller's to leave out.
/// Costs 14 to 21 B per pair and class in use.
#[derive(Debug, Clone)]
pub struct DomainPairs {
    by_class: Vec<PairCounts>,
    /// Class indexes, heaviest first.
    order: Vec<u8>,
    edges: usize,
}

impl Default for DomainPairs {
    fn default() -> Self {
        Self::new(&[1.0])
    }
}

impl DomainPairs {
    /// No pairs. `weights` are those of the domain graph, by class; a class of weight 0 makes no edge.
    #[must_use]
    pub fn new(weights: &[f64]) -> Self {
        let mut order: Vec<(u8, f64)> =
            (0u8..).zip(weights.iter().copied()).filter(|(_, weight)| *weight > 0.0).collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        Self {
            by_class: weights.iter().map(|_| PairCounts::new()).collect(),
            order: order.into_iter().map(|(class, _)| class).collect(),
            edges: 0,
        }
    }

    /// One live page link more from domain `a` to domain `b`. None when the class passes nothing (weight 0
    /// or unknown) or the count is at its end (2^32 − 1): nothing was counted then.
    pub fn add(&mut self, a: u32, b: u32, class: WeightClass) -> Option<PairChange> {
        self.shift(a, b, class, |count| count.checked_add(1))
    }

    /// One live page link less. None when there was none of this class: nothing was counted then.
    pub fn remove(&mut self, a: u32, b: u32, class: WeightClass) -> Option<PairChange> {
        self.shift(a, b, class, |count| count.checked_sub(1))
    }

    /// As many calls of [`Self::add`] as there are page links, for a class that has none yet: each is a·2^32 + b,
    /// and they come sorted.
    pub(crate) fn load(&mut self, class: WeightClass, sorted: &[u64]) {
        if !self.order.contains(&class.0) {
            return;
        }
        let runs = || sorted.chunk_by(|a, b| a == b).filter_map(|run| Some((*run.first()?, run.len())));
        let count = runs().count();
        let is_first = self.edges == 0;
        let is_new = |pair: u64| self.class((pair >> 32) as u32, pair as u32).is_none();
        let new = if is_first { count } else { runs().filter(|(pair, _)| is_new(*pair)).count() };
        self.edges += new;
        let Some(counts) = self.by_class.get_mut(usize::from(class.0)) else { return };
        counts.reserve(count);
        for (pair, links) in runs() {
            counts.set((pair >> 32) as u32, pair as u32, u32::try_from(links).unwrap_or(u32::MAX));
        }
    }

    /// Classes in use, the heaviest first.
    pub(crate) fn classes(&self) -> impl Iterator<Item = WeightClass> {
        self.order.iter().map(|&class| WeightClass(class))
    }

    fn shift(
        &mut self,
        a: u32,
        b: u32,
        class: WeightClass,
        step: impl Fn(u32) -> Option<u32>,
    ) -> Option<PairChange> {
        if !self.order.contains(&class.0) {
            return None;
        }
        let class_before = self.class(a, b);
        let counts = self.by_class.get_mut(usize::from(class.0))?;
        counts.set(a, b, step(counts.get(a, b))?);
        let class = self.class(a, b);
        self.edges = self.edges + usize::from(class.is_some()) - usize::from(class_before.is_some());
        Some(PairChange { class, class_before, links: self.links(a, b) })
    }

    /// The class of the edge a -> b, none when there is no edge.
    #[must_use]
    pub fn class(&self, a: u32, b: u32) -> Option<WeightClass> {
        let counted =
            |class: &&u8| self.by_class.get(usize::from(**class)).is_some_and(|pairs| pairs.get(a, b) > 0);
        self.order.iter().find(counted).map(|&class| WeightClass(class))
    }

    /// Page links behind the edge a -> b, in all classes; at most 2^32 − 1.
    #[must_use]
    pub fn links(&self, a: u32, b: u32) -> u32 {
        self.by_class.iter().fold(0u32, |sum, pairs| sum.saturating_add(pairs.get(a, b)))
    }

    /// Edges: pairs with at least one page link.
    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.edges
    }

    /// All pairs with their class and count, in no promised order: (a, b, class, page links).
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32, WeightClass, u32)> {
        let classes = (0u8..).zip(&self.by_class);
        classes.flat_map(|(class, pairs)| {
            pairs.iter().map(move |(a, b, count)| (a, b, WeightClass(class), count))
        })
    }

    /// Bytes held, reserved room included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.by_class.iter().map(PairCounts::memory_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn loading_is_as_many_additions(links in prop::collection::vec((0u32..9, 0u32..9, 0u8..4), 0..200)) {
            let weights = [0.5, 0.0, 1.0, 0.1];
            let (mut added, mut loaded) = (DomainPairs::new(&weights), DomainPairs::new(&weights));
            let mut by_class: Vec<Vec<u64>> = vec![Vec::new(); 4];
            for &(a, b, class) in &links {
                added.add(a, b, WeightClass(class));
                by_class[usize::from(class)].push(u64::from(a) << 32 | u64::from(b));
            }
            for (class, pairs) in (0u8..).zip(&mut by_class) {
                pairs.sort_unstable();
                loaded.load(WeightClass(class), pairs);
            }
            prop_assert_eq!(loaded.edge_count(), added.edge_count());
            for (a, b) in (0..9).flat_map(|a| (0..9).map(move |b| (a, b))) {
                prop_assert_eq!(
                    (loaded.class(a, b), loaded.links(a, b)), (added.class(a, b), added.links(a, b))
                );
            }
            for (a, b, class) in links {
                prop_assert_eq!(
                    loaded.remove(a, b, WeightClass(class)), added.remove(a, b, WeightClass(class))
                );
            }
        }
    }
}
