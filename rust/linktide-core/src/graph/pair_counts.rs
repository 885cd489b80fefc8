//! A compact map from a pair of u32 to a u32 count.

/// Open addressing with linear probing; a count of 0 marks a free slot. 12 B a slot, at most 7/8 full,
/// growing by half: 14 to 21 B a pair.
#[derive(Debug, Clone, Default)]
pub(crate) struct PairCounts {
    keys: Vec<u64>,
    counts: Vec<u32>,
    len: usize,
}

impl PairCounts {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Makes room for so many more pairs, no more than that.
    pub(crate) fn reserve(&mut self, more: usize) {
        let slots = ((self.len + more) * 8).div_ceil(7) + 1;
        if slots > self.keys.len() {
            self.resize(slots);
        }
    }

    /// The count of a pair; 0 when it is not there.
    pub(crate) fn get(&self, a: u32, b: u32) -> u32 {
        let at = self.probe(key(a, b));
        self.counts.get(at).copied().unwrap_or(0)
    }

    /// Sets the count of a pair; 0 takes the pair out.
    pub(crate) fn set(&mut self, a: u32, b: u32, count: u32) {
        if count == 0 {
            return self.remove(key(a, b));
        }
        if (self.len + 1) * 8 > self.keys.len() * 7 {
            self.grow();
        }
        let at = self.probe(key(a, b));
        if let (Some(slot), Some(old)) = (self.keys.get_mut(at), self.counts.get_mut(at)) {
            self.len += usize::from(*old == 0);
            *slot = key(a, b);
            *old = count;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        let pairs = self.keys.iter().zip(&self.counts);
        pairs.filter(|(_, count)| **count > 0).map(|(&key, &count)| ((key >> 32) as u32, key as u32, count))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        8 * self.keys.capacity() + 4 * self.counts.capacity()
    }

    fn home(&self, key: u64) -> usize {
        let wide = u128::from(key ^ (key >> 29)) * 0x9e37_79b9_7f4a_7c15;
        let hash = (wide >> 64) as u64 ^ wide as u64;
        ((u128::from(hash) * self.keys.len() as u128) >> 64) as usize
    }

    /// The slot of `key`, or the free slot where it belongs. Ends because a slot is always free.
    fn probe(&self, key: u64) -> usize {
        let mut at = self.home(key);
        for _ in 0..self.keys.len() {
            match (self.keys.get(at), self.counts.get(at)) {
                (Some(&found), Some(&count)) if count > 0 && found != key => at += 1,
                (None, _) | (_, None) => at = 0,
                _ => return at,
            }
            if at == self.keys.len() {
                at = 0;
            }
        }
        at
    }

    fn remove(&mut self, key: u64) {
        let slots = self.keys.len();
        let mut hole = self.probe(key);
        if self.counts.get(hole).copied().unwrap_or(0) == 0 {
            return;
        }
        self.len -= 1;
        let mut at = hole;
        for _ in 0..slots {
            at = (at + 1) % slots;
            let (Some(&found), Some(&count)) = (self.keys.get(at), self.counts.get(at)) else { break };
            if count == 0 {
                break;
            }
            let past_home = (at + slots - self.home(found)) % slots;
            if past_home >= (at + slots - hole) % slots {
                self.keys.swap(hole, at);
                self.counts.swap(hole, at);
                hole = at;
            }
        }
        if let Some(count) = self.counts.get_mut(hole) {
            *count = 0;
        }
    }

    fn grow(&mut self) {
        self.resize((self.keys.len() + self.keys.len() / 2).max(16));
    }

    fn resize(&mut self, slots: usize) {
        let bigger = Self { keys: vec![0; slots], counts: vec![0; slots], len: 0 };
        let old = std::mem::replace(self, bigger);
        for (a, b, count) in old.iter() {
            self.set(a, b, count);
        }
    }
}

fn key(a: u32, b: u32) -> u64 {
    u64::from(a) << 32 | u64::from(b)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(ops in prop::collection::vec((0u32..12, 0u32..12, 0u32..3), 0..600)) {
            let mut counts = PairCounts::new();
            let mut model = BTreeMap::new();
            for (a, b, count) in ops {
                counts.set(a, b, count);
                if count == 0 { model.remove(&(a, b)); } else { model.insert((a, b), count); }
                prop_assert_eq!(counts.len, model.len());
            }
            let all: BTreeMap<_, _> = counts.iter().map(|(a, b, count)| ((a, b), count)).collect();
            prop_assert_eq!(all, model.clone());
            for a in 0..12 {
                for b in 0..12 {
                    prop_assert_eq!(counts.get(a, b), model.get(&(a, b)).copied().unwrap_or(0));
                }
            }
        }
    }

    #[test]
    fn a_pair_costs_at_most_21_bytes() {
        let mut counts = PairCounts::new();
        for a in 0..100_000 {
            counts.set(a, a + 77, 1);
            if a > 1_000 {
                assert!(counts.memory_bytes() <= 21 * (a as usize + 1));
            }
        }
    }
}
