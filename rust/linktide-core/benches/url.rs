//! URL normalisation beside parsers that do less: `make bench-url`, or
//! `cargo bench -p linktide-core --bench url -- LIST.dat FILE...`, where each FILE holds one URL per line and
//! LIST.dat is a public suffix list.
//!
//! Contenders take turns on blocks of 4,096 URLs, the first of them another each time, under the CPU clock
//! of the thread. Printed are medians over all blocks: nanoseconds per URL, and the ratio of one block's
//! times, which a busy machine disturbs less.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use linktide_core::url::{Normalizer, PublicSuffixList, url_id};
use rustix::time::{ClockId, clock_gettime};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

const BLOCK: usize = 4_096;
const ROUNDS: usize = 7;
/// A corpus that has fewer blocks is measured more often.
const LEAST_SAMPLES: usize = 60;
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const ADVERSARIAL_BYTES: usize = 64 * 1024;

fn nanoseconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Fisher and Yates with xorshift64*: the same order on every machine.
fn shuffle<T>(items: &mut [T]) {
    let mut state = SEED;
    for last in (1..items.len()).rev() {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        items.swap(last, (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % (last + 1));
    }
}

/// What the contenders write into, emptied before each block.
struct Sheet {
    normalizer: Normalizer,
    text: Vec<u8>,
    ids: Vec<[u8; 16]>,
    rows: Vec<(u32, u32, u32, u64, u64, u32)>,
}

impl Sheet {
    fn new(suffixes: Arc<PublicSuffixList>) -> Self {
        let normalizer = Normalizer::new(suffixes);
        Self { normalizer, text: Vec::new(), ids: Vec::new(), rows: Vec::new() }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ids.clear();
        self.rows.clear();
    }
}

type Contender = (&'static str, fn(&mut Sheet, &[&str]));

const CONTENDERS: [Contender; 6] = [
    ("one read, one write", copy),
    ("ada-url parse", ada_parse),
    ("url parse", url_parse),
    ("normalise + url_id", normalise),
    ("full row", full_row),
    ("ada + psl + xxh3, no policy", ada_row),
];
const ADA: usize = 1;
const URL: usize = 2;
const NORMALISE: usize = 3;
const ROW: usize = 4;
const ADA_ROW: usize = 5;

fn copy(sheet: &mut Sheet, urls: &[&str]) {
    for url in urls {
        sheet.text.extend_from_slice(url.as_bytes());
    }
}

fn ada_parse(_: &mut Sheet, urls: &[&str]) {
    for url in urls {
        let _ = black_box(ada_url::Url::parse(*url, None));
    }
}

fn url_parse(_: &mut Sheet, urls: &[&str]) {
    for url in urls {
        let _ = black_box(url::Url::parse(url));
    }
}

fn normalise(sheet: &mut Sheet, urls: &[&str]) {
    for url in urls {
        if let Ok(row) = sheet.normalizer.normalize_text(url.as_bytes(), None, &mut sheet.text) {
            sheet.ids.push(url_id(&sheet.text[row.url]));
        }
    }
}

/// By the call that the Arrow columns are made with.
fn full_row(sheet: &mut Sheet, urls: &[&str]) {
    let Sheet { normalizer, text, ids, rows } = sheet;
    let url = |row: usize| urls.get(row).map(|url| (url.as_bytes(), None));
    normalizer.normalize_rows(urls.len(), url, text, |text, got| match got {
        Some(Ok(row)) => {
            ids.push(url_id(&text[row.url.clone()]));
            let (host, end) = (row.host.start as u32, row.host.end as u32);
            let start = row.domain.start as u32;
            rows.push((host, end, start, row.domain_id, row.cluster_key, row.flags.bits()));
        }
        Some(Err(reason)) => rows.push((0, 0, 0, 0, 0, u32::from(reason.code()))),
        None => {}
    });
}

/// The same columns from libraries, without any rule: no cluster key and no flags, which none of them has.
fn ada_row(sheet: &mut Sheet, urls: &[&str]) {
    for url in urls {
        let Ok(parsed) = ada_url::Url::parse(*url, None) else {
            sheet.rows.push((0, 0, 0, 0, 0, 1));
            continue;
        };
        let (href, host) = (parsed.href(), parsed.host());
        let start = sheet.text.len() as u32;
        sheet.text.extend_from_slice(href.as_bytes());
        sheet.ids.push(xxh3_128(href.as_bytes()).to_be_bytes());
        let domain = psl::domain_str(host).unwrap_or(host);
        let host_start = start + parsed.components().host_start;
        let end = host_start + host.len() as u32;
        let id = xxh3_64(domain.as_bytes());
        sheet.rows.push((host_start, end, end - domain.len() as u32, id, 0, 0));
    }
}

/// Times of every contender on every block: `times[contender][sample]`, per URL.
fn measure(sheet: &mut Sheet, urls: &[&str]) -> [Vec<f64>; CONTENDERS.len()] {
    let mut times = [const { Vec::new() }; CONTENDERS.len()];
    let rounds = ROUNDS.max(LEAST_SAMPLES.div_ceil(urls.len().div_ceil(BLOCK)));
    for round in 0..=rounds {
        for (index, block) in urls.chunks(BLOCK).enumerate() {
            for turn in 0..CONTENDERS.len() {
                let contender = (turn + index + round) % CONTENDERS.len();
                sheet.clear();
                let start = nanoseconds();
                CONTENDERS[contender].1(sheet, black_box(block));
                let time = (nanoseconds() - start) / block.len() as f64;
                black_box((&sheet.text, &sheet.ids, &sheet.rows));
                if round > 0 {
                    times[contender].push(time);
                }
            }
        }
    }
    times
}

fn report(name: &str, sheet: &mut Sheet, urls: &[&str]) {
    // One after another in memory, as the rows of a batch are, whatever the order.
    let text = urls.concat();
    let mut rest = text.as_str();
    let split = |url: &&str| {
        let (own, after) = rest.split_at(url.len());
        rest = after;
        own
    };
    let urls: &[&str] = &urls.iter().map(split).collect::<Vec<_>>();
    if urls.is_empty() {
        println!("\n{name}: no URLs, skipped");
        return;
    }
    let bytes: usize = urls.iter().map(|url| url.len()).sum();
    println!("\n{name}: {} URLs, {:.1} bytes each", urls.len(), bytes as f64 / urls.len() as f64);
    let times = measure(sheet, urls);
    let ratio = |slow: usize, fast: usize| {
        let mut ratios: Vec<f64> = times[slow].iter().zip(&times[fast]).map(|(one, two)| one / two).collect();
        median(&mut ratios)
    };
    for (index, (name, _)) in CONTENDERS.iter().enumerate() {
        let time = median(&mut times[index].clone());
        println!("  {name:<30} {time:7.1} ns/URL  {:6.1} x the floor", ratio(index, 0));
    }
    println!(
        "  normalise + url_id: {:.2} x ada-url parse, {:.2} x url parse",
        ratio(ADA, NORMALISE),
        ratio(URL, NORMALISE)
    );
    println!("  full row: {:.2} x ada + psl + xxh3", ratio(ADA_ROW, ROW));
}

/// Shapes that cost some parser more than linear time, each as long as an input may be.
fn adversarial() -> Vec<(&'static str, String)> {
    let fill = |head: &str, unit: &str| {
        let mut text = head.to_owned();
        while text.len() + unit.len() <= ADVERSARIAL_BYTES {
            text.push_str(unit);
        }
        text
    };
    let mut shapes: Vec<(&'static str, String)> = [
        ("letters in the path", "http://a.com/", "b"),
        ("dot segments", "http://a.com", "/b/.."),
        ("slashes", "http://a.com/", "/"),
        ("triples to decode", "http://a.com/", "%41"),
        ("triples to keep", "http://a.com/", "%25"),
        ("bare percent signs", "http://a.com/?", "%"),
        ("letters to encode", "http://a.com/", "|"),
        ("letters that are not ASCII", "http://a.com/", "é"),
        ("session parameters", "http://a.com/b", ";jsessionid=1"),
        ("path parameters", "http://a.com/b", ";"),
        ("empty pairs", "http://a.com/?", "&"),
        ("pairs", "http://a.com/?", "b&"),
        ("pairs out of order", "http://a.com/?", "c=1&b=2&"),
        ("tracking parameters", "http://a.com/?", "utm_a&"),
        ("ColdFusion pairs", "http://a.com/?", "cfid=1&cftoken=2&"),
        ("equals signs", "http://a.com/?", "="),
        ("user names", "http://", "a@"),
        ("host labels", "http://", "a."),
        ("combining marks in the host", "http://a", "\u{315}\u{300}\u{5ae}\u{62b}"),
        ("line breaks", "http://a.com/", "\n"),
        ("fragment", "http://a.com/#", "é"),
        ("index pages", "http://a.com", "/index.php"),
    ]
    .into_iter()
    .map(|(name, head, unit)| (name, fill(head, unit)))
    .collect();
    let sorted: Vec<String> = (0..10_000).rev().map(|number| format!("{number:05}")).collect();
    shapes.push(("distinct pairs backwards", format!("http://a.com/?{}", sorted.join("&"))));
    // The same within the limit of the output, so that the cluster form is made too.
    let short: Vec<(&'static str, String)> = shapes
        .iter()
        .map(|(name, text)| {
            (*name, text.char_indices().take_while(|(at, _)| *at < 8_000).map(|(_, letter)| letter).collect())
        })
        .collect();
    shapes.extend(short);
    shapes
}

fn report_adversarial(sheet: &mut Sheet) {
    println!("\nhard inputs: least of 9 runs, in microseconds (whole, half; linear is about 2)");
    let mut worst = (0.0, "");
    let time = |sheet: &mut Sheet, text: &str| {
        let run = |sheet: &mut Sheet| {
            sheet.clear();
            let start = nanoseconds();
            full_row(sheet, &[black_box(text)]);
            (nanoseconds() - start) / 1e3
        };
        (0..9).map(|_| run(sheet)).fold(f64::INFINITY, f64::min)
    };
    let shapes = adversarial();
    for (name, text) in &shapes {
        let half = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (whole, half) = (time(sheet, text), time(sheet, &text[..half]));
        println!("  {name:<30} {:6} bytes {whole:8.1} {half:8.1} {:5.1}", text.len(), whole / half);
        if whole > worst.0 {
            worst = (whole, name);
        }
    }
    println!("  worst: {:.1} us ({})", worst.0, worst.1);
}

fn report_file(sheet: &mut Sheet, path: &str) {
    let Ok(text) = std::fs::read(path) else {
        println!("\n{path}: cannot be read, skipped");
        return;
    };
    let text = String::from_utf8_lossy(&text);
    let mut seen = std::collections::HashSet::new();
    let in_order: Vec<&str> = text.lines().filter(|url| !url.is_empty() && seen.insert(*url)).collect();
    let mut shuffled = in_order.clone();
    shuffle(&mut shuffled);
    let queries: Vec<&str> = shuffled
        .iter()
        .copied()
        .filter(|url| url.split('#').next().is_some_and(|url| url.contains('?')))
        .collect();
    println!("\n== {path}");
    report("shuffled", sheet, &shuffled);
    report("in the order of the file", sheet, &in_order);
    report("with a query, shuffled", sheet, &queries);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let (lists, files): (Vec<&String>, Vec<&String>) = arguments
        .iter()
        .partition(|path| std::path::Path::new(path).extension().is_some_and(|end| end == "dat"));
    let Some(list) = lists.first().and_then(|path| std::fs::read_to_string(path).ok()) else {
        println!("skipped: no public suffix list; give the path of a public_suffix_list.dat");
        return;
    };
    for name in ["ada-url", "url", "psl", "xxhash-rust"] {
        print!("{name} {}  ", version(name));
    }
    println!();
    let mut sheet = Sheet::new(Arc::new(PublicSuffixList::parse(&list).unwrap()));
    if files.is_empty() {
        println!("no file with URLs given: only the hard inputs are measured");
    }
    for path in files {
        report_file(&mut sheet, path);
    }
    report_adversarial(&mut sheet);
}

/// The version of a crate in the lock file.
fn version(name: &str) -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let after = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).map_or("", |(_, after)| after);
    after.split('"').next().unwrap_or_default()
}
