//! The inputs: test files, and mutations of what they hold.

use std::path::PathBuf;
use std::sync::Arc;

use linktide_core::url::{POLICY, PublicSuffixList};
use serde::Deserialize;
use sonic_rs::JsonValueTrait;

pub(crate) fn data(file: &str) -> Option<String> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("LINKTIDE_DATA").map_or(default, PathBuf::from).join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: no {}; set LINKTIDE_DATA", path.display());
    }
    text
}

pub(crate) fn suffixes() -> Option<Arc<PublicSuffixList>> {
    data("public_suffix_list.dat").map(|text| Arc::new(PublicSuffixList::parse(&text).unwrap()))
}

/// The usable cases of a test file: its objects, less those that hold lone surrogates, which no Rust
/// string can.
pub(crate) fn cases<Case: for<'de> Deserialize<'de>>(text: &str) -> Vec<Case> {
    let items = sonic_rs::to_array_iter(text);
    let objects = items.map(Result::unwrap).filter(JsonValueTrait::is_object);
    objects.filter_map(|item| sonic_rs::from_str(item.as_raw_str()).ok()).collect()
}

#[derive(Deserialize)]
pub(crate) struct UrlCase {
    pub(crate) input: String,
    pub(crate) base: Option<String>,
    pub(crate) href: Option<String>,
    #[serde(default)]
    pub(crate) failure: bool,
}

#[derive(Deserialize)]
pub(crate) struct HostCase {
    pub(crate) input: String,
    pub(crate) output: Option<String>,
}

/// A small generator (xorshift64*): the mutations must be the same on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }
}

const HARD: &[&str] = &[
    "%",
    "%2",
    "%2e",
    "%00",
    "%25",
    "%41",
    "%EF%BF%BD",
    "&",
    "=",
    "?",
    "#",
    "/",
    "//",
    "\\",
    "/..",
    "/.",
    ";",
    ":",
    "@",
    ";jsessionid=1",
    "utm_a=1",
    "%75tm_a=1",
    "sid=0123456789abcdef0123456789abcdef",
    "cfid=1",
    "&cftoken=1",
    "é",
    "\u{fffd}",
    "\t",
    " ",
    "|",
    "[",
    "]",
    "^",
    "'",
    "(S(abcdefghijklmnopqrstuvwx))",
    "www.",
    ".",
    "xn--",
    "ß",
    "。",
    "0x7f",
    "[::1]",
];

pub(crate) fn mutate(url: &str, other: &str, random: &mut Random) -> String {
    let mut chars: Vec<char> = url.chars().collect();
    for _ in 0..=random.below(4) {
        let at = random.below(chars.len() + 1);
        match random.below(5) {
            0 => drop(chars.splice(at..at, HARD[random.below(HARD.len())].chars())),
            1 if at < chars.len() => drop(chars.remove(at)),
            2 => {
                let end = (at + random.below(8)).min(chars.len());
                let copy: Vec<char> = chars[at..end].to_vec();
                drop(chars.splice(at..at, copy));
            }
            3 => {
                let tail: Vec<char> = other.chars().collect();
                let from = random.below(tail.len() + 1);
                chars.truncate(at);
                chars.extend(&tail[from..]);
            }
            _ => chars.insert(at, char::from(random.below(128) as u8)),
        }
    }
    chars.into_iter().collect()
}

/// The lines of the file that `LINKTIDE_URLS` names, if it is set: real URLs to test besides.
fn real_urls() -> Vec<String> {
    let text = std::env::var("LINKTIDE_URLS").map(|path| std::fs::read_to_string(path).unwrap());
    text.map_or_else(|_| Vec::new(), |text| text.lines().map(str::to_owned).collect())
}

/// URLs to test and to mutate: those of the web platform tests, of the table, and of the user's file.
pub(crate) fn seeds() -> Option<Vec<String>> {
    let text = data("conformance/urltestdata.json")?;
    let mut seeds: Vec<String> = cases::<UrlCase>(&text)
        .into_iter()
        .flat_map(|case| [Some(case.input), case.href])
        .flatten()
        .collect();
    seeds.extend(POLICY.iter().flat_map(|row| row.vectors).map(|vector| vector.input.to_owned()));
    seeds.extend(real_urls());
    Some(seeds)
}

/// How many mutations to test: `LINKTIDE_URL_MUTATIONS`, or fewer than a second takes.
pub(crate) fn mutations() -> usize {
    std::env::var("LINKTIDE_URL_MUTATIONS").map_or(200_000, |count| count.parse().unwrap())
}
