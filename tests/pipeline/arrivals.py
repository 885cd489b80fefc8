"""Generated histories as chunks of a source: side by side in domains of their own, styled and packed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from linktide.sources.source import Chunk, Codec, Partition
from oracle.histories import RECORD_AT_US, Delivery, deliveries, frame, histories, render, styles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oracle.events import Event, Origin
    from oracle.histories import Style

EVENTS_OF_ONE = 50
"""Most events of a run; several histories share them, as draws are what costs time."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What arrives in one run, and as what."""

    delivery: Delivery
    styles: tuple[Style, ...]
    """Given to the events in turn."""
    codec: Codec
    batch_max_events: int

    @property
    def events(self) -> tuple[Event, ...]:
        return self.delivery.events

    def chunks(self) -> list[Chunk]:
        """Pack each batch, its runs of one partition a chunk each; no batch of the pipeline cuts a chunk."""
        lines = {event.origin: render(event, style) for event, style in self._styled()}
        return [
            pack(Partition("memory", "links", "", number), list(run), lines, self.codec)
            for batch in self.delivery.batches
            for number, run in groupby(batch, key=lambda event: event.origin.partition)
        ]

    def until(self, count: int) -> Arrival:
        """Return what had arrived after so many events."""
        ends = list(accumulate((len(batch) for batch in self.delivery.batches), initial=0))
        batches = zip(self.delivery.batches, ends, strict=False)
        return replace(
            self, delivery=Delivery(tuple(batch[: max(0, count - begin)] for batch, begin in batches))
        )

    def _styled(self) -> list[tuple[Event, Style]]:
        return [(event, self.styles[number % len(self.styles)]) for number, event in enumerate(self.events)]


def pack(partition: Partition, run: Sequence[Event], lines: Mapping[Origin, bytes], codec: Codec) -> Chunk:
    """Pack events of one partition that follow one another."""
    first, last = run[0].origin.offset, run[-1].origin.offset
    if codec is Codec.FRAMED:
        data = frame((event.origin.offset, event.record_at, lines[event.origin]) for event in run)
    else:
        data = b"".join(lines[event.origin] + b"\n" for event in run)
    return Chunk(partition, codec, data, first, last + 1, RECORD_AT_US)


def move(history: Sequence[Event], number: int) -> tuple[Event, ...]:
    """Give a history domains that no history of another number has."""
    return tuple(
        replace(
            event,
            source_url=event.source_url.replace(event.source_domain, f"h{number}{event.source_domain}"),
            target_url=event.target_url.replace(event.target_domain, f"h{number}{event.target_domain}"),
            source_domain=f"h{number}{event.source_domain}",
            target_domain=f"h{number}{event.target_domain}",
        )
        for event in history
    )


@st.composite
def side_by_side(draw: st.DrawFn, most: int) -> tuple[Event, ...]:
    """Draw 1 to `most` histories of different domains as one set of events; they share the clock."""
    count = draw(st.integers(1, most))
    drawn = [draw(histories(max_events=2 * EVENTS_OF_ONE // (1 + count))) for _ in range(count)]
    return tuple(event for number, history in enumerate(drawn) for event in move(history, number))


@st.composite
def arrivals(draw: st.DrawFn, history: Sequence[Event]) -> Arrival:
    """Draw one way in which a set of events arrives."""
    return Arrival(
        delivery=draw(deliveries(history)),
        styles=tuple(draw(st.lists(styles(), min_size=1, max_size=5))),
        codec=draw(st.sampled_from((Codec.FRAMED, Codec.NDJSON))),
        batch_max_events=draw(st.sampled_from((1, 8, 20_000))),
    )
