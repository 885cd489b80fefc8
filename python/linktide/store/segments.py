"""Raw observations leave the file: a sealed part becomes a Parquet segment, named in the same transaction.

The order on disk is write, fsync, rename, fsync of the folder, then the transaction that names the segment
and drops the part. So a segment that is named is whole; one that is not is rubbish, which a start removes.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from linktide.store.failure import write_failure
from linktide.store.lasting import sync
from linktide.store.parts import LINK_EVENTS, Kind
from linktide.store.segment_files import ORDER, PARQUET, checksum, quoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from linktide.store.database import Database

SEGMENT_POINTS = (
    "events-seal",
    "events-sealed",
    "segment-written",
    "segment-renamed",
    "segment-named",
    "segment-moved",
)
"""The names at which `at` of a SegmentMover is called."""

_STOP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """When hot events leave the file."""

    rows: int = 5_000_000
    age_seconds: float = 3600.0
    least_rows: int = 100_000
    """Fewer rows stay however old they are: files should not be small."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A written file, not yet named in the database."""

    name: str
    rows: int
    bytes: int
    checksum: str


def _nothing(_point: str) -> None:
    """Let the mover go on."""


@dataclass(slots=True)
class SegmentMover:
    """Moves the events of one database; `step` runs on the writer's thread, the file is written on another.

    After an error the database is in an unknown state, as after a failed commit.
    """

    database: Database
    now: Callable[[], datetime]
    rule: SegmentRule = field(default_factory=SegmentRule)
    monotonic: Callable[[], float] = time.monotonic
    at: Callable[[str], None] = _nothing
    is_alone: bool = True
    """Write the file on a thread of its own, so that `step` does not wait for it."""
    _sealed_at: float = field(init=False, default=0.0)
    _thread: threading.Thread | None = field(init=False, default=None)
    _cursor: duckdb.DuckDBPyConnection | None = field(init=False, default=None)
    _written: Segment | None = field(init=False, default=None)
    _failure: Exception | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Remove files that no row names."""
        self._sealed_at = self.monotonic()
        named = {name for (name,) in self._run("SELECT file_name FROM internal.segments")}
        folder = self.database.parts.segment_folder
        if folder.is_dir():
            for path in folder.iterdir():
                if path.name not in named and path.suffix in (".parquet", ".tmp"):
                    path.unlink()

    def step(self) -> bool:
        """Do the next piece of work, if any is due; tell whether it did some.

        Raises DiskFullError or StoreFailedError.
        """
        try:
            if self._failure is not None:
                raise self._failure
            if self._written is not None:
                self._name(self._written)
                return True
            if self._thread is not None:
                return False
            if self.database.parts.of(LINK_EVENTS, Kind.SEALED):
                self._begin()
                return True
            return self._seal_if_due()
        except (duckdb.Error, OSError, RuntimeError) as error:
            self._failure = None
            raise write_failure(error, self.database.path, "move events into a segment") from error

    def move_all(self) -> None:
        """Move all hot events; for tests, benches and offline work."""
        self.seal()
        while self.database.parts.of(LINK_EVENTS, Kind.SEALED):
            if not self.step() and self._thread is not None:
                self._thread.join()

    def close(self) -> None:
        """Stop the file that is being written; the next start removes it and begins again."""
        thread, cursor = self._thread, self._cursor
        while thread is not None and thread.is_alive():
            if cursor is not None:
                with suppress(duckdb.Error):
                    cursor.interrupt()
            thread.join(_STOP_SECONDS)

    def seal(self) -> None:
        """Seal the hot events and begin a new part, if there are any."""
        parts = self.database.parts
        self._sealed_at = self.monotonic()
        if not parts.hot_rows[LINK_EVENTS] or parts.of(LINK_EVENTS, Kind.SEALED):
            return
        self.at("events-seal")
        hot, serial = parts.hot(LINK_EVENTS), parts.next_serial()
        name = f"{LINK_EVENTS}_{serial}"
        self._run("BEGIN")
        try:
            self._run(f'CREATE TABLE internal."{name}" AS FROM internal."{hot}" LIMIT 0')
            self._run("UPDATE internal.parts SET kind = 'sealed' WHERE part_name = ?", hot)
            self._run("INSERT INTO internal.parts VALUES (?, ?, 'hot', ?)", name, LINK_EVENTS, serial)
            parts.reload()
            parts.create_view(LINK_EVENTS)
            self._run("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self.at("events-sealed")

    def _seal_if_due(self) -> bool:
        rows = self.database.parts.hot_rows[LINK_EVENTS]
        is_old = self.monotonic() - self._sealed_at >= self.rule.age_seconds
        if rows >= self.rule.rows or (is_old and rows >= self.rule.least_rows):
            self.seal()
            return True
        return False

    def _begin(self) -> None:
        if not self.is_alone:
            self._written = self._write(self.database.connection.cursor())
            return
        # A cursor of its own reads a snapshot: commits go on meanwhile.
        cursor = self._cursor = self.database.cursor()

        def write() -> None:
            try:
                self._written = self._write(cursor)
            except Exception as error:  # noqa: BLE001 - raised again by the next step
                self._failure = error
            finally:
                self.database.release(cursor)
                self._thread = None

        self._thread = threading.Thread(target=write, name="linktide-segment")
        self._thread.start()

    def _write(self, cursor: duckdb.DuckDBPyConnection) -> Segment:
        part = self.database.parts.of(LINK_EVENTS, Kind.SEALED)[0]
        folder = self.database.parts.segment_folder
        folder.mkdir(exist_ok=True)
        name = f"{part.name}.parquet"
        path = folder / f"{name}.tmp"
        copied = f'FROM internal."{part.name}" {ORDER}'
        rows = cursor.execute(f"COPY ({copied}) TO '{quoted(path)}' {PARQUET}").fetchall()[0][0]
        sync(path)
        self.at("segment-written")
        segment = Segment(name, int(rows), path.stat().st_size, checksum(path))
        path.rename(folder / name)
        sync(folder)
        self.at("segment-renamed")
        return segment

    def _name(self, segment: Segment) -> None:
        parts = self.database.parts
        part = parts.of(LINK_EVENTS, Kind.SEALED)[0]
        self._run("BEGIN")
        try:
            self._run(
                "INSERT INTO internal.segments SELECT ?, ?, ?, ?, min(observed_at), max(observed_at), "  # noqa: S608
                f'CAST(? AS TIMESTAMPTZ) FROM internal."{part.name}"',
                segment.name, segment.rows, segment.bytes, segment.checksum, self.now(),
            )  # fmt: skip
            self._run("DELETE FROM internal.parts WHERE part_name = ?", part.name)
            parts.reload()
            parts.create_view(LINK_EVENTS)
            self._run(f'DROP TABLE internal."{part.name}"')
            self.at("segment-named")
            self._run("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self._written = None
        self.at("segment-moved")

    def _run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return self.database.connection.execute(statement, list(values)).fetchall()

    def _roll_back(self) -> None:
        with suppress(duckdb.Error):
            self._run("ROLLBACK")
