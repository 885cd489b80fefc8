//! A graph and the boards over it, kept in step; several of them are drained at once.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{AuthorityError, Board, Budget, is_bulk};
use crate::graph::{GraphError, LinkChange, LinkGraph, WeightClass};
use crate::second_thread::{helping, joined};
use crate::thread_clock::ThreadClock;

/// Fewer nodes waiting than this are drained by the caller's thread alone: starting another costs more.
const MIN_QUEUE_FOR_THREADS: usize = 4_096;

/// A graph with its citation board and any number of trust boards.
#[derive(Debug, Clone)]
pub struct ScoredGraph {
    graph: LinkGraph,
    citation: Board,
    trust: Vec<Board>,
    /// Links that moved since the last drain.
    links_moved: u64,
    /// Boards do not follow single changes now: a solve comes.
    is_loading: bool,
}

impl ScoredGraph {
    /// An empty graph with one weight per class.
    ///
    /// # Errors
    /// Weights out of range.
    pub fn new(weights: &[f64], citation: Board) -> Result<Self, GraphError> {
        let graph = LinkGraph::with_weights(weights)?;
        Ok(Self { graph, citation, trust: Vec::new(), links_moved: 0, is_loading: true })
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &LinkGraph {
        &self.graph
    }

    /// The citation board.
    #[must_use]
    pub fn citation(&self) -> &Board {
        &self.citation
    }

    /// The citation board, to change it.
    pub fn citation_mut(&mut self) -> &mut Board {
        &mut self.citation
    }

    /// The trust boards, in the order in which they were set.
    #[must_use]
    pub fn trust(&self) -> &[Board] {
        &self.trust
    }

    /// The trust boards, to change them.
    pub fn trust_mut(&mut self) -> &mut [Board] {
        &mut self.trust
    }

    /// All boards, to change them: citation, and the trust boards.
    pub fn boards_mut(&mut self) -> (&mut Board, &mut [Board]) {
        (&mut self.citation, &mut self.trust)
    }

    /// Take these trust boards in place of those before.
    pub fn set_trust(&mut self, boards: Vec<Board>) {
        self.trust = boards;
        self.solve_next();
    }

    /// All boards, citation first.
    pub fn boards(&self) -> impl Iterator<Item = &Board> {
        std::iter::once(&self.citation).chain(&self.trust)
    }

    /// A new node without links.
    ///
    /// # Errors
    /// The graph is full.
    pub fn add_node(&mut self) -> Result<u32, GraphError> {
        self.graph.add_node()
    }

    /// Give a node of one board a prior: citation is 0, trust boards follow.
    ///
    /// # Errors
    /// An unknown node, or a prior that is negative or not finite.
    pub fn set_prior(&mut self, board: usize, node: u32, prior: f64) -> Result<(), AuthorityError> {
        let Self { graph, citation, trust, .. } = self;
        let board = board.checked_sub(1).map_or(Some(citation), |at| trust.get_mut(at));
        board.map_or(Ok(()), |board| board.vector_mut().set_prior(graph, node, prior))
    }

    /// Have fetched what is kept of a node whose links will soon change.
    #[inline]
    pub(crate) fn expect(&self, node: u32) {
        self.graph.expect(node);
        self.boards().for_each(|board| board.vector().expect(node));
    }

    /// Put a link into a class, or take it out.
    ///
    /// # Errors
    /// An unknown node or class, or no room.
    pub fn set_link(
        &mut self,
        source: u32,
        target: u32,
        class: Option<WeightClass>,
    ) -> Result<LinkChange, GraphError> {
        let change = match class {
            Some(class) => self.graph.set_link(source, target, class)?,
            None => self.graph.drop_link(source, target)?,
        };
        if !change.is_empty() {
            self.links_moved += 1;
            self.is_loading |= is_bulk(self.links_moved, self.graph.link_count());
            if !self.is_loading {
                for board in std::iter::once(&mut self.citation).chain(&mut self.trust) {
                    board.vector_mut().on_link_change(&self.graph, &change);
                }
            }
        }
        Ok(change)
    }

    /// Take all links at once, see [`LinkGraph::load`]; boards do not follow, they are to be solved or given
    /// estimates.
    ///
    /// # Errors
    /// As [`Self::set_link`].
    pub(crate) fn load(
        &mut self,
        links_of: impl FnMut(u32, &mut Vec<(WeightClass, u32)>),
    ) -> Result<(), GraphError> {
        self.is_loading = true;
        self.graph.load(links_of)
    }

    /// Take the estimates of each board from an earlier time, citation first, in place of a solve; drain next.
    /// Without any, nothing changes.
    ///
    /// # Errors
    /// An estimate that is negative or not finite.
    pub fn take_estimates(&mut self, estimates: &[Vec<f64>]) -> Result<(), AuthorityError> {
        if estimates.is_empty() {
            return Ok(());
        }
        let Self { graph, citation, trust, .. } = self;
        for (board, estimates) in std::iter::once(citation).chain(trust).zip(estimates) {
            board.vector_mut().restore(graph, estimates)?;
        }
        (self.is_loading, self.links_moved) = (false, 0);
        Ok(())
    }

    /// Until the next drain boards need not follow single changes, for it solves them anew.
    pub fn solve_next(&mut self) {
        self.is_loading = true;
    }

    /// Promise another ε from the next drain on.
    ///
    /// # Errors
    /// ε is not a positive number.
    pub fn set_epsilon(&mut self, epsilon: f64) -> Result<(), AuthorityError> {
        std::iter::once(&mut self.citation)
            .chain(&mut self.trust)
            .try_for_each(|board| board.set_epsilon(epsilon))
    }

    /// Nodes whose points on one board are to be written: citation is 0, trust boards follow. `finest` is the
    /// ε of idle times.
    pub fn due(&mut self, board: usize, finest: f64) -> Vec<u32> {
        let Self { citation, trust, .. } = self;
        let Some(at) = board.checked_sub(1) else { return citation.due(finest, |_| 0.0) };
        let board = trust.get_mut(at);
        board.map_or_else(Vec::new, |board| board.due(finest, |node| citation.value(node)))
    }

    /// Rewrite the links without the room that dropped ones left, if that is much.
    ///
    /// # Errors
    /// No room for the links; they are then unchanged.
    pub fn compact_if_due(&mut self) -> Result<(), GraphError> {
        if self.graph.is_compaction_due() { self.graph.compact() } else { Ok(()) }
    }

    /// Give back all room that is reserved and not needed now.
    ///
    /// # Errors
    /// No room for the links; they are then unchanged.
    pub fn shrink(&mut self) -> Result<(), GraphError> {
        for board in std::iter::once(&mut self.citation).chain(&mut self.trust) {
            board.shrink();
        }
        self.graph.compact()
    }

    /// Bytes held, reserved room included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.graph.memory_bytes() + self.boards().map(Board::memory_bytes).sum::<usize>()
    }
}

