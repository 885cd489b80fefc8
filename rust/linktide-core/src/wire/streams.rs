//! The two codecs without batches: NDJSON lines and plain frames.

use std::io::BufRead;
use std::ops::ControlFlow;

use super::batch::GREATEST_OFFSET;
use super::cursor::{take, take_slice};
use super::damage::{Damage, DamagedBatch};
use super::unpack::ChunkScan;
use super::{ChunkRef, Record};

/// Hand out the lines of a chunk that are not blank.
pub(super) fn read_lines(
    chunk: &ChunkRef<'_>,
    scan: &mut ChunkScan,
    sink: &mut impl FnMut(Record<'_>) -> ControlFlow<()>,
) {
    let mut rest = chunk.data;
    let mut offset = chunk.first_offset;
    loop {
        let mut line = rest;
        // The standard library's fast search for one byte; on a slice it cannot fail.
        let Ok(length @ 1..) = rest.skip_until(b'\n') else { break };
        line = line.get(..length).unwrap_or_default();
        line = line.strip_suffix(b"\n").unwrap_or(line);
        line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.trim_ascii().is_empty() {
            let record = Record { offset, timestamp_us: chunk.received_at_us, value: Some(line) };
            scan.deliver(chunk.first_offset, record, sink);
            if scan.is_broken_off {
                return;
            }
        }
        offset = offset.saturating_add(1);
    }
    scan.next_offset = offset;
}

/// Hand out the frames of a chunk. A frame out of order is damaged alone; a broken length takes the rest.
pub(super) fn read_frames(
    chunk: &ChunkRef<'_>,
    scan: &mut ChunkScan,
    sink: &mut impl FnMut(Record<'_>) -> ControlFlow<()>,
) {
    let mut rest = chunk.data;
    let mut expected = 0;
    while !rest.is_empty() {
        let start = chunk.data.len() - rest.len();
        let frame = frame(&mut rest);
        let bytes = start..chunk.data.len() - rest.len();
        let (offset, reason) = match frame {
            Ok(record) if record.offset >= expected && record.offset <= GREATEST_OFFSET => {
                expected = record.offset + 1;
                scan.deliver(chunk.first_offset, record, sink);
                if scan.is_broken_off {
                    return;
                }
                continue;
            }
            Ok(Record { offset, .. }) => (offset, Damage::Offset { offset, expected }),
            Err((offset, length)) => (offset.unwrap_or(expected), Damage::Frame { length }),
        };
        // An offset out of order says nothing of where it belongs.
        let base_offset = if matches!(reason, Damage::Offset { .. }) {
            expected
        } else {
            offset.clamp(expected, GREATEST_OFFSET.max(expected))
        };
        expected = base_offset.saturating_add(1);
        scan.damage(chunk.first_offset, DamagedBatch { base_offset, next_offset: expected, reason, bytes });
    }
    scan.next_offset = scan.next_offset.max(expected);
}

/// One frame off the front of `rest`; on a broken one `rest` ends and what could be read comes back.
fn frame<'a>(rest: &mut &'a [u8]) -> Result<Record<'a>, (Option<i64>, i32)> {
    let mut fields = std::mem::take(rest);
    let offset = take(&mut fields).map(i64::from_le_bytes);
    let timestamp_us = take(&mut fields).map(i64::from_le_bytes);
    let length = take(&mut fields).map(i32::from_le_bytes);
    let (Some(offset), Some(timestamp_us), Some(length)) = (offset, timestamp_us, length) else {
        return Err((offset, -1));
    };
    let value = match usize::try_from(length) {
        Ok(bytes) => Some(take_slice(&mut fields, bytes).ok_or((Some(offset), length))?),
        Err(_) if length == -1 => None,
        Err(_) => return Err((Some(offset), length)),
    };
    *rest = fields;
    Ok(Record { offset, timestamp_us, value })
}
