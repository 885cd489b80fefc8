use super::*;

#[test]
fn lines_count_blank_ones_and_tolerate_crlf_and_a_missing_end() {
    let chunk = ChunkRef {
        codec: Codec::Ndjson,
        data: b"a\r\n\n \nb\nc",
        first_offset: 10,
        received_at_us: 7,
        aborted: &[],
    };
    let mut seen = Vec::new();
    let scan = Unpacker::default().for_each_record(&chunk, |r| {
        seen.push((r.offset, r.timestamp_us, r.value.map(<[u8]>::to_vec)));
    });
    assert_eq!(
        seen,
        [(10, 7, Some(b"a".to_vec())), (13, 7, Some(b"b".to_vec())), (14, 7, Some(b"c".to_vec()))]
    );
    assert_eq!(scan, ChunkScan { next_offset: 15, records: 3, ..ChunkScan::default() });
}
