"""Old answers of pages expire: rows of internal.page_snapshots that define nothing, erased slice by slice.

They are found beside the writer, a stretch of time at a time; the writer erases them between its batches,
each slice in a transaction of its own, in the order in which they were stored. DuckDB puts row groups that
have lost rows together in the next checkpoint: in that order it is a few of them, else it were all at once.
For the same reason not much is erased between two checkpoints. What stays is told by docs/decisions/0019.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import duckdb

from linktide.store.arrow_view import ARROW_VIEW
from linktide.store.beside import Beside
from linktide.store.page_rows import end_of_stretch, find_unchanged, in_order
from linktide.store.parts import LINK_EVENTS, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from linktide.store.database import Database

PAGE_THIN_POINTS: Final = ("thin-pages", "thin-pages-found", "thin-pages-erased", "pages-thinned")
"""The names at which `at` of a PageThinner is called."""

_LOOK_SECONDS: Final = 60.0
_SHARE_ROWS: Final = 1_000_000
"""Old answers that are looked at together; what bounds memory."""
_STRETCH_ROWS: Final = 250_000
"""Answers that became old, looked at before any is erased; what bounds how long no segment is made."""
_ROWS_PER_CHECKPOINT: Final = 50_000
"""Erased between two checkpoints; what bounds how long these take."""
_LEAST_SLICE_ROWS: Final = 1_000
_LOOKED: Final = "pages_looked_before_us"
_THINNED: Final = "pages_thinned_before_us"
_ERASED: Final = "pages_thinned_rows"
_ERASE: Final = f"""
DELETE FROM internal.page_snapshots
WHERE rev BETWEEN $first AND $last
  AND (source_id, off, page_key) IN (SELECT source_id, off, page_key FROM {ARROW_VIEW})
