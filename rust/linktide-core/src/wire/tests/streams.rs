use super::build::frame;
use super::*;

#[test]
fn lines_count_blank_ones_and_tolerate_crlf_and_a_missing_end() {
    let (seen, found) = read_with(Codec::Ndjson, b"a\r\n\n \t\r\n b \nc", 10, &[]);
    let line = |offset, value: &str| (offset, RECEIVED_AT_US, Some(value.as_bytes().to_vec()));
    assert_eq!(seen, [line(10, "a"), line(13, " b "), line(14, "c")]);
    assert_eq!(found, ChunkScan { next_offset: 15, records: 3, ..ChunkScan::default() });
}

#[test]
fn no_data_moves_no_offset() {
    for codec in [Codec::Kafka, Codec::Ndjson, Codec::Framed] {
        let (seen, found) = read_with(codec, b"", 42, &[]);
        assert!(seen.is_empty());
        assert_eq!(found, ChunkScan { next_offset: 42, ..ChunkScan::default() });
    }
}

#[test]
fn frames_carry_offset_time_and_null() {
    let data = [frame(5, 1, Some(b"x")), frame(7, -3, None), frame(9, 2, Some(b""))].concat();
    let (seen, found) = read_with(Codec::Framed, &data, 6, &[]);
    assert_eq!(seen, [(7, -3, None), (9, 2, Some(vec![]))]);
    assert_eq!(found, ChunkScan { next_offset: 10, records: 2, below: 1, ..ChunkScan::default() });
}

#[test]
fn a_frame_out_of_order_is_damaged_alone() {
    let data = [frame(5, 1, Some(b"x")), frame(5, 1, Some(b"y")), frame(8, 1, Some(b"z"))].concat();
    let (seen, found) = read_with(Codec::Framed, &data, 0, &[]);
    assert_eq!(offsets(&seen), [5, 8]);
    let reason = Damage::Offset { offset: 5, expected: 6 };
    assert_eq!(found.damaged, [DamagedBatch { base_offset: 6, next_offset: 7, reason, bytes: 21..42 }]);
    assert_eq!(found.next_offset, 9);
}

#[test]
fn a_frame_with_a_broken_length_takes_the_rest() {
    let good = frame(5, 1, Some(b"x"));
    let mut wrong = frame(6, 1, Some(b"abc"));
    for (length, data_length) in [(-2, 23), (4, 23), (3, 22), (-1, 12)] {
        wrong[16..20].copy_from_slice(&i32::to_le_bytes(length));
        let data = [&good[..], &wrong[..data_length]].concat();
        let (seen, found) = read_with(Codec::Framed, &data, 0, &[]);
        assert_eq!(offsets(&seen), [5]);
        let reason = Damage::Frame { length };
        let bytes = 21..data.len();
        assert_eq!(found.damaged, [DamagedBatch { base_offset: 6, next_offset: 7, reason, bytes }]);
        assert_eq!(found.next_offset, 7);
    }
}

#[test]
fn codecs_have_the_names_the_sources_use() {
    let names = ["kafka", "ndjson", "framed", "csv"];
    let codecs = names.map(Codec::from_name);
    assert_eq!(codecs, [Some(Codec::Kafka), Some(Codec::Ndjson), Some(Codec::Framed), None]);
}
