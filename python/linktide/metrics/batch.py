"""What one batch tells the metrics; once per batch, never per event."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linktide.metrics.catalog import CATALOG
from linktide.metrics.topics import TopicLabels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linktide._core import EventBatch
    from linktide.metrics.values import Metrics
    from linktide.sources.source import Partition
    from linktide.store.writer import CheckpointResult, CommitTiming

_BUCKETS = {metric.name: metric.buckets for metric in CATALOG}
_FRESHNESS = "linktide_pipeline_freshness_seconds"
_SOURCE_DELAY = "linktide_sources_delay_seconds"
_LAG = "linktide_sources_lag_records"
_RATE_WINDOW_US = 5_000_000


@dataclass(frozen=True, slots=True)
class Totals:
    """What was stored since the start."""

    events: int = 0
    dead_letters: int = 0
    bytes: int = 0
    """Undecoded."""

    @property
    def records(self) -> int:
        """Events and dead letters."""
        return self.events + self.dead_letters


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """How a batch was stored."""

    timing: CommitTiming
    now_us: int
    size_bytes: int
    """Undecoded."""
    decode_seconds: float
    apply_seconds: float
    is_catching_up: bool


class BatchReport:
    """Turns stored batches into metric values."""

    def __init__(self, metrics: Metrics, on_stored: Callable[[Totals], None] | None = None) -> None:
        self._metrics = metrics
        self._on_stored = on_stored
        self.totals = Totals()
        self._recent: deque[tuple[int, int]] = deque(maxlen=1024)
        self._topics = TopicLabels()
        self._lag_lock = threading.Lock()
        self._lagging: set[tuple[str, str, str]] = set()

    def stored(self, events: EventBatch, stored: StoredBatch) -> None:
        """Hear of a stored batch."""
        metrics, timing, now_us = self._metrics, stored.timing, stored.now_us
        refused = 0
        for kind, count in events.by_kind():
            metrics.add("linktide_pipeline_events_total", count, kind)
        for reason, count in events.by_reason():
            refused += count
            metrics.add("linktide_pipeline_dead_letters_total", count, reason)
        metrics.add("linktide_pipeline_links_total", events.links)
        metrics.add("linktide_pipeline_batches_total")
        metrics.observe("linktide_pipeline_batch_events", len(events))
        store_seconds = timing.begin_seconds + timing.insert_seconds + timing.commit_seconds
        for stage, seconds in (
            ("decode", stored.decode_seconds),
            ("apply", stored.apply_seconds),
            ("store", store_seconds),
        ):
            metrics.observe("linktide_pipeline_stage_seconds", seconds, stage)
        metrics.observe("linktide_store_commit_seconds", timing.commit_seconds)
        metrics.set("linktide_pipeline_is_catching_up", float(stored.is_catching_up))
        metrics.set("linktide_pipeline_last_commit_timestamp_seconds", now_us / 1e6)
        if not stored.is_catching_up:
            fresh, delays = events.delays(now_us, _BUCKETS[_FRESHNESS], _BUCKETS[_SOURCE_DELAY])
            metrics.observe_all(_FRESHNESS, *fresh)
            metrics.observe_all(_SOURCE_DELAY, *delays)
        self._recent.append((now_us, len(events)))
        before = self.totals
        self.totals = Totals(
            before.events + len(events), before.dead_letters + refused, before.bytes + stored.size_bytes
        )
        if self._on_stored is not None:
            self._on_stored(self.totals)

    def gapped(self, partition: Partition) -> None:
        """Hear that a partition goes on elsewhere than where it stood; stays told until the next start."""
        self._metrics.set("linktide_sources_has_offset_gap", 1.0, *self._topics.of(partition))

    def lagging(self, lag: Mapping[Partition, int]) -> None:
        """Hear the records not yet fetched of all that is consumed now; any thread may tell."""
        totals: Counter[tuple[str, str, str]] = Counter()
        for partition, records in lag.items():
            totals[self._topics.of(partition)] += records
        with self._lag_lock:
            for labels in self._lagging - totals.keys():
                self._metrics.drop(_LAG, *labels)
            for labels, records in totals.items():
                self._metrics.set(_LAG, records, *labels)
            self._lagging = set(totals)

    def checkpointed(self, checkpoint: CheckpointResult) -> None:
        """Hear of a checkpoint, done or put off."""
        if checkpoint.is_done:
            self._metrics.observe("linktide_store_checkpoint_seconds", checkpoint.seconds)
        else:
            self._metrics.add("linktide_store_checkpoints_deferred_total")

    def events_per_second(self, now_us: int) -> float:
        """Return the rate of the last seconds."""
        since = now_us - _RATE_WINDOW_US
        return sum(events for at, events in tuple(self._recent) if at >= since) / (_RATE_WINDOW_US / 1e6)
