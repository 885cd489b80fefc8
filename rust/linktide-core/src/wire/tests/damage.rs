use super::build::{self, Row, Spec, row};
use super::*;

fn three(base_offset: i64) -> Vec<Row> {
    (0..3).map(|i| row(i, &format!("value {}", base_offset + i64::from(i)))).collect()
}

/// A sound batch at 0, this one, and a sound one at 10: only this one is missing.
fn reason_between(middle: &[u8]) -> Damage {
    let (before, after) = (Spec::new(0, &three(0)).bytes(), Spec::new(10, &three(10)).bytes());
    let data = [&before[..], middle, &after[..]].concat();
    let (seen, found) = read(&data);
    assert_eq!(offsets(&seen), [0, 1, 2, 10, 11, 12]);
    assert_eq!(found.next_offset, 13);
    assert_eq!(found.damaged.len(), 1);
    let damaged = &found.damaged[0];
    assert_eq!(damaged.bytes, before.len()..before.len() + middle.len());
    assert!((3..10).contains(&damaged.base_offset) && damaged.next_offset <= 10, "{damaged:?}");
    damaged.reason
}

fn middle() -> Spec {
    Spec::new(5, &three(5))
}

#[test]
fn a_wrong_checksum_costs_its_batch_alone() {
    let mut bytes = middle().bytes();
    *bytes.last_mut().unwrap() ^= 1;
    assert!(matches!(reason_between(&bytes), Damage::Crc { .. }));
}

#[test]
fn other_formats_are_named() {
    for magic in [0, 1, 3, -1] {
        let mut bytes = middle().bytes();
        bytes[16] = i8::to_be_bytes(magic)[0];
        assert_eq!(reason_between(&bytes), Damage::Magic { magic });
    }
    let reason = Damage::Magic { magic: 1 };
    assert!(reason.to_string().contains("v1") && reason.to_string().contains("v2"));
}

#[test]
fn an_unknown_compression_is_named() {
    let spec = middle().compressed(6, <[u8]>::to_vec);
    assert_eq!(reason_between(&spec.bytes()), Damage::Compression { id: 6 });
}

