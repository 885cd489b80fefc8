"""Offsets that were never stored: noted by the batch that passed over them, struck as a fill stores them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import duckdb

from linktide.sources.source import Partition
from linktide.store.failure import write_failure

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from linktide.store.database import Database

BEGUN: Final = "begun"
"""The kind of a jump that is a partition's first commit, above offset 0."""
_ABSENT: Final = """
SELECT o.cluster, o.topic, o.topic_id, o.part, g.source_id, g.first_offset, g.end_offset
FROM internal.offset_gaps g JOIN internal.source_offsets o USING (source_id)
WHERE list_contains(?::VARCHAR[], o.topic)
ORDER BY g.source_id, g.first_offset
"""
_HOLDING: Final = """
SELECT first_offset, end_offset, noted_at FROM internal.offset_gaps
WHERE source_id = ? AND first_offset <= ? AND end_offset >= ?
"""
_STRIKE: Final = (
    """INSERT INTO internal.offset_gaps
    SELECT source_id, $end, end_offset, noted_at FROM internal.offset_gaps
    WHERE source_id = $source_id AND first_offset <= $first AND end_offset > $end""",
    """UPDATE internal.offset_gaps SET end_offset = $first
    WHERE source_id = $source_id AND first_offset <= $first AND end_offset >= $end""",
    "DELETE FROM internal.offset_gaps WHERE first_offset >= end_offset",
)
_COUNT: Final = """
UPDATE internal.source_offsets SET events = events + ?, dead_letters = dead_letters + ?, updated_at = ?
WHERE source_id = ?
"""


@dataclass(frozen=True, slots=True)
class Jump:
    """A partition goes on elsewhere than where it stood."""

    kind: str
    """BEGUN, a `GapKind`, or "skipped" where the source said no reason."""
    left_offset: int
    resumed_offset: int


@dataclass(frozen=True, slots=True)
class Absent:
    """One stretch of offsets that were never stored."""

    partition: Partition
    source_id: int
    first_offset: int
    end_offset: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A stretch that a batch stores although the partition stands above it."""

    source_id: int
    first_offset: int
    end_offset: int
    events: int
    dead_letters: int


def note_jumps(
    connection: DuckDBPyConnection, source_id: int, jumps: Sequence[Jump], rev: int, noted_at: datetime
) -> None:
    """Note jumps of a partition in the order in which they were made; inside the writer's transaction."""
    for jump in jumps:
        left, resumed = jump.left_offset, jump.resumed_offset
        connection.execute(
            "INSERT INTO internal.offset_jumps VALUES (?, ?, ?, ?, ?, ?)",
            [source_id, jump.kind, left, resumed, rev, noted_at],
        ).fetchall()
        if resumed > left:
            connection.execute(
                "INSERT INTO internal.offset_gaps VALUES (?, ?, ?, ?)", [source_id, left, resumed, noted_at]
            ).fetchall()
            continue
        # From here on all is read again, what was absent among it.
        connection.execute(
            "UPDATE internal.offset_gaps SET end_offset = least(end_offset, ?) WHERE source_id = ?",
            [resumed, source_id],
        ).fetchall()
        connection.execute("DELETE FROM internal.offset_gaps WHERE first_offset >= end_offset").fetchall()


def store_filled(connection: DuckDBPyConnection, filled: Filled, stored_at: datetime) -> None:
    """Strike a stretch from what is absent and count it; inside the writer's transaction.

    The stretch lies in one that is noted, see `is_absent`; the partition's position stays.
    """
    for statement in _STRIKE:
        named = {"source_id": filled.source_id, "first": filled.first_offset, "end": filled.end_offset}
        used = {name: value for name, value in named.items() if f"${name}" in statement}
        connection.execute(statement, used or None).fetchall()
    values = [filled.events, filled.dead_letters, stored_at, filled.source_id]
    connection.execute(_COUNT, values).fetchall()


def is_absent(database: Database, source_id: int, first_offset: int, end_offset: int) -> bool:
    """Return whether all of a stretch was never stored. Raises StoreFailedError."""
    try:
        parameters = [source_id, first_offset, end_offset]
        return bool(database.connection.execute(_HOLDING, parameters).fetchall())
    except duckdb.Error as error:
        raise write_failure(error, database.path, "read what is absent") from error


def stored_topics(database: Database) -> set[str]:
    """Return the topics of which anything was stored. Raises StoreFailedError."""
    try:
        rows = database.connection.execute("SELECT DISTINCT topic FROM internal.source_offsets").fetchall()
    except duckdb.Error as error:
        raise write_failure(error, database.path, "read the topics") from error
    return {topic for (topic,) in rows}


def read_absent(database: Database, topics: Collection[str]) -> list[Absent]:
    """Return what was never stored of topics, by partition and offset. Raises StoreFailedError."""
    try:
        rows = database.connection.execute(_ABSENT, [list(topics)]).fetchall()
    except duckdb.Error as error:
        raise write_failure(error, database.path, "read what is absent") from error
    return [Absent(Partition(*row[:4]), *row[4:]) for row in rows]
