//! The rows of pages, targets and referrals.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, RecordBatch, StringArray, UInt16Array, UInt32Array, UInt64Array,
};

use super::Index;
use super::rows::{rows, times, u64s};
use super::stage::Pending;
use super::tables::Table;
use crate::batch::{Arrival, EventBatch, PageAnswer, text};
use crate::error::CoreError;
use crate::event::{LossReason, json_object};

impl Index {
    pub(super) fn page_tables(&self, pending: &Pending, tables: &mut Vec<Table>) -> Result<(), CoreError> {
        let batch = &pending.batch;
        if !batch.pages.is_empty() {
            tables.push(("page_snapshots", self.snapshot_rows(pending)?));
        }
        let new_sets: Vec<&PageAnswer> =
            pending.new_sets.iter().filter_map(|&number| batch.pages.get(number)).collect();
        if !new_sets.is_empty() {
            tables.push(("page_sets", self.set_rows(batch, &new_sets)?));
        }
        if !batch.targets.is_empty() {
            tables.push(("target_status", self.target_rows(batch)?));
        }
        if !batch.referrals.is_empty() {
            tables.push(("referrals", self.referral_rows(batch)?));
        }
        Ok(())
    }

    /// One row an accepted page; its URL only where no link tells it.
    fn snapshot_rows(&self, pending: &Pending) -> Result<RecordBatch, CoreError> {
        let pages = &pending.batch.pages;
        let urls = (0..pages.len()).zip(pages).map(|(number, page)| {
            pending.bare_pages.binary_search(&number).is_ok().then_some(page.page_url.as_ref())
        });
        let accepts = pages.iter().map(|page| Some(page.accepts_losses));
        let reasons = pages.iter().map(|page| page.loss_reason.map(LossReason::as_str));
        let sets = pages.iter().map(|page| page.set_id);
        let mut columns = arrivals(pages.iter().map(|page| page.arrival));
        columns.extend([
            ("page_key", u64s(pages.iter().map(|page| page.page_key))),
            ("loss_reason", texts(reasons)),
            ("accepts_losses", Arc::new(accepts.collect::<BooleanArray>()) as ArrayRef),
            ("set_id", Arc::new(sets.collect::<UInt64Array>())),
            ("page_url", texts(urls)),
            ("raw_page_url", texts(pages.iter().map(|page| page.raw_url.as_deref()))),
            ("extra", texts(pages.iter().map(|page| page.extra.as_deref()))),
            ("rev", self.revs(pages.len())),
        ]);
        rows("page_snapshots", columns)
    }

    /// The links of contents that are stored for the first time.
    fn set_rows(&self, batch: &EventBatch, pages: &[&PageAnswer]) -> Result<RecordBatch, CoreError> {
        let listed = || pages.iter().flat_map(|page| page.rows.clone());
        let named = |column: &StringArray| texts(listed().map(|row| text(column, row)));
        let others: Vec<Option<String>> = listed().map(|row| others_of(batch, row)).collect();
        let sets = pages.iter().flat_map(|page| page.rows.clone().map(|_| page.set_id.unwrap_or_default()));
        let columns = vec![
            ("set_id", u64s(sets)),
            ("link_id", u64s(listed().map(|row| batch.link_id.get(row).copied().unwrap_or_default()))),
            ("anchor", named(&batch.anchor)),
            ("rel", named(&batch.rel)),
            ("link_type", named(&batch.link_type)),
            ("attributes", texts(others.iter().map(Option::as_deref))),
            ("extra", named(&batch.extra)),
            ("raw_target_url", named(&batch.raw_target_url)),
            ("rev", self.revs(others.len())),
        ];
        rows("page_sets", columns)
    }

    fn target_rows(&self, batch: &EventBatch) -> Result<RecordBatch, CoreError> {
        let targets = &batch.targets;
        let codes = targets.iter().map(|target| target.http_code);
        let mut columns = arrivals(targets.iter().map(|target| target.arrival));
        columns.extend([
            ("target_key", u64s(targets.iter().map(|target| target.target_key))),
            ("target_url", texts(targets.iter().map(|target| Some(target.target_url.as_ref())))),
            ("raw_target_url", texts(targets.iter().map(|target| target.raw_url.as_deref()))),
            ("http_code", Arc::new(codes.collect::<UInt16Array>()) as ArrayRef),
            ("extra", texts(targets.iter().map(|target| target.extra.as_deref()))),
            ("rev", self.revs(targets.len())),
        ]);
        rows("target_status", columns)
    }

    fn referral_rows(&self, batch: &EventBatch) -> Result<RecordBatch, CoreError> {
        let days = &batch.referrals;
        let key = |side: fn(&[u64; 2]) -> u64| u64s(days.iter().map(|day| side(&day.keys)));
        let url = |side: for<'u> fn(&'u [Box<str>; 2]) -> &'u str| {
            texts(days.iter().map(|day| Some(side(&day.urls))))
        };
        let mut columns = arrivals(days.iter().map(|day| day.arrival));
        columns.extend([
            ("link_id", u64s(days.iter().map(|day| day.link_id))),
            ("source_key", key(|[source, _]| *source)),
            ("target_key", key(|[_, target]| *target)),
            ("source_url", url(|[source, _]| source)),
            ("target_url", url(|[_, target]| target)),
            ("day", Arc::new(Date32Array::from_iter_values(days.iter().map(|day| day.day))) as ArrayRef),
            ("visits", u64s(days.iter().map(|day| day.visits))),
            ("extra", texts(days.iter().map(|day| day.extra.as_deref()))),
            ("rev", self.revs(days.len())),
        ]);
        rows("referrals", columns)
    }
}

/// Where events came from, and when.
fn arrivals(of: impl Iterator<Item = Arrival> + Clone) -> Vec<(&'static str, ArrayRef)> {
    let sources = UInt32Array::from_iter_values(of.clone().map(|arrival| arrival.source_id));
    vec![
        ("observed_at", times(of.clone().map(|arrival| Some(arrival.observed_at)))),
        ("record_at", times(of.clone().map(|arrival| Some(arrival.record_at)))),
        ("source_id", Arc::new(sources)),
        ("off", u64s(of.map(|arrival| arrival.offset))),
    ]
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// The attributes of a row without a column of their own, as a JSON object of texts.
fn others_of(batch: &EventBatch, row: usize) -> Option<String> {
    let others = batch.other_attributes(row);
    let named: Vec<(&str, &str)> =
        others.iter().map(|(field, value)| (field.as_str(), value.as_ref())).collect();
    (!named.is_empty()).then(|| json_object(&named))
}
