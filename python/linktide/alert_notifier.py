"""Makes the calls to the webhook, on a thread of its own: one after the other, until each is answered."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

import httpx

from linktide.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LOG = logging.getLogger("linktide")
_REFUSED: Final = frozenset({400, 413, 415, 422})
_TIMEOUT_SECONDS: Final = 10.0
_IDLE_SECONDS: Final = 60.0


class Notifier:
    """Reads calls that wait in the database and makes them.

    A call is struck off once it was answered with 2xx. If the process is killed between the answer and that,
    it is made again under the same id, which is in the body and in the header Idempotency-Key: who keeps the
    last ids takes none twice.
    """

    def __init__(
        self,
        url: str | None,
        waiting: Callable[[], Sequence[tuple[str, str]]],
        answered: Callable[[str], None],
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Take the parts; without a URL it rests.

        `waiting` returns (id, body) of the calls to be made; `answered` hears of each that was.
        """
        self._url = url
        self._waiting = waiting
        self._answered = answered
        self._transport = transport
        self._is_woken = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="linktide-webhook")
        self._done: set[str] = set()
        self._is_resting = False
        self._is_calling = threading.Lock()
        """Held while calls are made."""

    def start(self) -> None:
        """Begin to make calls."""
        if self._url is not None:
            self._thread.start()

    def wake(self) -> None:
        """Hear that calls may wait; any thread."""
        self._is_resting = False
        self._is_woken.set()

    def rest(self) -> None:
        """Make no call until woken; return once the one under way is over."""
        self._is_resting = True
        with self._is_calling:
            pass

    def stop(self) -> None:
        """End; calls that were not answered wait for the next start."""
        self._is_over.set()
        self._is_woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def step(self, client: httpx.Client) -> bool:
        """Make the calls that wait; false if one was not answered well, so that it is to be made again."""
        with self._is_calling:
            return self._call_all(client)

    def _call_all(self, client: httpx.Client) -> bool:
        is_well = True
        for notice_id, body in self._waiting():
            if self._is_over.is_set() or self._is_resting:
                return True
            if notice_id in self._done:
                continue
            headers = {"Content-Type": "application/json", "Idempotency-Key": notice_id}
            try:
                response = client.post(str(self._url), content=body.encode(), headers=headers)
                response.raise_for_status()
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                # The URL may hold a secret: only the kind of the error is told.
                told = (
                    f"status {error.response.status_code}"
                    if isinstance(error, httpx.HTTPStatusError)
                    else type(error).__name__
                )
                _LOG.warning("The webhook (alerts.webhook_url) took no call: %s. Trying again.", told)
                is_well = False
                if _is_about_one_call(error):
                    continue
                return False
            self._done.add(notice_id)
            self._answered(notice_id)
        return is_well

    def _run(self) -> None:
        backoff = Backoff()
        with httpx.Client(
            timeout=_TIMEOUT_SECONDS, transport=self._transport, follow_redirects=False
        ) as client:
            while not self._is_over.is_set():
                self._is_woken.clear()
                if self.step(client):
                    backoff = Backoff()
                    self._is_woken.wait(_IDLE_SECONDS)
                else:
                    self._is_over.wait(backoff.pause(has_gone_on=False, lived_seconds=0.0))


def _is_about_one_call(error: Exception) -> bool:
    """Whether the receiver refuses what one call says: those behind it may be taken all the same."""
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code in _REFUSED
