//! The short way: a URL text that no parser has seen, but that is so plain that the parser would leave it
//! as it is, but for what the pass does anyway. Most URLs on pages are that plain.
//!
//! The text is copied and looked at in the same step, 64 bytes at a time. As long as no rule has anything to
//! change, nothing else happens. From the first byte on that a rule may concern, the pass takes over.

use super::cluster::Seen;
use super::domain_cache::DomainCache;
use super::fragment::append_fragment;
use super::host::is_local;
use super::lanes::{Choice, Copier, Lanes, Task, Text, Window, below_first, dispatch};
use super::options::Rules;
use super::outcome::UrlFlags;
use super::pass::{Part, Pass, Written};
use super::percent::HOST_STOP;
use super::walk::{Stop, Walk};

/// A shorter last label means nothing of the machine's own.
const SHORTEST_LOCAL_LABEL: usize = 4;

/// Append the normalised form of `text` and tell in `written` where its parts are. False, with `out` as it
/// was, if the parser must read it.
///
/// Where there are `domains`, the rest of the row will be asked for.
#[inline(always)]
pub(super) fn append_plain(
    choice: Choice,
    text: &[u8],
    rules: &Rules,
    domains: Option<&DomainCache>,
    out: &mut Vec<u8>,
    written: &mut Written,
) -> bool {
    match domains {
        Some(_) => dispatch(choice, Plain::<true> { text, rules, domains, out, written }),
        None => dispatch(choice, Plain::<false> { text, rules, domains, out, written }),
    }
}

/// [`append_plain`] for a row, with lanes that were chosen before.
#[inline(always)]
pub(super) fn append_plain_row<L: Lanes>(
    lanes: L,
    text: &[u8],
    rules: &Rules,
    domains: &DomainCache,
    out: &mut Vec<u8>,
    written: &mut Written,
) -> bool {
    Plain::<true> { text, rules, domains: Some(domains), out, written }.run(lanes)
}

/// The text without what the parser takes off its end (P1).
#[inline(always)]
fn trimmed(mut text: &[u8]) -> &[u8] {
    while let Some((b'\0'..=b' ', rest)) = text.split_last() {
        text = rest;
    }
    text
}

/// A text to be appended. `ROW` tells whether the rest of the row will be asked for.
struct Plain<'a, const ROW: bool> {
    text: &'a [u8],
    rules: &'a Rules,
    /// Where the domain will be asked for.
    domains: Option<&'a DomainCache>,
    out: &'a mut Vec<u8>,
    // Filled in place: as a result it would be copied, and a copy so soon after the fields waits for them.
    written: &'a mut Written,
}

impl<const ROW: bool> Task for Plain<'_, ROW> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> bool {
        let Self { text, rules, domains, out, written } = self;
        let start = out.len();
        let text = trimmed(text);
        let plain = Plain::<ROW> { text, rules, domains, out: &mut *out, written: &mut *written };
        let is_plain = match plain.append(lanes) {
            Some(Stop::End(end)) if end == text.len() => true,
            Some(stop) => append_rest(lanes.choice(), text, stop, rules, out, written),
            None => false,
        };
        if !is_plain {
            out.truncate(start);
        }
        is_plain
    }
}

impl<const ROW: bool> Plain<'_, ROW> {
    /// Append as far as the text stays as it is. `None`, with some of it behind the end of `out`, if that is not far.
    #[inline(always)]
    fn append<L: Lanes>(self, lanes: L) -> Option<Stop> {
        let Self { text, rules, domains, out, written } = self;
        let text = Text(text);
        let start = out.len();
        let mut copier = Copier::new(text, out);
        let window = copier.window(lanes, 0);
        let dots = window.equal(b'.');
        let host = Host::read(&text, &window, dots)?;
        if ROW {
            // Set or not, for a row's place was another row's before.
            let name = text.0.get(host.start..host.end)?;
            written.host_hash = domains.map(|domains| domains.expect(name));
        }
        let mut walk = Walk::<ROW>::new(host.end);
        let stop = walk.go(lanes, &mut copier, rules, window, dots);
        let (Stop::End(end) | Stop::Path(end) | Stop::Pair(end, _)) = stop;
        let path_end = walk.path_end(end);
        if ROW {
            let is_sorted = walk.names.are_sorted && !matches!(stop, Stop::Pair(..));
            let kept = if matches!(stop, Stop::Path(_)) { None } else { walk.slashes.kept(&text, path_end) };
            written.seen = kept.map(|kept| Seen { path: start + kept, is_sorted });
        }
        let kept = if matches!(stop, Stop::Pair(..)) { end - 1 } else { end };
        let out = copier.finish(kept);
        let mut query = start + path_end;
        if matches!(stop, Stop::End(_)) && path_end == host.end {
            out.push(b'/');
            query = out.len();
        }
        written.url = start..out.len();
        written.host = start + host.start..start + host.end;
        written.path = start + host.end;
        written.query = query;
        written.fragment = out.len();
        written.flags = host.flags;
        Some(stop)
    }
}

