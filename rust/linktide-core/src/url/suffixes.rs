//! The public suffix list, loaded at run time: which tail of a host is one registrable domain (P25).

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use ada_url::Idna;
use rustc_hash::FxHasher;
use xxhash_rust::xxh3::xxh3_64;

const NORMAL: u8 = 1;
const WILDCARD: u8 = 1 << 1;
const EXCEPTION: u8 = 1 << 2;

/// Why a text is no public suffix list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PslError {
    /// The text holds no rule at all.
    #[error("the public suffix list holds no rule; wanted a public_suffix_list.dat")]
    Empty,
    /// A section begins and does not end: the file was cut off, or two were mixed.
    #[error("the public suffix list is cut off: line {line} says {marker:?} where {wanted} was due")]
    CutOff {
        /// Line number from 1; one after the last line if the text ends too soon.
        line: usize,
        /// The marker read, at most 80 characters of it; empty at the end of the text.
        marker: String,
        /// What was due.
        wanted: String,
    },
    /// A rule that is no domain name, or has a `*` elsewhere than as its first label.
    #[error(
        "line {line} of the public suffix list is no rule: {rule:?}; wanted labels, `*.labels` or `!labels`"
    )]
    BadRule {
        /// Line number from 1.
        line: usize,
        /// The rule as read, at most 80 characters of it.
        rule: String,
    },
}

/// Where the registrable domain of a host starts, and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Registrable {
    /// Byte position in the host.
    pub start: usize,
    /// A rule of the list matched; if not, the last label was taken as the suffix.
    pub is_listed: bool,
    /// The whole host is a suffix.
    pub is_suffix: bool,
}

/// The rules of a public suffix list, private section included.
///
/// Hosts must be lower-case ASCII (punycode) without a trailing dot, as the normaliser writes them.
#[derive(Debug)]
pub struct PublicSuffixList {
    /// Every rule and, with no bits, every tail of a rule: a walk ends at the first tail not in here.
    tails: HashMap<Box<[u8]>, u8, BuildHasherDefault<FxHasher>>,
    rules: usize,
    version: String,
}

impl PublicSuffixList {
    /// Read a `public_suffix_list.dat`. Costs some milliseconds.
    ///
    /// # Errors
    /// [`PslError`] if the text has no rules, a line that is none, or a section that does not end.
    pub fn parse(text: &str) -> Result<Self, PslError> {
        let mut list = Self { tails: HashMap::default(), rules: 0, version: String::new() };
        let mut sections = Sections::default();
        for (index, line) in text.lines().enumerate() {
            if let Some(comment) = line.strip_prefix("//") {
                let comment = comment.trim();
                if let Some(version) = comment.strip_prefix("VERSION:")
                    && list.version.is_empty()
                {
                    version.trim().clone_into(&mut list.version);
                }
                sections.take(comment, index + 1)?;
                continue;
            }
            let Some(rule) = line.split_whitespace().next() else { continue };
            list.add(rule).ok_or_else(|| PslError::BadRule {
                line: index + 1,
                rule: rule.chars().take(80).collect(),
            })?;
        }
        sections.end(text.lines().count() + 1)?;
        if list.rules == 0 {
            return Err(PslError::Empty);
        }
        if list.version.is_empty() {
            list.version = format!("unversioned-{:016x}", xxh3_64(text.as_bytes()));
        }
        Ok(list)
    }

    fn add(&mut self, rule: &str) -> Option<()> {
        let (name, bit) = if let Some(name) = rule.strip_prefix('!') {
            (name, EXCEPTION)
        } else if let Some(name) = rule.strip_prefix("*.") {
            (name, WILDCARD)
        } else {
            (rule, NORMAL)
        };
        let ascii = to_ascii(name)?;
        let tail = ascii.as_bytes();
        for start in label_starts(tail) {
            self.tails.entry(tail.get(start..)?.into()).or_insert(0);
        }
        *self.tails.get_mut(tail)? |= bit;
        self.rules += 1;
        Some(())
    }

