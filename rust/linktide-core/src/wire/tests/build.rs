//! Builds batches, frames and compressed bodies. The golden ones come from another implementation, in the
//! Python tests; these can also be built wrong on purpose.

use std::io::Write;

pub(super) const TRANSACTIONAL: i16 = 0x10;
pub(super) const CONTROL: i16 = 0x20;
pub(super) const APPEND_TIME: i16 = 0x08;

pub(super) fn varint(out: &mut Vec<u8>, value: i64) {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

fn nullable(out: &mut Vec<u8>, value: Option<&[u8]>) {
    varint(out, value.map_or(-1, |v| v.len() as i64));
    out.extend_from_slice(value.unwrap_or_default());
}

/// (offset delta, timestamp delta in ms, value)
pub(super) type Row = (i32, i64, Option<Vec<u8>>);

pub(super) fn row(delta: i32, value: &str) -> Row {
    (delta, i64::from(delta), Some(value.as_bytes().to_vec()))
}

/// Rows as a batch body; every third has a key, every other headers.
pub(super) fn body(rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::new();
    for (delta, time, value) in rows {
        let mut fields = vec![0];
        varint(&mut fields, *time);
        varint(&mut fields, i64::from(*delta));
        nullable(&mut fields, (delta % 3 == 0).then_some(b"key"));
        nullable(&mut fields, value.as_deref());
        varint(&mut fields, i64::from(delta % 2) * 2);
        if delta % 2 == 1 {
            nullable(&mut fields, Some(b"name"));
            nullable(&mut fields, None);
            nullable(&mut fields, Some(b""));
            nullable(&mut fields, Some(b"value"));
        }
        varint(&mut out, fields.len() as i64);
        out.extend(fields);
    }
    out
}

#[derive(Clone)]
pub(super) struct Spec {
    pub(super) base_offset: i64,
    pub(super) attributes: i16,
    pub(super) last_offset_delta: i32,
    pub(super) first_timestamp_ms: i64,
    pub(super) max_timestamp_ms: i64,
    pub(super) producer_id: i64,
    pub(super) records: i32,
    pub(super) body: Vec<u8>,
}

impl Spec {
    pub(super) fn new(base_offset: i64, rows: &[Row]) -> Self {
        Self {
            base_offset,
            attributes: 0,
            last_offset_delta: rows.last().map_or(0, |r| r.0),
            first_timestamp_ms: 1_000,
            max_timestamp_ms: 9_000,
            producer_id: -1,
            records: rows.len() as i32,
            body: body(rows),
        }
    }

    /// A transaction marker of this producer; kind 0 aborts, 1 commits.
    pub(super) fn marker(base_offset: i64, producer_id: i64, kind: i16) -> Self {
        let mut fields = vec![0, 0, 0];
        nullable(&mut fields, Some(&[&[0, 0], &kind.to_be_bytes()[..]].concat()));
        nullable(&mut fields, Some(&[0; 6]));
        varint(&mut fields, 0);
        let mut body = Vec::new();
        varint(&mut body, fields.len() as i64);
        body.extend(fields);
        let spec = Self { records: 1, body, ..Self::new(base_offset, &[]) };
        Self { attributes: TRANSACTIONAL | CONTROL, producer_id, ..spec }
    }

    pub(super) fn transactional(self, producer_id: i64) -> Self {
        Self { attributes: self.attributes | TRANSACTIONAL, producer_id, ..self }
    }

    pub(super) fn compressed(self, id: i16, compress: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        Self { attributes: self.attributes | id, body: compress(&self.body), ..self }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut checked = Vec::new();
        checked.extend(self.attributes.to_be_bytes());
        checked.extend(self.last_offset_delta.to_be_bytes());
        checked.extend(self.first_timestamp_ms.to_be_bytes());
        checked.extend(self.max_timestamp_ms.to_be_bytes());
        checked.extend(self.producer_id.to_be_bytes());
        checked.extend([0; 6]); // producer epoch, base sequence
        checked.extend(self.records.to_be_bytes());
        checked.extend(&self.body);
        let mut out = self.base_offset.to_be_bytes().to_vec();
        out.extend((checked.len() as i32 + 9).to_be_bytes());
        out.extend([0, 0, 0, 5, 2]); // leader epoch, magic
        out.extend(crc32c::crc32c(&checked).to_be_bytes());
        out.extend(checked);
        out
    }
}

pub(super) fn frame(offset: i64, timestamp_us: i64, value: Option<&[u8]>) -> Vec<u8> {
    let mut out = offset.to_le_bytes().to_vec();
    out.extend(timestamp_us.to_le_bytes());
    out.extend(value.map_or(-1, |v| v.len() as i32).to_le_bytes());
    out.extend(value.unwrap_or_default());
    out
}

pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn snappy(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).unwrap()
}

/// As Java writes it, in blocks of at most `block_bytes`.
pub(super) fn xerial(body: &[u8], block_bytes: usize) -> Vec<u8> {
    let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for block in body.chunks(block_bytes) {
        let block = snappy(block);
        out.extend((block.len() as u32).to_be_bytes());
        out.extend(block);
    }
    out
}

pub(super) fn lz4(body: &[u8], info: lz4_flex::frame::FrameInfo) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// With the content size in the frame, as librdkafka writes it.
pub(super) fn zstd_sized(body: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(body, 1).unwrap()
}

/// Without, as Java writes it.
pub(super) fn zstd_streamed(body: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(body, 1).unwrap()
}
