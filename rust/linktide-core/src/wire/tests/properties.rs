use std::ops::ControlFlow;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::build::{self, Row, Spec};
use super::*;

fn rows() -> impl Strategy<Value = Vec<Row>> {
    vec((1..4_i32, -50..50_i64, option::of(vec(any::<u8>(), 0..40))), 1..8).prop_map(|rows| {
        let step = |delta: &mut i32, (gap, time, value)| {
            *delta += gap;
            Some((*delta - 1, time, value))
        };
        rows.into_iter().scan(0, step).collect()
    })
}

fn compressed(spec: Spec, choice: u8) -> Spec {
    match choice % 7 {
        0 => spec,
        1 => spec.compressed(1, build::gzip),
        2 => spec.compressed(2, build::snappy),
        3 => spec.compressed(2, |body| build::xerial(body, 50)),
        4 => spec.compressed(3, |body| build::lz4(body, lz4_flex::frame::FrameInfo::new())),
        5 => spec.compressed(4, build::zstd_sized),
        _ => spec.compressed(4, build::zstd_streamed),
    }
}

/// Batches one after another with small gaps between, and what they hold.
fn log() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<Seen>)> {
    vec((rows(), any::<u8>(), 0..3_i64), 1..5).prop_map(|batches| {
        let (mut offset, mut bytes, mut records) = (3, Vec::new(), Vec::new());
        for (rows, choice, gap) in batches {
            offset += gap;
            let record = |row: &Row| (offset + i64::from(row.0), (1_000 + row.1) * 1_000, row.2.clone());
            records.extend(rows.iter().map(record));
            let spec = Spec::new(offset, &rows);
            offset += i64::from(spec.last_offset_delta) + 1;
            bytes.push(compressed(spec, choice).bytes());
        }
        (bytes, records)
    })
}

