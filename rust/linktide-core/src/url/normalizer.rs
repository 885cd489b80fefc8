//! The way of one URL: limits, parser if it needs one, policy pass, registrable domain, cluster key.

use std::sync::Arc;

use ada_url::Url;

use super::cluster::{ClusterInput, ClusterScratch};
use super::domain_cache::DomainCache;
use super::outcome::{NormalizedUrl, UrlFlags, UrlReason};
use super::pass::{Written, append_plain, append_url};
use super::scheme::{Start, host_text_length, start_of};
use super::suffixes::PublicSuffixList;

/// A longer input or base is refused before any work (P26).
pub const MAX_INPUT_BYTES: usize = 64 * 1024;
/// A longer normalised URL is refused (P26).
pub const MAX_OUTPUT_BYTES: usize = 8_192;
/// A host written longer than this is refused unparsed. 253 bytes of punycode are at most some 250 letters,
/// so 3,000 bytes if each is four triples; and ada's IDNA takes quadratic time on combining marks.
const MAX_HOST_TEXT_BYTES: usize = 3_072;
/// `//host` without a base is read against this one, which gives it https (P3).
const HTTPS_BASE: &str = "https://base.invalid/";

/// Normalises URLs one by one with a public suffix list. Holds a host cache and buffers, no other state:
/// the result depends on the arguments alone. Each thread has its own.
pub struct Normalizer {
    suffixes: Arc<PublicSuffixList>,
    domains: DomainCache,
    cluster: ClusterScratch,
}

impl Normalizer {
    /// A normaliser that takes registrable domains from `suffixes`.
    #[must_use]
    pub fn new(suffixes: Arc<PublicSuffixList>) -> Self {
        Self { suffixes, domains: DomainCache::new(), cluster: ClusterScratch::default() }
    }

    /// The list in use.
    #[must_use]
    pub fn suffixes(&self) -> &PublicSuffixList {
        &self.suffixes
    }

    /// Append the normalised form of `input` to `out`. A `base` that is no http(s) URL counts as absent.
    ///
    /// # Errors
    /// The reason, with `out` as it was.
    pub fn normalize(
        &mut self,
        input: &[u8],
        base: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<NormalizedUrl, UrlReason> {
        // ASCII needs no UTF-8 check, and what is not ASCII may need the parser.
        if input.len() <= MAX_INPUT_BYTES
            && input.is_ascii()
            && let Some(written) = append_plain(input, out)
        {
            return self.finish(written, UrlFlags::empty(), out);
        }
        self.normalize_parsed(input, base, out)
    }

    /// As [`Self::normalize`], but always through the parser: slower, with the same result. Tests compare
    /// the two.
    ///
    /// # Errors
    /// As [`Self::normalize`].
    pub fn normalize_parsed(
        &mut self,
        input: &[u8],
        base: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<NormalizedUrl, UrlReason> {
        let text = check_input(input)?;
        let (parsed, flags) = parse(text, base)?;
        let written = append_url(parsed.href().as_bytes(), out)?;
        self.finish(written, flags, out)
    }

    fn finish(
        &mut self,
        written: Written,
        flags: UrlFlags,
        out: &mut Vec<u8>,
    ) -> Result<NormalizedUrl, UrlReason> {
        if written.url.len() > MAX_OUTPUT_BYTES {
            out.truncate(written.url.start);
            return Err(UrlReason::TooLong);
        }
        Ok(self.describe(written, flags, out))
    }

    /// Find the domain and the cluster key of the URL just written.
    fn describe(&mut self, written: Written, flags: UrlFlags, out: &[u8]) -> NormalizedUrl {
        let Written { url, host, path, query, flags: found } = written;
        let mut flags = flags | found;
        let mut domain = host.clone();
        if !flags.contains(UrlFlags::IP) {
            let name = out.get(host.clone()).unwrap_or_default();
            let registrable = self.domains.registrable(&self.suffixes, name);
            domain.start += registrable.start;
            if !registrable.is_listed {
                flags |= UrlFlags::UNKNOWN_TLD;
            }
            if registrable.is_suffix {
                flags |= UrlFlags::IS_SUFFIX;
            }
        }
        let cluster_key = self.cluster.key(&ClusterInput {
            text: out.get(host.start..url.end).unwrap_or_default(),
            host: host.len(),
            domain: domain.start - host.start,
            path: path - host.start,
            query: query - host.start,
        });
        NormalizedUrl { url, host, domain, flags, cluster_key }
    }
}

fn check_input(input: &[u8]) -> Result<&str, UrlReason> {
    if input.len() > MAX_INPUT_BYTES {
        return Err(UrlReason::TooLong);
    }
    std::str::from_utf8(input).map_err(|_| UrlReason::BadUtf8)
}

/// Parse with ada, against the base if the input needs one and it is http(s).
fn parse(input: &str, base: Option<&str>) -> Result<(Url, UrlFlags), UrlReason> {
    let start = start_of(input);
    let needs_base = match start {
        Start::Absolute => false,
        Start::OtherScheme => return Err(UrlReason::Scheme),
        Start::HttpOnly | Start::SlashHost | Start::Relative => true,
    };
    if start != Start::Relative && host_text_length(input) > MAX_HOST_TEXT_BYTES {
        return Err(UrlReason::Host);
    }
    if let Some(base) = base.filter(|_| needs_base) {
        if base.len() > MAX_INPUT_BYTES {
            return Err(UrlReason::TooLong);
        }
        let is_web = matches!(start_of(base), Start::Absolute | Start::HttpOnly);
        if is_web && host_text_length(base) <= MAX_HOST_TEXT_BYTES {
            if let Ok(url) = Url::parse(input, Some(base)) {
                return Ok((url, UrlFlags::WAS_RELATIVE));
            }
            if Url::can_parse(base, None) {
                return Err(UrlReason::Invalid);
            }
        }
    }
    let (fallback, flags) = match start {
        Start::Relative => return Err(UrlReason::Relative),
        Start::SlashHost => (Some(HTTPS_BASE), UrlFlags::WAS_RELATIVE),
        _ => (None, UrlFlags::empty()),
    };
    Url::parse(input, fallback).map(|url| (url, flags)).map_err(|_| UrlReason::Invalid)
}
