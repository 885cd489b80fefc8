//! Query parameters that never select content: session ids (P13) and tracking marks (P14).
//!
//! A name stands here only if its maker defines it as a mark of the visit or of the visitor. Names that
//! some site uses to select content (`ref`, `id`, `source`, `si`, `tag`, `cid`, `campaign_id`) do not.

use super::outcome::UrlFlags;
use super::parameter_table::PARAMETERS;

/// How a [`Parameter`]'s name is compared with a query name (both ASCII lower-case).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterMatch {
    /// The whole name.
    Exact,
    /// The name's beginning.
    Prefix,
    /// The whole name, and the value is 32 hex digits.
    ExactWithHashValue,
    /// The whole name, and its partner of the same kind stands in the query too.
    ExactWithPartner,
}

/// What a parameter says about the visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// P13: a server session.
    Session,
    /// P14: an advertisement, mail or campaign.
    Tracking,
}

impl ParameterKind {
    /// The flag that tells of a dropped one.
    pub(super) const fn flag(self) -> UrlFlags {
        match self {
            Self::Session => UrlFlags::HAD_SESSION,
            Self::Tracking => UrlFlags::HAD_TRACKING,
        }
    }
}

/// Where a parameter's meaning was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Its maker's page, which was read and names it.
    Read(&'static str),
    /// Its maker's page, which others cite for it and which was not read.
    Cited(&'static str),
    /// No page was found that names it: its maker's documentation, or else its maker's site.
    Home(&'static str),
}

/// One row of the table of dropped parameters.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// ASCII lower-case name or prefix.
    pub name: &'static str,
    /// How it is compared.
    pub compare: ParameterMatch,
    /// Session or tracking.
    pub kind: ParameterKind,
    /// Whose parameter it is.
    pub maker: &'static str,
    /// What says so.
    pub source: Source,
}

pub(super) const fn exact(name: &'static str, maker: &'static str, source: Source) -> Parameter {
    Parameter { name, compare: ParameterMatch::Exact, kind: ParameterKind::Tracking, maker, source }
}

pub(super) const fn prefix(name: &'static str, maker: &'static str, source: Source) -> Parameter {
    Parameter { name, compare: ParameterMatch::Prefix, kind: ParameterKind::Tracking, maker, source }
}

pub(super) const fn session(
    name: &'static str,
    compare: ParameterMatch,
    maker: &'static str,
    source: Source,
) -> Parameter {
    Parameter { name, compare, kind: ParameterKind::Session, maker, source }
}

/// `STARTS[b]..STARTS[b + 1]` are the rows whose name begins with byte `b` (up to 127).
const STARTS: [u8; 129] = starts();

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a miss fails the build")]
const fn starts() -> [u8; 129] {
    let mut table = [0; 129];
    let mut byte = 0;
    let mut row = 0;
    while byte < 129 {
        while row < PARAMETERS.len() && (PARAMETERS[row].name.as_bytes()[0] as usize) < byte {
            row += 1;
        }
        table[byte] = row as u8;
        byte += 1;
    }
    table
}

/// Bit `c & 31` of `HEADS[(a & 31) << 5 | (b & 31)]` is set if a pair to drop may begin with the bytes `a`, `b` and
/// `c` or with others that have the same low bits; those are the same for both cases of a letter.
static HEADS: [u32; 1024] = heads();

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a miss fails the build")]
const fn heads() -> [u32; 1024] {
    let mut table = [0; 1024];
    let mut row = 0;
    while row < PARAMETERS.len() {
        let name = PARAMETERS[row].name.as_bytes();
        let first = (name[0] as usize & 31) << 5;
        if let ParameterMatch::ExactWithHashValue = PARAMETERS[row].compare
            && name.len() == 1
        {
            let mut digit = 0;
            while digit < 16 {
                table[first | b'=' as usize & 31] |= 1 << (b"0123456789abcdef"[digit] & 31);
                digit += 1;
            }
        } else if name.len() < 3 {
            let mut second = if name.len() == 1 { 0 } else { name[1] as usize & 31 };
            while second < 32 {
                table[first | second] = u32::MAX;
                second += if name.len() == 1 { 1 } else { 32 };
            }
        } else {
            table[first | name[1] as usize & 31] |= 1 << (name[2] & 31);
        }
        row += 1;
    }
    table
}

/// False if no parameter to drop begins with these bytes (0 behind the end); nearly always false for others.
#[inline(always)]
pub(super) fn may_be_dropped(head: [u8; 3]) -> bool {
    let [first, second, third] = head;
    let row = usize::from(first & 31) << 5 | usize::from(second & 31);
    HEADS.get(row).is_some_and(|row| row >> (third & 31) & 1 != 0)
}

/// The row for the pair at the start of `text`, if it is one to drop: `name`, or `name=value`, ended by the
/// end of the text or by a delimiter. All is percent-normalised.
pub(super) fn find_parameter(text: &[u8]) -> Option<&'static Parameter> {
    let first = usize::from(text.first()?.to_ascii_lowercase());
    let rows = PARAMETERS.get(usize::from(*STARTS.get(first)?)..usize::from(*STARTS.get(first + 1)?))?;
    rows.iter().find(|row| is_match(row, text))
}

fn is_match(row: &Parameter, text: &[u8]) -> bool {
    let head = text.get(..row.name.len());
    let is_same = head.is_some_and(|head| head.eq_ignore_ascii_case(row.name.as_bytes()));
    if !is_same || row.compare == ParameterMatch::Prefix {
        return is_same;
    }
    let rest = text.get(row.name.len()..).unwrap_or_default();
    if row.compare == ParameterMatch::ExactWithHashValue {
        return rest.strip_prefix(b"=").is_some_and(is_hash);
    }
    matches!(rest.first(), None | Some(b'=' | b'&' | b'#'))
}

fn is_hash(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    digits == 32 && matches!(text.get(digits), None | Some(b'&' | b'#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_lower_case_and_fits_the_lookup() {
        assert!(PARAMETERS.len() < usize::from(u8::MAX));
        for row in PARAMETERS {
            assert_eq!(row.name, row.name.to_ascii_lowercase());
        }
        let mut sorted: Vec<&str> = PARAMETERS.iter().map(|row| row.name).collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted, PARAMETERS.iter().map(|row| row.name).collect::<Vec<_>>());
    }

    #[test]
    fn every_row_is_found_by_its_name_in_any_case() {
        for row in PARAMETERS {
            let value = "0123456789abcdef0123456789ABCDEF";
            let pair = format!("{}={value}", row.name.to_ascii_uppercase());
            assert_eq!(find_parameter(pair.as_bytes()).unwrap().name, row.name);
            assert_eq!(find_parameter(format!("{pair}&x").as_bytes()).unwrap().name, row.name);
            let longer = format!("{}{}={value}", row.name, "x".repeat(40));
            let is_prefix = row.compare == ParameterMatch::Prefix;
            assert_eq!(find_parameter(longer.as_bytes()).is_some(), is_prefix, "{longer}");
            assert!(may_be_dropped(*pair.as_bytes().first_chunk().unwrap()), "{pair}");
        }
    }

    #[test]
    fn names_that_select_content_stay() {
        for name in
            ["ref", "id", "source", "si", "tag", "campaign_id", "cid", "utm", "q", "", "é", "sid", "s"]
        {
            assert!(find_parameter(format!("{name}=42").as_bytes()).is_none(), "{name}");
        }
    }
}