#[test]
fn broken_compression_costs_its_batch_alone() {
    type Case = (i16, Compression, fn(&[u8]) -> Vec<u8>);
    let compressions: [Case; 6] = [
        (1, Compression::Gzip, build::gzip),
        (2, Compression::Snappy, build::snappy),
        (2, Compression::Snappy, |body| build::xerial(body, 16)),
        (3, Compression::Lz4, |body| build::lz4(body, lz4_flex::frame::FrameInfo::new())),
        (4, Compression::Zstd, build::zstd_sized),
        (4, Compression::Zstd, build::zstd_streamed),
    ];
    for (id, compression, compress) in compressions {
        let whole = compress(&middle().body);
        for length in 0..whole.len() {
            let spec = middle().compressed(id, |_| whole[..length].to_vec());
            let reason = reason_between(&spec.bytes());
            let is_expected =
                reason == Damage::Decompress(compression) || matches!(reason, Damage::Record { .. });
            assert!(is_expected, "{compression} cut to {length}: {reason}");
        }
        let noise = middle().compressed(id, |_| b"no such stream at all, whatever is tried".to_vec());
        assert_eq!(reason_between(&noise.bytes()), Damage::Decompress(compression));
    }
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    // Compresses to a few kB; the limit of these tests is 4 MiB.
    let bomb = Spec::new(5, &[(0, 0, Some(vec![0; 5 << 20]))]);
    for spec in [
        bomb.clone().compressed(1, build::gzip),
        bomb.clone().compressed(2, build::snappy),
        bomb.clone().compressed(2, |body| build::xerial(body, 64 << 10)),
        bomb.clone().compressed(3, |body| build::lz4(body, lz4_flex::frame::FrameInfo::new())),
        bomb.clone().compressed(4, build::zstd_sized),
        bomb.clone().compressed(4, build::zstd_streamed),
    ] {
        assert_eq!(reason_between(&spec.bytes()), Damage::TooLarge { max_bytes: 4 << 20 });
    }
    // A few bytes that claim 4 GiB.
    let claim = middle().compressed(2, |_| vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    assert!(matches!(reason_between(&claim.bytes()), Damage::TooLarge { .. }));
}

#[test]
fn absurd_counts_cost_their_batch_alone() {
    for (records, last_offset_delta) in
        [(-1, 2), (3, -1), (3, 1), (i32::MAX, i32::MAX), (i32::MIN, i32::MIN), (4, 3), (2, 2), (0, 2)]
    {
        let spec = Spec { last_offset_delta, records, ..middle() };
        let reason = reason_between(&spec.bytes());
        let is_expected = matches!(reason, Damage::Counts { .. } | Damage::Record { .. });
        assert!(is_expected, "{records} {last_offset_delta}: {reason}");
    }
}

#[test]
fn a_record_cut_or_overlong_costs_its_batch_alone() {
    let whole = middle().body;
    for length in 0..whole.len() {
        let spec = Spec { body: whole[..length].to_vec(), ..middle() };
        let reason = reason_between(&spec.bytes());
        assert!(matches!(reason, Damage::Record { .. } | Damage::Counts { .. }), "{length}: {reason}");
    }
    let longer = Spec { body: [&whole[..], &[0]].concat(), ..middle() };
    assert_eq!(reason_between(&longer.bytes()), Damage::Record { index: 3 });
}

#[test]
fn offsets_within_a_batch_must_rise_and_stay_within() {
    for deltas in [[0, 0, 2], [1, 0, 2], [0, 3, 2], [-1, 0, 2]] {
        let rows: Vec<Row> = deltas.iter().map(|delta| row(*delta, "v")).collect();
        let reason = reason_between(&Spec::new(5, &rows).bytes());
        assert!(matches!(reason, Damage::Record { .. }), "{deltas:?}: {reason}");
    }
}

#[test]
fn a_batch_out_of_order_is_not_believed() {
    for base_offset in [0, -7, 9, 12, i64::MAX] {
        let mut bytes = middle().bytes();
        bytes[..8].copy_from_slice(&i64::to_be_bytes(base_offset));
        let reason = reason_between(&bytes);
        assert!(matches!(reason, Damage::Offset { .. } | Damage::Counts { .. }), "{base_offset}: {reason}");
    }
}

#[test]
fn an_unreadable_marker_is_reported() {
    let mut spec = Spec::marker(5, 1, 0);
    spec.body.truncate(8);
    assert_eq!(reason_between(&spec.bytes()), Damage::Marker);
    let other = [Spec::new(0, &three(0)), Spec::marker(5, -1, 4)].map(|s| s.bytes()).concat();
    assert_eq!(read(&other).1.damaged, []);
}

#[test]
fn a_length_that_leads_nowhere_takes_the_rest() {
    let sound = Spec::new(0, &three(0)).bytes();
    for length in [-1, 0, 13, 30, 60] {
        let mut broken = middle().bytes();
        broken[8..12].copy_from_slice(&i32::to_be_bytes(length));
        let data = [&sound[..], &broken, &Spec::new(10, &three(10)).bytes()].concat();
        let (seen, found) = read(&data);
        assert_eq!(offsets(&seen), [0, 1, 2]);
        assert_eq!(found.damaged.len(), 1);
        assert_eq!(found.damaged[0].bytes, sound.len()..data.len());
        assert_eq!(found.damaged[0].base_offset, 5);
        assert_eq!(scan(&data, 0).first_damaged.as_ref(), found.damaged.first());
    }
}

#[test]
fn a_damaged_last_batch_moves_on_by_what_its_header_says_twice() {
    let mut data = middle().bytes();
    *data.last_mut().unwrap() ^= 1;
    assert_eq!(scan(&data, 5).next_offset, 8);
    data[60] ^= 1; // the record count no longer agrees with the offsets
    assert_eq!(scan(&data, 5).next_offset, 6);
}

#[test]
fn damage_below_the_first_offset_is_nobodys_loss() {
    let mut data = [Spec::new(0, &three(0)), Spec::new(3, &three(3))].map(|s| s.bytes()).concat();
    data[60] ^= 1;
    let (seen, found) = read_with(Codec::Kafka, &data, 3, &[]);
    assert_eq!((offsets(&seen), found.damaged), (vec![3, 4, 5], vec![]));
    assert_eq!(scan(&data, 3).first_damaged, None);
    assert_eq!(read_with(Codec::Kafka, &data, 2, &[]).1.damaged.len(), 1);
}

#[test]
fn a_follower_below_the_offset_asked_for_damages_itself_alone() {
    let (first, mut second) = (Spec::new(4, &[row(0, "a")]).bytes(), Spec::new(8, &[row(0, "b")]).bytes());
    second[..8].copy_from_slice(&0_i64.to_be_bytes());
    let (seen, found) = read_with(Codec::Kafka, &[first, second].concat(), 0, &[]);
    assert_eq!((offsets(&seen), found.damaged.len()), (vec![4], 1));
}

#[test]
fn reasons_have_distinct_codes_and_speak() {
    let reasons = [
        Damage::Length { length: 0 },
        Damage::Magic { magic: 0 },
        Damage::Crc { stored: 0, computed: 1 },
        Damage::Counts { records: 0, last_offset_delta: 0 },
        Damage::Offset { offset: 0, expected: 0 },
        Damage::Compression { id: 5 },
        Damage::Decompress(Compression::Lz4),
        Damage::TooLarge { max_bytes: 1 },
        Damage::Record { index: 0 },
        Damage::Marker,
        Damage::Frame { length: -2 },
    ];
    let codes: std::collections::HashSet<_> = reasons.iter().map(Damage::code).collect();
    let texts: std::collections::HashSet<_> = reasons.iter().map(ToString::to_string).collect();
    assert_eq!((codes.len(), texts.len()), (reasons.len(), reasons.len()));
}
