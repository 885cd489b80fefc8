"""The queue between fetching and decoding knows what waits in it."""

from __future__ import annotations

from linktide.sources.chunk_queue import ChunkQueue
from linktide.sources.memory import chunk_lines
from linktide.sources.source import Partition

LINKS = Partition("memory", "links", "", 0)


def test_counts_waiting_bytes_and_records() -> None:
    chunks = chunk_lines(LINKS, [b"{}"] * 7, lines_per_chunk=3)
    queue = ChunkQueue(max_bytes=1 << 20)
    for chunk in chunks:
        queue.put(chunk)
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
    queue.put(chunk)
    assert queue.get(0) is None
    assert (queue.used_bytes, queue.records) == (0, 0)
