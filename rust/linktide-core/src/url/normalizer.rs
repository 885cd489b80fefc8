//! The way of one URL: limits, parser if it needs one, policy pass, registrable domain, cluster key.

use std::ops::Range;
use std::sync::Arc;

use super::cluster::{ClusterInput, ClusterScratch, Seen};
use super::domain_cache::{DomainCache, hash};
use super::lanes::Choice;
use super::options::{Level, Rules, UrlOptions};
use super::outcome::{NormalizedText, NormalizedUrl, UrlFlags, UrlReason};
use super::pass::{Written, append_url};
use super::plain::append_plain;
use super::resolve::{check_input, parse};
use super::suffixes::PublicSuffixList;

/// A longer input or base is refused before any work (P26).
pub const MAX_INPUT_BYTES: usize = 64 * 1024;

/// A URL that was appended, and of which the rest is still to be told: see [`Normalizer::begin`].
#[derive(Debug)]
pub struct BegunUrl(Begun);

#[derive(Debug)]
enum Begun {
    Written(Written),
    /// Options ask for more than the pass, and all of it is done.
    Complete(NormalizedUrl),
}

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
    pub(super) lanes: Choice,
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
            lanes: Choice::best(),
            is_default: !options.needs_more_than_the_pass(),
            options,
        }
    }

    /// A normaliser of the default policy with these lanes.
    pub(super) fn with_lanes(suffixes: Arc<PublicSuffixList>, lanes: Choice) -> Self {
        Self { lanes, ..Self::new(suffixes) }
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
        let begun = self.begin(input, base, out)?;
        Ok(self.complete(&begun, out))
    }

    /// The first half of [`Self::normalize`]: append the URL. The second half, [`Self::complete`], needs memory
    /// that may have to be fetched first; who has many rows begins some before completing them.
    ///
    /// # Errors
    /// As [`Self::normalize`].
    #[inline(always)]
    pub fn begin(
        &mut self,
        input: &[u8],
        base: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<BegunUrl, UrlReason> {
        if !self.is_default {
            return self
                .normalize_by_options(input, base, true, out)
                .map(|url| BegunUrl(Begun::Complete(url)));
        }
        let mut written = Written::default();
        self.write(input, base, true, out, &mut written)?;
        Ok(BegunUrl(Begun::Written(written)))
    }

    /// The second half: find domain and cluster key of a URL that was just appended to `out`.
    pub fn complete(&mut self, begun: &BegunUrl, out: &[u8]) -> NormalizedUrl {
        match &begun.0 {
            Begun::Written(written) => self.describe(written, UrlFlags::empty(), out),
            Begun::Complete(url) => url.clone(),
        }
    }

    /// As [`Self::normalize`], without what costs more to tell than the URL itself: domain and cluster key.
    ///
    /// # Errors
    /// As [`Self::normalize`].
    pub fn normalize_text(
        &mut self,
        input: &[u8],
        base: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<NormalizedText, UrlReason> {
        if !self.is_default {
            let NormalizedUrl { url, host, flags, .. } = self.normalize_by_options(input, base, true, out)?;
            return Ok(NormalizedText { url, host, flags });
        }
        let start = out.len();
        let mut written = Written::default();
        self.write(input, base, false, out, &mut written)?;
        let Written { host, flags, .. } = written;
        // Not the range in `written`: what was just stored in two halves is slow to load as one.
        Ok(NormalizedText { url: start..out.len(), host, flags })
    }

    /// The registrable domain of a URL just normalised, where it lies in `out`.
    pub fn domain(&mut self, text: &NormalizedText, out: &[u8]) -> Range<usize> {
        let mut domain = text.host.clone();
        if !text.flags.contains(UrlFlags::IP) {
            let host = out.get(domain.clone()).unwrap_or_default();
            domain.start += self.domains.registrable(&self.suffixes, host, hash(host)).start;
        }
        domain
    }

    #[inline(always)]
    fn write(
        &mut self,
        input: &[u8],
        base: Option<&str>,
        wants_domain: bool,
        out: &mut Vec<u8>,
        written: &mut Written,
    ) -> Result<(), UrlReason> {
        let start = out.len();
        let domains = wants_domain.then_some(&self.domains);
        let is_plain = input.len() <= MAX_INPUT_BYTES
            && append_plain(self.lanes, input, &self.rules, domains, out, written);
        if !is_plain {
            *written = self.write_parsed(input, base, out)?;
        }
        self.check_length(start, out)
    }

    #[cold]
    fn write_parsed(
        &mut self,
        input: &[u8],
        base: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<Written, UrlReason> {
        let (parsed, flags) = parse(check_input(input)?, base, &self.options)?;
        let mut written = append_url(self.lanes, parsed.href().as_bytes(), &self.rules, out)?;
        written.flags |= flags;
        Ok(written)
    }

    /// Take back the URL that begins at `start` if it is too long (P26).
    fn check_length(&self, start: usize, out: &mut Vec<u8>) -> Result<(), UrlReason> {
        if out.len() - start > self.options.max_output_bytes {
            out.truncate(start);
            return Err(UrlReason::TooLong);
        }
        Ok(())
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
        let written = self.write_parsed(input, base, out)?;
        self.finish(&written, UrlFlags::empty(), out)
    }

    pub(super) fn finish(
        &mut self,
        written: &Written,
        flags: UrlFlags,
        out: &mut Vec<u8>,
    ) -> Result<NormalizedUrl, UrlReason> {
        self.check_length(written.url.start, out)?;
        Ok(self.describe(written, flags, out))
    }

    /// Find the domain and the cluster key of the URL just written.
    pub(super) fn describe(&mut self, written: &Written, flags: UrlFlags, out: &[u8]) -> NormalizedUrl {
        let Written { path, query, fragment, seen, .. } = *written;
        let (url, host) = (written.url.clone(), written.host.clone());
        let mut flags = flags | written.flags;
        let mut domain = host.clone();
        if !flags.contains(UrlFlags::IP) {
            let name = out.get(host.clone()).unwrap_or_default();
            let hash = match written.host_hash {
                Some(hash) => hash,
                None => hash(name),
            };
            let registrable = self.domains.registrable(&self.suffixes, name, hash);
            domain.start += registrable.start;
            if !registrable.is_listed {
                flags |= UrlFlags::UNKNOWN_TLD;
            }
            if registrable.is_suffix {
                flags |= UrlFlags::IS_SUFFIX;
            }
        }
        let seen = seen.map(|seen| Seen { path: seen.path - host.start, ..seen });
        let input = ClusterInput {
            text: out.get(host.start..fragment).unwrap_or_default(),
            domain: domain.start - host.start,
            path: path - host.start,
            query: query - host.start,
        };
        let cluster_key = self.cluster.key(&input, seen);
        NormalizedUrl { url, host, domain, flags, cluster_key }
    }
}
