//! The `rel` of a link: which words it says, and which of them keep it from passing authority.

use std::borrow::Cow;

use super::json::{Kind, Raw, Scanner};
use super::reason::{Reason, Rejection, wrong_type};
use super::text::unescape;

/// The words of a `rel` that matter to scores, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelClass(u8);

impl RelClass {
    /// Says nothing that matters: the link is followed.
    pub const FOLLOWED: Self = Self(0);
    /// Says `nofollow`.
    pub const NOFOLLOW: Self = Self(1);
    /// Says `ugc`.
    pub const UGC: Self = Self(2);
    /// Says `sponsored`.
    pub const SPONSORED: Self = Self(4);

    /// Reads canonical text, as [`Rel::text`] holds it.
    #[must_use]
    pub fn of(text: &str) -> Self {
        text.split(' ').map(Self::of_word).fold(Self::FOLLOWED, Self::union)
    }

    fn of_word(word: &str) -> Self {
        match word {
            "nofollow" => Self::NOFOLLOW,
            "ugc" => Self::UGC,
            "sponsored" => Self::SPONSORED,
            _ => Self::FOLLOWED,
        }
    }

    /// The bits of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if all bits of `other` are here.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if none of nofollow, ugc and sponsored is said.
    #[must_use]
    pub const fn is_followed(self) -> bool {
        self.0 == 0
    }

    /// The bits: 1 nofollow, 2 ugc, 4 sponsored.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

/// A `rel` that was carried; an empty one says "followed", which is not the same as silence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rel<'a> {
    /// The words in lower case, sorted by bytes, each once, one space between.
    pub text: Cow<'a, str>,
    /// What of it matters to scores.
    pub class: RelClass,
}

impl<'a> Rel<'a> {
    /// Makes the canonical form; words are parted by white space or commas. Borrows text that is canonical already.
    #[must_use]
    pub fn new(text: Cow<'a, str>) -> Self {
        let text = if is_canonical(&text) { text } else { Cow::Owned(canonical(&text)) };
        let class = RelClass::of(&text);
        Self { text, class }
    }

    /// Reads an array of words, or one string of them; null is `None`.
    pub(super) fn read(raw: Raw<'a>) -> Result<Option<Self>, Rejection> {
        match raw.kind {
            Kind::Null => Ok(None),
            Kind::Plain | Kind::Escaped => Ok(Some(Self::new(unescape(raw)))),
            Kind::Array => words(raw).map(|text| Some(Self::new(text))),
            _ => Err(wrong_type("rel", raw, "an array of strings")),
        }
    }
}

/// The entries of an array with a space between; the usual single word is not copied.
fn words(raw: Raw<'_>) -> Result<Cow<'_, str>, Rejection> {
    let mut scanner = Scanner::new(raw.text);
    let mut text = Cow::Borrowed("");
    let mut is_first = true;
    // The text was scanned before, so a fault cannot come; if it does, it is the message's.
    while let Some(item) = scanner.next_item(is_first).map_err(Rejection::from)? {
        if !matches!(item.kind, Kind::Plain | Kind::Escaped) {
            let detail = format!("rel holds {}, wanted an array of strings", item.kind.name());
            return Err(Rejection::new(Reason::WrongType, detail));
        }
        if is_first {
            text = unescape(item);
        } else {
            let joined = text.to_mut();
            joined.push(' ');
            joined.push_str(&unescape(item));
        }
        is_first = false;
    }
    Ok(text)
}

fn is_separator(character: char) -> bool {
    character == ',' || character.is_ascii_whitespace()
}

fn is_canonical(text: &str) -> bool {
    let has_odd = |c: char| c.is_ascii_uppercase() || (is_separator(c) && c != ' ');
    if text.is_empty() {
        return true;
    }
    let is_sorted = text.split(' ').is_sorted_by(|one, two| one < two);
    is_sorted && !text.starts_with(' ') && !text.contains(has_odd)
}

fn canonical(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut words: Vec<&str> = lower.split(is_separator).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words.dedup();
    words.join(" ")
}
