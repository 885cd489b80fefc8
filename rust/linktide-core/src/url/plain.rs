//! The short way: a URL text that no parser has seen, but that is so plain that the parser would leave it
//! as it is, but for what the pass does anyway. Most URLs on pages are that plain.
//!
//! The text is copied and looked at in the same step, 64 bytes at a time. As long as no rule has anything to
//! change, nothing else happens. From the first byte on that a rule may concern, the pass takes over.

use super::cluster::Seen;
use super::domain_cache::DomainCache;
use super::host::is_local;
use super::lanes::{Choice, Copier, Lanes, Task, Text, WINDOW, Window, below_first, dispatch, from};
use super::options::Rules;
use super::outcome::UrlFlags;
use super::parameters::{ParameterMatch, find_parameter, may_be_dropped};
use super::pass::{Written, append_tail};
use super::path::{has_dot_segment, may_be_session};
use super::percent::{HOST_STOP, PATH_STOP, QUERY_STOP, is_plain_triple, push_percent, push_stopped};

/// A shorter last label means nothing of the machine's own.
const SHORTEST_LOCAL_LABEL: usize = 4;
/// Lengths of the names of index pages, from `index.htm` to `default.aspx`.
const INDEX_PAGE_BYTES: std::ops::RangeInclusive<usize> = 9..=12;

/// Append the normalised form of `text` and tell in `written` where its parts are. False, with `out` as it
/// was, if the parser must read it.
#[inline(always)]
pub(super) fn append_plain(
    choice: Choice,
    text: &[u8],
    rules: &Rules,
    domains: Option<&DomainCache>,
    out: &mut Vec<u8>,
    written: &mut Written,
) -> bool {
    let start = out.len();
    let is_plain = dispatch(choice, Plain { text, rules, domains, out, written }).is_some();
    if !is_plain {
        out.truncate(start);
    }
    is_plain
}

struct Plain<'a> {
    text: &'a [u8],
    rules: &'a Rules,
    /// Where the domain will be asked for, if it will.
    domains: Option<&'a DomainCache>,
    out: &'a mut Vec<u8>,
    // Filled in place: as a result it would be copied, and a copy so soon after the fields waits for them.
    written: &'a mut Written,
}

impl Task for Plain<'_> {
    type Output = Option<()>;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Option<()> {
        let Self { text, rules, domains, out, written } = self;
        let text = Text(text);
        let start = out.len();
        let mut copier = Copier::new(text, out);
        let window = copier.window(lanes, 0);
        let dots = window.equal(b'.');
        let host = Host::read(&text, &window, dots)?;
        written.host_hash = match domains {
            Some(domains) => Some(domains.expect(text.0.get(host.start..host.end)?)),
            None => None,
        };
        let mut path = Path::new(host.end);
        let path_end = path.scan(lanes, &mut copier, window, dots);
        if path.may_have_dots != 0 && has_dot_segment(text.0.get(host.end..path_end)?) {
            return None;
        }
        written.url.start = start;
        written.host = start + host.start..start + host.end;
        written.path = start + host.end;
        written.query = start + path_end;
        written.flags = host.flags;
        written.seen = path.kept(&text, path_end).map(|kept| Seen { path: start + kept, is_sorted: true });
        let out = copier.finish(path_end);
        finish(lanes, &text, path_end, rules, out, written)
    }
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

/// What is seen of a path on the way through it.
struct Path {
    start: usize,
    /// 1 if the byte before the window is a slash of the path.
    after_slash: u64,
    /// Not 0 if there is `//`.
    has_double_slash: u64,
    /// Not 0 if there is `/.`.
    may_have_dots: u64,
    last_slash: usize,
    slash_before: usize,
}

impl Path {
    const fn new(start: usize) -> Self {
        let (last_slash, slash_before) = (start, start);
        Self { start, after_slash: 0, has_double_slash: 0, may_have_dots: 0, last_slash, slash_before }
    }

