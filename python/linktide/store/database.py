"""The one DuckDB file: open it as its only writer, pin its settings, close it."""

from __future__ import annotations

import secrets
import shutil
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

import duckdb

from linktide.errors import DatabaseDamagedError, DatabaseLockedError, LinktideError
from linktide.store.arrow_view import ArrowView
from linktide.store.failure import open_failure
from linktide.store.gate import OWN_SCHEMA
from linktide.store.migrate import Migration, migrate, migrations, refresh_views
from linktide.store.own_tables import OwnTables
from linktide.store.parts import Parts, segment_folder
from linktide.store.segment_files import check_segments
from linktide.store.source_rules import refresh_rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

CLOSED_TO_EXTENSIONS: Final = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}
ASOF_BY_SORTING: Final = {"asof_loop_join_threshold": 0}
"""For few rows on its left DuckDB compares every pair, and it takes the lives of a domain for few, however
many they are. So they are sorted. A RIGHT join would be, too, but with nothing on its left it may never end
(2.0.1)."""
ROW_GROUP_ROWS: Final = 61_440
"""Rows that DuckDB compresses, reads and skips together: half of its own choice, so that a slice of a fold
takes half the time and a question about one domain reads less."""
CATALOG: Final = "linktide"
"""The name by which the file is attached."""
_USE: Final = f"USE {CATALOG}"
HOME: Final = f"{CATALOG}.main,{CATALOG}.{OWN_SCHEMA}"
"""The search path of readers: they find own tables by their bare names too, behind ours."""
_SEE: Final = f"SET search_path = '{HOME}'"
_SNAPSHOT_TOKENS: Final = "snapshot_tokens"
_WAL_MAGIC = b"d\x00b"
"""Begins every WAL. DuckDB takes one with another beginning for empty, and says nothing."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How to open the file."""

    path: Path
    memory_limit: str = "1GB"
    threads: int = 2
    unverified_after_days: int = 90
    """A live link not sighted for so many days of event time is `is_unverified`."""
    rel_weights: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of nofollow, ugc and sponsored links beside a followed one's 1."""
    checkpoint_threshold: str = "8GB"
    """High: the writer checkpoints between batches by its own rule; this is only the last resort."""
    is_checking_segments: bool = True
    """Whether a missing or damaged segment is an error; not for who gives it up."""


@dataclass(frozen=True, slots=True)
class PinVersions:
    """What decides keys and domains, as this program has it; stored only in a new file."""

    url_policy_version: str
    psl_version: str
    psl_text: str = ""
    """The whole list: a database goes on with the list it began with, whatever the environment has."""


@dataclass(frozen=True, slots=True)
class Pins:
    """What was pinned when the file was made. The caller compares the versions with its own."""

    database_id: str
    hash_seed: int
    """Unsigned, 64 bits; seeds every key, so that collisions cannot be crafted."""
    url_policy_version: str
    psl_version: str
    psl_text: str


