//! The policy as a table: every rule with its test vectors. The code that keeps a rule is in the room it
//! names; a test runs every vector, so the table cannot drift from the code.

use super::outcome::{UrlFlags, UrlReason};

/// Version of the rules below and of the dropped parameters. It is stored with the data: raise it with
/// any change that gives some URL another form.
pub const POLICY_VERSION: u32 = 1;

/// What a vector shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The normalised URL.
    Url(&'static str),
    /// Refused, with this reason.
    Reason(UrlReason),
    /// The registrable domain.
    Domain(&'static str),
    /// These flags are among those set.
    Flags(UrlFlags),
    /// Another URL by identity, the same page by cluster key.
    SameCluster(&'static str),
    /// Another URL by identity and by cluster key.
    OtherCluster(&'static str),
}

/// One test vector.
#[derive(Debug, Clone, Copy)]
pub struct Vector {
    /// The URL as met.
    pub input: &'static str,
    /// The URL of the page it was met on.
    pub base: Option<&'static str>,
    /// What must come of it.
    pub expected: Expected,
}

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct PolicyRow {
    /// `P1` to `P28`, as in the design.
    pub id: &'static str,
    /// What it applies to.
    pub when: &'static str,
    /// What it does.
    pub what: &'static str,
    /// What it must give.
    pub vectors: &'static [Vector],
}

const fn url(input: &'static str, expected: &'static str) -> Vector {
    Vector { input, base: None, expected: Expected::Url(expected) }
}

const fn resolved(base: &'static str, input: &'static str, expected: &'static str) -> Vector {
    Vector { input, base: Some(base), expected: Expected::Url(expected) }
}

const fn refused(input: &'static str, reason: UrlReason) -> Vector {
    Vector { input, base: None, expected: Expected::Reason(reason) }
}

const fn domain(input: &'static str, expected: &'static str) -> Vector {
    Vector { input, base: None, expected: Expected::Domain(expected) }
}

const fn flags(input: &'static str, expected: UrlFlags) -> Vector {
    Vector { input, base: None, expected: Expected::Flags(expected) }
}

const fn same(input: &'static str, other: &'static str) -> Vector {
    Vector { input, base: None, expected: Expected::SameCluster(other) }
}

const fn differs(input: &'static str, other: &'static str) -> Vector {
    Vector { input, base: None, expected: Expected::OtherCluster(other) }
}

const fn row(
    id: &'static str,
    when: &'static str,
    what: &'static str,
    vectors: &'static [Vector],
) -> PolicyRow {
    PolicyRow { id, when, what, vectors }
}

/// The rules at level *index*, and those of the cluster key (P16 to P21). Not in the table: P23
/// (unwrapping AMP and redirect URLs), which is an option that is off; P26's limits and P27's invalid
/// bytes and P28's outputs cannot be said in short vectors and have tests of their own.
pub const POLICY: &[PolicyRow] = &[
    row(
        "P1",
        "C0 controls and spaces around the text; TAB, LF, CR in it",
        "trim; remove",
        &[url("\u{1} http://a.com/b \n", "http://a.com/b"), url("ht\ntp://a.c\tom/b\r", "http://a.com/b")],
    ),
    row(
        "P2",
        "a scheme",
        "http and https only, lower-case",
        &[
            url("HTTPS://a.com/", "https://a.com/"),
            refused("mailto:a@a.com", UrlReason::Scheme),
            refused("ftp://a.com/", UrlReason::Scheme),
            refused("localhost:8080/x", UrlReason::Scheme),
        ],
    ),
    row(
        "P3",
        "no scheme",
        "resolve against the base; `//host` without one is https; else refuse",
        &[
            resolved("http://a.com/b/c", "../d", "http://a.com/d"),
            resolved("http://a.com/b/c", "//e.com", "http://e.com/"),
            resolved("http://a.com/b?c", "#d", "http://a.com/b?c"),
            resolved("mailto:a@a.com", "//e.com/", "https://e.com/"),
            url("//a.com/b", "https://a.com/b"),
            refused("www.a.com/b", UrlReason::Relative),
        ],
    ),
    row(
        "P4",
        "the host",
        "lower-case, percent-decode, UTS-46 non-transitional, punycode",
        &[
            url("http://A%2ECom/", "http://a.com/"),
            url("http://BÜCHER.example/", "http://xn--bcher-kva.example/"),
            url("http://faß.de/", "http://xn--fa-hia.de/"),
            refused("http://a b.com/", UrlReason::Invalid),
        ],
    ),
    row(
        "P5",
        "a host DNS cannot hold",
        "refuse",
        &[
            refused("http://a..b/", UrlReason::Host),
            refused("http://h!x/", UrlReason::Host),
            url("http://a_b.com/", "http://a_b.com/"),
        ],
    ),
    row(
        "P6",
        "a trailing dot of the host",
        "drop one",
        &[url("http://a.com./b", "http://a.com/b"), refused("http://a.com../b", UrlReason::Host)],
    ),
    row(
        "P7",
        "the port",
        "drop the scheme's own and an empty one",
        &[
            url("http://a.com:80/", "http://a.com/"),
            url("https://a.com:/", "https://a.com/"),
            url("http://a.com:0443/", "http://a.com:443/"),
        ],
    ),
    row(
        "P8",
        "user name and password",
        "drop, flag",
        &[
            url("http://google.com@evil.com/", "http://evil.com/"),
            flags("http://u:p@a.com/", UrlFlags::HAD_USERINFO),
        ],
    ),
    row(
        "P9",
        "percent triples",
        "upper-case; decode unreserved only; encode what RFC 3986 does not allow",
        &[
            url("http://a.com/%7e%2f%c3%a9é", "http://a.com/~%2F%C3%A9%C3%A9"),
            url("http://a.com/%%34%31", "http://a.com/%2541"),
            url("http://a.com/?a[]=|^{}`", "http://a.com/?a%5B%5D=%7C%5E%7B%7D%60"),
        ],
    ),
    row(
        "P10",
        "dot segments, backslashes, missing slashes",
        "as WHATWG",
        &[
            url("http:\\a.com\\b\\..\\c", "http://a.com/c"),
            url("http://a.com/b/%2e%2E/./c", "http://a.com/c"),
            url("http:a.com", "http://a.com/"),
        ],
    ),
    row(
        "P11",
        "a fragment",
        "drop",
        &[
            url("http://a.com/#b", "http://a.com/"),
            url("http://a.com/#!b", "http://a.com/"),
            flags("http://a.com/#", UrlFlags::HAD_FRAGMENT),
        ],
    ),
    row(
        "P12",
        "a session id in the path",
        "drop, unless that leaves a dot segment",
        &[
            url("http://a.com/b;jsessionid=1A/c;JSESSIONID=2?d", "http://a.com/b/c?d"),
            url("http://a.com/b/..;jsessionid=1/c", "http://a.com/b/..;jsessionid=1/c"),
            url("http://a.com/(S(abcdefghijklmnopqrstuvwx))/b", "http://a.com/b"),
        ],
    ),
    row(
        "P13",
        "a session parameter",
        "drop",
        &[
            url("http://a.com/?PHPSESSID=1&b=2&CFID=1&CFTOKEN=2", "http://a.com/?b=2"),
            url("http://a.com/?sid=0123456789abcdef0123456789abcdef", "http://a.com/"),
            url("http://a.com/?sid=12&CFID=1", "http://a.com/?sid=12&CFID=1"),
            flags("http://a.com/?ASPSESSIONIDXY=1", UrlFlags::HAD_SESSION),
        ],
    ),
    row(
        "P14",
        "a tracking parameter, named after percent normalisation in any case",
        "drop",
        &[
            url("http://a.com/?UTM%5Fsource=x&ref=y&fbclid=z", "http://a.com/?ref=y"),
            flags("http://a.com/?gclid=1", UrlFlags::HAD_TRACKING),
        ],
    ),
    row(
        "P15",
        "empty pairs",
        "drop them, and a bare `?`",
        &[url("http://a.com/?", "http://a.com/"), url("http://a.com/?&&b=&&c&", "http://a.com/?b=&c")],
    ),
    row(
        "P16",
        "order of the query",
        "keep; cluster: sort by name, stable",
        &[
            url("http://a.com/?b=1&a=2", "http://a.com/?b=1&a=2"),
            same("http://a.com/?b=1&a=2", "http://a.com/?a=2&b=1"),
            differs("http://a.com/?a=1&a=2", "http://a.com/?a=2&a=1"),
        ],
    ),
    row(
        "P17",
        "repeated slashes in the path",
        "keep; cluster: collapse",
        &[url("http://a.com//b///c", "http://a.com//b///c"), same("http://a.com//b///c", "http://a.com/b/c")],
    ),
    row(
        "P18",
        "a trailing slash",
        "keep, an empty path is `/`; cluster: drop",
        &[
            url("http://a.com", "http://a.com/"),
            same("http://a.com/b/", "http://a.com/b"),
            same("http://a.com/b/?c", "http://a.com/b?c"),
        ],
    ),
    row(
        "P19",
        "`www.` and `wwwN.`",
        "keep; cluster: drop if a registrable domain remains",
        &[
            url("http://www.a.com/", "http://www.a.com/"),
            same("http://www.a.com/", "http://a.com/"),
            same("http://www2.a.com/", "http://a.com/"),
            differs("http://www.com/", "http://com/"),
        ],
    ),
    row(
        "P20",
        "index pages",
        "keep; cluster: drop",
        &[
            url("http://a.com/index.html", "http://a.com/index.html"),
            same("http://a.com/b/Default.aspx", "http://a.com/b"),
            differs("http://a.com/b/index.xml", "http://a.com/b"),
        ],
    ),
    row("P21", "http and https", "keep; cluster: one", &[same("http://a.com/b", "https://a.com/b")]),
    row(
        "P22",
        "case of the path, `+` and `%20`, triples of reserved characters",
        "keep",
        &[
            url("http://a.com/B?c=+%20%2c%2F,/", "http://a.com/B?c=+%20%2C%2F,/"),
            differs("http://a.com/B", "http://a.com/b"),
        ],
    ),
    row(
        "P24",
        "addresses",
        "canonical form, own registrable domain, flags",
        &[
            url("http://0x7f.1/", "http://127.0.0.1/"),
            url("http://[2001:DB8:0::1]:81/", "http://[2001:db8::1]:81/"),
            domain("http://1.2.3.4/", "1.2.3.4"),
            domain("http://[::1]/", "[::1]"),
            flags("http://10.0.0.1/", UrlFlags::PRIVATE_IP),
            flags("http://127.1/", UrlFlags::LOCAL),
        ],
    ),
    row(
        "P25",
        "the registrable domain",
        "public suffix list with its private section",
        &[
            domain("http://a.b.co.uk/", "b.co.uk"),
            domain("http://me.github.io/", "me.github.io"),
            domain("http://github.io/", "github.io"),
            domain("http://a.b.unknowntld/", "b.unknowntld"),
            flags("http://a.b.unknowntld/", UrlFlags::UNKNOWN_TLD),
            flags("http://github.io/", UrlFlags::IS_SUFFIX),
            domain("http://intranet/", "intranet"),
        ],
    ),
    row(
        "P27",
        "traces of wrong decoding",
        "keep, flag",
        &[
            url("http://a.com/\u{fffd}", "http://a.com/%EF%BF%BD"),
            flags("http://a.com/\u{fffd}", UrlFlags::MOJIBAKE),
            url("http://a.com/\0b", "http://a.com/%00b"),
            flags("http://a.com/%00", UrlFlags::ENCODED_NUL),
        ],
    ),
];
