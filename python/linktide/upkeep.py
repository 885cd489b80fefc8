"""What keeps the store in order between two batches: folds, segments, retention, the watch over space."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from linktide.errors import FreeSpaceError, StopError
from linktide.setting import size_text
from linktide.store.fold import Folder, FoldRule
from linktide.store.retention import Retention, RetentionRule
from linktide.store.segments import SegmentMover, SegmentRule
from linktide.store.thinning import Thinner, ThinRule

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from linktide.config import Config
    from linktide.metrics.values import Metrics
    from linktide.pauses import PauseDesk
    from linktide.store.database import Database
    from linktide.store.fold import FoldResult
    from linktide.store.writer import CheckpointHold

FREE_SPACE: Final = "free_space"
DEAD_LETTERS: Final = "dead_letters"
PAUSES: Final = (FREE_SPACE, DEAD_LETTERS)
"""Names of the reasons for which this room pauses the sources."""

_LOOK_SECONDS: Final = 1.0
_RESUME_SHARE: Final = 1.1
"""So much of the floor must be free before a pause ends: no flutter at the edge."""


@dataclass(slots=True)
class Upkeep:
    """Does one slice of work at a time, between two batches or, where it is long, beside them."""

    folder: Folder
    mover: SegmentMover
    thinner: Thinner
    retention: Retention
    desk: PauseDesk
    metrics: Metrics
    min_free_bytes: int
    dead_letters_max_bytes: int
    monotonic: Callable[[], float] = time.monotonic
    free_bytes: Callable[[], int] | None = None
    """Of the file system of the database; replaced in tests."""
    hold: Callable[[], CheckpointHold | None] = lambda: None
    """What holds checkpoints for a copy of the file."""
    _looked_at: float = field(init=False, default=float("-inf"))
    _is_catching_up: bool = field(init=False, default=False)
    _is_turn_of_folds: bool = field(init=False, default=False)

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 - the builder takes its parts
        cls,
        database: Database,
        config: Config,
        metrics: Metrics,
        desk: PauseDesk,
        now: Callable[[], datetime],
        at: Callable[[str], None],
        void_floor: Callable[[], int] | None = None,
    ) -> Upkeep:
        """Build it for a database as configured; `void_floor` is that of `Folder`."""
        events = SegmentRule(config.retention_segment_rows, config.retention_segment_seconds)
        rule = RetentionRule(config.retention_dead_letter_days, config.retention_authority_days)
        return cls(
            Folder(database, FoldRule(config.fold_rows), at=at, void_floor=void_floor, is_alone=True),
            SegmentMover(database, now, events, at=at),
            Thinner(database, ThinRule(config.retention_event_days), at=at),
            Retention(database, now, rule),
            desk,
            metrics,
            config.min_free_bytes,
            config.retention_dead_letter_max_bytes,
        )

    @property
    def is_turn_wanted(self) -> bool:
        """Whether something waits for the index not to be ahead of the store."""
        return not self._is_catching_up and self.thinner.is_turn_wanted

    def step(self, is_catching_up: bool = False, is_ahead: bool = False) -> bool:  # noqa: FBT001, FBT002 - as the session calls it
        """Do one slice of what is due; tell whether more of it waits.

        While the pipeline is catching up, or the file is copied, nothing is folded. While space is short
        nothing is done that takes more of it first; while the index is ahead of the store no row that was
        observed goes. Raises DiskFullError or StoreFailedError.
        """
        self.folder.hear()
        self._is_catching_up = is_catching_up
        self._look()
        if self.retention.step():
            return True
        if is_catching_up or self.desk.is_paused(FREE_SPACE) or self._is_copied():
            return False
        # In turn: while much expires folds must go on, and the other way round.
        is_passed_over = self._is_turn_of_folds and self.folder.is_due()
        self._is_turn_of_folds = not is_passed_over and self._step_segments(is_ahead=is_ahead)
        if self._is_turn_of_folds:
            return True
        result = self.folder.step()
        if result is not None:
            self._tell(result)
        return self.folder.is_due()

    def hear(self) -> None:
        """Raise what went wrong beside the batches, before another statement meets a lost instance."""
        self.folder.hear()

    def rest(self) -> None:
        """Wait until nothing is written into the file beside the batches. Raises what went wrong there."""
        self.folder.rest()
        self.folder.hear()

    def close(self) -> None:
        """Stop what is being written."""
        self.folder.close()
        self.mover.close()
        self.thinner.close()

    def _is_copied(self) -> bool:
        hold = self.hold()
        return hold is not None and self.monotonic() < hold.quiet_until

    def _step_segments(self, *, is_ahead: bool) -> bool:
        """Make segments and thin them, one at a time: what is thinned must see all that is stored."""
        self.thinner.count_late()
        if not self.thinner.is_busy and self.mover.step():
            return True
        # A batch that is applied may rest on the very rows that go. It must be stored to give them a meaning.
        return not (is_ahead and self.thinner.is_turn_wanted) and self.thinner.step()

    def _look(self) -> None:
        now = self.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        database = self.folder.database
        free = database.free_bytes() if self.free_bytes is None else self.free_bytes()
        if free < self.min_free_bytes:
            self.desk.pause(
                FREE_SPACE,
                f"{size_text(free)} are free beside {database.path}, fewer than min_free_bytes = "
                f"{size_text(self.min_free_bytes)}; free some.",
                FreeSpaceError,
            )
        elif free >= _RESUME_SHARE * self.min_free_bytes:
            self.desk.resume(FREE_SPACE)
        held = self.retention.dead_letter_bytes()
        if held > self.dead_letters_max_bytes:
            self.desk.pause(
                DEAD_LETTERS,
                f"dead letters take {size_text(held)}, more than retention.dead_letter_max_bytes = "
                f"{size_text(self.dead_letters_max_bytes)}; look at them, then erase some or raise it.",
                StopError,
            )
        else:
            self.desk.resume(DEAD_LETTERS)
        self.metrics.set("linktide_store_segment_bytes", database.segment_bytes())
        self.metrics.set("linktide_store_dead_letter_bytes", held)
        self.thinner.drop_replaced()
        thinned, late = self.thinner.take_counts()
        self.metrics.add("linktide_store_thinned_events_total", thinned)
        self.metrics.add("linktide_store_events_beyond_horizon_total", late)
        self.metrics.set("linktide_store_runs", len(database.parts.of("links")))
        self.metrics.set("linktide_store_unfolded_rows", self.folder.unfolded_rows())

    def _tell(self, result: FoldResult) -> None:
        if result.what == "slice":
            self.metrics.observe("linktide_store_fold_slice_seconds", result.seconds)
        elif result.what == "swapped":
            self.metrics.add("linktide_store_folds_total")
