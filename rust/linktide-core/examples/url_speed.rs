//! Speed of URL identity against a bare ada-url parse, on a text file with one URL a line.
//!
//! `LINKTIDE_URLS=urls.txt LINKTIDE_PSL=public_suffix_list.dat cargo run --release --example url_speed`
//!
//! The contenders take turns on small blocks, many rounds; of each block the least time counts, which
//! holds on a busy machine where a mean or a median does not. Figures are ns per URL.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ada_url::Url;
use linktide_core::url::{Normalizer, PublicSuffixList, url_id};

const BLOCK_URLS: usize = 512;
const ROUNDS: usize = 15;

type Contender<'c> = (&'static str, Box<dyn FnMut(&str) -> usize + 'c>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(std::env::var("LINKTIDE_URLS")?)?;
    let list = std::fs::read_to_string(std::env::var("LINKTIDE_PSL")?)?;
    let suffixes = Arc::new(PublicSuffixList::parse(&list)?);
    let urls: Vec<&str> = text.lines().collect();
    let mut contenders = contenders(&suffixes);
    let mut totals = vec![Duration::ZERO; contenders.len()];
    let mut least = vec![vec![Duration::MAX; contenders.len()]; urls.len().div_ceil(BLOCK_URLS)];
    for _ in 0..ROUNDS {
        for (block, best) in urls.chunks(BLOCK_URLS).zip(&mut least) {
            for ((_, run), best) in contenders.iter_mut().zip(best) {
                let start = Instant::now();
                black_box(block.iter().map(|url| run(url)).sum::<usize>());
                *best = start.elapsed().min(*best);
            }
        }
    }
    for best in &least {
        totals.iter_mut().zip(best).for_each(|(total, best)| *total += *best);
    }
    let bytes: usize = urls.iter().map(|url| url.len()).sum();
    println!("{} URLs, {} bytes on average, least of {ROUNDS} rounds", urls.len(), bytes / urls.len().max(1));
    for ((name, _), total) in contenders.iter().zip(totals) {
        println!("{name:32} {:7.1}", total.as_nanos() as f64 / urls.len() as f64);
    }
    Ok(())
}

fn contenders(suffixes: &Arc<PublicSuffixList>) -> Vec<Contender<'static>> {
    let mut short = (Normalizer::new(Arc::clone(suffixes)), Vec::new());
    let mut hashed = (Normalizer::new(Arc::clone(suffixes)), Vec::new());
    let mut parsed = (Normalizer::new(Arc::clone(suffixes)), Vec::new());
    vec![
        ("ada parse", Box::new(|url| Url::parse(url, None).map_or(0, |url| url.href().len()))),
        (
            "normalise, all outputs",
            Box::new(move |url| {
                short.1.clear();
                short.0.normalize(url.as_bytes(), None, &mut short.1).map_or(0, |row| row.url.len())
            }),
        ),
        (
            "normalise and url_id",
            Box::new(move |url| {
                hashed.1.clear();
                let row = hashed.0.normalize(url.as_bytes(), None, &mut hashed.1);
                row.map_or(0, |_| usize::from(url_id(&hashed.1)[0]))
            }),
        ),
        (
            "normalise through the parser",
            Box::new(move |url| {
                parsed.1.clear();
                parsed.0.normalize_parsed(url.as_bytes(), None, &mut parsed.1).map_or(0, |row| row.url.len())
            }),
        ),
    ]
}
