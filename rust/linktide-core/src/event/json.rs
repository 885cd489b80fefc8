//! A strict JSON scanner that copies nothing and never recurses.
//!
//! It checks the whole text against RFC 8259 and hands out each value as the slice it was written in, so an
//! unknown field is kept to the letter, numbers of any size included. sonic-rs was the first choice; its lazy values
//! accept `"\uZZZZ"`, recurse without a limit on nested input and allocate once per object, and all three matter here.

/// Arrays and objects inside one another; the message itself is the first.
pub(super) const MAX_DEPTH: u32 = 64;

/// What a value is, known without looking at it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Null,
    True,
    False,
    Number,
    /// A string without escapes: its text can be borrowed.
    Plain,
    /// A string with at least one escape.
    Escaped,
    Array,
    Object,
}

impl Kind {
    /// The word error sentences use.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::True | Self::False => "a boolean",
            Self::Number => "a number",
            Self::Plain | Self::Escaped => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// One value as written, quotes and brackets included. The default is an absent value, which is null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    pub(super) text: &'a str,
    pub(super) kind: Kind,
}

impl<'a> Raw<'a> {
    pub(super) fn is_null(self) -> bool {
        self.kind == Kind::Null
    }

    /// A string without its quotes, escapes untouched; empty for other kinds shorter than two bytes.
    pub(super) fn inner(self) -> &'a str {
        let end = self.text.len().saturating_sub(1);
        self.text.get(1..end).unwrap_or_default()
    }
}

/// Why a text is not one JSON value within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// At this byte, this was wanted.
    Syntax { at: usize, wanted: &'static str },
    /// At this byte the nesting passes [`MAX_DEPTH`].
    TooDeep { at: usize },
}

/// The open brackets above the cursor, one bit each: set for an object. `MAX_DEPTH` bits are enough.
#[derive(Clone, Copy, Default)]
struct Nest {
    bits: u64,
    depth: u32,
}

