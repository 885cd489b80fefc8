"""A source that holds its chunks in memory: whole-pipeline tests, replays and demos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linktide.sources.source import Chunk, Codec, Position, begin_chunk_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from linktide.sources.source import Partition


def chunk_lines(
    partition: Partition,
    lines: Sequence[bytes],
    *,
    lines_per_chunk: int = 1000,
    first_offset: int = 0,
    received_at_us: int = 0,
) -> list[Chunk]:
    """Pack NDJSON lines (without their line ends) into chunks of `lines_per_chunk`."""
    chunks = []
    for start in range(0, len(lines), lines_per_chunk):
        part = lines[start : start + lines_per_chunk]
        offset = first_offset + start
        data = b"".join(line + b"\n" for line in part)
        chunks.append(Chunk(partition, Codec.NDJSON, data, offset, offset + len(part), received_at_us))
    return chunks


class MemorySource:
    """Chunks handed out in the order given, `chunks_per_poll` at a time.

    Positions heard through `commit` are kept in `committed` for tests to look at.
    """

    def __init__(
        self, chunks: Iterable[Chunk] = (), *, is_endless: bool = False, chunks_per_poll: int = 1
    ) -> None:
        self._all = list(chunks)
        self._waiting: list[Chunk] = []
        self._is_endless = is_endless
        self._chunks_per_poll = chunks_per_poll
        self._is_open = False
        self.committed: dict[Partition, Position] = {}

    def add(self, chunk: Chunk) -> None:
        """Append a chunk; may be called between polls."""
        self._all.append(chunk)
        if self._is_open:
            self._waiting.append(chunk)

    def open(self, stored: Mapping[Partition, Position]) -> None:
        """Begin at the stored positions; never fails."""
        self._is_open = True
        self._waiting = []
        for chunk in self._all:
            position = stored.get(chunk.partition, Position(0))
            rest = begin_chunk_at(chunk, position.next_offset)
            if rest is not None:
                self._waiting.append(rest)

    def poll(self, timeout_seconds: float) -> Sequence[Chunk]:
        """Return the next chunks at once; there is nothing to wait for."""
        del timeout_seconds
        out, self._waiting = (
            self._waiting[: self._chunks_per_poll],
            self._waiting[self._chunks_per_poll :],
        )
        return out

    def rest(self) -> None:
        """Nothing is lost by silence."""

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        """Remember the positions."""
        self.committed.update(positions)

    def lag(self) -> Mapping[Partition, int]:
        """Return the records not yet polled; gaps between chunks count for nothing."""
        lags = dict.fromkeys((chunk.partition for chunk in self._all), 0)
        for chunk in self._waiting:
            lags[chunk.partition] += chunk.next_offset - chunk.first_offset
        return lags

    @property
    def trouble(self) -> str | None:
        """None: nothing can stand in its way."""
        return None

    @property
    def is_exhausted(self) -> bool:
        """True once every chunk was handed out, unless the source is endless."""
        return not self._is_endless and not self._waiting

    def close(self) -> None:
        """Forget what was not handed out; `open` finds it again."""
        self._is_open = False
        self._waiting = []
