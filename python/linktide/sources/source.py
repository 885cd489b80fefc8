"""The contract between a source of events and the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Codec(StrEnum):
    """How the records of a chunk are packed; the core unpacks them."""

    KAFKA = "kafka"
    """Kafka record batches, format v2, as they came from the broker; may begin before `first_offset`."""
    NDJSON = "ndjson"
    """Lines; the offset of a line is `first_offset` + its index. Blank ones take an offset, yield nothing."""
    FRAMED = "framed"
    """(offset i64, timestamp_us i64, length i32, bytes), little endian; length -1 means a null value."""


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One stream of offsets. `topic_id` tells a recreated topic from the one before it."""

    cluster: str
    topic: str
    topic_id: str
    number: int


class GapKind(StrEnum):
    """Why a partition could not be continued at its stored position."""

    BELOW_START = "below_start"
    """Retention removed records that were never read."""
    ABOVE_END = "above_end"
    """The log ends below the stored position: it was cut, or is not the log it was."""
    TRUNCATED = "truncated"
    """Records read under an older leader are no longer in the log."""
    RECREATED = "recreated"
    """The topic was deleted and made anew."""


@dataclass(frozen=True, slots=True)
class OffsetGap:
    """A partition goes on elsewhere than where it stood."""

    kind: GapKind
    stored_offset: int
    """Where it stood; of a recreated topic, in the topic before it."""
    resumed_offset: int
    """Where it goes on; -1 where only the first fetch will tell (the earliest there is)."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Undecoded records of one partition, in offset order."""

    partition: Partition
    codec: Codec
    data: bytes
    first_offset: int
    """Records below it are not wanted."""
    next_offset: int
    """The offset after the last one this chunk speaks for, gaps included."""
    received_at_us: int
    """Unix µs; stands in for the record time where the codec carries none."""
    leader_epoch: int = -1
    aborted: tuple[tuple[int, int], ...] = ()
    """(producer id, first offset) of aborted transactions; read_committed only."""
    is_damaged: bool = False
    """Refetched once and still damaged: the core makes dead letters of what it cannot read."""
    gap: OffsetGap | None = None
    """Set on the first chunk after a jump: `first_offset` may lie above or below the stored position."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition stands: everything below `next_offset` is stored."""

    next_offset: int
    leader_epoch: int = -1


def begin_chunk_at(chunk: Chunk, offset: int) -> Chunk | None:
    """Return what of `chunk` lies at or above `offset`: all, a part, or None.

    Lines are numbered from the first, so those below must go; the other codecs carry their offsets.
    """
    if offset <= chunk.first_offset:
        return chunk
    if offset >= chunk.next_offset:
        return None
    data = chunk.data
    if chunk.codec is Codec.NDJSON:
        cut = 0
        for _ in range(offset - chunk.first_offset):
            cut = data.index(b"\n", cut) + 1
        data = data[cut:]
    return replace(chunk, data=data, first_offset=offset)


class Source(Protocol):
    """A source of chunks. One thread calls it; only `poll` may block."""

    def open(self, stored: Mapping[Partition, Position]) -> None:
        """Begin at the stored positions; a partition without one begins at its earliest offset.

        Raises RetryError while the world is briefly wrong and StopError where a human must act.
        """

    def poll(self, timeout_seconds: float) -> Sequence[Chunk]:
        """Return what has arrived, waiting at most `timeout_seconds`; empty means nothing new.

        Raises StopError where a human must act (a damaged file, an offset gap under the policy "stop").
        """

    def rest(self) -> None:
        """Do what silence would cost, in place of `poll` while nothing more may be taken; returns at once."""

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        """Hear that everything below `positions` is stored. Only a hint for lag tools; may not raise."""

    def lag(self) -> Mapping[Partition, int]:
        """Return records not yet polled by partition, as far as known; asks nobody."""

    @property
    def trouble(self) -> str | None:
        """Why nothing can be read for the moment, None if it can; any thread may ask, polls go on."""

    @property
    def is_exhausted(self) -> bool:
        """True once nothing can come any more (a file at its end)."""

    def close(self) -> None:
        """Release everything; idempotent."""
