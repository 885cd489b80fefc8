//! Why a URL became what it is: the policy itself, run stage by stage, and what each stage changed.
//!
//! The stages are the parser and the levels. A difference between two stages in a part of the URL is the
//! work of the few rules that touch this part there; the table [`CHANGES`] names them. Nothing of the policy
//! is done here a second time.

use std::sync::Arc;

use super::normalizer::Normalizer;
use super::options::{Level, UrlOptions};
use super::outcome::{NormalizedUrl, UrlFlags, UrlReason};
use super::parameters::{ParameterKind, find_parameter};
use super::resolve::{check_input, parse};
use super::suffixes::PublicSuffixList;

/// One change: a part of the URL before and after, and the rules of the table that touch it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The level that the rules belong to.
    pub level: Level,
    /// Ids of rules, `P1` to `P27`.
    pub rules: Vec<&'static str>,
    /// Which part: `text`, `scheme`, `slashes`, `user`, `host`, `port`, `path`, `query`, `fragment`, or `url`.
    pub part: &'static str,
    /// The part as it was; a missing part is empty.
    pub before: String,
    /// The part as it became.
    pub after: String,
}

/// The whole story of one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What changed, in order.
    pub steps: Vec<Step>,
    /// The text of the URL and where its parts lie, or why it is refused.
    pub outcome: Result<(String, NormalizedUrl), UrlReason>,
    /// The URL at level *cluster*, whose hash the cluster key is; none if it has no such form.
    pub cluster_form: Option<String>,
}

/// Explain what `options` make of `input`. Costs some milliseconds: it is for people.
#[must_use]
pub fn explain(
    suffixes: &Arc<PublicSuffixList>,
    options: &UrlOptions,
    input: &[u8],
    base: Option<&str>,
) -> Explanation {
    let run = |level, unwraps: bool, text: &[u8], base: Option<&str>| {
        let mut options = UrlOptions { level, ..options.clone() };
        options.unwrap_redirects &= unwraps;
        options.unwrap_amp &= unwraps;
        let mut out = Vec::new();
        let row = Normalizer::with_options(Arc::clone(suffixes), options).normalize(text, base, &mut out)?;
        Ok((String::from_utf8_lossy(&out).into_owned(), row))
    };
    let outcome = run(options.level, true, input, base);
    let cluster_form = run(Level::Cluster, true, input, base).ok().map(|(text, _)| text);
    let mut steps = Vec::new();
    if let Some(parsed) = parsed_stage(input, base, options, &mut steps) {
        let mut text = parsed;
        for level in [Level::Safe, Level::Index] {
            let Some(Ok((after, _))) =
                (level <= options.level).then(|| run(level, false, text.as_bytes(), None))
            else {
                break;
            };
            compare(level, &text, &after, &mut steps);
            text = after;
        }
        let unwrapped = run(options.level.min(Level::Index), true, text.as_bytes(), None);
        if let Ok((after, row)) = unwrapped
            && row.flags.contains(UrlFlags::UNWRAPPED)
        {
            steps.push(step(options.level, &["P23"], "url", &text, &after));
            text = after;
        }
        if let (Level::Cluster, Ok((after, _))) = (options.level, &outcome) {
            compare(Level::Cluster, &text, after, &mut steps);
        }
    }
    Explanation { steps, outcome, cluster_form }
}

