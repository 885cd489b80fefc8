"""Folds sealed parts into sorted runs, slice by slice, beside the batches.

A fold writes its run into a table that no view knows, so its slices can be written while batches are
committed. One short transaction between two batches then puts the run in the place of what it was made of. So
every view shows each row once at every moment, and a process that dies between two slices leaves nothing but
a table that the next start drops. No fold touches an offset or the revision of a batch.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from linktide.errors import LinktideError
from linktide.store.beside import Beside
from linktide.store.database import ROW_GROUP_ROWS
from linktide.store.failure import write_failures
from linktide.store.parts import FAMILIES, Family, Kind, Part
from linktide.store.slices import Slicer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from linktide.store.database import Database

_LOG = logging.getLogger(__name__)
_LARGEST_BASE = 4
"""Times the new rows that the one run of a table may hold that is folded into one."""
_LEAST_PEER = 0.4
"""Times the rows of a run that the next newer one has at least if both were written equally often."""
_MOST_SUPERSEDED = 0.3
"""Share of the rows of a table that newer ones may have superseded before all of it is folded."""
_HOT_SHARE = 0.1
"""Of the rows of all tables of several runs: so many may be hot before they are sealed, however many
`seal_rows` are. The number of generations is then bounded, and with it how often each row is written."""
_ALONE_SHARE = 0.125
"""Of `seal_rows`: a table of one run is not sealed by itself with fewer rows."""
_KEY_SAMPLE = 64
"""One key of so many is counted to find that share."""

FOLD_POINTS = ("seal", "sealed", "fold", "slice", "sliced", "swap", "swapped", "folded")
"""The names at which `at` of a Folder is called."""


@dataclass(frozen=True, slots=True)
class FoldRule:
    """When and how the tables are folded."""

    seal_rows: int = 1_000_000
    """Rows in the hot parts at which they are sealed, if these are a tenth of all rows; the raw events are
    not counted."""
    slice_seconds: float = 0.5
    """What a slice should take; its size follows from what the slices before it took. Only checkpoints and
    backups wait for it, and the larger it is the seldomer are unsorted rows read in vain."""
    slice_rows: int = ROW_GROUP_ROWS
    """A slice writes so many rows or a multiple of it: whole row groups. These go into the file at
    once, compressed; what does not fill one goes through the WAL and is written again by a checkpoint."""
    cell_rows: int = 512
    """Rows between two samples of where a slice may end."""


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What one step did."""

    what: str
    """sealed, slice or swapped."""
    table: str
    rows: int
    seconds: float


def _nothing(_point: str) -> None:
    """Let the folder go on."""


@dataclass(slots=True)
class _Job:
    """A fold under way."""

    family: Family
    inputs: tuple[Part, ...]
    output: Part
    slicer: Slicer


