//! The way of one URL: limits, parser if it needs one, policy pass, registrable domain, cluster key.

use std::ops::Range;
use std::sync::Arc;

use super::cluster::{ClusterInput, ClusterScratch, Seen};
use super::domain_cache::{DomainCache, Site, hash};
use super::lanes::{Choice, Lanes, Task, dispatch};
use super::options::{Level, Rules, UrlOptions};
use super::outcome::{NormalizedText, NormalizedUrl, UrlFlags, UrlReason};
use super::pass::{Written, append_url};
use super::plain::{append_plain, append_plain_row};
use super::resolve::{check_input, parse};
use super::suffixes::PublicSuffixList;

/// A longer input or base is refused before any work (P26).
pub const MAX_INPUT_BYTES: usize = 64 * 1024;

/// Rows that are begun before they are completed.
const BEGUN_ROWS: usize = 32;

/// A URL that was appended, and of which the rest is still to be told.
#[derive(Default)]
struct Begun {
    written: Written,
    /// The row, if options ask for more than the pass: then all of it is done.
    row: Option<NormalizedUrl>,
}

/// Takes the rows of [`Normalizer::normalize_rows`]. Any closure does; a type of its own can ask to be inlined.
pub(super) trait TakeRow {
    /// Take the next row: the buffer with all URLs up to some behind it, and the result.
    fn take(&mut self, text: &[u8], got: Option<Result<NormalizedUrl, UrlReason>>);
}

impl<F: FnMut(&[u8], Option<Result<NormalizedUrl, UrlReason>>)> TakeRow for F {
    #[inline(always)]
    fn take(&mut self, text: &[u8], got: Option<Result<NormalizedUrl, UrlReason>>) {
        self(text, got);
    }
}

/// What [`Normalizer::normalize_rows`] does.
struct Rows<'n, I, D> {
    normalizer: &'n mut Normalizer,
    count: usize,
    input: I,
    out: &'n mut Vec<u8>,
    done: D,
}

