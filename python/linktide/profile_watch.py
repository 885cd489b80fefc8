"""What the alerts that rest on views look at, asked of the readers: one tracked domain after the other.

Views cost tens of milliseconds a domain, so nothing of it happens on the writer's thread, which only judges
what was found (docs/decisions/0030-alerts-that-rest-on-views.md).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from linktide.alerts.domain_rules import LEAST_DAYS
from linktide.alerts.facts import Concentration, ProfileFacts, ToxicGain
from linktide.alerts.profile_rules import (
    ANCHOR_NEAR,
    BROKEN_RISE,
    MOST_OVERDUE,
    TOP_SHARE,
    TOXIC_FLOOR,
    VISIT_DAYS,
    is_toxic_burst,
)
from linktide.errors import AbandonedQueryError, LinktideError, ReadersBusyError
from linktide.store import profile_figures as figures
from linktide.store.gate import Role
from linktide.store.reader import QueryLimits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from linktide.alerts.rule import Row
    from linktide.metrics.values import Metrics
    from linktide.store.reader import ReaderPool

_LOG = logging.getLogger("linktide")
RESTS: Final = 100
"""The watch rests so many times what a look took of a core: about a hundredth of one is its share."""
SLOW_SECONDS: Final = 3_600.0
"""How long anchors and visits stand: their shares move by the day."""
_IDLE_SECONDS: Final = 1.0
_NICENESS: Final = 10
_LIMITS: Final = QueryLimits(timeout_seconds=20.0, rows=1_000, bytes=16 << 20, growth_bytes=512 << 20)
_LOOKS: Final = "linktide_alerts_profile_looks_total"
_OUTCOMES: Final = ("done", "busy", "failed")

_Ask = Callable[..., list[dict[str, Any]]]
_Slow = tuple[float | None, int | None, "Sequence[Row]", Concentration | None, Concentration | None]
"""Share, refdomains and anchors; visits until today and until yesterday."""


@dataclass(slots=True)
class _Session:
    """What is known by the readers of one session; it goes with them, so that no other one hears of it."""

    readers: ReaderPool
    found: deque[ProfileFacts] = field(default_factory=deque)
    slow: dict[str, tuple[float, _Slow]] = field(default_factory=dict)


class ProfileWatch:
    """Looks on a thread of its own while a session has readers; what it finds waits to be judged."""

    def __init__(  # noqa: PLR0913, PLR0917 - clocks are passed in
        self,
        metrics: Metrics,
        names: Sequence[str],
        every_seconds: float,
        now_us: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        """Take the own tracked domains, and how often to look at each; 0: never."""
        self._metrics = metrics
        self._names = tuple(names)
        self._every_seconds = every_seconds
        self._now_us = now_us
        self._monotonic = monotonic
        self._cpu = cpu
        self._session: _Session | None = None
        self._failing: set[str] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="linktide-profiles")
        for outcome in _OUTCOMES:
            metrics.set(_LOOKS, 0.0, outcome)

    # --- any thread ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look, if there is anything to look at."""
        if self._names and self._every_seconds > 0:
            self._thread.start()

    def stop(self) -> None:
        """End; a statement under way is ended by the pool that closes."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def opened(self, readers: ReaderPool) -> None:
        """Hear that a session has readers."""
        self._session = _Session(readers)

    def closed(self) -> None:
        """Hear that they are gone; what was found and not judged is found again."""
        self._session = None

    @property
    def has_found(self) -> bool:
        """Whether something waits to be judged."""
        session = self._session
        return session is not None and bool(session.found)

    def take(self) -> list[ProfileFacts]:
        """Return what waits to be judged, the oldest first."""
        session = self._session
        return [] if session is None else [session.found.popleft() for _ in range(len(session.found))]

    # --- the thread of the watch ---------------------------------------------------------------------------

    def look(self, name: str) -> None:
        """Find the figures of a domain; where readers are busy or leave, it is looked at later."""
        session = self._session
        if session is None:
            return
        try:
            facts = self._facts(session, name)
        except (AbandonedQueryError, ReadersBusyError):
            self._metrics.add(_LOOKS, 1, "busy")
            return
        except Exception as error:  # noqa: BLE001 - else the thread ended, and nobody heard of any domain again
            self._metrics.add(_LOOKS, 1, "failed")
            if name not in self._failing:
                self._failing.add(name)
                trace = None if isinstance(error, LinktideError) else error
                told = "The profile of %s cannot be judged: %s. It is tried again."
                _LOG.warning(told, name, error, exc_info=trace)
            return
        self._failing.discard(name)
        self._metrics.add(_LOOKS, 1, "done")
        if facts is not None:
            session.found.append(facts)

    def rest_after(self, took_seconds: float) -> float:
        """Return how long to rest after a look that took so much CPU.

        A round takes every_seconds, longer where that would cost too much. It is CPU of this thread, which
        plans: most of all that a look takes, and on a busy machine no more than on an idle one.
        """
        return max(self._every_seconds / len(self._names), RESTS * took_seconds)

    def _run(self) -> None:
        with suppress(OSError):
            # Linux takes the id of a thread here: the others keep their priority.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        at, pause = 0, _IDLE_SECONDS
        while not self._is_over.wait(pause):
            if self._session is None:
                pause = _IDLE_SECONDS
                continue
            began = self._cpu()
            self.look(self._names[at % len(self._names)])
            took = self._cpu() - began
            self._metrics.add("linktide_alerts_profile_cpu_seconds_total", took)
            at, pause = at + 1, self.rest_after(took)

    def _facts(self, session: _Session, name: str) -> ProfileFacts | None:
        def ask(sql: str, **more: object) -> list[dict[str, Any]]:
            given = {"domain": name, **more}
            told = session.readers.query(sql, Role.ADMIN, given, _LIMITS, is_abandoned=is_left)
            rows: list[dict[str, Any]] = told.table.to_pylist()
            return rows

        def is_left() -> bool:
            return self._session is not session

        (there,) = ask(figures.WHAT_THERE_IS)
        if there["clock_us"] is None:
            return None
        placed = ask(figures.OVERDUE, most=MOST_OVERDUE) if there["has_placements"] else []
        overdue = (placed[0]["overdue"] if placed else 0) if there["has_placements"] else None
        broken, before, newly = _broken(ask) if there["has_answers"] else (None, None, ())
        share, refdomains, anchors, visits, visits_before = self._slow_of(ask, session, name, there)
        return ProfileFacts(
            name=name,
            role="own",
            clock_us=there["clock_us"],
            asked_us=self._now_us(),
            overdue=overdue,
            overdue_rows=tuple({key: one[key] for key in one if key != "overdue"} for one in placed),
            exact_share=share,
            anchor_refdomains=refdomains,
            exact_rows=tuple(anchors),
            broken=broken,
            broken_a_day_ago=before,
            broken_rows=newly,
            visits=visits,
            visits_a_day_ago=visits_before,
            toxic=_toxic(ask),
        )

    def _slow_of(self, ask: _Ask, session: _Session, name: str, there: dict[str, Any]) -> _Slow:
        now = self._monotonic()
        known = session.slow.get(name)
        if known is not None and now - known[0] < SLOW_SECONDS:
            return known[1]
        share = refdomains = None
        anchors: list[dict[str, Any]] = []
        if there["has_terms"]:
            share = next((one["share"] for one in ask(figures.EXACT_SHARE)), None)
            if share is not None and share > ANCHOR_NEAR:
                refdomains = ask(figures.ANCHORING)[0]["refdomains"]
                anchors = ask(figures.EXACT_ANCHORS)
        visits = before = None
        if there["has_visits"]:
            visits = _visits(ask, there["today"])
            if visits is not None and visits.share > TOP_SHARE:
                before = _visits(ask, there["today"] - timedelta(days=1))
        found = (share, refdomains, anchors, visits, before)
        session.slow[name] = (now, found)
        return found


def _broken(ask: _Ask) -> tuple[int | None, int | None, Sequence[Row]]:
    """Return how many links are broken, how many were a day ago, and the pages behind the rise.

    Each is asked only if the one before it leaves room for a rise: most domains need the first alone.
    """
    (told,) = ask(figures.ANSWERS)
    if not told["targets"]:
        return None, None, ()
    broken = ask(figures.BROKEN)[0]["links"] if told["broken"] else 0
    if broken < BROKEN_RISE:
        return broken, None, ()
    before = ask(figures.BROKEN_A_DAY_AGO)[0]["links"]
    return broken, before, tuple(ask(figures.NEWLY_BROKEN)) if broken - before >= BROKEN_RISE else ()


def _toxic(ask: _Ask) -> ToxicGain | None:
    """Return the toxic links of the last day if they could be a burst; most domains gain too few to ask."""
    gained = next(iter(ask(figures.GAINED)), None)
    if (
        gained is None
        or gained["gained_last_day"] < TOXIC_FLOOR
        or (gained["baseline_days"] or 0) < LEAST_DAYS
    ):
        return None
    (told,) = ask(figures.TOXIC, days=gained["baseline_days"])
    if told["toxic"] is None:
        return None
    gain = ToxicGain(**told)
    return replace(gain, rows=tuple(ask(figures.NEWLY_TOXIC))) if is_toxic_burst(gain) else gain


def _visits(ask: _Ask, until: date) -> Concentration | None:
    rows = ask(figures.VISITS, from_day=until - timedelta(days=VISIT_DAYS - 1), to_day=until)
    return Concentration(**rows[0]) if rows else None
