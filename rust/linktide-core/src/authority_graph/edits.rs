//! Arrow columns src, dst, op and weight, read row by row.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;

use super::AuthorityGraphError;
use super::ids::Id;
use crate::graph::WEIGHT_RANGE;

/// The edits of one record batch, checked: reading them cannot fail any more.
pub(super) struct Edits<'a> {
    sources: IdColumn<'a>,
    targets: IdColumn<'a>,
    adds: Vec<bool>,
    /// By row; empty when all weigh 1.
    weights: Vec<f64>,
}

/// One row: a link and what is to become of it.
pub(super) struct Edit<'a> {
    pub(super) source: Id<'a>,
    pub(super) target: Id<'a>,
    /// None for a drop.
    pub(super) weight: Option<f64>,
}

impl<'a> Edits<'a> {
    /// Reads a batch; `first_row` is the number of its first row, for errors.
    pub(super) fn of(batch: &'a RecordBatch, first_row: usize) -> Result<Self, AuthorityGraphError> {
        let column = |name| batch.column_by_name(name).ok_or(AuthorityGraphError::Missing { name });
        let sources = IdColumn::of("src", column("src")?, first_row)?;
        let targets = IdColumn::of("dst", column("dst")?, first_row)?;
        let adds = operations(column("op")?, first_row)?;
        let weights = match batch.column_by_name("weight") {
            None => Vec::new(),
            Some(column) => weights(column, &adds, first_row)?,
        };
        Ok(Self { sources, targets, adds, weights })
    }

    pub(super) fn len(&self) -> usize {
        self.adds.len()
    }

    /// One id of either column, to tell numbers from names; none without rows.
    pub(super) fn samples(&self) -> impl Iterator<Item = Id<'_>> {
        let first = (self.len() > 0).then(|| [self.sources.at(0), self.targets.at(0)]);
        first.into_iter().flatten()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Edit<'_>> {
        self.adds.iter().enumerate().map(|(row, &adds)| Edit {
            source: self.sources.at(row),
            target: self.targets.at(row),
            weight: adds.then(|| self.weights.get(row).copied().unwrap_or(1.0)),
        })
    }
}

enum IdColumn<'a> {
    Numbers(&'a [u32]),
    Checked(Vec<u32>),
    Names(Texts<'a>),
}

impl<'a> IdColumn<'a> {
    fn of(name: &'static str, column: &'a dyn Array, first_row: usize) -> Result<Self, AuthorityGraphError> {
        no_nulls(name, column.logical_nulls().as_ref(), first_row)?;
        Ok(match column.data_type() {
            DataType::UInt32 => Self::Numbers(column.as_primitive::<UInt32Type>().values()),
            DataType::UInt64 => Self::Checked(narrowed::<UInt64Type>(name, column, first_row)?),
            DataType::Int64 => Self::Checked(narrowed::<Int64Type>(name, column, first_row)?),
            DataType::Int32 => Self::Checked(narrowed::<Int32Type>(name, column, first_row)?),
            DataType::UInt16 => Self::Checked(narrowed::<UInt16Type>(name, column, first_row)?),
            DataType::Int16 => Self::Checked(narrowed::<Int16Type>(name, column, first_row)?),
            DataType::UInt8 => Self::Checked(narrowed::<UInt8Type>(name, column, first_row)?),
            DataType::Int8 => Self::Checked(narrowed::<Int8Type>(name, column, first_row)?),
            _ => Self::Names(Texts::of(column).ok_or_else(|| AuthorityGraphError::Type {
                name,
                found: column.data_type().to_string(),
                wanted: "integers or strings",
            })?),
        })
    }

    #[inline]
    fn at(&self, row: usize) -> Id<'_> {
        match self {
            Self::Numbers(numbers) => Id::Number(numbers.get(row).copied().unwrap_or(0)),
            Self::Checked(numbers) => Id::Number(numbers.get(row).copied().unwrap_or(0)),
            Self::Names(names) => Id::Name(names.at(row)),
        }
    }
}

fn no_nulls(
    name: &'static str,
    nulls: Option<&NullBuffer>,
    first_row: usize,
) -> Result<(), AuthorityGraphError> {
    let null = nulls.and_then(|nulls| nulls.iter().position(|is_valid| !is_valid));
    null.map_or(Ok(()), |row| Err(AuthorityGraphError::Null { name, row: first_row + row }))
}

