//! The invariants of the design, at every level and with every option.

use ada_url::Url;
use linktide_core::url::{
    AssumedScheme, Level, MAX_INPUT_BYTES, NormalizedUrl, Normalizer, Setting, UrlFlags, UrlOptions,
    UrlReason,
};

use crate::seeds::{Random, mutate, mutations, seeds, suffixes};

const OPTIONS: &[&[Setting]] = &[
    &[],
    &[
        Setting::Ftp,
        Setting::KeepHashbang,
        Setting::KeepHashroute,
        Setting::UnwrapRedirects,
        Setting::UnwrapAmp,
        Setting::ExtraTracking("a*"),
    ],
    &[
        Setting::AssumeScheme(AssumedScheme::Http),
        Setting::KeepHashroute,
        Setting::RejectPrivate,
        Setting::MaxOutputBytes(60),
    ],
];

/// One level with one set of options, and the same options at every level.
struct Case {
    level: Level,
    settings: &'static [Setting],
    own: Normalizer,
    all: Vec<Normalizer>,
}

type Got = Result<(NormalizedUrl, String), UrlReason>;

fn get(normalizer: &mut Normalizer, input: &str) -> Got {
    let (mut out, mut parsed) = (Vec::new(), Vec::new());
    let got = normalizer.normalize(input.as_bytes(), None, &mut out);
    let slow = normalizer.normalize_parsed(input.as_bytes(), None, &mut parsed);
    assert_eq!((&got, &out), (&slow, &parsed), "the short way differs for {input:?}");
    assert!(got.is_ok() || out.is_empty(), "{input:?}");
    Ok((got?, String::from_utf8(out).unwrap()))
}

impl Case {
    fn all() -> Option<Vec<Self>> {
        let list = suffixes()?;
        let normalizer = |level, settings: &[Setting]| {
            let options = UrlOptions { level, ..UrlOptions::with(settings).unwrap() };
            Normalizer::with_options(list.clone(), options)
        };
        let pairs = OPTIONS.iter().flat_map(|settings| Level::ALL.map(|level| (level, *settings)));
        let cases = pairs.map(|(level, settings)| Self {
            level,
            settings,
            own: normalizer(level, settings),
            all: Level::ALL.map(|level| normalizer(level, settings)).into(),
        });
        Some(cases.collect())
    }

    /// Check the invariants for one text; true if it has a normalised form.
    fn holds_for(&mut self, input: &str) -> bool {
        let told = format!("{input:?} at {:?} with {:?}", self.level, self.settings);
        let Ok((row, url)) = get(&mut self.own, input) else { return false };
        assert!(url.len() <= 3 * input.len() + 16 + 253, "{told}: grew to {url:?}");
        assert_eq!(Url::parse(url.as_str(), None).unwrap().href(), url, "{told}");
        let (again, second) = get(&mut self.own, &url).unwrap();
        assert_eq!(second, url, "{told}");
        assert_eq!(
            (&again.host, &again.domain, again.cluster_key),
            (&row.host, &row.domain, row.cluster_key),
            "{told}"
        );
        if self.level != Level::Whatwg && !row.flags.contains(UrlFlags::OTHER_SCHEME) {
            assert!(url.bytes().all(is_allowed), "{told}: {url:?}");
        }
        self.parser_changes_nothing(input, &url, &told);
        self.levels_agree(input, &url, &row, &told);
        true
    }

    fn parser_changes_nothing(&mut self, input: &str, url: &str, told: &str) {
        let Ok(ada) = Url::parse(input, None) else { return };
        if ada.href().len() <= MAX_INPUT_BYTES && self.own.options().assume_scheme.is_none() {
            assert_eq!(get(&mut self.own, ada.href()).unwrap().1, url, "{told}");
        }
        if self.level == Level::Whatwg && self.settings.is_empty() {
            assert_eq!(ada.href(), url, "{told}");
        }
    }

    /// A stronger level gives the same for a URL and for its form at this level, and so the cluster key.
    fn levels_agree(&mut self, input: &str, url: &str, row: &NormalizedUrl, told: &str) {
        for other in &mut self.all {
            let level = other.options().level;
            let got = get(other, input);
            // Near the limit the weaker level may refuse what the stronger makes shorter.
            if level >= self.level && got != Err(UrlReason::TooLong) {
                let through = get(other, url).map(|(_, url)| url);
                assert_eq!(through, got.clone().map(|(_, url)| url), "{told}: not as at {level:?}");
            }
            if let Ok((at_level, _)) = got
                && level >= Level::Index
            {
                assert_eq!(at_level.cluster_key, row.cluster_key, "{told}");
            }
        }
    }
}

/// What RFC 3986 allows in a URI.
fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

#[test]
fn invariants_hold_at_every_level() {
    let (Some(mut cases), Some(mut seeds)) = (Case::all(), seeds()) else { return };
    seeds.retain(|seed| {
        let holds: Vec<bool> = cases.iter_mut().map(|case| case.holds_for(seed)).collect();
        holds.contains(&true) || seed.to_ascii_lowercase().starts_with("http")
    });
    let (mut random, mut good) = (Random(0x9E37_79B9_7F4A_7C15), 0);
    let wanted = mutations();
    for count in 0..wanted {
        let (one, two) = (random.below(seeds.len()), random.below(seeds.len()));
        let mutated = mutate(&seeds[one], &seeds[two], &mut random);
        let case = count % cases.len();
        good += usize::from(cases[case].holds_for(&mutated));
    }
    println!("{wanted} mutated URLs, {good} with a normalised form");
    assert!(good > wanted / 4, "only {good} of {wanted} had a normalised form: the test shows little");
}
