//! The rows of a batch as Arrow record batches, one per table, columns in the order of the table.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{
    ArrayRef, BooleanArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt8Array,
    UInt32Array, UInt64Array,
};
use arrow_select::filter::filter_record_batch;

use super::Index;
use super::rows::{known, rows, times, u64s};
use super::scores::Moved;
use super::stage::{LifeRow, Pending, RunRow, TallyKind, Touched};
use crate::batch::{EventBatch, text};
use crate::error::CoreError;
use crate::event::{EventKind, LossReason};
use crate::links::attribute::Field;
use crate::links::register::NEVER;
use crate::links::table::Link;

/// One table's rows.
pub(super) type Table = (&'static str, RecordBatch);

const HOUR_US: i64 = 3600 * 1_000_000;

impl Index {
    pub(super) fn tables(&mut self, pending: &Pending, scores: &Moved) -> Result<Vec<Table>, CoreError> {
        let mut tables = Vec::with_capacity(14);
        let batch = &pending.batch;
        if batch.link_events() > 0 {
            tables.push(("link_events", event_rows(batch, self.rev)?));
        }
        self.page_tables(pending, &mut tables)?;
        if !batch.dead_letters.is_empty() {
            tables.push(("dead_letters", super::dead_letters::rows(batch, self.rev)?));
        }
        let is_new = |(_, touched): &(u32, &Touched)| touched.new_at_row.is_some();
        let new: Vec<(u32, &Touched)> = (0..).zip(&pending.touched).filter(is_new).collect();
        let seen_at = self.seen_once(pending);
        let is_told = |touched: u32| seen_at.get(touched as usize).is_some_and(Option::is_some);
        if !new.is_empty() {
            tables.push(("links", link_rows(pending, &new, &seen_at, self.rev)?));
        }
        let others = (0..).zip(&pending.touched).filter(|(at, _)| !is_told(*at));
        let moved: Vec<&Link> = others.filter_map(|(_, touched)| self.moved(touched)).collect();
        if !moved.is_empty() {
            tables.push(("link_changes", self.state_rows(&moved)?));
        }
        let lives: Vec<&LifeRow> = pending.lives.iter().filter(|row| !is_told(row.touched)).collect();
        if !lives.is_empty() {
            tables.push(("life_changes", self.life_rows(pending, &lives)?));
        }
        if !pending.runs.is_empty() {
            tables.push(("attribute_changes", self.run_rows(pending)?));
        }
        tables.extend(self.velocity_rows(pending)?.map(|rows| ("velocity_delta", rows)));
        let met = self.domains.len() as u32;
        if self.written_domains < met {
            tables.push(("domain_keys", self.name_rows("domain_keys", &(self.written_domains..met))?));
            self.written_domains = met;
        }
        if !self.new_nodes.is_empty() {
            let nodes = std::mem::take(&mut self.new_nodes);
            tables.push(("domain_names", self.name_rows("domain_names", &nodes.into_iter())?));
        }
        tables.extend(self.score_tables(scores)?);
        Ok(tables)
    }

    /// By place among the touched: the one instant of a new link of which nothing is known but a sighting of that
    /// instant. It stands in the wide row, which then says the first state and the first life of the link, too.
    fn seen_once(&self, pending: &Pending) -> Vec<Option<i64>> {
        let of_link = |touched: &Touched| {
            let link = self.links.open(touched.index).filter(|_| touched.new_at_row.is_some())?;
            link.registers.seen_once()
        };
        let mut seen_at: Vec<Option<i64>> = pending.touched.iter().map(of_link).collect();
        let mut lives = vec![0_u32; seen_at.len()];
        for row in &pending.lives {
            let at = row.touched as usize;
            let (Some(seen_at), Some(lives)) = (seen_at.get_mut(at), lives.get_mut(at)) else { continue };
            *lives += 1;
            let is_that = *lives == 1 && !row.is_void && row.life.ending.is_none();
            *seen_at = seen_at.filter(|&instant| is_that && row.life.started_at == instant);
        }
        let with_a_life = |(seen_at, lives): (Option<i64>, u32)| seen_at.filter(|_| lives == 1);
        seen_at.into_iter().zip(lives).map(with_a_life).collect()
    }

    /// The link, if its registers moved or it is new.
    fn moved(&self, touched: &Touched) -> Option<&Link> {
        let link = self.links.open(touched.index)?;
        (touched.new_at_row.is_some() || link.registers != touched.before.registers).then_some(link)
    }

    fn target_key(&self, link: &Link) -> u64 {
        let page = self.pages.get(link.ends.target_page);
        page.and_then(|page| self.domains.get(page.domain)).map_or(0, |domain| domain.key)
    }

    fn state_rows(&self, links: &[&Link]) -> Result<RecordBatch, CoreError> {
        let times = |at: fn(&Link) -> i64| times(links.iter().map(|link| known(at(link))));
        let reasons = links
            .iter()
            .map(|link| (link.registers.firm_at != NEVER).then(|| link.registers.firm_reason.as_str()));
        rows(
            "link_changes",
            vec![
                ("link_id", u64s(links.iter().map(|link| link.link_id))),
                ("t_dom_key", u64s(links.iter().map(|link| self.target_key(link)))),
                (
                    "status",
                    Arc::new(UInt8Array::from_iter_values(links.iter().map(|l| l.registers.status as u8))),
                ),
                ("started_at", times(|link| link.registers.started_at)),
                ("last_seen", times(|link| link.registers.last_seen)),
                ("firm_loss_at", times(|link| link.registers.firm_at)),
                ("firm_loss_reason", Arc::new(reasons.collect::<StringArray>())),
                ("suspect_at", times(|link| link.registers.suspect_at)),
                ("suspect_before_at", times(|link| link.registers.suspect_before_at)),
                ("rev", self.revs(links.len())),
            ],
        )
    }

    fn life_rows(&self, pending: &Pending, lives: &[&LifeRow]) -> Result<RecordBatch, CoreError> {
        let ending = |row: &LifeRow| row.life.ending;
        let times = |at: &dyn Fn(&LifeRow) -> Option<i64>| times(lives.iter().map(|row| at(row)));
        let reasons = lives.iter().map(|row| ending(row).map(|end| end.reason.as_str()));
        let by_event = lives.iter().map(|row| ending(row).is_some_and(|end| end.is_confirmed_by_event));
        let links = || lives.iter().filter_map(|row| pending.touched.get(row.touched as usize));
        rows(
            "life_changes",
            vec![
                ("link_id", u64s(links().map(|touched| touched.before.link_id))),
                ("t_dom_key", u64s(links().map(|touched| self.target_key(&touched.before)))),
                ("started_at", times(&|row| Some(row.life.started_at))),
                ("last_alive_at", times(&|row| ending(row).map(|end| end.last_alive_at))),
                ("lost_at", times(&|row| ending(row).map(|end| end.lost_at))),
                ("confirmed_at", times(&|row| ending(row).map(|end| end.confirmed_at))),
                ("lost_reason", Arc::new(reasons.collect::<StringArray>())),
                ("is_confirmed_by_event", Arc::new(by_event.map(Some).collect::<BooleanArray>())),
                ("is_void", Arc::new(lives.iter().map(|row| Some(row.is_void)).collect::<BooleanArray>())),
                ("rev", self.revs(lives.len())),
            ],
        )
    }

    fn run_rows(&self, pending: &Pending) -> Result<RecordBatch, CoreError> {
        let runs = &pending.runs;
        let links = || runs.iter().filter_map(|row| pending.touched.get(row.touched as usize));
        let values = runs.iter().map(|row| Some(row.value.as_ref()));
        rows(
            "attribute_changes",
            vec![
                ("link_id", u64s(links().map(|touched| touched.before.link_id))),
                ("t_dom_key", u64s(links().map(|touched| self.target_key(&touched.before)))),
                ("field", Arc::new(runs.iter().map(|row| Some(row.field.as_str())).collect::<StringArray>())),
                ("observed_at", times(runs.iter().map(|row| Some(row.at)))),
                ("value", Arc::new(values.collect::<StringArray>())),
                ("is_void", Arc::new(runs.iter().map(|row| Some(row.is_void)).collect::<BooleanArray>())),
                ("rev", self.revs(runs.len())),
            ],
        )
    }

    /// Signed counts by target domain and hour; internal links have no velocity.
    fn velocity_rows(&self, pending: &Pending) -> Result<Option<RecordBatch>, CoreError> {
        let mut sums: BTreeMap<(u64, i64), [i32; 3]> = BTreeMap::new();
        for tally in &pending.tallies {
            let Some(touched) = pending.touched.get(tally.touched as usize) else { continue };
            if touched.before.is_internal() {
                continue;
            }
            let hour = tally.at.div_euclid(HOUR_US) * HOUR_US;
            let sum = sums.entry((self.target_key(&touched.before), hour)).or_default();
            let [new, restored, lost] = sum;
            match tally.kind {
                TallyKind::New => *new += tally.sign,
                TallyKind::Restored => *restored += tally.sign,
                TallyKind::Lost => *lost += tally.sign,
            }
        }
        sums.retain(|_, sum| *sum != [0, 0, 0]);
        if sums.is_empty() {
            return Ok(None);
        }
        let count = |at: usize| -> ArrayRef {
            Arc::new(Int32Array::from_iter_values(sums.values().map(|sum| sum.get(at).copied().unwrap_or(0))))
        };
        let columns = vec![
            ("t_dom_key", u64s(sums.keys().map(|(key, _)| *key))),
            ("hour", times(sums.keys().map(|(_, hour)| Some(*hour)))),
            ("new_links", count(0)),
            ("restored_links", count(1)),
            ("lost_links", count(2)),
            ("rev", self.revs(sums.len())),
        ];
        rows("velocity_delta", columns).map(Some)
    }

    fn name_rows(
        &self,
        table: &'static str,
        indices: &(impl Iterator<Item = u32> + Clone),
    ) -> Result<RecordBatch, CoreError> {
        let domains = || indices.clone().filter_map(|index| self.domains.get(index));
        let columns = vec![
            ("domain_key", u64s(domains().map(|domain| domain.key))),
            (
                "domain_name",
                Arc::new(domains().map(|domain| Some(self.domains.name_of(domain))).collect::<StringArray>())
                    as _,
            ),
            ("rev", self.revs(domains().count())),
        ];
        rows(table, columns)
    }

    pub(super) fn revs(&self, count: usize) -> ArrayRef {
        Arc::new(UInt64Array::from_value(self.rev, count))
    }
}

fn event_rows(batch: &EventBatch, rev: u64) -> Result<RecordBatch, CoreError> {
    let ids = |column: &arrow_buffer::ScalarBuffer<u64>| -> ArrayRef {
        Arc::new(UInt64Array::new(column.clone(), None))
    };
    let instants = |column: &arrow_buffer::ScalarBuffer<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::new(column.clone(), None).with_timezone("UTC"))
    };
    let texts = |column: &StringArray| -> ArrayRef { Arc::new(column.clone()) };
    let reasons = batch.lost_reason.iter().map(|reason| reason.map(LossReason::as_str));
    let columns = vec![
        ("link_id", ids(&batch.link_id)),
        ("source_key", ids(&batch.source_key)),
        ("target_key", ids(&batch.target_key)),
        ("s_dom_key", ids(&batch.source_domain_key)),
        ("t_dom_key", ids(&batch.target_domain_key)),
        ("kind", Arc::new(UInt8Array::new(batch.kind.clone(), None)) as _),
        ("observed_at", instants(&batch.observed_at)),
        ("record_at", instants(&batch.record_at)),
        ("source_id", Arc::new(UInt32Array::new(batch.source_id.clone(), None)) as _),
        ("off", ids(&batch.offset)),
        ("lost_reason", Arc::new(reasons.collect::<StringArray>()) as _),
        ("rel", texts(&batch.rel)),
        ("anchor", texts(&batch.anchor)),
        ("link_type", texts(&batch.link_type)),
        ("extra", texts(&batch.extra)),
        ("raw_source_url", texts(&batch.raw_source_url)),
        ("raw_target_url", texts(&batch.raw_target_url)),
        ("rev", Arc::new(UInt64Array::from_value(rev, batch.rows())) as _),
    ];
    let all = rows("link_events", columns)?;
    if batch.pages.is_empty() {
        return Ok(all);
    }
    let is_event = batch.kind.iter().map(|&kind| Some(kind != EventKind::Page as u8)).collect();
    filter_record_batch(&all, &is_event).map_err(|source| CoreError::Rows { table: "link_events", source })
}