fn narrowed<T: ArrowPrimitiveType<Native: Into<i128>>>(
    name: &'static str,
    column: &dyn Array,
    first_row: usize,
) -> Result<Vec<u32>, AuthorityGraphError> {
    let narrow = |(row, &value): (usize, &T::Native)| {
        let value: i128 = value.into();
        u32::try_from(value).map_err(|_| AuthorityGraphError::Id { name, row: first_row + row, value })
    };
    column.as_primitive::<T>().values().iter().enumerate().map(narrow).collect()
}

fn operations(column: &dyn Array, first_row: usize) -> Result<Vec<bool>, AuthorityGraphError> {
    no_nulls("op", column.logical_nulls().as_ref(), first_row)?;
    let texts = Texts::of(column).ok_or_else(|| AuthorityGraphError::Type {
        name: "op",
        found: column.data_type().to_string(),
        wanted: "strings",
    })?;
    let adds = |row| match texts.at(row) {
        "add" => Ok(true),
        "drop" => Ok(false),
        other => {
            let value = other.chars().take(40).collect();
            Err(AuthorityGraphError::Operation { row: first_row + row, value })
        }
    };
    (0..column.len()).map(adds).collect()
}

fn weights(column: &dyn Array, adds: &[bool], first_row: usize) -> Result<Vec<f64>, AuthorityGraphError> {
    let mut weights = match column.data_type() {
        DataType::Float64 => floats(column.as_primitive::<Float64Type>(), |weight| weight),
        DataType::Float32 => floats(column.as_primitive::<Float32Type>(), f64::from),
        DataType::Int64 => floats(column.as_primitive::<Int64Type>(), |weight| weight as f64),
        DataType::Int32 => floats(column.as_primitive::<Int32Type>(), f64::from),
        DataType::UInt32 => floats(column.as_primitive::<UInt32Type>(), f64::from),
        DataType::UInt8 => floats(column.as_primitive::<UInt8Type>(), f64::from),
        other => {
            let found = other.to_string();
            return Err(AuthorityGraphError::Type { name: "weight", found, wanted: "numbers" });
        }
    };
    for (row, (weight, &adds)) in weights.iter_mut().zip(adds).enumerate() {
        // A drop has no weight, whatever stands there: tables made of two kinds of rows are filled with NaN.
        if adds && !(*weight == 0.0 || (WEIGHT_RANGE.0..=WEIGHT_RANGE.1).contains(weight)) {
            return Err(AuthorityGraphError::Weight { row: first_row + row, weight: *weight });
        }
        // No negative zero.
        *weight += 0.0;
    }
    Ok(weights)
}

/// Null is weight 1, as is a batch without the column.
fn floats<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, wide: impl Fn(T::Native) -> f64) -> Vec<f64> {
    column.iter().map(|weight| weight.map_or(1.0, &wide)).collect()
}

/// A column of strings, in whichever layout the producer has it.
enum Texts<'a> {
    Plain(&'a arrow_array::StringArray),
    Large(&'a arrow_array::LargeStringArray),
    View(&'a arrow_array::StringViewArray),
    Dictionary(Vec<usize>, Box<Texts<'a>>),
}

impl<'a> Texts<'a> {
    fn of(column: &'a dyn Array) -> Option<Self> {
        match column.data_type() {
            DataType::Utf8 => Some(Self::Plain(column.as_string())),
            DataType::LargeUtf8 => Some(Self::Large(column.as_string())),
            DataType::Utf8View => Some(Self::View(column.as_string_view())),
            DataType::Dictionary(_, _) => {
                let dictionary = column.as_any_dictionary();
                let values = Self::of(dictionary.values().as_ref())?;
                // Without values there are no rows either, and Arrow's own normalising would panic.
                let keys = if column.is_empty() { Vec::new() } else { dictionary.normalized_keys() };
                Some(Self::Dictionary(keys, Box::new(values)))
            }
            _ => None,
        }
    }

    #[inline]
    fn at(&self, row: usize) -> &str {
        match self {
            Self::Plain(column) => column.value(row),
            Self::Large(column) => column.value(row),
            Self::View(column) => column.value(row),
            Self::Dictionary(keys, values) => keys.get(row).map_or("", |&key| values.at(key)),
        }
    }
}
