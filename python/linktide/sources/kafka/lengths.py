"""Batches whose length field lies. No checksum covers that field, so it can be put right and proved so.

A length that was flipped upwards looks like a batch that the fetch limit cut off, or swallows the batches
behind it; the rest of the header and the checksum over the body say where the batch really ends.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Scan = Callable[[bytes, int], tuple[int, int, int | None]]

_OFFSET = struct.Struct(">q")
_LENGTH = struct.Struct(">i")
_LENGTH_AT = 8
_AFTER_LENGTH = 12
_LAST_DELTA = struct.Struct(">i")
_LAST_DELTA_AT = 23
_HEADER_BYTES = 61


def mended(data: bytes, fetch_offset: int, scan: Scan) -> bytes | None:
    """Return the data with the right length in its first batch; None if no length makes that batch sound."""
    for end in _ends(data):
        patched = ended_at(data, end)
        next_offset, _, damaged_offset = scan(patched[:end], fetch_offset)
        if next_offset > fetch_offset and damaged_offset is None:
            return patched
    return None


def ended_at(data: bytes, end: int) -> bytes:
    """Return the data with the length in its first batch that lets this end at byte `end`."""
    return data[:_LENGTH_AT] + _LENGTH.pack(end - _AFTER_LENGTH) + data[_AFTER_LENGTH:]


def _ends(data: bytes) -> Iterator[int]:
    """Yield where the first batch may end: before the header that its counts lead to, or with the data."""
    if len(data) < _HEADER_BYTES:
        return
    (base_offset,) = _OFFSET.unpack_from(data)
    (last_delta,) = _LAST_DELTA.unpack_from(data, _LAST_DELTA_AT)
    next_offset = base_offset + last_delta + 1
    if 0 <= base_offset < next_offset < 2**63:
        at = data.find(_OFFSET.pack(next_offset), _HEADER_BYTES)
        if at >= 0:
            yield at
    yield len(data)
