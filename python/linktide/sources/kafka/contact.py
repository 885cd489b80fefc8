"""Whether the brokers can be read, told once when it ends and once when it comes back."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

TROUBLE_PAUSE_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 3.0


class Contact:
    """What is known of our contact with the brokers; one thread notes, any thread may ask."""

    def __init__(self, servers: str, monotonic: Callable[[], float]) -> None:
        self._servers = servers
        self._monotonic = monotonic
        self._pause = threading.Event().wait
        self._reason = ""
        self._silent_since: float | None = None

    @property
    def trouble(self) -> str | None:
        """Why the topics cannot be read, from the moment the brokers were given up until one answers."""
        reason = self._reason
        return f"Kafka at {self._servers} cannot be read ({reason})." if reason else None

    def watch(self, *, is_there: bool) -> None:
        """Take note of a poll without an error: silence is trouble after a moment's patience."""
        if is_there:
            if self._reason:
                log.warning("Kafka at %s answers again.", self._servers)
            self._reason, self._silent_since = "", None
            return
        now = self._monotonic()
        if self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since > _PATIENCE_SECONDS:
            self.lose("no broker holds a connection", 0)

    def lose(self, reason: str, timeout_seconds: float) -> None:
        """Take note of an error, and wait a little: one that comes back at once must not keep a loop busy."""
        if not self._reason:
            log.error("Kafka at %s cannot be read (%s): trying on until it can.", self._servers, reason)
        self._reason = reason
        self._pause(min(timeout_seconds, TROUBLE_PAUSE_SECONDS))
