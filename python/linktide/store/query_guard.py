"""Stops a statement that takes more than it may."""

from __future__ import annotations

import resource
import threading
import time
from typing import TYPE_CHECKING, Self

from linktide.errors import AbandonedQueryError, LinktideError, RefusedQueryError
from linktide.setting import size_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from linktide.store.reader import QueryLimits

_WATCH_SECONDS = 0.02
_PAGE_BYTES = resource.getpagesize()


class Guard:
    """Interrupts a cursor when nobody waits for it any more, or its time or its memory is used up.

    Never after the block was left.
    """

    def __init__(
        self, cursor: DuckDBPyConnection, limits: QueryLimits, is_abandoned: Callable[[], bool]
    ) -> None:
        self.refusal: LinktideError | None = None
        """Why it interrupted."""
        self.limits = limits
        self._cursor = cursor
        self._is_abandoned = is_abandoned
        self._left = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="query-guard", daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no more."""
        with self._lock:
            self._left.set()
        self._thread.join()

    def _watch(self) -> None:
        started, before = time.monotonic(), _resident_bytes()
        while not self._left.wait(_WATCH_SECONDS):
            if self._is_abandoned():
                self._interrupt(AbandonedQueryError("Nobody waits for the answer any more."))
            elif time.monotonic() - started > self.limits.timeout_seconds:
                self._interrupt(
                    RefusedQueryError(
                        "the statement ran longer than statement_timeout_seconds = "
                        f"{self.limits.timeout_seconds:g}"
                    )
                )
            elif _resident_bytes() - before > self.limits.growth_bytes:
                self._interrupt(
                    RefusedQueryError(
                        f"the process grew by more than {size_text(self.limits.growth_bytes)} meanwhile, "
                        "a limit without a setting"
                    )
                )

    def _interrupt(self, refusal: LinktideError) -> None:
        with self._lock:
            if not self._left.is_set():
                self.refusal = self.refusal or refusal
                self._cursor.interrupt()


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - read every few ms
            return int(file.read().split()[1]) * _PAGE_BYTES
    except OSError:  # no procfs: the guard then watches the time only
        return 0
