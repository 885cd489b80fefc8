"""The files of the segments: written anew where rows change, and whether they are what the manifest says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from linktide.errors import DatabaseDamagedError
from linktide.store.lasting import sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from linktide.store.parts import Parts

PARQUET: Final = "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440)"
ORDER: Final = "ORDER BY t_dom_key, link_id, observed_at"
"""Of the rows of a segment: a question of one domain reads few row groups."""
_BLOCK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """A written file, not yet named in the database."""

    name: str
    rows: int
    bytes: int
    checksum: str


def write_segment(
    connection: DuckDBPyConnection, path: Path, select: str, at: Callable[[str], None], prefix: str
) -> Segment:
    """Write the rows of a SELECT as a whole file that lasts: write, fsync, rename, fsync of the folder.

    `at` is called at `<prefix>-written` and `<prefix>-renamed`. Raises what DuckDB raises, and OSError.
    """
    passing = path.with_name(f"{path.name}.tmp")
    rows = connection.execute(f"COPY ({select} {ORDER}) TO '{quoted(passing)}' {PARQUET}").fetchall()[0][0]
    sync(passing)
    at(f"{prefix}-written")
    segment = Segment(path.name, int(rows), passing.stat().st_size, checksum(passing))
    passing.rename(path)
    sync(path.parent)
    at(f"{prefix}-renamed")
    return segment


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


def rewrite_segments(
    connection: DuckDBPyConnection, parts: Parts, rev: int, columns: str, condition: str
) -> tuple[int, list[Path]]:
    """Write each segment that holds rows of temp.moved_links anew, under another name.

    `columns` and `condition` are what to SELECT and keep of its rows e, with m the moved link or null. Inside
    the writer's transaction. Returns the rows left out, and the old files: no row names them once it is
    committed, and they go then, or at the next start.
    """
    folder = parts.segment_folder
    names = connection.execute("SELECT file_name, row_count FROM internal.segments").fetchall()
    left_out, replaced = 0, []
    for number, (file_name, rows) in enumerate(names):
        source = f"read_parquet('{quoted(folder / file_name)}') e"
        joined = f"{source} SEMI JOIN temp.moved_links m ON m.link_id = e.link_id"
        if not connection.execute(f"SELECT 1 FROM {joined} LIMIT 1").fetchall():  # noqa: S608 - our own names
            continue
        new = folder / f"link_events_r{rev}_{number}.parquet"
        written = connection.execute(
            f"COPY (SELECT {columns} FROM {source} LEFT JOIN temp.moved_links m ON m.link_id = e.link_id "  # noqa: S608
            f"WHERE {condition} {ORDER}) TO '{quoted(new)}' {PARQUET}"
        ).fetchall()
        sync(new)
        sync(folder)
        kept = int(written[0][0])
        connection.execute(
            "UPDATE internal.segments SET file_name = ?, row_count = ?, byte_count = ?, checksum = ? "
            "WHERE file_name = ?",
            [new.name, kept, new.stat().st_size, checksum(new), file_name],
        ).fetchall()
        left_out += rows - kept
        replaced.append(folder / file_name)
    if replaced:
        parts.create_view("link_events")
    return left_out, replaced


def quoted(path: Path) -> str:
    """Return a path as it may stand between quotes in SQL."""
    return str(path).replace("'", "''")


def checksum(path: Path) -> str:
    """Return the checksum of a file as the manifest has it."""
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
