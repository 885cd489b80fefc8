"""What was fetched and not yet decoded."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linktide.sources.source import Chunk


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

    def put(self, chunk: Chunk) -> None:
        """Append a chunk, waiting for room; a chunk larger than the whole queue goes into an empty one."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._is_closed
                    or not self._chunks
                    or self.used_bytes + len(chunk.data) <= self._max_bytes
                )
            )
            if self._is_closed:
                return
            self._chunks.append(chunk)
            self.used_bytes += len(chunk.data)
            self.records += chunk.next_offset - chunk.first_offset
            self._changed.notify_all()

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
