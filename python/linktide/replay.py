"""Dead letters that can be events now become events, with the offsets they came with.

A letter keeps its row and is marked in the transaction that stores its event; what is refused again stays as
it was. Reasons pass with a newer linktide, or with a setting that was changed since.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from linktide.restore import writer_row_of
from linktide.sources.source import Chunk, Codec, Partition
from linktide.store.failure import write_failure
from linktide.store.retention import KEPT_BYTES
from linktide.store.writer import StoreBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linktide.errands import Workplace

_SLICE: Final = 200
"""Letters of one transaction: at their longest they fill a small batch."""
_FRAME: Final = struct.Struct("<qqi")
_LETTERS: Final = f"""
SELECT source_id, off, epoch_us(record_at), bytes, topic
FROM internal.dead_letters JOIN internal.source_offsets USING (source_id)
WHERE replayed_rev IS NULL AND bytes IS NOT NULL AND byte_length <= {KEPT_BYTES} AND reason <> 'BAD_BATCH'
  AND (source_id, off) > (?, ?)
  AND (len(?::VARCHAR[]) = 0 OR list_contains(?::VARCHAR[], reason))
  AND (?::TIMESTAMPTZ IS NULL OR received_at >= ?::TIMESTAMPTZ)
  AND (?::TIMESTAMPTZ IS NULL OR received_at < ?::TIMESTAMPTZ)
ORDER BY source_id, off
LIMIT {_SLICE}
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters to replay; by default all."""

    reasons: tuple[str, ...] = ()
    since: str | None = None
    """Received at or after it, as DuckDB reads a TIMESTAMPTZ."""
    until: str | None = None
    """Received before it."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay."""

    tried: int = 0
    events: int = 0
    """Letters that are events now; the others stay what they were."""


def replay(do: Callable[[Callable[[Workplace], Slice]], Slice], wanted: Wanted) -> Replayed:
    """Replay all letters that are wanted; `do` runs each slice where index and store stand still."""
    total, after = Replayed(), (-1, -1)
    while True:
        done = do(partial(replay_slice, wanted=wanted, after=after))
        total = Replayed(total.tried + done.tried, total.events + done.events)
        if done.last is None:
            return total
        after = done.last


@dataclass(frozen=True, slots=True)
class Slice:
    """What came of one slice."""

    tried: int
    events: int
    last: tuple[int, int] | None
    """The last letter that was looked at; None if there was none."""


def replay_slice(place: Workplace, wanted: Wanted, after: tuple[int, int]) -> Slice:
    """Replay the next letters after one, in one transaction.

    Raises what `StoreWriter.commit` does, and StoreFailedError; then index and store must be built again.
    """
    letters = _letters(place, wanted, after)
    if not letters:
        return Slice(0, 0, None)
    last = (letters[-1][0], letters[-1][1])
    batch = place.decoder.decode(_chunks(letters))
    accepted = sum(count[1] for count in batch.by_source())
    if accepted == 0:
        return Slice(len(letters), 0, last)
    rows = place.index.apply(batch, place.writer.observations_of)
    events = pa.record_batch(rows.tables["link_events"])
    marked = list(zip(events["source_id"].to_pylist(), events["off"].to_pylist(), strict=True))
    # What is refused again has its row already.
    tables = {name: data for name, data in rows.tables.items() if name != "dead_letters"}
    row = writer_row_of(place.index, rows.rev, rows.clock_us)
    place.writer.commit(StoreBatch(tables, (), row, marked, beside=place.past(rows)))
    return Slice(len(letters), len(marked), last)


def _letters(
    place: Workplace, wanted: Wanted, after: tuple[int, int]
) -> Sequence[tuple[int, int, int, bytes, str]]:
    reasons = list(wanted.reasons)
    parameters = [*after, reasons, reasons, wanted.since, wanted.since, wanted.until, wanted.until]
    try:
        return place.database.connection.execute(_LETTERS, parameters).fetchall()
    except duckdb.Error as error:
        raise write_failure(error, place.database.path, "read dead letters") from error


def _chunks(letters: Sequence[tuple[int, int, int, bytes, str]]) -> list[tuple[int, Chunk]]:
    by_source: dict[tuple[int, str], list[tuple[int, int, bytes]]] = defaultdict(list)
    for source_id, offset, record_at_us, data, topic in letters:
        by_source[source_id, topic].append((offset, record_at_us, data))
    chunks = []
    for (source_id, topic), all_ in by_source.items():
        data = b"".join(_FRAME.pack(offset, at, len(value)) + value for offset, at, value in all_)
        # The topic says whether losses count; of the rest only source id, offsets and times reach the core.
        partition = Partition("", topic, "", 0)
        chunk = Chunk(partition, Codec.FRAMED, data, all_[0][0], all_[-1][0] + 1, all_[-1][1])
        chunks.append((source_id, chunk))
    return chunks


def wanted_of(told: Mapping[str, object]) -> Wanted:
    """Read what a client wants replayed; raises ValueError naming what is wrong."""
    if unknown := sorted(told.keys() - asdict(Wanted()).keys()):
        raise ValueError(f"{unknown[0]!r} is not known; wanted reasons, since, until")
    reasons = told.get("reasons", [])
    if not isinstance(reasons, list) or not all(isinstance(one, str) for one in reasons):
        raise ValueError("reasons must be a list of texts")
    return Wanted(tuple(reasons), *(_time(told.get(name), name) for name in ("since", "until")))


def _time(value: object, name: str) -> str | None:
    """Read a time here: what DuckDB could not read would look like a store that failed."""
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(f"{name} is {value!r}; wanted a time with its offset, such as 2026-11-27T00:00:00Z")
    return at.isoformat()
