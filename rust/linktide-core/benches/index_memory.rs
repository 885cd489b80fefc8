//! What an index takes of memory a link, part by part, while it grows by batches, and what a batch costs:
//! `cargo bench -p linktide-core --bench index_memory [-- LINKS]`.
//!
//! The shape is that of `benches/restart_database.py`: twelve links a page, links of one page side by side as a crawl
//! leaves them, about 0.7 pairs of domains and 0.8 pages a link. Then three links in ten are told of again: one in
//! twenty is lost, one in a hundred suspect, one in fifty has another anchor.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench prints, and fails loudly"
)]

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use linktide_core::batch::{BatchDecoder, Chunk, DecoderOptions, EventBatch};
use linktide_core::index::{Index, IndexOptions};
use linktide_core::links::flow::RelWeights;
use linktide_core::url::PublicSuffixList;
use linktide_core::wire::{ChunkRef, Codec};
use rustix::time::{ClockId, clock_gettime};

const LINKS: u64 = 2_000_000;
const LINKS_PER_PAGE: u64 = 12;
const BATCH: usize = 20_000;
const FIRST_MS: u64 = 1_780_000_000_000;
const RECEIVED_US: i64 = 1_900_000_000_000_000;
/// Lines of the table while the index grows.
const LINES: u64 = 10;

struct Bench {
    index: Index,
    decoder: BatchDecoder,
    lines: String,
    events: usize,
    offset: i64,
    spent: Spent,
    resident: usize,
    /// The greatest growth of the process by one batch.
    step: usize,
}

#[derive(Default)]
struct Spent {
    events: usize,
    begin: f64,
    finish: f64,
    authority: f64,
}

