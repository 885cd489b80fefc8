//! The fragment: dropped, unless an option says that it names content (P11).

use super::options::Rules;
use super::outcome::UrlFlags;
use super::percent::{push_percent, push_stopped};

/// Read the fragment in `tail`, which begins with its `#` and is the end of the URL; append it if the
/// rules keep it, percent-normalised as a query is (P9).
pub(super) fn append_fragment(tail: &[u8], rules: &Rules, out: &mut Vec<u8>, flags: &mut UrlFlags) {
    let first = tail.get(1);
    if !rules.keeps_fragment(first) {
        *flags |= UrlFlags::HAD_FRAGMENT;
        // The parser removes a TAB or LF, and what comes after it may be one to keep.
        if rules.keeps_fragments && first.is_some_and(|byte| !byte.is_ascii_graphic()) {
            *flags |= UrlFlags::NEEDS_PARSER;
        }
        return;
    }
    out.push(b'#');
    let mut read = 1;
    while let Some(&byte) = tail.get(read) {
        match byte {
            b'%' => read += push_percent(tail.get(read..).unwrap_or_default(), out, flags),
            b'#' => {
                // WHATWG leaves it, RFC 3986 does not allow it.
                out.extend_from_slice(b"%23");
                read += 1;
            }
            _ => {
                read += push_stopped(tail, read, out, flags);
            }
        }
    }
}