    /// The file's `VERSION` line; if it has none, `unversioned-` and a hash of the text.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many rules there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rules
    }

    /// Always false: a list without rules is not built.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules == 0
    }

    /// The registrable domain of a host: public suffix plus one label.
    ///
    /// A host that is a suffix is its own site, an address is itself, a single label is itself, and an
    /// unknown last label counts as a suffix (the list's `*` rule).
    #[must_use]
    pub fn registrable_domain<'h>(&self, host: &'h str) -> &'h str {
        if host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok() {
            return host;
        }
        host.get(self.registrable(host.as_bytes()).start..).unwrap_or(host)
    }

    /// As [`Self::registrable_domain`], for a host known to be a name, not an address.
    pub(super) fn registrable(&self, host: &[u8]) -> Registrable {
        let mut is_listed = false;
        let mut suffix = last_label(host);
        // Start of the label to the left of the suffix, if there is one.
        let mut wanted = label_before(host, suffix);
        let mut tail = Some(suffix);
        while let Some(start) = tail {
            let Some(&bits) = host.get(start..).and_then(|tail| self.tails.get(tail)) else { break };
            let before = label_before(host, start);
            is_listed |= bits != 0;
            if bits & EXCEPTION != 0 {
                (suffix, wanted) = (start + 1, Some(start));
                break;
            }
            if bits & WILDCARD != 0
                && let Some(covered) = before
            {
                (suffix, wanted) = (covered, label_before(host, covered));
            } else if bits & NORMAL != 0 {
                (suffix, wanted) = (start, before);
            }
            tail = before;
        }
        Registrable { start: wanted.unwrap_or(suffix), is_listed, is_suffix: wanted.is_none() && is_listed }
    }
}

/// Which section is open. A download that broke off parses well but for its missing end, and would give
/// thousands of hosts another domain.
#[derive(Default)]
struct Sections<'t> {
    open: Option<&'t str>,
}

impl<'t> Sections<'t> {
    fn take(&mut self, comment: &'t str, line: usize) -> Result<(), PslError> {
        let marker = comment.strip_prefix("===").and_then(|inner| inner.strip_suffix("==="));
        let begun = marker.and_then(|inner| inner.strip_prefix("BEGIN "));
        let ended = marker.and_then(|inner| inner.strip_prefix("END "));
        match (begun, ended) {
            (Some(_), _) if self.open.is_none() => self.open = begun,
            (None, Some(name)) if self.open == Some(name) => self.open = None,
            (None, None) => {}
            _ => return Err(self.cut_off(comment, line)),
        }
        Ok(())
    }

    fn end(&self, line: usize) -> Result<(), PslError> {
        self.open.map_or(Ok(()), |_| Err(self.cut_off("", line)))
    }

    fn cut_off(&self, marker: &str, line: usize) -> PslError {
        let wanted = self.open.map_or_else(|| "===BEGIN".to_owned(), |open| format!("===END {open}==="));
        PslError::CutOff { line, marker: marker.chars().take(80).collect(), wanted }
    }
}

fn last_label(host: &[u8]) -> usize {
    host.iter().rposition(|&byte| byte == b'.').map_or(0, |dot| dot + 1)
}

/// Start of the label that ends just before the label starting at `start`.
fn label_before(host: &[u8], start: usize) -> Option<usize> {
    let dot = start.checked_sub(1)?;
    Some(last_label(host.get(..dot)?))
}

fn label_starts(name: &[u8]) -> impl Iterator<Item = usize> {
    let dots = name.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(index, _)| index + 1);
    std::iter::once(0).chain(dots)
}

