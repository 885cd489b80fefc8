//! Arrow batches from the store, read column by column.

use std::borrow::Cow;

use arrow_array::types::{Float64Type, TimestampMicrosecondType, UInt8Type, UInt64Type};
use arrow_array::{
    Array, ArrowPrimitiveType, BooleanArray, LargeStringArray, PrimitiveArray, RecordBatch, StringArray,
    StringViewArray,
};

use super::page_input::LossColumns;
use super::{Index, RestoredDomain, RestoredLink, StoredObservation};
use crate::batch::UNCOUNTED_LOSS;
use crate::error::CoreError;
use crate::event::{EventKind, LossReason, attributes_of, texts_of};
use crate::links::attribute::Field;
use crate::links::life::{Evidence, Observation};
use crate::links::register::{NEVER, Registers, Status};

/// A text column, in whichever layout the store sends it.
pub(crate) enum Texts<'a> {
    Plain(&'a StringArray),
    View(&'a StringViewArray),
    Large(&'a LargeStringArray),
}

impl Texts<'_> {
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        match self {
            Self::Plain(column) => column.is_valid(row).then(|| column.value(row)),
            Self::View(column) => column.is_valid(row).then(|| column.value(row)),
            Self::Large(column) => column.is_valid(row).then(|| column.value(row)),
        }
    }
}

pub(crate) fn texts<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<Texts<'a>, CoreError> {
    let column = batch.column_by_name(name).map(arrow_array::Array::as_any);
    column
        .and_then(|any| {
            let plain = any.downcast_ref().map(Texts::Plain);
            plain
                .or_else(|| any.downcast_ref().map(Texts::View))
                .or_else(|| any.downcast_ref().map(Texts::Large))
        })
        .ok_or(CoreError::Column { name, wanted: "text" })
}

pub(crate) fn numbers<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a PrimitiveArray<T>, CoreError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
    column.ok_or(CoreError::Column { name, wanted: std::any::type_name::<T>() })
}

pub(crate) fn at<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    column.is_valid(row).then(|| column.value(row))
}

/// Observations of link events and of pages: `link_id`, `kind`, `observed_at`, `lost_reason`, `rel`, `anchor`,
/// `link_type`, `extra`, `listed_attributes`. What a page says of a link that it does not list is of kind 3.
///
/// # Errors
/// A column is missing or of another type.
pub fn observations(batch: &RecordBatch) -> Result<Vec<StoredObservation>, CoreError> {
    let link_ids = numbers::<UInt64Type>(batch, "link_id")?;
    let kinds = numbers::<UInt8Type>(batch, "kind")?;
    let times = numbers::<TimestampMicrosecondType>(batch, "observed_at")?;
    let reasons = texts(batch, "lost_reason")?;
    let named = [
        (Field::ANCHOR, texts(batch, "anchor")?),
        (Field::REL, texts(batch, "rel")?),
        (Field::LINK_TYPE, texts(batch, "link_type")?),
    ];
    let (extras, listed) = (texts(batch, "extra")?, texts(batch, "listed_attributes")?);
    let row = |row: usize| {
        let reason = reasons.get(row).and_then(LossReason::parse).unwrap_or_default();
        let is_page = kinds.value(row) == EventKind::Page as u8;
        let evidence = match kinds.value(row) {
            UNCOUNTED_LOSS => return None,
            3 => Evidence::Loss(reason),
            _ => Evidence::Sighting,
        };
        let mut carried: Vec<(Field, Box<str>)> =
            named.iter().filter_map(|(field, column)| Some((*field, column.get(row)?.into()))).collect();
        let extra = extras.get(row).map(attributes_of).unwrap_or_default();
        carried.extend(extra.iter().map(|(field, value)| (Field::from(*field), value.as_ref().into())));
        carried.extend(named_texts(listed.get(row)).map(|(field, value)| (field, value.as_ref().into())));
        if is_page && carried.iter().all(|(field, _)| *field != Field::OCCURRENCES) {
            carried.push((Field::OCCURRENCES, Field::ONCE.into()));
        }
        let observation = Observation { at: times.value(row), evidence };
        Some(StoredObservation { link_id: link_ids.value(row), observation, carried })
    };
    Ok((0..batch.num_rows()).filter_map(row).collect())
}

