//! A link graph with authority on it, for callers who have their own ids: batches of edits in, scores out.
//!
//! What [`crate::index`] does for a database of link events, this does for a bare graph: notebooks, benches
//! and tests use it, through Arrow columns.

mod edits;
mod error;
mod ids;
mod scores;
#[cfg(test)]
mod tests;

use arrow_array::RecordBatch;

use self::edits::Edits;
pub use self::error::AuthorityGraphError;
pub use self::ids::Id;
use self::ids::Ids;
use crate::authority::{AuthoritySettings, AuthorityVector, Budget, Threshold, is_bulk};
use crate::graph::{LinkChange, LinkGraph};

/// A graph of links and the authority of its nodes, within ε of exact after every batch. 4 B a link divided
/// by the fill of its lists, 12 B once weights other than 1 were given; some 50 B a node.
#[derive(Debug, Clone)]
pub struct AuthorityGraph {
    graph: LinkGraph,
    vector: AuthorityVector,
    ids: Ids,
    seeds: Vec<u32>,
}

/// What a batch did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Links that are new.
    pub added: u64,
    /// Links that are gone.
    pub dropped: u64,
    /// Links that changed weight.
    pub reweighted: u64,
    /// Adds of links that were there with that weight, and adds of weight 0 where there was no link.
    pub unchanged: u64,
    /// Drops of links that were not there.
    pub unknown_drops: u64,
    /// Edges followed to bring the error back under ε.
    pub edges_touched: u64,
    /// Whether the batch was so large that all scores were solved anew.
    pub is_bulk: bool,
}

/// One edit between known nodes.
#[derive(Clone, Copy)]
struct Row {
    source: u32,
    target: u32,
    /// Negative for a drop.
    weight: f64,
}

const DROP: f64 = -1.0;

/// From this many rows on a batch is applied in order of source: its links then come from memory once.
const LEAST_ROWS_TO_SORT: usize = 256;

