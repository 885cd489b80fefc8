//! Links whose evidence is late only within the batch: taken again in order of time, without the store.
//!
//! A page that links twice to one target, crawled again, is the common case: two sightings of one link at one
//! instant with two anchors, of which the stronger holds.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Index;
use super::rederive::pages_with_losses;
use super::stage::{PROMPT_US, Pending, RunRow, Undo};
use crate::batch::EventBatch;
use crate::links::attribute::{Field, stronger};
use crate::links::life::{Evidence, Observation};

impl Pending {
    /// Remember what an attribute was, if it does not stand in the link itself.
    pub(super) fn keep_for_undo(&mut self, at_touched: usize, field: Field, hash: u64) {
        if !field.has_own_room() {
            self.undo.push(Undo { touched: at_touched as u32, field, hash });
        }
    }

    /// Find the rows of the marked links, and the links that these rows alone decide: known ones with sightings
    /// only, all of them later than everything before the batch.
    pub(super) fn judge_marked(&mut self) {
        self.rows_of_marked = self.find_rows_of_marked();
        let batch = &self.batch;
        let losing =
            if self.rows_of_marked.is_empty() { FxHashMap::default() } else { pages_with_losses(batch) };
        for (&at_touched, rows) in &self.rows_of_marked {
            let Some(touched) = self.touched.get_mut(at_touched as usize) else { continue };
            let before = touched.before.registers;
            let is_after = |row: usize| batch.observed_at.get(row).is_some_and(|&at| before.is_before(at));
            let is_sighting =
                |row| batch.observation(row).is_some_and(|seen| seen.evidence == Evidence::Sighting);
            // Its page may say in this batch that the link is gone, which the rows do not tell.
            let page = rows.first().and_then(|&row| batch.source_key.get(row));
            touched.is_replayed = touched.new_at_row.is_none()
                && page.is_none_or(|page| !losing.contains_key(page))
                && rows.iter().all(|&row| is_sighting(row) && is_after(row));
        }
        self.undo.sort_by_key(|undo| undo.touched);
    }

    fn find_rows_of_marked(&self) -> FxHashMap<u32, Vec<usize>> {
        let marked = (0u32..).zip(&self.touched).filter(|(_, touched)| touched.is_marked);
        let slots: FxHashMap<u64, u32> = marked.map(|(at, touched)| (touched.before.link_id, at)).collect();
        let mut rows: FxHashMap<u32, Vec<usize>> = FxHashMap::default();
        if slots.is_empty() {
            return rows;
        }
        for (row, link_id) in self.batch.link_id.iter().enumerate() {
            if let Some(&slot) = slots.get(link_id) {
                rows.entry(slot).or_default().push(row);
            }
        }
        rows
    }
}

impl Index {
    /// Take the rows of one link again, by instants.
    pub(super) fn replay(&mut self, pending: &mut Pending, at_touched: u32, rows: &mut [usize]) {
        let batch = Arc::clone(&pending.batch);
        let time = |row: usize| batch.observed_at.get(row).copied().unwrap_or_default();
        let Some(index) = self.put_back(pending, at_touched) else { return };
        rows.sort_by_key(|&row| time(row));
        for instant in rows.chunk_by(|&a, &b| time(a) == time(b)) {
            let at = instant.first().map_or(0, |&row| time(row));
            let link = self.links.get_mut(index);
            let sighting = Observation { at, evidence: Evidence::Sighting };
            let step = link.and_then(|link| link.registers.observe(sighting).ok()).unwrap_or_default();
            let is_prompt =
                |&row: &usize| batch.record_at.get(row).is_some_and(|&record| record - at <= PROMPT_US);
            pending.note(at_touched as usize, step, instant.iter().any(is_prompt));
            self.carry_instant(pending, (at_touched, index), instant, at);
        }
    }

    /// Make a link what it was before the batch.
    fn put_back(&mut self, pending: &mut Pending, at_touched: u32) -> Option<u32> {
        let touched = pending.touched.get_mut(at_touched as usize)?;
        touched.life_row = None;
        self.links.put_back(touched.index, &touched.before);
        let start = pending.undo.partition_point(|undo| undo.touched < at_touched);
        let mine = pending.undo.iter().skip(start).take_while(|undo| undo.touched == at_touched);
        let mine: Vec<&Undo> = mine.collect();
        for undo in mine.into_iter().rev() {
            self.links.set_other_hash(touched.index, undo.field, undo.hash);
        }
        Some(touched.index)
    }

