//! What level and options do beyond the pass: the other forms of a URL, unwrapping, further refusals.

use std::ops::Range;

use ada_url::Url;
use xxhash_rust::xxh3::xxh3_64;

use super::cluster::{ClusterInput, www_length};
use super::domain_cache::{Site, hash};
use super::host::check_host;
use super::normalizer::{MAX_INPUT_BYTES, Normalizer};
use super::options::{Level, UrlOptions};
use super::outcome::{NormalizedUrl, UrlFlags, UrlReason};
use super::pass::{Written, append_url};
use super::plain::append_plain;
use super::resolve::{check_input, parse};
use super::unwrap::{is_wrapper_host, wrapper_of};

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
            row = self.unwrap(row, out)?;
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

    /// The cluster form says nothing of ftp and of kept fragments: such URLs have the hash of the whole
    /// cluster URL.
    fn key_of(&mut self, url: &NormalizedUrl, written: &Written, out: &[u8]) -> u64 {
        let is_ftp = out.get(url.url.start) == Some(&b'f');
        if !is_ftp && written.fragment == url.url.end {
            return url.cluster_key;
        }
        xxh3_64(&self.cluster_url(url, written, out).text)
    }

    /// The cluster form as a URL.
    fn cluster_url(&mut self, url: &NormalizedUrl, written: &Written, out: &[u8]) -> ClusterUrl {
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
        let text = [scheme, authority, slash, rest, fragment].concat();
        ClusterUrl { text, host: scheme.len()..scheme.len() + url.host.end - host }
    }

    fn rewrite_as_cluster(&mut self, url: &mut NormalizedUrl, written: &Written, out: &mut Vec<u8>) {
        let ClusterUrl { text, host } = self.cluster_url(url, written, out);
        let domain = url.domain.len();
        let start = url.url.start;
        out.truncate(start);
        out.extend_from_slice(&text);
        url.url = start..out.len();
        url.host = start + host.start..start + host.end;
        url.domain = url.host.end - domain..url.host.end;
    }

    /// Put the target in the row's place while the row is a page to unwrap (P23).
    fn unwrap(&mut self, mut row: Row, out: &mut Vec<u8>) -> Result<Row, UrlReason> {
        let start = row.0.url.start;
        let mut original: Option<(Row, Vec<u8>)> = None;
        let mut count = 0;
        while let Some(target) = self.target(&row.0, out) {
            let wrapper = out.split_off(start);
            let first = original.get_or_insert((row, wrapper));
            if count == MAX_UNWRAPS {
                out.extend_from_slice(&first.1);
                return Ok(first.0.clone());
            }
            row = self.row(&target, None, true, out)?;
            row.0.flags |= UrlFlags::UNWRAPPED;
            count += 1;
        }
        Ok(row)
    }

    /// The target of a row that is a page to unwrap. Its cluster form alone decides, so that all levels see the same
    /// page; what level and cluster form say differently of one target, a slash at its end, is as the level has it.
    fn target(&mut self, url: &NormalizedUrl, out: &[u8]) -> Option<Vec<u8>> {
        // Level *whatwg* leaves hosts that stronger levels change.
        let may_be_wrapper =
            self.options.level == Level::Whatwg || out.get(url.host.clone()).is_some_and(is_wrapper_host);
        if !may_be_wrapper || url.flags.contains(UrlFlags::OTHER_SCHEME) {
            return None;
        }
        let form = self.clustered(out.get(url.url.clone())?)?;
        let path = form.path()?;
        let wrapper = wrapper_of(form.text.get(form.host.clone())?, path, &self.options)?;
        let wanted = wrapper.target(path)?;
        let cluster = self.clustered(&wanted)?;
        let own = out.get(url.host.end..url.url.end).and_then(|path| wrapper.target(path));
        let own = own.filter(|own| self.clustered(own).is_some_and(|other| other.text == cluster.text));
        Some(own.unwrap_or(wanted))
    }

    /// The cluster form that level *index* gives a text; none if it refuses it.
    fn clustered(&mut self, text: &[u8]) -> Option<ClusterUrl> {
        let options = UrlOptions { level: Level::Index, ..self.options.clone() };
        let (parsed, _) = parse(check_input(text).ok()?, None, &options).ok()?;
        let mut out = Vec::new();
        let written = append_url(self.lanes, parsed.href().as_bytes(), &self.index_rules, &mut out).ok()?;
        let url = self.finish(&written, UrlFlags::empty(), &mut out).ok()?;
        Some(self.cluster_url(&url, &written, &out))
    }
}

/// A cluster form as a URL, and where its host lies in it.
struct ClusterUrl {
    text: Vec<u8>,
    host: Range<usize>,
}

impl ClusterUrl {
    /// The URL from its path on; none if it has a port: then its page is not the known one.
    fn path(&self) -> Option<&[u8]> {
        self.text.get(self.host.end..).filter(|rest| rest.starts_with(b"/"))
    }
}

/// Where the host lies in the `href`.
fn host_range(parsed: &Url) -> Range<usize> {
    let parts = parsed.components();
    let (start, end) = (parts.host_start as usize, parts.host_end as usize);
    // Without a user name the `@` is not there, and the range begins at the host.
    let has_at = parsed.href().as_bytes().get(start) == Some(&b'@');
    start + usize::from(has_at)..end
}
