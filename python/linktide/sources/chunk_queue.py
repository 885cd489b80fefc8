"""What was fetched and not yet decoded."""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from linktide.sources.source import Codec, begin_chunk_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from linktide.sources.source import Chunk, Partition, Position

_REST_SECONDS: Final = 1.0


def pieces(chunk: Chunk, most_records: int) -> Iterator[Chunk]:
    """Cut a chunk of lines into chunks of at most `most_records`; other codecs pass as they are.

    A few MiB of very short lines hold more records than a batch may have.
    """
    if chunk.codec is not Codec.NDJSON or chunk.next_offset - chunk.first_offset <= most_records:
        yield chunk
        return
    offset, start = chunk.first_offset, 0
    ends = (match.end() for match in re.finditer(b"\n", chunk.data))
    while offset < chunk.next_offset:
        # Fewer line ends than lines: the last line lacks its end.
        lines = tuple(islice(ends, most_records))
        is_last = offset + most_records >= chunk.next_offset or not lines
        end = len(chunk.data) if is_last else lines[-1]
        after = chunk.next_offset if is_last else offset + len(lines)
        yield replace(chunk, data=chunk.data[start:end], first_offset=offset, next_offset=after)
        offset, start = after, end


def unread(chunks: Sequence[Chunk], positions: Mapping[Partition, Position]) -> list[Chunk]:
    """Leave out what lies below the positions or came twice.

    A source that loses a partition and gets it again may begin below what it has handed out. After a gap it
    begins where it says.
    """
    ends = {partition: position.next_offset for partition, position in positions.items()}
    kept = []
    for chunk in chunks:
        rest = chunk if chunk.gap else begin_chunk_at(chunk, ends.get(chunk.partition, chunk.first_offset))
        if rest is not None:
            kept.append(rest)
            ends[chunk.partition] = rest.next_offset
    return kept


def divide(chunks: list[Chunk], ended_at: tuple[int, int] | None) -> tuple[list[Chunk], list[Chunk]]:
    """Part the chunks at the place where a batch was full: what was read, and what was not."""
    if ended_at is None:
        return chunks, []
    place, offset = ended_at
    rest = begin_chunk_at(chunks[place], offset)
    left = [] if rest is None else [rest]
    return [*chunks[:place], replace(chunks[place], next_offset=offset)], [*left, *chunks[place + 1 :]]


class ChunkQueue:
    """Undecoded chunks, bounded by bytes: `put` presses back on the sources."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._chunks: deque[Chunk] = deque()
        self._is_closed = False
        self.used_bytes = 0
        self.records = 0
        """Of all waiting chunks, gaps between offsets included."""

    def put(self, chunk: Chunk, while_full: Callable[[], None]) -> None:
        """Append a chunk, waiting for room; a chunk larger than the whole queue goes into an empty one.

        `while_full` is called every second of the wait.
        """
        while not self._has_put(chunk):
            while_full()

    def _has_put(self, chunk: Chunk) -> bool:
        with self._changed:
            has_room = self._changed.wait_for(
                lambda: (
                    self._is_closed
                    or not self._chunks
                    or self.used_bytes + len(chunk.data) <= self._max_bytes
                ),
                _REST_SECONDS,
            )
            if self._is_closed or not has_room:
                return self._is_closed
            self._chunks.append(chunk)
            self.used_bytes += len(chunk.data)
            self.records += chunk.next_offset - chunk.first_offset
            self._changed.notify_all()
            return True

    def get(self, timeout_seconds: float) -> Chunk | None:
        """Take the oldest chunk; None if none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._chunks or self._is_closed, timeout_seconds)
            if not self._chunks:
                return None
            chunk = self._chunks.popleft()
            self.used_bytes -= len(chunk.data)
            self.records -= chunk.next_offset - chunk.first_offset
            self._changed.notify_all()
            return chunk

    def close(self) -> None:
        """Take in nothing more; what is there can still be taken out."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
