"""Answers of statements, kept while the store stands still: many viewers cost as much as one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from linktide.errors import ReadersBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    Read = Callable[[str, Sequence[object]], pa.Table]

_WAIT_SECONDS = 5.0
_MOST_KEPT = 64


@dataclass(frozen=True, slots=True)
class _Kept:
    rev: int
    begun_at: float
    took_seconds: float
    table: pa.Table


@dataclass(slots=True)
class _Question:
    """A statement and its parameters."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    kept: _Kept | None = None


class KeptAnswers:
    """Reads each statement once for a revision of the store. Any thread may ask; one reads, the others wait.

    With `rest` an answer is kept, whatever the store does, for so many times as long as it took to read: a
    statement then costs at most 1 / (1 + rest) of a core, however many ask and however much it reads.

    Who waited takes what was begun after it asked, also if the store moved on meanwhile: else a queue of
    viewers would read one after the other what none of them needs any more.
    """

    def __init__(
        self,
        read: Read,
        rev: Callable[[], int],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wait_seconds: float = _WAIT_SECONDS,
        rest: float = 0.0,
    ) -> None:
        self._read = read
        self._rev = rev
        self._monotonic = monotonic
        self._wait_seconds = wait_seconds
        self._rest = rest
        self._lock = threading.Lock()
        self._questions: OrderedDict[tuple[str, tuple[str, ...]], _Question] = OrderedDict()
        """The one asked last comes last. Each has its own turn: a slow one holds up no other."""

    def read(self, sql: str, parameters: Sequence[object]) -> pa.Table:
        """Return the statement's rows at the newest revision or one that was newest since the call.

        Raises what the reading raises, and ReadersBusyError if another's takes too long.
        """
        asked_at = self._monotonic()
        question = self._question(sql, parameters)
        if not question.turn.acquire(timeout=self._wait_seconds):
            raise ReadersBusyError(
                f"These figures are being read for more than {self._wait_seconds:g} s: try again in a moment."
            )
        try:
            # Asked before the statement begins: it may see a newer revision, never an older one.
            rev, begun_at = self._rev(), self._monotonic()
            if question.kept is not None and self._is_good(question.kept, rev, asked_at):
                return question.kept.table
            table = self._read(sql, parameters)
            question.kept = _Kept(rev, begun_at, self._monotonic() - begun_at, table)
            return table
        finally:
            question.turn.release()

    def forget(self) -> None:
        """Read everything anew from now on: something changed beside the batches."""
        with self._lock:
            self._questions.clear()

    def _question(self, sql: str, parameters: Sequence[object]) -> _Question:
        key = sql, tuple(map(repr, parameters))
        with self._lock:
            question = self._questions.setdefault(key, _Question())
            self._questions.move_to_end(key)
            while len(self._questions) > _MOST_KEPT:
                self._questions.popitem(last=False)
            return question

    def _is_good(self, kept: _Kept, rev: int, asked_at: float) -> bool:
        rested_until = kept.begun_at + (1 + self._rest) * kept.took_seconds if self._rest else kept.begun_at
        return kept.rev == rev or kept.begun_at >= asked_at or asked_at < rested_until
