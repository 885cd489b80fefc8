use lz4_flex::frame::{BlockMode, BlockSize, FrameInfo};

use super::build::{self, Spec, row};
use super::*;

/// A value long enough to be worth compressing and to span several blocks.
fn rows() -> Vec<build::Row> {
    let mut rows: Vec<_> =
        (0..3_000).map(|i| row(i, &format!("value {} of many {}", i * i, i % 7))).collect();
    rows[17].2 = None;
    rows[18].2 = Some(vec![]);
    rows
}

fn expected(base_offset: i64, rows: &[build::Row]) -> Vec<Seen> {
    let record = |r: &build::Row| (base_offset + i64::from(r.0), (1_000 + r.1) * 1_000, r.2.clone());
    rows.iter().map(record).collect()
}

#[test]
fn every_compression_yields_the_same_records() {
    let rows = rows();
    let plain = Spec::new(50, &rows);
    let linked = FrameInfo::new().block_mode(BlockMode::Linked).block_size(BlockSize::Max64KB);
    let checked = FrameInfo::new().block_checksums(true).content_checksum(true);
    let small = FrameInfo::new().block_size(BlockSize::Max64KB);
    let split = |compress: &dyn Fn(&[u8]) -> Vec<u8>, body: &[u8]| {
        [compress(&body[..5_000]), compress(&body[5_000..])].concat()
    };
    let specs = [
        plain.clone(),
        plain.clone().compressed(1, build::gzip),
        plain.clone().compressed(1, |b| split(&build::gzip, b)),
        plain.clone().compressed(2, build::snappy),
        plain.clone().compressed(2, |b| build::xerial(b, 32 << 10)),
        plain.clone().compressed(3, |b| build::lz4(b, FrameInfo::new())),
        plain.clone().compressed(3, |b| build::lz4(b, linked.clone())),
        plain.clone().compressed(3, |b| build::lz4(b, checked.clone())),
        plain.clone().compressed(3, |b| build::lz4(b, small.clone().content_size(Some(b.len() as u64)))),
        plain.clone().compressed(3, |b| split(&|part| build::lz4(part, FrameInfo::new()), b)),
        plain.clone().compressed(4, build::zstd_sized),
        plain.clone().compressed(4, build::zstd_streamed),
        plain.clone().compressed(4, |b| split(&build::zstd_sized, b)),
        plain.clone().compressed(4, |b| split(&build::zstd_streamed, b)),
    ];
    for (index, spec) in specs.iter().enumerate() {
        let (seen, found) = read(&spec.bytes());
        assert_eq!(found.damaged, [], "batch {index}");
        assert!(seen == expected(50, &rows), "batch {index}");
        assert_eq!(found.next_offset, 3_050, "batch {index}");
    }
}

#[test]
fn an_incompressible_body_survives_every_compression() {
    // A xorshift stream: no repeats for the compressors to find, so they store blocks as they are.
    let mut state = 1u64;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    let rows = [(0, 0, Some((0..200_000).map(|_| noise()).collect::<Vec<u8>>()))];
    let plain = Spec::new(0, &rows);
    for spec in [
        plain.clone().compressed(1, build::gzip),
        plain.clone().compressed(2, |b| build::xerial(b, 32 << 10)),
        plain.clone().compressed(3, |b| build::lz4(b, FrameInfo::new())),
        plain.clone().compressed(4, build::zstd_streamed),
    ] {
        assert!(read(&spec.bytes()).0 == expected(0, &rows));
    }
}

#[test]
fn records_below_the_first_offset_are_left_out_and_counted() {
    let data = [Spec::new(0, &[row(0, "a")]), Spec::new(4, &[row(0, "b"), row(1, "c"), row(2, "d")])];
    let data = data.map(|spec| spec.bytes()).concat();
    let (seen, found) = read_with(Codec::Kafka, &data, 5, &[]);
    assert_eq!(offsets(&seen), [5, 6]);
    assert_eq!(found, ChunkScan { next_offset: 7, records: 2, below: 1, ..ChunkScan::default() });
}

#[test]
fn a_compacted_batch_speaks_for_its_gaps() {
    let spec = Spec { last_offset_delta: 9, ..Spec::new(100, &[row(2, "a"), row(7, "b")]) };
    let emptied = Spec { last_offset_delta: 4, ..Spec::new(110, &[]) };
    let (seen, found) = read(&[spec.bytes(), emptied.bytes()].concat());
    assert_eq!(offsets(&seen), [102, 107]);
    assert_eq!(found, ChunkScan { next_offset: 115, records: 2, ..ChunkScan::default() });
}

