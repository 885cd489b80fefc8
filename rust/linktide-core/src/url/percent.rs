//! Percent triples and the byte classes of the policy (P9).

use super::outcome::UrlFlags;

/// Bit of [`class`]: the path scan must stop here.
pub(super) const PATH_STOP: u8 = 1;
/// Bit of [`class`]: the query scan must stop here.
pub(super) const QUERY_STOP: u8 = 1 << 1;
/// Bit of [`class`]: a letter, digit, `-`, `.`, `_` or `~` (RFC 3986 unreserved).
const UNRESERVED: u8 = 1 << 2;
/// Bit of [`class`]: may not stand in a path or query as it is.
const ENCODED: u8 = 1 << 3;

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
    match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'~' => UNRESERVED,
        b'.' => UNRESERVED | PATH_STOP,
        b'/' | b':' | b'@' | b'!' | b'$' | b')' | b'*' | b'+' | b',' | b'=' => 0,
        // `;` and `(` may start a session id, `.` a dot segment.
        b';' | b'(' | b'?' => PATH_STOP,
        // WHATWG encodes `'` in queries only.
        b'&' | b'\'' => QUERY_STOP,
        b'%' | b'#' => PATH_STOP | QUERY_STOP,
        _ => PATH_STOP | QUERY_STOP | ENCODED,
    }
}

/// The class bits of a byte.
pub(super) fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(ENCODED)
}

/// How many bytes from the start of `text` carry none of `stops`.
pub(super) fn run_length(text: &[u8], stops: u8) -> usize {
    text.iter().position(|&byte| class(byte) & stops != 0).unwrap_or(text.len())
}

fn hex_digit(byte: u8) -> u8 {
    UPPER_HEX.get(usize::from(byte & 15)).copied().unwrap_or(b'0')
}

fn hex_value(byte: Option<&u8>) -> Option<u8> {
    char::from(*byte?).to_digit(16).map(|value| value as u8)
}

fn push_triple(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'%', hex_digit(byte >> 4), hex_digit(byte)]);
}

/// Append one byte that stopped a scan and is no delimiter there: encoded if it has to be, else itself.
///
/// Flags bytes that the WHATWG parser would not simply pass on or encode: it removes TAB, LF, CR and
/// outer spaces and turns `\` into `/`. Text that is not ASCII goes to it too, to have U+FFFD found.
pub(super) fn push_stopped(byte: u8, out: &mut Vec<u8>, flags: &mut UrlFlags) {
    if !byte.is_ascii_graphic() || byte == b'\\' {
        *flags |= UrlFlags::NEEDS_PARSER;
    }
    if class(byte) & ENCODED != 0 || byte == b'\'' {
        push_triple(byte, out);
    } else {
        out.push(byte);
    }
}

/// Append what the `%` at the start of `text` stands for and return how many bytes were read.
///
/// A triple of an unreserved byte is decoded, any other gets upper-case digits; a bare `%` becomes
/// `%25`, else decoding its neighbours could build a new triple (`%%34%31` → `%41` → `A`).
pub(super) fn push_percent(text: &[u8], out: &mut Vec<u8>, flags: &mut UrlFlags) -> usize {
    let (Some(high), Some(low)) = (hex_value(text.get(1)), hex_value(text.get(2))) else {
        out.extend_from_slice(b"%25");
        return 1;
    };
    let byte = high << 4 | low;
    if class(byte) & UNRESERVED != 0 {
        out.push(byte);
        return 3;
    }
    push_triple(byte, out);
    if byte == 0 {
        *flags |= UrlFlags::ENCODED_NUL;
    } else if byte == 0xBD && out.ends_with(b"%EF%BF%BD") {
        *flags |= UrlFlags::MOJIBAKE;
    }
    3
}

/// A parameter's name as the pass writes it.
pub(super) fn normalized_name(name: &[u8]) -> Vec<u8> {
    let (mut out, mut flags, mut read) = (Vec::new(), UrlFlags::empty(), 0);
    while let Some(&byte) = name.get(read) {
        if byte == b'%' {
            read += push_percent(name.get(read..).unwrap_or_default(), &mut out, &mut flags);
        } else {
            push_stopped(byte, &mut out, &mut flags);
            read += 1;
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
                assert_eq!(class(byte) & (PATH_STOP | QUERY_STOP), PATH_STOP | QUERY_STOP);
            }
        }
    }
}
