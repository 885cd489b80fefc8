//! How many live followed page links stand behind each edge between two domains.

use super::WeightClass;
use super::pair_counts::PairCounts;

/// An ordered pair of nodes.
pub type Pair = (u32, u32);

/// Live followed page links per ordered pair of domains and weight class. The edge A -> B exists while any
/// is left, and has the class of the heaviest. Links inside one domain are the caller's to leave out.
///
/// Most edges have a single link, and that the domain graph tells already: so the class that an edge has in the graph
/// is given with each call, and stands for one link of that class. Only the others are counted here, 14 to 21 B a pair
/// and class.
#[derive(Debug, Clone)]
pub struct DomainPairs {
    by_class: Vec<PairCounts>,
    /// Class indexes, heaviest first.
    order: Vec<u8>,
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
        }
    }

    /// One live page link more behind an edge of the class `edge`, none if there is no edge yet. Returns the class it is
    /// to have now. A class that passes nothing (weight 0 or unknown) and a count at its end (2^32 − 1) change nothing.
    #[must_use]
    pub fn add(&mut self, pair: Pair, class: WeightClass, edge: Option<WeightClass>) -> Option<WeightClass> {
        self.shift(pair, class, edge, |count| count.checked_add(1))
    }

    /// One live page link less; none when it was the last. Nothing changes when there was none of this class.
    #[must_use]
    pub fn remove(
        &mut self,
        pair: Pair,
        class: WeightClass,
        edge: Option<WeightClass>,
    ) -> Option<WeightClass> {
        self.shift(pair, class, edge, |count| count.checked_sub(1))
    }

    fn shift(
        &mut self,
        pair: Pair,
        class: WeightClass,
        edge: Option<WeightClass>,
        step: impl Fn(u32) -> Option<u32>,
    ) -> Option<WeightClass> {
        let count = step(self.count(pair, class, edge)).filter(|_| self.order.contains(&class.0));
        let Some(count) = count else { return edge };
        let counts = |other: &WeightClass| {
            if *other == class { count > 0 } else { self.count(pair, *other, edge) > 0 }
        };
        let after = self.classes().find(counts);
        // The link that the edge stood for is counted from now on, and the one that it stands for is not.
        if after != edge {
            let moves = [(edge, 1), (after, -1)];
            for (other, by) in moves.into_iter().filter_map(|(other, by)| Some((other?, by))) {
                let counted = self.counted(pair, other);
                self.set(pair, other, counted.saturating_add_signed(by));
            }
        }
        self.set(pair, class, count - u32::from(after == Some(class)));
        after
    }

    fn counted(&self, (a, b): Pair, class: WeightClass) -> u32 {
        self.by_class.get(usize::from(class.0)).map_or(0, |counts| counts.get(a, b))
    }

    fn set(&mut self, (a, b): Pair, class: WeightClass, count: u32) {
        if let Some(counts) = self.by_class.get_mut(usize::from(class.0)) {
            counts.set(a, b, count);
        }
    }

    /// Page links of a class behind an edge of the class `edge`.
    #[must_use]
    pub fn count(&self, pair: Pair, class: WeightClass, edge: Option<WeightClass>) -> u32 {
        self.counted(pair, class).saturating_add(u32::from(edge == Some(class)))
    }

    /// As many calls of [`Self::add`] as there are page links, while there are no pairs: each is a·2^32 + b, and they
    /// come sorted, by class, the heaviest first as in [`Self::classes`].
    pub(crate) fn load(&mut self, lists: &[(WeightClass, Vec<u64>)]) {
        for (at, (class, sorted)) in lists.iter().enumerate() {
            let heavier = lists.get(..at).unwrap_or_default();
            let Some(counts) = self.by_class.get_mut(usize::from(class.0)) else { continue };
            let runs = sorted.chunk_by(|a, b| a == b).filter_map(|run| Some((*run.first()?, run.len())));
            let counted = runs.filter_map(|(pair, links)| {
                let counted = links - usize::from(is_heaviest(heavier, pair));
                Some((pair, u32::try_from(counted).unwrap_or(u32::MAX))).filter(|_| counted > 0)
            });
            counts.reserve(counted.clone().count());
            counted.for_each(|(pair, count)| counts.set((pair >> 32) as u32, pair as u32, count));
        }
    }

    /// Classes in use, the heaviest first.
    pub fn classes(&self) -> impl Iterator<Item = WeightClass> {
        self.order.iter().map(|&class| WeightClass(class))
    }

    /// Bytes held, reserved room included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.by_class.iter().map(PairCounts::memory_bytes).sum()
    }
}

/// Whether no link of a heavier class, each sorted, joins the pair.
pub(crate) fn is_heaviest(heavier: &[(WeightClass, Vec<u64>)], pair: u64) -> bool {
    heavier.iter().all(|(_, sorted)| sorted.binary_search(&pair).is_err())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn loading_is_as_many_additions(links in prop::collection::vec((0u32..9, 0u32..9, 0u8..4), 0..200)) {
            let weights = [0.5, 0.0, 1.0, 0.1];
            let (mut added, mut loaded) = (DomainPairs::new(&weights), DomainPairs::new(&weights));
            let mut edges: BTreeMap<Pair, WeightClass> = BTreeMap::new();
            let mut lists: Vec<(WeightClass, Vec<u64>)> =
                added.classes().map(|class| (class, Vec::new())).collect();
            for &(a, b, class) in &links {
                let edge = edges.remove(&(a, b));
                edges.extend(added.add((a, b), WeightClass(class), edge).map(|class| ((a, b), class)));
                let list = lists.iter_mut().filter(|(known, _)| known.0 == class);
                list.for_each(|(_, list)| list.push(u64::from(a) << 32 | u64::from(b)));
            }
            for (_, list) in &mut lists {
                list.sort_unstable();
            }
            loaded.load(&lists);
            for pair in (0..9).flat_map(|a| (0..9).map(move |b| (a, b))) {
                for class in (0..4).map(WeightClass) {
                    prop_assert_eq!(loaded.counted(pair, class), added.counted(pair, class));
                }
                let key = u64::from(pair.0) << 32 | u64::from(pair.1);
                let told = lists.iter().enumerate().find(|(_, (_, list))| list.binary_search(&key).is_ok());
                prop_assert_eq!(told.map(|(_, (class, _))| *class), edges.get(&pair).copied());
                prop_assert!(told.is_none_or(|(at, _)| is_heaviest(&lists[..at], key)));
            }
        }
    }
}
