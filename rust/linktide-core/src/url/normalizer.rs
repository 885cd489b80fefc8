//! The way of one URL: limits, parser if it needs one, policy pass, registrable domain, cluster key.

use std::sync::Arc;

use super::cluster::{ClusterInput, ClusterScratch};
use super::domain_cache::DomainCache;
use super::options::{Level, Rules, UrlOptions};
use super::outcome::{NormalizedUrl, UrlFlags, UrlReason};
use super::pass::{Written, append_plain, append_url};
use super::resolve::{check_input, parse};
use super::suffixes::PublicSuffixList;

/// A longer input or base is refused before any work (P26).
pub const MAX_INPUT_BYTES: usize = 64 * 1024;

/// Normalises URLs one by one with a public suffix list, at one level with one set of options. Holds a host
/// cache and buffers, no other state: the result depends on the arguments alone. Each thread has its own.
pub struct Normalizer {
    pub(super) suffixes: Arc<PublicSuffixList>,
    pub(super) domains: DomainCache,
    pub(super) cluster: ClusterScratch,
    pub(super) options: UrlOptions,
    pub(super) rules: Rules,
    pub(super) index_rules: Rules,
    pub(super) scratch: Vec<u8>,
    is_default: bool,
}

impl Normalizer {
    /// A normaliser at level *index*, with every option off, that takes registrable domains from `suffixes`.
    #[must_use]
    pub fn new(suffixes: Arc<PublicSuffixList>) -> Self {
        Self::with_options(suffixes, UrlOptions::default())
    }

    /// A normaliser that does what `options` say. An output limit out of range is taken as it is.
    #[must_use]
    pub fn with_options(suffixes: Arc<PublicSuffixList>, options: UrlOptions) -> Self {
        Self {
            suffixes,
            domains: DomainCache::new(),
            cluster: ClusterScratch::default(),
            rules: Rules::of(&options, options.level),
            index_rules: Rules::of(&options, Level::Index),
            scratch: Vec::new(),
            is_default: !options.needs_more_than_the_pass(),
            options,
        }
    }

    /// The list in use.
    #[must_use]
    pub fn suffixes(&self) -> &PublicSuffixList {
        &self.suffixes
    }

    /// What it was told to do.
    #[must_use]
    pub const fn options(&self) -> &UrlOptions {
        &self.options
    }

    /// Append the normalised form of `input` to `out`. A `base` that is no http(s) URL counts as absent, but
    /// at level *whatwg*, which takes any.
    ///
    /// # Errors
    /// The reason, with `out` as it was.
    pub fn normalize(
        &mut self,
        input: &[u8],
        base: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<NormalizedUrl, UrlReason> {
        if !self.is_default {
            return self.normalize_by_options(input, base, true, out);
        }
        // ASCII needs no UTF-8 check, and what is not ASCII may need the parser.
        if input.len() <= MAX_INPUT_BYTES
            && input.is_ascii()
            && let Some(written) = append_plain(input, &self.rules, out)
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
        if !self.is_default {
            return self.normalize_by_options(input, base, false, out);
        }
        let text = check_input(input)?;
        let (parsed, flags) = parse(text, base, &self.options)?;
        let written = append_url(parsed.href().as_bytes(), &self.rules, out)?;
        self.finish(written, flags, out)
    }

    pub(super) fn finish(
        &mut self,
        written: Written,
        flags: UrlFlags,
        out: &mut Vec<u8>,
    ) -> Result<NormalizedUrl, UrlReason> {
        if written.url.len() > self.options.max_output_bytes {
            out.truncate(written.url.start);
            return Err(UrlReason::TooLong);
        }
        Ok(self.describe(written, flags, out))
    }

    /// Find the domain and the cluster key of the URL just written.
    pub(super) fn describe(&mut self, written: Written, flags: UrlFlags, out: &[u8]) -> NormalizedUrl {
        let Written { url, host, path, query, fragment, flags: found } = written;
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
            text: out.get(host.start..fragment).unwrap_or_default(),
            domain: domain.start - host.start,
            path: path - host.start,
            query: query - host.start,
        });
        NormalizedUrl { url, host, domain, flags, cluster_key }
    }
}