class Database:
    """The open file. One thread writes through `connection`; others read through cursors of their own."""

    def __init__(
        self,
        settings: StoreSettings,
        connection: DuckDBPyConnection,
        pins: Pins,
        parts: Parts,
        own: OwnTables,
    ) -> None:
        self.path = settings.path
        self.connection = connection
        self.pins = pins
        self.parts = parts
        self.arrow = ArrowView(connection)
        """What statements of `connection` read as the table ARROW_VIEW."""
        self.own = own
        self.checkpoint_lock = threading.Lock()
        """Held by a checkpoint, and by who writes beside the writer's thread: none is made meanwhile."""
        self._cursors: list[DuckDBPyConnection] = []

    @classmethod
    def open(
        cls,
        settings: StoreSettings,
        first_pins: Callable[[], PinVersions],
        now: datetime,
        steps: tuple[Migration, ...] | None = None,
    ) -> Self:
        """Open or make the file, migrate it, refresh its views and empty its WAL.

        `first_pins` is asked for a new file only: what an old one has pinned holds.
        Raises DatabaseLockedError, DatabaseDamagedError, SchemaTooNewError, ConfigError, DiskFullError and
        StoreFailedError. `steps` replaces the known migrations in tests.
        """
        check_wal(settings.path)
        # Asked before a file is made: what cannot be pinned must leave no file behind.
        new_pins = None if settings.path.exists() else first_pins()
        connection: DuckDBPyConnection | None = None
        try:
            connection = connect(settings)
            migrate(connection, settings.path, steps or migrations(), now)
            pins = _pin(connection, first_pins if new_pins is None else lambda: new_pins, now)
            weights = zip(("nofollow", "ugc", "sponsored"), settings.rel_weights, strict=True)
            _store_settings(
                connection,
                unverified_after_days=str(settings.unverified_after_days),
                **{f"authority_{rel}_weight": repr(weight) for rel, weight in weights},
            )
            parts = Parts(connection, segment_folder(settings.path))
            if settings.is_checking_segments:
                check_segments(connection, parts.segment_folder)
            refresh_rules(connection)
            refresh_views(connection, parts)
            own = OwnTables(connection)
            connection.execute("CHECKPOINT").fetchall()
        except duckdb.Error as error:
            _close_quietly(connection)
            raise open_failure(error, settings.path) from error
        except LinktideError:
            _close_quietly(connection)
            raise
        return cls(settings, connection, pins, parts, own)

    def cursor(self) -> DuckDBPyConnection:
        """Return a new cursor, closed with the database at the latest."""
        cursor = self.connection.cursor()
        self._cursors.append(cursor)
        cursor.execute(_SEE).fetchall()
        return cursor

    def release(self, cursor: DuckDBPyConnection) -> None:
        """Close a cursor that `cursor` returned."""
        _close_quietly(cursor)
        with suppress(ValueError):
            self._cursors.remove(cursor)

    def pin_suffix_list(self, version: str, text: str) -> None:
        """Pin another list, in the transaction that gives hosts their domains by it."""
        self.store_settings(psl_version=version, psl_text=text)
        self.pins = replace(self.pins, psl_version=version, psl_text=text)

    def snapshot_tokens(self) -> tuple[str, ...]:
        """Return the words of the newest snapshots of which these tables have seen all, newest first."""
        return tuple((self.setting(_SNAPSHOT_TOKENS) or "").split())

    def note_snapshot(self, token: str) -> None:
        """Store the word of a snapshot, in a transaction of its own; that of the one before it is kept.

        The file of the one before is still in place until the new one has taken it.
        """
        tokens = " ".join([token, *self.snapshot_tokens()[:1]])
        self.store_settings(**{_SNAPSHOT_TOKENS: tokens})

    def forget_snapshots(self) -> None:
        """Let no snapshot made so far be used again, in the transaction that makes them wrong."""
        self.store_settings(**{_SNAPSHOT_TOKENS: ""})

    def setting(self, name: str) -> str | None:
        """Return a value of internal.settings."""
        query = "SELECT value FROM internal.settings WHERE name = ?"
        rows = self.connection.execute(query, [name]).fetchall()
        return str(rows[0][0]) if rows else None

    def store_settings(self, **values: str) -> None:
        """Store values of internal.settings; one that is there already is not written again."""
        _store_settings(self.connection, **values)

    @property
    def wal_path(self) -> Path:
        """Where the WAL is, if there is one."""
        return wal_path(self.path)

    def wal_bytes(self) -> int:
        """Return the size of the WAL now; asks the file system only."""
        return _size(self.wal_path)

    def file_bytes(self) -> int:
        """Return the size of the file without its WAL; asks the file system only."""
        return _size(self.path)

    def segment_bytes(self) -> int:
        """Return the size of all files in the folder of the segments."""
        folder = self.parts.segment_folder
        return sum(_size(path) for path in folder.iterdir()) if folder.is_dir() else 0

    def checkpoint(self) -> None:
        """Make a checkpoint once nobody writes beside the writer's thread, whose transaction must be closed.

        Raises what DuckDB raises; TransactionException if another transaction writes.
        """
        with self.checkpoint_lock:
            self.connection.execute("CHECKPOINT").fetchall()

    def memory_limit_bytes(self) -> int:
        """Return what DuckDB may take for its tables, statements and caches together."""
        query = "SELECT CAST(parse_formatted_bytes(current_setting('memory_limit')) AS BIGINT)"
        return int(self.connection.execute(query).fetchall()[0][0])

    def free_bytes(self) -> int:
        """Return the free space of the file system that holds the file."""
        return shutil.disk_usage(self.path.parent).free

    def close(self) -> None:
        """Close every cursor and the file, whatever state they are in; idempotent.

        A sound instance checkpoints as its last connection closes.
        """
        for cursor in self._cursors:
            _close_quietly(cursor)
        self._cursors.clear()
        _close_quietly(self.connection)


