"""Generated histories: few links, times where the rules change, and the ways they may be delivered.

`histories()` draws a set of events, `deliveries(events)` one way in which it arrives: late, repeated and
in batches, with offsets. `render` writes an event as contract JSON, `frame` packs it for the core.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from oracle.events import DAY_US, FIRM_REASONS, HOUR_US, PAGE_ERROR, Event, Kind, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    "anchor": ("", "a", "b", "buy now", "buy nou", "äö", "abc", "漢字"),
    "link_type": ("text", "image", "frame", "form", "redirect", "canonical", "alternate", "rss"),
    "title": ("", "T", "Title"),
    "alt": ("", "logo", "Logo"),
    "language": ("en", "de"),
    "semantic_location": ("content", "footer"),
}
"""Field → the texts it may have."""

CARRIED: tuple[tuple[str, ...], ...] = (
    *[()] * 4,
    *[("rel",)] * 2,
    *[("anchor",)] * 2,
    ("link_type",),
    ("rel", "anchor"),
    ("anchor", "title", "alt"),
    ("language", "semantic_location"),
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


@st.composite
def histories(draw: st.DrawFn, max_events: int = 50, max_links: int = 5) -> tuple[Event, ...]:
    """Draw a set of events of at most `max_links` links; offsets are their places in it."""
    page = st.integers(0, len(PAGES) - 1)
    pairs = draw(st.lists(st.tuples(page, page), min_size=1, max_size=max_links, unique=True))
    count = draw(st.integers(0, max_events))
    return tuple(draw(events(pairs, number)) for number in range(count))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One way in which a history arrives; the offsets of each partition rise from 0."""

    batches: tuple[tuple[Event, ...], ...]

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(event for batch in self.batches for event in batch)


@st.composite
def deliveries(draw: st.DrawFn, history: Sequence[Event], partitions: int = 2) -> Delivery:
    """Draw an order, repetitions and batches: in order of time, with a few late ones, or shuffled."""
    repeated = draw(st.lists(st.sampled_from(history), max_size=5)) if history else []
    arriving = sorted([*history, *repeated], key=lambda event: event.observed_at)
    order = draw(st.sampled_from(("in order", "some late", "shuffled")))
    if order == "some late" and arriving:
        for _ in range(draw(st.integers(1, 4))):
            late = arriving.pop(draw(st.integers(0, len(arriving) - 1)))
            arriving.append(late)
    if order == "shuffled":
        arriving = draw(st.permutations(arriving))
    numbered = number_offsets(arriving, [draw(st.integers(0, partitions - 1)) for _ in arriving])
    cuts = sorted(draw(st.lists(st.integers(0, len(numbered)), max_size=8)))
    edges = [0, *cuts, len(numbered)]
    return Delivery(tuple(tuple(numbered[begin:end]) for begin, end in pairwise(edges)))


def number_offsets(arriving: Iterable[Event], partitions: Iterable[int]) -> list[Event]:
    """Give each event the next offset of its partition."""
    next_offsets: dict[int, int] = {}
    numbered = []
    for event, partition in zip(arriving, partitions, strict=True):
        offset = next_offsets.get(partition, 0)
        next_offsets[partition] = offset + 1
        origin = event.origin._replace(partition=partition, offset=offset)
        numbered.append(replace(event, origin=origin))
    return numbered


@dataclass(frozen=True, slots=True)
class Style:
    """How an event is written; every style of one event means the same."""

    is_aliased: bool = False
    """`type, ts, url_from, url_to` for the names of the contract."""
    time_form: str = "utc"
    """utc, offset (another offset than 0), or epoch_ms where that loses nothing."""
    is_rel_untidy: bool = False
    """rel in capitals, reversed, one token twice."""
    is_order_reversed: bool = False


def styles() -> st.SearchStrategy[Style]:
    """Draw plain styles more often than the others."""
    rarely = st.sampled_from((False, False, True))
    return st.builds(Style, rarely, st.sampled_from(("utc", "utc", "offset", "epoch_ms")), rarely, rarely)


ALIASES = {"event": "type", "observed_at": "ts", "source_url": "url_from", "target_url": "url_to"}


def render(event: Event, style: Style | None = None) -> bytes:
    """Write an event as contract JSON, in UTF-8 without a line end."""
    chosen = style or Style()
    body: dict[str, Any] = {
        "event": event.kind.value,
        "observed_at": render_time(event.observed_at, chosen.time_form),
        "source_url": event.source_url,
        "target_url": event.target_url,
    }
    if event.lost_reason is not None:
        body["lost_reason"] = event.lost_reason
    if event.rel is not None:
        tokens = event.rel.split()
        body["rel"] = (
            [token.upper() for token in reversed(tokens + tokens[:1])] if chosen.is_rel_untidy else tokens
        )
    body |= {name: text for name, text in event.carried.items() if name != "rel"}
    if chosen.is_aliased:
        body = {ALIASES.get(name, name): value for name, value in body.items()}
    if chosen.is_order_reversed:
        body = dict(reversed(body.items()))
    return json.dumps(body, ensure_ascii=False).encode()


def render_time(time: int, form: str) -> str | int:
    """Write Unix µs as the contract allows; all digits are kept."""
    if form == "epoch_ms" and time % 1_000 == 0:
        return time // 1_000
    zone = timezone(timedelta(hours=5, minutes=30)) if form == "offset" else UTC
    moment = datetime.fromtimestamp(time // 1_000_000, zone).replace(microsecond=time % 1_000_000)
    return moment.isoformat().replace("+00:00", "Z")


def frame(records: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Pack (offset, record time in µs, bytes) as the framed codec of a chunk does."""
    return b"".join(struct.pack("<qqi", offset, at, len(data)) + data for offset, at, data in records)