impl Nest {
    fn push(&mut self, is_object: bool) {
        self.bits = self.bits << 1 | u64::from(is_object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.bits >>= 1;
        self.depth -= 1;
    }

    fn is_object(self) -> bool {
        self.bits & 1 == 1
    }
}

/// The cursor. `outer` counts the brackets already open around the text it is given.
pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// True once an escape named half of a surrogate pair; see `text.rs` for what becomes of it.
    pub(super) has_lone_surrogate: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, has_lone_surrogate: false }
    }

    fn wanted<T>(&self, wanted: &'static str) -> Result<T, Fault> {
        Err(Fault::Syntax { at: self.at, wanted })
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, wanted: &'static str) -> Result<(), Fault> {
        if self.peek() != Some(byte) {
            return self.wanted(wanted);
        }
        self.at += 1;
        Ok(())
    }

    /// Checks that only white space is left.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.at < self.bytes.len() {
            return self.wanted("the end of the message");
        }
        Ok(())
    }

    /// Opens the object at the cursor; `false` if it is something else.
    pub(super) fn open_object(&mut self) -> bool {
        self.skip_space();
        let is_object = self.peek() == Some(b'{');
        self.at += usize::from(is_object);
        is_object
    }

    /// Opens the array at the cursor; `false` if it is something else.
    pub(super) fn open_array(&mut self) -> bool {
        self.skip_space();
        let is_array = self.peek() == Some(b'[');
        self.at += usize::from(is_array);
        is_array
    }

    /// Moves to the next element of the array opened before; `false` at its end.
    pub(super) fn next_place(&mut self, is_first: bool) -> Result<bool, Fault> {
        self.next_element(b']', is_first, "',' or ']'")
    }

    /// The next key and value of the object opened before, or `None` at its end.
    pub(super) fn next_field(&mut self, is_first: bool) -> Result<Option<(Raw<'a>, Raw<'a>)>, Fault> {
        if !self.next_element(b'}', is_first, "',' or '}'")? {
            return Ok(None);
        }
        let key = self.key()?;
        Ok(Some((key, self.value(1)?)))
    }

    /// The next value of an array, or `None` at its end. The caller has checked the text before.
    pub(super) fn next_item(&mut self, is_first: bool) -> Result<Option<Raw<'a>>, Fault> {
        if is_first {
            self.expect(b'[', "'['")?;
        }
        if !self.next_element(b']', is_first, "',' or ']'")? {
            return Ok(None);
        }
        Ok(Some(self.value(0)?))
    }

    fn next_element(&mut self, closer: u8, is_first: bool, wanted: &'static str) -> Result<bool, Fault> {
        self.skip_space();
        if self.peek() == Some(closer) {
            self.at += 1;
            return Ok(false);
        }
        if !is_first {
            self.expect(b',', wanted)?;
            self.skip_space();
        }
        Ok(true)
    }

    /// A key, its colon and the space after it.
    fn key(&mut self) -> Result<Raw<'a>, Fault> {
        if self.peek() != Some(b'"') {
            return self.wanted("a key in double quotes");
        }
        let start = self.at;
        let kind = self.string()?;
        let key = self.since(start, kind);
        self.skip_space();
        self.expect(b':', "':'")?;
        self.skip_space();
        Ok(key)
    }

    fn since(&self, start: usize, kind: Kind) -> Raw<'a> {
        Raw { text: self.text.get(start..self.at).unwrap_or_default(), kind }
    }

    /// The value at the cursor, `outer` brackets deep.
    pub(super) fn value(&mut self, outer: u32) -> Result<Raw<'a>, Fault> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.container(outer, Kind::Object)?,
            Some(b'[') => self.container(outer, Kind::Array)?,
            _ => self.scalar()?,
        };
        Ok(self.since(start, kind))
    }

    fn scalar(&mut self) -> Result<Kind, Fault> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Kind::True),
            Some(b'f') => self.literal("false", Kind::False),
            Some(b'n') => self.literal("null", Kind::Null),
            _ => self.wanted("a value"),
        }
    }

    fn literal(&mut self, word: &'static str, kind: Kind) -> Result<Kind, Fault> {
        if self.bytes.get(self.at..self.at + word.len()) != Some(word.as_bytes()) {
            return self.wanted(word);
        }
        self.at += word.len();
        Ok(kind)
    }

    /// Skips the array or object at the cursor with a stack of bits, so that depth costs no stack.
    fn container(&mut self, outer: u32, kind: Kind) -> Result<Kind, Fault> {
        let mut nest = Nest::default();
        loop {
            if self.enter(&mut nest, outer)? {
                continue;
            }
            if self.leave(&mut nest)? {
                return Ok(kind);
            }
        }
    }

    /// Takes a scalar or an opening bracket; `true` if a value must follow.
    fn enter(&mut self, nest: &mut Nest, outer: u32) -> Result<bool, Fault> {
        let is_object = match self.peek() {
            Some(b'{') => true,
            Some(b'[') => false,
            _ => return self.scalar().map(|_| false),
        };
        if nest.depth + outer >= MAX_DEPTH {
            return Err(Fault::TooDeep { at: self.at });
        }
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(if is_object { b'}' } else { b']' }) {
            self.at += 1;
            // A bracket closed at once was never a level to return to, unless it is the outermost.
            return Ok(false);
        }
        nest.push(is_object);
        if is_object {
            self.key()?;
        }
        Ok(true)
    }

    /// Closes what ends after a value; `true` when the outermost bracket is closed.
    fn leave(&mut self, nest: &mut Nest) -> Result<bool, Fault> {
        while nest.depth > 0 {
            self.skip_space();
            match (self.peek(), nest.is_object()) {
                (Some(b','), is_object) => {
                    self.at += 1;
                    self.skip_space();
                    if is_object {
                        self.key()?;
                    }
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    nest.pop();
                }
                (_, true) => return self.wanted("',' or '}'"),
                (_, false) => return self.wanted("',' or ']'"),
            }
        }
        Ok(true)
    }

    fn string(&mut self) -> Result<Kind, Fault> {
        self.at += 1;
        let mut kind = Kind::Plain;
        loop {
            self.at += plain_run(self.bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(kind);
                }
                Some(b'\\') => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                Some(_) => return self.wanted("an escape instead of a control character"),
                None => return self.wanted("the closing quote of a string"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        self.at += match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => match unicode_escape(rest.get(1..).unwrap_or_default()) {
                Some((Some(_), length)) => length + 2,
                Some((None, length)) => {
                    self.has_lone_surrogate = true;
                    length + 2
                }
                None => return self.wanted("four hexadecimal digits after \\u"),
            },
            _ => return self.wanted("one of \"\\/bfnrtu after a backslash"),
        };
        Ok(())
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Kind::Number)
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            return self.wanted("a digit");
        }
        Ok(())
    }
}

/// What stands after `\u`: the character, or `None` for half a surrogate pair, and the bytes taken.
pub(super) fn unicode_escape(after: &[u8]) -> Option<(Option<char>, usize)> {
    let first = hex4(after)?;
    if let Some(character) = char::from_u32(first) {
        return Some((Some(character), 4));
    }
    let low = match after.get(4..6) {
        Some(b"\\u") => after.get(6..).and_then(hex4),
        _ => None,
    };
    match low {
        Some(low @ 0xDC00..=0xDFFF) if first < 0xDC00 => {
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00);
            Some((char::from_u32(code), 10))
        }
        _ => Some((None, 4)),
    }
}

fn hex4(bytes: &[u8]) -> Option<u32> {
    let (digits, _) = bytes.split_first_chunk::<4>()?;
    digits.iter().try_fold(0, |code, &digit| Some(code << 4 | char::from(digit).to_digit(16)?))
}

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// Bytes up to the first that a JSON string cannot hold as it is (quote, backslash, control); eight at a time.
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * u64::from(b'"'));
        let slash = word ^ (ONES * u64::from(b'\\'));
        // Each term marks the top bit of a byte that is zero (or below 0x20); a borrow can only make false marks
        // above a true one, and the lowest mark is the one read.
        let marks = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let marks = marks & TOPS;
        if marks != 0 {
            return index * 8 + (marks.trailing_zeros() / 8) as usize;
        }
    }
    let stop = rest.iter().position(|&byte| matches!(byte, b'"' | b'\\' | 0..=0x1F));
    words.len() * 8 + stop.unwrap_or(rest.len())
}
