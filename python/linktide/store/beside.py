"""One piece of work at a time beside the writer: on a thread and a cursor of its own, while commits go on."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable

    from linktide.store.database import Database

_STOP_SECONDS = 0.05
T = TypeVar("T")


@dataclass(slots=True)
class Beside(Generic[T]):
    """Holds what a piece of work returned, or raised, until the writer's thread takes it."""

    database: Database
    name: str
    """Of the thread."""
    is_alone: bool = True
    """False: `begin` does the work itself; for tests and offline work."""
    _thread: threading.Thread | None = field(init=False, default=None)
    _cursor: duckdb.DuckDBPyConnection | None = field(init=False, default=None)
    _done: T | None = field(init=False, default=None)
    _failure: Exception | None = field(init=False, default=None)

    @property
    def is_running(self) -> bool:
        """Tell whether work goes on; what it left can be taken once it does not."""
        return self._thread is not None

    @property
    def has_ended(self) -> bool:
        """Tell whether there is something to take."""
        return self._done is not None or self._failure is not None

    def begin(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> None:
        """Begin it; its cursor reads a snapshot."""
        cursor = self.database.cursor()
        if not self.is_alone:
            try:
                self._done = work(cursor)
            finally:
                self.database.release(cursor)
            return
        self._cursor = cursor

        def run() -> None:
            try:
                self._done = work(cursor)
            except Exception as error:  # noqa: BLE001 - raised again by `take`
                self._failure = error
            finally:
                self.database.release(cursor)
                self._thread = None

        self._thread = threading.Thread(target=run, name=self.name)
        self._thread.start()

    def take(self) -> T | None:
        """Return what the work returned, once; None while there is nothing. Raises what it raised."""
        self.hear()
        done, self._done = self._done, None
        return done

    def hear(self) -> None:
        """Raise what the work raised, once; what it returned can still be taken."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def wait(self) -> None:
        """Wait for its end."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def close(self) -> None:
        """Stop it."""
        thread, cursor = self._thread, self._cursor
        while thread is not None and thread.is_alive():
            if cursor is not None:
                with suppress(duckdb.Error):
                    cursor.interrupt()
            thread.join(_STOP_SECONDS)
