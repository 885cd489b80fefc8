"""One URL: normalised, or explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from linktide.url.flags import UrlFlag, UrlReason
from linktide.url.normalizers import normalizer_for

if TYPE_CHECKING:
    from typing import Unpack

    from linktide.url.options import UrlOptions


@dataclass(frozen=True, slots=True)
class NormalizedUrl:
    """What a URL became; the fields are the columns of `normalize_urls`.

    Where the URL is refused, `reason` says why and every other field is None.
    """

    url: str | None
    host: str | None
    """The host in it, ASCII; an IPv6 address keeps its brackets. None where the URL has none: `mailto:`."""
    domain: str | None
    """The registrable domain of the host."""
    url_id: bytes | None
    """xxh3-128 of the URL: 16 bytes, big-endian, as `xxhash.xxh3_128_digest` has it."""
    domain_id: int | None
    """xxh3-64 of the domain, as `xxhash.xxh3_64_intdigest` has it."""
    cluster_key: int | None
    """Equal for URLs that most likely are one page; the same at every level."""
    reason: UrlReason | None
    flags: UrlFlag | None

    @property
    def flag_names(self) -> tuple[str, ...]:
        """The names of the flags that are set."""
        return tuple(flag.name or "" for flag in self.flags or ())


@dataclass(frozen=True, slots=True)
class UrlChange:
    """A part of the URL before and after some rules."""

    level: str
    """The level that the rules belong to."""
    rules: tuple[str, ...]
    """Ids of rules, as docs/urls.md has them."""
    part: str
    """Which part: text, scheme, slashes, user, host, port, path, query, fragment, or url for all of it."""
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class UrlExplanation:
    """What the policy did to a URL, change by change."""

    changes: tuple[UrlChange, ...]
    outcome: NormalizedUrl
    cluster_form: str | None
    """The URL at level *cluster*, the form behind the cluster key; None if it has none."""


def normalize_url(
    text: str, base: str | None = None, level: str = "index", **options: Unpack[UrlOptions]
) -> NormalizedUrl:
    """Normalise one URL as `normalize_urls` does.

    `base` is the URL of the page it was met on. A bad URL is no error: it gets a reason. Raises TypeError and
    ValueError for a wrong argument, naming what was given and what is wanted.

    >>> found = normalize_url("../c?b&gclid=1", base="https://user@www.example.co.uk/a/b")
    >>> found.url, found.domain, found.flag_names
    ('https://www.example.co.uk/c?b', 'example.co.uk', ('HAD_USERINFO', 'HAD_TRACKING', 'WAS_RELATIVE'))
    >>> normalize_url("mailto:me@example.com").reason
    <UrlReason.SCHEME: 'SCHEME'>
    >>> normalize_url("https://www.Example.com/index.html", level="cluster").url
    'http://example.com/'
    """
    normalizer = normalizer_for(level, **options)
    return _outcome(normalizer.normalize(_bytes("text", text), _base(base)))


def explain_url(
    text: str, base: str | None = None, level: str = "index", **options: Unpack[UrlOptions]
) -> UrlExplanation:
    """Tell what the policy does to one URL; the arguments are those of `normalize_url`.

    >>> for change in explain_url("http://Example.com/?a&utm_id=1").changes:
    ...     print(*change.rules, change.part, change.before, "->", change.after)
    P4 host Example.com -> example.com
    P14 query ?a&utm_id=1 -> ?a
    """
    normalizer = normalizer_for(level, **options)
    given = _bytes("text", text)
    changes, cluster_form = normalizer.explain(given, _base(base))
    told = (UrlChange(at, tuple(rules), part, before, after) for at, rules, part, before, after in changes)
    return UrlExplanation(tuple(told), _outcome(normalizer.normalize(given, _base(base))), cluster_form)


def _outcome(
    row: tuple[
        str | None,
        str | None,
        str | None,
        bytes | None,
        int | None,
        int | None,
        str | None,
        int | None,
    ],
) -> NormalizedUrl:
    url, host, domain, url_id, domain_id, cluster_key, reason, flags = row
    return NormalizedUrl(
        url,
        host,
        domain,
        url_id,
        domain_id,
        cluster_key,
        None if reason is None else UrlReason(reason),
        None if flags is None else UrlFlag(flags),
    )


def _bytes(name: str, text: object) -> bytes:
    """Return the text as bytes; half a surrogate pair becomes what is no UTF-8, which the policy refuses."""
    if not isinstance(text, str):
        hint = "; for many call normalize_urls" if hasattr(text, "__iter__") else ""
        raise TypeError(f"{name} is of type {type(text).__name__}, wanted str{hint}")
    return text.encode("utf-8", "surrogatepass")


def _base(base: object) -> str | None:
    if base is None:
        return None
    text = _bytes("base", base)
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return None
