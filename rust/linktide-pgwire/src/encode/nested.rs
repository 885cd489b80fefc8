//! Lists as PostgreSQL arrays; structs, maps and lists of lists as JSON.

use std::ops::Range;

use arrow_array::{Array, MapArray, StructArray};
use arrow_schema::DataType;
use bytes::{BufMut, BytesMut};
use pgwire::api::Type;

use super::column::{Column, column_of, put_json_text};
use crate::oids::type_of;

/// A list, one value a row; `range` says which items are a row's.
pub(crate) struct Lists<'a, A> {
    array: &'a A,
    items: Box<dyn Column + 'a>,
    /// None where the items have no array type: the list is then JSON.
    item_type: Option<Type>,
    range: fn(&A, usize) -> Range<usize>,
}

impl<'a, A: Array> Lists<'a, A> {
    pub(crate) fn new(
        array: &'a A,
        item: &DataType,
        items: &'a dyn Array,
        range: fn(&A, usize) -> Range<usize>,
    ) -> Self {
        let is_array = type_of(array.data_type()) != Type::JSON;
        Self { array, items: column_of(items), item_type: is_array.then(|| type_of(item)), range }
    }
}

impl<A: Array> Column for Lists<'_, A> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        if self.item_type.is_none() {
            return self.json(row, out);
        }
        out.put_u8(b'{');
        let mut item = BytesMut::new();
        for (count, place) in (self.range)(self.array, row).enumerate() {
            if count > 0 {
                out.put_u8(b',');
            }
            if self.items.is_null(place) {
                out.put_slice(b"NULL");
                continue;
            }
            item.clear();
            self.items.text(place, &mut item);
            put_item(&item, out);
        }
        out.put_u8(b'}');
    }

    fn binary(&self, row: usize, out: &mut BytesMut) {
        let Some(item_type) = &self.item_type else {
            return self.json(row, out);
        };
        let range = (self.range)(self.array, row);
        let has_null = range.clone().any(|place| self.items.is_null(place));
        out.put_i32(i32::from(!range.is_empty()));
        out.put_i32(i32::from(has_null));
        out.put_u32(item_type.oid());
        if range.is_empty() {
            return;
        }
        out.put_i32(range.len() as i32);
        out.put_i32(1);
        for place in range {
            put_value(self.items.as_ref(), place, true, out);
        }
    }

    fn json(&self, row: usize, out: &mut BytesMut) {
        out.put_u8(b'[');
        for (count, place) in (self.range)(self.array, row).enumerate() {
            put_json_item(self.items.as_ref(), place, count, out);
        }
        out.put_u8(b']');
    }

    fn is_null(&self, row: usize) -> bool {
        self.array.is_null(row)
    }
}

/// Write a value with its length before it, -1 for null.
pub(crate) fn put_value(column: &dyn Column, row: usize, is_binary: bool, out: &mut BytesMut) {
    if column.is_null(row) {
        return out.put_i32(-1);
    }
    let start = out.len();
    out.put_i32(0);
    if is_binary {
        column.binary(row, out);
    } else {
        column.text(row, out);
    }
    let length = (out.len() - start - 4) as i32;
    if let Some(mut place) = out.get_mut(start..start + 4) {
        place.put_i32(length);
    }
}

/// Write an item of an array's text form, in quotes where it could be mistaken.
fn put_item(item: &[u8], out: &mut BytesMut) {
    let is_odd = |byte: &u8| matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\') || byte.is_ascii_whitespace();
    if !item.is_empty() && !item.iter().any(is_odd) && !item.eq_ignore_ascii_case(b"null") {
        return out.put_slice(item);
    }
    out.put_u8(b'"');
    for byte in item {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

fn put_json_item(column: &dyn Column, row: usize, count: usize, out: &mut BytesMut) {
    if count > 0 {
        out.put_u8(b',');
    }
    if column.is_null(row) {
        out.put_slice(b"null");
    } else {
        column.json(row, out);
    }
}

/// What is JSON in every format.
macro_rules! always_json {
    () => {
        fn binary(&self, row: usize, out: &mut BytesMut) {
            self.text(row, out);
        }

        fn json(&self, row: usize, out: &mut BytesMut) {
            self.text(row, out);
        }

        fn is_null(&self, row: usize) -> bool {
            self.array.is_null(row)
        }
    };
}

/// A struct: an object with the names of its fields.
pub(crate) struct Structs<'a> {
    array: &'a StructArray,
    fields: Vec<(String, Box<dyn Column + 'a>)>,
}

impl<'a> Structs<'a> {
    pub(crate) fn new(array: &'a StructArray) -> Self {
        let columns = array.columns().iter().map(|column| column_of(column.as_ref()));
        let names = array.fields().iter().map(|field| field.name().clone());
        Self { array, fields: names.zip(columns).collect() }
    }
}

impl Column for Structs<'_> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        out.put_u8(b'{');
        for (count, (name, column)) in self.fields.iter().enumerate() {
            if count > 0 {
                out.put_u8(b',');
            }
            put_json_text(name.as_bytes(), out);
            out.put_u8(b':');
            put_json_item(column.as_ref(), row, 0, out);
        }
        out.put_u8(b'}');
    }

    always_json!();
}

/// A map: an object whose names are the keys as texts.
pub(crate) struct Maps<'a> {
    array: &'a MapArray,
    keys: Box<dyn Column + 'a>,
    values: Box<dyn Column + 'a>,
}

impl<'a> Maps<'a> {
    pub(crate) fn new(array: &'a MapArray) -> Self {
        Self { array, keys: column_of(array.keys().as_ref()), values: column_of(array.values().as_ref()) }
    }
}

impl Column for Maps<'_> {
    fn text(&self, row: usize, out: &mut BytesMut) {
        let start = self.array.value_offsets().get(row).map_or(0, |at| *at as usize);
        let count = self.array.value_length(row) as usize;
        out.put_u8(b'{');
        let mut key = BytesMut::new();
        for place in start..start + count {
            if place > start {
                out.put_u8(b',');
            }
            key.clear();
            self.keys.text(place, &mut key);
            put_json_text(&key, out);
            out.put_u8(b':');
            put_json_item(self.values.as_ref(), place, 0, out);
        }
        out.put_u8(b'}');
    }

    always_json!();
}
