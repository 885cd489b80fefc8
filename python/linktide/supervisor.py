"""What systemd is told of a service that it started: that it is ready, alive, reloading, stopping.

The protocol of sd_notify(3): one datagram of NAME=VALUE lines to the socket that NOTIFY_SOCKET names.
Without that variable nobody listens and nothing is sent.
"""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from linktide.plain import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_LOG = logging.getLogger("linktide")
_SEND_SECONDS: Final = 1.0
_SIGNS_PER_LIMIT: Final = 4
"""How often a sign of life is sent before systemd would take the service for dead."""


class Supervisor:
    """Speaks to whoever started this process; any thread and a signal handler may call."""

    def __init__(self, address: str | None, watchdog_seconds: float | None, now: Callable[[], float]) -> None:
        """Speak to this address: a path, or `@` and an abstract name; None: to nobody.

        `watchdog_seconds` is the silence after which the service is killed, None: there is no such limit.
        `now` is a monotonic clock in seconds.
        """
        self._address = address
        self._sign_every = None if watchdog_seconds is None else watchdog_seconds / _SIGNS_PER_LIMIT
        self._now = now

    @classmethod
    def of(cls, environ: Mapping[str, str], pid: int, now: Callable[[], float]) -> Supervisor:
        """Read what the environment says: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID."""
        address = environ.get("NOTIFY_SOCKET") or None
        if address is not None and address[0] not in "/@":
            _LOG.warning("NOTIFY_SOCKET is %s; wanted a path or @NAME. Nobody is told.", plain_text(address))
            address = None
        limit = environ.get("WATCHDOG_USEC", "")
        is_for_us = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
        is_watched = address is not None and is_for_us and limit.isdecimal() and int(limit) > 0
        return cls(address, int(limit) / 1e6 if is_watched else None, now)

    def ready(self) -> None:
        """Say that events are taken and queries answered; also ends a reload."""
        self._tell("READY=1", "STATUS=Events are taken, queries are answered.")

    def down(self, because: str) -> None:
        """Say why nothing is answered for the moment. The service stays "active": it goes on by itself."""
        self._tell(f"STATUS={plain_text(because)}")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Say that the configuration is read again, and afterwards that it was."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={int(self._now() * 1e6)}")
        try:
            yield
        finally:
            self.ready()

    def stopping(self) -> None:
        """Say that the service ends as it was asked to; may be called by a signal handler."""
        # Not logged if it fails: the interrupted line may be in the middle of logging.
        with suppress(OSError, ValueError):
            self._send("STOPPING=1", "STATUS=What was fetched is stored, then the service ends.")

    @contextmanager
    def watched(self, turned_at: Callable[[], float | None]) -> Iterator[None]:
        """Send signs of life while the block lasts, as long as work goes on.

        `turned_at` tells when the work thread last came round. If that stands still no sign is sent, and
        systemd ends a process that would hang for ever. None: there is no such work now, or it may take its
        time.
        """
        is_over = threading.Event()

        def watch(every: float) -> None:
            told: float | None = None
            while not is_over.wait(every):
                told = self.sign_of_life(turned_at(), told)

        if self._sign_every is None:
            yield
            return
        thread = threading.Thread(target=watch, args=(self._sign_every,), name="linktide-watchdog")
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def sign_of_life(self, turned_at: float | None, before: float | None) -> float | None:
        """Send a sign of life unless work stood still since `before`; return what is `before` next time."""
        if turned_at is None or turned_at != before:
            self._tell("WATCHDOG=1")
        return turned_at

    def _tell(self, *lines: str) -> None:
        try:
            self._send(*lines)
        except (OSError, ValueError) as error:
            _LOG.warning("NOTIFY_SOCKET %s cannot be told %s: %s.", self._address, lines[0], error)

    def _send(self, *lines: str) -> None:
        """Raise OSError if nobody takes it, ValueError for a name that no socket can have."""
        if self._address is None:
            return
        where = f"\0{self._address[1:]}" if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as one:
            one.settimeout(_SEND_SECONDS)
            one.sendto("\n".join(lines).encode(), where)
