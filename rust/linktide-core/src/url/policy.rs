//! The policy as a table: every rule with its test vectors. The code that keeps a rule is in the room it
//! names; a test runs every vector, so the table cannot drift from the code.

use super::options::{AssumedScheme, Level, Setting};
use super::outcome::{UrlFlags, UrlReason};

/// Version of the rules below and of the dropped parameters. It is stored with the data: raise it with
/// any change that gives some URL another form.
pub const POLICY_VERSION: u32 = 2;

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
    /// Level and options; none is level *index* with every option off.
    pub settings: &'static [Setting],
    /// What must come of it.
    pub expected: Expected,
}

impl Vector {
    const fn with(self, settings: &'static [Setting]) -> Self {
        Self { settings, ..self }
    }
}

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct PolicyRow {
    /// `P1` to `P28`, as in the design.
    pub id: &'static str,
    /// The weakest level that keeps the rule; an option's row has the weakest that it can be used at.
    pub level: Level,
    /// The options that change it.
    pub options: &'static [&'static str],
    /// What it applies to.
    pub when: &'static str,
    /// What it does.
    pub what: &'static str,
    /// What it must give.
    pub vectors: &'static [Vector],
}

const fn url(input: &'static str, expected: &'static str) -> Vector {
    Vector { input, base: None, settings: &[], expected: Expected::Url(expected) }
}

const fn resolved(base: &'static str, input: &'static str, expected: &'static str) -> Vector {
    Vector { input, base: Some(base), settings: &[], expected: Expected::Url(expected) }
}

const fn refused(input: &'static str, reason: UrlReason) -> Vector {
    Vector { input, base: None, settings: &[], expected: Expected::Reason(reason) }
}

const fn domain(input: &'static str, expected: &'static str) -> Vector {
    Vector { input, base: None, settings: &[], expected: Expected::Domain(expected) }
}

const fn flags(input: &'static str, expected: UrlFlags) -> Vector {
    Vector { input, base: None, settings: &[], expected: Expected::Flags(expected) }
}

const fn same(input: &'static str, other: &'static str) -> Vector {
    Vector { input, base: None, settings: &[], expected: Expected::SameCluster(other) }
}

const fn differs(input: &'static str, other: &'static str) -> Vector {
    Vector { input, base: None, settings: &[], expected: Expected::OtherCluster(other) }
}

const fn row(
    (id, level): (&'static str, Level),
    options: &'static [&'static str],
    when: &'static str,
    what: &'static str,
    vectors: &'static [Vector],
) -> PolicyRow {
    PolicyRow { id, level, options, when, what, vectors }
}

const CLUSTER: &[Setting] = &[Setting::Level(Level::Cluster)];
const SAFE: &[Setting] = &[Setting::Level(Level::Safe)];
const WHATWG: &[Setting] = &[Setting::Level(Level::Whatwg)];

