//! What normalising one URL gives: ranges into the output buffer and flags, or a reason.

use std::fmt;
use std::ops::{BitOr, BitOrAssign, Range};

/// Why a URL has no normalised form. Names and codes are stored with data: never renumber, only add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u8)]
pub enum UrlReason {
    /// The scheme is not http or https (P2).
    #[error("the scheme is not http or https")]
    Scheme = 1,
    /// There is no scheme and no usable base (P3).
    #[error("the URL is relative and there is no http(s) base to resolve it against")]
    Relative = 2,
    /// DNS cannot hold the host: an empty label, a label over 63 bytes, a host over 253 bytes, or a
    /// character outside `[a-z0-9-_.]` (P5).
    #[error("the host is not a name that DNS can hold")]
    Host = 3,
    /// The input, the base or the output is over its limit (P26).
    #[error("the URL is longer than the limit")]
    TooLong = 4,
    /// The bytes are not UTF-8 (P27).
    #[error("the bytes are not UTF-8")]
    BadUtf8 = 5,
    /// The WHATWG parser rejects it: no host, a bad port, a bad address, bad IDNA.
    #[error("the WHATWG URL parser rejects it")]
    Invalid = 6,
    /// The host is a private address or a local name, and the option `reject_private` is on (P24).
    #[error("the host is a private address or a local name")]
    Private = 7,
}

impl UrlReason {
    /// Every reason, in the order of its code.
    pub const ALL: [Self; 7] = [
        Self::Scheme,
        Self::Relative,
        Self::Host,
        Self::TooLong,
        Self::BadUtf8,
        Self::Invalid,
        Self::Private,
    ];

    /// The stable name, for counters and dead letters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheme => "SCHEME",
            Self::Relative => "RELATIVE",
            Self::Host => "HOST",
            Self::TooLong => "TOO_LONG",
            Self::BadUtf8 => "BAD_UTF8",
            Self::Invalid => "INVALID",
            Self::Private => "PRIVATE",
        }
    }

    /// The rule of the table that refuses.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Scheme => "P2",
            Self::Relative => "P3",
            Self::Host => "P5",
            Self::TooLong => "P26",
            Self::BadUtf8 => "P27",
            Self::Invalid => "P4",
            Self::Private => "P24",
        }
    }

    /// The stable code, 1 or more; 0 in a column means "no reason, the URL is good".
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Facts about a URL that its normalised text does not show, or not cheaply. Bits are stored with data:
/// never renumber, only add.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct UrlFlags(u32);

impl UrlFlags {
    /// The host is an IPv4 or IPv6 address.
    pub const IP: Self = Self(1);
    /// The host is an address that is not reachable from the public Internet.
    pub const PRIVATE_IP: Self = Self(1 << 1);
    /// The host names this machine or this network: loopback, `localhost`, `.local`, `.internal`, …
    pub const LOCAL: Self = Self(1 << 2);
    /// The input had a user name or a password; dropped, but at level *whatwg*.
    pub const HAD_USERINFO: Self = Self(1 << 3);
    /// The host's last label is in no rule of the public suffix list.
    pub const UNKNOWN_TLD: Self = Self(1 << 4);
    /// The text holds U+FFFD: it was decoded wrongly before it came here.
    pub const MOJIBAKE: Self = Self(1 << 5);
    /// The text holds an encoded NUL, `%00`.
    pub const ENCODED_NUL: Self = Self(1 << 6);
    /// A fragment was dropped.
    pub const HAD_FRAGMENT: Self = Self(1 << 7);
    /// At least one tracking parameter was dropped.
    pub const HAD_TRACKING: Self = Self(1 << 8);
    /// At least one session id was dropped, from the query or the path.
    pub const HAD_SESSION: Self = Self(1 << 9);
    /// The input had no scheme: it was resolved against the base, or was given one.
    pub const WAS_RELATIVE: Self = Self(1 << 10);
    /// A label of the host is punycode (`xn--`): people see other letters than the bytes.
    pub const PUNYCODE: Self = Self(1 << 11);
    /// The URL names a port other than its scheme's own.
    pub const HAS_PORT: Self = Self(1 << 12);
    /// The host is itself a public suffix, so it is its own site.
    pub const IS_SUFFIX: Self = Self(1 << 13);

