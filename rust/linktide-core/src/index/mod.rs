//! The index: link state and authority, moved by batches of events.
//!
//! A batch goes through in two calls. [`Index::begin`] takes every event it can in O(1) and names the links
//! whose lives only their stored observations can tell; [`Index::finish`] takes those observations and returns
//! every row that the store must append. If the rows cannot be stored the index is dropped and restored from
//! the tables: it has no way back, by design, because the tables are the truth.

mod audit;
mod build;
mod contributions;
mod dead_letters;
mod effects;
mod fingerprint;
mod importance;
#[cfg(test)]
mod importance_tests;
mod input;
mod load;
mod memory;
mod moved_hosts;
mod numbers;
mod page_input;
mod page_rows;
mod page_stage;
#[cfg(test)]
mod page_tests;
mod rederive;
mod replay;
mod restore;
mod rows;
mod save;
mod score_rows;
mod scores;
mod seeds;
mod stage;
mod tables;
mod turns;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::authority::{Board, ScoredGraph, Threshold};
use crate::batch::EventBatch;
use crate::graph::DomainPairs;
use crate::links::domains::DomainTable;
use crate::links::flow::RelWeights;
use crate::links::page_register::PageRegisters;
use crate::links::pages::PageTable;
use crate::links::register::NEVER;
use crate::links::table::LinkTable;
use crate::thread_clock::ThreadClock;

pub use audit::{GraphCopy, VectorAudit};
pub use contributions::KEPT_EDGES;
use contributions::Tracked;
use importance::Importance;
pub use input::observations;
pub(crate) use input::{at, numbers, texts};
pub use moved_hosts::moved_hosts;
pub use numbers::DomainNumbers;
pub use rederive::{StoredObservation, Wanted};
use restore::Restoring;
pub use restore::{RestoredDomain, RestoredLink};
pub use rows::wanted_rows;
pub use save::{Progress, SnapshotRun};
pub use scores::{AuthorityState, BoardState, Score};
pub use seeds::MAX_TOPICS;
use seeds::Seeds;
use stage::Pending;
pub use turns::News;

/// What an index is told once.
#[derive(Debug, Clone, Copy)]
pub struct IndexOptions {
    /// Seed of the database's keys.
    pub seed: u64,
    /// Damping of authority; 0.85.
    pub alpha: f64,
    /// Relative error of scores while batches come.
    pub epsilon_busy: f64,
    /// Relative error of scores when idle.
    pub epsilon_idle: f64,
    /// Below this many source domains with followed in-links scores are not shown.
    pub authority_min_domains: u32,
    /// What links weigh by their rel.
    pub rel_weights: RelWeights,
}

/// Counters since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IndexCounters {
    /// Lives that began, the first of their link.
    pub new_links: u64,
    /// Lives that began again.
    pub restored_links: u64,
    /// Lives that ended.
    pub lost_links: u64,
    /// Of the three, those too old for alerts: imports and late events.
    pub backfilled_links: u64,
    /// Stored life rows that late events revised.
    pub history_revised: u64,
    /// Links derived again from their stored observations.
    pub rederived_links: u64,
}

