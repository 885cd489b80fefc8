"""Undecoded chunks in one file with an index beside it, so that every measurement reads the same bytes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from linktide.sources.source import Chunk, Codec, Partition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

RECEIVED_AT_US = 1_900_000_000_000_000
"""Later than every event of the data."""
_LINES_PER_CHUNK = 4_000


@dataclass(frozen=True, slots=True)
class Capture:
    """Chunks read back from a file."""

    chunks: Sequence[Chunk]
    events: int
    """Records, whether they are accepted or not."""
    size_bytes: int
    """As they lie in the chunks, that is compressed where the codec compresses."""


def write_lines(path: Path, lines: Sequence[bytes]) -> None:
    """Write NDJSON lines (without their line ends) as a capture of one partition."""
    partition = Partition("bench", "lines", "", 0)
    chunks = []
    for first in range(0, len(lines), _LINES_PER_CHUNK):
        part = lines[first : first + _LINES_PER_CHUNK]
        data = b"\n".join(part) + b"\n"
        chunks.append(Chunk(partition, Codec.NDJSON, data, first, first + len(part), RECEIVED_AT_US))
    write(path, chunks)


def write(path: Path, chunks: Iterable[Chunk]) -> None:
    """Write chunks in their order."""
    rows = []
    with path.open("wb") as file:
        for chunk in chunks:
            row = asdict(replace(chunk, data=b""))
            row["data"] = len(chunk.data)
            rows.append(row)
            file.write(chunk.data)
    _index_of(path).write_text(json.dumps(rows), "utf-8")


def read(path: Path) -> Capture:
    """Read a capture that `write` or `write_lines` made."""
    chunks = []
    with path.open("rb") as file:
        for row in json.loads(_index_of(path).read_text("utf-8")):
            told = row | {
                "partition": Partition(**row["partition"]),
                "codec": Codec(row["codec"]),
                "data": file.read(row["data"]),
                "aborted": (),
                "gap": None,
            }
            chunks.append(Chunk(**told))
    return Capture(
        chunks,
        sum(chunk.next_offset - chunk.first_offset for chunk in chunks),
        sum(len(chunk.data) for chunk in chunks),
    )


def _index_of(path: Path) -> Path:
    return path.with_suffix(".json")
