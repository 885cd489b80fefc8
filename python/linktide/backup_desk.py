"""The service's side of a backup: the file stands while another process copies it, then the WAL for a moment.

Opening the database's file a second time in this process, and closing it, would drop DuckDB's lock on it:
POSIX locks belong to the process. So `linktide backup` copies, and this only says when.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from linktide.errors import ExitCode, LinktideError, RetryError
from linktide.store.writer import CheckpointHold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linktide.errands import ErrandDesk, Workplace

HOLD_SECONDS: Final = 3600.0
WAIT_SECONDS: Final = 60.0
"""How long a backup waits for the end of another one, such as the copy of a publication."""
STILL_SECONDS: Final = 10.0
"""Longest stop of the writer for the WAL to be copied; then it goes on, and the copy is void."""
QUIET_SECONDS: Final = 600.0
"""How long folds wait for a copy: they write into the file itself, which would have to be copied again."""
STEPS: Final = ("hold", "still", "go", "release")


class RefusedStepError(LinktideError):
    """What was asked for does not exist, or belongs to no backup that is under way."""

    exit_code = ExitCode.CONFIG


@dataclass(slots=True)
class _Stand:
    """The writer standing still once."""

    is_parked: threading.Event = field(default_factory=threading.Event)
    may_go: threading.Event = field(default_factory=threading.Event)
    is_still: bool = False
    """The writer stood when it was let go."""


@dataclass(slots=True)
class _Backup:
    """One backup under way."""

    token: str
    hold: CheckpointHold
    began_at: float
    stand: _Stand | None = None
    """The newest; what was copied at it is what counts."""
    still_seconds: float = 0.0
    """Of all stands together."""

    def let_go(self) -> None:
        """Let the writer go on, if it stands."""
        if self.stand is not None:
            self.stand.may_go.set()


class BackupDesk:
    """Takes the steps of one backup at a time, from any thread."""

    def __init__(self, errands: ErrandDesk, monotonic: Callable[[], float]) -> None:
        self._errands = errands
        self._monotonic = monotonic
        self._lock = threading.Condition()
        self._backup: _Backup | None = None

    def step(self, name: str, token: str) -> Mapping[str, object]:
        """Take a step: hold checkpoints, stand still for the WAL, go on, release; blocks until it is taken.

        Between `hold` and `release` the writer may stand still and go on several times. `release` tells
        whether what was copied is sound. Raises RefusedStepError for another step or token, RetryError while
        the store is closed or another backup is under way.
        """
        if name == "hold":
            return self._hold()
        with self._lock:
            backup = self._backup
        if name not in STEPS or backup is None or not secrets.compare_digest(token, backup.token):
            raise RefusedStepError(f"The backup step {name!r} does not belong to a backup that is under way.")
        if name == "go":
            backup.let_go()
            return {"is_still": False}
        return self._still(backup) if name == "still" else self._release(backup)

    def closed(self) -> None:
        """Hear that the store closes, and so checkpoints."""
        with self._lock:
            if self._backup is not None:
                self._backup.hold.is_broken = True
                self._backup.let_go()

    def _hold(self) -> Mapping[str, object]:
        with self._lock:
            if not self._lock.wait_for(self._is_free, WAIT_SECONDS):
                raise RetryError("Another backup is under way; try again when it is done.")
            began_at = self._monotonic()
            backup = _Backup(secrets.token_hex(16), CheckpointHold(began_at + QUIET_SECONDS), began_at)
            self._backup = backup

        def hold(place: Workplace) -> str:
            place.rest()
            place.writer.hold = backup.hold
            return str(place.database.path)

        try:
            path = self._errands.do(hold)
        except BaseException:
            self._end()
            raise
        return {"token": backup.token, "database": path}

    def _is_free(self) -> bool:
        return self._backup is None or self._monotonic() - self._backup.began_at >= HOLD_SECONDS

    def _end(self) -> None:
        with self._lock:
            self._backup = None
            self._lock.notify()

    def _still(self, backup: _Backup) -> Mapping[str, object]:
        backup.let_go()
        stand = backup.stand = _Stand()

        def park(place: Workplace) -> None:
            place.rest()
            began = self._monotonic()
            stand.is_parked.set()
            stand.is_still = stand.may_go.wait(STILL_SECONDS)
            backup.still_seconds += self._monotonic() - began

        errand = self._errands.ask(park)
        while not stand.is_parked.wait(0.05):
            if errand.is_done.is_set():
                errand.wait()
        return {"is_still": True}

    def _release(self, backup: _Backup) -> Mapping[str, object]:
        backup.let_go()

        def release(place: Workplace) -> bool:
            is_ours = place.writer.hold is backup.hold
            if is_ours:
                place.writer.hold = None
            return is_ours

        try:
            is_held = self._errands.do(release)
        finally:
            self._end()
        is_still = backup.stand is not None and backup.stand.is_still
        is_sound = is_held and is_still and not backup.hold.is_broken
        return {"is_sound": is_sound, "still_seconds": backup.still_seconds}