/// Wide rows of links that this batch made known.
fn link_rows(
    pending: &Pending,
    new: &[(u32, &Touched)],
    seen_at: &[Option<i64>],
    rev: u64,
) -> Result<RecordBatch, CoreError> {
    let batch = &pending.batch;
    let at_row = |touched: &Touched| touched.new_at_row.unwrap_or_default() as usize;
    let id =
        |column: &[u64]| u64s(new.iter().map(|(_, t)| column.get(at_row(t)).copied().unwrap_or_default()));
    let url = |column: &StringArray| -> ArrayRef {
        Arc::new(new.iter().map(|(_, t)| text(column, at_row(t))).collect::<StringArray>())
    };
    let firsts: Vec<First<'_>> = new.iter().map(|(at, touched)| First::of(pending, *at, touched)).collect();
    let first = |of: for<'f> fn(&'f First<'_>) -> Option<&'f str>| -> ArrayRef {
        let mut column = StringBuilder::with_capacity(firsts.len(), 16 * firsts.len());
        for first in &firsts {
            column.append_option(of(first));
        }
        Arc::new(column.finish())
    };
    let source_domains = new.iter().map(|(_, t)| Some(batch.source_domain_name(at_row(t))));
    let target_domains = new.iter().map(|(_, t)| Some(batch.target_domain_name(at_row(t))));
    let columns = vec![
        ("link_id", u64s(new.iter().map(|(_, touched)| touched.before.link_id))),
        ("source_key", id(&batch.source_key)),
        ("target_key", id(&batch.target_key)),
        ("s_dom_key", id(&batch.source_domain_key)),
        ("t_dom_key", id(&batch.target_domain_key)),
        ("source_url", url(&batch.source_url)),
        ("target_url", url(&batch.target_url)),
        ("source_domain", Arc::new(source_domains.collect::<StringArray>()) as _),
        ("target_domain", Arc::new(target_domains.collect::<StringArray>()) as _),
        ("anchor", first(|first| first.anchor)),
        ("rel", first(|first| first.rel)),
        ("link_type", first(|first| first.link_type)),
        ("attributes", first(|first| first.others.as_deref())),
        ("attributes_at", times(firsts.iter().map(|first| first.at))),
        ("seen_at", times(new.iter().map(|(at, _)| seen_at.get(*at as usize).copied().flatten()))),
        ("rev", Arc::new(UInt64Array::from_value(rev, new.len())) as _),
    ];
    rows("links", columns)
}

