//! Links and pages in any order, by any batches, with restarts between them, against the specification in code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampMicrosecondType, UInt8Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use proptest::prelude::*;

use super::{Changes, Index, IndexOptions, RestoredLink, StoredObservation, Wanted};
use crate::batch::{BatchDecoder, Chunk, DecoderOptions, EventBatch};
use crate::event::LossReason;
use crate::links::flow::RelWeights;
use crate::links::life::{Evidence, Life, Observation, collapse, lives};
use crate::links::page_register::Losses;
use crate::links::register::{NEVER, Registers, Status};
use crate::url::PublicSuffixList;
use crate::wire::{ChunkRef, Codec};

const FIRST_HOUR: i64 = 472_000;

/// One event: (hour, page, what).
type Told = (u8, u8, What);

#[derive(Debug, Clone)]
enum What {
    Seen(u8),
    Lost(u8, u8),
    /// How the page answers, and the targets it lists.
    Page(u8, Vec<u8>),
}

const REASONS: [&str; 5] = ["pageerror", "notfound", "noindex", "removedfromhtml", "dropped:x"];
const ANSWERS: [&str; 9] = [
    r#","complete":true"#,
    r#","complete":true,"http_code":200"#,
    r#","complete":true,"lost_reason":"dropped:x""#,
    "",
    r#","http_code":404"#,
    r#","http_code":301,"redirect_chain":["https://t1.example/"]"#,
    r#","http_code":503"#,
    r#","lost_reason":"pageerror""#,
    r#","noindex":true"#,
];

