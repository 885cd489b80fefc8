//! Attribute runs of a link: one register per field, written only by sightings that carry the field.

use std::cmp::Ordering;

use crate::event::AttributeField;

/// An attribute of a link: anchor, rel and link type have columns of their own, the others share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field(u8);

impl Field {
    /// Anchor text.
    pub const ANCHOR: Self = Self(0);
    /// Canonical rel tokens.
    pub const REL: Self = Self(1);
    /// Kind of link.
    pub const LINK_TYPE: Self = Self(2);
    /// How many entries of a page name the target; 1 where no page said otherwise.
    pub const OCCURRENCES: Self = Self(3);
    /// What `OCCURRENCES` is before the first run.
    pub const ONCE: &str = "1";
    const NAMED: u8 = 4;

    /// The attribute of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let named = [Self::ANCHOR, Self::REL, Self::LINK_TYPE, Self::OCCURRENCES];
        let named = named.into_iter().find(|field| field.as_str() == name);
        named.or_else(|| AttributeField::parse(name).map(Self::from))
    }

    /// Its hash stands in the link itself.
    #[must_use]
    pub fn has_own_room(self) -> bool {
        matches!(self, Self::ANCHOR | Self::REL | Self::LINK_TYPE)
    }

    /// The name, as in events and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ANCHOR => "anchor",
            Self::REL => "rel",
            Self::LINK_TYPE => "link_type",
            Self::OCCURRENCES => "occurrences",
            Self(code) => {
                AttributeField::ALL.get(usize::from(code - Self::NAMED)).map_or("", |field| field.as_str())
            }
        }
    }
}

impl From<AttributeField> for Field {
    fn from(field: AttributeField) -> Self {
        Self(field as u8 + Self::NAMED)
    }
}

/// One field carried by one sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried<'a> {
    /// Which attribute.
    pub field: Field,
    /// Event time of the sighting, µs.
    pub at: i64,
    /// Its value; present, maybe empty.
    pub value: &'a str,
}

/// A value that holds from `at` until the next run of the same field.
pub type Run<'a> = Carried<'a>;

/// Of two values carried at one instant, the one that holds.
///
/// Anchor: the longest in bytes, then the smallest. Rel: a followed one, then the greatest. Occurrences: the greatest
/// number. Any other: the greatest.
#[must_use]
pub fn stronger<'a>(field: Field, a: &'a str, b: &'a str) -> &'a str {
    let order = match field {
        Field::ANCHOR => a.len().cmp(&b.len()).then_with(|| b.cmp(a)),
        Field::OCCURRENCES => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        Field::REL => is_followed(a).cmp(&is_followed(b)).then_with(|| a.cmp(b)),
        _ => a.cmp(b),
    };
    if order == Ordering::Less { b } else { a }
}

/// A rel text without nofollow, ugc or sponsored is followed.
#[must_use]
pub fn is_followed(rel: &str) -> bool {
    !rel.split(' ').any(|token| matches!(token, "nofollow" | "ugc" | "sponsored"))
}

/// Derive the runs from everything sightings carried, in any order; sorted by (field, at).
#[must_use]
pub fn runs<'a>(carried: &mut [Carried<'a>]) -> Vec<Run<'a>> {
    carried.sort_by_key(|a| (a.field, a.at));
    let mut runs: Vec<Run<'a>> = Vec::new();
    let mut rest: &[Carried<'a>] = carried;
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|c| c.field == first.field && c.at == first.at).count();
        let (instant, after) = rest.split_at(same);
        rest = after;
        let value = instant.iter().fold(first.value, |best, c| stronger(first.field, best, c.value));
        let before = runs.last().filter(|before| before.field == first.field).map(|before| before.value);
        let before = before.or((first.field == Field::OCCURRENCES).then_some(Field::ONCE));
        if before != Some(value) {
            runs.push(Run { field: first.field, at: first.at, value });
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(at: i64, value: &str) -> Carried<'_> {
        Carried { field: Field::ANCHOR, at, value }
    }

    #[test]
    fn a_run_begins_where_the_value_differs() {
        let mut carried = [anchor(3, "b"), anchor(1, "a"), anchor(2, "a"), anchor(4, "b")];
        assert_eq!(runs(&mut carried), vec![anchor(1, "a"), anchor(3, "b")]);
    }

    #[test]
    fn one_instant_is_one_value() {
        assert_eq!(stronger(Field::ANCHOR, "longer", "x"), "longer");
        assert_eq!(stronger(Field::ANCHOR, "ab", "aa"), "aa");
        assert_eq!(stronger(Field::REL, "nofollow", ""), "");
        assert_eq!(stronger(Field::REL, "noopener", ""), "noopener");
        assert_eq!(stronger(Field::LINK_TYPE, "image", "text"), "text");
        let mut carried = [anchor(1, "a"), anchor(1, "bb"), anchor(2, "bb")];
        assert_eq!(runs(&mut carried), vec![anchor(1, "bb")]);
    }

    #[test]
    fn a_link_occurs_once_until_a_page_says_otherwise() {
        let times = |at, value| Carried { field: Field::OCCURRENCES, at, value };
        let mut carried = [times(1, "1"), times(2, "9"), times(2, "10"), times(3, "1")];
        assert_eq!(runs(&mut carried), vec![times(2, "10"), times(3, "1")]);
    }

    #[test]
    fn names_are_read_back() {
        let others = AttributeField::ALL.iter().map(|&field| Field::from(field));
        for field in
            [Field::ANCHOR, Field::REL, Field::LINK_TYPE, Field::OCCURRENCES].into_iter().chain(others)
        {
            assert_eq!(Field::parse(field.as_str()), Some(field));
        }
        assert_eq!(Field::parse("rev"), None);
    }

    #[test]
    fn fields_do_not_mix() {
        let rel = Carried { field: Field::REL, at: 1, value: "" };
        let mut carried = [rel, anchor(1, "")];
        assert_eq!(runs(&mut carried).len(), 2);
    }
}