    /// Go to the end of the path, or to the first byte of it that does not stay as it is. The first window
    /// is that of the beginning of the text.
    #[inline(always)]
    fn scan<L: Lanes>(
        &mut self,
        lanes: L,
        copier: &mut Copier<'_, '_>,
        first: Window<L>,
        dots: u64,
    ) -> usize {
        let (mut at, mut window, mut dots) = (0, first, dots);
        let mut wanted = from(self.start);
        loop {
            let stops = window.within_or_end(&PATH_STOP) & wanted;
            let stops = next_stop(copier.text(), at, stops, is_plain_in_path);
            let inside = below_first(stops) & wanted;
            self.look(at, window.equal(b'/') & inside, dots & inside);
            // The length is known early, the stops are known late: so a wrong guess costs less.
            if at + WINDOW >= copier.text().0.len() || stops != 0 {
                return at + stops.trailing_zeros() as usize;
            }
            at += WINDOW;
            window = copier.window(lanes, at);
            dots = window.equal(b'.');
            wanted = u64::MAX;
        }
    }

    #[inline(always)]
    fn look(&mut self, at: usize, slashes: u64, dots: u64) {
        let after = slashes << 1 | self.after_slash;
        self.has_double_slash |= slashes & after;
        self.may_have_dots |= dots & after;
        self.after_slash = slashes >> 63;
        // Chosen without jumps: how many slashes there are cannot be foreseen.
        let last = 63 ^ slashes.leading_zeros() as usize;
        let others = slashes & !(1_u64.wrapping_shl(last as u32));
        let before = 63 ^ others.leading_zeros() as usize;
        let fallback = if slashes == 0 { self.slash_before } else { self.last_slash };
        self.slash_before = if others == 0 { fallback } else { at + before };
        self.last_slash = if slashes == 0 { self.last_slash } else { at + last };
    }

    /// Where the path of the cluster form ends, if that is plain to see: no `//`, no index page.
    #[inline(always)]
    fn kept(&self, text: &Text<'_>, end: usize) -> Option<usize> {
        let is_open = self.last_slash + 1 == end;
        let (slash, kept) =
            if is_open { (self.slash_before, self.last_slash) } else { (self.last_slash, end) };
        let length = kept.wrapping_sub(slash + 1);
        let has_initial = matches!(text.byte(slash + 1), b'i' | b'I' | b'd' | b'D');
        let may_be_index_page = INDEX_PAGE_BYTES.contains(&length) & has_initial;
        (self.has_double_slash == 0 && !may_be_index_page).then_some(kept)
    }
}

/// The stops of the window at `at` less those before the first one that a rule has to look at.
#[inline(always)]
fn next_stop(text: &Text<'_>, at: usize, mut stops: u64, is_plain: impl Fn(&[u8], usize, u8) -> bool) -> u64 {
    while stops != 0 {
        let stop = at + stops.trailing_zeros() as usize;
        if !is_plain(text.0, stop, text.byte(stop)) {
            break;
        }
        stops &= stops - 1;
    }
    stops
}

#[inline(always)]
fn is_plain_in_path(text: &[u8], at: usize, byte: u8) -> bool {
    match byte {
        b'%' => is_plain_triple(text, at),
        b';' | b'(' => !may_be_session(text, at),
        _ => false,
    }
}

#[inline(always)]
fn is_plain_in_query(text: &[u8], at: usize, byte: u8) -> bool {
    byte == b'%' && is_plain_triple(text, at)
}

