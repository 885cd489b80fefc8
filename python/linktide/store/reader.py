"""Readers of the store: SQL of outsiders through the gate, on the live file or a stopped one (stopped.py)."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Self

import duckdb
import pyarrow as pa

from linktide.errors import (
    ReadersBusyError,
    RefusedQueryError,
)
from linktide.setting import size_text
from linktide.store.database import HOME
from linktide.store.failure import StoreFailedError
from linktide.store.gate import Gate, Role, first_line
from linktide.store.narrow import NarrowViews
from linktide.store.query_guard import Guard, Shared, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from linktide.store.database import Database
    from linktide.store.reads import Reads

    Parameters = Sequence[object] | Mapping[str, object] | None

_ROWS_PER_BATCH = 2_048
_WATCH_SECONDS = 0.02
_CLOSED = "The database is not open for reading at the moment: try again in a few seconds."


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one statement may take. Above a limit it fails; a result is never cut short."""

    timeout_seconds: float = 30.0
    rows: int = 1_000_000
    bytes: int = 256 * 1024 * 1024
    """Of the result as Arrow."""
    is_rows_asked: bool = False
    """`rows` is the asker's own max_rows, not the setting query_max_rows."""
    growth_bytes: int = 2 * 1024 * 1024 * 1024
    """By which the whole process may grow meanwhile. DuckDB's memory_limit does not count the vectors of a
    running statement, and one of them can take many GB before an interrupt is heard: only a limit of the
    process (RLIMIT_DATA) stops that one; DuckDB then answers with an error of this statement."""

    def narrowed(self, max_rows: int | None) -> QueryLimits:
        """Return the limits with the asker's own on rows; it can only be lower."""
        if max_rows is None or max_rows >= self.rows:
            return self
        return replace(self, rows=max_rows, is_rows_asked=True)


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How the pool is made."""

    size: int = 4
    operator_memory_limit: str = "100MB"
    """For each operator of a reader's statement; beyond it the operator spills to disk."""
    limits: QueryLimits = field(default_factory=QueryLimits)
    wait_seconds: float = 5.0
    """How long a statement waits for a free reader."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """All rows of a statement."""

    table: pa.Table
    seconds: float


def _never() -> bool:
    return False


def _allocated(cursor: DuckDBPyConnection) -> int:
    """Return the bytes that DuckDB counts and cannot move to disk: states of aggregates, values that grow."""
    query = "SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'ALLOCATOR'"
    return int(cursor.execute(query).fetchall()[0][0])


class ReaderPool:
    """Cursors that outsiders read through; safe for many threads.

    Making it locks the configuration of the whole instance: no SET afterwards, for the writer neither.
    The writer needs none: INSERT from Arrow, CHECKPOINT and spilling go on.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a pool is made of
        self,
        cursors: Sequence[DuckDBPyConnection],
        settings: ReaderSettings,
        release: Callable[[DuckDBPyConnection], None],
        monotonic: Callable[[], float] = time.monotonic,
        gate: Gate | None = None,
        narrow: NarrowViews | None = None,
        shared: Shared | None = None,
    ) -> None:
        """`narrow` has narrow copies of the views, if there can be any.

        `shared` is what the readers share with a writer, if there is one.
        """
        self._settings = settings
        self._release = release
        self._cursors = tuple(cursors)
        self._monotonic = monotonic
        self._is_closed = False
        self.gate = gate or Gate()
        self._narrow = narrow
        self._watch = Watch(shared)
        self._free: queue.LifoQueue[DuckDBPyConnection | None] = queue.LifoQueue()
        """Readers; None once the pool is closed."""
        for cursor in cursors:
            self._free.put(cursor)

    @classmethod
    def of(cls, database: Database, settings: ReaderSettings | None = None) -> Self:
        """Return a pool on the live database; it must be made anew when the database is reopened."""
        settings = settings or ReaderSettings()
        cursors = [database.cursor() for _ in range(settings.size)]
        lock_readers(cursors, settings, database.parts.segment_folder)
        return cls(
            cursors,
            settings,
            database.release,
            gate=Gate(own=database.own.names),
            narrow=NarrowViews(database.cursor()),
            shared=Shared(partial(_allocated, database.cursor()), database.memory_limit_bytes()),
        )

    def query(  # noqa: PLR0913 - all but the text and its values by name
        self,
        sql: str,
        role: Role = Role.READER,
        parameters: Parameters = None,
        limits: QueryLimits | None = None,
        *,
        is_abandoned: Callable[[], bool] = _never,
        take: Callable[[pa.RecordBatch], object] | None = None,
    ) -> QueryResult:
        """Run one statement and return all its rows; it is stopped soon after `is_abandoned` turns true.

        With `take` the rows go there as they come, and the result holds the columns alone.
        Raises RefusedQueryError (refused, wrong, too slow, too big), AbandonedQueryError, ReadersBusyError
        (no reader free, or the pool closes) and StoreFailedError (the instance is lost: the service must
        reopen it).
        """
        if self._is_closed:
            raise ReadersBusyError(_CLOSED)
        started = self._monotonic()
        limits = limits or self._settings.limits
        try:
            statement = self.gate.check(sql, role)
            with self._cursor() as cursor:
                table = self._bound(
                    cursor,
                    statement.reads,
                    lambda: _run(
                        cursor,
                        statement.sql,
                        parameters,
                        Guard(self._watch, cursor, limits, is_abandoned),
                        partial(_read, take=take),
                    ),
                )
        except (RefusedQueryError, StoreFailedError, duckdb.Error) as error:
            if self._is_closed:  # what ended it was `close`, not its own fault
                raise ReadersBusyError(_CLOSED) from error
            raise
        return QueryResult(table, self._monotonic() - started)

    def describe(self, sql: str, role: Role = Role.READER, parameters: Parameters = None) -> pa.Schema:
        """Return the columns of one statement without its rows. Raises as `query` does."""
        if self._is_closed:
            raise ReadersBusyError(_CLOSED)
        statement = self.gate.check(sql, role)
        limits = self._settings.limits
        with self._cursor() as cursor:
            return self._bound(
                cursor,
                statement.reads,
                lambda: _run(
                    cursor, statement.sql, parameters, Guard(self._watch, cursor, limits, _never), _describe
                ),
            ).schema

    def _bound(self, cursor: DuckDBPyConnection, reads: Reads, run: Callable[[], pa.Table]) -> pa.Table:
        """Run with the names bound to the narrowest views that will do."""
        path = None if self._narrow is None else self._narrow.path_for(reads)
        if path is not None:
            _control(cursor, f"SET search_path = '{path}'")
            try:
                return run()
            except RefusedQueryError as error:
                # A name that no view has: what DuckDB says of it would speak of the copies.
                if not isinstance(error.__cause__, duckdb.BinderException):
                    raise
            finally:
                _control(cursor, f"SET search_path = '{HOME}'")
        return run()

    def close(self) -> None:
        """Interrupt what runs and close the readers; idempotent. Close the pool before its database."""
        if self._is_closed:
            return
        self._is_closed = True
        still_open = list(self._cursors)
        while still_open:
            cursor = self._interrupted(still_open)
            still_open.remove(cursor)
            self._release(cursor)
        # Who waits for a reader need not wait on.
        self._free.put(None)
        self._watch.close()
        self.gate.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _interrupted(self, still_open: Sequence[DuckDBPyConnection]) -> DuckDBPyConnection:
        """Return a reader that is free; DuckDB refuses to interrupt those that were closed before it."""
        while True:
            with suppress(queue.Empty):
                if (free := self._free.get(timeout=_WATCH_SECONDS)) is not None:
                    return free
            for cursor in still_open:  # again and again: an interrupt before the statement has begun is lost
                cursor.interrupt()

    @contextmanager
    def _cursor(self) -> Iterator[DuckDBPyConnection]:
        try:
            cursor = self._free.get(timeout=self._settings.wait_seconds)
        except queue.Empty as error:
            raise ReadersBusyError(
                _CLOSED
                if self._is_closed
                else f"All {self._settings.size} readers (reader_connections) are busy, and none was free "
                f"within {self._settings.wait_seconds:g} s: try again in a moment."
            ) from error
        try:
            if cursor is None or self._is_closed:
                raise ReadersBusyError(_CLOSED)
            yield cursor
        finally:
            self._free.put(cursor)