impl AuthorityGraph {
    /// An empty graph. Without seeds every node has the prior 1−α (citation authority). With seeds only
    /// they have one, their weight (trust), and they are nodes from the start.
    ///
    /// # Errors
    /// α or ε out of range; seeds empty, of two kinds, or with a weight that is not above 0.
    pub fn new(
        alpha: f64,
        epsilon: f64,
        threshold: Threshold,
        seeds: Option<&[(Id<'_>, f64)]>,
    ) -> Result<Self, AuthorityGraphError> {
        let prior = if seeds.is_some() { 0.0 } else { 1.0 - alpha };
        let settings = AuthoritySettings { alpha, epsilon, threshold, prior: prior.max(0.0) };
        let vector = AuthorityVector::new(settings)?;
        let mut this = Self { graph: LinkGraph::new(), vector, ids: Ids::default(), seeds: Vec::new() };
        match seeds {
            Some([]) => return Err(AuthorityGraphError::NoSeeds),
            Some(seeds) => this.plant(seeds)?,
            None => {}
        }
        Ok(this)
    }

    fn plant(&mut self, seeds: &[(Id<'_>, f64)]) -> Result<(), AuthorityGraphError> {
        for &(id, weight) in seeds {
            if !(weight > 0.0 && weight.is_finite()) {
                let seed = match id {
                    Id::Number(number) => number.to_string(),
                    Id::Name(name) => format!("{name:?}"),
                };
                return Err(AuthorityGraphError::Seed { seed, weight });
            }
            let node = self.node(id)?;
            self.vector.set_prior(&self.graph, node, weight)?;
            self.seeds.push(node);
        }
        self.seeds.sort_unstable();
        self.seeds.dedup();
        self.vector.drain(&self.graph, Budget::Unlimited);
        Ok(())
    }

    fn node(&mut self, id: Id<'_>) -> Result<u32, AuthorityGraphError> {
        let node = self.ids.get_or_add(id)?;
        while self.graph.node_count() < self.ids.len() {
            self.graph.add_node()?;
        }
        Ok(node)
    }

    /// Applies edits in order and drains to ε. The batches are one: nothing is done unless all can be read.
    /// An add names its two nodes, whatever its weight; a drop names none.
    ///
    /// # Errors
    /// A column missing or of the wrong type, a null, an id or weight out of range, an unknown operation,
    /// ids of the other kind. Nothing changes then.
    pub fn apply(&mut self, batches: &[RecordBatch]) -> Result<Applied, AuthorityGraphError> {
        let mut first_row = 0;
        let mut edits = Vec::with_capacity(batches.len());
        for batch in batches {
            edits.push(Edits::of(batch, first_row)?);
            first_row += batch.num_rows();
        }
        self.check_kinds(&edits)?;
        let mut applied = Applied::default();
        let mut rows = Vec::with_capacity(first_row);
        for edits in &edits {
            self.resolve(edits, &mut rows, &mut applied)?;
        }
        drop(edits);
        if rows.len() >= LEAST_ROWS_TO_SORT {
            // Edits of one link keep their order; those of different links do not depend on it.
            rows.sort_by_key(|row| row.source);
        }
        self.run(&rows, &mut applied)?;
        Ok(applied)
    }

    fn check_kinds(&self, edits: &[Edits<'_>]) -> Result<(), AuthorityGraphError> {
        let mut ids = edits.iter().flat_map(Edits::samples);
        let Some(first) = ids.next() else { return Ok(()) };
        self.ids.check_kind(first)?;
        let mut kind = Ids::default();
        kind.get_or_add(first)?;
        ids.try_for_each(|id| kind.check_kind(id))
    }

    fn resolve(
        &mut self,
        edits: &Edits<'_>,
        rows: &mut Vec<Row>,
        applied: &mut Applied,
    ) -> Result<(), AuthorityGraphError> {
        for edit in edits.iter() {
            if let Some(weight) = edit.weight {
                let source = self.node(edit.source)?;
                rows.push(Row { source, target: self.node(edit.target)?, weight });
                continue;
            }
            match (self.ids.get(edit.source), self.ids.get(edit.target)) {
                (Some(source), Some(target)) => rows.push(Row { source, target, weight: DROP }),
                _ => applied.unknown_drops += 1,
            }
        }
        Ok(())
    }

    fn run(&mut self, rows: &[Row], applied: &mut Applied) -> Result<(), AuthorityGraphError> {
        let edges = self.vector.edges_touched();
        applied.is_bulk = self.is_bulk(rows);
        // An error in the middle (no room) must not leave the vector behind the graph.
        let outcome = self.edit(rows, applied);
        if applied.is_bulk {
            self.vector.solve(&self.graph);
        }
        self.vector.drain(&self.graph, Budget::Unlimited);
        self.vector.forget_moved();
        applied.edges_touched = self.vector.edges_touched() - edges;
        if self.graph.is_compaction_due() {
            self.graph.compact()?;
        }
        outcome
    }

    /// Whether the rows change so much that a solve is cheaper. Rows that change nothing do not count.
    fn is_bulk(&self, rows: &[Row]) -> bool {
        let links = self.graph.link_count();
        if !is_bulk(rows.len() as u64, links) {
            return false;
        }
        let changes = |row: &&Row| {
            self.graph.link_weight(row.source, row.target).unwrap_or(0.0).to_bits()
                != row.weight.max(0.0).to_bits()
        };
        is_bulk(rows.iter().filter(changes).count() as u64, links)
    }

    fn edit(&mut self, rows: &[Row], applied: &mut Applied) -> Result<(), AuthorityGraphError> {
        for row in rows {
            let change = self.graph.set_weight(row.source, row.target, row.weight.max(0.0))?;
            applied.count(&change, row.weight < 0.0);
            if !applied.is_bulk {
                self.vector.on_link_change(&self.graph, &change);
            }
        }
        Ok(())
    }

    /// Proven bound on Σ|x* − x| over all nodes: Σ|r| / (1−α). O(1).
    #[must_use]
    pub fn error_bound(&self) -> f64 {
        self.vector.error_bound()
    }

    /// Greatest |x + r − b − αPᵀx|: rounding only. One pass over all links.
    #[must_use]
    pub fn audit(&self) -> f64 {
        self.vector.audit(&self.graph)
    }

    /// Edges followed since the graph was made, those of solves included.
    #[must_use]
    pub fn edges_touched(&self) -> u64 {
        self.vector.edges_touched()
    }

    /// Links of weight above 0.
    #[must_use]
    pub fn link_count(&self) -> u64 {
        self.graph.link_count()
    }

    /// Nodes ever named by an add or as a seed.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.ids.len()
    }

    /// Seeds that no link names: they hold trust and pass none on, which is seldom what was meant.
    #[must_use]
    pub fn unlinked_seed_count(&self) -> usize {
        let is_unlinked = |node: &&u32| self.graph.in_degree(**node) + self.graph.out_degree(**node) == 0;
        self.seeds.iter().filter(is_unlinked).count()
    }

    /// Bytes held: links, scores and ids.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.graph.memory_bytes() + self.vector.memory_bytes() + self.ids.memory_bytes()
    }
}

impl Applied {
    fn count(&mut self, change: &LinkChange, is_drop: bool) {
        let counter = match (change.class_before, change.class_after) {
            (None, Some(_)) => &mut self.added,
            (Some(_), None) => &mut self.dropped,
            (None, None) if is_drop => &mut self.unknown_drops,
            _ if change.is_empty() => &mut self.unchanged,
            _ => &mut self.reweighted,
        };
        *counter += 1;
    }
}
