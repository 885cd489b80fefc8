"""Raw observations expire: segments are written anew without the old sightings that define nothing.

Old answers of pages expire beside them (page_thinning.py), in turn: each must see all that is stored.
What stays is told by docs/decisions/0019: a link derived from it has the same lives, attribute runs and
registers as derived from all. The order on disk is that of a new segment: write, fsync, rename, fsync of the
folder, then the transaction that names the new file in the place of the old one.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import duckdb

from linktide.store.beside import Beside
from linktide.store.failure import write_failures
from linktide.store.page_thinning import PageThinner
from linktide.store.parts import LINK_EVENTS, Kind
from linktide.store.segment_files import Segment, quoted, write_segment
from linktide.store.thinning_rows import find_expired

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linktide.store.database import Database

THIN_POINTS = ("thin", "thin-written", "thin-renamed", "thin-named", "thinned")
"""The names at which `at` of a Thinner is called."""

_LOOK_SECONDS = 60.0
_COUNT_SECONDS = 10.0
_OLD_FILE_SECONDS = 7200.0
"""Longer than any statement or backup that may still read a file which was replaced."""
_DUE: Final = """
SELECT file_name, row_count FROM internal.segments
WHERE $horizon - epoch_us(first_observed_at) >= greatest(
    $step, 2 * coalesce(epoch_us(thinned_before_at) - epoch_us(first_observed_at), 0))
ORDER BY first_observed_at LIMIT 1
"""
_LATE: Final = """
SELECT 1 FROM ({rows}) r
SEMI JOIN read_parquet('{file}') s ON r.key = s.{column} LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class ThinRule:
    """When raw observations expire."""

    days: int = 0
    """Of event time before the clock; 0: never."""
    least_share: float = 0.1
    """Of the rows of a segment that must go before it is written anew."""
    step_seconds: float = 86_400.0
    """A segment is looked at once the horizon has passed its first row by so much, then by twice as much as
    before: the older it is the less can have changed. Pages are each time it has passed so much more."""


@dataclass(frozen=True, slots=True)
class Thinned:
    """What was found out of one segment."""

    old_name: str
    horizon_us: int
    rev: int
    """The newest batch that was seen."""
    rows: int
    """That go."""
    segment: Segment | None
    """The new file; None if too few rows go."""


def _nothing(_point: str) -> None:
    """Let the thinner go on."""


