"""What people say of domains and pages that link, taken while the service runs or stands."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

from linktide.errors import RetryError
from linktide.mine.keys import UrlKeys
from linktide.mine.reviews import checked
from linktide.store.review_rows import note_reviews

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linktide.errands import ErrandDesk, Workplace
    from linktide.store.database import Pins
    from linktide.store.review_rows import Noted
    from linktide.store.writer import StoreWriter


def review(writer: StoreWriter, told: Mapping[str, object]) -> Noted:
    """Note what is said where no service runs. Raises ReviewRefusedError, and what a commit does."""
    said, noted_by = checked(told, _keys(writer.database.pins))
    return note_reviews(writer, said, noted_by)


class ReviewDesk:
    """Checks what is said beside the writer; the work thread only adds the rows."""

    def __init__(self, errands: ErrandDesk, pause_reason: Callable[[], str | None]) -> None:
        """Take the parts; `pause_reason` tells why nothing more may be stored for the moment."""
        self._errands = errands
        self._pause_reason = pause_reason
        self._lock = threading.Lock()
        self._pins: Pins | None = None
        self._keys: UrlKeys | None = None

    def opened(self, pins: Pins) -> None:
        """Hear by which public suffix list subjects are named from now on."""
        with self._lock:
            self._pins, self._keys = pins, None

    def take(self, told: Mapping[str, object]) -> Mapping[str, object]:
        """Note what is said, all of it or nothing; blocks until it is stored.

        Raises ReviewRefusedError; RetryError while the store is closed or the sources are paused.
        """
        keys = self._known_keys()
        said, noted_by = checked(told, keys)
        if reason := self._pause_reason():
            raise RetryError(f"The sources are paused: {reason} Say it again when they go on.")

        def note(place: Workplace) -> Noted | None:
            is_same = place.database.pins.psl_version == keys.facts
            return note_reviews(place.writer, said, noted_by) if is_same else None

        noted = self._errands.do(note)
        if noted is None:
            raise RetryError("Another public suffix list came into force meanwhile; say it again.")
        return asdict(noted)

    def _known_keys(self) -> UrlKeys:
        with self._lock:
            if self._pins is None:
                raise RetryError("The store is not open now; try again in a few seconds.")
            if self._keys is None:
                self._keys = _keys(self._pins)
            return self._keys


def _keys(pins: Pins) -> UrlKeys:
    return UrlKeys(pins.psl_text, pins.psl_version, pins.hash_seed)
