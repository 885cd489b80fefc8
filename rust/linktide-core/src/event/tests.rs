//! The contract, case by case, and what must hold for any bytes at all.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

/// 2026-08-01T00:00:00Z.
const NOW_US: i64 = 1_785_542_400_000_000;
const CONTEXT: DecodeContext = DecodeContext { record_time_us: NOW_US, max_event_bytes: 1_000_000 };
const BASE: &str = r#""event":"seen","observed_at":"2026-07-31T12:00:00Z","source_url":"https://a.example/p","target_url":"https://b.example/""#;

fn read(json: &str) -> Result<Event<'_>, Rejection> {
    decode(Some(json.as_bytes()), &CONTEXT)
}

/// The base event with more fields, which win over its own.
fn with(more: &str) -> String {
    format!("{{{BASE},{more}}}")
}

fn reason(json: &str) -> &'static str {
    read(json).map_or_else(|rejection| rejection.reason.name(), |_| "accepted")
}

fn extra_of(more: &str) -> Option<String> {
    read(&with(more)).unwrap().extra
}

#[test]
fn a_plain_event_is_borrowed_whole() {
    let json = with(r#""anchor":"Bücher & more","rel":["nofollow"],"link_type":"text""#);
    let event = read(&json).unwrap();
    assert_eq!((event.kind, event.observed_at_us), (EventKind::Seen, NOW_US - 43_200_000_000));
    assert_eq!(event.link_type, Some(LinkType::Text));
    let rel = event.rel.unwrap();
    assert!(rel.class.has(RelClass::NOFOLLOW) && !rel.class.is_followed());
    for text in [event.source_url, event.target_url.unwrap(), event.anchor.unwrap(), rel.text] {
        assert!(matches!(text, Cow::Borrowed(_)), "{text} was copied");
    }
    assert_eq!((event.attributes.capacity(), event.extra, event.lost_reason), (0, None, None));
}

#[test]
fn every_reason_of_this_room_can_be_met() {
    let deep = format!("{{\"a\":{}", "[".repeat(10_000));
    let cases: &[(&str, &str)] = &[
        ("", "EMPTY"),
        (" \t\r\n", "EMPTY"),
        ("{", "INVALID_JSON"),
        ("[1,2", "INVALID_JSON"),
        ("[1,2]", "NOT_AN_OBJECT"),
        ("\"text\"", "NOT_AN_OBJECT"),
        (&deep, "TOO_DEEP"),
        ("{}", "MISSING_FIELD"),
        (&with(r#""event":null"#), "MISSING_FIELD"),
        (&with(r#""observed_at":null"#), "MISSING_FIELD"),
        (&with(r#""source_url":"""#), "MISSING_FIELD"),
        (&with(r#""target_url":" \n""#), "MISSING_FIELD"),
        (&with(r#""event":1"#), "WRONG_TYPE"),
        (&with(r#""observed_at":true"#), "WRONG_TYPE"),
        (&with(r#""anchor":["a"]"#), "WRONG_TYPE"),
        (&with(r#""rel":{"nofollow":true}"#), "WRONG_TYPE"),
        (&with(r#""rel":["nofollow",null]"#), "WRONG_TYPE"),
        (&with(r#""http_code":"200""#), "WRONG_TYPE"),
        (&with(r#""http_code":200.5"#), "WRONG_TYPE"),
        (&with(r#""noindex":1"#), "WRONG_TYPE"),
        (&with(r#""redirect_chain":["a",1]"#), "WRONG_TYPE"),
        (&with(r#""base":1"#), "WRONG_TYPE"),
        (&with(r#""event_id":[]"#), "WRONG_TYPE"),
        (&with(r#""version":true"#), "WRONG_TYPE"),
        (&with(r#""http_code":1000"#), "WRONG_VALUE"),
        (&with(r#""links_internal":-1"#), "WRONG_VALUE"),
        (&with(r#""links_internal":1e400"#), "WRONG_VALUE"),
        (&with(r#""link_type":"Text""#), "WRONG_VALUE"),
        (&with(r#""event":"lost","lost_reason":"gone""#), "WRONG_VALUE"),
        (&with(r#""event":"Seen""#), "UNKNOWN_EVENT"),
        (&with(r#""event":"page","complete":true"#), "MISSING_FIELD"),
        (&with(r#""event":"target","target_url":null"#), "MISSING_FIELD"),
        (&with(r#""event":"referral","day":"2026-01-31""#), "MISSING_FIELD"),
        (&with(r#""event":"referral","visits":1"#), "MISSING_FIELD"),
        (&with(r#""event":"referral","day":"2026-02-30","visits":1"#), "WRONG_VALUE"),
        (&with(r#""event":"referral","day":"2026-01-31","visits":-1"#), "WRONG_VALUE"),
        (&with(r#""version":2"#), "UNSUPPORTED_VERSION"),
        (&with(r#""version":"1.1""#), "UNSUPPORTED_VERSION"),
        (&with(r#""observed_at":"yesterday""#), "TIME_FORMAT"),
        (&with(r#""observed_at":"2026-01-01T00:00:00""#), "TIME_RANGE"),
        (&with(r#""observed_at":1700000000"#), "TIME_RANGE"),
    ];
    for (json, wanted) in cases {
        assert_eq!(reason(json), *wanted, "{}", json.get(..120).unwrap_or(json));
    }
    let others: [(Option<&[u8]>, Reason); 3] = [
        (None, Reason::Tombstone),
        (Some(b"{\"a\":\"\xff\"}"), Reason::InvalidUtf8),
        (Some(&vec![b' '; 1_000_001]), Reason::TooLarge),
    ];
    for (value, wanted) in others {
        assert_eq!(decode(value, &CONTEXT).unwrap_err().reason, wanted);
    }
}

#[test]
fn json_is_strict() {
    for value in [
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "'a'",
        "tru",
        "nulll",
        "\"\t\"",
        r#""\x41""#,
        r#""\u00g0""#,
        r#""\u"abc""#,
        "[1,]",
        "{\"a\":1,}",
        "{1:2}",
        "{\"a\" 1}",
        "[1 2]",
        "[}",
        "{]",
    ] {
        assert_eq!(reason(&with(&format!("\"x\":{value}"))), "INVALID_JSON", "{value}");
    }
    for tail in ["x", "{}", ",", "\0"] {
        assert_eq!(reason(&format!("{{{BASE}}}{tail}")), "INVALID_JSON", "{tail}");
    }
    assert_eq!(reason(&format!("\u{feff} \n{{ {BASE} }} \r\n")), "accepted");
}

#[test]
fn nesting_is_counted_the_message_included() {
    for (open, close) in [("[", "]"), ("{\"k\":", "}")] {
        for (depth, wanted) in [(63, "accepted"), (64, "TOO_DEEP")] {
            let inner = if open == "[" { "" } else { "1" };
            let json = with(&format!("\"x\":{}{inner}{}", open.repeat(depth), close.repeat(depth)));
            assert_eq!(reason(&json), wanted, "{open} {depth}");
        }
    }
}

#[test]
fn unknown_fields_are_kept_to_the_letter_in_the_order_of_their_names() {
    let more = r#" "z" : [1, 2.50 ,{"b":1,"b":2}], "big":1e400, "a\u0022\n":null, "É":"\u00c9", "title":"T", "id":-0, "alt":null"#;
    let wanted =
        r#"{"a\"\n":null,"big":1e400,"id":-0,"title":"T","z":[1, 2.50 ,{"b":1,"b":2}],"É":"\u00c9"}"#;
    assert_eq!(extra_of(more).as_deref(), Some(wanted));
}

#[test]
fn extra_holds_what_has_no_column_of_its_own() {
    let more = r#""version":1,"base":"https://c.example/","event_id":7,"anchor":"a","lost_reason":"odd","type":"x","data":{},"rel":null"#;
    let json = with(more);
    let event = read(&json).unwrap();
    assert_eq!(
        event.extra.as_deref(),
        Some(r#"{"base":"https://c.example/","data":{},"event_id":7,"lost_reason":"odd","type":"x"}"#)
    );
    assert_eq!((event.base.as_deref(), event.event_id.as_deref()), (Some("https://c.example/"), Some("7")));
    assert_eq!((event.lost_reason, event.rel), (None, None));
}

#[test]
fn the_last_of_equal_keys_stands() {
    let json = with(
        r#""x":1,"x":2,"title":"one","title":"two","\u0061nchor":"b","anchor":"c","alt":"a","alt":null"#,
    );
    let event = read(&json).unwrap();
    assert_eq!(event.anchor.as_deref(), Some("c"));
    assert_eq!(event.attributes, [(AttributeField::Title, Cow::from("two"))]);
    assert_eq!(event.extra.as_deref(), Some(r#"{"title":"two","x":2}"#));
}

#[test]
fn half_a_surrogate_pair_becomes_a_replacement_character() {
    let json =
        with(r#""anchor":"a\ud83d","x":["\uDE00\ud83d\ude00\\ud800"],"\ud800":1,"title":"\ud83d\u0041""#);
    let event = read(&json).unwrap();
    assert_eq!(event.anchor.as_deref(), Some("a\u{fffd}"));
    assert_eq!(event.attributes, [(AttributeField::Title, Cow::from("\u{fffd}A"))]);
    let wanted = "{\"title\":\"\\ufffd\\u0041\",\"x\":[\"\\ufffd\\ud83d\\ude00\\\\ud800\"],\"\u{fffd}\":1}";
    assert_eq!(event.extra.as_deref(), Some(wanted));
}

#[test]
fn attributes_have_one_text_for_equal_values() {
    let json = with(
        r#""http_code":2e2,"links_external":12.0,"links_internal":-0,"noindex":false,"campaign_id":17,"redirect_chain":[ "a\/b" , "\u00e9\"" ],"alt":"\u0041""#,
    );
    let event = read(&json).unwrap();
    let texts: Vec<(&str, &str)> =
        event.attributes.iter().map(|(field, text)| (field.as_str(), text.as_ref())).collect();
    assert_eq!(
        texts,
        [
            ("alt", "A"),
            ("http_code", "200"),
            ("redirect_chain", "[\"a/b\",\"é\\\"\"]"),
            ("noindex", "false"),
            ("links_internal", "0"),
            ("links_external", "12"),
            ("campaign_id", "17"),
        ]
    );
}

#[test]
fn rel_is_canonical_however_it_comes() {
    for (value, wanted) in [
        ("[]", Some("")),
        ("\"\"", Some("")),
        ("null", None),
        ("[\"\"]", Some("")),
        (r#"["NoFollow","UGC"]"#, Some("nofollow ugc")),
        (r#"["ugc nofollow","ugc"]"#, Some("nofollow ugc")),
        (r#"" noopener\tnofollow ""#, Some("nofollow noopener")),
        (r#""sponsored,nofollow""#, Some("nofollow sponsored")),
        (r#"["É","a"]"#, Some("a É")),
    ] {
        let json = with(&format!("\"rel\":{value}"));
        let rel = read(&json).unwrap().rel;
        assert_eq!(rel.as_ref().map(|rel| rel.text.as_ref()), wanted, "{value}");
    }
    let class = RelClass::of("nofollow noopener sponsored");
    assert_eq!((class.bits(), class.has(RelClass::UGC), class.is_followed()), (5, false, false));
    assert!(RelClass::of("").is_followed() && RelClass::of("noopener").is_followed());
}

#[test]
fn a_loss_has_a_reason() {
    for (more, wanted) in [
        (r#""event":"lost""#, LossReason::REMOVED_FROM_HTML),
        (r#""event":"lost","lost_reason":null"#, LossReason::REMOVED_FROM_HTML),
        (r#""event":"lost","lost_reason":"pageerror""#, LossReason::PAGE_ERROR),
    ] {
        assert_eq!(read(&with(more)).unwrap().lost_reason, Some(wanted));
    }
    let json = with(r#""event":"lost","lost_reason":"dropped:low_quality""#);
    let event = read(&json).unwrap();
    assert_eq!((event.lost_reason.unwrap().as_str(), event.extra), ("dropped:low_quality", None));
}

#[test]
fn aliases_stand_in_and_lose_to_the_names_they_stand_for() {
    let json = r#"{"type":"lost","ts":1785456000000,"url_from":"https://a/","url_to":"/b","event":null}"#;
    let event = read(json).unwrap();
    assert_eq!((event.kind, event.observed_at_us), (EventKind::Lost, 1_785_456_000_000_000));
    assert_eq!((event.source_url.as_ref(), event.target_url.as_deref()), ("https://a/", Some("/b")));
    assert_eq!(event.extra, None);
    assert_eq!(extra_of(r#""url_to":"c","ts":0"#).as_deref(), Some(r#"{"ts":0,"url_to":"c"}"#));
}

#[test]
fn envelope_and_frame_are_stripped() {
    let inner = with(r#""x":1"#);
    let plain = read(&inner).unwrap();
    let envelope =
        format!(r#"{{"specversion":"1.0","id":"1","source":"/c","type":"org.example","data":{inner}}}"#);
    assert_eq!(read(&envelope).unwrap(), plain);
    let framed = [b"\0\0\0\x01\x02".as_slice(), inner.as_bytes()].concat();
    assert_eq!(decode(Some(&framed), &CONTEXT).unwrap(), plain);
    assert_eq!(reason(r#"{"specversion":"1.0","type":"t"}"#), "MISSING_FIELD");
    assert_eq!(reason(r#"{"specversion":"1.0","type":"t","data":"text"}"#), "WRONG_TYPE");
    assert_eq!(reason(&envelope.replace("\"x\":1", "\"observed_at\":\"x\"")), "TIME_FORMAT");
    assert_eq!(extra_of(r#""specversion":"1.0""#).as_deref(), Some(r#"{"specversion":"1.0"}"#));
    assert_eq!(decode(Some(b"\0\0\0\0\0"), &CONTEXT).unwrap_err().reason, Reason::Empty);
}

#[test]
fn names_of_reasons_are_distinct_and_read_back() {
    for &reason in Reason::ALL {
        assert_eq!(Reason::parse(reason.name()), Some(reason));
        assert!(reason.help().ends_with('.'));
        assert!(reason.name().bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_')));
    }
    assert!(AttributeField::ALL.iter().all(|&field| AttributeField::parse(field.as_str()) == Some(field)));
    assert!(fields::Column::ALL.iter().enumerate().all(|(place, &(_, column))| column as usize == place));
}

#[test]
fn a_detail_is_short_and_holds_no_control_characters() {
    let json = with(&format!(r#""link_type":"\u001b[31m{}""#, "x".repeat(5_000)));
    let detail = read(&json).unwrap_err().detail;
    assert!(detail.len() < 300 && !detail.contains('\u{1b}'), "{detail}");
}

fn json_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
        any::<String>().prop_map(|text| sonic_rs::to_string(&text).unwrap()),
        "\"([a-z ]|\\\\u00[0-9a-f]{2}|\\\\[\"\\\\/bfnrt]){0,12}\"",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[ {} ]", items.join(" ,\n"))),
            prop::collection::vec(("\"[a-z]{0,3}\"", inner), 0..4).prop_map(|fields| {
                let fields: Vec<String> =
                    fields.iter().map(|(key, value)| format!("{key} :{value}")).collect();
                format!("{{{}\t}}", fields.join(","))
            }),
        ]
    })
}

/// Applies cuts, flips and repeats at random places.
fn mutate(mut bytes: Vec<u8>, edits: &[(usize, u8, u8)]) -> Vec<u8> {
    for &(place, kind, byte) in edits {
        let place = place % (bytes.len() + 1);
        match kind % 4 {
            0 => bytes.insert(place, byte),
            1 => bytes.truncate(place.max(1)),
            2 if place < bytes.len() => bytes[place] = byte,
            3 => bytes.extend_from_within(place..),
            _ => {}
        }
    }
    bytes
}

fn is_json(text: &str) -> bool {
    let mut scanner = json::Scanner::new(text);
    scanner.skip_space();
    scanner.value(0).and_then(|_| scanner.end()).is_ok()
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(Some(&bytes), &CONTEXT);
    }

    #[test]
    fn no_broken_event_panics(value in json_value(), edits in prop::collection::vec(any::<(usize, u8, u8)>(), 0..4)) {
        let json = with(&format!("\"x\":{value},\"rel\":[\"\\ud800\"],\"redirect_chain\":[\"a\"]"));
        let bytes = mutate(json.into_bytes(), &edits);
        if let Ok(event) = decode(Some(&bytes), &CONTEXT) && let Some(extra) = event.extra {
            prop_assert!(sonic_rs::from_str::<sonic_rs::Value>(&extra).is_ok(), "{extra}");
        }
    }

    #[test]
    fn the_scanner_agrees_with_sonic(value in json_value(), edits in prop::collection::vec(any::<(usize, u8, u8)>(), 0..2)) {
        let bytes = mutate(value.into_bytes(), &edits);
        // Two known differences: sonic takes no infinite floats and no half surrogates; both are tested above.
        if let Ok(text) = std::str::from_utf8(&bytes) && !text.contains("\\ud") && !text.contains("\\uD") {
            let theirs = sonic_rs::from_str::<sonic_rs::Value>(text);
            let is_infinite = theirs.as_ref().is_err_and(|error| error.to_string().contains("finite"));
            let ours = is_json(text);
            prop_assert!(is_infinite || theirs.is_ok() == ours, "{text:?} {theirs:?}");
        }
    }

    #[test]
    fn strings_read_back(text in any::<String>()) {
        let mut json = String::new();
        text::push_string(&mut json, &text);
        prop_assert_eq!(sonic_rs::from_str::<String>(&json).unwrap(), text.clone());
        let json = with(&format!("\"anchor\":{}", sonic_rs::to_string(&text).unwrap()));
        prop_assert_eq!(read(&json).unwrap().anchor.unwrap(), text);
    }

    #[test]
    fn extra_keeps_any_value(value in json_value()) {
        let extra = extra_of(&format!("\"x\":{value}"));
        let wanted = format!("{{\"x\":{value}}}");
        prop_assert_eq!(extra, Some(wanted));
    }

    #[test]
    fn rel_of_rel_is_rel(text in "[a-cA-C ,\t]{0,12}") {
        let once = Rel::new(Cow::from(text));
        let twice = Rel::new(Cow::from(once.text.as_ref()));
        prop_assert_eq!(&once, &twice);
        prop_assert!(matches!(twice.text, Cow::Borrowed(_)));
    }
}
