"""Generated histories: few links, and times where the rules change.

`histories()` draws a set of events; `deliveries.py` has the ways it may arrive, and writes events as JSON.
"""

from __future__ import annotations

import random
from datetime import date
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from oracle.events import DAY_US, FIRM_REASONS, HOUR_US, PAGE_ERROR, Event, Kind, Origin
from oracle.page_events import Entry, PageEvent, ReferralEvent, TargetEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oracle.page_events import AnyEvent

BASE_US = 1_709_251_200_000_000
"""2024-03-01T00:00:00Z: every generated history begins here."""

RECORD_AT_US = BASE_US + 1_000 * DAY_US
"""After everything observed, so that no event comes from the future; a whole millisecond, as Kafka has it."""

PAGES = (
    ("https://a.com/1", "a.com"),
    ("https://blog.a.com/", "a.com"),
    ("https://b.org/x", "b.org"),
    ("https://b.org/y?q=1", "b.org"),
    ("https://c.co.uk/", "c.co.uk"),
    ("https://d.de/%C3%A4", "d.de"),
)
"""(normalised URL, registrable domain)"""

HOURS = (0, 1, 24, 48, 71, 72, 73, 96, 120, 144, 145, 168, 216, 288)
"""Many of them are 72 apart, or an hour from it."""

FAR_HOURS = (0, 0, 0, 90 * 24, 90 * 24 + 72)
"""Added now and then, to let links go unverified."""

TIMES = tuple(
    max(BASE_US, BASE_US + (hours + far) * HOUR_US + jitter)
    for hours in HOURS
    for far in FAR_HOURS
    for jitter in (0, 0, 0, 0, 0, 0, -1, 1)
)
"""In µs: often equal, often exactly 72 h apart, sometimes 1 µs beside that."""

LOSSES = (PAGE_ERROR, PAGE_ERROR, PAGE_ERROR, PAGE_ERROR, *FIRM_REASONS, "dropped:cap", "dropped:x", None)
KINDS = (
    *[(Kind.DISCOVERED, None)] * 7,
    *[(Kind.SEEN, None)] * 7,
    *[(Kind.LOST, reason) for reason in LOSSES],
)
"""(kind, lost_reason)"""

VALUES = {
    "rel": ("", "nofollow", "noopener", "nofollow ugc", "sponsored", "noopener noreferrer", "ugc"),
    # Of equal length in characters but not in bytes, and the other way round, among others.
    "anchor": ("", "a", "b", "buy now", "buy nou", "äö", "abc", "漢字", "Click HERE!", "www.x.y"),
    "link_type": ("text", "image", "frame", "form", "redirect", "canonical", "alternate", "rss"),
    "title": ("", "T", "Title"),
    "alt": ("", "logo", "Logo"),
    "language": ("en", "de"),
    "semantic_location": ("content", "footer"),
    "source_kind": ("news", "Nonsense'"),
    "acquisition": ("manual", "bought"),
    "generator": ("MediaWiki 1.4", "x"),
    "links_external": ("7", "100", "140"),
    "words": ("0", "50", "2000"),
    "hidden": ("true", "false"),
    "snippet_left": ("", "buy now, or"),
}
"""Field → the texts it may have."""

NOT_TEXTS = frozenset({"links_external", "words", "hidden", "noindex"})
"""Of these the fields that events write as numbers and such."""

CARRIED: tuple[tuple[str, ...], ...] = (
    *[()] * 4,
    *[("rel",)] * 2,
    *[("anchor",)] * 2,
    ("link_type",),
    ("rel", "anchor"),
    ("anchor", "title", "alt"),
    ("language", "semantic_location"),
    ("generator", "links_external", "semantic_location"),
    ("links_external", "words", "snippet_left"),
    ("source_kind", "acquisition"),
    tuple(VALUES),
)
"""Which fields an event carries. A lost event may carry some, too; they must not count."""


@st.composite
def events(draw: st.DrawFn, pairs: Sequence[tuple[int, int]], number: int) -> Event:
    """Draw one event of one of these pairs of pages; few draws, as they are what costs time."""
    source, target = draw(st.sampled_from(pairs))
    kind, reason = draw(st.sampled_from(KINDS))
    fields = {name: draw(st.sampled_from(VALUES[name])) for name in draw(st.sampled_from(CARRIED))}
    return Event(
        kind=kind,
        observed_at=draw(st.sampled_from(TIMES)),
        source_url=PAGES[source][0],
        target_url=PAGES[target][0],
        source_domain=PAGES[source][1],
        target_domain=PAGES[target][1],
        origin=Origin("memory", "links", 0, number),
        record_at=RECORD_AT_US,
        lost_reason=reason,
        rel=fields.pop("rel", None),
        anchor=fields.pop("anchor", None),
        link_type=fields.pop("link_type", None),
        attributes=fields,
    )


ANSWERS: tuple[dict[str, Any], ...] = (
    *[{"is_complete": True}] * 8,
    *[{"is_complete": True, "http_code": 200}] * 3,
    *[{}] * 3,
    {"is_complete": True, "lost_reason": "dropped:x"},
    {"is_complete": True, "lost_reason": PAGE_ERROR, "http_code": 200},
    {"is_complete": True, "http_code": 404},
    {"http_code": 410, "is_noindex": True},
    {"http_code": 301, "redirect": True},
    {"http_code": 302},
    {"is_noindex": True},
    {"is_complete": True, "is_noindex": True, "canonical": "other"},
    {"canonical": "other"},
    {"is_complete": True, "canonical": "own"},
    {"http_code": 404, "lost_reason": PAGE_ERROR},
    {"http_code": 503, "is_noindex": True},
    {"http_code": 429, "is_complete": True},
    *[{"lost_reason": PAGE_ERROR}] * 2,
    {"http_code": 0, "lost_reason": PAGE_ERROR, "is_complete": True},
)
"""How a page may answer; `redirect` and `canonical` are filled in."""


