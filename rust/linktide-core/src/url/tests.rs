//! The whole way: every vector of the table, the limits, the invariants.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::thread_clock::ThreadClock;

const SUFFIXES: &str = "com\nde\nio\nuk\nco.uk\ngithub.io\nexample\n";

fn normalizer() -> Normalizer {
    Normalizer::new(Arc::new(PublicSuffixList::parse(SUFFIXES).unwrap()))
}

fn with(settings: &[Setting]) -> Normalizer {
    let suffixes = Arc::new(PublicSuffixList::parse(SUFFIXES).unwrap());
    Normalizer::with_options(suffixes, UrlOptions::with(settings).unwrap())
}

fn text(out: &[u8], range: &std::ops::Range<usize>) -> String {
    String::from_utf8(out[range.clone()].to_vec()).unwrap()
}

fn check(vector: &Vector) {
    let mut normalizer = with(vector.settings);
    let mut out = b"before".to_vec();
    let got = normalizer.normalize(vector.input.as_bytes(), vector.base, &mut out);
    let mut other =
        |url: &str| normalizer.normalize(url.as_bytes(), None, &mut out.clone()).unwrap().cluster_key;
    let name = vector.input;
    match vector.expected {
        Expected::Url(url) => assert_eq!(text(&out, &got.unwrap().url), url, "{name}"),
        Expected::Reason(reason) => {
            assert_eq!((got, out.as_slice()), (Err(reason), &b"before"[..]), "{name}");
        }
        Expected::Domain(domain) => assert_eq!(text(&out, &got.unwrap().domain), domain, "{name}"),
        Expected::Flags(flags) => assert!(got.clone().unwrap().flags.contains(flags), "{name} {got:?}"),
        Expected::SameCluster(url) => {
            let got = got.unwrap();
            assert_ne!(text(&out, &got.url), url);
            assert_eq!(got.cluster_key, other(url), "{name}");
        }
        Expected::OtherCluster(url) => assert_ne!(got.unwrap().cluster_key, other(url), "{name}"),
    }
}

#[test]
fn every_vector_of_the_table_holds() {
    for row in POLICY {
        assert!(!row.vectors.is_empty(), "{}", row.id);
        row.vectors.iter().for_each(check);
    }
}

/// What a level makes of a URL with everything unwrapped: its text, and its cluster key.
fn unwrapped(level: Level, url: &str) -> Result<(String, u64), UrlReason> {
    let mut normalizer = with(&[Setting::UnwrapAmp, Setting::UnwrapRedirects, Setting::Level(level)]);
    let mut out = Vec::new();
    let got = normalizer.normalize(url.as_bytes(), None, &mut out)?;
    Ok((text(&out, &got.url), got.cluster_key))
}

#[test]
fn what_a_stronger_level_refuses_is_not_unwrapped() {
    for level in Level::ALL {
        let (kept, _) = unwrapped(level, "https://www.google.com/amp/s/a..com/b?c").unwrap();
        assert!(kept.ends_with("google.com/amp/s/a..com/b?c"), "{kept} at {level:?}");
        let wrapper = "http://a-com.c;d.cdn.ampproject.org/c/s/a.com/b";
        match unwrapped(level, wrapper) {
            Ok((kept, _)) => assert_eq!((level, kept.as_str()), (Level::Whatwg, wrapper)),
            Err(reason) => assert_eq!(reason, UrlReason::Host),
        }
    }
}

