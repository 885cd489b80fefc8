"""The ways to an index over HTTP and on a file, behind one shape; `wired.py` is the third."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol, cast
from weakref import WeakSet

import pyarrow as pa

from linktide.errors import AbandonedQueryError, ExitCode, RefusedQueryError
from linktide.remote import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linktide.remote import RunningService
    from linktide.result import RowStream
    from linktide.store.reader import QueryLimits, ReaderPool

    Parameters = Sequence[object] | Mapping[str, object] | None
    Read = Callable[[Callable[[pa.RecordBatch], object], Callable[[], bool]], pa.Table]

_BATCHES_AHEAD = 16
_LOOK_SECONDS = 0.1


class Way(Protocol):
    """A way to an index."""

    def run(self, sql: str, parameters: Parameters, max_rows: int | None) -> RowStream:
        """Begin one statement. Raises LinktideError."""

    def close(self) -> None:
        """Close it; idempotent."""


class Served:
    """A service, over HTTP."""

    def __init__(self, service: RunningService) -> None:
        self._service = service

    def run(self, sql: str, parameters: Parameters, max_rows: int | None) -> RowStream:
        """As `Way.run`."""
        try:
            return self._service.rows(sql, _as_json(parameters), max_rows)
        except RemoteError as error:
            if error.exit_code is ExitCode.REFUSED_QUERY:
                raise RefusedQueryError(str(error)) from error
            raise

    def close(self) -> None:
        """As `Way.close`."""
        self._service.close()


class Stopped:
    """A file that no service holds."""

    def __init__(self, readers: ReaderPool, limits: QueryLimits) -> None:
        self._readers = readers
        self._limits = limits
        self._open: WeakSet[_Handed] = WeakSet()

    def run(self, sql: str, parameters: Parameters, max_rows: int | None) -> RowStream:
        """As `Way.run`."""
        limits = self._limits.narrowed(max_rows)

        def read(take: Callable[[pa.RecordBatch], object], is_left: Callable[[], bool]) -> pa.Table:
            result = self._readers.query(
                sql, parameters=parameters, limits=limits, is_abandoned=is_left, take=take
            )
            return result.table

        handed = _Handed(read)
        self._open.add(handed)
        return handed

    def close(self) -> None:
        """As `Way.close`."""
        for handed in list(self._open):
            handed.close()
        self._readers.close()


class _Handed:
    """Rows that another thread reads, a few batches ahead.

    A statement that runs in the thread of its asker keeps Ctrl-C waiting, and could not be left half read.
    """

    def __init__(self, read: Read) -> None:
        """Begin `read`, which takes what hears of each batch; returns once the columns are known."""
        self._batches: queue.Queue[pa.RecordBatch | pa.Table | BaseException] = queue.Queue(_BATCHES_AHEAD)
        self._is_left = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(read,), name="linktide-query", daemon=True)
        self._thread.start()
        self._next: pa.RecordBatch | pa.Table | BaseException
        try:
            self._next = self._batches.get()
        except BaseException:
            self.close()
            raise
        if isinstance(self._next, BaseException):
            raise self._next
        self.schema: pa.Schema = self._next.schema

    def __next__(self) -> pa.RecordBatch:
        item = self._next
        if isinstance(item, BaseException):
            raise item
        if isinstance(item, pa.Table):
            raise StopIteration
        if self._is_left.is_set():
            raise AbandonedQueryError("The result was closed before all of its rows were read.")
        self._next = self._batches.get()
        return item

    def close(self) -> None:
        self._is_left.set()
        self._thread.join()

    def _run(self, read: Read) -> None:
        try:
            last: pa.Table | BaseException = read(self._put, self._is_left.is_set)
        except BaseException as error:  # noqa: BLE001 - raised again where the rows are read
            last = error
        with suppress(AbandonedQueryError):
            self._put(last)

    def _put(self, item: pa.RecordBatch | pa.Table | BaseException) -> None:
        while not self._is_left.is_set():
            with suppress(queue.Full):
                self._batches.put(item, timeout=_LOOK_SECONDS)
                return
        raise AbandonedQueryError("Nobody reads the rows any more.")


def _as_json(parameters: Parameters) -> object:
    """Return parameters as POST /api/v1/query takes them."""
    if parameters is None:
        return None
    if hasattr(parameters, "keys"):
        named = cast("Mapping[str, object]", parameters)
        return {name: _json_value(f"${name}", value) for name, value in named.items()}
    return [_json_value(f"${number}", value) for number, value in enumerate(parameters, 1)]


def _json_value(name: str, value: object) -> object:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise RefusedQueryError(f"{name} is a time without a zone ({value}); give it one, such as UTC.")
        return {"timestamp": value.astimezone(UTC).isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, (list, tuple)):
        return [_json_value(name, item) for item in value]
    raise RefusedQueryError(
        f"{name} is a {type(value).__name__}; wanted a text, number, bool, time, date, None or a list."
    )