/// The rows a batch appends, and what it did.
#[derive(Debug)]
pub struct Changes {
    /// Table name without schema, and its rows; only tables with rows.
    pub tables: Vec<(&'static str, RecordBatch)>,
    /// What is news of tracked domains.
    pub news: News,
    /// Revision of the batch.
    pub rev: u64,
    /// Greatest event time accepted so far, µs; none before the first event.
    pub clock: Option<i64>,
}

/// Link state and authority of one database.
#[derive(Debug)]
pub struct Index {
    options: IndexOptions,
    links: LinkTable,
    pages: PageTable,
    page_registers: PageRegisters,
    domains: DomainTable,
    pairs: DomainPairs,
    page_graph: ScoredGraph,
    domain_graph: ScoredGraph,
    seeds: Seeds,
    tracked: Tracked,
    importance: Importance,
    /// (due, link) of suspicions; stale entries are dropped when they come up.
    timers: BinaryHeap<Reverse<(i64, u32)>>,
    clock: i64,
    rev: u64,
    live_links: u64,
    counters: IndexCounters,
    new_nodes: Vec<u32>,
    /// CPU time of all threads.
    authority_seconds: f64,
    /// How many domains, in the order in which they were met, the tables know.
    written_domains: u32,
    pending: Option<Pending>,
    /// What a restore needs until it is over.
    restoring: Restoring,
}

impl Index {
    /// An empty index.
    ///
    /// # Errors
    /// Options out of range.
    pub fn new(options: IndexOptions) -> Result<Self, crate::error::CoreError> {
        let IndexOptions { alpha, epsilon_busy: epsilon, rel_weights, .. } = options;
        let weights = rel_weights.by_class();
        let pages = Board::citation(alpha, epsilon, Threshold::Relative)?;
        let domains = Board::citation(alpha, epsilon, Threshold::Const)?;
        Ok(Self {
            options,
            links: LinkTable::new(options.seed, rel_weights),
            pages: PageTable::default(),
            page_registers: PageRegisters::default(),
            domains: DomainTable::default(),
            pairs: DomainPairs::new(&weights),
            page_graph: ScoredGraph::new(&weights, pages)?,
            domain_graph: ScoredGraph::new(&weights, domains)?,
            seeds: Seeds::default(),
            tracked: Tracked::default(),
            importance: Importance::default(),
            timers: BinaryHeap::new(),
            clock: NEVER,
            rev: 0,
            live_links: 0,
            counters: IndexCounters::default(),
            new_nodes: Vec::new(),
            authority_seconds: 0.0,
            written_domains: 0,
            pending: None,
            restoring: Restoring::default(),
        })
    }

    /// Take a batch; returns the links whose stored observations [`Index::finish`] needs.
    pub fn begin(&mut self, batch: &Arc<EventBatch>) -> Vec<Wanted> {
        self.stage(batch)
    }

    /// Complete the batch with the stored observations of the links that `begin` named.
    ///
    /// # Errors
    /// No batch was begun, or rows could not be built.
    pub fn finish(&mut self, stored: Vec<StoredObservation>) -> Result<Changes, crate::error::CoreError> {
        let mut pending = self.pending.take().ok_or(crate::error::CoreError::NoBatch)?;
        self.time_out(&mut pending);
        self.rederive(&mut pending, stored);
        let clock = ThreadClock::now();
        self.take_effect(&pending)?;
        self.rev += 1;
        let scores = self.publish(self.options.epsilon_busy)?;
        self.authority_seconds += clock.seconds();
        let mut tables = self.tables(&pending, &scores)?;
        tables.extend(self.contribution_table()?);
        let news = self.news(&pending)?;
        self.links.close();
        Ok(Changes { tables, news, rev: self.rev, clock: self.clock() })
    }

    /// Drain authority to the idle error; none if no score moved enough to be shown.
    ///
    /// # Errors
    /// Rows could not be built.
    pub fn settle(&mut self) -> Result<Option<Changes>, crate::error::CoreError> {
        let clock = ThreadClock::now();
        self.page_graph.compact_if_due()?;
        self.domain_graph.compact_if_due()?;
        let scores = self.publish(self.options.epsilon_idle)?;
        self.authority_seconds += clock.seconds();
        if scores.is_empty() {
            return Ok(None);
        }
        self.rev += 1;
        let tables = self.score_tables(&scores)?;
        Ok(Some(Changes { tables, news: News::default(), rev: self.rev, clock: self.clock() }))
    }

    /// Greatest event time accepted, µs.
    #[must_use]
    pub fn clock(&self) -> Option<i64> {
        (self.clock != NEVER).then_some(self.clock)
    }

    /// Links that live now.
    #[must_use]
    pub fn live_links(&self) -> u64 {
        self.live_links
    }

    /// Links ever heard of.
    #[must_use]
    pub fn known_links(&self) -> usize {
        self.links.len()
    }

    /// Counters since start.
    #[must_use]
    pub fn counters(&self) -> IndexCounters {
        self.counters
    }

    /// Domains, by key.
    #[must_use]
    pub fn domains(&self) -> &DomainTable {
        &self.domains
    }
}