/// Every rule. P27's invalid bytes and P28's outputs cannot be said in short vectors and have tests of
/// their own.
pub const POLICY: &[PolicyRow] = &[
    row(
        ("P1", Level::Whatwg),
        &[],
        "C0 controls and spaces around the text; TAB, LF, CR in it",
        "trim; remove",
        &[url("\u{1} http://a.com/b \n", "http://a.com/b"), url("ht\ntp://a.c\tom/b\r", "http://a.com/b")],
    ),
    row(
        ("P2", Level::Index),
        &["ftp"],
        "a scheme",
        "http and https only, lower-case",
        &[
            url("HTTPS://a.com/", "https://a.com/"),
            refused("mailto:a@a.com", UrlReason::Scheme),
            refused("ftp://a.com/", UrlReason::Scheme),
            refused("localhost:8080/x", UrlReason::Scheme),
            url("mailto:A@a.com", "mailto:A@a.com").with(SAFE),
            url("FTP://a.com:21/b#c", "ftp://a.com/b").with(&[Setting::Ftp]),
            refused("sftp://a.com/", UrlReason::Scheme).with(&[Setting::Ftp]),
        ],
    ),
    row(
        ("P3", Level::Whatwg),
        &["assume_scheme"],
        "no scheme",
        "resolve against the base; `//host` without one is https; else refuse",
        &[
            resolved("http://a.com/b/c", "../d", "http://a.com/d"),
            resolved("http://a.com/b/c", "//e.com", "http://e.com/"),
            resolved("http://a.com/b?c", "#d", "http://a.com/b?c"),
            resolved("mailto:a@a.com", "//e.com/", "https://e.com/"),
            url("//a.com/b", "https://a.com/b"),
            refused("www.a.com/b", UrlReason::Relative),
            url("WWW.a.com:8080/b", "https://www.a.com:8080/b")
                .with(&[Setting::AssumeScheme(AssumedScheme::Https)]),
            url("a.com", "http://a.com/").with(&[Setting::AssumeScheme(AssumedScheme::Http)]),
            refused("/b", UrlReason::Relative).with(&[Setting::AssumeScheme(AssumedScheme::Http)]),
            refused("tel:110", UrlReason::Scheme).with(&[Setting::AssumeScheme(AssumedScheme::Http)]),
        ],
    ),
    row(
        ("P4", Level::Whatwg),
        &[],
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
        ("P5", Level::Safe),
        &[],
        "a host DNS cannot hold",
        "refuse",
        &[
            refused("http://a..b/", UrlReason::Host),
            refused("http://h!x/", UrlReason::Host),
            url("http://a_b.com/", "http://a_b.com/"),
            url("http://a..b/", "http://a..b/").with(WHATWG),
        ],
    ),
    row(
        ("P6", Level::Safe),
        &[],
        "a trailing dot of the host",
        "drop one",
        &[url("http://a.com./b", "http://a.com/b"), refused("http://a.com../b", UrlReason::Host)],
    ),
    row(
        ("P7", Level::Whatwg),
        &[],
        "the port",
        "drop the scheme's own and an empty one",
        &[
            url("http://a.com:80/", "http://a.com/"),
            url("https://a.com:/", "https://a.com/"),
            url("http://a.com:0443/", "http://a.com:443/"),
        ],
    ),
    row(
        ("P8", Level::Safe),
        &[],
        "user name and password",
        "drop, flag",
        &[
            url("http://google.com@evil.com/", "http://evil.com/"),
            flags("http://u:p@a.com/", UrlFlags::HAD_USERINFO),
            url("http://u:p@a.com/", "http://a.com/").with(SAFE),
        ],
    ),
    row(
        ("P9", Level::Safe),
        &[],
        "percent triples",
        "upper-case; decode unreserved only; encode what RFC 3986 does not allow",
        &[
            url("http://a.com/%7e%2f%c3%a9é", "http://a.com/~%2F%C3%A9%C3%A9"),
            url("http://a.com/%%34%31", "http://a.com/%2541"),
            url("http://a.com/?a[]=|^{}`", "http://a.com/?a%5B%5D=%7C%5E%7B%7D%60"),
            url("http://a.com/%7e", "http://a.com/~").with(SAFE),
            url("http://a.com/%7e", "http://a.com/%7e").with(WHATWG),
        ],
    ),
    row(
        ("P10", Level::Whatwg),
        &[],
        "dot segments, backslashes, missing slashes",
        "as WHATWG",
        &[
            url("http:\\a.com\\b\\..\\c", "http://a.com/c"),
            url("http://a.com/b/%2e%2E/./c", "http://a.com/c"),
            url("http:a.com", "http://a.com/"),
        ],
    ),
    row(
        ("P11", Level::Safe),
        &["keep_hashbang", "keep_hashroute"],
        "a fragment",
        "drop",
        &[
            url("http://a.com/#b", "http://a.com/"),
            url("http://a.com/#!b", "http://a.com/"),
            flags("http://a.com/#", UrlFlags::HAD_FRAGMENT),
            url("http://a.com/#!b", "http://a.com/#!b").with(&[Setting::KeepHashbang]),
            url("http://a.com/#/b", "http://a.com/#/b").with(&[Setting::KeepHashroute]),
            url("http://a.com/#/b", "http://a.com/").with(&[Setting::KeepHashbang]),
            url("http://a.com/#b", "http://a.com/#b").with(WHATWG),
        ],
    ),
    row(
        ("P12", Level::Index),
        &[],
        "a session id in the path",
        "drop, unless that leaves a dot segment",
        &[
            url("http://a.com/b;jsessionid=1A/c;JSESSIONID=2?d", "http://a.com/b/c?d"),
            url("http://a.com/b/..;jsessionid=1/c", "http://a.com/b/..;jsessionid=1/c"),
            url("http://a.com/(S(abcdefghijklmnopqrstuvwx))/b", "http://a.com/b"),
            url("http://a.com/b;jsessionid=1A", "http://a.com/b;jsessionid=1A").with(SAFE),
        ],
    ),
    row(
        ("P13", Level::Index),
        &[],
        "a session parameter",
        "drop",
        &[
            url("http://a.com/?PHPSESSID=1&b=2&CFID=1&CFTOKEN=2", "http://a.com/?b=2"),
            url("http://a.com/?sid=0123456789abcdef0123456789abcdef", "http://a.com/"),
            url("http://a.com/?sid=12&CFID=1", "http://a.com/?sid=12&CFID=1"),
            flags("http://a.com/?ASPSESSIONIDXY=1", UrlFlags::HAD_SESSION),
            url("http://a.com/?PHPSESSID=1", "http://a.com/?PHPSESSID=1").with(SAFE),
        ],
    ),
    row(
        ("P14", Level::Index),
        &["extra_tracking"],
        "a tracking parameter, named after percent normalisation in any case",
        "drop",
        &[
            url("http://a.com/?UTM%5Fsource=x&ref=y&fbclid=z", "http://a.com/?ref=y"),
            flags("http://a.com/?gclid=1", UrlFlags::HAD_TRACKING),
            url("http://a.com/?utm_source=x", "http://a.com/?utm_source=x").with(SAFE),
            url("http://a.com/?REF=x&b=1", "http://a.com/?b=1").with(&[Setting::ExtraTracking("ref")]),
            url("http://a.com/?my_a=x&b=1", "http://a.com/?b=1").with(&[Setting::ExtraTracking("my_*")]),
        ],
    ),
    row(
        ("P15", Level::Safe),
        &[],
        "empty pairs",
        "drop them, and a bare `?`",
        &[url("http://a.com/?", "http://a.com/"), url("http://a.com/?&&b=&&c&", "http://a.com/?b=&c")],
    ),
    row(
        ("P16", Level::Cluster),
        &[],
        "order of the query",
        "keep; cluster: sort by name, stable",
        &[
            url("http://a.com/?b=1&a=2", "http://a.com/?b=1&a=2"),
            same("http://a.com/?b=1&a=2", "http://a.com/?a=2&b=1"),
            differs("http://a.com/?a=1&a=2", "http://a.com/?a=2&a=1"),
            url("http://a.com/?b=1&a=2&b=0", "http://a.com/?a=2&b=1&b=0").with(CLUSTER),
        ],
    ),
    row(
        ("P17", Level::Cluster),
        &[],
        "repeated slashes in the path",
        "keep; cluster: collapse",
        &[url("http://a.com//b///c", "http://a.com//b///c"), same("http://a.com//b///c", "http://a.com/b/c")],
    ),
    row(
        ("P18", Level::Cluster),
        &[],
        "a trailing slash",
        "keep, an empty path is `/`; cluster: drop",
        &[
            url("http://a.com", "http://a.com/"),
            same("http://a.com/b/", "http://a.com/b"),
            same("http://a.com/b/?c", "http://a.com/b?c"),
            url("http://a.com/b/?c", "http://a.com/b?c").with(CLUSTER),
            url("http://a.com/", "http://a.com/").with(CLUSTER),
        ],
    ),
    row(
        ("P19", Level::Cluster),
        &[],
        "`www.` and `wwwN.`",
        "keep; cluster: drop if a registrable domain remains",
        &[
            url("http://www.a.com/", "http://www.a.com/"),
            same("http://www.a.com/", "http://a.com/"),
            same("http://www2.a.com/", "http://a.com/"),
            differs("http://www.com/", "http://com/"),
            url("http://www.www2.a.com/", "http://a.com/").with(CLUSTER),
        ],
    ),
    row(
        ("P20", Level::Cluster),
        &[],
        "index pages",
        "keep; cluster: drop",
        &[
            url("http://a.com/index.html", "http://a.com/index.html"),
            same("http://a.com/b/Default.aspx", "http://a.com/b"),
            differs("http://a.com/b/index.xml", "http://a.com/b"),
            url("http://a.com/b/index.php?c", "http://a.com/b?c").with(CLUSTER),
        ],
    ),
    row(
        ("P21", Level::Cluster),
        &[],
        "http and https",
        "keep; cluster: one",
        &[
            same("http://a.com/b", "https://a.com/b"),
            url("https://a.com/b", "http://a.com/b").with(CLUSTER),
            url("https://a.com:80/b", "https://a.com:80/b").with(CLUSTER),
        ],
    ),
    row(
        ("P22", Level::Whatwg),
        &[],
        "case of the path, `+` and `%20`, triples of reserved characters",
        "keep",
        &[
            url("http://a.com/B?c=+%20%2c%2F,/", "http://a.com/B?c=+%20%2C%2F,/"),
            differs("http://a.com/B", "http://a.com/b"),
        ],
    ),
    row(
        ("P23", Level::Whatwg),
        &["unwrap_redirects", "unwrap_amp"],
        "a known redirect or AMP page that names its target",
        "keep; option: put the target in its place, up to three times, flag",
        &[
            url(
                "http://l.facebook.com/l.php?u=http%3A%2F%2Fa.com%2F",
                "http://l.facebook.com/l.php?u=http%3A%2F%2Fa.com%2F",
            ),
            url("https://www.google.de/url?sa=t&q=https%3A%2F%2Fa.com%2Fb%3Futm_id%3D1", "https://a.com/b")
                .with(&[Setting::UnwrapRedirects]),
            flags("https://www.google.de/url?q=https://a.com", UrlFlags::UNWRAPPED)
                .with(&[Setting::UnwrapRedirects]),
            url("https://www.google.de/url?q=b", "https://www.google.de/url?q=b")
                .with(&[Setting::UnwrapRedirects]),
            url("https://a-com.cdn.ampproject.org/c/s/a.com/b", "https://a.com/b")
                .with(&[Setting::UnwrapAmp]),
            url("https://www.google.com/amp/s/a.com/b?c", "https://a.com/b?c").with(&[Setting::UnwrapAmp]),
        ],
    ),
    row(
        ("P24", Level::Whatwg),
        &["reject_private"],
        "addresses",
        "canonical form, own registrable domain, flags",
        &[
            url("http://0x7f.1/", "http://127.0.0.1/"),
            url("http://[2001:DB8:0::1]:81/", "http://[2001:db8::1]:81/"),
            domain("http://1.2.3.4/", "1.2.3.4"),
            domain("http://[::1]/", "[::1]"),
            flags("http://10.0.0.1/", UrlFlags::PRIVATE_IP),
            flags("http://127.1/", UrlFlags::LOCAL),
            refused("http://192.168.0.1/", UrlReason::Private).with(&[Setting::RejectPrivate]),
            refused("http://printer.local/", UrlReason::Private).with(&[Setting::RejectPrivate]),
        ],
    ),
    row(
        ("P25", Level::Whatwg),
        &[],
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
        ("P26", Level::Whatwg),
        &["max_output_bytes"],
        "a long text",
        "refuse over 64 KiB of input or base, 3,072 bytes of written host, 8,192 bytes of output",
        &[
            url("http://a.com/bc", "http://a.com/bc").with(&[Setting::MaxOutputBytes(15)]),
            refused("http://a.com/bcd", UrlReason::TooLong).with(&[Setting::MaxOutputBytes(15)]),
        ],
    ),
    row(
        ("P27", Level::Whatwg),
        &[],
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