fn line((hour, page, what): &Told) -> String {
    let at = (FIRST_HOUR + i64::from(*hour)) * 3_600_000;
    let target = |target: &u8| format!("https://t{target}.example/");
    let (event, more) = match what {
        What::Seen(to) => ("seen", format!(r#""target_url":"{}""#, target(to))),
        What::Lost(to, reason) => {
            let reason = REASONS[usize::from(*reason)];
            ("lost", format!(r#""target_url":"{}","lost_reason":"{reason}""#, target(to)))
        }
        What::Page(answer, listed) => {
            let links: Vec<String> =
                listed.iter().map(|to| format!(r#"{{"target_url":"{}"}}"#, target(to))).collect();
            ("page", format!(r#""links":[{}]{}"#, links.join(","), ANSWERS[usize::from(*answer)]))
        }
    };
    format!(r#"{{"event":"{event}","observed_at":{at},"source_url":"https://p{page}.example/",{more}}}"#)
        + "\n"
}

fn decode(told: &[Told], first_offset: usize, accepts_losses: bool) -> Arc<EventBatch> {
    decode_lines(&told.iter().map(line).collect::<String>(), first_offset, accepts_losses)
}

/// Decode lines of JSON; domains are the names below `example`.
pub(super) fn decode_lines(data: &str, first_offset: usize, accepts_losses: bool) -> Arc<EventBatch> {
    let suffixes = PublicSuffixList::parse("example\n").unwrap();
    let options = DecoderOptions { seed: 1, max_event_bytes: 1 << 20, max_batch_bytes: 1 << 20 };
    let records = ChunkRef {
        codec: Codec::Ndjson,
        data: data.as_bytes(),
        first_offset: first_offset as i64,
        received_at_us: 1_900_000_000_000_000,
        aborted: &[],
    };
    let chunk = Chunk { source_id: 1, accepts_losses, records };
    let batch = BatchDecoder::new(Arc::new(suffixes), options).decode(&[chunk]);
    assert!(batch.dead_letters.is_empty(), "{:?}", batch.dead_letters);
    Arc::new(batch)
}

/// Every link of these batches, with its page's key.
fn known(batches: &[Arc<EventBatch>]) -> BTreeSet<Wanted> {
    let rows = batches.iter().flat_map(|batch| batch.link_id.iter().zip(batch.source_key.iter()));
    rows.map(|(&link_id, &page_key)| Wanted { link_id, page_key }).collect()
}

/// What these batches say of a link, as the semi-join of the store would find it.
fn observations(batches: &[Arc<EventBatch>], link: Wanted) -> Vec<Observation> {
    let mut found = Vec::new();
    for batch in batches {
        let rows = (0..batch.rows()).filter(|&row| batch.link_id[row] == link.link_id);
        found.extend(rows.filter_map(|row| batch.observation(row)));
        for page in batch.pages.iter().filter(|page| page.page_key == link.page_key) {
            if let Some(reason) = page.loss().filter(|_| !page.lists(batch, link.link_id)) {
                found.push(Observation { at: page.arrival.observed_at, evidence: Evidence::Loss(reason) });
            }
        }
    }
    found
}

/// The tables, folded.
#[derive(Debug, Default)]
struct Tables {
    lives: BTreeMap<(u64, i64), Option<Life>>,
    states: BTreeMap<u64, Registers>,
}

impl Tables {
    fn append(&mut self, changes: &Changes) {
        for (name, rows) in &changes.tables {
            match *name {
                "links" => self.append_seen(rows),
                "life_changes" => self.append_lives(rows),
                "link_changes" => self.append_states(rows),
                _ => {}
            }
        }
    }

    /// What wide rows say of links that were seen once.
    fn append_seen(&mut self, rows: &RecordBatch) {
        let times = times_of(rows);
        for row in 0..rows.num_rows() {
            let link_id = rows.column_by_name("link_id").unwrap().as_primitive::<UInt64Type>().value(row);
            if let Some(at) = times("seen_at", row) {
                self.lives.insert((link_id, at), Some(Life { started_at: at, ending: None }));
                let status = Status::Live;
                let registers = Registers { last_seen: at, started_at: at, status, ..Registers::default() };
                self.states.insert(link_id, registers);
            }
        }
    }

    fn append_lives(&mut self, rows: &RecordBatch) {
        let times = times_of(rows);
        let reasons = rows.column_by_name("lost_reason").unwrap().as_string::<i32>();
        let flag = |name: &str, row: usize| rows.column_by_name(name).unwrap().as_boolean().value(row);
        for row in 0..rows.num_rows() {
            let link_id = rows.column_by_name("link_id").unwrap().as_primitive::<UInt64Type>().value(row);
            let started_at = times("started_at", row).unwrap();
            let ending = times("confirmed_at", row).map(|confirmed_at| crate::links::life::Ending {
                last_alive_at: times("last_alive_at", row).unwrap(),
                lost_at: times("lost_at", row).unwrap(),
                confirmed_at,
                reason: LossReason::parse(reasons.value(row)).unwrap(),
                is_confirmed_by_event: flag("is_confirmed_by_event", row),
            });
            let life = (!flag("is_void", row)).then_some(Life { started_at, ending });
            self.lives.insert((link_id, started_at), life);
        }
    }

    fn append_states(&mut self, rows: &RecordBatch) {
        let times = times_of(rows);
        let reasons = rows.column_by_name("firm_loss_reason").unwrap().as_string::<i32>();
        let statuses = rows.column_by_name("status").unwrap().as_primitive::<UInt8Type>();
        for row in 0..rows.num_rows() {
            let link_id = rows.column_by_name("link_id").unwrap().as_primitive::<UInt64Type>().value(row);
            let time = |name: &str| times(name, row).unwrap_or(NEVER);
            let reason = reasons.is_valid(row).then(|| LossReason::parse(reasons.value(row)).unwrap());
            let status = [Status::Unsighted, Status::Live, Status::Suspect, Status::Lost];
            let registers = Registers {
                last_seen: time("last_seen"),
                firm_at: time("firm_loss_at"),
                suspect_at: time("suspect_at"),
                suspect_before_at: time("suspect_before_at"),
                started_at: time("started_at"),
                firm_reason: reason.unwrap_or(LossReason::PAGE_ERROR),
                status: status[usize::from(statuses.value(row))],
                ..Registers::default()
            };
            self.states.insert(link_id, registers);
        }
    }

    fn lives_of(&self, link_id: u64) -> Vec<Life> {
        let rows = self.lives.range((link_id, i64::MIN)..=(link_id, i64::MAX));
        rows.filter_map(|(_, life)| *life).collect()
    }
}

fn times_of(rows: &RecordBatch) -> impl Fn(&str, usize) -> Option<i64> {
    |name: &str, row: usize| {
        let column = rows.column_by_name(name).unwrap().as_primitive::<TimestampMicrosecondType>();
        column.is_valid(row).then(|| column.value(row))
    }
}

/// The registers of every page, from its snapshots.
fn page_losses(batches: &[Arc<EventBatch>]) -> BTreeMap<u64, Losses> {
    let mut found: BTreeMap<u64, Losses> = BTreeMap::new();
    for page in batches.iter().flat_map(|batch| &batch.pages) {
        if let Some(reason) = page.loss() {
            found.entry(page.page_key).or_default().note(page.arrival.observed_at, reason);
        }
    }
    found
}

pub(super) fn empty() -> Index {
    let options = IndexOptions {
        seed: 1,
        alpha: 0.85,
        epsilon_busy: 1e-2,
        epsilon_idle: 1e-3,
        authority_min_domains: 0,
        rel_weights: RelWeights::default(),
    };
    Index::new(options).unwrap()
}

/// The index that a start makes of the tables.
fn restored(tables: &Tables, batches: &[Arc<EventBatch>], index: &Index) -> Index {
    let mut again = empty();
    for (page_key, losses) in page_losses(batches) {
        again.page_registers.restore(page_key, &losses);
    }
    for batch in batches {
        for row in 0..batch.rows() {
            let link = RestoredLink {
                link_id: batch.link_id[row],
                source_keys: (batch.source_key[row], batch.source_domain_key[row]),
                target_keys: (batch.target_key[row], batch.target_domain_key[row]),
            };
            if again.links.find(link.link_id).is_none() {
                again.restore_link(&link, NEVER, std::iter::empty());
                again.restore_registers_of(link.link_id, tables.states[&link.link_id], 1);
            }
        }
    }
    again.restored(index.clock(), index.rev).unwrap();
    again
}

fn check(index: &Index, tables: &Tables, batches: &[Arc<EventBatch>]) -> Result<(), TestCaseError> {
    let pages = page_losses(batches);
    let clock = batches.iter().filter_map(|batch| batch.newest).max().unwrap_or(NEVER);
    for link in known(batches) {
        let mut all = observations(batches, link);
        let last_seen =
            all.iter().filter(|seen| seen.evidence == Evidence::Sighting).map(|seen| seen.at).max();
        collapse(&mut all);
        let wanted = lives(&all, clock);
        prop_assert_eq!(tables.lives_of(link.link_id), wanted.clone(), "lives of {:?}", link);
        let found = index.links.find(link.link_id).and_then(|at| index.links.get(at)).unwrap().registers;
        prop_assert_eq!(found.last_seen, last_seen.unwrap_or(NEVER));
        prop_assert_eq!(found.status, found.status_by_formula(clock));
        prop_assert_eq!(found.status.is_live(), wanted.last().is_some_and(|life| life.ending.is_none()));
        prop_assert_eq!(found.started_at, wanted.last().map_or(NEVER, |life| life.started_at));
        // What the views make of the state row and the page's own rows.
        let stored = tables.states[&link.link_id];
        prop_assert_eq!(stored.status, found.status);
        let told = pages.get(&link.page_key).map_or(NEVER, |losses| losses.firm_at);
        let shown = if stored.status.is_live() { stored.last_seen.max(told) } else { stored.last_seen };
        prop_assert_eq!(shown, found.last_seen);
    }
    Ok(())
}

fn told() -> impl Strategy<Value = Told> {
    // Many of them are 72 hours apart, or an hour from it.
    let hour = proptest::sample::select(vec![0u8, 1, 24, 48, 71, 72, 73, 96, 120, 144, 145, 168, 216]);
    let target = 0u8..3;
    let what = prop_oneof![
        3 => target.clone().prop_map(What::Seen),
        2 => (target.clone(), 0u8..5).prop_map(|(to, reason)| What::Lost(to, reason)),
        4 => (0u8..9, proptest::collection::vec(target, 0..4)).prop_map(|(answer, listed)| What::Page(answer, listed)),
    ];
    (hour, 0u8..2, what)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("LINKTIDE_PAGE_HISTORIES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(4_000)
    ))]

    #[test]
    fn state_is_a_function_of_the_set_of_events(
        mut events in proptest::collection::vec(told(), 1..24),
        is_in_order in any::<bool>(),
        cuts in proptest::collection::vec((1usize..8, any::<bool>(), 0u8..6), 24),
    ) {
        if is_in_order {
            events.sort_by_key(|event| event.0);
        }
        let (mut index, mut tables) = (empty(), Tables::default());
        let mut batches: Vec<Arc<EventBatch>> = Vec::new();
        let mut rest = &events[..];
        let mut cuts = cuts.into_iter();
        while !rest.is_empty() {
            let (size, is_restarted, sample) = cuts.next().unwrap_or((8, false, 1));
            let (now, later) = rest.split_at(size.min(rest.len()));
            let batch = decode(now, events.len() - rest.len(), sample != 0);
            rest = later;
            let stored: Vec<StoredObservation> = index.begin(&batch).into_iter().flat_map(|link| {
                let all = observations(&batches, link).into_iter();
                all.map(move |observation| StoredObservation { link_id: link.link_id, observation, carried: vec![] })
            }).collect();
            tables.append(&index.finish(stored).unwrap());
            batches.push(batch);
            check(&index, &tables, &batches)?;
            if is_restarted {
                index = restored(&tables, &batches, &index);
                check(&index, &tables, &batches)?;
            }
        }
    }
}