/// Append what comes after the path. `None` if the parser must read the text.
#[inline(always)]
fn finish<L: Lanes>(
    lanes: L,
    text: &Text<'_>,
    path_end: usize,
    rules: &Rules,
    out: &mut Vec<u8>,
    written: &mut Written,
) -> Option<()> {
    let has_path = written.path < written.query;
    let mut end = path_end;
    if text.byte(end) == b'?' && has_path {
        let query = plain_query(lanes, Text(text.0.get(end..)?), rules, out);
        if let Some(seen) = &mut written.seen {
            seen.is_sorted = query.is_sorted;
        }
        end += query.length;
        written.flags |= query.flags;
    }
    let is_end = end == text.0.len();
    // All before is ASCII.
    if !is_end && !is_utf8(text.0.get(end..)?) {
        return None;
    }
    if is_end || (text.byte(end) == b'#' && !rules.keeps_fragments) {
        if !is_end {
            written.flags |= UrlFlags::HAD_FRAGMENT;
        }
        if !has_path {
            out.push(b'/');
            written.query = out.len();
        }
        written.fragment = out.len();
        written.url.end = out.len();
        return Some(());
    }
    // A rule may have to change something: the pass goes on from there.
    out.truncate(written.query);
    written.seen = match (written.seen, text.byte(path_end)) {
        (Some(seen), b'?' | b'#') => Some(Seen { is_sorted: false, ..seen }),
        _ => None,
    };
    append_tail(lanes, text, path_end, rules, out, written);
    (!written.flags.contains(UrlFlags::NEEDS_PARSER)).then_some(())
}

fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || std::str::from_utf8(text).is_ok()
}

/// What of a query could be written without the whole pass.
struct Query {
    /// How many bytes were read; 0 if the query is not plain.
    length: usize,
    /// Whether the names certainly are in order.
    is_sorted: bool,
    flags: UrlFlags,
}

impl Query {
    const NOT_PLAIN: Self = Self { length: 0, is_sorted: false, flags: UrlFlags::empty() };
}

/// Append the query in `text`, which begins with its `?`, up to `#` or the end. The query is not plain if a
/// byte is decoded, which may make a name or a value one to drop, or if a pair goes with regard to another.
#[inline(always)]
fn plain_query<L: Lanes>(lanes: L, text: Text<'_>, rules: &Rules, out: &mut Vec<u8>) -> Query {
    if rules.has_extra_names() {
        return Query::NOT_PLAIN;
    }
    let start = out.len();
    let mut query = Query { length: 0, is_sorted: true, flags: UrlFlags::empty() };
    // 1: the first byte is a separator, whether it is `?` or `&`.
    let (mut before, mut separator) = (0, 1);
    loop {
        let rest = Text(text.0.get(query.length..).unwrap_or_default());
        let mut copier = Copier::new(rest, out);
        match plain_pairs(lanes, &mut copier, rules, separator, &mut query.is_sorted, &mut before) {
            Pairs::End(length) => {
                copier.finish(length);
                query.length += length;
                break;
            }
            Pairs::Dropped { kept, next, flags } => {
                copier.finish(kept);
                query.flags |= flags;
                query.length += next;
                if !is_next_pair(text.0, &mut query.length) {
                    break;
                }
                separator = 1;
            }
            Pairs::Stopped(at) => {
                let Some(read) = append_stopped(&rest, at, copier.finish(at), &mut query.flags) else {
                    return Query::NOT_PLAIN;
                };
                query.length += at + read;
                separator = 0;
                if query.length == text.0.len() || text.byte(query.length) == b'#' {
                    break;
                }
            }
            Pairs::NotPlain => return Query::NOT_PLAIN,
        }
    }
    if let Some(first) = out.get_mut(start) {
        *first = b'?';
    }
    query
}

/// Go on from the end of a dropped pair to the last of the separators there; false if no pair follows.
fn is_next_pair(text: &[u8], at: &mut usize) -> bool {
    let ands = text.iter().skip(*at).take_while(|&&byte| byte == b'&').count();
    *at += ands;
    if ands == 0 || matches!(text.get(*at), None | Some(b'#')) {
        return false;
    }
    *at -= 1;
    true
}

