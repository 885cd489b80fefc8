"""The files of the segments: their checksums, and whether they are what the manifest says."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from linktide.errors import DatabaseDamagedError

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

_BLOCK_BYTES: Final = 1 << 20


def check_segments(connection: DuckDBPyConnection, folder: Path, *, is_whole: bool = False) -> None:
    """Check that every named segment is there with its size, and with `is_whole` its checksum, too.

    Raises DatabaseDamagedError that names the first one that is not, and the way back.
    """
    rows = connection.execute(
        "SELECT file_name, byte_count, checksum FROM internal.segments ORDER BY file_name"
    ).fetchall()
    for name, size, wanted in rows:
        path = folder / name
        found = path.stat().st_size if path.is_file() else None
        if found is None:
            trouble = "is missing"
        elif found != size:
            trouble = f"has {found} bytes, wanted {size}"
        elif not is_whole or checksum(path) == wanted:
            continue
        else:
            trouble = "is damaged: its checksum is not that of the manifest"
        raise DatabaseDamagedError(
            f"The segment {path} {trouble}. Put it back from a backup of {folder}; without one, "
            f"`linktide forget --segment {name}` gives up its raw events and keeps the state they led to."
        )


def checksum(path: Path) -> str:
    """Return the checksum of a file as the manifest has it."""
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Make what is written there last; a folder, too."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
