"""When the database is published as a snapshot file, and what is told of it.

Another process copies and checkpoints (`publishing.py`); the writer only stands still for a moment, as for a
backup. A round that fails leaves the file before in place, and the next one is tried at its time.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from linktide.backup_desk import HOLD_SECONDS
from linktide.errors import ConfigError, LinktideError, RetryError
from linktide.publishing import order_line
from linktide.store.copying import FileCopy
from linktide.store.publish import Order, published_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linktide.config import Config
    from linktide.metrics.values import Metrics
    from linktide.store.copying import Holder

_LOG = logging.getLogger("linktide")
_AGE: Final = "linktide_publish_age_seconds"
_ROUNDS: Final = "linktide_publish_rounds_total"
_COMMAND: Final = (sys.executable, "-m", "linktide.publishing")
_SOON_SECONDS: Final = 1.0
"""After what passes by itself: the store reopens, a backup is under way."""
_END_SECONDS: Final = 5.0
_NUMBER: Final = re.compile(r"[0-9][0-9.]*( [kMGTi]*B)?")


class Publisher:
    """One round after another on a thread of its own, while its `with` block lasts."""

    def __init__(  # noqa: PLR0913 - the clock and the process by name
        self,
        config: Config,
        holder: Holder,
        metrics: Metrics,
        *,
        is_on: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        """Take the parts; `command` is the process of a round. Not on, or every 0 s: it does nothing."""
        self.target = config.publish_path or published_path(config.database)
        self._config = config
        self._holder = holder
        self._metrics = metrics
        self._is_on = is_on and config.publish_every_seconds > 0
        self._monotonic = monotonic
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None
        self._stamp: tuple[tuple[int, int], ...] | None = None
        self._inode: int | None = None
        self._held_at: float | None = None
        """When the file was last known to hold what the database does."""
        self._trouble: str | None = None
        # No age is told before one is known: 0 would say that the file is new.
        metrics.drop(_AGE)
        for outcome in ("published", "unchanged", "failed"):
            metrics.add(_ROUNDS, 0, outcome)
        metrics.on_scrape(self._refresh)

    def __enter__(self) -> Self:
        """Begin, if it is on; raises ConfigError if the file has no folder to lie in."""
        if self._is_on:
            if not self.target.parent.is_dir():
                raise ConfigError(
                    f"The folder {self.target.parent} does not exist; make it, or set another publish_path."
                )
            self._thread = threading.Thread(target=self._run, name="linktide-publish")
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End: a round under way is given up, the file before stays."""
        self._is_over.set()
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                # It hears that nobody is there, and takes away what it has made.
                with suppress(OSError):
                    self._process.stdin.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def round(self) -> bool:
        """Publish unless nothing changed; tell whether the next round may wait for its time."""
        stamp = FileCopy(self._config.database, self.target).stamp()
        if stamp == self._stamp and self.target.exists():
            self._held_at = self._monotonic()
            self._metrics.add(_ROUNDS, 1, "unchanged")
            return True
        began_at = self._monotonic()
        try:
            told = self._made()
        except RetryError:
            return False
        except (LinktideError, OSError) as error:
            self._failed(str(error))
            return True
        self._stamp = tuple((size, changed) for size, changed in told["stamp"])
        self._inode = told["inode"]
        if self._trouble is not None:
            _LOG.info("The snapshot file %s is published again.", self.target)
            self._trouble = None
        self._metrics.add(_ROUNDS, 1, "published")
        self._metrics.set("linktide_publish_duration_seconds", self._monotonic() - began_at)
        self._metrics.set("linktide_publish_still_seconds", told["still_seconds"])
        self._metrics.set("linktide_publish_bytes", told["bytes"])
        return True

    def _run(self) -> None:
        wait_seconds = 0.0
        while not self._is_over.wait(wait_seconds):
            is_done = self.round()
            wait_seconds = self._config.publish_every_seconds if is_done else _SOON_SECONDS

    def _made(self) -> dict[str, Any]:
        """Have another process make the file. Raises RetryError for what passes, LinktideError, OSError."""
        config = self._config
        memory = f"{config.memory_limit}B"
        order = Order(config.database, self.target, memory, config.min_free_bytes, self._inode)
        process = subprocess.Popen(  # noqa: S603 - our own program
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C in a terminal is for the service, which ends its rounds by itself.
            start_new_session=True,
        )
        with self._lock:
            self._process = process
        # One that hangs must not hold checkpoints for ever.
        limit = threading.Timer(HOLD_SECONDS, process.kill)
        limit.daemon = True
        limit.start()
        try:
            return self._served(process, order)
        finally:
            limit.cancel()
            with self._lock:
                self._process = None
            self._put_away(process)

    def _served(self, process: subprocess.Popen[str], order: Order) -> dict[str, Any]:
        assert process.stdin is not None  # noqa: S101 - both were asked for
        assert process.stdout is not None  # noqa: S101
        token = ""
        held_at = None
        try:
            self._answer(process, order_line(order))
            for line in process.stdout:
                told = json.loads(line)
                if "published" in told:
                    self._held_at = held_at
                    published: dict[str, Any] = told["published"]
                    return published
                if "failed" in told:
                    raise (RetryError if told["is_retry"] else LinktideError)(told["failed"])
                if self._is_over.is_set():
                    break
                answer = self._step(told["step"], told["token"])
                if told["step"] == "still":
                    held_at = self._monotonic()
                token = _held(told["step"], token, answer)
                self._answer(process, json.dumps(answer) + "\n")
        finally:
            if token:
                with suppress(LinktideError):
                    self._holder.backup("release", token)
        if self._is_over.is_set():
            raise RetryError("The service stops.")
        raise LinktideError(
            f"The process that makes the snapshot file {self.target} ended before it was done (exit code "
            f"{process.wait()}); memory may have run out."
        )

    def _step(self, step: str, token: str) -> Mapping[str, Any]:
        try:
            return {"answer": dict(self._holder.backup(step, token))}
        except LinktideError as error:
            return {"refused": str(error), "is_retry": isinstance(error, RetryError)}

    def _answer(self, process: subprocess.Popen[str], line: str) -> None:
        # It may be gone, which the end of what it says then tells.
        with self._lock, suppress(OSError, ValueError):
            if process.stdin is not None:
                process.stdin.write(line)
                process.stdin.flush()

    def _put_away(self, process: subprocess.Popen[str]) -> None:
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _failed(self, sentence: str) -> None:
        self._metrics.add(_ROUNDS, 1, "failed")
        # The same trouble with other numbers is no news.
        if self._trouble is None or _NUMBER.sub("", sentence) != _NUMBER.sub("", self._trouble):
            _LOG.error(
                "The snapshot file is not published: %s The one before stays; the next is tried in %g s.",
                sentence,
                self._config.publish_every_seconds,
            )
        self._trouble = sentence

    def _refresh(self) -> None:
        """Set the age before a scrape."""
        held_at = self._held_at
        if held_at is not None:
            self._metrics.set(_AGE, self._monotonic() - held_at)


def _held(step: str, token: str, answer: Mapping[str, Any]) -> str:
    """Return the token of what is held after a step."""
    if step == "hold" and "answer" in answer:
        return str(answer["answer"]["token"])
    return "" if step == "release" else token
