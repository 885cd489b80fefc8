//! The walk over path and query of a text that no parser has seen: how far it stays as it is. 64 bytes at a
//! time; what can be told by masks is told without jumps, for where a URL ends or its query begins cannot be
//! foreseen.

use super::lanes::{Copier, Lanes, Text, WINDOW, Window, below_first, from};
use super::options::Rules;
use super::parameters::{Parameter, find_parameter, may_be_dropped};
use super::path::may_be_session;
use super::percent::{PATH_STOP, QUERY_STOP, is_plain_triple, plain_triples};

/// Lengths of the names of index pages, from `index.htm` to `default.aspx`.
const INDEX_PAGE_BYTES: std::ops::RangeInclusive<usize> = 9..=12;

/// Where a walk ended. What lies before stays as it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stop {
    /// At the end of the text, or at the `#` of a fragment.
    End(usize),
    /// In the path, or at the `?`: the pass has to look at this byte.
    Path(usize),
    /// At the start of a pair that the pass has to look at, and the parameter to drop that it is, if that was seen.
    Pair(usize, Option<&'static Parameter>),
}

/// A walk; `ROW` tells whether somebody wants to know of the cluster form.
pub(super) struct Walk<const ROW: bool> {
    /// Where the path begins.
    start: usize,
    /// Where the `?` is, if it was met.
    query: Option<usize>,
    /// All ones if it was.
    in_query: u64,
    /// 1 if the byte before the window is a slash of the path.
    after_slash: u64,
    /// 1 if the byte before the window is `&` or the `?`.
    after_separator: u64,
    /// Where the last pair begins that begins before the window.
    pair: usize,
    pub names: Names,
    pub slashes: Slashes,
}

/// Masks of a window that holds more than a plain part of a path.
struct Marks {
    path: u64,
    /// The `?` that begins the query.
    question: u64,
    separators: u64,
    /// Where pairs begin.
    pairs: u64,
    /// Where empty ones do.
    empty: u64,
    /// Bytes that a rule may have something to do with.
    stops: u64,
    /// Where the walk ends, and any place behind that.
    ends: u64,
}

impl<const ROW: bool> Walk<ROW> {
    #[inline(always)]
    pub(super) const fn new(start: usize) -> Self {
        Self {
            start,
            query: None,
            in_query: 0,
            after_slash: 0,
            after_separator: 0,
            pair: 0,
            names: Names { are_sorted: true, before: 0 },
            slashes: Slashes { has_double: 0, last: start, before: start },
        }
    }

    /// Where the path ends, when the walk has ended at `end`.
    #[inline(always)]
    pub(super) const fn path_end(&self, end: usize) -> usize {
        match self.query {
            Some(query) => query,
            None => end,
        }
    }

    /// Walk on from the first window, which holds the whole host, and copy.
    #[inline(always)]
    pub(super) fn go<L: Lanes>(
        &mut self,
        lanes: L,
        copier: &mut Copier<'_, '_>,
        rules: &Rules,
        first: Window<L>,
        dots: u64,
    ) -> Stop {
        let (mut at, mut window, mut dots) = (0, first, dots);
        let mut wanted = from(self.start);
        loop {
            let text = *copier.text();
            let slashes = window.equal(b'/') & wanted;
            let dots_first = dots & (slashes << 1 | self.after_slash) & wanted;
            let stops = window.within(&PATH_STOP) & wanted & !window.end();
            if stops | dots_first | self.in_query == 0 {
                if ROW {
                    self.slashes.look(at, slashes, self.after_slash);
                }
                self.after_slash = slashes >> 63;
                if window.end() != 0 {
                    return Stop::End(text.0.len());
                }
            } else {
                let marks = self.mark(&window, at, wanted, stops, dots_first, rules);
                if let Some(stop) = self.look(&text, at, &marks, slashes, rules) {
                    return stop;
                }
            }
            at += WINDOW;
            window = copier.window(lanes, at);
            dots = window.equal(b'.');
            wanted = u64::MAX;
        }
    }

    #[inline(always)]
    fn mark<L: Lanes>(
        &self,
        window: &Window<L>,
        at: usize,
        wanted: u64,
        path_stops: u64,
        dots_first: u64,
        rules: &Rules,
    ) -> Marks {
        let ends = window.equal(b'#') & wanted | window.end();
        let inside = below_first(ends) & wanted;
        let questions = window.equal(b'?') & inside;
        let question = questions & questions.wrapping_neg() & !self.in_query;
        let path = inside & below_first(question) & !self.in_query;
        let query = inside & !path & !question;
        let separators = window.equal(b'&') & query | question;
        let pairs = separators << 1 | self.after_separator;
        let empty = pairs & (separators | ends & ends.wrapping_neg());
        // A path that is missing is added by the pass, and so is what the user named looked for.
        let bare = if at == 0 { 1 << self.start } else { 0 };
        let asked = if rules.has_extra_names() { question } else { question & bare };
        let query_stops = window.within(&QUERY_STOP) & query & !separators;
        let mut stops = (path_stops | dots_first) & path | query_stops;
        let percents = window.equal(b'%') & stops;
        if percents != 0 {
            stops ^= plain_triples(window, percents);
        }
        let stops = stops | empty | asked;
        Marks { path, question, separators, pairs, empty, stops, ends }
    }

