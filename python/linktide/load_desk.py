"""Own tables of a running service: another process reads the file and hands its rows over, slice by slice.

The service itself cannot read it: its instance of DuckDB is closed to everything outside, and reading would
keep the writer waiting.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from linktide.errors import RetryError
from linktide.store.own_tables import (
    SLICE_ROWS,
    Loading,
    LoadRefusedError,
    Mode,
    check_name,
    checked_columns,
    unload,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linktide.errands import ErrandDesk, Workplace
    from linktide.serve.reading import LoadStep

T = TypeVar("T")

IDLE_SECONDS: Final = 120.0
"""A load of which nothing was heard for so long makes room for another."""


@dataclass(slots=True)
class _Load:
    """The load under way."""

    token: str
    loading: Loading
    heard_at: float


class LoadDesk:
    """Takes the steps of one load at a time, from any thread."""

    def __init__(
        self,
        errands: ErrandDesk,
        max_bytes: int,
        pause_reason: Callable[[], str | None],
        monotonic: Callable[[], float],
    ) -> None:
        """Take the parts; `max_bytes` bounds all own tables, `pause_reason` tells why none may grow."""
        self._errands = errands
        self._max_bytes = max_bytes
        self._pause_reason = pause_reason
        self._monotonic = monotonic
        self._turn = threading.Lock()
        """Held while a step is taken."""
        self._load: _Load | None = None

    def take(self, asked: LoadStep) -> Mapping[str, object]:
        """Take a step; blocks until it is taken.

        An abandon waits for the step before it: who is stopped in the middle of a slice gives up while that
        one is still being taken.

        Raises LoadRefusedError, and then the load is over and nothing of it is kept; RetryError while the
        store is closed, another load is under way or the sources are paused.
        """
        steps = {"begin": self._begin, "rows": self._rows, "finish": self._finish, "abandon": self._abandon}
        if asked.step == "unload":
            return self._unload(asked)
        if asked.step not in steps:
            known = ", ".join((*steps, "unload"))
            raise LoadRefusedError(f"The step {asked.step[:80]!r} is not known; wanted one of {known}.")
        if not self._turn.acquire(blocking=asked.step == "abandon"):
            raise RetryError("Another step of a load is being taken; try again in a moment.")
        try:
            return steps[asked.step](asked)
        finally:
            self._turn.release()

    def closed(self) -> None:
        """Hear that the store closes: what is not finished is dropped as it opens again."""
        self._load = None

    def _begin(self, asked: LoadStep) -> Mapping[str, object]:
        before = self._load
        if before is not None and self._monotonic() - before.heard_at < IDLE_SECONDS:
            raise RetryError(
                f"The table {before.loading.name} is being loaded; try again when that is done, or in "
                f"{IDLE_SECONDS:g} s if who loads it is gone."
            )
        if asked.rows is None or asked.mode not in set(Mode):
            raise LoadRefusedError(f"Wanted the columns as an Arrow stream, and a mode of {', '.join(Mode)}.")
        check_name(asked.name)
        self._check_pause()
        columns = checked_columns(asked.rows.schema)

        def begin(place: Workplace) -> Loading:
            loading = Loading(place.writer, asked.name, Mode(asked.mode), columns, self._max_bytes)
            loading.begin()
            return loading

        loading = self._do(begin)
        load = self._load = _Load(secrets.token_hex(16), loading, self._monotonic())
        while self._kept(load, lambda _place: loading.copy_slice()):
            load.heard_at = self._monotonic()
        return {"token": load.token}

    def _rows(self, asked: LoadStep) -> Mapping[str, object]:
        load = self._of(asked)
        rows = asked.rows
        if rows is None or rows.num_rows > SLICE_ROWS or checked_columns(rows.schema) != load.loading.columns:
            self._give_up(load)
            raise LoadRefusedError(
                f"Wanted at most {SLICE_ROWS:,} rows at a time with the columns of the load's begin."
            )
        self._check_pause()
        self._kept(load, lambda _place: load.loading.add(rows))
        load.heard_at = self._monotonic()
        return {"rows": load.loading.rows}

    def _finish(self, asked: LoadStep) -> Mapping[str, object]:
        load = self._of(asked)
        self._kept(load, lambda _place: load.loading.finish())
        self._load = None
        return {"name": load.loading.name, "rows": load.loading.rows, "bytes": load.loading.size_bytes}

    def _abandon(self, asked: LoadStep) -> Mapping[str, object]:
        self._give_up(self._of(asked))
        return {"is_abandoned": True}

    def _unload(self, asked: LoadStep) -> Mapping[str, object]:
        load = self._load
        if load is not None and load.loading.name == asked.name:
            raise RetryError(f"The table {asked.name} is being loaded; unload it when that is done.")
        table = self._do(lambda place: unload(place.writer, asked.name))
        return {"name": table.name, "rows": table.row_count, "bytes": table.size_bytes}

    def _of(self, asked: LoadStep) -> _Load:
        load = self._load
        if load is None or not secrets.compare_digest(asked.token.encode(), load.token.encode()):
            raise LoadRefusedError("This load is not under way any more; nothing of it is kept, load again.")
        return load

    def _check_pause(self) -> None:
        if reason := self._pause_reason():
            raise RetryError(f"The sources are paused: {reason} Load again when they go on.")

    def _kept(self, load: _Load, run: Callable[[Workplace], T]) -> T:
        """Have it done; a load that is refused is over."""
        try:
            return self._do(run)
        except LoadRefusedError:
            self._give_up(load)
            raise

    def _give_up(self, load: _Load) -> None:
        self._load = None
        with suppress(RetryError):  # the store closes, and drops it as it opens again
            self._do(lambda _place: load.loading.abandon())

    def _do(self, run: Callable[[Workplace], T]) -> T:
        """Have it done; a refusal is the asker's own and must not end the session, as errors do."""
        done = self._errands.do(partial(_refused_or_done, run))
        if isinstance(done, LoadRefusedError):
            raise done
        return done


def _refused_or_done(run: Callable[[Workplace], T], place: Workplace) -> T | LoadRefusedError:
    try:
        return run(place)
    except LoadRefusedError as error:
        return error