#[test]
fn all_levels_see_a_page_to_unwrap_where_its_cluster_form_is_one() {
    for (wrapper, target) in [
        ("http://l.facebook.com/l.php;jsessionid=1?u=http%3A%2F%2Fa.com%2F", "http://a.com/"),
        ("https://www.google.de//url?q=https://a.com", "http://a.com/"),
        ("https://www2.google.de./url/?q=https://a.com", "http://a.com/"),
        ("https://google.com//amp///s//a.com/b", "http://a.com/b"),
        ("https://google.com/amp/s/a.com;jsessionid=1/b", "http://a.com/b"),
        ("https://google.com/amp/s/u@a.com/b", "http://a.com/b"),
        ("https://google.com/amp/s/www.google.com//url/index.php?q=http://a.com", "http://a.com/"),
        ("https://steamcommunity.com/linkfilter/?u=http://a.com", "http://a.com/"),
    ] {
        let (_, key) = unwrapped(Level::Index, target).unwrap();
        for level in Level::ALL {
            assert_eq!(unwrapped(level, wrapper).unwrap().1, key, "{wrapper} at {level:?}");
        }
        assert_eq!(unwrapped(Level::Cluster, wrapper).unwrap().0, target);
    }
    for wrapper in ["https://google.com/amp/s/index.html", "https://google.com:81/url?q=http://a.com"] {
        let keys = Level::ALL.map(|level| unwrapped(level, wrapper).unwrap().1);
        let key = normalizer().normalize(wrapper.as_bytes(), None, &mut Vec::new()).unwrap().cluster_key;
        assert_eq!(keys, [key; 4], "{wrapper}");
    }
}

#[test]
fn a_target_is_as_its_level_has_it() {
    let wrapper = "https://www.google.com/amp/s/www.a.com//b/?utm_source=c";
    for (level, target) in [
        (Level::Whatwg, "https://www.a.com//b/?utm_source=c"),
        (Level::Index, "https://www.a.com//b/"),
        (Level::Cluster, "http://a.com/b"),
    ] {
        assert_eq!(unwrapped(level, wrapper).unwrap().0, target);
    }
}

#[test]
fn the_table_is_whole() {
    let ids: Vec<&str> = POLICY.iter().map(|row| row.id).collect();
    let wanted: Vec<String> = (1..=27).map(|id| format!("P{id}")).collect();
    assert_eq!(ids, wanted);
}

#[test]
fn every_dropped_parameter_is_dropped() {
    for row in PARAMETERS {
        let partner = if row.name == "cfid" { "cftoken" } else { "cfid" };
        let url = format!("http://a.com/?a=1&{}={}&{partner}=1&b", row.name, "0".repeat(32));
        let mut out = Vec::new();
        let got = normalizer().normalize(url.as_bytes(), None, &mut out).unwrap();
        assert!(!text(&out, &got.url).contains(&format!("&{}=", row.name)), "{}", row.name);
        let is_session = row.kind == ParameterKind::Session;
        assert_eq!(got.flags.contains(UrlFlags::HAD_SESSION), is_session, "{}", row.name);
        assert_eq!(got.flags.contains(UrlFlags::HAD_TRACKING), !is_session, "{}", row.name);
    }
}

#[test]
fn limits_are_exact() {
    let mut normalizer = normalizer();
    let mut reason = |url: &str, base: Option<&str>| {
        let mut out = b"before".to_vec();
        let got = normalizer.normalize(url.as_bytes(), base, &mut out);
        assert!(got.is_ok() || out == b"before");
        got.err()
    };
    let prefix = "http://a.com/";
    let longest = format!("{prefix}{}", "b".repeat(MAX_OUTPUT_BYTES - prefix.len()));
    assert_eq!(reason(&longest, None), None);
    assert_eq!(reason(&format!("{longest}b"), None), Some(UrlReason::TooLong));
    let fragment = format!("{prefix}#{}", "b".repeat(MAX_INPUT_BYTES - prefix.len() - 1));
    assert_eq!(reason(&fragment, None), None);
    assert_eq!(reason(&format!("{fragment}b"), None), Some(UrlReason::TooLong));
    assert_eq!(reason("b", Some(&format!("{fragment}b"))), Some(UrlReason::TooLong));
}