    /// Take what all sightings of one instant carried: the strongest value of each field.
    fn carry_instant(
        &mut self,
        pending: &mut Pending,
        (touched, index): (u32, u32),
        instant: &[usize],
        at: i64,
    ) {
        let batch: Arc<EventBatch> = Arc::clone(&pending.batch);
        let mut carried: Vec<(Field, &str)> = instant.iter().flat_map(|&row| batch.carried(row)).collect();
        carried.sort_by_key(|&(field, _)| field);
        for same in carried.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(field, first)) = same.first() else { continue };
            let value = same.iter().fold(first, |best, &(_, value)| stronger(field, best, value));
            if self.links.attribute_hash(index, field) != self.links.hash(value) {
                self.links.set_attribute(index, field, value, at);
                pending.runs.push(RunRow { touched, field, at, value: value.into(), is_void: false });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::page_tests::empty;
    use super::*;
    use crate::batch::{BatchDecoder, Chunk, DecoderOptions};
    use crate::graph::WeightClass;
    use crate::index::StoredObservation;
    use crate::links::flow::Passage;
    use crate::links::register::Registers;
    use crate::url::PublicSuffixList;
    use crate::wire::{ChunkRef, Codec};

    /// (hours, which of the two links, anchor, rel, language, link type), most of them absent now and then.
    type Sighting = (u8, bool, Option<u8>, Option<u8>, Option<u8>, Option<bool>);

    fn line(&(hours, is_second, anchor, rel, language, is_image): &Sighting) -> String {
        let at = 1_700_000_000_000_u64 + u64::from(hours) * 3_600_000;
        let target = if is_second { "https://c.example/" } else { "https://b.example/" };
        let mut text = format!(
            r#"{{"event":"seen","observed_at":{at},"source_url":"https://a.example/","target_url":"{target}""#
        );
        for (name, value) in [
            ("anchor", anchor.map(|n| ["", "a", "bb", "cc"].get(usize::from(n)).map_or("", |v| *v))),
            ("language", language.map(|n| ["de", "en"].get(usize::from(n)).map_or("", |v| *v))),
            ("link_type", is_image.map(|is| if is { "image" } else { "form" })),
        ] {
            text += &value.map_or(String::new(), |value| format!(r#","{name}":"{value}""#));
        }
        text +=
            &rel.map_or(String::new(), |n| format!(r#","rel":[{}]"#, if n == 0 { "" } else { r#""ugc""# }));
        text + "}\n"
    }

    fn decoded(sightings: &[Sighting], first_offset: i64) -> Arc<EventBatch> {
        let suffixes = PublicSuffixList::parse("example\n").unwrap();
        let options = DecoderOptions { seed: 1, max_event_bytes: 1 << 20, max_batch_bytes: 1 << 20 };
        let data: String = sightings.iter().map(line).collect();
        let received_at_us = 1_800_000_000_000_000;
        let (codec, data) = (Codec::Ndjson, data.as_bytes());
        let records = ChunkRef { codec, data, first_offset, received_at_us, aborted: &[] };
        let chunk = Chunk { source_id: 1, accepts_losses: true, records };
        let batch = BatchDecoder::new(Arc::new(suffixes), options).decode(&[chunk]);
        assert!(batch.dead_letters.is_empty(), "{:?}", batch.dead_letters);
        Arc::new(batch)
    }

    fn stored_of(batch: &EventBatch) -> Vec<StoredObservation> {
        let row = |row: usize| StoredObservation {
            link_id: batch.link_id[row],
            observation: Observation { at: batch.observed_at[row], evidence: Evidence::Sighting },
            carried: batch.carried(row).map(|(field, value)| (field, value.into())).collect(),
        };
        (0..batch.len()).map(row).collect()
    }

    type State = HashMap<u64, (Registers, Vec<u64>, WeightClass, Passage)>;

    fn state(index: &Index) -> State {
        let fields = || {
            let others = crate::event::AttributeField::ALL.iter().map(|&field| Field::from(field));
            [Field::ANCHOR, Field::REL, Field::LINK_TYPE].into_iter().chain(others)
        };
        let links = (0u32..).zip(index.links.iter());
        links
            .map(|(at, link)| {
                let hashes = fields().map(|field| index.links.attribute_hash(at, field)).collect();
                (link.link_id, (link.registers, hashes, link.rel_class, link.passage))
            })
            .collect()
    }

    /// Take batches as the pipeline does; returns how many links had to be fetched.
    fn take(index: &mut Index, batches: &[Arc<EventBatch>]) -> usize {
        let mut stored = Vec::new();
        let mut fetched = 0;
        for batch in batches {
            let wanted = index.begin(batch);
            fetched += wanted.len();
            let is_wanted = |link_id| wanted.iter().any(|link| link.link_id == link_id);
            let known = stored.iter().filter(|seen: &&StoredObservation| is_wanted(seen.link_id));
            index.finish(known.cloned().collect()).unwrap();
            stored.extend(stored_of(batch));
        }
        fetched
    }

    fn sightings(hours: std::ops::Range<u8>) -> impl Strategy<Value = Vec<Sighting>> {
        let value = |n: u8| proptest::option::of(0..n);
        let is_image = proptest::option::of(any::<bool>());
        let one = (hours, any::<bool>(), value(4), value(2), value(2), is_image);
        proptest::collection::vec(one, 1..12)
    }

    proptest! {
        /// Whatever is late only within its batch is settled without the store, and as if all came at once.
        #[test]
        fn replay_equals_derivation(
            first in sightings(0..4),
            second in sightings(4..7),
            third in sightings(7..9),
        ) {
            let all: Vec<Sighting> = [first.clone(), second.clone(), third.clone()].concat();
            let batches = [decoded(&first, 0), decoded(&second, 100), decoded(&third, 200)];
            let (mut by_batch, mut at_once) = (empty(), empty());
            prop_assert_eq!(take(&mut by_batch, &batches), 0);
            take(&mut at_once, &[decoded(&all, 0)]);
            prop_assert_eq!(state(&by_batch), state(&at_once));
        }

        /// Where batches overlap in time the store is asked, and the outcome is the same.
        #[test]
        fn overlapping_batches_equal_derivation(first in sightings(0..5), second in sightings(2..7)) {
            let all: Vec<Sighting> = [first.clone(), second.clone()].concat();
            let (mut by_batch, mut at_once) = (empty(), empty());
            take(&mut by_batch, &[decoded(&first, 0), decoded(&second, 100)]);
            take(&mut at_once, &[decoded(&all, 0)]);
            prop_assert_eq!(state(&by_batch), state(&at_once));
        }
    }
}
