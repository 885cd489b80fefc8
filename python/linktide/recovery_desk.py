"""The recovery that a running service takes part in: backups and replays."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from linktide.backup_desk import BackupDesk, RefusedStepError
from linktide.errands import ErrandDesk
from linktide.replay import replay, wanted_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linktide.errands import Workplace
    from linktide.metrics.values import Metrics


class RecoveryDesk:
    """Takes what is asked for from any thread; the work thread does it between two batches."""

    def __init__(self, metrics: Metrics, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._errands = ErrandDesk()
        self._backups = BackupDesk(self._errands, monotonic)

    # --- any thread ----------------------------------------------------------------------------------------

    def backup(self, step: str, token: str) -> Mapping[str, object]:
        """Take a step of a backup that another process makes; see `BackupDesk.step`."""
        return self._backups.step(step, token)

    def replay(self, wanted: Mapping[str, object]) -> Mapping[str, object]:
        """Make events of the dead letters that can be.

        Raises RefusedStepError, and what `replay_slice` does.
        """
        try:
            chosen = wanted_of(wanted)
        except ValueError as error:
            raise RefusedStepError(f"The replay cannot be done: {error}.") from error
        replayed = replay(self._errands.do, chosen)
        self._metrics.add("linktide_pipeline_replayed_dead_letters_total", replayed.events)
        return asdict(replayed)

    # --- the work thread -----------------------------------------------------------------------------------

    def opened(self, place: Workplace) -> None:
        """Hear that a session begins."""
        self._errands.opened(place)

    def take_turn(self) -> bool:
        """Do what waits; return whether anything did."""
        return self._errands.take_turn()

    def closing(self) -> None:
        """Hear that the store closes, and so checkpoints."""
        self._errands.closed()
        self._backups.closed()
