//! Percent triples and the byte classes of the policy (P9).

use super::host::is_name_byte;
use super::lanes::{ByteSet, Lanes, Window};
use super::outcome::UrlFlags;

/// Bit of [`class`]: the path scan must stop here.
const STOPS_PATH: u8 = 1;
/// Bit of [`class`]: the query scan must stop here.
const STOPS_QUERY: u8 = 1 << 1;
/// Bit of [`class`]: a letter, digit, `-`, `.`, `_` or `~` (RFC 3986 unreserved).
const UNRESERVED: u8 = 1 << 2;
/// Bit of [`class`]: may not stand in a path or query as it is.
const ENCODED: u8 = 1 << 3;
/// Bit of [`class`]: no part of a plain host name.
const STOPS_HOST: u8 = 1 << 4;

/// Bit of [`class`]: a triple of this byte, in upper case, stays as it is and says nothing.
const PLAIN_TRIPLE: u8 = 1 << 5;

/// Where a path ends or a rule may have something to do.
pub(super) static PATH_STOP: ByteSet = ByteSet::new(&CLASSES, STOPS_PATH);
/// Where a query or a pair ends or a rule may have something to do.
pub(super) static QUERY_STOP: ByteSet = ByteSet::new(&CLASSES, STOPS_QUERY);
/// Where a plain host name ends.
pub(super) static HOST_STOP: ByteSet = ByteSet::new(&CLASSES, STOPS_HOST);

/// The end of U+FFFD in UTF-8.
const LAST_OF_MOJIBAKE: u8 = 0xBD;

const CLASSES: [u8; 256] = classes();
const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a miss fails the build")]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = classify(byte as u8);
        byte += 1;
    }
    table
}

const fn classify(byte: u8) -> u8 {
    let host = if byte == b'.' || is_name_byte(byte) { 0 } else { STOPS_HOST };
    let is_flagged = matches!(byte, 0 | LAST_OF_MOJIBAKE);
    let class = host | classify_text(byte);
    if class & UNRESERVED == 0 && !is_flagged { class | PLAIN_TRIPLE } else { class }
}

const fn classify_text(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => UNRESERVED,
        b'/' | b':' | b'@' | b'!' | b'$' | b')' | b'*' | b'+' | b',' | b'=' => 0,
        // `;` and `(` may start a session id.
        b';' | b'(' | b'?' => STOPS_PATH,
        // WHATWG encodes `'` in queries only.
        b'&' | b'\'' => STOPS_QUERY,
        b'%' | b'#' => STOPS_PATH | STOPS_QUERY,
        _ => STOPS_PATH | STOPS_QUERY | ENCODED,
    }
}

/// The class bits of a byte.
fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(ENCODED)
}

fn hex_digit(byte: u8) -> u8 {
    UPPER_HEX.get(usize::from(byte & 15)).copied().unwrap_or(b'0')
}

/// The value of each hex digit, the lower-case ones with [`LOWER_CASE`]; [`NO_DIGIT`] for other bytes.
const HEX_VALUES: [u8; 256] = hex_values();
const LOWER_CASE: u8 = 1 << 4;
const NO_DIGIT: u8 = 1 << 5;

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a miss fails the build")]
const fn hex_values() -> [u8; 256] {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        let digit = UPPER_HEX[value as usize];
        if digit.is_ascii_alphabetic() {
            table[digit.to_ascii_lowercase() as usize] = value | LOWER_CASE;
        }
        table[digit as usize] = value;
        value += 1;
    }
    table
}

fn hex_value(byte: u8) -> u8 {
    HEX_VALUES.get(usize::from(byte)).copied().unwrap_or(NO_DIGIT)
}

/// Class bits of the digits of triples.
const DIGIT: u8 = 1;
const LETTER: u8 = 1 << 1;
/// As the first digit: a byte that is not ASCII, but for those that begin with `B`.
const HIGH: u8 = 1 << 2;

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a miss fails the build")]
const DIGITS: [u8; 256] = {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 16 {
        let letter = if value > 9 { LETTER } else { 0 };
        let high = if value > 7 && value != 11 { HIGH } else { 0 };
        table[UPPER_HEX[value] as usize] = DIGIT | letter | high;
        value += 1;
    }
    table
};

static HEX_DIGIT: ByteSet = ByteSet::new(&DIGITS, DIGIT);
static HEX_LETTER: ByteSet = ByteSet::new(&DIGITS, LETTER);
static HIGH_DIGIT: ByteSet = ByteSet::new(&DIGITS, HIGH);

/// The places of `percents` whose triple certainly is plain, as nearly all are: see [`is_plain_triple`]. Not told of
/// those that reach out of the window.
#[inline(always)]
pub(super) fn plain_triples<L: Lanes>(window: &Window<L>, percents: u64) -> u64 {
    let first = |mask: u64| mask >> 1;
    let second = |mask: u64| mask >> 2;
    let digits = window.within(&HEX_DIGIT) & !window.end();
    let letters = window.within(&HEX_LETTER) & digits;
    let high = window.within(&HIGH_DIGIT) & digits;
    let last = window.equal(b'D');
    // What RFC 3986 reserves, spaces, and what is not ASCII, less the end of U+FFFD.
    let twos = first(window.equal(b'2')) & second(digits & !last & !window.equal(b'E'));
    let threes = first(window.equal(b'3')) & second(letters);
    let others = first(high) & second(digits) | first(window.equal(b'B')) & second(digits & !last);
    percents & (twos | threes | others)
}

