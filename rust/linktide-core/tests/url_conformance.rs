//! Outside tests of URL identity: the web platform tests at level W (through ada-url, the slow path and
//! the oracle), the public suffix list's own vectors, and the invariants over mutated real test URLs.
//!
//! The files are read from the folder `LINKTIDE_DATA`; without it each test says so and ends.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a test file")]

use std::path::PathBuf;
use std::sync::Arc;

use ada_url::{Idna, Url};
use linktide_core::url::{MAX_INPUT_BYTES, Normalizer, PublicSuffixList, UrlReason};
use serde::Deserialize;
use sonic_rs::JsonValueTrait;

fn data(file: &str) -> Option<String> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("LINKTIDE_DATA").map_or(default, PathBuf::from).join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: no {}; set LINKTIDE_DATA", path.display());
    }
    text
}

fn suffixes() -> Option<Arc<PublicSuffixList>> {
    data("public_suffix_list.dat").map(|text| Arc::new(PublicSuffixList::parse(&text).unwrap()))
}

/// The usable cases of a test file: its objects, less those that hold lone surrogates, which no Rust
/// string can.
fn cases<Case: for<'de> Deserialize<'de>>(text: &str) -> Vec<Case> {
    let items = sonic_rs::to_array_iter(text);
    let objects = items.map(Result::unwrap).filter(JsonValueTrait::is_object);
    objects.filter_map(|item| sonic_rs::from_str(item.as_raw_str()).ok()).collect()
}

#[derive(Deserialize)]
struct UrlCase {
    input: String,
    base: Option<String>,
    href: Option<String>,
    #[serde(default)]
    failure: bool,
}

#[derive(Deserialize)]
struct HostCase {
    input: String,
    output: Option<String>,
}

#[test]
fn urltestdata_holds() {
    let Some(text) = data("conformance/urltestdata.json") else { return };
    let cases: Vec<UrlCase> = cases(&text);
    assert!(cases.len() >= 891, "only {} usable cases", cases.len());
    for case in &cases {
        let got = Url::parse(case.input.as_str(), case.base.as_deref()).ok();
        assert_eq!(case.failure, case.href.is_none());
        assert_eq!(got.as_ref().map(Url::href), case.href.as_deref(), "{:?} on {:?}", case.input, case.base);
    }
    println!("urltestdata: {} cases", cases.len());
}

fn check_hosts(file: &str, least: usize) {
    let Some(text) = data(file) else { return };
    // The web platform's own runner leaves the empty input out too: a URL cannot show it.
    let cases: Vec<HostCase> =
        cases(&text).into_iter().filter(|case: &HostCase| !case.input.is_empty()).collect();
    assert!(cases.len() >= least, "only {} usable cases", cases.len());
    for case in &cases {
        let got = Url::parse(format!("https://{}/x", case.input), None).ok();
        assert_eq!(got.as_ref().map(Url::host), case.output.as_deref(), "{:?}", case.input);
    }
    println!("{file}: {} cases", cases.len());
}

#[test]
fn toascii_holds() {
    check_hosts("conformance/toascii.json", 87);
}

#[test]
fn idna_test_v2_holds() {
    check_hosts("conformance/IdnaTestV2.json", 2_668);
}

/// P25's reading of the vectors: where the list says "no registrable domain", the host is its own site;
/// a leading dot is an empty label, which P5 refuses.
#[test]
fn public_suffix_vectors_hold() {
    if let Some(list) = suffixes() {
        check_suffix_vectors(list);
    }
}

/// A list that comes into force later is read as the first one was: from another file, with other line ends
/// and rules that no vector meets.
#[test]
fn public_suffix_vectors_hold_after_a_reload_from_another_file() {
    let Some(text) = data("public_suffix_list.dat") else { return };
    let first = Arc::new(PublicSuffixList::parse("com\nus\njp\n*.kobe.jp\n").unwrap());
    let mut before = Normalizer::new(Arc::clone(&first));
    let mut out = Vec::new();
    let domain = before.normalize(b"http://a.b.c.kobe.jp/", None, &mut out).unwrap().domain;
    assert_eq!(&out[domain], b"b.c.kobe.jp");
    let name = format!("linktide-reloaded-{}.dat", std::process::id());
    let path = std::env::temp_dir().join(name);
    let (head, rest) = text.split_once("// ===BEGIN ICANN").unwrap();
    let edited = format!("{head}// VERSION: mine\n// ===BEGIN ICANN{rest}\nunmet\n*.unmet\n!not.unmet\n");
    std::fs::write(&path, edited.replace('\n', "\r\n")).unwrap();
    let reloaded = std::fs::read_to_string(&path);
    std::fs::remove_file(&path).unwrap();
    let reloaded = PublicSuffixList::parse(&reloaded.unwrap()).unwrap();
    assert_ne!(reloaded.version(), first.version());
    assert_eq!(reloaded.registrable_domain("a.b.not.unmet"), "not.unmet");
    check_suffix_vectors(Arc::new(reloaded));
}

