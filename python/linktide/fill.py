"""Offsets that were never stored are read from their topics and become events like any late ones.

What is absent was noted when it was passed over; it is never told from the rows, of which `linktide forget`
may have erased some. Each slice is stored in one transaction with the news that it is absent no more.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from linktide.errors import ConfigError, RetryError
from linktide.restore import writer_row_of
from linktide.sources.chunk_queue import divide
from linktide.store.gaps import BEGUN, Filled, Jump, is_absent, read_absent, stored_topics
from linktide.store.writer import StoreBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from linktide.errands import Workplace
    from linktide.sources.source import Chunk, Partition, Position
    from linktide.store.gaps import Absent

T = TypeVar("T")


class RangeReader(Protocol):
    """Reads stretches of partitions beside the source that follows them."""

    def open(self) -> Mapping[Partition, tuple[int, int]]:
        """Connect; return the first offset of each partition and the one after its last.

        Raises RetryError (nobody answers) and ConfigError (a topic does not exist).
        """

    def read(self, partition: Partition, first_offset: int, end_offset: int) -> Iterator[Chunk]:
        """Read a stretch; its chunks hold no record outside of it. Raises RetryError and StopError."""

    def close(self) -> None:
        """Close all connections; idempotent."""


@dataclass(frozen=True, slots=True)
class TopicsFilled:
    """What came of a fill, in offsets; those without a record count, too."""

    absent: int = 0
    """Never stored, when it began."""
    filled: int = 0
    events: int = 0
    dead_letters: int = 0

    @property
    def left(self) -> int:
        """Absent still: the brokers no longer have them."""
        return self.absent - self.filled


@dataclass(frozen=True, slots=True)
class Slice:
    """What came of one slice."""

    filled: Filled
    rest: Chunk | None
    """What of the chunk the batch had no room for."""


def jumps_of(
    chunks: Iterable[Chunk], positions: Mapping[Partition, Position]
) -> Mapping[Partition, Sequence[Jump]]:
    """Return where chunks, in their order, do not begin where their partitions stood."""
    ends = {partition: position.next_offset for partition, position in positions.items()}
    jumps: dict[Partition, list[Jump]] = defaultdict(list)
    for chunk in chunks:
        before = ends.get(chunk.partition)
        if chunk.first_offset != (before or 0):
            kind = BEGUN if before is None else "skipped" if chunk.gap is None else chunk.gap.kind.value
            jumps[chunk.partition].append(Jump(kind, before or 0, chunk.first_offset))
        ends[chunk.partition] = chunk.next_offset
    return jumps


def fill(
    do: Callable[[Callable[[Workplace], T]], T],
    reader: RangeReader,
    topics: Sequence[str],
    hear: Callable[[Filled], None] = lambda _filled: None,
) -> TopicsFilled:
    """Fill what is absent of topics as far as the brokers have it.

    `do` runs each slice where index and store stand still; `hear` hears of each that is stored.
    A fill that breaks off leaves whole slices; another one goes on. Raises what `reader` and `do` do, and
    ConfigError for a topic of which nothing was ever stored.
    """

    def ask(run: Callable[[Workplace], object]) -> object:
        return do(run)  # type: ignore[arg-type]  # each call has a type of its own

    known: set[str] = ask(lambda place: stored_topics(place.database))  # type: ignore[assignment]
    if unknown := sorted(set(topics) - known):
        raise ConfigError(f"Nothing of the topic {unknown[0]} was ever stored here; correct --topic.")
    absent: list[Absent] = ask(lambda place: read_absent(place.database, topics))  # type: ignore[assignment]
    total = TopicsFilled(sum(one.end_offset - one.first_offset for one in absent))
    if not absent:
        return total
    try:
        logs = reader.open()
        for one in absent:
            start, end = logs.get(one.partition, (0, 0))
            first, last = max(one.first_offset, start), min(one.end_offset, end)
            for chunk in reader.read(one.partition, first, last) if first < last else ():
                rest: Chunk | None = chunk
                while rest is not None:
                    done: Slice | None = ask(partial(fill_slice, source_id=one.source_id, chunk=rest))  # type: ignore[assignment]
                    if done is None:
                        raise RetryError("Another fill, or the service, stored this meanwhile; fill again.")
                    hear(done.filled)
                    total = _added(total, done.filled)
                    rest = done.rest
    finally:
        reader.close()
    return total


def fill_slice(place: Workplace, source_id: int, chunk: Chunk) -> Slice | None:
    """Store a chunk, or as much of it as one batch takes; None, storing nothing, if not all is absent.

    Raises what `StoreWriter.commit` does, and StoreFailedError; then index and store must be built again.
    """
    if not is_absent(place.database, source_id, chunk.first_offset, chunk.next_offset):
        return None
    events = place.decoder.decode([(source_id, chunk)])
    done, rest = divide([chunk], events.ended_at)
    counts = {count[0]: count for count in events.by_source()}
    _, accepted, refused, _ = counts.get(source_id, (source_id, 0, 0, None))
    rows = place.index.apply(events, place.writer.observations_of)
    filled = Filled(source_id, chunk.first_offset, done[0].next_offset, accepted, refused)
    row = writer_row_of(place.index, rows.rev, rows.clock_us)
    place.writer.commit(StoreBatch(rows.tables, (), row, filled=filled, beside=place.past(rows)))
    return Slice(filled, rest[0] if rest else None)


def _added(total: TopicsFilled, more: Filled) -> TopicsFilled:
    return TopicsFilled(
        total.absent,
        total.filled + more.end_offset - more.first_offset,
        total.events + more.events,
        total.dead_letters + more.dead_letters,
    )


def wanted_topics(told: Mapping[str, object]) -> tuple[str, ...]:
    """Read which topics a client wants filled; raises ValueError naming what is wrong."""
    topics = told.get("topics")
    if told.keys() - {"topics"}:
        raise ValueError("topics stand alone, without reasons, since, until")
    if not isinstance(topics, list) or not topics or not all(isinstance(one, str) and one for one in topics):
        raise ValueError("topics must be a list of names")
    return tuple(topics)
