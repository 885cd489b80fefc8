//! Links of many nodes at once, for a graph that is built from what is known.

use super::out_list::OutList;
use super::{GraphError, LinkGraph, WeightClass};

impl LinkGraph {
    /// Gives every node its links: `links_of` appends (class, target) of a node to the list it is given, which may
    /// name a target twice. As many calls of [`Self::set_link`] would do, but each list is made once, at its length.
    /// For graphs without links.
    ///
    /// # Errors
    /// As [`Self::set_link`]; the graph is then of no use.
    pub(crate) fn load(
        &mut self,
        mut links_of: impl FnMut(u32, &mut Vec<(WeightClass, u32)>),
    ) -> Result<(), GraphError> {
        let (mut links, mut targets, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for source in 0..self.node_count() as u32 {
            links.clear();
            targets.clear();
            links_of(source, &mut links);
            // A link of weight 0 passes nothing: it is not kept here.
            for &(class, target) in links.iter().filter(|(class, _)| self.weight(*class) > 0.0) {
                if class == WeightClass::FIRST && self.can_load(source) {
                    targets.push(target);
                } else {
                    others.push((source, target, class));
                }
            }
            targets.sort_unstable();
            targets.dedup();
            self.load_list(source, &targets)?;
        }
        self.linked_sources =
            (0..self.node_count() as u32).filter(|&node| self.is_linked_source(node)).count();
        others
            .into_iter()
            .try_for_each(|(source, target, class)| self.set_link(source, target, class).map(drop))
    }

    fn can_load(&self, source: u32) -> bool {
        self.list(source).len() == 0 && !self.has_own_weights() && self.weight(WeightClass::FIRST) > 0.0
    }

    /// Makes the list of a node that has none, from targets that differ.
    fn load_list(&mut self, source: u32, targets: &[u32]) -> Result<(), GraphError> {
        if targets.is_empty() {
            return Ok(());
        }
        for &target in targets {
            self.check_node(target)?;
            self.nodes.set_in_degree(target, self.in_degree(target) + 1);
        }
        self.edit_list(source, |list, arena| {
            *list = OutList::of(targets, arena)?;
            Ok(())
        })?;
        self.links += targets.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn loading_is_as_many_single_edits(
            links in prop::collection::vec((0u32..6, 0u32..600, 0u8..3), 0..900),
        ) {
            let weights = [1.0, 0.0, 0.5];
            let mut edited = LinkGraph::with_weights(&weights).unwrap();
            let mut loaded = edited.clone();
            for _ in 0..600 {
                edited.add_node().unwrap();
                loaded.add_node().unwrap();
            }
            let classes: BTreeMap<(u32, u32), u8> =
                links.iter().map(|&(source, target, class)| ((source, target), class)).collect();
            for (&(source, target), &class) in &classes {
                edited.set_link(source, target, WeightClass(class)).unwrap();
            }
            let links_of = |node, out: &mut Vec<(WeightClass, u32)>| {
                let mine = classes.range((node, 0)..=(node, u32::MAX));
                for (&(_, target), &class) in mine {
                    out.extend([(WeightClass(class), target); 2]);
                }
            };
            loaded.load(links_of).unwrap();
            prop_assert_eq!(loaded.link_count(), edited.link_count());
            prop_assert_eq!(loaded.linked_source_count(), edited.linked_source_count());
            for node in 0..600 {
                let sorted = |graph: &LinkGraph| {
                    let mut out: Vec<_> = graph.out(node).map(|(to, weight)| (to, weight.to_bits())).collect();
                    out.sort_unstable();
                    out
                };
                prop_assert_eq!(sorted(&loaded), sorted(&edited));
                prop_assert_eq!(loaded.in_degree(node), edited.in_degree(node));
                prop_assert!((loaded.out_weight(node) - edited.out_weight(node)).abs() < 1e-9);
            }
            // What was loaded can be edited on.
            for &(source, target, _) in &links {
                loaded.drop_link(source, target).unwrap();
            }
            prop_assert_eq!((loaded.link_count(), loaded.linked_source_count()), (0, 0));
        }
    }

    #[test]
    fn an_unknown_target_is_an_error() {
        let mut graph = LinkGraph::new();
        graph.add_node().unwrap();
        assert!(graph.load(|_, out| out.push((WeightClass::FIRST, 5))).is_err());
    }
}
