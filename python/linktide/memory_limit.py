"""The bound on the index's memory: at it ingestion pauses and says so; the sources keep what waits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from linktide.errors import StopError
from linktide.setting import size_text

if TYPE_CHECKING:
    from linktide.index import LinkIndex
    from linktide.metrics.values import Metrics

_LOG = logging.getLogger("linktide")
_GAUGE: Final = "linktide_index_is_at_memory_limit"
_LIMIT_GAUGE: Final = "linktide_index_memory_limit_bytes"
_ROOM_SHARE: Final = 1 / 16
"""Share of the limit that must be free to go on after the index shrank: else it would shrink every batch."""


class MemoryLimit:
    """Says between two batches whether the next one must wait; the work thread asks, any thread may look.

    A batch in the making, DuckDB (`memory_limit`) and what is fetched ahead (`queue_max_bytes`) come on top.
    """

    def __init__(self, limit_bytes: int | None, metrics: Metrics, *, ends_by_itself: bool) -> None:
        """Take the limit; where nobody could raise it (`ends_by_itself`) reaching it is the end."""
        self._metrics = metrics
        self._ends_by_itself = ends_by_itself
        self._paused_at: int | None = None
        self.trouble: str | None = None
        """Why nothing is ingested, None while it is."""
        self.take(limit_bytes)

    def take(self, limit_bytes: int | None) -> None:
        """Take another limit; None is none."""
        self._limit = limit_bytes
        self._metrics.set(_LIMIT_GAUGE, float(limit_bytes or 0))

    def is_over(self, index: LinkIndex) -> bool:
        """Return whether the index takes more than it may at the moment."""
        return self._limit is not None and index.memory_bytes > self._limit

    def is_reached(self, index: LinkIndex) -> bool:
        """Return whether ingestion must wait; what the index can give back is taken from it first.

        Raises StopError at the limit if this run ends by itself.
        """
        limit = self._limit
        if limit is None:
            return self._go_on()
        used = index.memory_bytes
        is_waiting = self._paused_at == limit
        if used <= (_with_room(limit) if is_waiting else limit):
            return self._go_on()
        if not is_waiting:
            index.shrink()
            used = index.memory_bytes
            if used <= _with_room(limit):
                return self._go_on()
            self._pause(used, limit)
        return True

    def _pause(self, used: int, limit: int) -> None:
        reason = f"the index takes {used / 1e6:,.1f} MB, index_memory_limit is {size_text(limit)}"
        if self._ends_by_itself:
            raise StopError(
                f"Ended before the next batch: {reason}. Nothing is lost: raise it, and the same command "
                "goes on from there."
            )
        self._paused_at, self.trouble = limit, reason
        self._metrics.set(_GAUGE, 1.0)
        _LOG.error(
            "Ingestion pauses: %s. Nothing is lost, the sources wait. Raise it and send SIGHUP, or restart.",
            reason,
        )

    def _go_on(self) -> bool:
        if self.trouble is not None:
            _LOG.info("Ingestion goes on: the index has room again.")
        self._paused_at = self.trouble = None
        self._metrics.set(_GAUGE, 0.0)
        return False


def _with_room(limit: int) -> int:
    return int(limit * (1 - _ROOM_SHARE))
