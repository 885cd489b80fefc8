//! CPU time of the wire room per record: `cargo bench -p linktide-core --bench wire`.
//!
//! Records of about 260 bytes in batches of 1,000 and of 10. Prints the median and the least of the rounds.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use linktide_core::wire::{ChunkRef, Codec, Unpacker, scan};

const RECORDS: usize = 20_000;
const ROUNDS: usize = 31;

fn varint(out: &mut Vec<u8>, value: i64) {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

/// A link event whose hosts, paths and times vary as those of a crawl do.
fn value(index: usize) -> Vec<u8> {
    let mut mix = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mix = (mix ^ (mix >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mix ^= mix >> 27;
    let (a, b) = (mix >> 40, mix & 0xfff_ffff);
    format!(
        r#"{{"event":"discovered","observed_at":"2026-01-0{}T10:{:02}:{:02}Z","source_url":"https://www.host-{}.example/articles/{b:x}/index.html","target_url":"https://target-{}.example/page/{a:x}?ref={}","rel":["nofollow"],"anchor":"anchor text {}","http_code":200}}"#,
        1 + mix % 9, mix % 60, (mix >> 6) % 60, a % 5_000, b % 800, index % 97, b % 1_000,
    )
    .into_bytes()
}

fn batch(base_offset: usize, records: usize, id: i16, compress: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut body = Vec::new();
    for delta in 0..records {
        let (value, key) = (value(base_offset + delta), b"1234");
        let mut fields = vec![0];
        varint(&mut fields, delta as i64);
        varint(&mut fields, delta as i64);
        varint(&mut fields, key.len() as i64);
        fields.extend(key);
        varint(&mut fields, value.len() as i64);
        fields.extend(value);
        varint(&mut fields, 0);
        varint(&mut body, fields.len() as i64);
        body.extend(fields);
    }
    let mut checked = id.to_be_bytes().to_vec();
    checked.extend((records as i32 - 1).to_be_bytes());
    checked.extend([1_700_000_000_000_i64.to_be_bytes(), 1_700_000_001_000_i64.to_be_bytes()].concat());
    checked.extend([0xff; 14]); // producer id, epoch, sequence
    checked.extend((records as i32).to_be_bytes());
    checked.extend(compress(&body));
    let mut out = (base_offset as i64).to_be_bytes().to_vec();
    out.extend((checked.len() as i32 + 9).to_be_bytes());
    out.extend([0, 0, 0, 0, 2]);
    out.extend(crc32c::crc32c(&checked).to_be_bytes());
    out.extend(checked);
    out
}

fn measure(name: &str, mut run: impl FnMut() -> u64) {
    let mut nanoseconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let records = black_box(run());
            start.elapsed().as_nanos() as f64 / records as f64
        })
        .collect();
    nanoseconds.sort_by(f64::total_cmp);
    println!("{name:<24} {:7.1} ns/record (least {:.1})", nanoseconds[ROUNDS / 2], nanoseconds[0]);
}

fn read(unpacker: &mut Unpacker, codec: Codec, data: &[u8]) -> u64 {
    let chunk = ChunkRef { codec, data, first_offset: 0, received_at_us: 0, aborted: &[] };
    let mut bytes = 0;
    let found = unpacker.for_each_record(&chunk, |record| bytes += record.value.map_or(0, <[u8]>::len));
    black_box(bytes);
    assert!(found.damaged.is_empty());
    found.records
}

/// Name, attribute bits, compressor.
type Compressor = (&'static str, i16, fn(&[u8]) -> Vec<u8>);

fn main() {
    let compressors: [Compressor; 5] = [
        ("none", 0, <[u8]>::to_vec),
        ("gzip", 1, |body| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }),
        ("snappy", 2, |body| snap::raw::Encoder::new().compress_vec(body).unwrap()),
        ("lz4", 3, |body| {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }),
        ("zstd", 4, |body| zstd::stream::encode_all(body, 3).unwrap()),
    ];
    let mut unpacker = Unpacker::default();
    for records in [1_000, 10] {
        for (name, id, compress) in &compressors {
            let data: Vec<u8> =
                (0..RECORDS).step_by(records).flat_map(|base| batch(base, records, *id, compress)).collect();
            println!("{name}, batches of {records}: {} bytes/record", data.len() / RECORDS);
            measure("  scan", || scan(&data, 0).records);
            measure("  read", || read(&mut unpacker, Codec::Kafka, &data));
        }
    }
    let lines: Vec<u8> = (0..RECORDS).flat_map(|index| [value(index), vec![b'\n']].concat()).collect();
    measure("ndjson", || read(&mut unpacker, Codec::Ndjson, &lines));
}