/// Whether the `%` at `at` begins a triple that no rule touches.
#[inline(always)]
pub(super) fn is_plain_triple(text: &[u8], at: usize) -> bool {
    let (high, low) = match text.get(at + 1..at + 3) {
        Some(&[high, low]) => (hex_value(high), hex_value(low)),
        _ => return false,
    };
    high | low < LOWER_CASE && class(high << 4 | low) & PLAIN_TRIPLE != 0
}

fn push_triple(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'%', hex_digit(byte >> 4), hex_digit(byte)]);
}

/// Append the byte of `text` at `at`, which stopped a scan and is no delimiter there: encoded if it has to be,
/// else itself. Most bytes like it that follow are read too, for they would stop the scan at once.
/// Returns how many were read.
///
/// Flags bytes that the WHATWG parser would not simply pass on or encode: it removes TAB, LF, CR and outer
/// spaces and controls and turns `\` into `/`.
#[inline]
pub(super) fn push_stopped(text: &[u8], at: usize, out: &mut Vec<u8>, flags: &mut UrlFlags) -> usize {
    let byte = text.get(at).copied().unwrap_or_default();
    if byte < b' ' || byte == b'\\' || (byte == b' ' && text.last() == Some(&b' ')) {
        *flags |= UrlFlags::NEEDS_PARSER;
    }
    if class(byte) & ENCODED == 0 && byte != b'\'' {
        out.push(byte);
        return 1;
    }
    push_triple(byte, out);
    find_mojibake(byte, out, flags);
    let mut read = 1;
    while let Some(&byte) = text.get(at + read).filter(|&&byte| is_encoded_always(byte)) {
        push_triple(byte, out);
        find_mojibake(byte, out, flags);
        read += 1;
    }
    read
}

/// Whether the byte is encoded wherever it stands and says nothing of the parser.
fn is_encoded_always(byte: u8) -> bool {
    byte > b' ' && byte != b'\\' && class(byte) & ENCODED != 0
}

fn find_mojibake(byte: u8, out: &[u8], flags: &mut UrlFlags) {
    if byte == LAST_OF_MOJIBAKE && out.ends_with(b"%EF%BF%BD") {
        *flags |= UrlFlags::MOJIBAKE;
    }
}

/// Append what the `%` at the start of `text` stands for and return how many bytes were read.
///
/// A triple of an unreserved byte is decoded, any other gets upper-case digits; a bare `%` becomes
/// `%25`, else decoding its neighbours could build a new triple (`%%34%31` → `%41` → `A`).
pub(super) fn push_percent(text: &[u8], out: &mut Vec<u8>, flags: &mut UrlFlags) -> usize {
    let (high, low) = match text.get(1..3) {
        Some(&[high, low]) => (hex_value(high), hex_value(low)),
        _ => (NO_DIGIT, NO_DIGIT),
    };
    if (high | low) & NO_DIGIT != 0 {
        out.extend_from_slice(b"%25");
        return 1;
    }
    let byte = high << 4 | low & 15;
    if class(byte) & UNRESERVED != 0 {
        out.push(byte);
        return 3;
    }
    push_triple(byte, out);
    if byte == 0 {
        *flags |= UrlFlags::ENCODED_NUL;
    }
    find_mojibake(byte, out, flags);
    3
}

/// A parameter's name as the pass writes it.
pub(super) fn normalized_name(name: &[u8]) -> Vec<u8> {
    let (mut out, mut flags, mut read) = (Vec::new(), UrlFlags::empty(), 0);
    while let Some(&byte) = name.get(read) {
        if byte == b'%' {
            read += push_percent(name.get(read..).unwrap_or_default(), &mut out, &mut flags);
        } else {
            read += push_stopped(name, read, &mut out, &mut flags);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(text: &str) -> (String, usize) {
        let mut out = Vec::new();
        let read = push_percent(text.as_bytes(), &mut out, &mut UrlFlags::empty());
        (String::from_utf8(out).unwrap(), read)
    }

    #[test]
    fn only_unreserved_triples_are_decoded() {
        for byte in 0..=255_u8 {
            let (text, read) = percent(&format!("%{byte:02x}"));
            let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            let wanted = if is_unreserved { char::from(byte).to_string() } else { format!("%{byte:02X}") };
            assert_eq!((text, read), (wanted, 3));
        }
    }

    #[test]
    fn a_bare_percent_sign_is_encoded_alone() {
        for text in ["%", "%4", "%%34%31", "%g0", "%0g", "%é"] {
            assert_eq!(percent(text), ("%25".to_owned(), 1), "{text}");
        }
    }

    #[test]
    fn every_byte_outside_rfc_3986_is_encoded() {
        for byte in 0..=255_u8 {
            let allowed = byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%#".contains(&byte);
            assert_eq!(class(byte) & ENCODED != 0, !allowed, "{byte:#x}");
            if !allowed {
                assert!(PATH_STOP.holds(byte) && QUERY_STOP.holds(byte));
            }
        }
    }
}