/// The attributes of a wide row: those of the link's first carrying instant.
#[derive(Default)]
struct First<'a> {
    anchor: Option<&'a str>,
    rel: Option<&'a str>,
    link_type: Option<&'a str>,
    others: Option<String>,
    at: Option<i64>,
}

impl<'a> First<'a> {
    fn of(pending: &'a Pending, at_touched: u32, touched: &Touched) -> Self {
        let batch = &pending.batch;
        if !touched.is_marked {
            let Some(row) = touched.attributes_row.map(|row| row as usize) else { return Self::default() };
            return Self::from_fields(batch.carried(row), batch.observed_at.get(row).copied());
        }
        // Derived links stand in `first_runs` in the order in which they were touched.
        let runs = &pending.first_runs;
        let start = runs.partition_point(|run| run.touched < at_touched);
        let mine = || runs.iter().skip(start).take_while(|run| run.touched == at_touched);
        let at = mine().next().map(|run| run.at);
        Self::from_fields(mine().map(|run: &RunRow| (run.field, run.value.as_ref())), at)
    }

    fn from_fields(fields: impl Iterator<Item = (Field, &'a str)>, at: Option<i64>) -> Self {
        let mut first = Self { at, ..Self::default() };
        let mut others = Vec::new();
        for (field, value) in fields {
            match field {
                Field::ANCHOR => first.anchor = Some(value),
                Field::REL => first.rel = Some(value),
                Field::LINK_TYPE => first.link_type = Some(value),
                Field::OCCURRENCES if value == Field::ONCE => {}
                _ => others.push((field.as_str(), value)),
            }
        }
        first.others = (!others.is_empty()).then(|| crate::event::json_object(&others));
        first
    }
}
