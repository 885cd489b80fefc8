//! One column of a batch, ready to write any of its values in any format.

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalMonthDayNanoType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, DictionaryArray, PrimitiveArray};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use bytes::{BufMut, BytesMut};

use super::nested;
use super::numbers::{decimal_binary, decimal_text, float_text};
use super::times;
use crate::oids::per_second;

/// Writes the values of a column. Rows are those of the batch it was made of; null ones are not asked for.
pub(crate) trait Column {
    /// In the text format, as `psql` shows it.
    fn text(&self, row: usize, out: &mut BytesMut);

    /// In the binary format of its type, without a length.
    fn binary(&self, row: usize, out: &mut BytesMut);

    /// As a JSON value.
    fn json(&self, row: usize, out: &mut BytesMut) {
        let mut text = BytesMut::new();
        self.text(row, &mut text);
        put_json_text(&text, out);
    }

    /// Whether there is no value.
    fn is_null(&self, row: usize) -> bool;
}

/// Write a JSON string.
pub(crate) fn put_json_text(text: &[u8], out: &mut BytesMut) {
    out.put_u8(b'"');
    for byte in text {
        match byte {
            b'"' => out.put_slice(b"\\\""),
            b'\\' => out.put_slice(b"\\\\"),
            b'\n' => out.put_slice(b"\\n"),
            b'\r' => out.put_slice(b"\\r"),
            b'\t' => out.put_slice(b"\\t"),
            0..0x20 => {
                let _ = write!(out, "\\u{byte:04x}");
            }
            _ => out.put_u8(*byte),
        }
    }
    out.put_u8(b'"');
}

/// Return the writer of an array. Of a type that DuckDB never sends, every value reads as its kind.
pub(crate) fn column_of(array: &dyn Array) -> Box<dyn Column + '_> {
    match array.data_type() {
        DataType::Boolean => Box::new(Bools(array.as_boolean())),
        DataType::Int8 => Box::new(Whole::<Int8Type>(array.as_primitive(), Width::Two)),
        DataType::Int16 => Box::new(Whole::<Int16Type>(array.as_primitive(), Width::Two)),
        DataType::UInt8 => Box::new(Whole::<UInt8Type>(array.as_primitive(), Width::Two)),
        DataType::Int32 => Box::new(Whole::<Int32Type>(array.as_primitive(), Width::Four)),
        DataType::UInt16 => Box::new(Whole::<UInt16Type>(array.as_primitive(), Width::Four)),
        DataType::Int64 => Box::new(Whole::<Int64Type>(array.as_primitive(), Width::Eight)),
        DataType::UInt32 => Box::new(Whole::<UInt32Type>(array.as_primitive(), Width::Eight)),
        DataType::UInt64 => Box::new(Whole::<UInt64Type>(array.as_primitive(), Width::Numeric)),
        DataType::Decimal128(_, scale) => {
            Box::new(Decimals { values: array.as_primitive::<Decimal128Type>(), scale: *scale })
        }
        DataType::Float32 => Box::new(Floats32(array.as_primitive())),
        DataType::Float64 => Box::new(Floats64(array.as_primitive())),
        DataType::Utf8 => Box::new(Strings(array.as_string::<i32>())),
        DataType::LargeUtf8 => Box::new(Strings(array.as_string::<i64>())),
        DataType::Utf8View => Box::new(Strings(array.as_string_view())),
        DataType::Binary => Box::new(Bytes(array.as_binary::<i32>())),
        DataType::LargeBinary => Box::new(Bytes(array.as_binary::<i64>())),
        DataType::BinaryView => Box::new(Bytes(array.as_binary_view())),
        DataType::FixedSizeBinary(_) => Box::new(Bytes(array.as_fixed_size_binary())),
        DataType::Date32 => Box::new(Dates(array.as_primitive())),
        DataType::Time64(_) | DataType::Timestamp(_, _) | DataType::Interval(_) => time_column_of(array),
        // Those, and what has no writer at all.
        _ => nested_column_of(array),
    }
}

fn time_column_of(array: &dyn Array) -> Box<dyn Column + '_> {
    match array.data_type() {
        DataType::Time64(TimeUnit::Microsecond) => {
            Box::new(Times(array.as_primitive::<Time64MicrosecondType>(), 1))
        }
        DataType::Time64(_) => Box::new(Times(array.as_primitive::<Time64NanosecondType>(), 1_000)),
        DataType::Timestamp(unit, zone) => {
            let (has_zone, unit_per_second) = (zone.is_some(), per_second(*unit));
            match unit {
                TimeUnit::Second => instants::<TimestampSecondType>(array, has_zone, unit_per_second),
                TimeUnit::Millisecond => {
                    instants::<TimestampMillisecondType>(array, has_zone, unit_per_second)
                }
                TimeUnit::Microsecond => {
                    instants::<TimestampMicrosecondType>(array, has_zone, unit_per_second)
                }
                TimeUnit::Nanosecond => instants::<TimestampNanosecondType>(array, has_zone, unit_per_second),
            }
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => Box::new(Intervals(array.as_primitive())),
        _ => Box::new(Others(array)),
    }
}

