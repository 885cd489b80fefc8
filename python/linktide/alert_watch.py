"""What the alerts of the service itself look at: rates of the last minutes, gaps between arrivals."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from linktide.alerts.catalogue import RULES
from linktide.alerts.facts import ServiceFacts, SourceFacts
from linktide.alerts.service_rules import INDEX_WIDE_SHIFT
from linktide.alerts.slo_rules import SLO_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from linktide.alerts.rule import Rule
    from linktide.metrics.values import Metrics
    from linktide.sources.source import Partition

LOOK_SECONDS: Final = 5.0
WINDOW_SECONDS: Final = 300.0
LEAST_ARRIVALS: Final = 20
_MOST_ARRIVALS: Final = 100
_MOST_SOURCES: Final = 1_000
"""Watched for silence; who pushes may name any topic, and the newest are watched."""


@dataclass(frozen=True, slots=True)
class Store:
    """What is asked of the store and the sources of a session."""

    lag: Callable[[], int]
    free_bytes: Callable[[], int]
    wal_bytes: Callable[[], int]
    bound_shares: Callable[[], Mapping[str, float]]


@dataclass(slots=True)
class AlertWatch:
    """Looks every few seconds; used by the work thread alone."""

    metrics: Metrics
    now_us: Callable[[], int]
    min_free_bytes: int
    monotonic: Callable[[], float] = time.monotonic
    rules: tuple[Rule, ...] = tuple(
        rule for rule in RULES if rule.judge_service is not None and rule is not INDEX_WIDE_SHIFT
    )
    """Those that are judged by what it finds."""
    store: Store | None = None
    """None while no session runs."""
    _looked_at: float = float("-inf")
    _samples: deque[tuple[float, tuple[int, int, int, int]]] = field(default_factory=deque)
    _arrivals: dict[str, deque[float]] = field(default_factory=dict)
    _began_us: int = 0

    def __post_init__(self) -> None:
        """Remember when the watch began: nothing is stale before anything could be stored."""
        self._began_us = self.now_us()
        self.metrics.set("linktide_store_min_free_bytes", self.min_free_bytes)

    def arrived(self, partitions: Iterable[Partition]) -> None:
        """Hear which partitions a batch moved."""
        now = self.monotonic()
        for partition in partitions:
            name = f"{partition.cluster}/{partition.topic}/{partition.number}"
            times = self._arrivals.pop(name, None) or deque(maxlen=_MOST_ARRIVALS)
            times.append(now)
            self._arrivals[name] = times
        while len(self._arrivals) > _MOST_SOURCES:
            del self._arrivals[next(iter(self._arrivals))]

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return self.store is not None and self.monotonic() - self._looked_at >= LOOK_SECONDS

    def look(self) -> ServiceFacts | None:
        """Return what there is to judge; None if it is too soon or nothing is open."""
        store, now = self.store, self.monotonic()
        if store is None or not self.is_due:
            return None
        self._looked_at = now
        slow, timed, events, dead = self._rates(now)
        committed_us = self.metrics.value("linktide_pipeline_last_commit_timestamp_seconds") * 1e6
        return ServiceFacts(
            lag=store.lag(),
            commit_age_seconds=(self.now_us() - max(committed_us, self._began_us)) / 1e6,
            slow_share=slow / timed if timed else None,
            events=events,
            dead_letters=dead,
            free_bytes=store.free_bytes(),
            min_free_bytes=self.min_free_bytes,
            wal_bytes=store.wal_bytes(),
            bound_shares=store.bound_shares(),
            sources=tuple(self._sources(now)),
        )

    def _rates(self, now: float) -> tuple[int, int, int, int]:
        """Return (slow, timed, accepted, refused) events of the window."""
        slow, timed = self.metrics.above("linktide_pipeline_freshness_seconds", SLO_SECONDS)
        totals = (
            slow,
            timed,
            int(self.metrics.total("linktide_pipeline_events_total")),
            int(self.metrics.total("linktide_pipeline_dead_letters_total")),
        )
        self._samples.append((now, totals))
        while len(self._samples) > 1 and self._samples[1][0] <= now - WINDOW_SECONDS:
            self._samples.popleft()
        before = self._samples[0][1]
        slow, timed, events, dead = (new - old for new, old in zip(totals, before, strict=True))
        return slow, timed, events, dead

    def _sources(self, now: float) -> Iterable[SourceFacts]:
        for name, times in self._arrivals.items():
            usual = None
            if len(times) >= LEAST_ARRIVALS:
                usual = (times[-1] - times[0]) / (len(times) - 1)
            yield SourceFacts(name, now - times[-1], usual)