fn check_suffix_vectors(list: Arc<PublicSuffixList>) {
    let Some(text) = data("conformance/test_psl.txt") else { return };
    let mut normalizer = Normalizer::new(list);
    let mut count = 0;
    for line in text.lines() {
        let Some(arguments) =
            line.strip_prefix("checkPublicSuffix(").and_then(|rest| rest.strip_suffix(");"))
        else {
            continue;
        };
        let mut names = arguments
            .split(", ")
            .map(|name| name.strip_prefix('\'').and_then(|name| name.strip_suffix('\'')));
        let (host, wanted) = (names.next().unwrap(), names.next().unwrap());
        let host = host.unwrap_or_default();
        let mut out = Vec::new();
        let got = normalizer.normalize(format!("http://{host}/").as_bytes(), None, &mut out);
        let got = got.map(|got| String::from_utf8(out[got.domain].to_vec()).unwrap());
        let wanted = match (host, wanted) {
            ("", _) => Err(UrlReason::Invalid),
            (host, None) if host.starts_with('.') => Err(UrlReason::Host),
            (host, wanted) => Ok(Idna::ascii(wanted.unwrap_or(host))),
        };
        assert_eq!(got, wanted, "{line}");
        count += 1;
    }
    assert_eq!(count, 78);
}

/// A small generator (xorshift64*): the mutations must be the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
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

fn mutate(url: &str, other: &str, random: &mut Random) -> String {
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

/// The invariants of the design for one text; true if it has a normalised form.
fn has_invariants(normalizer: &mut Normalizer, input: &str, out: &mut Vec<u8>, again: &mut Vec<u8>) -> bool {
    out.clear();
    again.clear();
    let got = normalizer.normalize(input.as_bytes(), None, out);
    let parsed = normalizer.normalize_parsed(input.as_bytes(), None, again);
    assert_eq!((&got, &*out), (&parsed, &*again), "the short way differs for {input:?}");
    let Ok(got) = got else {
        assert!(out.is_empty(), "{input:?}");
        return false;
    };
    let url = std::str::from_utf8(out).unwrap();
    assert!(url.len() <= 3 * input.len() + 8 + 253, "{input:?} grew to {url:?}");
    assert_eq!(Url::parse(url, None).unwrap().href(), url, "{input:?}");
    again.clear();
    let second = normalizer.normalize(url.as_bytes(), None, again).unwrap();
    assert_eq!(again, out, "{input:?}");
    assert_eq!(
        (second.host, second.domain, second.cluster_key),
        (got.host, got.domain, got.cluster_key),
        "{input:?}"
    );
    if let Ok(ada) = Url::parse(input, None)
        && ada.href().len() <= MAX_INPUT_BYTES
    {
        again.clear();
        normalizer.normalize(ada.href().as_bytes(), None, again).unwrap();
        assert_eq!(again, out, "{input:?}");
    }
    true
}

/// The lines of the file that `LINKTIDE_URLS` names, if it is set: real URLs to test besides.
fn real_urls() -> Vec<String> {
    let text = std::env::var("LINKTIDE_URLS").map(|path| std::fs::read_to_string(path).unwrap());
    text.map_or_else(|_| Vec::new(), |text| text.lines().map(str::to_owned).collect())
}

/// `LINKTIDE_URL_MUTATIONS` enlarges the run, `LINKTIDE_URLS` gives it real URLs to begin with.
#[test]
fn invariants_hold_for_mutated_urls() {
    let (Some(list), Some(text)) = (suffixes(), data("conformance/urltestdata.json")) else { return };
    let wanted = std::env::var("LINKTIDE_URL_MUTATIONS").map_or(200_000, |count| count.parse().unwrap());
    let mut seeds: Vec<String> = cases::<UrlCase>(&text)
        .into_iter()
        .flat_map(|case| [Some(case.input), case.href])
        .flatten()
        .collect();
    seeds.extend(
        linktide_core::url::POLICY.iter().flat_map(|row| row.vectors).map(|vector| vector.input.to_owned()),
    );
    seeds.extend(real_urls());
    let mut normalizer = Normalizer::new(list);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut out, mut again, mut good) = (Vec::new(), Vec::new(), 0);
    seeds.retain(|seed| {
        has_invariants(&mut normalizer, seed, &mut out, &mut again)
            || seed.to_ascii_lowercase().starts_with("http")
    });
    for _ in 0..wanted {
        let (one, two) = (random.below(seeds.len()), random.below(seeds.len()));
        let mutated = mutate(&seeds[one], &seeds[two], &mut random);
        good += usize::from(has_invariants(&mut normalizer, &mutated, &mut out, &mut again));
    }
    println!("{wanted} mutated URLs, {good} with a normalised form");
    assert!(good > wanted / 4, "only {good} of {wanted} had a normalised form: the test shows little");
}
