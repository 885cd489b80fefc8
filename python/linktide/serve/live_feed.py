"""GET /live: what each batch changed, as server-sent events; however many listen, it is read once.

An event is the changes of one or more batches, and its id is the number of the newest: a client that comes
back with it is told what it missed, also after the service was started anew. Only the newest are kept,
as many as the page shows; if more came between two events, it says so.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import anyio
from starlette.exceptions import HTTPException

from linktide.errors import LinktideError
from linktide.serve.answers import RETRY_AFTER_SECONDS
from linktide.serve.home_view import newest
from linktide.serve.live_view import NEWEST_CHANGES
from linktide.web.render import bare, clock, count, figure, href, percent, plain, points, seconds, size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    from linktide.serve.api import PageApi

    Row = Mapping[str, Any]

MOST_LISTENERS: Final = 64
EVENTS_TYPE: Final = "text/event-stream; charset=utf-8"
_LOOK_SECONDS: Final = 0.25
"""How soon a commit is seen: looking costs nothing."""
_REST_SECONDS: Final = 1.0
"""Between two events."""
_REST: Final = 9.0
"""Reading rests for so many times as long as it took: listeners cost a tenth of a core at most."""
_SILENCE_LOOKS: Final = 40
"""After so many looks without a commit the figures are sent all the same: both sides know they live."""


class LiveFeed:
    """Reads for all listeners while there are any. One event loop calls it."""

    def __init__(
        self,
        page: PageApi,
        call: Callable[[Callable[[], Any]], Awaitable[Any]],
        pause: Callable[[float], Awaitable[None]] = anyio.sleep,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        """`call` makes a blocking call in a thread."""
        self._page = page
        self._call = call
        self._pause = pause
        self._clock = clock
        self._listeners = 0
        self._turn = anyio.Lock()
        self._told: tuple[int, Sequence[Row]] = (-1, ())
        """Revision and newest changes: read once for all who ask at this revision."""
        self._rests_until = 0.0
        self._figures: tuple[float, str] | None = None
        """When they were read, and they."""

    @contextmanager
    def listener(self) -> Iterator[None]:
        """Be one listener more; raises HTTPException 503 if there are too many."""
        if self._listeners >= MOST_LISTENERS:
            raise HTTPException(
                503,
                f"As many listen as may at once ({MOST_LISTENERS}): close a tab, or reload by hand.",
                {"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1

    async def events(self, after: int) -> AsyncIterator[bytes]:
        """Yield the events after a batch until the service ends."""
        seen_rev, looks = -1, 0
        yield b"retry: 3000\n\n"
        while (rev := self._page.revision()) is not None:
            looks += 1
            if rev != seen_rev or looks >= _SILENCE_LOOKS:
                rows, figures = await self._read(rev)
                # Behind, if reading rests or failed: then the next look reads.
                seen_rev, looks = self._told[0], 0
                if missed := [row for row in rows if row["rev"] > after]:
                    after = max(row["rev"] for row in missed)
                    yield changes_event(missed, after, self._page.now())
                yield f"event: figures\ndata: {figures}\n\n".encode()
                await self._pause(_REST_SECONDS)
            await self._pause(_LOOK_SECONDS)

    async def _read(self, rev: int) -> tuple[Sequence[Row], str]:
        async with self._turn:
            begun_at = self._clock()
            if self._told[0] != rev and begun_at >= self._rests_until:
                # Busy, or being reopened: the figures say so, and a later event brings the rows.
                with suppress(LinktideError):
                    since, shown = max(0, self._told[0]), self._told[1]
                    came = await self._call(lambda: newest(self._page, since))
                    # What the last reading saw of later batches already comes again.
                    before = [row for row in shown if row["rev"] <= since]
                    self._told = (rev, [*came, *before][:NEWEST_CHANGES])
                took = self._clock() - begun_at
                self._rests_until = begun_at + (1 + _REST) * took
            if self._figures is None or begun_at - self._figures[0] >= _REST_SECONDS:
                told = await self._call(lambda: json.dumps(live_figures(self._page)))
                self._figures = (begun_at, told)
            return self._told[1], self._figures[1]


def changes_event(rows: Sequence[Row], rev: int, now: object) -> bytes:
    """Return the event of these changes, the newest first. JSON has no line ends, so it is one line."""
    told = {"rows": [_live_row(row, now) for row in rows], "is_cut": len(rows) >= NEWEST_CHANGES}
    return f"id: {rev}\nevent: changes\ndata: {json.dumps(told)}\n\n".encode()


def _live_row(row: Row, now: object) -> dict[str, object]:
    """Return a change as the page writes it; every text goes into the page as text."""
    return {
        "change": row["change"],
        "at": row["observed_at"],
        "time": clock(row["observed_at"], now),
        "from": bare(row["source_url"]),
        "from_href": href(row["source_url"]),
        "to": bare(row["target_url"]),
        "to_href": href(row["target_url"]),
        "anchor": plain(row["anchor"]),
        "role": row["role"] or "",
    }


def live_figures(page: PageApi) -> dict[str, str]:
    """Return the figures that move, by the name that the page gives them, written as it writes them."""
    health = page.health()
    shown = health_texts(health)
    if health["live_links"] is not None:
        names = [name for name, _ in page.tracked]
        for number, counted in enumerate(page.domains(names) if names else ()):
            if counted is not None:
                shown[f"live-links-{number}"] = count(counted["live_links"])
                shown[f"authority-{number}"] = points(counted["authority"])
    return shown


def health_texts(health: Mapping[str, object]) -> dict[str, str]:
    """Return the figures of the pipeline as people read them."""
    return {
        "state": "live"
        if health["not_ready_because"] is None
        else f"not ready: {health['not_ready_because']}",
        "live-links": count(health["live_links"]),
        "domains": count(health["domains"]),
        "events-per-second": figure(health["events_per_second"]),
        "freshness": seconds(health["freshness_p99_seconds"]),
        "last-commit": seconds(health["last_commit_seconds_ago"]),
        "lag": count(health["lag"]),
        "dead-letters": count(health["dead_letters"]),
        "error-ratio": percent(health["error_bound_ratio"]),
        "error-bound": figure(health["error_bound"]),
        "error-target": figure(health["error_target"]),
        "file-size": size(health["file_bytes"]),
        "free-size": size(health["free_bytes"]),
    }
