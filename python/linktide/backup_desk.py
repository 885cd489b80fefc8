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
STILL_SECONDS: Final = 10.0
"""Longest stop of the writer for the WAL to be copied; then it goes on, and the copy is void."""
STEPS: Final = ("hold", "still", "release")


class RefusedStepError(LinktideError):
    """What was asked for does not exist, or belongs to no backup that is under way."""

    exit_code = ExitCode.CONFIG


@dataclass(slots=True)
class _Backup:
    """One backup under way."""

    token: str
    hold: CheckpointHold
    began_at: float
    is_parked: threading.Event = field(default_factory=threading.Event)
    may_go: threading.Event = field(default_factory=threading.Event)
    is_still: bool = False
    """The writer stood when it was let go."""
    still_seconds: float = 0.0


class BackupDesk:
    """Takes the steps of one backup at a time, from any thread."""

    def __init__(self, errands: ErrandDesk, monotonic: Callable[[], float]) -> None:
        self._errands = errands
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._backup: _Backup | None = None

    def step(self, name: str, token: str) -> Mapping[str, object]:
        """Take a step: hold checkpoints, stand still for the WAL, release; blocks until it is taken.

        `release` tells whether what was copied is sound. Raises RefusedStepError for another step or token,
        RetryError while the store is closed or another backup is under way.
        """
        if name == "hold":
            return self._hold()
        with self._lock:
            backup = self._backup
        if name not in STEPS or backup is None or not secrets.compare_digest(token, backup.token):
            raise RefusedStepError(f"The backup step {name!r} does not belong to a backup that is under way.")
        return self._still(backup) if name == "still" else self._release(backup)

    def closed(self) -> None:
        """Hear that the store closes, and so checkpoints."""
        with self._lock:
            if self._backup is not None:
                self._backup.hold.is_broken = True
                self._backup.may_go.set()

    def _hold(self) -> Mapping[str, object]:
        backup = _Backup(secrets.token_hex(16), CheckpointHold(), self._monotonic())
        with self._lock:
            before = self._backup
            if before is not None and self._monotonic() - before.began_at < HOLD_SECONDS:
                raise RetryError("Another backup is under way; try again when it is done.")
            self._backup = backup

        def hold(place: Workplace) -> str:
            place.writer.hold = backup.hold
            return str(place.database.path)

        try:
            path = self._errands.do(hold)
        except BaseException:
            with self._lock:
                self._backup = None
            raise
        return {"token": backup.token, "database": path}

    def _still(self, backup: _Backup) -> Mapping[str, object]:
        def stand(_place: Workplace) -> None:
            began = self._monotonic()
            backup.is_parked.set()
            backup.is_still = backup.may_go.wait(STILL_SECONDS)
            backup.still_seconds = self._monotonic() - began

        errand = self._errands.ask(stand)
        while not backup.is_parked.wait(0.05):
            if errand.is_done.is_set():
                errand.wait()
        return {"is_still": True}

    def _release(self, backup: _Backup) -> Mapping[str, object]:
        backup.may_go.set()

        def release(place: Workplace) -> bool:
            is_ours = place.writer.hold is backup.hold
            if is_ours:
                place.writer.hold = None
            return is_ours

        try:
            is_held = self._errands.do(release)
        finally:
            with self._lock:
                self._backup = None
        is_sound = is_held and backup.is_still and not backup.hold.is_broken
        return {"is_sound": is_sound, "still_seconds": backup.still_seconds}
