//! Entries for a fuzzer and for property tests.

use std::sync::Arc;

use ada_url::Url;

use super::lanes::{ByteSet, Choice, Copier, Lanes, Stops, Task, Text, WINDOW, append_run, dispatch};
use super::normalizer::{MAX_INPUT_BYTES, Normalizer};
use super::outcome::{NormalizedUrl, UrlFlags, UrlReason};
use super::percent::{HOST_STOP, PATH_STOP, QUERY_STOP};
use super::suffixes::PublicSuffixList;

/// What lies in the output before a URL is appended.
const BEFORE: &[u8] = b"before";

type Got = (Result<NormalizedUrl, UrlReason>, Vec<u8>);

/// Checks the invariants of the default policy, with each kind of vector instructions that the processor
/// has. Keeps normalisers, so that their memory of hosts is tested too.
pub struct UrlExerciser {
    normalizers: Vec<Normalizer>,
}

impl UrlExerciser {
    /// One that takes registrable domains from `suffixes`.
    #[must_use]
    pub fn new(suffixes: &Arc<PublicSuffixList>) -> Self {
        let normalizer = |lanes| Normalizer::with_lanes(Arc::clone(suffixes), lanes);
        Self { normalizers: Choice::all().into_iter().map(normalizer).collect() }
    }

    /// Check what must hold for any bytes.
    ///
    /// # Errors
    /// A sentence on the broken promise; also its absence of panics is what a fuzzer looks for.
    pub fn exercise(&mut self, input: &[u8]) -> Result<(), &'static str> {
        let mut first: Option<Got> = None;
        for normalizer in &mut self.normalizers {
            let got = normalize(normalizer, input);
            let parsed = normalize_parsed(normalizer, input);
            if got != parsed {
                return Err("the short way gives what the parser gives");
            }
            is_text_of_row(normalizer, input, &got)?;
            if first.get_or_insert_with(|| got.clone()) != &got {
                return Err("all kinds of lanes give the same");
            }
        }
        let (Some((Ok(row), out)), Some(normalizer)) = (first, self.normalizers.last_mut()) else {
            return Ok(());
        };
        let url = out.get(row.url.clone()).unwrap_or_default();
        is_stable(normalizer, input, url, &(Ok(row), out.clone()))
    }
}

fn normalize(normalizer: &mut Normalizer, input: &[u8]) -> Got {
    let mut out = BEFORE.to_vec();
    (normalizer.normalize(input, None, &mut out), out)
}

fn normalize_parsed(normalizer: &mut Normalizer, input: &[u8]) -> Got {
    let mut out = BEFORE.to_vec();
    (normalizer.normalize_parsed(input, None, &mut out), out)
}

fn is_text_of_row(normalizer: &mut Normalizer, input: &[u8], got: &Got) -> Result<(), &'static str> {
    let mut out = BEFORE.to_vec();
    let text = normalizer.normalize_text(input, None, &mut out);
    let is_same = match (&text, &got.0) {
        (Ok(text), Ok(row)) => {
            let listed = row.flags.without(UrlFlags::UNKNOWN_TLD).without(UrlFlags::IS_SUFFIX);
            (&text.url, &text.host, text.flags) == (&row.url, &row.host, listed)
                && normalizer.domain(text, &out) == row.domain
        }
        (Err(reason), Err(other)) => reason == other && out == BEFORE,
        _ => false,
    };
    if is_same && out == got.1 { Ok(()) } else { Err("the text alone is that of the whole row") }
}

/// The parser, which knows nothing of the policy, agrees with what was written, and so does another pass.
fn is_stable(normalizer: &mut Normalizer, input: &[u8], url: &[u8], got: &Got) -> Result<(), &'static str> {
    let text = std::str::from_utf8(url).map_err(|_| "a URL is ASCII")?;
    if url.len() > 3 * input.len() + 8 + 253 {
        return Err("a URL grows to three times its length at most");
    }
    if !Url::parse(text, None).is_ok_and(|parsed| parsed.href() == text) {
        return Err("the parser leaves a normalised URL as it is");
    }
    let again = normalize(normalizer, url);
    let is_same = match (&again.0, &got.0) {
        (Ok(again), Ok(row)) => {
            let parts = |row: &NormalizedUrl| (row.url.clone(), row.host.clone(), row.domain.clone());
            (parts(again), again.cluster_key) == (parts(row), row.cluster_key)
        }
        _ => false,
    };
    if !is_same || again.1 != got.1 {
        return Err("normalising twice is normalising once");
    }
    let parsed = std::str::from_utf8(input).ok().and_then(|input| Url::parse(input, None).ok());
    match parsed {
        Some(parsed) if parsed.href().len() <= MAX_INPUT_BYTES => {
            let other = normalize(normalizer, parsed.href().as_bytes());
            if other.1 == got.1 { Ok(()) } else { Err("the parser's text has the same normalised form") }
        }
        _ => Ok(()),
    }
}

/// Check the vector instructions on any bytes against plain loops.
///
/// # Errors
/// A sentence on what differs.
pub fn exercise_lanes(input: &[u8]) -> Result<(), &'static str> {
    Choice::all().into_iter().try_for_each(|choice| dispatch(choice, CheckLanes(input)))
}

struct CheckLanes<'t>(&'t [u8]);

impl Task for CheckLanes<'_> {
    type Output = Result<(), &'static str>;

    fn run<L: Lanes>(self, lanes: L) -> Self::Output {
        let text = Text(self.0);
        // Every place of a short text, some of a long one.
        let step = 1 + self.0.len() / 512;
        for at in (0..=self.0.len()).step_by(step) {
            for set in [&HOST_STOP, &PATH_STOP, &QUERY_STOP] {
                if text.window(lanes, at).within_or_end(set) != mask(&text, at, |byte| set.holds(byte), true)
                {
                    return Err("a window tells which bytes a set holds");
                }
                if Stops::new(lanes, text, set, at).next(at) != next(&text, at, set) {
                    return Err("the next byte of a set is found");
                }
            }
            for wanted in [b'/', b'.', b'&', b'-', 0x80, 0xFF] {
                if text.window(lanes, at).equal(wanted) != mask(&text, at, |byte| byte == wanted, false) {
                    return Err("a window tells where a byte is");
                }
            }
            copies(lanes, &text, at)?;
        }
        Ok(())
    }
}

fn mask(text: &Text<'_>, at: usize, is_set: impl Fn(u8) -> bool, end: bool) -> u64 {
    (0..WINDOW).fold(0, |mask, bit| {
        let is_set = text.0.get(at + bit).map_or(end, |&byte| is_set(byte));
        mask | u64::from(is_set) << bit
    })
}

fn next(text: &Text<'_>, at: usize, set: &ByteSet) -> usize {
    let rest = text.0.get(at..).unwrap_or_default();
    at + rest.iter().position(|&byte| set.holds(byte)).unwrap_or(rest.len())
}

fn copies<L: Lanes>(lanes: L, text: &Text<'_>, at: usize) -> Result<(), &'static str> {
    let (head, rest) = text.0.split_at_checked(at).unwrap_or_default();
    let mut out = BEFORE.to_vec();
    let mut copier = Copier::new(*text, &mut out);
    for start in (0..=at).step_by(WINDOW) {
        copier.window(lanes, start);
    }
    copier.finish(at);
    append_run(text, at, text.0.len(), &mut out);
    if out == [BEFORE, head, rest].concat() { Ok(()) } else { Err("a copy is what was copied") }
}
