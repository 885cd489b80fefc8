"""Watches the file of the public suffix list. What it finds is staged; only a rekey brings it into force."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from linktide.errors import ConfigError
from linktide.file_stamp import file_stamp
from linktide.suffixes import age_seconds, read_suffix_list, suffix_list_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from linktide.index import SuffixList
    from linktide.metrics.values import Metrics

LOOK_SECONDS: Final = 60.0
_AGE = "linktide_public_suffix_list_age_seconds"
_INFO = "linktide_public_suffix_list_info"
_REFUSED = "linktide_public_suffix_list_refused_total"
_LABEL_LENGTH = 80

_LOG = logging.getLogger("linktide")


class SuffixWatch:
    """Knows the list in force and the one staged; safe for many threads."""

    def __init__(self, configured: Path | None, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._configured = configured
        self._metrics = metrics
        self._now = now
        self._lock = threading.Lock()
        self._in_force: tuple[str, str] | None = None
        self._found: SuffixList | None = None
        self._looked_at: object = None
        self._labels: tuple[str, str] | None = None
        # No age is told before one is known: 0 would say that the list is new.
        metrics.drop(_AGE)
        metrics.on_scrape(self._refresh)

    def put_in_force(self, version: str, text: str) -> None:
        """Hear which list the database has pinned."""
        with self._lock:
            self._in_force = (version, text)

    def look(self) -> None:
        """Read the file if it is another one than last time; stage it, or say why it is refused."""
        with self._lock:
            path = suffix_list_path(self._configured)
            if self._looked_at == (now_at := file_stamp(path)):
                return
            self._looked_at = now_at
            try:
                found = read_suffix_list(self._configured)
            except ConfigError as error:
                self._metrics.add(_REFUSED)
                _LOG.error("%s The list of the database stays in force.", error)
                return
            was_staged = self._staged()
            self._found = found
            staged = self._staged()
            if staged is not None and (was_staged is None or was_staged.text != staged.text):
                _LOG.info(
                    "The public suffix list %s of %s is staged; `linktide rekey` brings it into force.",
                    staged.version,
                    path,
                )

    @property
    def staged(self) -> SuffixList | None:
        """The newest sound list of the file, None if it is the one in force."""
        with self._lock:
            return self._staged()

    def told(self) -> Mapping[str, object]:
        """Return the versions in force and staged, None where there is none, for `linktide status`."""
        with self._lock:
            in_force, staged = self._versions()
        return {"in_force": in_force, "staged": staged}

    def _staged(self) -> SuffixList | None:
        if self._found is None or self._in_force is None or self._found.text == self._in_force[1]:
            return None
        return self._found

    def _versions(self) -> tuple[str | None, str | None]:
        in_force, staged = self._in_force, self._staged()
        name = None if in_force is None else in_force[0][:_LABEL_LENGTH]
        if staged is None:
            return name, None
        # A list edited by hand keeps its VERSION line: two names that are one would hide that it is staged.
        staged_name = staged.version[:_LABEL_LENGTH]
        return name, f"{staged_name} (changed)" if staged_name == name else staged_name

    def _refresh(self) -> None:
        """Set the metrics before a scrape."""
        with self._lock:
            in_force, staged = self._versions()
            if in_force is None:
                return
            labels = (in_force, staged or "")
            if self._labels is not None and self._labels != labels:
                self._metrics.drop(_INFO, *self._labels)
            self._labels = labels
            self._metrics.set(_INFO, 1.0, *labels)
            age = age_seconds(in_force, self._now())
            if age is None:
                self._metrics.drop(_AGE)
            else:
                self._metrics.set(_AGE, age)
