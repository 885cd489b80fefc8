"""Stops a statement that takes more than it may."""

from __future__ import annotations

import resource
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import duckdb

from linktide.errors import AbandonedQueryError, LinktideError, RefusedQueryError
from linktide.setting import size_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from linktide.store.reader import QueryLimits

_WATCH_SECONDS = 0.02
_IDLE_ROUNDS = 50
_SHARE_OF_ALL = 0.5
"""Of DuckDB's memory that may be in use while statements run: a value that grows doubles what it takes."""
_SHORT_SECONDS = 0.1
"""A statement that has run for less is not stopped for what all take."""
_PAGE_BYTES = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Shared:
    """What all statements and the writer take from together: the memory of DuckDB."""

    used_bytes: Callable[[], int]
    """In use now, without what could be moved to disk or read again from it."""
    limit_bytes: int
    """Its memory_limit."""

    def is_short(self) -> bool:
        """Tell whether so much is used that the writer might lack some."""
        try:
            return self.used_bytes() > _SHARE_OF_ALL * self.limit_bytes
        except duckdb.Error:  # there is not even enough to ask
            return True


class Watch:
    """One thread that looks after all statements under way; it sleeps while there have been none for long."""

    def __init__(self, shared: Shared | None = None) -> None:
        """Begin with nothing to look after, and no thread."""
        self._shared = shared
        self._guards: set[Guard] = set()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self._is_asleep = False

    def add(self, guard: Guard) -> None:
        """Look after a statement from now on."""
        with self._changed:
            self._guards.add(guard)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="query-guard", daemon=True)
                self._thread.start()
            elif self._is_asleep:
                self._changed.notify_all()

    def drop(self, guard: Guard) -> None:
        """Look after it no longer."""
        with self._changed:
            self._guards.discard(guard)

    def close(self) -> None:
        """End the thread; idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        rounds = 0
        while True:
            with self._changed:
                self._is_asleep = rounds >= _IDLE_ROUNDS
                self._changed.wait(None if self._is_asleep else _WATCH_SECONDS)
                if self._is_closed:
                    return
                guards = tuple(self._guards)
            rounds = 0 if guards else rounds + 1
            now = time.monotonic()
            for guard in guards:
                guard.look(now)
            lasting = [guard for guard in guards if guard.lasts(now) > _SHORT_SECONDS]
            if lasting and self._shared is not None and self._shared.is_short():
                # Which of them took it DuckDB does not say. That of the writer must be there for its commit.
                for guard in lasting:
                    guard.refuse_for_all(self._shared)


class Guard:
    """Interrupts a cursor when nobody waits for it any more, or its time or its memory is used up.

    Never after the block was left.
    """

    def __init__(
        self, watch: Watch, cursor: DuckDBPyConnection, limits: QueryLimits, is_abandoned: Callable[[], bool]
    ) -> None:
        self.refusal: LinktideError | None = None
        """Why it interrupted."""
        self.limits = limits
        self._watch = watch
        self._cursor = cursor
        self._is_abandoned = is_abandoned
        self._is_left = False
        self._lock = threading.Lock()
        self._started = 0.0
        self._bytes_before = 0

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._started, self._bytes_before = time.monotonic(), _resident_bytes()
        self._watch.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no more."""
        self._watch.drop(self)
        with self._lock:
            self._is_left = True

    def lasts(self, now: float) -> float:
        """Return for how many seconds the statement has run."""
        return now - self._started

    def refuse_for_all(self, shared: Shared) -> None:
        """Interrupt the statement because all of them together take too much."""
        self._interrupt(
            RefusedQueryError(
                f"the statements under way took {_SHARE_OF_ALL:.0%} of memory_limit = "
                f"{size_text(shared.limit_bytes)} together, and the rest is kept for new events; "
                "ask for less at once"
            )
        )

    def look(self, now: float) -> None:
        """Interrupt the statement if it takes more than it may."""
        if self._is_abandoned():
            self._interrupt(AbandonedQueryError("Nobody waits for the answer any more."))
        elif self.lasts(now) > self.limits.timeout_seconds:
            self._interrupt(
                RefusedQueryError(
                    "the statement ran longer than statement_timeout_seconds = "
                    f"{self.limits.timeout_seconds:g}"
                )
            )
        elif _resident_bytes() - self._bytes_before > self.limits.growth_bytes:
            self._interrupt(
                RefusedQueryError(
                    f"the process grew by more than {size_text(self.limits.growth_bytes)} meanwhile, "
                    "a limit without a setting"
                )
            )

    def _interrupt(self, refusal: LinktideError) -> None:
        with self._lock:
            if not self._is_left:
                self.refusal = self.refusal or refusal
                self._cursor.interrupt()


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - read every few ms
            return int(file.read().split()[1]) * _PAGE_BYTES
    except OSError:  # no procfs: the guard then watches the time only
        return 0