OF_PAGES = {
    "title": ("", "T", "Buy now"),
    "language": ("", "en-GB", "de"),
    "generator": ("MediaWiki 1.4", "x"),
    "source_kind": ("forum", "Nonsense'"),
    "links_external": ("7", "100", "140"),
    "words": ("0", "50", "2000"),
    "noindex": ("false",),
    "ip_source": ("10.1.2.3", "10.1.2.4", "::1"),
}
"""Field → what pages may tell of themselves in it."""

TOLD: tuple[tuple[str, ...], ...] = (
    *[()] * 4,
    ("generator",),
    ("title", "language"),
    ("words", "links_external"),
    ("noindex", "ip_source"),
    ("source_kind", "links_external"),
    tuple(OF_PAGES),
)
"""Which of them an answer tells."""


@st.composite
def page_events(draw: st.DrawFn, pairs: Sequence[tuple[int, int]], number: int) -> PageEvent:
    """Draw one page event; what its entries carry comes from one seed, as draws are what costs time."""
    source = draw(st.sampled_from(pairs))[0]
    targets = sorted({target for page, target in pairs if page == source})
    listed = [target for target in targets if draw(st.booleans())]
    chance = random.Random(draw(st.integers(0, 5_000)))
    # Some targets stand there twice or more.
    listed += [chance.choice(listed) for _ in range(chance.choice((0, 0, 0, 1, 2)))] if listed else []
    answer = dict(draw(st.sampled_from(ANSWERS)))
    if answer.get("redirect"):
        answer["redirect"] = PAGES[chance.choice(targets)]
    if "canonical" in answer:
        url, domain = PAGES[source] if answer["canonical"] == "own" else PAGES[source - 1]
        answer["canonical"] = (url.replace("https://", chance.choice(("http://", "https://"))), domain)
    return PageEvent(
        observed_at=draw(st.sampled_from(TIMES)),
        source_url=PAGES[source][0],
        source_domain=PAGES[source][1],
        origin=Origin("memory", "links", 0, number),
        record_at=RECORD_AT_US,
        entries=tuple(make_entry(target, chance) for target in listed),
        fields=make_fields(answer.get("is_noindex", False), chance),
        **answer,
    )


def make_fields(is_noindex: bool, chance: random.Random) -> dict[str, str]:  # noqa: FBT001
    fields = {name: chance.choice(OF_PAGES[name]) for name in chance.choice(TOLD)}
    return {name: text for name, text in fields.items() if name != "noindex" or not is_noindex}


def make_entry(target: int, chance: random.Random) -> Entry:
    fields = {name: chance.choice(VALUES[name]) for name in chance.choice(CARRIED)}
    return Entry(
        *PAGES[target],
        rel=fields.pop("rel", None),
        anchor=fields.pop("anchor", None),
        link_type=fields.pop("link_type", None),
        attributes=fields,
    )


@st.composite
def target_events(draw: st.DrawFn, pairs: Sequence[tuple[int, int]], number: int) -> TargetEvent:
    """Draw how one of the targets answered."""
    return TargetEvent(
        observed_at=draw(st.sampled_from(TIMES)),
        target_url=PAGES[draw(st.sampled_from(pairs))[1]][0],
        origin=Origin("memory", "links", 0, number),
        record_at=RECORD_AT_US,
        http_code=draw(st.sampled_from((None, 200, 404, 999))),
        fields=draw(st.sampled_from(({}, {"note": "a"}, {"note": "b", "language": "de", "words": 50}))),
    )


@st.composite
def referral_events(draw: st.DrawFn, pairs: Sequence[tuple[int, int]], number: int) -> ReferralEvent:
    """Draw the visits over one of the links."""
    source, target = draw(st.sampled_from(pairs))
    return ReferralEvent(
        observed_at=draw(st.sampled_from(TIMES)),
        source_url=PAGES[source][0],
        target_url=PAGES[target][0],
        day=date(2024, 3, draw(st.integers(1, 2))),
        visits=draw(st.integers(0, 12)),
        origin=Origin("memory", "links", 0, number),
        record_at=RECORD_AT_US,
        fields=draw(st.sampled_from(({}, {"conversions": 1}, {"conversions": 2}))),
    )


@st.composite
def histories(draw: st.DrawFn, max_events: int = 50, max_links: int = 5) -> tuple[AnyEvent, ...]:
    """Draw a set of events of at most `max_links` links, redirects aside; offsets are their places in it."""
    page = st.integers(0, len(PAGES) - 1)
    pairs = draw(st.lists(st.tuples(page, page), min_size=1, max_size=max_links, unique=True))
    count = draw(st.integers(0, max_events))
    sorts = draw(st.lists(st.sampled_from(SORTS), min_size=count, max_size=count))
    return tuple(draw(sort(pairs, number)) for number, sort in enumerate(sorts))


SORTS: tuple[Callable[..., st.SearchStrategy[AnyEvent]], ...] = (
    *[events] * 12,
    *[page_events] * 9,
    target_events,
    referral_events,
)
"""What an event may be, the likely ones more often."""
