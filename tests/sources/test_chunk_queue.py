"""The queue between fetching and decoding knows what waits in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linktide.sources import chunk_queue
from linktide.sources.chunk_queue import ChunkQueue
from linktide.sources.memory import chunk_lines
from linktide.sources.source import Partition

if TYPE_CHECKING:
    import pytest

LINKS = Partition("memory", "links", "", 0)


def rest() -> None:
    raise AssertionError("there is room")


def test_counts_waiting_bytes_and_records() -> None:
    chunks = chunk_lines(LINKS, [b"{}"] * 7, lines_per_chunk=3)
    queue = ChunkQueue(max_bytes=1 << 20)
    for chunk in chunks:
        queue.put(chunk, rest)
    assert (queue.used_bytes, queue.records) == (21, 7)
    assert queue.get(0) == chunks[0]
    assert (queue.used_bytes, queue.records) == (12, 4)
    while queue.get(0) is not None:
        pass
    assert (queue.used_bytes, queue.records) == (0, 0)


def test_takes_nothing_in_once_closed() -> None:
    chunk = chunk_lines(LINKS, [b"{}"])[0]
    queue = ChunkQueue(max_bytes=1 << 20)
    queue.close()
    queue.put(chunk, rest)
    assert queue.get(0) is None
    assert (queue.used_bytes, queue.records) == (0, 0)


def test_a_source_that_waits_for_room_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_queue, "_REST_SECONDS", 0.0)
    first, second = chunk_lines(LINKS, [b"{}"] * 2, lines_per_chunk=1)
    queue = ChunkQueue(max_bytes=1)
    queue.put(first, rest)
    rests = []

    def make_room() -> None:
        rests.append(1)
        if len(rests) == 3:
            assert queue.get(0) == first

    queue.put(second, make_room)
    assert len(rests) == 3
    assert queue.get(0) == second
