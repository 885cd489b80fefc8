"""What a running service does for others between two batches: backups, replays, own tables, reviews."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

from linktide.backup_desk import BackupDesk, RefusedStepError
from linktide.errands import ErrandDesk
from linktide.errors import RetryError
from linktide.fill import fill, wanted_topics
from linktide.load_desk import LoadDesk
from linktide.replay import replay, wanted_of
from linktide.review_desk import ReviewDesk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linktide.errands import Workplace
    from linktide.fill import RangeReader
    from linktide.metrics.values import Metrics
    from linktide.serve.reading import LoadStep
    from linktide.store.gaps import Filled

T = TypeVar("T")


class RecoveryDesk:
    """Takes what is asked for from any thread; the work thread does it between two batches."""

    def __init__(
        self,
        metrics: Metrics,
        ranges: Callable[[Sequence[str]], RangeReader],
        pause_reason: Callable[[], str | None],
        own_max_bytes: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the parts; `ranges` makes the reader of a fill and raises ConfigError if it cannot be.

        `pause_reason` tells why nothing more may be stored for the moment, `own_max_bytes` bounds own tables.
        """
        self._metrics = metrics
        self._ranges = ranges
        self._pause_reason = pause_reason
        self._errands = ErrandDesk()
        self._backups = BackupDesk(self._errands, monotonic)
        self._loads = LoadDesk(self._errands, own_max_bytes, pause_reason, monotonic)
        self._reviews = ReviewDesk(self._errands, pause_reason)

    # --- any thread ----------------------------------------------------------------------------------------

    def backup(self, step: str, token: str = "") -> Mapping[str, object]:
        """Take a step of a backup that another process makes; see `BackupDesk.step`."""
        return self._backups.step(step, token)

    def load(self, asked: LoadStep) -> Mapping[str, object]:
        """Take a step of a load of an own table, or unload one; see `LoadDesk.take`."""
        return self._loads.take(asked)

    def review(self, told: Mapping[str, object]) -> Mapping[str, object]:
        """Note what a person says of domains and pages; see `ReviewDesk.take`."""
        return self._reviews.take(told)

    def replay(self, wanted: Mapping[str, object]) -> Mapping[str, object]:
        """Make events of the dead letters that can be or, if topics are wanted, of what is absent of them.

        Raises RefusedStepError, and what `replay_slice` or `fill` do.
        """
        try:
            if "topics" in wanted:
                return self._fill(wanted_topics(wanted))
            chosen = wanted_of(wanted)
        except ValueError as error:
            raise RefusedStepError(f"The replay cannot be done: {error}.") from error
        replayed = replay(self._errands.do, chosen)
        self._metrics.add("linktide_pipeline_replayed_dead_letters_total", replayed.events)
        return asdict(replayed)

    def _fill(self, topics: Sequence[str]) -> Mapping[str, object]:
        def hear(filled: Filled) -> None:
            self._metrics.add("linktide_pipeline_filled_events_total", filled.events)

        def do(run: Callable[[Workplace], T]) -> T:
            if reason := self._pause_reason():
                raise RetryError(f"The sources are paused: {reason} Fill again when they go on.")
            return self._errands.do(run)

        filled = fill(do, self._ranges(topics), topics, hear)
        return asdict(filled) | {"left": filled.left}

    # --- the work thread -----------------------------------------------------------------------------------

    def opened(self, place: Workplace) -> None:
        """Hear that a session begins."""
        self._reviews.opened(place.database.pins)
        self._errands.opened(place)

    @property
    def is_waiting(self) -> bool:
        """Whether anything waits for a turn."""
        return self._errands.is_waiting

    def take_turn(self) -> bool:
        """Do what waits; return whether anything did."""
        return self._errands.take_turn()

    def closing(self) -> None:
        """Hear that the store closes, and so checkpoints."""
        self._errands.closed()
        self._backups.closed()
        self._loads.closed()