def lock_readers(
    cursors: Sequence[DuckDBPyConnection], settings: ReaderSettings, folder: Path | None
) -> None:
    """Set what only a reader needs on each cursor, then close the instance to everything outside it.

    The order holds: operator_memory_limit belongs to one connection, is not inherited by a new cursor, and
    cannot be set once the configuration is locked.
    """
    # The folder of the segments, which views read and the writer makes; it too cannot be named later.
    if cursors and folder is not None:
        cursors[0].execute("SET GLOBAL allowed_directories = [?]", [str(folder)]).fetchall()
    for cursor in cursors:
        cursor.execute("SET operator_memory_limit = ?", [settings.operator_memory_limit]).fetchall()
    if not cursors:
        return
    for statement in (
        "SET GLOBAL python_enable_replacements = false",
        "SET GLOBAL enable_external_access = false",
        "SET GLOBAL lock_configuration = true",
    ):
        cursors[0].execute(statement).fetchall()


def _run(
    cursor: DuckDBPyConnection,
    sql: str,
    parameters: Parameters,
    guard: Guard,
    read: Callable[[DuckDBPyConnection, str, Parameters, Guard], pa.Table],
) -> pa.Table:
    _control(cursor, "BEGIN TRANSACTION READ ONLY")
    try:
        with guard:
            return read(cursor, sql, parameters, guard)
    except duckdb.FatalException as error:
        raise StoreFailedError(f"a reader lost the database ({first_line(error)}); reopen it") from error
    except (duckdb.Error, pa.ArrowException, OSError, RuntimeError, TypeError, ValueError) as error:
        raise guard.refusal or RefusedQueryError(_mistake(error)) from error
    finally:
        # Always, and at once: an open read transaction keeps the writer from its checkpoints. After the
        # guard has left: it must not interrupt this.
        _control(cursor, "ROLLBACK")


