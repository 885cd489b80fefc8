//! What level and options do beyond the pass: the other forms of a URL, unwrapping, further refusals.

use std::ops::Range;

use ada_url::Url;
use xxhash_rust::xxh3::xxh3_64;

use super::cluster::{ClusterInput, www_length};
use super::domain_cache::{Site, hash};
use super::host::check_host;
use super::normalizer::{MAX_INPUT_BYTES, Normalizer};
use super::options::Level;
use super::outcome::{NormalizedUrl, UrlFlags, UrlReason};
use super::pass::{Written, append_url};
use super::plain::append_plain;
use super::resolve::{check_input, parse};
use super::unwrap::target_of;

/// A URL wrapped more often stays as it is, so that normalising it again changes nothing.
const MAX_UNWRAPS: usize = 3;

/// A finished row, and where its parts lie if the pass wrote it.
type Row = (NormalizedUrl, Option<Written>);

impl Normalizer {
    /// As `normalize` at any level with any options; without the short way if `is_short` is false.
    pub(super) fn normalize_by_options(
        &mut self,
        input: &[u8],
        base: Option<&str>,
        is_short: bool,
        out: &mut Vec<u8>,
    ) -> Result<NormalizedUrl, UrlReason> {
        let start = out.len();
        let got = self.whole_row(input, base, is_short, out);
        if got.is_err() {
            out.truncate(start);
        }
        got
    }

    fn whole_row(
        &mut self,
        input: &[u8],
        base: Option<&str>,
        is_short: bool,
        out: &mut Vec<u8>,
    ) -> Result<NormalizedUrl, UrlReason> {
        let mut row = self.row(input, base, is_short, out)?;
        if self.options.unwrap_redirects || self.options.unwrap_amp {
            row = self.unwrap(row, out);
            if self.options.level < Level::Index && !row.0.flags.contains(UrlFlags::OTHER_SCHEME) {
                let text = out.get(row.0.url.clone()).unwrap_or_default();
                row.0.cluster_key = self.unwrapped_key(text).unwrap_or(row.0.cluster_key);
            }
        }
        let (mut url, written) = row;
        if self.options.reject_private && url.flags.intersects(UrlFlags::PRIVATE_IP | UrlFlags::LOCAL) {
            return Err(UrlReason::Private);
        }
        if let Some(written) = written.filter(|_| self.options.level == Level::Cluster) {
            self.rewrite_as_cluster(&mut url, &written, out);
        }
        Ok(url)
    }

    /// One URL at the level, not unwrapped; the identity form at level *cluster*.
    fn row(
        &mut self,
        input: &[u8],
        base: Option<&str>,
        is_short: bool,
        out: &mut Vec<u8>,
    ) -> Result<Row, UrlReason> {
        let mut written = Written::default();
        let may_be_plain = is_short && self.options.level != Level::Whatwg && input.len() <= MAX_INPUT_BYTES;
        if may_be_plain && append_plain(self.lanes, input, &self.rules, None, out, &mut written) {
            return self.pass_row(written, UrlFlags::empty(), out);
        }
        let (parsed, flags) = parse(check_input(input)?, base, &self.options)?;
        if self.options.level == Level::Whatwg || flags.contains(UrlFlags::OTHER_SCHEME) {
            return self.whatwg_row(&parsed, flags, out);
        }
        let written = append_url(self.lanes, parsed.href().as_bytes(), &self.rules, out)?;
        self.pass_row(written, flags, out)
    }

    fn pass_row(&mut self, written: Written, flags: UrlFlags, out: &mut Vec<u8>) -> Result<Row, UrlReason> {
        let mut url = self.finish(&written, flags, out)?;
        url.cluster_key = if self.options.level == Level::Safe {
            self.index_key(out.get(url.url.clone()).unwrap_or_default())
        } else {
            self.key_of(&url, &written, out)
        };
        Ok((url, Some(written)))
    }

    fn whatwg_row(&mut self, parsed: &Url, flags: UrlFlags, out: &mut Vec<u8>) -> Result<Row, UrlReason> {
        let href = parsed.href();
        if href.len() > self.options.max_output_bytes {
            return Err(UrlReason::TooLong);
        }
        let start = out.len();
        out.extend_from_slice(href.as_bytes());
        let url = start..out.len();
        let host = host_range(parsed);
        let (domain, site) = self.whatwg_site(href.get(host.clone()).unwrap_or_default());
        let domain = start + host.start + domain.start..start + host.start + domain.end;
        let mut flags = flags | site.flags;
        let found = [
            (parsed.has_credentials(), UrlFlags::HAD_USERINFO),
            (parsed.has_port(), UrlFlags::HAS_PORT),
            (href.contains("%00"), UrlFlags::ENCODED_NUL),
            (href.contains("%EF%BF%BD"), UrlFlags::MOJIBAKE),
        ];
        for (is_found, flag) in found {
            if is_found {
                flags |= flag;
            }
        }
        let cluster_key = self.index_key(href.as_bytes());
        let host = start + host.start..start + host.end;
        Ok((NormalizedUrl { url, host, domain, domain_id: site.domain_id, flags, cluster_key }, None))
    }

    /// Registrable domain and flags of a host that need not be one that DNS can hold; then it is all of it.
    fn whatwg_site(&mut self, host: &str) -> (Range<usize>, Site) {
        let whole = |flags| (0..host.len(), Site { flags, ..Site::whole(host.as_bytes()) });
        let Ok(checked) = check_host(host.as_bytes()) else { return whole(UrlFlags::empty()) };
        if checked.flags.contains(UrlFlags::IP) {
            return whole(checked.flags);
        }
        let site = self.domains.site(&self.suffixes, checked.bytes, hash(checked.bytes));
        let domain = usize::from(site.domain)..checked.bytes.len();
        (domain, Site { flags: checked.flags | site.flags, ..site })
    }

