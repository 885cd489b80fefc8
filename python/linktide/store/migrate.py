"""Numbered, forward-only migrations of the tables, and the views, which are code."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from linktide.errors import ConfigError, SchemaTooNewError
from linktide.store.view_text import view_files, view_text

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from linktide.store.parts import Parts

_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_IN_PARTS = re.compile(r'"\{(?P<table>[a-z_]+)\}"')


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    version: int
    name: str
    sql: str
    """One that names `"{table}"` is a single statement and is run once for each part of that table."""


def migrations() -> tuple[Migration, ...]:
    """Return all migrations this linktide knows, in order of their numbers."""
    found = [
        Migration(int(match["version"]), match["name"], file.read_text(encoding="utf-8"))
        for file in resources.files(__package__).joinpath("migrations").iterdir()
        if (match := _NAME.fullmatch(file.name))
    ]
    return tuple(sorted(found, key=lambda one: one.version))


def stored_version(connection: DuckDBPyConnection, path: Path) -> int:
    """Return the newest migration applied to the file, 0 for an empty one.

    Raises ConfigError if the file holds tables that are not linktide's.
    """
    tables = {
        f"{schema}.{table}"
        for schema, table in connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary"
        ).fetchall()
    }
    if "internal.migrations" in tables:
        rows = connection.execute("SELECT coalesce(max(version), 0) FROM internal.migrations").fetchall()
        return int(rows[0][0])
    if tables:
        raise ConfigError(
            f"{path} is a DuckDB file, but not linktide's (it holds {min(tables)}); set another `database`"
        )
    return 0


def refuse_newer(stored: int, newest: int, path: Path) -> None:
    """Raise SchemaTooNewError if a file has a schema that this linktide does not know."""
    if stored > newest:
        raise SchemaTooNewError(
            f"{path} has schema version {stored}, this linktide knows {newest}: install the newer linktide"
        )


def migrate(
    connection: DuckDBPyConnection, path: Path, steps: tuple[Migration, ...], applied_at: datetime
) -> int:
    """Apply every step the file lacks, each in a transaction of its own; return the version reached.

    Raises SchemaTooNewError, ConfigError (not linktide's file) and what DuckDB raises.
    """
    stored = stored_version(connection, path)
    newest = steps[-1].version
    refuse_newer(stored, newest, path)
    for step in (one for one in steps if one.version > stored):
        connection.execute("BEGIN").fetchall()
        for statement in _for_each_part(connection, step.sql):
            connection.execute(statement).fetchall()
        connection.execute(
            "INSERT INTO internal.migrations VALUES (?, ?, ?)", [step.version, step.name, applied_at]
        ).fetchall()
        connection.execute("COMMIT").fetchall()
    return newest


def _for_each_part(connection: DuckDBPyConnection, sql: str) -> list[str]:
    """Return the step itself, or what it is for each part of the table that it names."""
    match = _IN_PARTS.search(sql)
    if match is None:
        return [sql]
    found = connection.execute(
        "SELECT part_name FROM internal.parts WHERE table_name = ? ORDER BY serial", [match["table"]]
    ).fetchall()
    return [_IN_PARTS.sub(f'"{name}"', sql) for (name,) in found]


def views_sql() -> str:
    """Return the text of all views, in the order of their files' names."""
    return "\n".join(view_text(name) for name in view_files())


def refresh_views(connection: DuckDBPyConnection, parts: Parts) -> None:
    """Recreate all views if their text is not the one in the file.

    Drops every view of the schemas main and internal first: a view we no longer have must not stay. The
    views over parts name the folder of the segments: of a file that was moved, only these are made anew.
    """
    text, folder = views_sql(), str(parts.segment_folder)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    stored = dict(
        connection.execute(
            "SELECT name, value FROM internal.settings WHERE name IN ('views_sha256', 'views_folder')"
        ).fetchall()
    )
    is_same_text = stored.get("views_sha256") == fingerprint
    if is_same_text and stored.get("views_folder") == folder:
        return
    connection.execute("BEGIN").fetchall()
    if not is_same_text:
        _drop_views(connection)
    parts.create_views()
    if not is_same_text:
        connection.execute(text).fetchall()
    connection.execute(
        "INSERT OR REPLACE INTO internal.settings VALUES ('views_sha256', ?), ('views_folder', ?)",
        [fingerprint, folder],
    ).fetchall()
    connection.execute("COMMIT").fetchall()


def _drop_views(connection: DuckDBPyConnection) -> None:
    old = connection.execute(
        "SELECT schema_name, view_name FROM duckdb_views() "
        "WHERE NOT internal AND NOT temporary AND schema_name IN ('main', 'internal')"
    ).fetchall()
    for schema, view in old:
        connection.execute(f'DROP VIEW "{schema}"."{view}"').fetchall()
