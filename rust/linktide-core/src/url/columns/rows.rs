//! A column of texts as it comes: any Arrow type that holds strings or bytes, row by row.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::ByteArrayType;
use arrow_array::{
    Array, ArrayAccessor, BinaryArray, BinaryViewArray, GenericByteArray, LargeBinaryArray, LargeStringArray,
    StringArray, StringViewArray,
};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::DataType;

use super::ColumnError;

/// The rows of one array; borrowed, nothing is copied but dictionary keys.
pub(super) enum TextRows<'a> {
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a LargeBinaryArray),
    BinaryView(&'a BinaryViewArray),
    Dictionary { keys: Vec<usize>, nulls: Option<NullBuffer>, values: Box<TextRows<'a>> },
    Nothing,
}

impl<'a> TextRows<'a> {
    /// Look at an array; `what` names it in the error.
    pub(super) fn of(array: &'a dyn Array, what: &'static str) -> Result<Self, ColumnError> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Utf8(array.as_string()),
            DataType::LargeUtf8 => Self::LargeUtf8(array.as_string()),
            DataType::Utf8View => Self::Utf8View(array.as_string_view()),
            DataType::Binary => Self::Binary(array.as_binary()),
            DataType::LargeBinary => Self::LargeBinary(array.as_binary()),
            DataType::BinaryView => Self::BinaryView(array.as_binary_view()),
            DataType::Null => Self::Nothing,
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                let values = Self::of(dictionary.values().as_ref(), what)?;
                let keys =
                    if dictionary.values().is_empty() { Vec::new() } else { dictionary.normalized_keys() };
                Self::Dictionary { keys, nulls: dictionary.nulls().cloned(), values: Box::new(values) }
            }
            other => return Err(ColumnError::NotText { what, found: other.to_string() }),
        })
    }

    /// The bytes of some rows; `None` where one is null.
    pub(super) fn texts(&self, rows: Range<usize>) -> Vec<Option<&[u8]>> {
        match self {
            Self::Utf8(array) => texts(array, rows),
            Self::LargeUtf8(array) => texts(array, rows),
            Self::Binary(array) => texts(array, rows),
            Self::LargeBinary(array) => texts(array, rows),
            _ => rows.map(|row| self.get(row)).collect(),
        }
    }

    /// The bytes of a row; `None` if it is null or there is none.
    pub(super) fn get(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Utf8(array) => text(*array, row).map(str::as_bytes),
            Self::LargeUtf8(array) => text(*array, row).map(str::as_bytes),
            Self::Utf8View(array) => text(*array, row).map(str::as_bytes),
            Self::Binary(array) => text(*array, row),
            Self::LargeBinary(array) => text(*array, row),
            Self::BinaryView(array) => text(*array, row),
            Self::Dictionary { keys, nulls, values } => {
                let is_null = nulls.as_ref().is_some_and(|nulls| row >= nulls.len() || nulls.is_null(row));
                if is_null { None } else { values.get(*keys.get(row)?) }
            }
            Self::Nothing => None,
        }
    }

    /// How many bytes the texts have, if that is known at once.
    pub(super) fn bytes(&self) -> Option<usize> {
        fn of<T: ByteArrayType>(array: &GenericByteArray<T>) -> Option<usize> {
            let offsets = array.value_offsets();
            Some(offsets.last()?.as_usize() - offsets.first()?.as_usize())
        }
        match self {
            Self::Utf8(array) => of(array),
            Self::LargeUtf8(array) => of(array),
            Self::Binary(array) => of(array),
            Self::LargeBinary(array) => of(array),
            _ => None,
        }
    }
}

#[inline(always)]
fn text<A: ArrayAccessor + Copy>(array: A, row: usize) -> Option<A::Item> {
    (row < array.len() && array.is_valid(row)).then(|| array.value(row))
}

/// Rows by their offsets, without a call for each.
fn texts<T: ByteArrayType>(array: &GenericByteArray<T>, rows: Range<usize>) -> Vec<Option<&[u8]>> {
    let (values, nulls) = (array.value_data(), array.nulls());
    let offsets = array.value_offsets().get(rows.start..=rows.end).unwrap_or_default();
    let ends = offsets.get(1..).unwrap_or_default();
    let texts = offsets.iter().zip(ends).map(|(start, end)| values.get(start.as_usize()..end.as_usize()));
    match nulls.filter(|nulls| nulls.null_count() > 0) {
        None => texts.collect(),
        Some(nulls) => {
            let row =
                |(row, text): (usize, Option<_>)| text.filter(|_| row < nulls.len() && nulls.is_valid(row));
            rows.zip(texts).map(row).collect()
        }
    }
}
