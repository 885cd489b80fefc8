"""Questions about authority, put to a running service: answered beside the writer, one at a time."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linktide.errors import RetryError
from linktide.explain import audit_told, explain, instant_us, what_if
from linktide.store.asof import StoredPast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from linktide.index import IndexOptions, LinkIndex
    from linktide.store.database import Database

_WAIT_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class _Open:
    database: Database
    index: LinkIndex
    options: IndexOptions


class AuthorityDesk:
    """Implements `serve.api.AuthorityApi` on whatever session is open now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._open: _Open | None = None
        self._cursor: DuckDBPyConnection | None = None

    # --- any thread ----------------------------------------------------------------------------------------

    def audit(self) -> Mapping[str, object]:
        """Return the true error of each vector beside what is promised."""
        with self._question() as open_now:
            return audit_told(open_now.index)

    def explain(self, domain_name: str, from_at: str, to_at: str | None, limit: int) -> Mapping[str, object]:
        """Return the parts of a domain's change."""
        from_us, to_us = instant_us(from_at), None if to_at is None else instant_us(to_at)
        with self._question() as open_now, self._past(open_now) as past:
            return explain(
                past, open_now.options, domain_name, from_us=from_us, to_us=to_us, limit=limit
            ).told()

    def what_if(self, domain_name: str, gained: Sequence[str], lost: Sequence[str]) -> Mapping[str, object]:
        """Return what other links would do."""
        with self._question() as open_now, self._past(open_now) as past:
            return what_if(past, open_now.options, domain_name, gained, lost).told()

    @contextmanager
    def _question(self) -> Iterator[_Open]:
        if not self._turn.acquire(blocking=False):
            raise RetryError("Another question about authority is being answered; ask again in a moment.")
        try:
            with self._lock:
                open_now = self._open
            if open_now is None:
                raise RetryError("The store is not open now; try again in a few seconds.")
            yield open_now
        finally:
            self._turn.release()

    @contextmanager
    def _past(self, open_now: _Open) -> Iterator[StoredPast]:
        with self._lock:
            if self._open is not open_now:
                raise RetryError("The store is not open now; try again in a few seconds.")
            self._cursor = open_now.database.cursor()
        try:
            yield StoredPast(self._cursor, open_now.database.path)
        finally:
            with self._lock:
                cursor, self._cursor = self._cursor, None
                open_now.database.release(cursor)

    # --- the work thread -----------------------------------------------------------------------------------

    def opened(self, database: Database, index: LinkIndex, options: IndexOptions) -> None:
        """Hear that the store is open."""
        with self._lock:
            self._open = _Open(database, index, options)

    def reseeded(self, options: IndexOptions) -> None:
        """Hear of other seeds and priors."""
        with self._lock:
            if self._open is not None:
                self._open = _Open(self._open.database, self._open.index, options)

    def closed(self) -> None:
        """Hear that the store is about to close: a question that still reads it is broken off."""
        with self._lock:
            self._open = None
        is_over = threading.Event()
        while True:
            with self._lock:
                if self._cursor is None:
                    return
                # Again and again: an interrupt between two statements is lost.
                self._cursor.interrupt()
            is_over.wait(_WAIT_SECONDS)