def check_unlocked(path: Path) -> None:
    """Raise DatabaseLockedError if another process holds the file; changes nothing, says nothing else."""
    if not path.exists():
        return
    try:
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.Error as error:
        failure = open_failure(error, path)
        if isinstance(failure, DatabaseLockedError):
            raise failure from error


def wal_path(path: Path) -> Path:
    """Return where DuckDB keeps the WAL of a file."""
    return path.with_name(path.name + ".wal")


def connect(settings: StoreSettings) -> DuckDBPyConnection:
    """Open the file as an attached database: nowhere else can the size of its row groups be said.

    It is not kept in the file. Who reads the file otherwise needs to know nothing of it; who writes it would
    have DuckDB merge them all at the next checkpoint. Raises what DuckDB raises.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "storage_compatibility_version": "v1.5.0",
            "memory_limit": settings.memory_limit,
            "threads": settings.threads,
            "checkpoint_threshold": settings.checkpoint_threshold,
            "temp_directory": f"{settings.path}.tmp",
            **CLOSED_TO_EXTENSIONS,
            **ASOF_BY_SORTING,
        },
    )
    try:
        connection.execute("SET GLOBAL TimeZone = 'UTC'").fetchall()
        path = str(settings.path).replace("'", "''")
        options = f"(TYPE duckdb, ROW_GROUP_SIZE {ROW_GROUP_ROWS})"
        connection.execute(f"ATTACH '{path}' AS {CATALOG} {options}").fetchall()
        connection.execute(_USE).fetchall()
    except duckdb.Error:
        _close_quietly(connection)
        raise
    return connection


def check_wal(path: Path) -> None:
    """Raise DatabaseDamagedError for a WAL without its file, or one that DuckDB would take for empty."""
    wal = wal_path(path)
    if not wal.exists():
        return
    if not path.exists():
        raise DatabaseDamagedError(
            f"{path} is gone, but not its WAL {wal}; `linktide restore` a backup, or move the WAL away: "
            "docs/operations.md"
        )
    with wal.open("rb") as file:
        begin = file.read(len(_WAL_MAGIC))
    if begin and begin != _WAL_MAGIC:
        raise DatabaseDamagedError(
            f"{wal} does not begin as a WAL does; keep it and {path}, then `linktide restore` a backup: "
            "docs/operations.md"
        )


def _pin(connection: DuckDBPyConnection, first_pins: Callable[[], PinVersions], now: datetime) -> Pins:
    """Pin the settings of a new file in one transaction with its first writer row; return those pinned."""
    if not connection.execute("SELECT 1 FROM internal.writer").fetchall():
        versions = first_pins()
        connection.execute("BEGIN").fetchall()
        connection.executemany(
            "INSERT INTO internal.settings VALUES (?, ?)",
            [
                ["database_id", uuid.uuid4().hex],
                ["hash_seed", str(secrets.randbits(64))],
                ["url_policy_version", versions.url_policy_version],
                ["psl_version", versions.psl_version],
                ["psl_text", versions.psl_text],
            ],
        )
        connection.execute(
            "INSERT INTO internal.writer BY NAME SELECT 0 AS rev, CAST(? AS TIMESTAMPTZ) AS committed_at, "
            "0 AS live_links, 0 AS authority_error_bound, false AS is_authority_shown",
            [now],
        ).fetchall()
        connection.execute("COMMIT").fetchall()
    return _read_pins(connection)


def _read_pins(connection: DuckDBPyConnection) -> Pins:
    stored = dict(connection.execute("SELECT name, value FROM internal.settings").fetchall())
    try:
        return Pins(
            database_id=stored["database_id"],
            hash_seed=int(stored["hash_seed"]),
            url_policy_version=stored["url_policy_version"],
            psl_version=stored["psl_version"],
            psl_text=stored["psl_text"],
        )
    except (KeyError, ValueError) as error:
        raise DatabaseDamagedError(f"internal.settings lacks a pin ({error}); restore a backup") from error


def _store_settings(connection: DuckDBPyConnection, **values: str) -> None:
    stored = dict(
        connection.execute(
            "SELECT name, value FROM internal.settings WHERE list_contains(?, name)", [list(values)]
        ).fetchall()
    )
    for name, value in values.items():
        if stored.get(name) != value:
            connection.execute(
                "INSERT OR REPLACE INTO internal.settings VALUES (?, ?)", [name, value]
            ).fetchall()


def _close_quietly(connection: DuckDBPyConnection | None) -> None:
    if connection is not None:
        with suppress(duckdb.Error):
            connection.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