fn main() {
    let links = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(LINKS);
    let domains = (links / LINKS_PER_PAGE).max(10);
    let mut bench = Bench::new();
    let began = Instant::now();
    let before = resident_bytes();
    println!("B/link by part, and what the process took and the greatest growth by a batch of {BATCH} (MB)");
    for i in 0..links {
        bench.tell(i, domains, "discovered", FIRST_MS + i * 10, "");
        if (i + 1) % (links / LINES) == 0 {
            bench.take();
            bench.print(before);
        }
    }
    bench.print_cpu("new links");
    for i in (0..links).filter(|&i| uniform(i, 11) < 0.3) {
        let at = FIRST_MS + links * 10 + i;
        let (event, reason) = match uniform(i, 11) {
            chance if chance < 0.05 => ("lost", r#","lost_reason":"removedfromhtml""#),
            chance if chance < 0.06 => ("lost", r#","lost_reason":"pageerror""#),
            _ => ("seen", ""),
        };
        bench.tell(i, domains, event, at, reason);
    }
    bench.take();
    bench.print(before);
    bench.print_cpu("known links");
    println!("peak {} MB, {:.0} s", peak_bytes() >> 20, began.elapsed().as_secs_f64());
}

impl Bench {
    fn new() -> Self {
        let options = IndexOptions {
            seed: 7,
            alpha: 0.85,
            epsilon_busy: 1e-2,
            epsilon_idle: 1e-3,
            authority_min_domains: 1_000,
            rel_weights: RelWeights::default(),
        };
        let suffixes = Arc::new(PublicSuffixList::parse("example\n").unwrap());
        let decoding = DecoderOptions { seed: 7, max_event_bytes: 1 << 20, max_batch_bytes: 1 << 30 };
        Self {
            index: Index::new(options).unwrap(),
            decoder: BatchDecoder::new(suffixes, decoding),
            lines: String::new(),
            events: 0,
            offset: 0,
            spent: Spent::default(),
            resident: resident_bytes(),
            step: 0,
        }
    }

    fn tell(&mut self, i: u64, domains: u64, event: &str, at: u64, more: &str) {
        let page = i / LINKS_PER_PAGE;
        let domain = |share: f64| (domains as f64 * share) as u64;
        let source = domain(uniform(page, 1).powf(1.3));
        let target = if uniform(i, 3) < 0.3 { source } else { domain(uniform(i, 2).powf(2.2)) };
        let place = LINKS_PER_PAGE * (4.0 * uniform(i, 4).powi(3)) as u64 + i % LINKS_PER_PAGE;
        write!(
            self.lines,
            r#"{{"event":"{event}","observed_at":{at},"source_url":"https://www.site-{source}.example/p{page}","target_url":"https://www.site-{target}.example/t{place}"{more}"#
        )
        .unwrap();
        if event != "lost" {
            if uniform(i, 5) < 0.8 {
                let salt = if event == "seen" && uniform(i, 10) < 0.07 { 12 } else { 6 };
                write!(self.lines, r#","anchor":"anchor {}""#, mixed(i, salt) % 5_000).unwrap();
            }
            self.lines.push_str(match uniform(i, 7) {
                chance if chance < 0.25 => r#","rel":["nofollow"]"#,
                chance if chance < 0.7 => r#","rel":[]"#,
                _ => "",
            });
            self.lines.push_str(if uniform(i, 8) < 0.1 { r#","link_type":"image""# } else { "" });
            self.lines.push_str(if uniform(i, 9) < 0.02 { r#","language":"de""# } else { "" });
        }
        self.lines.push_str("}\n");
        self.events += 1;
        if self.events == BATCH {
            self.take();
        }
    }

    fn take(&mut self) {
        let records = ChunkRef {
            codec: Codec::Ndjson,
            data: self.lines.as_bytes(),
            first_offset: self.offset,
            received_at_us: RECEIVED_US,
            aborted: &[],
        };
        let batch = self.decoder.decode(&[Chunk { source_id: 1, accepts_losses: true, records }]);
        assert!(batch.dead_letters.is_empty(), "{:?}", batch.dead_letters.first());
        self.apply(&Arc::new(batch));
        self.offset += self.events as i64;
        self.events = 0;
        self.lines.clear();
        let resident = resident_bytes();
        self.step = self.step.max(resident.saturating_sub(self.resident));
        self.resident = resident;
    }

    fn apply(&mut self, batch: &Arc<EventBatch>) {
        let authority = |index: &Index| {
            index.numbers().iter().find(|(name, _)| *name == "authority_cpu_seconds").unwrap().1
        };
        let (began, drained) = (cpu_seconds(), authority(&self.index));
        let wanted = self.index.begin(batch);
        assert!(wanted.is_empty(), "nothing is late");
        let staged = cpu_seconds();
        drop(self.index.finish(Vec::new()).unwrap());
        self.spent.begin += staged - began;
        self.spent.finish += cpu_seconds() - staged;
        self.spent.authority += authority(&self.index) - drained;
        self.spent.events += self.events;
    }

    fn print(&mut self, before: usize) {
        let live = self.index.live_links() as f64;
        print!("{:>9} live", self.index.live_links());
        let mut sum = 0;
        for (name, bytes) in self.index.memory() {
            let name = name.trim_start_matches("memory_").trim_end_matches("_bytes");
            print!(" | {name} {:.1}", bytes as f64 / live);
            sum += if name == "vectors" { 0 } else { bytes };
        }
        let all = self.index.memory_bytes();
        print!(" | state and graphs {:.1} | all {:.1}", sum as f64 / live, all as f64 / live);
        let took = (resident_bytes() - before) as f64 / 1e6;
        println!(" | process +{took:.0} MB, step {:.1} MB", self.step as f64 / 1e6);
        self.step = 0;
    }

    fn print_cpu(&mut self, what: &str) {
        let spent = std::mem::take(&mut self.spent);
        let [begin, finish, authority] =
            [spent.begin, spent.finish, spent.authority].map(|seconds| 1e9 * seconds / spent.events as f64);
        println!(
            "{what}: {begin:.0} ns CPU an event to begin, {finish:.0} to finish, {authority:.0} of it effects and authority"
        );
    }
}

/// Numbers without a pattern.
fn mixed(number: u64, salt: u64) -> u64 {
    let number = number.wrapping_add(salt << 48);
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 32)
}

/// A number of [0, 1).
fn uniform(number: u64, salt: u64) -> f64 {
    (mixed(number, salt) >> 11) as f64 / (1u64 << 53) as f64
}

fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + 1e-9 * now.tv_nsec as f64
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
}

fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    1024 * line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
}
