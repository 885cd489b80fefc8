"""The ways in which a history may arrive, and its events as contract JSON.

`deliveries(events)` draws one: late, repeated and in batches, with offsets. `render` writes an event, `frame`
packs it for the core.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from oracle.events import Event
from oracle.histories import NOT_TEXTS
from oracle.page_events import PageEvent, ReferralEvent, TargetEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oracle.page_events import AnyEvent, Entry


@dataclass(frozen=True, slots=True)
class Delivery:
    """One way in which a history arrives; the offsets of each partition rise from 0."""

    batches: tuple[tuple[AnyEvent, ...], ...]

    @property
    def events(self) -> tuple[AnyEvent, ...]:
        return tuple(event for batch in self.batches for event in batch)


@st.composite
def deliveries(
    draw: st.DrawFn, history: Sequence[AnyEvent], partitions: int = 2, *, may_sample: bool = True
) -> Delivery:
    """Draw an order, repetitions and batches: in order of time, with a few late ones, or shuffled.

    Now and then all partitions but the first are of the topic SAMPLE.
    """
    repeated = draw(st.lists(st.sampled_from(history), max_size=5)) if history else []
    arriving = sorted([*history, *repeated], key=lambda event: event.observed_at)
    order = draw(st.sampled_from(("in order", "some late", "shuffled")))
    if order == "some late" and arriving:
        for _ in range(draw(st.integers(1, 4))):
            late = arriving.pop(draw(st.integers(0, len(arriving) - 1)))
            arriving.append(late)
    if order == "shuffled":
        arriving = draw(st.permutations(arriving))
    chosen = [draw(st.integers(0, partitions - 1)) for _ in arriving]
    if may_sample and draw(st.sampled_from((False, False, False, True))):
        arriving = [as_sample(event) if of else event for event, of in zip(arriving, chosen, strict=True)]
    numbered = number_offsets(arriving, chosen)
    cuts = sorted(draw(st.lists(st.integers(0, len(numbered)), max_size=8)))
    edges = [0, *cuts, len(numbered)]
    return Delivery(tuple(tuple(numbered[begin:end]) for begin, end in pairwise(edges)))


SAMPLE = "sample"
"""The topic whose losses do not count, if there is one: that of every partition but the first."""


def as_sample(event: AnyEvent) -> AnyEvent:
    """Let an event come from the topic whose losses do not count."""
    origin = event.origin._replace(topic=SAMPLE)
    if isinstance(event, Event | PageEvent):
        return replace(event, origin=origin, is_loss_accepted=False)
    return replace(event, origin=origin)


def number_offsets(arriving: Iterable[AnyEvent], partitions: Iterable[int]) -> list[AnyEvent]:
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


def render(event: AnyEvent, style: Style | None = None) -> bytes:
    """Write an event as contract JSON, in UTF-8 without a line end."""
    chosen = style or Style()
    body: dict[str, Any] = {"observed_at": render_time(event.observed_at, chosen.time_form)}
    match event:
        case Event():
            body |= {"event": event.kind.value, "source_url": event.source_url}
            body |= render_link(event, chosen) | {"lost_reason": event.lost_reason}
        case PageEvent():
            body |= {"event": "page", "source_url": event.source_url} | render_page(event, chosen)
        case TargetEvent():
            body |= {"event": "target", "target_url": event.target_url, "http_code": event.http_code}
            body |= event.fields
        case ReferralEvent():
            body |= {"event": "referral", "source_url": event.source_url, "target_url": event.target_url}
            body |= {"day": event.day.isoformat(), "visits": event.visits} | dict(event.fields)
    body = {name: value for name, value in body.items() if value is not None}
    if chosen.is_aliased:
        body = {ALIASES.get(name, name): value for name, value in body.items()}
    if chosen.is_order_reversed:
        body = dict(reversed(body.items()))
    return json.dumps(body, ensure_ascii=False).encode()


def render_link(link: Event | Entry, style: Style) -> dict[str, Any]:
    """Write what an event and an entry of a page have in common."""
    body: dict[str, Any] = {"target_url": link.target_url, "anchor": link.anchor, "link_type": link.link_type}
    if link.rel is not None:
        tokens = link.rel.split()
        body["rel"] = (
            [token.upper() for token in reversed(tokens + tokens[:1])] if style.is_rel_untidy else tokens
        )
    body |= link.attributes
    body |= {name: json.loads(body[name]) for name in NOT_TEXTS & body.keys()}
    return {name: value for name, value in body.items() if value is not None}


def render_page(page: PageEvent, style: Style) -> dict[str, Any]:
    return {
        "links": [render_link(entry, style) for entry in page.entries],
        "complete": page.is_complete or None,
        "http_code": page.http_code,
        "noindex": page.is_noindex or None,
        "canonical": None if page.canonical is None else page.canonical[0],
        # A chain may have several steps, the last is where it leads.
        "redirect_chain": None if page.redirect is None else ["https://step.example/", page.redirect[0]],
        "lost_reason": page.lost_reason,
    } | {name: json.loads(text) if name in NOT_TEXTS else text for name, text in page.fields.items()}


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