/// Append the rest of the text from where it does not stay as it is. False if the parser must read it.
#[inline(never)]
fn append_rest(
    choice: Choice,
    text: &[u8],
    stop: Stop,
    rules: &Rules,
    out: &mut Vec<u8>,
    written: &mut Written,
) -> bool {
    let (Stop::End(read) | Stop::Path(read) | Stop::Pair(read, _)) = stop;
    // All before is ASCII.
    let rest = text.get(read..).unwrap_or_default();
    if !rest.is_ascii() && std::str::from_utf8(rest).is_err() {
        return false;
    }
    let part = match stop {
        Stop::Path(_) => Part::Path,
        Stop::Pair(_, found) => Part::Query(found),
        Stop::End(_) => {
            append_fragment(rest, rules, out, &mut written.flags);
            written.url.end = out.len();
            return !written.flags.contains(UrlFlags::NEEDS_PARSER);
        }
    };
    dispatch(choice, Pass { text, part, read, rules, out, written });
    !written.flags.contains(UrlFlags::NEEDS_PARSER)
}

/// Length of `http://` or `https://`, told without a jump: which one it is cannot be foreseen.
#[inline(always)]
fn scheme_length(head: u64) -> Option<usize> {
    const HTTP: u64 = u64::from_le_bytes(*b"http://\0");
    const HTTPS: u64 = u64::from_le_bytes(*b"https://");
    let s = u64::from(head >> 32 & 0xFF == u64::from(b's'));
    let all = s.wrapping_neg();
    let wanted = HTTP ^ (HTTP ^ HTTPS) & all;
    ((head ^ wanted) << 8 | (head ^ wanted) & all == 0).then_some(7 + s as usize)
}

/// A host that is a plain name: lower-case ASCII, no punycode, no address, and no port after it.
struct Host {
    start: usize,
    end: usize,
    flags: UrlFlags,
}

impl Host {
    /// The host must end within the first window, so no label of it is too long for DNS.
    #[inline(always)]
    fn read<L: Lanes>(text: &Text<'_>, window: &Window<L>, dots: u64) -> Option<Self> {
        let start = scheme_length(text.head())?;
        let stops = window.within_or_end(&HOST_STOP) >> start;
        if stops == 0 {
            return None;
        }
        let length = stops.trailing_zeros() as usize;
        let (end, inside) = (start + length, below_first(stops));
        let dots = dots >> start & inside;
        let label = u64::BITS as usize - dots.leading_zeros() as usize;
        let is_end = end == text.0.len() || matches!(text.byte(end), b'/' | b'?' | b'#');
        // An empty label is a dot where a label could start. A name that ends in a number is an address.
        let has_empty_label = dots & (dots << 1 | 1) != 0 || label >= length;
        if !is_end || has_empty_label || text.byte(start + label).is_ascii_digit() {
            return None;
        }
        let hyphens = window.equal(b'-') >> start & inside;
        if hyphens & hyphens >> 1 != 0 && may_be_punycode(text.0.get(start..end)?) {
            return None;
        }
        let mut flags = UrlFlags::empty();
        if length - label >= SHORTEST_LOCAL_LABEL {
            let name = text.0.get(start..end)?;
            if is_local(name, name.get(label..)?) {
                flags = UrlFlags::LOCAL;
            }
        }
        Some(Self { start, end, flags })
    }
}

#[cold]
fn may_be_punycode(host: &[u8]) -> bool {
    host.windows(4).any(|part| part == b"xn--")
}
