//! Unpacking and the event contract alone: what decoding costs before any URL is looked at.

use crate::event::{DecodeContext, decode};
use crate::wire::{ChunkRef, Unpacker};

/// How many records of a chunk the contract accepts and how many it refuses. URLs are not looked into.
pub fn judge(unpacker: &mut Unpacker, chunk: &ChunkRef<'_>, max_event_bytes: usize) -> (u64, u64) {
    let (mut accepted, mut refused) = (0, 0);
    unpacker.for_each_record(chunk, |record| {
        let context = DecodeContext { record_time_us: record.timestamp_us, max_event_bytes };
        match decode(record.value, &context) {
            Ok(event) => {
                std::hint::black_box(&event);
                accepted += 1;
            }
            Err(_) => refused += 1,
        }
    });
    (accepted, refused)
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::wire::{ChunkRef, Codec, Unpacker};

    #[test]
    fn counts_what_the_contract_accepts_and_refuses() {
        let data = concat!(
            r#"{"event":"seen","observed_at":"2026-01-31T12:00:00Z","source_url":"a","target_url":"b"}"#,
            "\n{}\n\n",
            r#"{"event":"lost","observed_at":"2026-01-31T12:00:00Z","source_url":"a","target_url":"b"}"#,
        );
        let chunk = ChunkRef {
            codec: Codec::Ndjson,
            data: data.as_bytes(),
            first_offset: 0,
            received_at_us: 1_800_000_000_000_000,
            aborted: &[],
        };
        assert_eq!(judge(&mut Unpacker::default(), &chunk, 1 << 20), (2, 1));
        assert_eq!(judge(&mut Unpacker::default(), &chunk, 10), (0, 3));
    }
}