/// Append what the pass writes for the bytes and triples from `at` on that do not stay as they are, and tell how
/// much of the text that was. `None` if one is decoded or the parser's, or not ASCII.
#[inline(never)]
fn append_stopped(text: &Text<'_>, at: usize, out: &mut Vec<u8>, flags: &mut UrlFlags) -> Option<usize> {
    let mut read = at;
    loop {
        let rest = text.0.get(read..)?;
        match rest.first() {
            Some(b'%') if !is_plain_triple(text.0, read) => {
                let written = out.len();
                read += push_percent(rest, out, flags);
                if out.len() - written != 3 {
                    return None;
                }
            }
            Some(byte)
                if byte.is_ascii() && !matches!(byte, b'%' | b'&' | b'#') && QUERY_STOP.holds(*byte) =>
            {
                push_stopped(text.0, read, out, flags);
                read += 1;
            }
            other => {
                let is_plain = other.is_none_or(u8::is_ascii) && !flags.contains(UrlFlags::NEEDS_PARSER);
                return is_plain.then_some(read - at);
            }
        }
    }
}

/// How a walk over pairs ended.
enum Pairs {
    /// At the end of the query.
    End(usize),
    /// At a pair to drop: what lies before its separator stays, and `next` is its end.
    Dropped { kept: usize, next: usize, flags: UrlFlags },
    /// At a byte that does not stay as it is.
    Stopped(usize),
    /// At a pair that the whole pass must look at.
    NotPlain,
}

/// Walk over pairs that stay. Bit 0 of `first` is set if the text begins with a separator.
#[inline(always)]
fn plain_pairs<L: Lanes>(
    lanes: L,
    copier: &mut Copier<'_, '_>,
    rules: &Rules,
    mut first: u64,
    is_sorted: &mut bool,
    before: &mut u8,
) -> Pairs {
    let text = *copier.text();
    let (mut at, mut after_separator) = (0, 0);
    loop {
        let window = copier.window(lanes, at);
        let separators = window.equal(b'&') | first;
        let stops = window.within_or_end(&QUERY_STOP) & !separators;
        let stops = next_stop(&text, at, stops, is_plain_in_query);
        let separators = separators & below_first(stops);
        let mut pairs = separators << 1 | after_separator;
        let end = at + stops.trailing_zeros() as usize;
        let is_end = end == text.0.len() || text.byte(end) == b'#';
        let last = stops & stops.wrapping_neg();
        // An empty pair ends where it starts.
        let empty = pairs & (separators | if is_end { last } else { 0 });
        while pairs != 0 {
            let pair = at + pairs.trailing_zeros() as usize;
            let name = (text.byte(pair), text.byte(pair + 1));
            if empty & pairs & pairs.wrapping_neg() != 0 {
                return Pairs::Dropped { kept: pair - 1, next: pair, flags: UrlFlags::empty() };
            }
            if rules.drops_marks
                && may_be_dropped(name.0, name.1)
                && let Some(found) = dropped(&text, pair)
            {
                return found;
            }
            *is_sorted &= *before < name.0 && name.0 != b'=' && !(pairs == last && pair == end);
            *before = name.0;
            pairs &= pairs - 1;
        }
        if at + WINDOW >= text.0.len() || stops != 0 {
            return if is_end { Pairs::End(end) } else { Pairs::Stopped(end) };
        }
        (after_separator, first) = (separators >> 63, 0);
        at += WINDOW;
    }
}

/// Whether the pair that starts there is one to drop.
#[inline(never)]
fn dropped(text: &Text<'_>, pair: usize) -> Option<Pairs> {
    let rest = text.0.get(pair..)?;
    let row = find_parameter(rest)?;
    let is_stop =
        |(at, &byte): (usize, &u8)| QUERY_STOP.holds(byte) && (byte != b'%' || !is_plain_triple(rest, at));
    let length = rest.iter().enumerate().position(is_stop).unwrap_or(rest.len());
    let is_end = matches!(rest.get(length), None | Some(b'&' | b'#'));
    if !is_end || row.compare == ParameterMatch::ExactWithPartner {
        return Some(Pairs::NotPlain);
    }
    Some(Pairs::Dropped { kept: pair - 1, next: pair + length, flags: row.kind.flag() })
}
