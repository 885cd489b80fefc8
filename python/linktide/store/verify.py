"""Reading a whole database: every block by its checksum, and whether the tables agree with one another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from linktide.store.database import CLOSED_TO_EXTENSIONS, StoreSettings, check_wal, connect
from linktide.store.failure import open_failure, write_failure
from linktide.store.migrate import migrations, refuse_newer, stored_version

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

_TABLES = """
SELECT table_name, list(column_name)
FROM duckdb_columns() WHERE schema_name = 'internal' AND table_name IN (
    SELECT table_name FROM duckdb_tables() WHERE schema_name = 'internal' AND NOT temporary)
GROUP BY table_name ORDER BY table_name
"""
_OWN_TABLES = """
SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name = 'own' AND NOT temporary
"""
_SOURCES = """
SELECT o.topic, o.part, greatest(o.next_offset, w.past), o.events + o.dead_letters AS counted,
       coalesce(r.held, 0), coalesce(r.held - r.twice, 0), coalesce(r.past, 0)
FROM internal.source_offsets o
LEFT JOIN (
    SELECT source_id, count(*) AS held, max(off) + 1 AS past,
           count(*) FILTER ({once}) - count(DISTINCT off) FILTER ({once}) AS twice
    FROM ({rows}) GROUP BY source_id
) r ON r.source_id = o.source_id
LEFT JOIN (SELECT source_id, max(left_offset) AS past FROM ({rewritten}) GROUP BY source_id) w
    ON w.source_id = o.source_id
"""
_REWRITTEN = """
SELECT source_id, resumed_offset, left_offset FROM internal.offset_jumps WHERE resumed_offset < left_offset
"""
_NONE_REWRITTEN = "SELECT 0 AS source_id, 0 AS resumed_offset, 0 AS left_offset LIMIT 0"
_ABSENT = """
SELECT o.topic, o.part, count(*)
FROM ({rows}) t
JOIN internal.offset_gaps g ON g.source_id = t.source_id AND t.off >= g.first_offset AND t.off < g.end_offset
JOIN internal.source_offsets o ON o.source_id = t.source_id
GROUP BY ALL
"""
_WITHOUT_LINK = """
SELECT count(DISTINCT link_id) FROM internal.{table} t ANTI JOIN internal.links l ON l.link_id = t.link_id
"""
_LIVE = """
SELECT (SELECT live_links FROM internal.writer),
       (SELECT count(*) FROM internal.link_state WHERE status IN (1, 2))
"""
# Reviews are only ever added: each has a number of its own, and times never go back.
_REVIEWS = """
SELECT count(*) - count(DISTINCT review_number), count(*) FILTER (noted_at < before),
       count(*) FILTER (subject_kind NOT IN ('domain', 'url')
           OR state NOT IN ('for_review', 'whitelist', 'remove', 'disavow'))
FROM (SELECT *, lag(noted_at) OVER (ORDER BY review_number) AS before FROM internal.reviews)
"""
_PART = re.compile("(link_changes|life_changes|attribute_changes|link_events)(_run)?(_[0-9]+)?")
"""Tables of links, and the parts of them that lie in the file."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds, and where its tables disagree."""

    schema_version: int
    rev: int
    events: int
    dead_letters: int
    links: int
    live_links: int
    rows: int
    """Of all tables."""
    differences: tuple[str, ...]


def checkpoint_copy(path: Path, memory_limit: str) -> None:
    """Bring the WAL of a copy into it. Raises as `Database.open` does."""
    check_wal(path)
    try:
        with connect(StoreSettings(path, memory_limit)) as connection:
            connection.execute("CHECKPOINT").fetchall()
    except duckdb.Error as error:
        raise open_failure(error, path) from error


def read_whole(path: Path, memory_limit: str) -> Contents:
    """Read every value of a file that no service holds; changes nothing.

    Raises DatabaseDamagedError where a block is not as it was written, SchemaTooNewError and
    DatabaseLockedError.
    """
    check_wal(path)
    try:
        connection = _read_only(path, memory_limit)
    except duckdb.Error as error:
        raise open_failure(error, path) from error
    try:
        version = stored_version(connection, path)
        refuse_newer(version, migrations()[-1].version, path)
        return contents(connection, version)
    except duckdb.Error as error:
        raise write_failure(error, path, "read all") from error
    finally:
        connection.close()