/// The attributes in a stored object of names and texts.
fn named_texts(json: Option<&str>) -> impl Iterator<Item = (Field, Cow<'_, str>)> {
    let texts = json.map(texts_of).unwrap_or_default().into_iter();
    texts.filter_map(|(name, text)| Some((Field::parse(&name)?, text)))
}

impl Index {
    /// Take domains of the tables: `domain_key`, `domain_name`, `has_node`, `authority`, `trust`.
    ///
    /// # Errors
    /// A column is missing or of another type, or the graph is full.
    pub fn restore_domains(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let keys = numbers::<UInt64Type>(batch, "domain_key")?;
        let names = texts(batch, "domain_name")?;
        let shown = ShownColumns::of(batch)?;
        let column = batch.column_by_name("has_node").and_then(|column| column.as_any().downcast_ref());
        let has_node: &BooleanArray =
            column.ok_or(CoreError::Column { name: "has_node", wanted: "boolean" })?;
        for row in 0..batch.num_rows() {
            self.restore_domain(&RestoredDomain {
                key: keys.value(row),
                name: names.get(row).unwrap_or_default(),
                has_node: has_node.value(row),
                shown: shown.get(row),
            })?;
        }
        Ok(())
    }

    /// Take scores of pages, after the links, in any order: `page_key`, `rev`, `authority`, `trust`.
    ///
    /// # Errors
    /// A column is missing or of another type.
    pub fn restore_page_scores(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let keys = numbers::<UInt64Type>(batch, "page_key")?;
        let shown = ShownColumns::of(batch)?;
        let revs = numbers::<UInt64Type>(batch, "rev")?;
        (0..batch.num_rows())
            .for_each(|row| self.restore_page_score(keys.value(row), shown.get(row), revs.value(row)));
        Ok(())
    }

    /// Take topical scores, after the domains: `domain_key`, `topic`, `score`.
    ///
    /// # Errors
    /// A column is missing or of another type.
    pub fn restore_topic_scores(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let keys = numbers::<UInt64Type>(batch, "domain_key")?;
        let topics = texts(batch, "topic")?;
        let scores = numbers::<Float64Type>(batch, "score")?;
        for row in 0..batch.num_rows() {
            let topic = topics.get(row).unwrap_or_default();
            self.restore_topic_score(keys.value(row), topic, at(scores, row).unwrap_or_default());
        }
        Ok(())
    }

    /// Take priors in place of those before: `domain_name`, `prior`.
    ///
    /// # Errors
    /// A column is missing or of another type, or a prior is negative or not finite.
    pub fn take_priors(&mut self, batches: &[RecordBatch]) -> Result<(), CoreError> {
        let mut priors = Vec::new();
        for batch in batches {
            let names = texts(batch, "domain_name")?;
            let values = numbers::<Float64Type>(batch, "prior")?;
            for row in 0..batch.num_rows() {
                priors.extend(names.get(row).map(str::to_owned).zip(at(values, row)));
            }
        }
        self.set_priors(priors.iter().map(|(name, prior)| (name.as_str(), *prior)))
    }

    /// Take wide rows of links with the attributes in them: `link_id`, the keys of both ends, `attributes_at` and
    /// the attributes.
    ///
    /// # Errors
    /// A column is missing or of another type.
    pub fn restore_links(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let link_ids = numbers::<UInt64Type>(batch, "link_id")?;
        let keys = |page, domain| -> Result<_, CoreError> {
            let (pages, domains) =
                (numbers::<UInt64Type>(batch, page)?, numbers::<UInt64Type>(batch, domain)?);
            Ok(move |row: usize| (pages.value(row), domains.value(row)))
        };
        let sources = keys("source_key", "s_dom_key")?;
        let targets = keys("target_key", "t_dom_key")?;
        let times = numbers::<TimestampMicrosecondType>(batch, "attributes_at")?;
        let attributes = AttributeColumns::of(batch)?;
        for row in 0..batch.num_rows() {
            let link = RestoredLink {
                link_id: link_ids.value(row),
                source_keys: sources(row),
                target_keys: targets(row),
            };
            let others = attributes.others(row);
            let attributes_at = at(times, row).unwrap_or(NEVER);
            self.restore_link(&link, attributes_at, attributes.get(row, &others));
        }
        Ok(())
    }