/// Whatever was handed out is true, and what is missing was reported.
fn assert_true_or_reported(data: &[u8], records: &[Seen]) -> Result<(), TestCaseError> {
    let (seen, found) = read(data);
    prop_assert!(seen.iter().all(|record| records.contains(record)));
    let is_reported = !found.damaged.is_empty() || found.trailing_bytes > 0;
    prop_assert!(seen.len() == records.len() || is_reported);
    Ok(())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn what_was_written_is_read(log in log(), first in 0..30_i64) {
        let (bytes, mut records) = log;
        let (seen, found) = read_with(Codec::Kafka, &bytes.concat(), first, &[]);
        records.retain(|record| record.0 >= first);
        prop_assert_eq!(&seen, &records);
        prop_assert_eq!(found.damaged, vec![]);
        prop_assert_eq!(scan(&bytes.concat(), first).next_offset, found.next_offset);
    }

    #[test]
    fn a_flipped_base_offset_moves_one_batch_at_most(log in log(), bit in 0..64_usize) {
        let (bytes, records) = log;
        let mut start = 0;
        for (index, batch) in bytes.iter().enumerate() {
            let mut data = bytes.concat();
            data[start + bit / 8] ^= 1 << (bit % 8);
            let (seen, found) = read(&data);
            let is_told = found.damaged.len() == 1 && seen.len() < records.len();
            prop_assert!(is_told || seen.len() == records.len(), "batch {}", index);
            start += batch.len();
        }
    }

    #[test]
    fn any_bytes_keep_the_promises(input in vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(exercise(&input), Ok(()));
    }

    #[test]
    fn any_body_under_a_true_checksum_keeps_the_promises(
        choice in any::<u8>(), attributes in 0..0x40_i16, records in -1..40_i32, delta in -1..40_i32,
        times in any::<(i64, i64)>(), base_offset in prop_oneof![0..90_i64, any::<i64>()],
        body in vec(prop_oneof![any::<u8>(), 0..12_u8], 0..200),
    ) {
        let spec = Spec {
            base_offset, attributes, last_offset_delta: delta, first_timestamp_ms: times.0,
            max_timestamp_ms: times.1, producer_id: 1, records, body,
        };
        let after = Spec::new(90, &[build::row(0, "after")]);
        let input = [&[choice][..], &spec.bytes(), &after.bytes()].concat();
        prop_assert_eq!(exercise(&input), Ok(()));
    }

    #[test]
    fn flipped_bytes_inside_a_body_under_a_true_checksum_keep_the_promises(
        rows in rows(), choice in any::<u8>(), flips in vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        let mut spec = compressed(Spec::new(5, &rows), choice);
        let length = spec.body.len();
        for (at, with) in flips {
            spec.body[at % length] ^= with;
        }
        prop_assert_eq!(exercise(&[&[2], &spec.bytes()[..]].concat()), Ok(()));
    }

    #[test]
    fn lines_are_those_of_a_plain_split(text in "[ab \\r\\n]{0,40}", first in 0..9_i64) {
        let (seen, found) = read_with(Codec::Ndjson, text.as_bytes(), first, &[]);
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        let expected: Vec<Seen> = (first..)
            .zip(&lines)
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(offset, line)| {
                let line = line.strip_suffix('\r').unwrap_or(line);
                (offset, RECEIVED_AT_US, Some(line.as_bytes().to_vec()))
            })
            .collect();
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(found.next_offset, first + lines.len() as i64);
    }

    #[test]
    fn a_sink_that_breaks_off_goes_on_where_it_left(log in log(), sizes in vec(1..4_usize, 1..4)) {
        let (bytes, _) = log;
        let data = bytes.concat();
        let (records, whole) = read(&data);
        let (mut seen, mut first_offset, mut sizes) = (Vec::new(), 0, sizes.into_iter().cycle());
        loop {
            let chunk =
                ChunkRef { codec: Codec::Kafka, data: &data, first_offset, received_at_us: RECEIVED_AT_US, aborted: &[] };
            let mut left = sizes.next().unwrap_or(1);
            let found = Unpacker::default().for_each_record_until(&chunk, |record| {
                if left == 0 {
                    return ControlFlow::Break(());
                }
                left -= 1;
                seen.push((record.offset, record.timestamp_us, record.value.map(<[u8]>::to_vec)));
                ControlFlow::Continue(())
            });
            first_offset = found.next_offset;
            if !found.is_broken_off {
                break;
            }
        }
        prop_assert_eq!(seen, records);
        prop_assert_eq!(first_offset, whole.next_offset);
    }

    #[test]
    fn frames_round_trip(rows in rows()) {
        let frame = |row: &Row| build::frame(i64::from(row.0), row.1, row.2.as_deref());
        let data: Vec<u8> = rows.iter().flat_map(frame).collect();
        let (seen, found) = read_with(Codec::Framed, &data, 0, &[]);
        let expected: Vec<Seen> = rows.into_iter().map(|row| (i64::from(row.0), row.1, row.2)).collect();
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(found.damaged, vec![]);
    }

    #[test]
    fn numbers_round_trip(value in any::<i64>(), tail in any::<u8>()) {
        let mut bytes = Vec::new();
        build::varint(&mut bytes, value);
        let whole = bytes.clone();
        bytes.push(tail);
        let mut rest = &bytes[..];
        prop_assert_eq!(super::super::cursor::varlong(&mut rest), Some(value));
        prop_assert_eq!(rest, &[tail][..]);
        for length in 0..whole.len() {
            prop_assert_eq!(super::super::cursor::varlong(&mut &whole[..length]), None);
        }
    }
}

// These try every place of a log, so a few logs suffice.
proptest! {
    #![proptest_config(config(12))]

    #[test]
    fn a_cut_anywhere_leaves_the_whole_batches(log in log()) {
        let (bytes, records) = log;
        let data = bytes.concat();
        for length in 0..data.len() {
            let (seen, found) = read(&data[..length]);
            prop_assert_eq!(&found.damaged, &vec![]);
            prop_assert_eq!(&seen[..], &records[..seen.len()]);
            let whole = length - found.trailing_bytes;
            let is_boundary = (0..=bytes.len()).any(|count| bytes[..count].concat().len() == whole);
            prop_assert!(is_boundary, "{} bytes read of {}", whole, length);
        }
    }

    #[test]
    fn one_flipped_bit_is_reported_or_without_effect(log in log()) {
        let (bytes, records) = log;
        let mut data = bytes.concat();
        let mut start = 0;
        for batch in &bytes {
            // The base offset is under no checksum: see the next property.
            for bit in 8 * (start + 8)..8 * (start + batch.len()) {
                data[bit / 8] ^= 1 << (bit % 8);
                assert_true_or_reported(&data, &records)?;
                data[bit / 8] ^= 1 << (bit % 8);
            }
            start += batch.len();
        }
    }
}