impl<'i, I, D> Task for Rows<'_, I, D>
where
    I: Fn(usize) -> Option<(&'i [u8], Option<&'i str>)>,
    D: TakeRow,
{
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { normalizer, count, input, out, mut done } = self;
        let mut begun: [Begun; BEGUN_ROWS] = Default::default();
        let mut results = [None; BEGUN_ROWS];
        for start in (0..count).step_by(BEGUN_ROWS) {
            let rows = start..count.min(start + BEGUN_ROWS);
            for (row, (begun, result)) in rows.clone().zip(begun.iter_mut().zip(&mut results)) {
                *result = input(row).map(|(url, base)| {
                    if normalizer.is_default {
                        return normalizer.write_with(lanes, url, base, out, &mut begun.written);
                    }
                    begun.row = Some(normalizer.normalize_by_options(url, base, true, out)?);
                    Ok(())
                });
            }
            for (_, (begun, result)) in rows.zip(begun.iter().zip(&results)) {
                done.take(out, result.map(|result| result.map(|()| normalizer.complete(begun, out))));
            }
        }
    }
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
        let lanes = Choice::best();
        Self {
            suffixes,
            domains: DomainCache::new(),
            cluster: ClusterScratch::new(lanes),
            rules: Rules::of(&options, options.level),
            index_rules: Rules::of(&options, Level::Index),
            scratch: Vec::new(),
            lanes,
            is_default: !options.needs_more_than_the_pass(),
            options,
        }
    }

    /// A normaliser of the default policy with these lanes.
    pub(super) fn with_lanes(suffixes: Arc<PublicSuffixList>, lanes: Choice) -> Self {
        Self { lanes, cluster: ClusterScratch::new(lanes), ..Self::new(suffixes) }
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
        let mut begun = Begun::default();
        if self.is_default {
            self.write(input, base, true, out, &mut begun.written)?;
        } else {
            begun.row = Some(self.normalize_by_options(input, base, true, out)?);
        }
        Ok(self.complete(&begun, out))
    }

    /// Normalise `count` rows: `input` gives each with its base, `done` gets the buffer and the result, in
    /// order, `None` where there was no input.
    ///
    /// Faster than one by one: the kind of vector instructions is chosen once for all, and some rows are appended
    /// before the rest of the first is told, so that the memory which that needs is fetched meanwhile.
    #[inline(always)]
    pub fn normalize_rows<'i>(
        &mut self,
        count: usize,
        input: impl Fn(usize) -> Option<(&'i [u8], Option<&'i str>)>,
        out: &mut Vec<u8>,
        done: impl FnMut(&[u8], Option<Result<NormalizedUrl, UrlReason>>),
    ) {
        self.normalize_rows_into(count, input, out, done);
    }

    /// As [`Self::normalize_rows`], for a taker of its own type.
    #[inline(always)]
    pub(super) fn normalize_rows_into<'i>(
        &mut self,
        count: usize,
        input: impl Fn(usize) -> Option<(&'i [u8], Option<&'i str>)>,
        out: &mut Vec<u8>,
        done: impl TakeRow,
    ) {
        dispatch(self.lanes, Rows { count, input, out, done, normalizer: self });
    }

    /// The second half: find domain and cluster key of a URL that was just appended to `out`.
    #[inline(always)]
    fn complete(&mut self, begun: &Begun, out: &[u8]) -> NormalizedUrl {
        match &begun.row {
            None => self.describe(&begun.written, UrlFlags::empty(), out),
            Some(row) => row.clone(),
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
            domain.start += usize::from(self.domains.site(&self.suffixes, host, hash(host)).domain);
        }
        domain
    }

    #[inline(always)]
    fn write(
        &self,
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
        self.settle(is_plain, input, base, start, out, written)
    }

    /// The same for a row, with lanes that were chosen before.
    #[inline(always)]
    fn write_with<L: Lanes>(
        &self,
        lanes: L,
        input: &[u8],
        base: Option<&str>,
        out: &mut Vec<u8>,
        written: &mut Written,
    ) -> Result<(), UrlReason> {
        let start = out.len();
        let is_plain = input.len() <= MAX_INPUT_BYTES
            && append_plain_row(lanes, input, &self.rules, &self.domains, out, written);
        self.settle(is_plain, input, base, start, out, written)
    }

    /// Go to the parser with what is not plain.
    #[inline(always)]
    fn settle(
        &self,
        is_plain: bool,
        input: &[u8],
        base: Option<&str>,
        start: usize,
        out: &mut Vec<u8>,
        written: &mut Written,
    ) -> Result<(), UrlReason> {
        if !is_plain {
            *written = self.write_parsed(input, base, out)?;
        }
        self.check_length(start, out)
    }

    #[cold]
    fn write_parsed(
        &self,
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
    #[inline(always)]
    pub(super) fn describe(&mut self, written: &Written, flags: UrlFlags, out: &[u8]) -> NormalizedUrl {
        let (url, host) = (written.url.clone(), written.host.clone());
        let flags = flags | written.flags;
        let name = out.get(host.clone()).unwrap_or_default();
        let site = match written.host_hash {
            Some(hash) => self.domains.site(&self.suffixes, name, hash),
            None if flags.contains(UrlFlags::IP) => Site::whole(name),
            None => self.domains.site(&self.suffixes, name, hash(name)),
        };
        let start = host.start + usize::from(site.www);
        let input = ClusterInput {
            text: out.get(start..written.fragment).unwrap_or_default(),
            path: written.path - start,
            query: written.query - start,
        };
        let seen = written.seen.map(|seen| Seen { path: seen.path - start, ..seen });
        let cluster_key = self.cluster.key(&input, seen);
        let domain = host.start + usize::from(site.domain)..host.end;
        NormalizedUrl { url, host, domain, domain_id: site.domain_id, flags: flags | site.flags, cluster_key }
    }
}