@dataclass(slots=True)
class Thinner:
    """Thins the segments of one database; `step` runs on the writer's thread, files are written on another.

    While it is busy no segment may be made. After an error the database is in an unknown state, as after a
    failed commit.
    """

    database: Database
    rule: ThinRule = field(default_factory=ThinRule)
    monotonic: Callable[[], float] = time.monotonic
    at: Callable[[str], None] = _nothing
    is_alone: bool = True
    """Write the file on a thread of its own, so that `step` does not wait for it."""
    pages: PageThinner = field(init=False)
    """Thins what pages told."""
    _horizon_us: int | None = field(init=False, default=None)
    _thinned_rows: int = field(init=False, default=0)
    _late_rows: int = field(init=False, default=0)
    _beside: Beside[Thinned] = field(init=False)
    _looked_at: float = field(init=False, default=float("-inf"))
    _counted_at: float = field(init=False, default=float("-inf"))
    _counted_rev: int = field(init=False, default=0)
    _replaced: list[tuple[float, Path]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Read how far rows have gone."""
        self._beside = Beside(self.database, "linktide-thinning")
        step_us = int(self.rule.step_seconds * 1e6)
        self.pages = PageThinner(
            self.database, self.rule.days, step_us, self.monotonic, self.at, self.is_alone
        )
        self._read_horizon()
        self._counted_rev = self._rev()

    @property
    def horizon_us(self) -> int | None:
        """Before it rows have gone; Unix µs of event time. None while none have."""
        known = [at for at in (self._horizon_us, self.pages.horizon_us) if at is not None]
        return max(known, default=None)

    @property
    def is_busy(self) -> bool:
        """Tell whether a segment, or what pages told, is being thinned."""
        return self._beside.is_running or self._beside.has_ended or self.pages.is_busy

    @property
    def is_turn_wanted(self) -> bool:
        """Tell whether the next step may take rows away."""
        return self._beside.has_ended or self.pages.is_turn_wanted

    def step(self) -> bool:
        """Do the next piece of work, if any is due; tell whether it did some.

        All batches must be stored of which any was derived from the rows that are.

        Raises DiskFullError or StoreFailedError.
        """
        with write_failures(self.database.path, "thin what pages told"):
            if self.pages.is_busy:
                return self.pages.step()
        with write_failures(self.database.path, "thin a segment"):
            if self._beside.is_running:
                return False
            if (done := self._beside.take()) is not None:
                self._name(done)
                return True
            if self._begin_if_due():
                return True
        with write_failures(self.database.path, "thin what pages told"):
            return self.pages.step()

    def count_late(self) -> None:
        """Count what was stored older than the horizon; before each step that may take a sealed part away.

        Raises DiskFullError or StoreFailedError.
        """
        is_sealed = bool(self.database.parts.of(LINK_EVENTS, Kind.SEALED))
        is_time = is_sealed or self.monotonic() - self._counted_at >= _COUNT_SECONDS
        horizon_us = self.horizon_us
        if horizon_us is None or not is_time:
            return
        self._counted_at = self.monotonic()
        with write_failures(self.database.path, "count late events"):
            rev = self._rev()
            for table in (*self._new_parts(), "page_snapshots") if rev > self._counted_rev else ():
                found = self._run(
                    f'SELECT count(*) FROM internal."{table}" WHERE rev > ? AND rev <= ? '  # noqa: S608 - our own
                    "AND observed_at < make_timestamptz(?)",
                    self._counted_rev, rev, horizon_us,
                )  # fmt: skip
                self._late_rows += int(str(found[0][0]))
            self._counted_rev = rev

    def take_counts(self) -> tuple[int, int]:
        """Return the rows that expired and the events that came too late since the last call."""
        counts = (self._thinned_rows + self.pages.take_count(), self._late_rows)
        self._thinned_rows = self._late_rows = 0
        return counts

    def drop_replaced(self) -> None:
        """Remove old files that nobody can read any more; what is left at a stop goes at the next start.

        Raises StoreFailedError.
        """
        now = self.monotonic()
        with write_failures(self.database.path, "remove segments that were replaced"):
            while self._replaced and now - self._replaced[0][0] >= _OLD_FILE_SECONDS:
                self._replaced.pop(0)[1].unlink(missing_ok=True)

    def thin_all(self) -> None:
        """Thin all that is due; for tests, benches and offline work."""
        while self.step() or self.is_busy:
            self._beside.wait()
            self.pages.wait()
            if self.pages.is_waiting:
                self.database.checkpoint()

    def close(self) -> None:
        """Stop what is under way; the next start removes the file, and begins again."""
        self._beside.close()
        self.pages.close()

    def _begin_if_due(self) -> bool:
        if not self.rule.days or self.database.parts.of(LINK_EVENTS, Kind.SEALED):
            return False
        if self.monotonic() - self._looked_at < _LOOK_SECONDS:
            return False
        horizon_us = self._horizon()
        due = [] if horizon_us is None else self.database.connection.execute(
            _DUE, {"horizon": horizon_us, "step": int(self.rule.step_seconds * 1e6)}
        ).fetchall()  # fmt: skip
        if not due or horizon_us is None:
            self._looked_at = self.monotonic()
            return False
        name, rows = str(due[0][0]), int(due[0][1])
        self._beside.is_alone = self.is_alone
        self.at("thin")
        self._beside.begin(lambda cursor: self._write(cursor, name, rows, horizon_us))
        return True

    def _write(self, cursor: duckdb.DuckDBPyConnection, name: str, rows: int, horizon_us: int) -> Thinned:
        """Find what goes, on one snapshot, and write the file without it."""
        folder = self.database.parts.segment_folder
        cursor.execute("BEGIN").fetchall()
        rev = int(cursor.execute("SELECT rev FROM internal.writer").fetchall()[0][0])
        gone = find_expired(cursor, self.database.parts, name, horizon_us)
        # Checkpoints wait for a transaction, not for the file. The temporary tables go with the cursor.
        cursor.execute("COMMIT").fetchall()
        if gone == 0 or gone < self.rule.least_share * rows:
            return Thinned(name, horizon_us, rev, 0, None)
        kept = (
            f"SELECT e.* EXCLUDE (file_row_number) FROM read_parquet('{quoted(folder / name)}', "  # noqa: S608
            "file_row_number = true) e ANTI JOIN temp.expired x ON x.place = e.file_row_number"
        )
        segment = write_segment(cursor, folder / _name_of(name, horizon_us), kept, self.at, "thin")
        return Thinned(name, horizon_us, rev, gone, segment)

    def _name(self, done: Thinned) -> None:
        """Put the new file in the place of the old one, or only note that it was looked at."""
        folder, segment = self.database.parts.segment_folder, done.segment
        if segment is not None and self._is_outrun(done):
            # What arrived meanwhile may have made a row that goes one that defines something.
            (folder / segment.name).unlink()
            self._looked_at = self.monotonic()
            return
        self._run("BEGIN")
        try:
            self._run(
                "UPDATE internal.segments SET thinned_before_at = make_timestamptz(?), "
                "thinned_rows = thinned_rows + ? WHERE file_name = ?",
                done.horizon_us, done.rows, done.old_name,
            )  # fmt: skip
            if segment is not None:
                self._run(
                    "UPDATE internal.segments SET file_name = ?, row_count = ?, byte_count = ?, checksum = ? "
                    "WHERE file_name = ?",
                    segment.name, segment.rows, segment.bytes, segment.checksum, done.old_name,
                )  # fmt: skip
                self.database.parts.create_view(LINK_EVENTS)
            self.at("thin-named")
            self._run("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):
                self._run("ROLLBACK")
            raise
        if segment is not None:
            self._replaced.append((self.monotonic(), folder / done.old_name))
            self._thinned_rows += done.rows
            self._read_horizon()
        self.at("thinned")

    def _is_outrun(self, done: Thinned) -> bool:
        """Tell whether anything older than the horizon came since for a link of the segment or its page."""
        file = quoted(self.database.parts.segment_folder / done.old_name)
        told = [(table, "link_id", "link_id") for table in self._new_parts()]
        told.append(("page_snapshots", "page_key", "source_key"))
        for table, key, column in told:
            rows = (
                f'SELECT {key} AS key FROM internal."{table}" WHERE rev > {done.rev} '  # noqa: S608 - our own
                f"AND observed_at < make_timestamptz({done.horizon_us})"
            )
            late = self._run(f"SELECT 1 FROM ({rows}) LIMIT 1")  # noqa: S608 - our own
            if late and self._run(_LATE.format(rows=rows, file=file, column=column)):
                return True
        return False

    def _horizon(self) -> int | None:
        clock = self._run("SELECT epoch_us(clock) FROM internal.writer")[0][0]
        return None if clock is None else int(str(clock)) - self.rule.days * 86_400_000_000

    def _read_horizon(self) -> None:
        found = self._run(
            "SELECT epoch_us(max(thinned_before_at)) FROM internal.segments WHERE thinned_rows > 0"
        )
        self._horizon_us = None if found[0][0] is None else int(str(found[0][0]))

    def _rev(self) -> int:
        return int(str(self._run("SELECT rev FROM internal.writer")[0][0]))

    def _new_parts(self) -> list[str]:
        return self.database.parts.physical(LINK_EVENTS)

    def _run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return self.database.connection.execute(statement, list(values)).fetchall()


def _name_of(old_name: str, horizon_us: int) -> str:
    """Return the name of the file that takes the place of another."""
    stem = re.sub(r"(_t-?\d+)?\.parquet$", "", old_name)
    return f"{stem}_t{horizon_us}.parquet"
