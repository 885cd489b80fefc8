"""The published names of flags and reasons. Bits and names are stored with data: they never change."""

from __future__ import annotations

from enum import IntFlag, StrEnum


class UrlFlag(IntFlag):
    """Facts about a URL that its text does not show, as the bits of the `flags` column."""

    IP = 1 << 0
    """The host is an IPv4 or IPv6 address."""
    PRIVATE_IP = 1 << 1
    """The host is an address that the public Internet cannot reach."""
    LOCAL = 1 << 2
    """The host names this machine or this network."""
    HAD_USERINFO = 1 << 3
    """It had a user name or a password."""
    UNKNOWN_TLD = 1 << 4
    """The last label of the host is in no rule of the public suffix list."""
    MOJIBAKE = 1 << 5
    """It holds U+FFFD: it was decoded wrongly before it came here."""
    ENCODED_NUL = 1 << 6
    """It holds an encoded NUL, `%00`."""
    HAD_FRAGMENT = 1 << 7
    """A fragment was dropped."""
    HAD_TRACKING = 1 << 8
    """At least one tracking parameter was dropped."""
    HAD_SESSION = 1 << 9
    """At least one session id was dropped."""
    WAS_RELATIVE = 1 << 10
    """It had no scheme."""
    PUNYCODE = 1 << 11
    """A label of the host is punycode: people see other letters."""
    HAS_PORT = 1 << 12
    """It names a port other than its scheme's own."""
    IS_SUFFIX = 1 << 13
    """The host is itself a public suffix, so it is its own site."""
    UNWRAPPED = 1 << 14
    """It is the target of a redirect or AMP page."""
    OTHER_SCHEME = 1 << 15
    """The policy does not take its scheme; it is the WHATWG text."""


class UrlReason(StrEnum):
    """Why a URL is refused, as the texts of the `reason` column."""

    SCHEME = "SCHEME"
    """The scheme is not http or https."""
    RELATIVE = "RELATIVE"
    """The URL is relative and there is no http(s) base to resolve it against."""
    HOST = "HOST"
    """The host is not a name that DNS can hold."""
    TOO_LONG = "TOO_LONG"
    """The URL is longer than the limit."""
    BAD_UTF8 = "BAD_UTF8"
    """The bytes are not UTF-8."""
    INVALID = "INVALID"
    """The WHATWG URL parser rejects it."""
    PRIVATE = "PRIVATE"
    """The host is a private address or a local name, and `reject_private` is on."""