    #[inline(always)]
    fn look(
        &mut self,
        text: &Text<'_>,
        at: usize,
        marks: &Marks,
        slashes: u64,
        rules: &Rules,
    ) -> Option<Stop> {
        if ROW {
            self.slashes.look(at, slashes & marks.path, self.after_slash);
        }
        let named = self.read_names(text, at, marks, rules);
        if marks.stops | named != 0
            && let Some(stop) = self.find_stop(text, at, marks, named)
        {
            return Some(stop);
        }
        if marks.ends != 0 {
            return Some(Stop::End(at + marks.ends.trailing_zeros() as usize));
        }
        self.after_slash = (slashes & marks.path) >> 63;
        self.after_separator = marks.separators >> 63;
        if marks.pairs != 0 {
            self.pair = at + marks.pairs.ilog2() as usize;
        }
        None
    }

    /// Tell where pairs begin that may be ones to drop.
    #[inline(always)]
    fn read_names(&mut self, text: &Text<'_>, at: usize, marks: &Marks, rules: &Rules) -> u64 {
        if marks.question != 0 {
            self.query = Some(at + marks.question.trailing_zeros() as usize);
            self.in_query = u64::MAX;
        }
        let (mut left, mut named) = (marks.pairs & !marks.empty, 0);
        while left != 0 {
            let place = left.trailing_zeros();
            let head = text.three(at + place as usize);
            named |= u64::from(may_be_dropped(head)) << place;
            if ROW {
                self.names.read(head[0]);
            }
            left &= left - 1;
        }
        if rules.drops_marks { named } else { 0 }
    }

    /// The first of the marked places that really is one to look at.
    #[inline(never)]
    fn find_stop(&self, text: &Text<'_>, at: usize, marks: &Marks, named: u64) -> Option<Stop> {
        let mut left = marks.stops | named;
        while left != 0 {
            let place = left & left.wrapping_neg();
            let stop = at + left.trailing_zeros() as usize;
            let rest = text.0.get(stop..).unwrap_or_default();
            let found = if place & named == 0 { None } else { find_parameter(rest) };
            let is_stop = place & marks.stops != 0
                && (place & marks.empty != 0 || !is_plain(text, stop, place & marks.path));
            if found.is_some() || is_stop {
                if place & (marks.path | marks.question) != 0 {
                    return Some(Stop::Path(stop));
                }
                let pairs = marks.pairs & (place | (place - 1));
                let pair = if pairs == 0 { self.pair } else { at + pairs.ilog2() as usize };
                return Some(Stop::Pair(pair, found));
            }
            left &= left - 1;
        }
        None
    }
}

/// Whether the byte at `at`, which stopped the walk, stays as it is.
fn is_plain(text: &Text<'_>, at: usize, in_path: u64) -> bool {
    let is_end = |at| matches!(text.byte(at), 0 | b'/' | b'?' | b'#');
    match text.byte(at) {
        b'%' => is_plain_triple(text.0, at),
        b';' | b'(' if in_path != 0 => !may_be_session(text.0, at),
        // Otherwise it begins a segment `.` or `..`, perhaps after decoding.
        b'.' if in_path != 0 => !is_end(at + 1) && (text.byte(at + 1) != b'.' || !is_end(at + 2)),
        _ => false,
    }
}

/// What is seen of the names in a query.
pub(super) struct Names {
    /// Whether they certainly are in order.
    pub are_sorted: bool,
    /// The first byte of the one before.
    before: u8,
}

impl Names {
    #[inline(always)]
    fn read(&mut self, first: u8) {
        self.are_sorted &= self.before < first && first != b'=';
        self.before = first;
    }
}

/// What is seen of the slashes of a path.
pub(super) struct Slashes {
    /// Not 0 if there is `//`.
    has_double: u64,
    last: usize,
    /// The one before the last.
    before: usize,
}

impl Slashes {
    #[inline(always)]
    fn look(&mut self, at: usize, slashes: u64, after_slash: u64) {
        self.has_double |= slashes & (slashes << 1 | after_slash);
        // Chosen without jumps: how many slashes there are cannot be foreseen.
        let last = 63 ^ slashes.leading_zeros() as usize;
        let others = slashes & !(1_u64.wrapping_shl(last as u32));
        let before = 63 ^ others.leading_zeros() as usize;
        let fallback = if slashes == 0 { self.before } else { self.last };
        self.before = if others == 0 { fallback } else { at + before };
        self.last = if slashes == 0 { self.last } else { at + last };
    }

    /// Where the path of the cluster form ends, if that is plain to see: no `//`, no index page.
    #[inline(always)]
    pub(super) fn kept(&self, text: &Text<'_>, end: usize) -> Option<usize> {
        let is_open = self.last + 1 == end;
        let (slash, kept) = if is_open { (self.before, self.last) } else { (self.last, end) };
        let length = kept.wrapping_sub(slash + 1);
        let has_initial = matches!(text.byte(slash + 1), b'i' | b'I' | b'd' | b'D');
        let may_be_index_page = INDEX_PAGE_BYTES.contains(&length) & has_initial;
        (self.has_double == 0 && !may_be_index_page).then_some(kept)
    }
}
