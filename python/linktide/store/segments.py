"""Raw observations leave the file: a sealed part becomes a Parquet segment, named in the same transaction.

The order on disk is write, fsync, rename, fsync of the folder, then the transaction that names the segment
and drops the part. So a segment that is named is whole; one that is not is rubbish, which a start removes.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from linktide.store.beside import Beside
from linktide.store.failure import write_failure
from linktide.store.parts import LINK_EVENTS, Kind
from linktide.store.segment_files import Segment, write_segment

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


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """When hot events leave the file."""

    rows: int = 5_000_000
    age_seconds: float = 3600.0
    least_rows: int = 100_000
    """Fewer rows stay however old they are: files should not be small."""


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
    _beside: Beside[Segment] = field(init=False)

    def __post_init__(self) -> None:
        """Remove files that no row names."""
        self._sealed_at = self.monotonic()
        self._beside = Beside(self.database, "linktide-segment")
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
            if self._beside.is_running:
                return False
            if (written := self._beside.take()) is not None:
                self._name(written)
                return True
            if self.database.parts.of(LINK_EVENTS, Kind.SEALED):
                self._begin()
                return True
            return self._seal_if_due()
        except (duckdb.Error, OSError, RuntimeError) as error:
            raise write_failure(error, self.database.path, "move events into a segment") from error

    def move_all(self) -> None:
        """Move all hot events; for tests, benches and offline work."""
        self.seal()
        while self.database.parts.of(LINK_EVENTS, Kind.SEALED):
            if not self.step():
                self._beside.wait()

    def close(self) -> None:
        """Stop the file that is being written; the next start removes it and begins again."""
        self._beside.close()

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
        self._beside.is_alone = self.is_alone
        self._beside.begin(self._write)

    def _write(self, cursor: duckdb.DuckDBPyConnection) -> Segment:
        part = self.database.parts.of(LINK_EVENTS, Kind.SEALED)[0]
        folder = self.database.parts.segment_folder
        folder.mkdir(exist_ok=True)
        rows = f'FROM internal."{part.name}"'
        return write_segment(cursor, folder / f"{part.name}.parquet", rows, self.at, "segment")

    def _name(self, segment: Segment) -> None:
        parts = self.database.parts
        part = parts.of(LINK_EVENTS, Kind.SEALED)[0]
        self._run("BEGIN")
        try:
            self._run(
                "INSERT INTO internal.segments BY NAME SELECT ? AS file_name, ? AS row_count, "  # noqa: S608
                "? AS byte_count, ? AS checksum, min(observed_at) AS first_observed_at, "
                "max(observed_at) AS last_observed_at, CAST(? AS TIMESTAMPTZ) AS made_at "
                f'FROM internal."{part.name}"',
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
        self.at("segment-moved")

    def _run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return self.database.connection.execute(statement, list(values)).fetchall()

    def _roll_back(self) -> None:
        with suppress(duckdb.Error):
            self._run("ROLLBACK")