    /// The URL is the target of a redirect or AMP page that an option unwrapped (P23).
    pub const UNWRAPPED: Self = Self(1 << 14);
    /// The scheme is not one that the policy takes: the URL is the WHATWG text (levels *whatwg*, *safe*).
    pub const OTHER_SCHEME: Self = Self(1 << 15);

    /// Not stored: the pass met text that only the parser understands.
    pub(super) const NEEDS_PARSER: Self = Self(1 << 31);

    /// Every flag: name and what it says of a URL, in the order of the bits.
    pub const ALL: [(Self, &'static str, &'static str); 16] = [
        (Self::IP, "IP", "the host is an IPv4 or IPv6 address"),
        (Self::PRIVATE_IP, "PRIVATE_IP", "the host is an address that the public Internet cannot reach"),
        (Self::LOCAL, "LOCAL", "the host names this machine or this network"),
        (Self::HAD_USERINFO, "HAD_USERINFO", "it had a user name or a password"),
        (
            Self::UNKNOWN_TLD,
            "UNKNOWN_TLD",
            "the last label of the host is in no rule of the public suffix list",
        ),
        (Self::MOJIBAKE, "MOJIBAKE", "it holds U+FFFD: it was decoded wrongly before it came here"),
        (Self::ENCODED_NUL, "ENCODED_NUL", "it holds an encoded NUL, `%00`"),
        (Self::HAD_FRAGMENT, "HAD_FRAGMENT", "a fragment was dropped"),
        (Self::HAD_TRACKING, "HAD_TRACKING", "at least one tracking parameter was dropped"),
        (Self::HAD_SESSION, "HAD_SESSION", "at least one session id was dropped"),
        (Self::WAS_RELATIVE, "WAS_RELATIVE", "it had no scheme"),
        (Self::PUNYCODE, "PUNYCODE", "a label of the host is punycode: people see other letters"),
        (Self::HAS_PORT, "HAS_PORT", "it names a port other than its scheme's own"),
        (Self::IS_SUFFIX, "IS_SUFFIX", "the host is itself a public suffix, so it is its own site"),
        (Self::UNWRAPPED, "UNWRAPPED", "it is the target of a redirect or AMP page"),
        (Self::OTHER_SCHEME, "OTHER_SCHEME", "the policy does not take its scheme; it is the WHATWG text"),
    ];

    /// No flag.
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// The bits as stored.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether any bit of `other` is set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The stable names of the bits that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |(flag, ..)| self.contains(*flag)).map(|(_, name, _)| name)
    }
}

impl BitOr for UrlFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for UrlFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for UrlFlags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.names()).finish()
    }
}

/// One normalised URL and no more than its text shows. The ranges are byte positions in the output buffer it
/// was appended to, all ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalizedText {
    /// The whole URL.
    pub url: Range<usize>,
    /// The host in it, without the port; an IPv6 address keeps its brackets.
    pub host: Range<usize>,
    /// What was found or dropped; nothing that the public suffix list tells.
    pub flags: UrlFlags,
}

/// One normalised URL. The ranges are byte positions in the output buffer it was appended to, all ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalizedUrl {
    /// The whole URL.
    pub url: Range<usize>,
    /// The host in it, without the port; an IPv6 address keeps its brackets. Empty where the URL has none,
    /// which http(s) URLs always have.
    pub host: Range<usize>,
    /// The registrable domain: a tail of the host, or all of it (P25).
    pub domain: Range<usize>,
    /// xxh3-64 of the registrable domain.
    pub domain_id: u64,
    /// What was found or dropped.
    pub flags: UrlFlags,
    /// xxh3-64 of the cluster form (P16 to P21): equal for URLs that most likely are one page. It is the
    /// same at every level; a URL that level *index* refuses has the hash of its text.
    pub cluster_key: u64,
}
