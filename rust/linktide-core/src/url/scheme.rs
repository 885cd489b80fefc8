//! How a URL begins: with which scheme, or with none (P2, P3). Reads as the WHATWG parser does: leading
//! C0 controls and spaces are skipped, TAB, LF and CR are skipped anywhere.

/// Schemes that pages really link to besides http and https; counters name these and say `other` else.
const COUNTED: [&str; 18] = [
    "about",
    "android-app",
    "blob",
    "data",
    "file",
    "ftp",
    "intent",
    "irc",
    "itms-apps",
    "javascript",
    "magnet",
    "mailto",
    "sms",
    "tel",
    "viber",
    "webcal",
    "whatsapp",
    "ws",
];
const LONGEST: usize = 12;
/// A host name of DNS and a port, and the byte after it.
const MAX_NAME_AND_PORT: usize = 253 + 8;

/// The beginning of a URL text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// `http://` or `https://` (or `ftp://` if it is taken): no base can change what it means.
    Absolute,
    /// The same without `//`: relative to a base of the same scheme, else absolute.
    SchemeOnly,
    /// Any other scheme.
    OtherScheme,
    /// No scheme, but two slashes (either kind): a host follows.
    SlashHost,
    /// No scheme.
    Relative,
}

/// Name of the scheme of a URL that was rejected as `SCHEME`, from a fixed list, for a bounded counter
/// label; `other` for any scheme not in the list and for texts without one.
#[must_use]
pub fn scheme_label(url: &str) -> &'static str {
    let mut scheme = Scheme::new();
    let mut bytes = significant(url);
    if !scheme.read(&mut bytes) {
        return "other";
    }
    COUNTED.into_iter().find(|name| scheme.is(name)).unwrap_or("other")
}

/// Tell how `url` begins; `ftp` tells whether that scheme is taken as http is.
pub(super) fn start_of(url: &str, ftp: bool) -> Start {
    let mut scheme = Scheme::new();
    let mut bytes = significant(url);
    if scheme.read(&mut bytes) {
        let is_taken = scheme.is("http") || scheme.is("https") || (ftp && scheme.is("ftp"));
        if !is_taken {
            return Start::OtherScheme;
        }
        let has_slashes = bytes.next() == Some(b'/') && bytes.next() == Some(b'/');
        return if has_slashes { Start::Absolute } else { Start::SchemeOnly };
    }
    let is_slash = |byte: Option<u8>| matches!(byte, Some(b'/' | b'\\'));
    let mut bytes = significant(url);
    if is_slash(bytes.next()) && is_slash(bytes.next()) { Start::SlashHost } else { Start::Relative }
}

/// Length of the host as written in a URL that has one, without user name but with the port.
pub(super) fn host_text_length(url: &str) -> usize {
    let start =
        url.find(':').filter(|_| start_of(url, false) != Start::SlashHost).map_or(0, |colon| colon + 1);
    let rest = url.get(start..).unwrap_or_default();
    let rest = rest.trim_start_matches(|letter: char| letter <= ' ' || matches!(letter, '/' | '\\'));
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    authority.len() - authority.rfind('@').map_or(0, |at| at + 1)
}

fn significant(url: &str) -> impl Iterator<Item = u8> + '_ {
    url.bytes().skip_while(|byte| *byte <= b' ').filter(|byte| !matches!(byte, b'\t' | b'\n' | b'\r'))
}

/// The scheme of a text that has one.
pub(super) fn scheme_of(url: &str) -> Option<Scheme> {
    let mut scheme = Scheme::new();
    scheme.read(&mut significant(url)).then_some(scheme)
}

/// The name of a scheme, as much of it as tells it from others here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scheme {
    name: [u8; LONGEST],
    length: usize,
}

impl Scheme {
    const fn new() -> Self {
        Self { name: [0; LONGEST], length: 0 }
    }

    /// Read up to and with the colon; false if the text has no scheme.
    fn read(&mut self, bytes: &mut impl Iterator<Item = u8>) -> bool {
        for byte in bytes {
            if byte == b':' {
                return self.length > 0;
            }
            let is_part = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
            if !is_part || (self.length == 0 && !byte.is_ascii_alphabetic()) {
                return false;
            }
            if let Some(place) = self.name.get_mut(self.length) {
                *place = byte.to_ascii_lowercase();
            }
            self.length += 1;
        }
        false
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name.get(..self.length) == Some(name.as_bytes())
    }
}

/// Whether the WHATWG parser takes the host of such a URL as a domain, by IDNA.
pub(super) fn has_special_scheme(url: &str) -> bool {
    scheme_of(url).is_some_and(|scheme| is_special(&scheme))
}

pub(super) fn is_special(scheme: &Scheme) -> bool {
    ["http", "https", "ftp", "ws", "wss", "file"].into_iter().any(|name| scheme.is(name))
}

/// Whether a text that reads as a scheme and its rest is rather a host and a port: `example.com:8080/x`.
/// Schemes hardly ever have a dot, and none is called localhost.
pub(super) fn is_host_and_port(url: &str) -> bool {
    let text: String = significant(url).map(char::from).take(MAX_NAME_AND_PORT).collect();
    let Some((name, rest)) = text.split_once(':') else { return false };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let is_end = matches!(rest.as_bytes().get(digits), None | Some(b'/' | b'?' | b'#' | b'\\'));
    (name.contains('.') || name.eq_ignore_ascii_case("localhost")) && (1..=5).contains(&digits) && is_end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_told_as_the_whatwg_parser_does() {
        for (url, wanted) in [
            (" \u{1}HT\ntPs:/\t/h", Start::Absolute),
            ("http:h", Start::SchemeOnly),
            ("http:/h", Start::SchemeOnly),
            ("http:\\\\h", Start::SchemeOnly),
            ("mailto:a@b", Start::OtherScheme),
            ("localhost:80/x", Start::OtherScheme),
            ("httpsx://h", Start::OtherScheme),
            ("\n//h", Start::SlashHost),
            ("/\\h", Start::SlashHost),
            ("/a:b", Start::Relative),
            ("www.example.com/x", Start::Relative),
            ("1http://h", Start::Relative),
            (":x", Start::Relative),
            ("", Start::Relative),
        ] {
            assert_eq!(start_of(url, false), wanted, "{url:?}");
        }
    }

    #[test]
    fn ftp_is_taken_where_asked_for() {
        for (url, ftp, wanted) in [
            ("FTP://h", true, Start::Absolute),
            ("ftp:h", true, Start::SchemeOnly),
            ("ftp://h", false, Start::OtherScheme),
            ("sftp://h", true, Start::OtherScheme),
        ] {
            assert_eq!(start_of(url, ftp), wanted, "{url:?}");
        }
    }

    #[test]
    fn the_host_is_measured_as_it_is_written() {
        for (url, length) in [
            ("http://a.com/b:c@d", 5),
            (" HTTP:\t\\/u:p@x@a.com:80?b", 8),
            ("//é.com#b", 6),
            ("http:a", 1),
            ("http://", 0),
        ] {
            assert_eq!(host_text_length(url), length, "{url:?}");
        }
    }

    #[test]
    fn labels_come_from_the_fixed_list() {
        assert_eq!(scheme_label("MailTo:a@b"), "mailto");
        assert_eq!(scheme_label("android-app://x"), "android-app");
        assert_eq!(scheme_label("averyveryverylongscheme:x"), "other");
        assert_eq!(scheme_label("/x"), "other");
        assert!(COUNTED.iter().all(|name| name.len() <= LONGEST));
    }
}
