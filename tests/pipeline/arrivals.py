"""Generated histories as chunks of a source: side by side in domains of their own, styled and packed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from linktide.sources.memory import MemorySource
from linktide.sources.source import Chunk, Codec, Partition
from oracle.deliveries import SAMPLE, Delivery, deliveries, frame, render, styles
from oracle.histories import PAGES, RECORD_AT_US, histories
from oracle.page_events import PageEvent, TargetEvent, rewrite
from pipeline import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from linktide.index import LinkIndex
    from oracle.deliveries import Style
    from oracle.events import Origin
    from oracle.page_events import AnyEvent

SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda url: url,
    lambda url: url.replace("https://", "HTTPS://User:Word@"),
    lambda url: f" {url}#top\t",
    lambda url: url.replace("/", ":443/./x/../", 3).replace(":443/./x/../", "/", 2),
    lambda url: url.replace("https://", "https:\\\\"),
    lambda url: f"{url}{'&' if '?' in url else '?'}utm_source=a",
)
"""Ways to write a URL that are all the same link."""

EVENTS_OF_ONE = 50
"""Most events of a run; several histories share them, as draws are what costs time."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What arrives in one run, and as what."""

    delivery: Delivery
    styles: tuple[tuple[Style, int], ...]
    """How the JSON and the URLs are written; given to the events in turn."""
    codec: Codec
    batch_max_events: int
    max_batch_bytes: int
    sources: int
    """1, or 2: then the partitions come from sources of their own, in no order between them."""

    @property
    def events(self) -> tuple[AnyEvent, ...]:
        return self.delivery.events

    def chunks(self) -> list[Chunk]:
        """Pack each batch, its runs of one partition a chunk each; no batch of the pipeline cuts a chunk."""
        lines = {event.origin: self.line(event, number) for number, event in enumerate(self.events)}
        return [
            pack(Partition("memory", topic, "", number), list(run), lines, self.codec)
            for batch in self.delivery.batches
            for (topic, number), run in groupby(batch, key=lambda event: event.origin[1:3])
        ]

    def until(self, count: int) -> Arrival:
        """Return what had arrived after so many events."""
        ends = list(accumulate((len(batch) for batch in self.delivery.batches), initial=0))
        batches = zip(self.delivery.batches, ends, strict=False)
        return replace(
            self, delivery=Delivery(tuple(batch[: max(0, count - begin)] for batch, begin in batches))
        )

    def run(
        self,
        path: Path,
        at: Callable[[str, LinkIndex], None] | None = None,
        **settings: Any,  # noqa: ANN401 - as `whole.run` takes them
    ) -> LinkIndex:
        """Run a service until it has stored what has arrived."""
        return whole.run(
            path,
            self.sources_of(),
            at,
            self.max_batch_bytes,
            batch_max_events=self.batch_max_events,
            sightings_only_topics=(SAMPLE,),
            **settings,
        )

    def sources_of(self) -> list[MemorySource]:
        """Return fresh sources of the chunks."""
        chunks = self.chunks()
        return [
            MemorySource([chunk for chunk in chunks if chunk.partition.number % self.sources == number])
            for number in range(self.sources)
        ]

    def line(self, event: AnyEvent, number: int) -> bytes:
        """Write an event in the style of its place."""
        style, spelling = self.styles[number % len(self.styles)]
        return render(with_urls(event, SPELLINGS[spelling]), style)


def with_urls(event: AnyEvent, change: Callable[[str], str]) -> AnyEvent:
    """Return the event with every URL changed, but a canonical, whose spellings may be of other clusters."""
    if isinstance(event, TargetEvent):
        return replace(event, target_url=change(event.target_url))
    if isinstance(event, PageEvent):
        return replace(
            event,
            source_url=change(event.source_url),
            entries=tuple(replace(entry, target_url=change(entry.target_url)) for entry in event.entries),
            redirect=event.redirect and (change(event.redirect[0]), event.redirect[1]),
        )
    return replace(event, source_url=change(event.source_url), target_url=change(event.target_url))


def pack(partition: Partition, run: Sequence[AnyEvent], lines: Mapping[Origin, bytes], codec: Codec) -> Chunk:
    """Pack events of one partition that follow one another."""
    first, last = run[0].origin.offset, run[-1].origin.offset
    if codec is Codec.FRAMED:
        data = frame((event.origin.offset, event.record_at, lines[event.origin]) for event in run)
    else:
        data = b"".join(lines[event.origin] + b"\n" for event in run)
    return Chunk(partition, codec, data, first, last + 1, RECORD_AT_US)


DOMAINS = dict(PAGES)
"""Registrable domain of each page of the histories."""


def move(history: Sequence[AnyEvent], number: int) -> tuple[AnyEvent, ...]:
    """Give a history domains that no history of another number has."""

    def place(url: str) -> tuple[str, str]:
        domain = f"h{number}{DOMAINS[url]}"
        return url.replace(DOMAINS[url], domain), domain

    return tuple(rewrite(event, place) for event in history)


@st.composite
def side_by_side(draw: st.DrawFn, most: int) -> tuple[AnyEvent, ...]:
    """Draw 1 to `most` histories of different domains as one set of events; they share the clock."""
    count = draw(st.integers(1, most))
    drawn = [draw(histories(max_events=2 * EVENTS_OF_ONE // (1 + count))) for _ in range(count)]
    return tuple(event for number, history in enumerate(drawn) for event in move(history, number))


@st.composite
def arrivals(draw: st.DrawFn, history: Sequence[AnyEvent]) -> Arrival:
    """Draw one way in which a set of events arrives."""
    spelling = st.sampled_from((0, *range(len(SPELLINGS))))
    return Arrival(
        delivery=draw(deliveries(history)),
        styles=tuple(draw(st.lists(st.tuples(styles(), spelling), min_size=1, max_size=5))),
        codec=draw(st.sampled_from((Codec.FRAMED, Codec.NDJSON))),
        batch_max_events=draw(st.sampled_from((1, 8, 20_000))),
        max_batch_bytes=draw(st.sampled_from((1, 600, 3_000, 96 << 20, 96 << 20))),
        sources=draw(st.sampled_from((1, 1, 2))),
    )
