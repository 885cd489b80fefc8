//! The `url` crate as a second opinion on http(s) URLs, with the places where it is behind the standard.

use linktide_core::url::{Level, Normalizer, Setting, UrlOptions};

use crate::seeds::{Random, mutate, mutations, seeds, suffixes};

/// Why a difference is known. The gaps are those of `url` 2.5, measured against the same standard.
fn known_gap(ours: Option<&str>, theirs: Option<&str>) -> Option<&'static str> {
    let host = |url: &str| url.split('/').nth(2).unwrap_or_default().to_owned();
    match (ours, theirs) {
        (Some(ours), None) if host(ours).contains("xn--") => {
            Some("refuses an ASCII xn-- label that is no valid IDNA")
        }
        (None, Some(theirs)) if host(theirs).contains("xn--") => {
            Some("takes an xn-- label of an unassigned code point")
        }
        (Some(ours), Some(theirs)) if ours == encoded_caret(theirs) => Some("leaves ^ in a path"),
        (Some(ours), Some(theirs)) if host(ours) == host(theirs) && has_drive_letter(theirs) => {
            Some("keeps a segment like a drive letter before `..`, as in file URLs")
        }
        _ => None,
    }
}

fn has_drive_letter(url: &str) -> bool {
    let mut segments = url.split('/').skip(3);
    segments.any(|one| matches!(one.as_bytes(), [letter, b':' | b'|'] if letter.is_ascii_alphabetic()))
}

fn encoded_caret(url: &str) -> String {
    let (path, rest) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
    path.replace('^', "%5E") + rest
}

fn is_web(input: &str) -> bool {
    let head: String = input.chars().take(8).collect::<String>().to_ascii_lowercase();
    head.starts_with("http://") || head.starts_with("https://")
}

#[test]
fn the_url_crate_agrees_but_for_known_gaps() {
    let (Some(list), Some(mut seeds)) = (suffixes(), seeds()) else { return };
    seeds.retain(|seed| is_web(seed));
    let options = UrlOptions::with(&[Setting::Level(Level::Whatwg)]).unwrap();
    let mut normalizer = Normalizer::with_options(list, options);
    let mut random = Random(0xA076_1D64_78BD_642F);
    let mut gaps = std::collections::BTreeMap::<&str, usize>::new();
    let wanted = mutations();
    for count in 0..seeds.len() + wanted {
        let text = seeds.get(count).cloned().unwrap_or_else(|| {
            let (one, two) = (random.below(seeds.len()), random.below(seeds.len()));
            mutate(&seeds[one], &seeds[two], &mut random)
        });
        if !is_web(&text) {
            continue;
        }
        let mut out = Vec::new();
        let ours = normalizer.normalize(text.as_bytes(), None, &mut out).ok();
        let ours = ours.map(|_| String::from_utf8(out).unwrap());
        let theirs = url::Url::parse(&text).ok().map(String::from);
        if ours != theirs {
            let gap = known_gap(ours.as_deref(), theirs.as_deref());
            if gap.is_none() {
                println!("{text:?}\n  ours   {ours:?}\n  theirs {theirs:?}");
            }
            *gaps.entry(gap.unwrap_or("UNKNOWN")).or_default() += 1;
        }
    }
    println!("differences by known gap, of {wanted} mutated URLs: {gaps:?}");
    assert!(!gaps.contains_key("UNKNOWN"));
}