    /// The cluster key of a serialised URL that is in another form than the identity's.
    fn index_key(&mut self, text: &[u8]) -> u64 {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let key = match append_url(self.lanes, text, &self.index_rules, &mut scratch) {
            Ok(written) if written.url.len() <= self.options.max_output_bytes => {
                let url = self.describe(&written, UrlFlags::empty(), &scratch);
                self.key_of(&url, &written, &scratch)
            }
            _ => xxh3_64(text),
        };
        self.scratch = scratch;
        key
    }

    /// The cluster key that level *index* gives a text, in which it may see a page to unwrap that weaker levels do
    /// not; none if it refuses it.
    fn unwrapped_key(&mut self, text: &[u8]) -> Option<u64> {
        let level = std::mem::replace(&mut self.options.level, Level::Index);
        std::mem::swap(&mut self.rules, &mut self.index_rules);
        let mut out = Vec::new();
        let row = self.row(text, None, true, &mut out);
        let key = row.map(|row| self.unwrap(row, &mut out).0.cluster_key);
        std::mem::swap(&mut self.rules, &mut self.index_rules);
        self.options.level = level;
        key.ok()
    }

    /// The cluster form says nothing of ftp and of kept fragments: such URLs have the hash of the whole
    /// cluster URL.
    fn key_of(&mut self, url: &NormalizedUrl, written: &Written, out: &[u8]) -> u64 {
        let is_ftp = out.get(url.url.start) == Some(&b'f');
        if !is_ftp && written.fragment == url.url.end {
            return url.cluster_key;
        }
        let (text, ..) = self.cluster_url(url, written, out);
        xxh3_64(&text)
    }

    /// The cluster form as a URL, the length of its scheme, and how many bytes of `www.` the host lost.
    fn cluster_url(&mut self, url: &NormalizedUrl, written: &Written, out: &[u8]) -> (Vec<u8>, usize, usize) {
        let www = www_length(out.get(url.host.start..url.domain.start).unwrap_or_default());
        let host = url.host.start + www;
        let form = self.cluster.form(&ClusterInput {
            text: out.get(host..written.fragment).unwrap_or_default(),
            path: written.path - host,
            query: written.query - host,
        });
        let scheme: &[u8] = match out.get(url.host.end..written.path) {
            _ if out.get(url.url.start) == Some(&b'f') => b"ftp://",
            // With http the parser would drop it, and the key would be another.
            Some(b":80") => b"https://",
            _ => b"http://",
        };
        let (authority, rest) = form.split_at_checked(written.path - host).unwrap_or((form, b""));
        let slash: &[u8] = if rest.starts_with(b"/") { b"" } else { b"/" };
        let fragment = out.get(written.fragment..url.url.end).unwrap_or_default();
        ([scheme, authority, slash, rest, fragment].concat(), scheme.len(), www)
    }

    fn rewrite_as_cluster(&mut self, url: &mut NormalizedUrl, written: &Written, out: &mut Vec<u8>) {
        let (text, scheme, www) = self.cluster_url(url, written, out);
        let (host, domain) = (url.host.len() - www, url.domain.len());
        let start = url.url.start;
        out.truncate(start);
        out.extend_from_slice(&text);
        url.url = start..out.len();
        url.host = start + scheme..start + scheme + host;
        url.domain = url.host.end - domain..url.host.end;
    }

    /// Put the target in the row's place while the row is a page to unwrap (P23).
    fn unwrap(&mut self, row: Row, out: &mut Vec<u8>) -> Row {
        let start = row.0.url.start;
        let mut original: Option<(Row, Vec<u8>)> = None;
        let (mut row, mut count) = (row, 0);
        while let Some(target) = self.target(&row.0, out) {
            if count == MAX_UNWRAPS {
                break;
            }
            let wrapper = out.split_off(start);
            let unwrapped = self.row(&target, None, true, out).ok();
            let Some(mut unwrapped) = unwrapped.filter(|(url, _)| is_for_all_levels(url, out)) else {
                out.truncate(start);
                out.extend_from_slice(&wrapper);
                return row;
            };
            unwrapped.0.flags |= UrlFlags::UNWRAPPED;
            original.get_or_insert((row, wrapper));
            (row, count) = (unwrapped, count + 1);
        }
        if count == MAX_UNWRAPS
            && self.target(&row.0, out).is_some()
            && let Some((first, text)) = original
        {
            out.truncate(start);
            out.extend_from_slice(&text);
            return first;
        }
        row
    }

    fn target(&self, url: &NormalizedUrl, out: &[u8]) -> Option<Vec<u8>> {
        if url.flags.contains(UrlFlags::OTHER_SCHEME) || !is_for_all_levels(url, out) {
            return None;
        }
        let rest = out.get(url.host.end..url.url.end)?;
        // A page on a port of its own is not the known one.
        target_of(out.get(url.host.clone())?, rest.starts_with(b"/").then_some(rest)?, &self.options)
    }
}

/// Whether no stronger level refuses its host. One that does keeps the wrapper, or refuses it, and so must this one.
fn is_for_all_levels(url: &NormalizedUrl, out: &[u8]) -> bool {
    url.flags.contains(UrlFlags::OTHER_SCHEME)
        || out.get(url.host.clone()).is_some_and(|host| check_host(host).is_ok())
}

/// Where the host lies in the `href`.
fn host_range(parsed: &Url) -> Range<usize> {
    let parts = parsed.components();
    let (start, end) = (parts.host_start as usize, parts.host_end as usize);
    // Without a user name the `@` is not there, and the range begins at the host.
    let has_at = parsed.href().as_bytes().get(start) == Some(&b'@');
    start + usize::from(has_at)..end
}