def _mistake(error: Exception) -> str:
    """Return what DuckDB says of a statement, with the setting behind it where memory ran out."""
    bound = "; memory_limit bounds it" if isinstance(error, duckdb.OutOfMemoryException) else ""
    return first_line(error) + bound


def _control(cursor: DuckDBPyConnection, statement: str) -> None:
    try:
        cursor.execute(statement).fetchall()
    except duckdb.Error as error:
        raise StoreFailedError(f"a reader lost the database ({first_line(error)}); reopen it") from error


def _relation(cursor: DuckDBPyConnection, sql: str, parameters: Parameters) -> DuckDBPyRelation:
    relation = cursor.sql(sql, params=parameters)
    if relation is None:
        raise RefusedQueryError("the statement returns no rows")
    return relation


def stream_of(cursor: DuckDBPyConnection, sql: str, parameters: Parameters) -> pa.RecordBatchReader:
    """Run a statement, and return what reads its rows as they come.

    The relation that `sql` returns was planned for the names of its columns and is planned again to be read:
    of a small domain that is more than its rows take. `execute` plans once, but reads every row before the
    first batch. So the rows are asked for as a relation asks for them; nothing public does it, and a client
    without it plans twice.
    """
    submit = getattr(cursor, "_submit", None)
    if submit is None:
        return _relation(cursor, sql, parameters).to_arrow_reader(_ROWS_PER_BATCH)
    values = dict(parameters) if isinstance(parameters, Mapping) else list(parameters or ())
    found = submit(sql, values, "stream", _ROWS_PER_BATCH)
    if found.return_type != "query_result":
        raise RefusedQueryError("the statement returns no rows")
    reader: pa.RecordBatchReader = found.arrow_reader()
    return reader


def _describe(cursor: DuckDBPyConnection, sql: str, parameters: Parameters, _guard: Guard) -> pa.Table:
    return _relation(cursor, sql, parameters).limit(0).to_arrow_table()


def _read(
    cursor: DuckDBPyConnection,
    sql: str,
    parameters: Parameters,
    guard: Guard,
    take: Callable[[pa.RecordBatch], object] | None = None,
) -> pa.Table:
    limits = guard.limits
    # The stream owns the connection while it is open; ROLLBACK needs it closed, not merely unreferenced.
    with stream_of(cursor, sql, parameters) as reader:
        batches: list[pa.RecordBatch] = []
        rows = size = 0
        for batch in reader:
            rows += batch.num_rows
            size += batch.nbytes
            if rows > limits.rows:
                bound = "max_rows" if limits.is_rows_asked else "query_max_rows"
                raise RefusedQueryError(f"the result has more rows than {bound} = {limits.rows}; add a LIMIT")
            if size > limits.bytes:
                raise RefusedQueryError(
                    f"the result has more bytes than query_max_bytes = {size_text(limits.bytes)}; add a LIMIT"
                )
            if guard.refusal:
                raise guard.refusal
            (take or batches.append)(batch)
        return pa.Table.from_batches(batches, schema=reader.schema)
