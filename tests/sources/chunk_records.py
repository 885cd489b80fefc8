"""Reads any chunk back into records, independently of the core."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from kafka.record import MemoryRecords

from linktide.sources.source import Chunk, Codec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FRAME = struct.Struct("<qqi")


def records(chunk: Chunk) -> list[tuple[int, bytes | None]]:
    """Return (offset, value) of every record of a chunk at or above its first offset."""
    read = {Codec.NDJSON: _lines, Codec.FRAMED: _frames, Codec.KAFKA: _batches}[chunk.codec]
    return [(offset, value) for offset, value in read(chunk) if offset >= chunk.first_offset]


def all_records(chunks: Iterable[Chunk]) -> list[tuple[int, bytes | None]]:
    return [record for chunk in chunks for record in records(chunk)]


def _lines(chunk: Chunk) -> Iterator[tuple[int, bytes | None]]:
    lines = chunk.data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return ((chunk.first_offset + index, line) for index, line in enumerate(lines))


def _frames(chunk: Chunk) -> Iterator[tuple[int, bytes | None]]:
    at = 0
    while at < len(chunk.data):
        offset, _, length = _FRAME.unpack_from(chunk.data, at)
        at += _FRAME.size
        yield offset, None if length < 0 else chunk.data[at : at + length]
        at += max(0, length)


def _batches(chunk: Chunk) -> Iterator[tuple[int, bytes | None]]:
    source = MemoryRecords(chunk.data)
    while (batch := source.next_batch()) is not None:
        if not batch.is_control_batch:
            yield from ((record.offset, record.value) for record in batch)
