//! The records inside one decompressed v2 batch body.

use super::batch::Header;
use super::cursor::{take, take_slice, varint, varlong};
use super::damage::Damage;

/// A record as it lies in its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a> {
    pub(super) offset: i64,
    pub(super) timestamp_ms: i64,
    pub(super) value: Option<&'a [u8]>,
}

/// Walks the records of a body. Ends after the count of the header, or after the first error.
#[derive(Clone, Debug)]
pub(super) struct Records<'a> {
    header: &'a Header,
    rest: &'a [u8],
    index: u32,
    last_delta: i32,
}

impl<'a> Records<'a> {
    pub(super) fn new(header: &'a Header, body: &'a [u8]) -> Self {
        Self { header, rest: body, index: 0, last_delta: -1 }
    }

    /// Walk to the end: every record is sound, offsets rise within the batch, no byte is left over.
    ///
    /// Walking twice costs less than remembering the records, and a batch of very many tiny records that
    /// compressed to nothing cannot make the reader remember much.
    pub(super) fn check(mut self) -> Result<(), Damage> {
        for record in &mut self {
            record?;
        }
        if self.rest.is_empty() { Ok(()) } else { Err(Damage::Record { index: self.index }) }
    }

    #[inline]
    fn read(&mut self) -> Option<Raw<'a>> {
        let length = usize::try_from(varint(&mut self.rest)?).ok()?;
        let fields = &mut take_slice(&mut self.rest, length)?;
        let _attributes: [u8; 1] = take(fields)?;
        let timestamp_delta = varlong(fields)?;
        let offset_delta = varint(fields)?;
        nullable(fields)?; // the key
        let value = nullable(fields)?;
        skip_headers(fields)?;
        let is_in_order = offset_delta > self.last_delta && offset_delta <= self.header.last_offset_delta;
        if !is_in_order || !fields.is_empty() {
            return None;
        }
        self.last_delta = offset_delta;
        let header = self.header;
        let timestamp_ms = if header.is_append_time() {
            header.max_timestamp_ms
        } else {
            header.first_timestamp_ms.saturating_add(timestamp_delta)
        };
        Some(Raw { offset: header.base_offset.saturating_add(i64::from(offset_delta)), timestamp_ms, value })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Raw<'a>, Damage>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let index = self.index;
        if index >= self.header.records.unsigned_abs() {
            return None;
        }
        let record = self.read();
        self.index = if record.is_some() { index + 1 } else { u32::MAX };
        Some(record.ok_or(Damage::Record { index }))
    }
}

/// Length-prefixed bytes; the inner None is null.
#[expect(clippy::option_option, reason = "the outer None is a broken record, as everywhere here")]
#[inline]
fn nullable<'a>(fields: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = varint(fields)?;
    if length >= 0 {
        return take_slice(fields, length as usize).map(Some);
    }
    (length == -1).then_some(None)
}

#[inline]
fn skip_headers(fields: &mut &[u8]) -> Option<()> {
    let count = varint(fields)?;
    for _ in 0..u32::try_from(count).ok()? {
        // A header's name, unlike its value, is never null.
        nullable(fields)??;
        nullable(fields)?;
    }
    Some(())
}

/// What a control batch says of its producer's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// Abort or commit: the transaction is over.
    End,
    /// Any other control record (leader change, snapshot, …).
    Other,
}

/// The marker of a control batch body: version i16, type i16 in the key of its first record.
pub(super) fn marker(mut body: &[u8]) -> Option<Marker> {
    let rest = &mut body;
    let length = usize::try_from(varint(rest)?).ok()?;
    let fields = &mut take_slice(rest, length)?;
    let _attributes: [u8; 1] = take(fields)?;
    varlong(fields)?;
    varint(fields)?;
    let key = &mut nullable(fields)??;
    let _version: [u8; 2] = take(key)?;
    let kind = i16::from_be_bytes(take(key)?);
    Some(if matches!(kind, 0 | 1) { Marker::End } else { Marker::Other })
}
