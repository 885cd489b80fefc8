"""The real store in memory: the writer, the fence, the folds and the rebuild of the product, on no disk.

A crash is a rollback: what was not committed is gone, what was committed is there.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from linktide.index import URL_POLICY_VERSION
from linktide.restore import restore_index
from linktide.store.database import Database, PinVersions, StoreSettings
from linktide.store.rebuild import read_positions, read_writer
from linktide.store.writer import StoreWriter
from linktide.suffixes import read_suffix_list

if TYPE_CHECKING:
    from collections.abc import Callable

    from linktide.index import IndexOptions, LinkIndex
    from linktide.sources.source import Partition, Position

_KEPT = frozenset({"migrations", "settings"})


class MemoryStore:
    """One database for many seeds; `clear` gives each the state of a new file."""

    def __init__(self) -> None:
        suffixes = read_suffix_list(None)
        pins = PinVersions(URL_POLICY_VERSION, suffixes.version, suffixes.text)
        settings = StoreSettings(Path(":memory:"), threads=1)
        self.database = Database.open(settings, lambda: pins, datetime.now(UTC))
        self.suffixes = suffixes.text
        self._first_rows: dict[str, str] = {}
        tables = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'internal' AND NOT temporary"
        for name in [str(row[0]) for row in self._rows(tables)]:
            if name in _KEPT:
                continue
            self._run(f"CREATE TEMP TABLE first_{name} AS FROM internal.{name}")
            is_empty = self._rows(f"SELECT count(*) FROM first_{name}") == [(0,)]  # noqa: S608 -- our own name
            self._first_rows[name] = "" if is_empty else f"INSERT INTO internal.{name} FROM first_{name}"

    def clear(self) -> None:
        for name, refill in self._first_rows.items():
            self._run(f"DELETE FROM internal.{name}")  # noqa: S608 -- our own name
            if refill:
                self._run(refill)

    def writer(
        self, now: Callable[[], datetime], monotonic: Callable[[], float], at: Callable[[str], None]
    ) -> StoreWriter:
        return StoreWriter(self.database, now=now, monotonic=monotonic, at=at)

    def restore(self, options: IndexOptions) -> LinkIndex:
        return restore_index(self.database, options)

    @property
    def positions(self) -> dict[Partition, Position]:
        return read_positions(self.database)

    @property
    def rev(self) -> int:
        return read_writer(self.database).rev

    def crash(self) -> None:
        """Lose what is not committed, as a killed process does."""
        with suppress(duckdb.Error):
            self._run("ROLLBACK")

    def _run(self, sql: str) -> None:
        self.database.connection.execute(sql).fetchall()

    def _rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.database.connection.execute(sql).fetchall()