def contents(connection: DuckDBPyConnection, version: int) -> Contents:
    """Read every value through a connection, and compare the tables."""
    tables = dict(connection.execute(_TABLES).fetchall())
    rows = 0
    own = connection.execute(_OWN_TABLES).fetchall()
    for schema, name in (*(("internal", table) for table in tables), *own):
        # The hash of a whole row makes DuckDB read, and so check, each of its columns.
        read = f'SELECT count(*), bit_xor(hash(t)) FROM {schema}."{name}" t'  # noqa: S608 -- checked names
        rows += int(connection.execute(read).fetchall()[0][0])
    counted = connection.execute(
        "SELECT coalesce(sum(events), 0), coalesce(sum(dead_letters), 0) FROM internal.source_offsets"
    ).fetchall()[0]
    links = int(connection.execute("SELECT count(*) FROM internal.links").fetchall()[0][0])
    written, live = connection.execute(_LIVE).fetchall()[0]
    rev = int(connection.execute("SELECT rev FROM internal.writer").fetchall()[0][0])
    differences = [*_offsets(connection, tables), *_strays(connection, tables), *_reviews(connection, tables)]
    if written != live:
        differences.append(f"{written} live links by the writer, {live} by the newest state of each link")
    return Contents(version, rev, int(counted[0]), int(counted[1]), links, live, rows, tuple(differences))


def _offsets(connection: DuckDBPyConnection, tables: dict[str, list[str]]) -> list[str]:
    """Tell where rows and offsets disagree; events that retention took away are missed by none."""
    held = [name for name, columns in tables.items() if {"source_id", "off"} <= set(columns)]
    # A dead letter that was replayed has a row as an event.
    parts = [
        f"SELECT source_id, off FROM internal.{name}"  # noqa: S608 -- our own names
        + (" WHERE replayed_rev IS NULL" if "replayed_rev" in tables[name] else "")
        for name in held
    ]
    told = []
    rewritten = _REWRITTEN if "offset_jumps" in tables else _NONE_REWRITTEN
    # A log that was cut and written anew has other records at the same offsets.
    once = [
        f"NOT (source_id = {source_id} AND off >= {resumed} AND off < {left})"
        for source_id, resumed, left in connection.execute(rewritten).fetchall()
    ]
    query = _SOURCES.format(
        rows=" UNION ALL ".join(parts), once=" AND ".join(once) or "true", rewritten=rewritten
    )
    for row in connection.execute(query).fetchall():
        topic, part, next_offset, counted, rows, apart, past = row
        name = f"{topic!r}, partition {part}"
        if apart != rows:
            told.append(f"{name}: {rows - apart} offsets have more than one row")
        if past > next_offset:
            told.append(f"{name}: a row has offset {past - 1}, the stored position is {next_offset}")
        if rows > counted:
            told.append(f"{name}: {rows} rows, counted were {counted}")
    if "offset_gaps" in tables:
        stored = connection.execute(_ABSENT.format(rows=" UNION ALL ".join(parts))).fetchall()
        told += [
            f"{topic!r}, partition {part}: {rows} rows have offsets noted as absent"
            for topic, part, rows in stored
        ]
    return told


def _strays(connection: DuckDBPyConnection, tables: dict[str, list[str]]) -> list[str]:
    told = []
    for table in (name for name in tables if _PART.fullmatch(name)):
        count = connection.execute(_WITHOUT_LINK.format(table=table)).fetchall()[0][0]
        if count:
            told.append(f"{table} has rows of {count} links that are not in links")
    return told


def _reviews(connection: DuckDBPyConnection, tables: dict[str, list[str]]) -> list[str]:
    if "reviews" not in tables:
        return []
    twice, earlier, unknown = connection.execute(_REVIEWS).fetchall()[0]
    told = [
        (twice, "rows of reviews have the number of another"),
        (earlier, "rows of reviews were noted before the one ahead of them"),
        (unknown, "rows of reviews have a kind or state that is none"),
    ]
    return [f"{count} {sentence}" for count, sentence in told if count]


def _read_only(path: Path, memory_limit: str) -> DuckDBPyConnection:
    connection = duckdb.connect(
        str(path),
        read_only=True,
        config={"memory_limit": memory_limit, "threads": 2, **CLOSED_TO_EXTENSIONS},
    )
    connection.execute("SET GLOBAL TimeZone = 'UTC'").fetchall()
    return connection