"""  # noqa: S608 - our own names
# What arrived meanwhile may have made a row that goes one that defines something.
_LATE: Final = """
SELECT {key} FROM internal."{table}" WHERE rev > {rev} AND observed_at < make_timestamptz({horizon})
"""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """What was found of one stretch of time."""

    until_us: int
    """Answers older than this were looked at."""
    rev: int
    """The newest batch that was seen."""
    rows: pa.Table
    """Those that go, and are not erased yet, in the order of `rev`; else as `find_unchanged` returns them."""


@dataclass(slots=True)
class PageThinner:
    """Thins what the pages of one database told; `step` runs on the writer's thread, finds on another.

    While it is busy no segment may be made or thinned. After an error the database is in an unknown state, as
    after a failed commit.
    """

    database: Database
    days: int
    """Of event time before the clock after which answers expire; 0: never."""
    step_us: int
    """The pages are looked at once the horizon has passed so much more."""
    monotonic: Callable[[], float] = time.monotonic
    at: Callable[[str], None] = lambda _point: None
    is_alone: bool = True
    """Find on a thread of its own, so that `step` does not wait for it."""
    slice_seconds: float = 0.15
    """What a slice should take; its rows follow from what the slice before it took."""
    slice_rows: int = 10_000
    """Of the next slice."""
    share_rows: int = _SHARE_ROWS
    stretch_rows: int = _STRETCH_ROWS
    rows_per_checkpoint: int = _ROWS_PER_CHECKPOINT
    horizon_us: int | None = field(init=False, default=None)
    """Before it rows have gone; Unix µs of event time. None while none have."""
    longest_seconds: float = field(init=False, default=0.0)
    """Of a slice, its commit included."""
    _erased_rows: int = field(init=False, default=0)
    """Since the last checkpoint."""
    _wal_bytes: int = field(init=False, default=0)
    """When last looked at; a smaller WAL tells of a checkpoint."""
    _found: Unchanged | None = field(init=False, default=None)
    _thinned_rows: int = field(init=False, default=0)
    _beside: Beside[Unchanged] = field(init=False)
    _looked_at: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        """Read how far rows have gone."""
        self._beside = Beside(self.database, "linktide-page-thinning", self.is_alone)
        self.horizon_us = self._number(_THINNED)

    @property
    def is_busy(self) -> bool:
        """Tell whether rows are sought, or wait to be erased."""
        return self._beside.is_running or self._beside.has_ended or self._found is not None

    @property
    def is_turn_wanted(self) -> bool:
        """Tell whether the next step may take rows away."""
        return self._beside.has_ended or (self._found is not None and not self.is_waiting)

    def step(self) -> bool:
        """Do the next piece of work, if any is due; tell whether it did some. Raises what DuckDB raises."""
        if self._beside.is_running:
            return False
        if (found := self._beside.take()) is not None:
            self.at("thin-pages-found")
            self._found = found
            return True
        if self._found is not None:
            return not self.is_waiting and self._erase_slice(self._found)
        return self._begin_if_due()

    @property
    def is_waiting(self) -> bool:
        """Tell whether nothing more is erased before the next checkpoint."""
        before, self._wal_bytes = self._wal_bytes, self.database.wal_bytes()
        if self._wal_bytes < before:
            self._erased_rows = 0
        return self._erased_rows >= self.rows_per_checkpoint

    def take_count(self) -> int:
        """Return the rows that were erased since the last call."""
        count, self._thinned_rows = self._thinned_rows, 0
        return count

    def wait(self) -> None:
        """Wait until what is sought is found."""
        self._beside.wait()

    def close(self) -> None:
        """Stop seeking; the next start begins again."""
        self._beside.close()

    def look_again(self) -> None:
        """Let the next step look whether anything is due, however short ago one did; for tests."""
        self._looked_at = float("-inf")

    def _begin_if_due(self) -> bool:
        """Seek in the next stretch of time, if there is one; tell whether there is."""
        if not self.days or self.database.parts.of(LINK_EVENTS, Kind.SEALED):
            return False
        if self.monotonic() - self._looked_at < _LOOK_SECONDS:
            return False
        clock = self._run("SELECT epoch_us(clock) FROM internal.writer")[0][0]
        looked_us = self._number(_LOOKED) or 0
        horizon_us = 0 if clock is None else int(str(clock)) - self.days * 86_400_000_000
        if horizon_us - looked_us < self.step_us:
            self._looked_at = self.monotonic()
            return False
        self.at("thin-pages")
        self._beside.begin(lambda cursor: self._find(cursor, looked_us, horizon_us))
        return True

    def _find(self, cursor: duckdb.DuckDBPyConnection, since_us: int, horizon_us: int) -> Unchanged:
        rev = int(cursor.execute("SELECT rev FROM internal.writer").fetchall()[0][0])
        until_us, old_rows = end_of_stretch(cursor, since_us, horizon_us, self.stretch_rows)
        shares = 1 + old_rows // self.share_rows
        found = []
        for share in range(shares):
            # One snapshot for all that is asked of a share; checkpoints wait for it. What is newer than `rev`
            # is late to the writer. The temporary tables go with the cursor.
            cursor.execute("BEGIN").fetchall()
            found.append(find_unchanged(cursor, since_us, until_us, share, shares))
            cursor.execute("COMMIT").fetchall()
        return Unchanged(until_us, rev, in_order(found))

    def _erase_slice(self, found: Unchanged) -> bool:
        """Erase the next rows, but for those of pages of which something old has come since; return True."""
        began_at = self.monotonic()
        rows, rest = found.rows.slice(0, self.slice_rows), found.rows.slice(self.slice_rows)
        self._run("BEGIN")
        try:
            erased = self._erase(found, rows) if rows.num_rows else 0
            if erased:
                self._note(
                    **{
                        _THINNED: max(found.until_us, self.horizon_us or 0),
                        _ERASED: erased + (self._number(_ERASED) or 0),
                    }
                )
            if not rest.num_rows:
                self._note(**{_LOOKED: found.until_us})
            self.at("thin-pages-erased")
            self._run("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):
                self._run("ROLLBACK")
            raise
        self._found = Unchanged(found.until_us, found.rev, rest) if rest.num_rows else None
        self._thinned_rows += erased
        self._erased_rows += erased
        self.horizon_us = self._number(_THINNED)
        self._adapt(rows.num_rows, self.monotonic() - began_at)
        self.at("pages-thinned")
        return True

    def _erase(self, found: Unchanged, rows: pa.Table) -> int:
        # Rows are named by their offsets, and found by their revisions: these are in the order of the table.
        revs = rows["rev"]
        late = " UNION ALL ".join(
            _LATE.format(key=key, table=table, rev=found.rev, horizon=found.until_us)
            for table, key in (
                *((part, "source_key") for part in self.database.parts.physical(LINK_EVENTS)),
                ("page_snapshots", "page_key"),
            )
        )
        has_late = bool(self._run(f"SELECT 1 FROM ({late}) LIMIT 1"))  # noqa: S608 - our own names
        spared = f" AND page_key NOT IN ({late})" if has_late else ""
        with self.database.arrow.of(rows):
            erased = self.database.connection.execute(
                _ERASE + spared, {"first": revs[0].as_py(), "last": revs[rows.num_rows - 1].as_py()}
            ).fetchall()
        return int(erased[0][0])

    def _adapt(self, rows: int, seconds: float) -> None:
        """Let the next slice take as long as it should, and never more than twice the rows at once."""
        self.longest_seconds = max(self.longest_seconds, seconds)
        if rows < self.slice_rows:
            return
        fitting = int(rows * min(2.0, self.slice_seconds / max(seconds, 1e-6)))
        self.slice_rows = min(max(fitting, _LEAST_SLICE_ROWS), self.rows_per_checkpoint)

    def _number(self, name: str) -> int | None:
        value = self.database.setting(name)
        return None if value is None else int(value)

    def _note(self, **numbers: int) -> None:
        self.database.store_settings(**{name: str(number) for name, number in numbers.items()})

    def _run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return self.database.connection.execute(statement, list(values)).fetchall()
