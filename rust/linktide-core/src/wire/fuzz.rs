//! One entry for a fuzzer and for property tests.

use super::{ChunkRef, Codec, Unpacker, scan};

/// Small, so that a fuzzer does not spend its time in decompression.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// Read arbitrary bytes as a chunk and check what must hold for any input.
///
/// The first byte picks codec and first offset, the rest is the data.
///
/// # Errors
/// A sentence on the broken promise; also its absence of panics is what a fuzzer looks for.
pub fn exercise(input: &[u8]) -> Result<(), &'static str> {
    let Some((&choice, data)) = input.split_first() else { return Ok(()) };
    let codec = match choice % 4 {
        0 => Codec::Ndjson,
        1 => Codec::Framed,
        _ => Codec::Kafka,
    };
    let first_offset = i64::from(choice >> 2);
    let chunk = ChunkRef { codec, data, first_offset, received_at_us: 0, aborted: &[(1, first_offset)] };
    let (mut last, mut records, mut is_ordered) = (first_offset - 1, 0, true);
    let found = Unpacker::new(MAX_BATCH_BYTES).for_each_record(&chunk, |record| {
        is_ordered &= record.offset > last;
        last = record.offset;
        records += 1;
    });
    if !is_ordered {
        return Err("offsets rise and none lies below the first");
    }
    if last >= found.next_offset || records != found.records {
        return Err("the next offset lies behind every record, and all are counted");
    }
    let mut end = 0;
    for damaged in &found.damaged {
        let is_sound = damaged.base_offset <= damaged.next_offset
            && damaged.next_offset <= found.next_offset
            && end <= damaged.bytes.start
            && damaged.bytes.start < damaged.bytes.end
            && damaged.bytes.end <= data.len();
        if !is_sound {
            return Err("damaged stretches follow one another within the data");
        }
        end = damaged.bytes.end;
    }
    if codec == Codec::Kafka && scan(data, first_offset).next_offset != found.next_offset {
        return Err("the header walk and the reader agree on the next offset");
    }
    Ok(())
}
