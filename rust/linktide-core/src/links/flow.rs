//! What a link passes on: by its rel, by its kind.

use crate::graph::WeightClass;

/// Weights of links by what their rel says; a followed link weighs 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RelWeights {
    /// Of `rel=nofollow`.
    pub nofollow: f64,
    /// Of `rel=ugc`.
    pub ugc: f64,
    /// Of `rel=sponsored`.
    pub sponsored: f64,
}

impl Default for RelWeights {
    fn default() -> Self {
        Self { nofollow: 0.0, ugc: 0.0, sponsored: 0.0 }
    }
}

impl RelWeights {
    const TOKENS: [&'static str; 3] = ["nofollow", "ugc", "sponsored"];

    /// The weights by class; followed links are [`WeightClass::FIRST`].
    #[must_use]
    pub fn by_class(&self) -> [f64; 4] {
        [1.0, self.nofollow, self.ugc, self.sponsored]
    }

    /// The class of a canonical rel text: of its tokens the one that weighs least.
    #[must_use]
    pub fn class_of(&self, rel: &str) -> WeightClass {
        let weights = [self.nofollow, self.ugc, self.sponsored];
        let named = (1u8..).zip(Self::TOKENS).zip(weights);
        let mut found = named.filter(|((_, token), _)| rel.split(' ').any(|word| word == *token));
        let least = found.next().map(|first| found.fold(first, |a, b| if b.1 < a.1 { b } else { a }));
        least.map_or(WeightClass::FIRST, |((class, _), _)| WeightClass(class))
    }
}

/// What a kind of link does with authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Passage {
    /// It passes a share, as its rel says.
    #[default]
    Share,
    /// A redirect or a canonical: the page is another one, so this link takes all, whatever its rel.
    All,
    /// Forms, alternates and feeds name a page without vouching for it.
    Nothing,
}

impl Passage {
    /// What links of this type do.
    #[must_use]
    pub fn of(link_type: &str) -> Self {
        match link_type {
            "redirect" | "canonical" => Self::All,
            "form" | "alternate" | "rss" => Self::Nothing,
            _ => Self::Share,
        }
    }

    /// Its code in snapshots.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Share => 0,
            Self::All => 1,
            Self::Nothing => 2,
        }
    }

    /// What has this code.
    pub(super) fn of_code(code: u8) -> Option<Self> {
        [Self::Share, Self::All, Self::Nothing].into_iter().find(|passage| passage.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_that_weighs_least_decides() {
        let weights = RelWeights { nofollow: 0.1, ugc: 0.05, sponsored: 0.1 };
        for (rel, class) in [
            ("", 0),
            ("noopener", 0),
            ("nofollow", 1),
            ("nofollow sponsored", 1),
            ("noopener ugc", 2),
            ("nofollow ugc", 2),
            ("sponsored", 3),
            ("nofollowed", 0),
        ] {
            assert_eq!(weights.class_of(rel), WeightClass(class), "{rel}");
        }
        assert!(weights.by_class().iter().zip([1.0, 0.1, 0.05, 0.1]).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