/// Bring every board of every graph to its ε, or as near as `budget` allows, on two threads where that pays.
/// Draining reads the graphs only, so boards do not meet, and what a board becomes does not depend on threads.
///
/// [`Budget::Edges`] holds for each board, [`Budget::Time`] for the whole call, solves apart: it is a slice
/// from which the next call goes on, and every board moves on by some thousand edges at least.
///
/// Returns the CPU seconds that another thread than the caller's worked.
pub fn drain_all(graphs: &mut [&mut ScoredGraph], budget: Budget) -> f64 {
    let mut jobs = Vec::new();
    for scored in graphs.iter_mut() {
        let ScoredGraph { graph, citation, trust, links_moved, is_loading } = &mut **scored;
        let moved = if *is_loading { u64::MAX } else { *links_moved };
        (*links_moved, *is_loading) = (0, false);
        jobs.extend(std::iter::once(citation).chain(trust).map(|board| (&*graph, board, moved)));
    }
    // From the end: the longest queue first, so that two threads end at about the same time.
    jobs.sort_by_key(|(_, board, _)| board.vector().queue_len());
    let begin = Instant::now();
    let left = || match budget {
        Budget::Time(time) => Budget::Time(time.saturating_sub(begin.elapsed())),
        other => other,
    };
    let waiting: usize = jobs.iter().map(|(_, board, _)| board.vector().queue_len()).sum();
    let is_solving = jobs.iter().any(|(graph, _, moved)| is_bulk(*moved, graph.link_count()));
    if jobs.len() < 2 || !(is_solving || waiting >= MIN_QUEUE_FOR_THREADS) {
        for (graph, board, moved) in jobs {
            board.follow(graph, moved, left());
        }
        return 0.0;
    }
    let jobs = Mutex::new(jobs);
    let work = || {
        let clock = ThreadClock::now();
        while let Some((graph, board, moved)) = take(&jobs) {
            board.follow(graph, moved, left());
        }
        clock.seconds()
    };
    std::thread::scope(|scope| {
        let other = helping(scope, work);
        work();
        other.map_or(0.0, joined)
    })
}

/// The next job, out of the lock before it begins.
fn take<T>(jobs: &Mutex<Vec<T>>) -> Option<T> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).pop()
}
