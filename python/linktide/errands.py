"""What other threads want done where index and store stand still; done between two batches."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from linktide.errors import LinktideError, RetryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from linktide.index import Decoder, LinkIndex, Rows
    from linktide.store.database import Database
    from linktide.store.writer import StoreWriter

T = TypeVar("T")


def _nothing(connection: DuckDBPyConnection, committed_at: datetime) -> None:
    """Judge nothing."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What an errand finds; its alone while it runs."""

    database: Database
    writer: StoreWriter
    index: LinkIndex
    decoder: Decoder
    past: Callable[[Rows], Callable[[DuckDBPyConnection, datetime], None]] = lambda _rows: _nothing
    """Makes what judges the rows of records that were stored late; by itself it does nothing."""
    rest: Callable[[], None] = lambda: None
    """Waits until nothing is written into the file beside the errand."""


@dataclass(slots=True)
class Errand(Generic[T]):
    """One thing to be done, and what came of it."""

    run: Callable[[Workplace], T]
    is_done: threading.Event = field(default_factory=threading.Event)
    outcome: list[T] = field(default_factory=list)
    error: BaseException | None = None

    def wait(self) -> T:
        """Return what it returned once it is done; raises what it raised."""
        self.is_done.wait()
        if self.error is not None:
            raise self.error
        return self.outcome[0]


class ErrandDesk:
    """Takes errands from any thread; the work thread runs them one by one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Errand[object]] = deque()
        self._place: Workplace | None = None

    # --- any thread ----------------------------------------------------------------------------------------

    def ask(self, run: Callable[[Workplace], T]) -> Errand[T]:
        """Have it done soon. Raises RetryError while the store is closed.

        An error of the store ends the session, as it does in a batch; who asked hears of it too.
        """
        errand = Errand(run)
        with self._lock:
            if self._place is None:
                raise RetryError("The store is not open now; try again in a few seconds.")
            self._waiting.append(errand)  # type: ignore[arg-type]  # the desk does not look at the outcome
        return errand

    def do(self, run: Callable[[Workplace], T]) -> T:
        """Have it done, and return what it returned."""
        return self.ask(run).wait()

    @property
    def is_waiting(self) -> bool:
        """Whether anything waits to be done."""
        return bool(self._waiting)

    # --- the work thread -----------------------------------------------------------------------------------

    def opened(self, place: Workplace) -> None:
        """Hear that a session begins."""
        with self._lock:
            self._place = place

    def closed(self) -> None:
        """Hear that it ends: who waits is told."""
        with self._lock:
            self._place = None
            left, self._waiting = self._waiting, deque()
        for errand in left:
            errand.error = RetryError(
                "The store was closed before this was done; try again in a few seconds."
            )
            errand.is_done.set()

    def take_turn(self) -> bool:
        """Run what waits, between two batches; return whether anything did.

        What is asked for meanwhile waits for the next turn: who asks for one slice after the other must not
        keep the batches waiting for all of them.
        """
        ran = False
        for _ in range(len(self._waiting)):
            with self._lock:
                errand = self._waiting.popleft() if self._waiting else None
                place = self._place
            if errand is None or place is None:
                break
            ran = True
            try:
                errand.outcome.append(errand.run(place))
            except LinktideError as error:
                errand.error = error
                raise
            except BaseException as error:
                errand.error = RetryError(f"This broke off ({error!r}); try again in a few seconds.")
                raise
            finally:
                errand.is_done.set()
        return ran
