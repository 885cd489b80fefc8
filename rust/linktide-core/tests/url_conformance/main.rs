//! Outside tests of URL identity: the web platform tests at level *whatwg*, the public suffix list's own
//! vectors, the invariants of every level over mutated test URLs, and a second parser.
//!
//! The files are read from the folder `LINKTIDE_DATA`; without it each test says so and ends.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a test file")]

mod levels;
mod second_parser;
mod seeds;

use std::sync::Arc;

use ada_url::{Idna, Url};
use linktide_core::url::{Level, Normalizer, PublicSuffixList, Setting, UrlOptions, UrlReason};
use seeds::{HostCase, UrlCase, cases, data, suffixes};

fn whatwg() -> Normalizer {
    let list = suffixes().unwrap_or_else(|| Arc::new(PublicSuffixList::parse("com\n").unwrap()));
    Normalizer::with_options(list, UrlOptions::with(&[Setting::Level(Level::Whatwg)]).unwrap())
}

/// The URL at level *whatwg*, with host and domain as the row says they lie in it.
fn href(normalizer: &mut Normalizer, input: &str, base: Option<&str>) -> Option<String> {
    let mut out = Vec::new();
    let row = normalizer.normalize(input.as_bytes(), base, &mut out).ok()?;
    let host = std::str::from_utf8(&out[row.host.clone()]).unwrap();
    assert_eq!(Url::parse(input, base).unwrap().hostname(), host);
    assert!(row.host.start <= row.domain.start && row.domain.end <= row.host.end);
    Some(String::from_utf8(out).unwrap())
}

#[test]
fn urltestdata_holds() {
    let Some(text) = data("conformance/urltestdata.json") else { return };
    let mut normalizer = whatwg();
    let cases: Vec<UrlCase> = cases(&text);
    assert!(cases.len() >= 891, "only {} usable cases", cases.len());
    for case in &cases {
        assert_eq!(case.failure, case.href.is_none());
        let got = href(&mut normalizer, &case.input, case.base.as_deref());
        assert_eq!(got, case.href, "{:?} on {:?}", case.input, case.base);
    }
    println!("urltestdata: {} cases", cases.len());
}

fn check_hosts(file: &str, least: usize) {
    let Some(text) = data(file) else { return };
    let mut normalizer = whatwg();
    // The web platform's own runner leaves the empty input out too: a URL cannot show it.
    let cases: Vec<HostCase> =
        cases(&text).into_iter().filter(|case: &HostCase| !case.input.is_empty()).collect();
    assert!(cases.len() >= least, "only {} usable cases", cases.len());
    for case in &cases {
        let got = href(&mut normalizer, &format!("https://{}/x", case.input), None);
        let wanted = case.output.as_ref().map(|host| format!("https://{host}/x"));
        assert_eq!(got, wanted, "{:?}", case.input);
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