/// Soft hyphens vanish from a host, so without the limit these would be `a.com`. The limit is there for
/// combining marks, on which the parser takes quadratic time.
#[test]
fn hosts_written_too_long_are_refused_unparsed() {
    let mut out = Vec::new();
    let long = |count: usize| format!("a{}.com", "\u{ad}".repeat(count));
    let mut reason =
        |url: &str, base: Option<&str>| normalizer().normalize(url.as_bytes(), base, &mut out).err();
    assert_eq!(reason(&format!("http://{}/", long(1_500)), None), None);
    assert_eq!(reason(&format!("http://{}/", long(1_600)), None), Some(UrlReason::Host));
    assert_eq!(reason(&format!("//{}/", long(1_600)), None), Some(UrlReason::Host));
    assert_eq!(reason("b", Some(&format!("http://{}/", long(1_600)))), Some(UrlReason::Relative));
    assert_eq!(reason(&format!("http://{}@a.com/", long(9_000)), None), None);
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let mut out = Vec::new();
    assert_eq!(normalizer().normalize(b"http://a.com/\xff", None, &mut out), Err(UrlReason::BadUtf8));
    assert_eq!(out, b"");
}

#[test]
fn a_useless_base_does_not_spoil_an_absolute_url() {
    for base in ["", "about:blank", "http://[", "/x", "http:"] {
        let mut out = Vec::new();
        for url in ["http://a.com/b", "http:a.com/b"] {
            out.clear();
            normalizer().normalize(url.as_bytes(), Some(base), &mut out).unwrap();
            assert_eq!(out, b"http://a.com/b", "{base}");
        }
        assert_eq!(normalizer().normalize(b"b", Some(base), &mut out), Err(UrlReason::Relative));
    }
}

#[test]
fn host_and_domain_are_ranges_of_the_url() {
    let mut out = b"before".to_vec();
    let got = normalizer().normalize(b"http://u@www.b.co.uk.:81/c", None, &mut out).unwrap();
    assert_eq!(out, b"beforehttp://www.b.co.uk:81/c");
    assert_eq!(text(&out, &got.host), "www.b.co.uk");
    assert_eq!(text(&out, &got.domain), "b.co.uk");
    assert_eq!(got.url, 6..out.len());
    assert_eq!(got.flags, UrlFlags::HAD_USERINFO | UrlFlags::HAS_PORT);
}

#[test]
fn names_and_codes_of_reasons_are_stable() {
    let all: Vec<(&str, u8)> = UrlReason::ALL.iter().map(|reason| (reason.name(), reason.code())).collect();
    let wanted = [
        ("SCHEME", 1),
        ("RELATIVE", 2),
        ("HOST", 3),
        ("TOO_LONG", 4),
        ("BAD_UTF8", 5),
        ("INVALID", 6),
        ("PRIVATE", 7),
    ];
    assert_eq!(all, wanted);
}

fn check_invariants(exerciser: &mut UrlExerciser, input: &str) {
    assert_eq!(exerciser.exercise(input.as_bytes()), Ok(()), "{input:?}");
}

fn exerciser() -> UrlExerciser {
    UrlExerciser::new(&Arc::new(PublicSuffixList::parse(SUFFIXES).unwrap()))
}