#[test]
fn append_time_is_that_of_the_batch_and_no_time_that_of_receipt() {
    let rows = [row(0, "a"), row(1, "b")];
    let appended = Spec { attributes: build::APPEND_TIME, ..Spec::new(0, &rows) };
    let timeless = Spec { first_timestamp_ms: -1, ..Spec::new(2, &rows[..1]) };
    let far = Spec { first_timestamp_ms: i64::MAX, ..Spec::new(3, &rows) };
    let (seen, _) = read(&[appended, timeless, far].map(|s| s.bytes()).concat());
    let times: Vec<i64> = seen.iter().map(|record| record.1).collect();
    assert_eq!(times, [9_000_000, 9_000_000, RECEIVED_AT_US, i64::MAX, i64::MAX]);
}

#[test]
fn an_aborted_transaction_ends_at_its_marker() {
    let a = |offset| Spec::new(offset, &[row(0, "a")]).transactional(1);
    let b = |offset| Spec::new(offset, &[row(0, "b")]).transactional(2);
    let batches = [
        a(0),                                                     // committed before
        Spec::marker(1, 1, 1),                                    //
        a(2),                                                     // aborted
        b(3),                                                     // committed
        Spec::new(4, &[row(0, "c")]),                             // not transactional
        a(5),                                                     // aborted
        Spec::marker(6, 1, 0),                                    //
        a(7),                                                     // committed after
        Spec::marker(8, 2, 1),                                    //
        b(9),                                                     // aborted, its marker not in sight
        Spec { producer_id: 2, ..Spec::new(10, &[row(0, "d")]) }, // idempotent only
    ];
    let data = batches.map(|spec| spec.bytes()).concat();
    let (seen, found) = read_with(Codec::Kafka, &data, 0, &[(2, 9), (1, 2)]);
    assert_eq!(offsets(&seen), [0, 3, 4, 7, 10]);
    assert_eq!(found, ChunkScan { next_offset: 11, records: 5, aborted: 3, ..ChunkScan::default() });
    let (seen, found) = read_with(Codec::Kafka, &data, 0, &[]);
    assert_eq!(offsets(&seen), [0, 2, 3, 4, 5, 7, 9, 10]);
    assert_eq!(found.aborted, 0);
}

#[test]
fn an_abort_marker_below_the_first_offset_still_ends_its_transaction() {
    let a = |offset| Spec::new(offset, &[row(0, "a")]).transactional(1);
    let data = [a(0), Spec::marker(1, 1, 0), a(2)].map(|spec| spec.bytes()).concat();
    let (seen, _) = read_with(Codec::Kafka, &data, 2, &[(1, 0)]);
    assert_eq!(offsets(&seen), [2]);
}

#[test]
fn scan_counts_what_read_yields() {
    let rows = [row(0, "a"), row(1, "b"), row(2, "c")];
    let batches =
        [Spec::new(0, &rows), Spec::marker(3, 1, 1), Spec::new(4, &rows).compressed(1, build::gzip)];
    let mut data = batches.map(|spec| spec.bytes()).concat();
    let whole = data.len();
    data.extend_from_within(..40);
    let expected = Scan { next_offset: 7, records: 6, batches: 3, first_damaged: None, trailing_bytes: 40 };
    assert_eq!(scan(&data, 0), expected);
    assert_eq!(scan(&data, 5), Scan { records: 3, batches: 1, ..expected });
    assert_eq!(scan(&data[..whole], 7), Scan { next_offset: 7, ..Scan::default() });
}

#[test]
fn an_unpacker_carries_nothing_from_chunk_to_chunk() {
    let rows = rows();
    let big = Spec::new(0, &rows).compressed(4, build::zstd_streamed).transactional(1).bytes();
    let cut = Spec::new(0, &rows).compressed(4, |b| build::zstd_streamed(b)[..2_000].to_vec()).bytes();
    let mut unpacker = Unpacker::default();
    let mut read = |data: &[u8], aborted: &[(i64, i64)]| {
        let chunk = ChunkRef { codec: Codec::Kafka, data, first_offset: 0, received_at_us: 0, aborted };
        let found = unpacker.for_each_record(&chunk, |_| ());
        (found.records, found.aborted, found.damaged.len())
    };
    assert_eq!(read(&big, &[(1, 0)]), (0, 3_000, 0));
    assert_eq!(read(&cut, &[]), (0, 0, 1));
    assert_eq!(read(&big, &[]), (3_000, 0, 0));
}
