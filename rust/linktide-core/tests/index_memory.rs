//! The bytes an index tells of itself are the bytes by which the process grew.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it expects by failing")]

use linktide_core::event::AttributeField;
use linktide_core::index::{Index, IndexOptions, RestoredDomain, RestoredLink};
use linktide_core::links::attribute::Field;
use linktide_core::links::flow::RelWeights;
use linktide_core::links::register::{Registers, Status};

const LINKS: u64 = 500_000;
const PAGES: u64 = 150_000;
const DOMAINS: u64 = 30_000;

/// Numbers without a pattern.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
}

fn fill(index: &mut Index, links: std::ops::Range<u64>) {
    for number in links {
        // Squared: some pages have many links, most few.
        let page = |salt: u64| {
            let even = mixed(number ^ salt) % PAGES * (mixed(number ^ salt ^ 1) % PAGES) / PAGES;
            (mixed(even), mixed(even % DOMAINS))
        };
        let registers =
            Registers { last_seen: 1, started_at: 1, status: Status::Live, ..Registers::default() };
        let link = RestoredLink {
            link_id: mixed(number ^ 7 << 40),
            source_keys: page(1 << 50),
            target_keys: page(3 << 50),
        };
        let title = Field::from(*AttributeField::ALL.first().unwrap());
        let told = [(Field::ANCHOR, "anchor"), (title, "title")];
        let told = told.into_iter().take(if number % 4 == 0 { 2 } else { 1 });
        index.restore_link(&link, 1, told);
        index.restore_registers_of(link.link_id, registers, 1);
    }
}

fn filled(links: u64) -> Index {
    let options = IndexOptions {
        seed: 0,
        alpha: 0.85,
        epsilon_busy: 1e-2,
        epsilon_idle: 1e-3,
        authority_min_domains: 0,
        rel_weights: RelWeights::default(),
    };
    let mut index = Index::new(options).unwrap();
    index.set_seeds(&["a.example".to_owned()], &[]).unwrap();
    for number in 0..DOMAINS {
        let name = format!("site-{number}.example");
        let domain = RestoredDomain { key: mixed(number), name: &name, has_node: true, shown: (1.0, 0.0) };
        index.restore_domain(&domain).unwrap();
    }
    fill(&mut index, 0..links);
    index.restored(None, 1).unwrap();
    index
}

/// A fixed threshold makes the allocator give each large block back at once. Left alone it keeps up to a fifth
/// more than the index holds, and more in one run than in the next.
const ALLOCATOR: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");

#[test]
fn an_index_is_as_large_as_it_says() {
    if std::env::var_os(ALLOCATOR.0).is_none() {
        // The allocator reads it at start: once more, in a process of its own.
        let this = std::env::current_exe().unwrap();
        let status = std::process::Command::new(this)
            .args(["--exact", "an_index_is_as_large_as_it_says", "--nocapture"])
            .env(ALLOCATOR.0, ALLOCATOR.1)
            .status();
        assert!(status.unwrap().success());
        return;
    }
    // All are kept: what one gave back the next would take without growing.
    // The first index of a process pays for its code, its threads' stacks and the allocator's arenas too, some 2 MB.
    let first = filled(LINKS / 5);
    let mut kept: Vec<Index> = Vec::new();
    for part in 1..=5 {
        let before = resident_bytes();
        let index = filled(part * LINKS / 5);
        let (grown, tells) = (resident_bytes() - before, index.memory_bytes());
        let share = tells as f64 / grown as f64;
        println!("{} links: {tells} B told, {grown} B resident, {share:.3}", index.known_links());
        assert!(kept.last().is_none_or(|smaller| tells > smaller.memory_bytes()), "it grows");
        assert!((0.95..1.08).contains(&share), "{tells} B told, {grown} B resident: {:?}", index.memory());
        kept.push(index);
    }
    drop(first);
    let mut index = kept.pop().unwrap();
    let told = index.memory_bytes();
    assert_eq!(index.known_links() as u64, LINKS);
    index.shrink().unwrap();
    assert!(index.memory_bytes() < told);
    assert!(index.memory().iter().all(|(_, bytes)| *bytes > 0));
}