    /// Take the current attributes of links that have more than their wide row: `link_id`,
    /// `attributes_changed_at` and the attributes, all null where none is left.
    ///
    /// # Errors
    /// A column is missing or of another type.
    pub fn restore_attributes(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let link_ids = numbers::<UInt64Type>(batch, "link_id")?;
        let times = numbers::<TimestampMicrosecondType>(batch, "attributes_changed_at")?;
        let attributes = AttributeColumns::of(batch)?;
        for row in 0..batch.num_rows() {
            let others = attributes.others(row);
            let changed_at = at(times, row).unwrap_or(NEVER);
            self.restore_attributes_of(link_ids.value(row), changed_at, attributes.get(row, &others));
        }
        Ok(())
    }

    /// Take state rows, in any order: `link_id`, `rev`, `status` and the registers.
    ///
    /// # Errors
    /// A column is missing or of another type.
    pub fn restore_registers(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let (link_ids, revs) =
            (numbers::<UInt64Type>(batch, "link_id")?, numbers::<UInt64Type>(batch, "rev")?);
        let registers = RegisterColumns::of(batch)?;
        for row in 0..batch.num_rows() {
            self.restore_registers_of(link_ids.value(row), registers.get(row), revs.value(row));
        }
        Ok(())
    }
}

/// The attributes of a link, in columns.
struct AttributeColumns<'a> {
    named: [(Field, Texts<'a>); 3],
    others: Texts<'a>,
}

impl<'a> AttributeColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, CoreError> {
        let named = [
            (Field::ANCHOR, texts(batch, "anchor")?),
            (Field::REL, texts(batch, "rel")?),
            (Field::LINK_TYPE, texts(batch, "link_type")?),
        ];
        Ok(Self { named, others: texts(batch, "attributes")? })
    }

    /// Those that share a column.
    fn others(&self, row: usize) -> Vec<(Field, Cow<'_, str>)> {
        named_texts(self.others.get(row)).collect()
    }

    fn get<'s>(
        &'s self,
        row: usize,
        others: &'s [(Field, Cow<'_, str>)],
    ) -> impl Iterator<Item = (Field, &'s str)> {
        let named = self.named.iter().filter_map(move |(field, column)| Some((*field, column.get(row)?)));
        named.chain(others.iter().map(|(field, value)| (*field, value.as_ref())))
    }
}

/// Points last written, 0 where there are none.
struct ShownColumns<'a> {
    authority: &'a PrimitiveArray<Float64Type>,
    trust: &'a PrimitiveArray<Float64Type>,
}

impl<'a> ShownColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, CoreError> {
        Ok(Self { authority: numbers(batch, "authority")?, trust: numbers(batch, "trust")? })
    }

    fn get(&self, row: usize) -> (f64, f64) {
        (at(self.authority, row).unwrap_or_default(), at(self.trust, row).unwrap_or_default())
    }
}

/// Columns of `link_changes`.
struct RegisterColumns<'a> {
    status: &'a PrimitiveArray<UInt8Type>,
    started_at: &'a PrimitiveArray<TimestampMicrosecondType>,
    last_seen: &'a PrimitiveArray<TimestampMicrosecondType>,
    losses: LossColumns<'a>,
}

impl<'a> RegisterColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, CoreError> {
        Ok(Self {
            status: numbers(batch, "status")?,
            started_at: numbers(batch, "started_at")?,
            last_seen: numbers(batch, "last_seen")?,
            losses: LossColumns::of(batch)?,
        })
    }

    fn get(&self, row: usize) -> Registers {
        let time = |column: &PrimitiveArray<TimestampMicrosecondType>| at(column, row).unwrap_or(NEVER);
        let losses = self.losses.get(row);
        Registers {
            status: Status::of_code(at(self.status, row).unwrap_or_default()),
            started_at: time(self.started_at),
            last_seen: time(self.last_seen),
            ..Registers::unsighted(&losses)
        }
    }
}
