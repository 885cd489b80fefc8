"""Why the sources are paused, if they are: one desk for all who may ask for it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linktide.errors import LinktideError
    from linktide.metrics.values import Metrics

_LOG = logging.getLogger("linktide")


class PauseDesk:
    """Keeps reasons by name; the sources rest while there is one. Safe for many threads."""

    def __init__(self, metrics: Metrics, names: tuple[str, ...], *, ends_by_itself: bool = False) -> None:
        """Take the names of all reasons; where nobody waits (`ends_by_itself`) a pause is the end."""
        self._ends_by_itself = ends_by_itself
        self._metrics = metrics
        self._lock = threading.Lock()
        self._reasons: dict[str, str] = {}
        for name in names:
            metrics.set("linktide_pipeline_is_paused", 0.0, name)

    def pause(self, name: str, sentence: str, error: type[LinktideError]) -> None:
        """Let the sources rest for this reason; logs it once, when it begins.

        Raises `error` instead if this run ends by itself: an import that waits looks like one that hangs.
        """
        if self._ends_by_itself:
            raise error(f"{sentence} Nothing is lost: the same command goes on from there.")
        with self._lock:
            is_new = name not in self._reasons
            self._reasons[name] = sentence
        if is_new:
            self._metrics.set("linktide_pipeline_is_paused", 1.0, name)
            _LOG.error("The sources are paused: %s", sentence)

    def resume(self, name: str) -> None:
        """Take this reason back."""
        with self._lock:
            sentence = self._reasons.pop(name, None)
        if sentence is not None:
            self._metrics.set("linktide_pipeline_is_paused", 0.0, name)
            _LOG.info("The sources go on: %s holds no more.", name)

    def is_paused(self, name: str) -> bool:
        """Tell whether this reason holds."""
        with self._lock:
            return name in self._reasons

    def reason(self) -> str | None:
        """Return one sentence that says why the sources rest, None if they need not."""
        with self._lock:
            return next(iter(self._reasons.values()), None)
