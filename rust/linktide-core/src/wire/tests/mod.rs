mod build;
mod damage;
mod kafka;
mod properties;
mod streams;

use super::*;

/// (offset, time in µs, value)
type Seen = (i64, i64, Option<Vec<u8>>);

const RECEIVED_AT_US: i64 = 77;

/// Read a chunk, checking the promises that hold for any input on the way.
fn read_with(codec: Codec, data: &[u8], first_offset: i64, aborted: &[(i64, i64)]) -> (Vec<Seen>, ChunkScan) {
    let chunk = ChunkRef { codec, data, first_offset, received_at_us: RECEIVED_AT_US, aborted };
    let mut seen = Vec::new();
    let found = Unpacker::new(4 << 20).for_each_record(&chunk, |record| {
        seen.push((record.offset, record.timestamp_us, record.value.map(<[u8]>::to_vec)));
    });
    assert_eq!(found.records, seen.len() as u64);
    (seen, found)
}

fn read(data: &[u8]) -> (Vec<Seen>, ChunkScan) {
    read_with(Codec::Kafka, data, 0, &[])
}

fn offsets(seen: &[Seen]) -> Vec<i64> {
    seen.iter().map(|record| record.0).collect()
}