fn step(level: Level, rules: &[&'static str], part: &'static str, before: &str, after: &str) -> Step {
    Step { level, rules: rules.to_vec(), part, before: before.to_owned(), after: after.to_owned() }
}

/// From the text to what the parser makes of it.
fn parsed_stage(
    input: &[u8],
    base: Option<&str>,
    options: &UrlOptions,
    steps: &mut Vec<Step>,
) -> Option<String> {
    let mut text = check_input(input).ok()?.to_owned();
    let trimmed: String = text
        .trim_matches(|letter: char| letter <= ' ')
        .chars()
        .filter(|letter| !matches!(letter, '\t' | '\n' | '\r'))
        .collect();
    if trimmed != text {
        steps.push(step(Level::Whatwg, &["P1"], "text", &text, &trimmed));
        text = trimmed;
    }
    let (parsed, flags) = parse(&text, base, options).ok()?;
    let href = parsed.href();
    if flags.contains(UrlFlags::WAS_RELATIVE) {
        steps.push(step(Level::Whatwg, &["P3"], "url", &text, href));
    } else {
        compare(Level::Whatwg, &text, href, steps);
    }
    Some(href.to_owned())
}

/// Which rules can change a part on the way to a level, and what shows that one did: a rule with a test
/// that fails is not named.
type Change = (Level, &'static str, &'static [(&'static str, fn(&str, &str) -> bool)]);

const fn always(_: &str, _: &str) -> bool {
    true
}

fn encodes_more(before: &str, after: &str) -> bool {
    after.matches('%').count() > before.matches('%').count()
}

fn drops_kind(kind: ParameterKind, before: &str) -> bool {
    let query = before.strip_prefix('?').unwrap_or(before);
    query.split('&').any(|pair| find_parameter(pair.as_bytes()).is_some_and(|row| row.kind == kind))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = query.strip_prefix('?').unwrap_or(query);
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn count_pairs(query: &str) -> usize {
    pairs(query).count()
}

/// A dot segment, written plainly or as triples.
fn is_dots(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

const CHANGES: &[Change] = &[
    (Level::Whatwg, "scheme", &[("P2", always)]),
    (Level::Whatwg, "slashes", &[("P10", always)]),
    (Level::Whatwg, "host", &[("P4", always)]),
    (Level::Whatwg, "port", &[("P7", always)]),
    (
        Level::Whatwg,
        "path",
        &[
            ("P18", |before, after| before.is_empty() && after == "/"),
            ("P9", encodes_more),
            ("P10", |before, _| before.contains('\\') || before.split('/').any(is_dots)),
        ],
    ),
    (Level::Whatwg, "user", &[("P9", always)]),
    (Level::Whatwg, "query", &[("P9", always)]),
    (Level::Whatwg, "fragment", &[("P9", always)]),
    (Level::Safe, "user", &[("P8", always)]),
    (Level::Safe, "host", &[("P6", always)]),
    (Level::Safe, "path", &[("P9", always)]),
    (
        Level::Safe,
        "query",
        &[
            ("P9", |before, after| before.replace(['?', '&'], "") != after.replace(['?', '&'], "")),
            ("P15", |before, after| count_pairs(before) != count_pairs(after) || after.is_empty()),
        ],
    ),
    (Level::Safe, "fragment", &[("P11", always)]),
    (Level::Index, "path", &[("P12", always)]),
    (
        Level::Index,
        "query",
        &[
            ("P13", |before, _| drops_kind(ParameterKind::Session, before)),
            ("P14", |before, _| drops_kind(ParameterKind::Tracking, before)),
        ],
    ),
    (Level::Cluster, "scheme", &[("P21", always)]),
    (Level::Cluster, "host", &[("P19", always)]),
    (
        Level::Cluster,
        "path",
        &[
            ("P17", |before, _| before.trim_end_matches('/').contains("//")),
            ("P18", |before, _| before.len() > 1 && before.ends_with('/')),
            ("P20", |before, after| {
                let last = before.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                !last.is_empty() && !after.ends_with(last)
            }),
        ],
    ),
    (Level::Cluster, "query", &[("P16", always)]),
];

fn compare(level: Level, before: &str, after: &str, steps: &mut Vec<Step>) {
    for ((part, before), (_, after)) in parts(before).into_iter().zip(parts(after)) {
        if before == after {
            continue;
        }
        let rows = CHANGES.iter().filter(|(at, of, _)| *at == level && *of == part);
        let tests = rows.flat_map(|(_, _, rules)| *rules);
        let mut rules: Vec<&str> =
            tests.filter(|(_, test)| test(before, after)).map(|(rule, _)| *rule).collect();
        if rules.is_empty() && (level, part) == (Level::Index, "query") {
            // Not one of the table's parameters: one that the user named.
            rules.push("P14");
        }
        steps.push(step(level, &rules, part, before, after));
    }
}

/// The parts of a URL text, as far as it has them; a backslash counts as a slash, as the parser has it.
fn parts(text: &str) -> [(&'static str, &str); 8] {
    let (text, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
    let (text, query) = text.split_at(text.find('?').unwrap_or(text.len()));
    let scheme = text.find(':').map_or(0, |colon| colon + 1);
    let (scheme, rest) = text.split_at(scheme);
    let count = rest.len() - rest.trim_start_matches(['/', '\\']).len();
    let is_web = matches!(scheme.to_ascii_lowercase().as_str(), "http:" | "https:" | "ftp:" | "ws:" | "wss:");
    let skipped = match count {
        _ if is_web => count,
        0 | 1 => 0,
        _ => 2,
    };
    let has_host = is_web || count >= 2;
    let (slashes, rest) = rest.split_at(skipped);
    let (authority, path) = match rest.find(['/', '\\']) {
        _ if !has_host => ("", rest),
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    let (user, site) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    let bracket = site.find(']').unwrap_or(0);
    let colon = site.get(bracket..).and_then(|tail| tail.find(':')).map_or(site.len(), |at| bracket + at);
    let (host, port) = site.split_at(colon);
    [
        ("scheme", scheme),
        ("slashes", slashes),
        ("user", user),
        ("host", host),
        ("port", port),
        ("path", path),
        ("query", query),
        ("fragment", fragment),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::{Expected, POLICY, Setting, Vector};

    fn explained(input: &str, base: Option<&str>, settings: &[Setting]) -> Explanation {
        let list = PublicSuffixList::parse("com\nde\nio\nuk\nco.uk\ngithub.io\nexample\n").unwrap();
        explain(&Arc::new(list), &UrlOptions::with(settings).unwrap(), input.as_bytes(), base)
    }

    fn told(input: &str, settings: &[Setting]) -> Vec<(String, &'static str, String)> {
        let steps = explained(input, None, settings).steps;
        steps.into_iter().map(|step| (step.rules.join(" "), step.part, step.after)).collect()
    }

    #[test]
    fn every_change_is_told_with_its_rule() {
        let url = " HTTPS://u@WWW.A.com.:443/b/../%7ec//;jsessionid=1/index.html?z=1&&y&utm_id=2&sid=0123456789abcdef0123456789abcdef#d";
        let wanted = [
            ("P1", "text"),
            ("P2", "scheme"),
            ("P4", "host"),
            ("P7", "port"),
            ("P10", "path"),
            ("P8", "user"),
            ("P6", "host"),
            ("P9", "path"),
            ("P15", "query"),
            ("P11", "fragment"),
            ("P12", "path"),
            ("P13 P14", "query"),
            ("P21", "scheme"),
            ("P19", "host"),
            ("P17 P20", "path"),
            ("P16", "query"),
        ];
        let got = told(url, &[Setting::Level(Level::Cluster)]);
        assert_eq!(got.iter().map(|(rules, part, _)| (rules.as_str(), *part)).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_plain_url_has_no_story() {
        assert_eq!(told("http://a.com/b?c=d", &[]), []);
    }

    /// The rule of each vector is among those named where the vector changes the text.
    #[test]
    fn the_vectors_of_the_table_name_their_rule() {
        let silent = ["P5", "P20", "P22", "P24", "P25", "P26", "P27", "P16", "P17", "P18", "P19", "P21"];
        for row in POLICY.iter().filter(|row| !silent.contains(&row.id)) {
            for vector in row.vectors {
                let Vector { input, base, settings, expected } = *vector;
                let Expected::Url(url) = expected else { continue };
                let steps = explained(input, base, settings).steps;
                assert!(steps.iter().all(|step| !step.rules.is_empty()), "{input:?} {steps:?}");
                if url != input {
                    assert!(
                        steps.iter().any(|step| step.rules.contains(&row.id)),
                        "{} {input:?} {steps:?}",
                        row.id
                    );
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_change_is_without_a_rule(text in "(http:|HTTP://|//)?([aB.c@:/\\\\]|\\.\\.|%2e|%7e| |é){0,9}[?]?(a|=|&|utm_b=|é){0,6}(#a)?") {
            for level in Level::ALL {
                for step in explained(&text, Some("https://a.com/"), &[Setting::Level(level)]).steps {
                    proptest::prop_assert!(!step.rules.is_empty(), "{text:?} {step:?}");
                }
            }
        }
    }

    #[test]
    fn a_refusal_ends_the_story() {
        let got = explained("http://a..com/%7e", None, &[]);
        assert_eq!(got.outcome, Err(UrlReason::Host));
        assert_eq!((got.steps.len(), got.cluster_form), (0, None));
        assert_eq!(UrlReason::Host.rule(), "P5");
    }
}