fn to_ascii(name: &str) -> Option<String> {
    let ascii = if name.is_ascii() { name.to_ascii_lowercase() } else { Idna::ascii(name) };
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let is_rule = ascii.split('.').all(|label| !label.is_empty() && label.bytes().all(is_name));
    is_rule.then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: &str = "// VERSION: 2026-01-02\ncom\nuk\nco.uk  trailing words\n*.ck\n!www.ck\n\
        a.deep.example\n*.wild.com\n!plain.wild.com\n公司.cn\ncn\n// ===BEGIN PRIVATE DOMAINS===\ngithub.io\nio\n// ===END PRIVATE DOMAINS===\n";

    fn domain(host: &str) -> String {
        PublicSuffixList::parse(RULES).unwrap().registrable_domain(host).to_owned()
    }

    #[test]
    fn each_kind_of_rule_is_followed() {
        for (host, wanted) in [
            ("a.b.example.com", "example.com"),
            ("com", "com"),
            ("b.example.co.uk", "example.co.uk"),
            ("example.uk", "example.uk"),
            ("github.io", "github.io"),
            ("x.me.github.io", "me.github.io"),
            ("ck", "ck"),
            ("any.ck", "any.ck"),
            ("b.any.ck", "b.any.ck"),
            ("a.b.any.ck", "b.any.ck"),
            ("www.ck", "www.ck"),
            ("x.www.ck", "www.ck"),
            ("wild.com", "wild.com"),
            ("b.wild.com", "b.wild.com"),
            ("a.b.wild.com", "a.b.wild.com"),
            ("y.plain.wild.com", "plain.wild.com"),
            ("q.r.unknown", "r.unknown"),
            ("z.deep.example", "deep.example"),
            ("y.z.a.deep.example", "z.a.deep.example"),
            ("x.xn--55qx5d.cn", "x.xn--55qx5d.cn"),
            ("localhost", "localhost"),
            ("10.1.2.3", "10.1.2.3"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("", ""),
        ] {
            assert_eq!(domain(host), wanted, "{host}");
        }
    }

    #[test]
    fn version_is_the_files_own_or_a_hash_of_it() {
        assert_eq!(PublicSuffixList::parse(RULES).unwrap().version(), "2026-01-02");
        let bare = PublicSuffixList::parse("com\n").unwrap();
        assert!(bare.version().starts_with("unversioned-"));
        assert_ne!(bare.version(), PublicSuffixList::parse("org\n").unwrap().version());
        assert_eq!(bare.len(), 1);
    }

    #[test]
    fn texts_that_are_no_list_are_refused() {
        assert_eq!(PublicSuffixList::parse("// only words\n\n").err(), Some(PslError::Empty));
        for rule in ["a..b", ".", "a.*.b", "<html>", "*", "!"] {
            let refused = PublicSuffixList::parse(&format!("com\n{rule}\n")).err();
            assert_eq!(refused, Some(PslError::BadRule { line: 2, rule: rule.to_owned() }));
        }
    }

    #[test]
    fn a_section_that_does_not_end_is_refused() {
        let begin = "// ===BEGIN ICANN DOMAINS===\ncom\n";
        let (end, other) = ("// ===END ICANN DOMAINS===\n", "// ===END PRIVATE DOMAINS===\n");
        assert!(PublicSuffixList::parse(&format!("{begin}// a word\n//\n{end}")).is_ok());
        for (text, at) in [
            (begin.to_owned(), 3),
            (format!("{begin}{begin}{end}"), 3),
            (format!("{begin}{other}"), 3),
            (format!("com\n{end}"), 2),
            (format!("{begin}{end}{end}"), 4),
        ] {
            let refused = PublicSuffixList::parse(&text).err();
            assert!(
                matches!(refused, Some(PslError::CutOff { line, .. }) if line == at),
                "{text:?} {refused:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_domain_is_a_tail_of_its_host_and_its_own_domain(host in "([a-c]{1,2}\\.){0,5}(com|co\\.uk|ck|wild\\.com|zz)") {
            let list = PublicSuffixList::parse(RULES).unwrap();
            let domain = list.registrable_domain(&host);
            prop_assert!(host.ends_with(domain));
            prop_assert!(host.len() == domain.len() || host[..host.len() - domain.len()].ends_with('.'));
            prop_assert_eq!(list.registrable_domain(domain), domain);
        }
    }
}
