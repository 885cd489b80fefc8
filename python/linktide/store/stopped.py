"""Reading the file of a stopped service, or a snapshot file: read-only, behind the same gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from linktide.errors import ConfigError
from linktide.store.database import ASOF_BY_SORTING, CLOSED_TO_EXTENSIONS
from linktide.store.failure import open_failure
from linktide.store.gate import Gate
from linktide.store.migrate import migrations, refuse_newer, stored_version
from linktide.store.own_tables import see_own_tables
from linktide.store.parts import segment_folder
from linktide.store.reader import ReaderPool, ReaderSettings, lock_readers

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection


def open_stopped(path: Path, settings: ReaderSettings | None = None, memory_limit: str = "1GB") -> ReaderPool:
    """Open the file of a stopped service read-only, behind the same gate.

    Raises DatabaseLockedError, DatabaseDamagedError, SchemaTooNewError and ConfigError.
    """
    settings = settings or ReaderSettings()
    if not path.exists():
        raise ConfigError(f"{path} does not exist; check the setting `database`")
    try:
        connection = duckdb.connect(
            str(path),
            read_only=True,
            config={"memory_limit": memory_limit, **CLOSED_TO_EXTENSIONS, **ASOF_BY_SORTING},
        )
    except duckdb.Error as error:
        raise open_failure(error, path) from error
    try:
        _check_version(connection, path)
        connection.execute("SET GLOBAL TimeZone = 'UTC'").fetchall()
        cursors = [connection, *(connection.cursor() for _ in range(settings.size - 1))]
        own = see_own_tables(cursors)
        lock_readers(cursors, settings, segment_folder(path))
    except BaseException:
        connection.close()
        raise
    return ReaderPool(cursors, settings, lambda cursor: cursor.close(), gate=Gate(own=lambda: own))


def _check_version(connection: DuckDBPyConnection, path: Path) -> None:
    stored = stored_version(connection, path)
    refuse_newer(stored, migrations()[-1].version, path)
    if stored == 0:
        raise ConfigError(f"{path} is an empty DuckDB file, not linktide's; set another `database`")