const PIECES: &[&str] = &[
    "/",
    "//",
    "?",
    "&",
    "#",
    "=",
    "%",
    "%%",
    "%2",
    "%2e",
    "%2E.",
    "..",
    ".",
    ";",
    ";jsessionid=",
    "utm_",
    "%75tm_x=1",
    "fbclid=",
    "cfid=1",
    "cftoken",
    "a",
    "B",
    "é",
    "\u{fffd}",
    "%00",
    "%EF%BF%BD",
    "\\",
    "@",
    ":",
    "[",
    "]",
    "|",
    "^",
    "'",
    "(S(abcdefghijklmnopqrstuvwx))",
    " ",
    "\t",
    "www.",
    "index.html",
    "+",
    "%41",
    "%6",
    "25",
    "\u{200d}",
    "ß",
    "。",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn invariants_hold_for_texts_of_hard_pieces(
        host in "[a-cA-C.%]{1,6}|a\\.com|1\\.2\\.3\\.4|\\[::1\\]",
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..16),
    ) {
        let mut exerciser = exerciser();
        check_invariants(&mut exerciser, &format!("http://{host}/{}", pieces.concat()));
        check_invariants(&mut exerciser, &format!("https://{}{host}", pieces.concat()));
    }

    #[test]
    fn invariants_hold_for_any_text(tail in any::<String>()) {
        let mut exerciser = exerciser();
        check_invariants(&mut exerciser, &format!("http://a.com/{tail}"));
        check_invariants(&mut exerciser, &format!("//{tail}"));
        check_invariants(&mut exerciser, &tail);
    }

    #[test]
    fn any_bytes_and_any_base_are_survived(input in any::<Vec<u8>>(), base in any::<Option<String>>()) {
        let mut out = Vec::new();
        let got = normalizer().normalize(&input, base.as_deref(), &mut out);
        prop_assert!(got.is_ok() || out.is_empty());
        let mut exerciser = exerciser();
        for head in [&b"http://a.com/b/"[..], b"http://a.com/?b=", b"http://a.com/#"] {
            prop_assert_eq!(exerciser.exercise(&[head, &input].concat()), Ok(()));
        }
    }

    #[test]
    fn lanes_see_and_copy_what_plain_loops_do(
        bytes in prop::collection::vec(any::<u8>(), 0..300), skipped in 0..64_usize,
    ) {
        // Behind an exact allocation a memory checker sees any read too many; a tail of it is not aligned.
        let bytes: Box<[u8]> = bytes.into();
        prop_assert_eq!(exercise_lanes(&bytes), Ok(()));
        prop_assert_eq!(exercise_lanes(&bytes[skipped.min(bytes.len())..]), Ok(()));
    }

    #[test]
    fn long_urls_hold_too(
        piece in prop::sample::select(PIECES), count in 0..3_000_usize, other in prop::sample::select(PIECES),
    ) {
        let mut exerciser = exerciser();
        check_invariants(&mut exerciser, &format!("http://a.com/{}{other}", piece.repeat(count)));
        check_invariants(&mut exerciser, &format!("http://a.com/?{}{other}b", piece.repeat(count)));
    }
}

/// What two URLs cost, in seconds of this thread, in turns: the least of many runs, for a busy machine only ever adds,
/// and it adds to both.
fn costs(normalizer: &mut Normalizer, inputs: [&str; 2]) -> [f64; 2] {
    let mut run = |input: &str| {
        let mut out = Vec::new();
        let clock = ThreadClock::now();
        let _ = std::hint::black_box(normalizer.normalize(input.as_bytes(), None, &mut out));
        clock.seconds()
    };
    (0..40).fold([f64::INFINITY; 2], |least, _| [least[0].min(run(inputs[0])), least[1].min(run(inputs[1]))])
}

/// As a multiple of what a long URL costs that the parser must read too, so that neither the machine nor the build
/// matters much.
#[test]
fn shapes_that_cost_much_in_other_parsers_cost_little() {
    let mut normalizer = normalizer();
    let user = |unit: &str| format!("http://{}@h.com/", unit.repeat(60_000 / unit.len()));
    let letters = format!("HTTP://h.com/{}", "%C3".repeat(20_000));
    for unit in ["@", "a@", ":@", "a:b@", "|", "é"] {
        let [ats, beside] = costs(&mut normalizer, [&user(unit), &letters]);
        assert!(ats < 2.0 * beside, "{unit}: {ats} beside {beside} s");
    }
    let query = |unit: &str| format!("http://h.com/?{}", unit.repeat(8_000 / unit.len()));
    let [out_of_order, in_order] = costs(&mut normalizer, [&query("c=1&b=2&"), &query("b=1&b=2&")]);
    assert!(out_of_order < 8.0 * in_order, "{out_of_order} beside {in_order} s");
}