fn instants<T: ArrowPrimitiveType<Native = i64>>(
    array: &dyn Array,
    has_zone: bool,
    per_second: i64,
) -> Box<dyn Column + '_> {
    Box::new(Instants { values: array.as_primitive::<T>(), has_zone, per_second })
}

fn nested_column_of(array: &dyn Array) -> Box<dyn Column + '_> {
    match array.data_type() {
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            Box::new(nested::Lists::new(list, item.data_type(), list.values().as_ref(), |list, row| {
                let start = list.value_offsets().get(row).map_or(0, |at| *at as usize);
                start..start + list.value_length(row) as usize
            }))
        }
        DataType::LargeList(item) => {
            let list = array.as_list::<i64>();
            Box::new(nested::Lists::new(list, item.data_type(), list.values().as_ref(), |list, row| {
                let start = list.value_offsets().get(row).map_or(0, |at| *at as usize);
                start..start + list.value_length(row) as usize
            }))
        }
        DataType::FixedSizeList(item, _) => {
            let list = array.as_fixed_size_list();
            Box::new(nested::Lists::new(list, item.data_type(), list.values().as_ref(), |list, row| {
                let start = list.value_offset(row) as usize;
                start..start + list.value_length() as usize
            }))
        }
        DataType::Struct(_) => Box::new(nested::Structs::new(array.as_struct())),
        DataType::Map(_, _) => Box::new(nested::Maps::new(array.as_map())),
        DataType::Dictionary(key, _) => match key.as_ref() {
            DataType::UInt8 => Box::new(Words::new(array.as_dictionary::<UInt8Type>())),
            DataType::UInt16 => Box::new(Words::new(array.as_dictionary::<UInt16Type>())),
            DataType::UInt32 => Box::new(Words::new(array.as_dictionary::<UInt32Type>())),
            DataType::Int8 => Box::new(Words::new(array.as_dictionary::<Int8Type>())),
            DataType::Int16 => Box::new(Words::new(array.as_dictionary::<Int16Type>())),
            DataType::Int32 => Box::new(Words::new(array.as_dictionary::<Int32Type>())),
            _ => Box::new(Others(array)),
        },
        _ => Box::new(Others(array)),
    }
}

macro_rules! nulls_of {
    ($field:tt) => {
        fn is_null(&self, row: usize) -> bool {
            self.$field.is_null(row)
        }
    };
}

struct Bools<'a>(&'a arrow_array::BooleanArray);

impl Column for Bools<'_> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        out.put_u8(if self.0.value(row) { b't' } else { b'f' });
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        out.put_u8(u8::from(self.0.value(row)));
    }

    fn json(&self, row: usize, out: &mut BytesMut) {
        out.put_slice(if self.0.value(row) { b"true" } else { b"false" });
    }

    nulls_of!(0);
}

/// How an integer goes in binary.
#[derive(Clone, Copy)]
enum Width {
    Two,
    Four,
    Eight,
    Numeric,
}

struct Whole<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>, Width);

impl<T: ArrowPrimitiveType> Column for Whole<'_, T>
where
    T::Native: itoa::Integer + Into<i128>,
{
    fn text(&self, row: usize, out: &mut BytesMut) {
        out.put_slice(itoa::Buffer::new().format(self.0.value(row)).as_bytes());
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        let value: i128 = self.0.value(row).into();
        match self.1 {
            Width::Two => out.put_i16(value as i16),
            Width::Four => out.put_i32(value as i32),
            Width::Eight => out.put_i64(value as i64),
            Width::Numeric => decimal_binary(out, value, 0),
        }
    }

    fn json(&self, row: usize, out: &mut BytesMut) {
        self.text(row, out);
    }

    nulls_of!(0);
}

struct Decimals<'a> {
    values: &'a PrimitiveArray<Decimal128Type>,
    scale: i8,
}

impl Column for Decimals<'_> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        decimal_text(out, self.values.value(row), self.scale);
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        decimal_binary(out, self.values.value(row), self.scale);
    }

    fn json(&self, row: usize, out: &mut BytesMut) {
        self.text(row, out);
    }

    nulls_of!(values);
}

struct Floats32<'a>(&'a PrimitiveArray<Float32Type>);
struct Floats64<'a>(&'a PrimitiveArray<Float64Type>);

