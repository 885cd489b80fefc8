"""What is not kept for ever: dead letters and the history of authority, each under a rule of its own."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import duckdb

from linktide.store.failure import write_failure, write_failures

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from linktide.store.database import Database

_EVERY_SECONDS: Final = 3600.0
_ROW_BYTES: Final = 200
"""What a dead letter takes beside its bytes."""
KEPT_BYTES: Final = 65_536
"""Of the bytes of a dead letter no more are kept, so a longer one cannot be replayed."""


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long things are kept; 0 days: for ever."""

    dead_letter_days: int = 0
    """Since they were received."""
    authority_days: int = 0
    """Of event time. The newest score of a domain stays however old it is."""


@dataclass(slots=True)
class Retention:
    """Erases what is too old, now and then; used by the writer's thread between its transactions."""

    database: Database
    now: Callable[[], datetime]
    rule: RetentionRule = field(default_factory=RetentionRule)
    monotonic: Callable[[], float] = time.monotonic
    _next_at: float = field(init=False, default=float("-inf"))

    def step(self) -> bool:
        """Erase what is too old, if it is time to look; tell whether there was any.

        Raises DiskFullError or StoreFailedError.
        """
        if self.monotonic() < self._next_at:
            return False
        self._next_at = self.monotonic() + _EVERY_SECONDS
        erased = 0
        if self.rule.dead_letter_days:
            before = self.now() - timedelta(days=self.rule.dead_letter_days)
            erased += self._erase("DELETE FROM internal.dead_letters WHERE received_at < ?", before)
        if self.rule.authority_days:
            erased += self._erase(
                "DELETE FROM internal.score_history WHERE scored_at < "
                "(SELECT clock - to_days(CAST(? AS INTEGER)) FROM internal.writer)",
                self.rule.authority_days,
            )
        return erased > 0

    def dead_letter_bytes(self) -> int:
        """Return about what the dead letters take."""
        with write_failures(self.database.path, "count dead letters"):
            rows = self.database.connection.execute(
                "SELECT coalesce(sum(least(byte_length, ?) + ?), 0) FROM internal.dead_letters",
                [KEPT_BYTES, _ROW_BYTES],
            ).fetchall()
        return int(rows[0][0])

    def _erase(self, statement: str, value: object) -> int:
        try:
            return int(self.database.connection.execute(statement, [value]).fetchall()[0][0])
        except (duckdb.Error, RuntimeError, OSError) as error:
            with suppress(duckdb.Error):
                self.database.connection.execute("ROLLBACK").fetchall()
            raise write_failure(error, self.database.path, "erase what is too old") from error