@dataclass(slots=True)
class Folder:
    """Folds the parts of one database; `step` runs on the writer's thread, between its transactions.

    After an error the database is in an unknown state, as after a failed commit.
    """

    database: Database
    rule: FoldRule = field(default_factory=FoldRule)
    monotonic: Callable[[], float] = time.monotonic
    at: Callable[[str], None] = _nothing
    """Called at each of FOLD_POINTS; kill tests put their bomb here."""
    void_floor: Callable[[], int] | None = None
    """Void rows above this revision stay: who restores an older state and takes the rows since needs them."""
    is_alone: bool = False
    """Write slices on a thread of its own, so that `step` does not wait for them."""
    _beside: Beside[FoldResult] = field(init=False)
    _job: _Job | None = field(init=False, default=None)
    _slice_rows: dict[str, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Drop what a fold that did not end left behind."""
        self._beside = Beside(self.database, "linktide-fold")
        with write_failures(self.database.path, "drop what a fold left"):
            for name in self._left_over():
                self._run(f'DROP TABLE internal."{name}"')

    @property
    def is_busy(self) -> bool:
        """Tell whether a fold has begun, or has to: sealed parts wait."""
        parts = self.database.parts
        return self._job is not None or any(parts.of(table, Kind.SEALED) for table in FAMILIES)

    def unfolded_rows(self) -> int:
        """Return about how many rows wait for a fold: sealed ones, and hot ones that are worth it."""
        parts = self.database.parts
        sealed = sum(parts.rows(parts.of(table, Kind.SEALED)) for table in FAMILIES)
        return sealed + sum(self._ripe().values())

    def is_due(self) -> bool:
        """Tell whether `step` would do anything."""
        return self.is_busy or bool(self._due())

    def _due(self) -> dict[str, int]:
        """Return the tables that are to be sealed now, and how many rows these are.

        All that are ripe, once they are many together. A table of one run earlier: its share is its own, so
        that waiting for the others would save nothing, and questions fold all that is hot of scores.
        """
        parts, ripe = self.database.parts, self._ripe()
        several = [table for table, family in FAMILIES.items() if family.most_runs > 1]
        folded = sum(parts.rows(parts.of(table, Kind.RUN)) for table in several)
        if sum(ripe.values()) >= max(self.rule.seal_rows, int(folded * _HOT_SHARE)):
            return ripe
        least = self.rule.seal_rows * _ALONE_SHARE
        return {table: rows for table, rows in ripe.items() if table not in several and rows >= least}

    def step(self) -> FoldResult | None:
        """Do the next piece of work, if any is due: seal, fold one slice, or swap; return what was done.

        None: nothing was due, or a slice is being written. Raises DiskFullError or StoreFailedError, also for
        the slice before.
        """
        started = self.monotonic()
        if self._beside.is_running:
            return None
        written = self._take()
        if self.is_busy:
            return self._go_on(self._job or self._begin(), written, started)
        if not (due := self._due()):
            return None
        return FoldResult("sealed", "", self._seal(due), self.monotonic() - started)

    def hear(self) -> None:
        """Raise what stopped a slice, DiskFullError or StoreFailedError, if anything has."""
        self._beside.hear()

    def rest(self) -> None:
        """Wait until nothing is written beside the writer's thread; raises nothing, `hear` does."""
        self._beside.wait()

    def close(self) -> None:
        """Stop the slice that is being written; the next start drops what there is of the run."""
        try:
            self.hear()
        except LinktideError as error:
            # Another statement has met the instance that this slice had invalidated, and names no cause.
            _LOG.warning("A fold was stopped: %s", error)
        self._beside.close()

    def fold_all(self) -> None:
        """Seal and fold all there is; for tests, benches and offline work."""
        if not self.is_busy:
            self.seal(is_whole=True)
        while self.is_busy:
            self.rest()
            self.step()

    def _ripe(self) -> dict[str, int]:
        """Return the tables whose hot rows are worth a fold, and how many rows these are.

        A table that is folded into one run is written whole by each fold, so it waits until this is worth it.
        """
        parts = self.database.parts
        return {
            table: rows
            for table, family in FAMILIES.items()
            if (rows := parts.hot_rows[table])
            and (family.most_runs > 1 or rows * _LARGEST_BASE >= parts.rows(parts.of(table, Kind.RUN)))
        }

    def seal(self, *, is_whole: bool = False) -> int:
        """Seal the hot parts whose fold is worth it and put new ones in their place; return the rows sealed.

        `is_whole`: seal all that hold rows.
        """
        parts = self.database.parts
        return self._seal({t: n for t in FAMILIES if (n := parts.hot_rows[t])} if is_whole else self._ripe())

    def _seal(self, sealed: Mapping[str, int]) -> int:
        parts = self.database.parts
        if not sealed:
            return 0
        self.at("seal")
        with self._transaction("seal the tables"):
            serial = parts.next_serial()
            for table in sealed:
                name = f"{table}_{serial}"
                self._run(f'CREATE TABLE internal."{name}" AS FROM internal."{parts.hot(table)}" LIMIT 0')
                self._run(
                    "UPDATE internal.parts SET kind = 'sealed' WHERE table_name = ? AND kind = 'hot'", table
                )
                self._run("INSERT INTO internal.parts VALUES (?, ?, 'hot', ?)", name, table, serial)
            parts.reload()
            for table in sealed:
                parts.create_view(table)
            self._name_domains()
        self.at("sealed")
        return sum(sealed.values())

    def _name_domains(self) -> None:
        """Make sure that every sealed link's domain has a name to be sorted by."""
        hot = self.database.parts.hot("domain_keys")
        for part in self.database.parts.of("links", Kind.SEALED):
            self._run(
                f'INSERT INTO internal."{hot}" BY NAME '  # noqa: S608
                "SELECT DISTINCT t_dom_key AS domain_key, target_domain AS domain_name, 0 AS rev "
                f'FROM internal."{part.name}" l '
                "ANTI JOIN internal.domain_keys d ON d.domain_key = l.t_dom_key"
            )

    def _go_on(self, job: _Job, written: FoldResult | None, started: float) -> FoldResult | None:
        """Begin the next slice, or swap; `written` is the slice before."""
        if not job.slicer.is_done:
            self._slice(job)
            return written or (None if self._beside.is_running else self._take())
        if written is not None:
            return written
        rows = self._swap(job)
        return FoldResult("swapped", job.family.table, rows, self.monotonic() - started)

    def _begin(self) -> _Job:
        parts = self.database.parts
        table = next(table for table in FAMILIES if parts.of(table, Kind.SEALED))
        family = FAMILIES[table]
        inputs = self._inputs(family)
        serial = max(part.serial for part in inputs)
        output = Part(f"{table}_run_{parts.next_serial()}", table, Kind.RUN, serial)
        self.at("fold")
        with write_failures(self.database.path, f"begin a fold of {table}"):
            columns = ", ".join(parts.run_columns(table))
            self._run(
                f'CREATE OR REPLACE TABLE internal."{output.name}" AS '  # noqa: S608 - our own names
                f"SELECT {columns} FROM internal.{table} LIMIT 0"
            )
            is_oldest = inputs[0] == parts.of(table)[0]
            floor = self._void_floor() if is_oldest else -1
            slicer = Slicer(self.database, family, inputs, output, floor, self.rule.cell_rows)
            self._job = job = _Job(family, inputs, output, slicer)
            return job

    def _void_floor(self) -> int:
        return (1 << 63) - 1 if self.void_floor is None else self.void_floor()

    def _inputs(self, family: Family) -> tuple[Part, ...]:
        """Return the sealed part and the runs to fold with it, the oldest first.

        While there are few enough runs, none. Else the newest and those before it that have been written as
        often, which their size tells: of the ways to keep no more runs than that, this writes each row least
        often. All of them once too many of their rows are superseded.
        """
        parts = self.database.parts
        sealed = parts.of(family.table, Kind.SEALED)
        runs = parts.of(family.table, Kind.RUN)
        if runs and self._superseded(family, (*runs, *sealed)) > _MOST_SUPERSEDED:
            return (*runs, *sealed)
        if len(runs) < family.most_runs:
            return tuple(sealed)
        first = len(runs) - 1
        while first and (
            first >= family.most_runs
            or parts.rows([runs[first]]) >= _LEAST_PEER * parts.rows([runs[first - 1]])
        ):
            first -= 1
        return (*runs[first:], *sealed)

    def _superseded(self, family: Family, parts: tuple[Part, ...]) -> float:
        """Return what share of the rows of some parts newer ones supersede, by a sample of the keys."""
        if not family.key:
            return 0.0
        keys = ", ".join(family.key)
        every = 1 if self.database.parts.rows(parts) < self.rule.slice_rows else _KEY_SAMPLE
        rows = " UNION ALL ".join(
            f'SELECT {keys} FROM internal."{part.name}" WHERE {family.key[0]} % {every} = 0'  # noqa: S608
            for part in parts
        )
        found = self._run(f"SELECT count(*), count(DISTINCT ({keys})) FROM ({rows})")  # noqa: S608
        total, distinct = (int(str(count)) for count in found[0])
        return 1 - distinct / total if total else 0.0

    def _slice(self, job: _Job) -> None:
        self.at("slice")
        table, least = job.family.table, self.rule.slice_rows
        most = int(self._slice_rows.get(table, least) // least) * least

        def write(cursor: duckdb.DuckDBPyConnection) -> FoldResult:
            failures = write_failures(self.database.path, f"fold a slice of {table}")
            # No checkpoint is made while a transaction writes; one that is due has its turn between two.
            with failures, self.database.checkpoint_lock:
                started = self.monotonic()
                rows = job.slicer.fold_next(most, cursor)
                return FoldResult("slice", table, rows, self.monotonic() - started)

        with write_failures(self.database.path, "begin a slice"):
            self._beside.is_alone = self.is_alone
            self._beside.begin(write)

    def _take(self) -> FoldResult | None:
        """Take what the slice came to that was written last, if there is one to be taken."""
        written = self._beside.take()
        if written is not None:
            self.at("sliced")
            self._adapt(written.table, written.seconds)
        return written

    def _adapt(self, table: str, seconds: float) -> None:
        """Let the next slice of the table take the time it should, but change its size by little at once."""
        ratio = self.rule.slice_seconds / max(seconds, 1e-3)
        least = float(self.rule.slice_rows)
        rows = self._slice_rows.get(table, least) * min(max(ratio, 0.25), 1.5)
        self._slice_rows[table] = min(max(rows, least), 8 * least)

    def _swap(self, job: _Job) -> int:
        parts, table = self.database.parts, job.family.table
        self.at("swap")
        with self._transaction(f"put a run of {table} in its place"):
            if table == "domain_scores":
                for part in job.inputs:
                    if part.kind is Kind.SEALED:
                        self._run(f'INSERT INTO internal.score_history BY NAME FROM internal."{part.name}"')
            for part in job.inputs:
                self._run("DELETE FROM internal.parts WHERE part_name = ?", part.name)
            self._run(
                "INSERT INTO internal.parts VALUES (?, ?, 'run', ?)",
                job.output.name,
                table,
                job.output.serial,
            )
            parts.reload()
            parts.create_view(table)
            for part in job.inputs:
                self._run(f'DROP TABLE internal."{part.name}"')
            self.at("swapped")
        self._job = None
        self.at("folded")
        return job.slicer.rows

    def _left_over(self) -> list[str]:
        rows = self._run(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'internal' "
            r"AND regexp_matches(table_name, '_run_\d+$') "
            "AND table_name NOT IN (SELECT part_name FROM internal.parts)"
        )
        return [str(name) for (name,) in rows]

    def _run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return self.database.connection.execute(statement, list(values)).fetchall()

    @contextmanager
    def _transaction(self, doing: str) -> Iterator[None]:
        with write_failures(self.database.path, doing):
            try:
                self._run("BEGIN")
                yield
                self._run("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):
                    self._run("ROLLBACK")
                raise