macro_rules! floats {
    ($name:ident, $put:ident, $most_plain:literal) => {
        impl Column for $name<'_> {
            fn text(&self, row: usize, out: &mut BytesMut) {
                let value = self.0.value(row);
                float_text(out, &format!("{value:e}"), value.is_finite(), $most_plain);
            }

            fn binary(&self, row: usize, out: &mut BytesMut) {
                out.$put(self.0.value(row));
            }

            fn json(&self, row: usize, out: &mut BytesMut) {
                let is_finite = self.0.value(row).is_finite();
                let mut text = BytesMut::new();
                self.text(row, &mut text);
                // JSON has no word for them.
                if is_finite { out.put_slice(&text) } else { put_json_text(&text, out) }
            }

            nulls_of!(0);
        }
    };
}

floats!(Floats32, put_f32, 6);
floats!(Floats64, put_f64, 15);

/// Arrays whose values are texts.
struct Strings<A>(A);

impl<'a, A: arrow_array::ArrayAccessor<Item = &'a str>> Column for Strings<A> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        out.put_slice(self.0.value(row).as_bytes());
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        self.text(row, out);
    }

    fn json(&self, row: usize, out: &mut BytesMut) {
        put_json_text(self.0.value(row).as_bytes(), out);
    }

    nulls_of!(0);
}

struct Bytes<A>(A);

impl<'a, A: arrow_array::ArrayAccessor<Item = &'a [u8]>> Column for Bytes<A> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        out.put_slice(b"\\x");
        for byte in self.0.value(row) {
            let _ = write!(out, "{byte:02x}");
        }
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        out.put_slice(self.0.value(row));
    }

    nulls_of!(0);
}

struct Dates<'a>(&'a PrimitiveArray<Date32Type>);

impl Column for Dates<'_> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        times::date_text(out, self.0.value(row));
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        times::date_binary(out, self.0.value(row));
    }

    nulls_of!(0);
}

/// A time of day, and how many of its units are a microsecond.
struct Times<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>, i64);

impl<T: ArrowPrimitiveType<Native = i64>> Column for Times<'_, T> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        times::time_text(out, self.0.value(row) / self.1);
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        out.put_i64(self.0.value(row) / self.1);
    }

    nulls_of!(0);
}

struct Instants<'a, T: ArrowPrimitiveType> {
    values: &'a PrimitiveArray<T>,
    has_zone: bool,
    per_second: i64,
}

impl<T: ArrowPrimitiveType<Native = i64>> Instants<'_, T> {
    /// µs since 1970; what does not fit is as far away as can be told.
    fn us(&self, row: usize) -> i64 {
        let value = self.values.value(row);
        if self.per_second > 1_000_000 {
            value.div_euclid(self.per_second / 1_000_000)
        } else {
            value.saturating_mul(1_000_000 / self.per_second)
        }
    }
}

impl<T: ArrowPrimitiveType<Native = i64>> Column for Instants<'_, T> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        times::timestamp_text(out, self.us(row), self.has_zone);
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        times::timestamp_binary(out, self.us(row));
    }

    nulls_of!(values);
}

struct Intervals<'a>(&'a PrimitiveArray<IntervalMonthDayNanoType>);

impl Column for Intervals<'_> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        let value = self.0.value(row);
        times::interval_text(out, value.months, value.days, value.nanoseconds / 1_000);
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        let value = self.0.value(row);
        times::interval_binary(out, value.months, value.days, value.nanoseconds / 1_000);
    }

    nulls_of!(0);
}

/// A dictionary: an ENUM of DuckDB.
struct Words<'a, K: ArrowDictionaryKeyType> {
    array: &'a DictionaryArray<K>,
    values: Box<dyn Column + 'a>,
}

impl<'a, K: ArrowDictionaryKeyType> Words<'a, K> {
    fn new(array: &'a DictionaryArray<K>) -> Self {
        Self { array, values: column_of(array.values().as_ref()) }
    }

    fn place(&self, row: usize) -> usize {
        self.array.key(row).unwrap_or_default()
    }
}

impl<K: ArrowDictionaryKeyType> Column for Words<'_, K> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        self.values.text(self.place(row), out);
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        self.values.binary(self.place(row), out);
    }

    fn json(&self, row: usize, out: &mut BytesMut) {
        self.values.json(self.place(row), out);
    }

    nulls_of!(array);
}

/// What has no writer: the untyped NULL, which never has a value, and types that no view has.
struct Others<'a>(&'a dyn Array);

impl Column for Others<'_> {
    fn text(&self, _row: usize, out: &mut BytesMut) {
        let _ = write!(out, "{}", self.0.data_type());
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        self.text(row, out);
    }

    fn is_null(&self, row: usize) -> bool {
        // Arrow's own is_null is false for an array of the type Null.
        self.0.is_null(row) || self.0.data_type().is_null()
    }
}
