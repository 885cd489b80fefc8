"""The values behind the catalogue, told by the batch and read by scrapes."""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from linktide.metrics import text_format
from linktide.metrics.catalog import CATALOG, Kind, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Labels = tuple[str, ...]


@dataclass(slots=True)
class _Distribution:
    """Counts by bucket, the last one without an upper bound."""

    counts: list[int]
    sum: float = 0.0


@dataclass(slots=True)
class _Series:
    metric: Metric
    numbers: dict[Labels, float] = field(default_factory=dict)
    distributions: dict[Labels, _Distribution] = field(default_factory=dict)

    names: dict[Labels, str] = field(default_factory=dict)
    """As a scrape reads them, kept: to write labels takes longest."""

    def lines(self) -> Iterator[str]:
        """Yield the lines of a scrape."""
        metric = self.metric
        yield text_format.head(metric)
        for labels in self.numbers.keys() - self.names.keys():
            self.names[labels] = text_format.series_name(metric.name, metric.labels, labels)
        yield from text_format.samples(self.names, self.numbers)
        for labels, told in self.distributions.items():
            yield from text_format.distribution(metric, labels, told.counts, told.sum)

    def empty(self) -> _Distribution:
        return _Distribution([0] * (len(self.metric.buckets) + 1))


class Metrics:
    """All values, safe for many threads.

    A name the catalogue lacks raises KeyError; a wrong number of labels, or telling a metric what its kind
    does not take, raises ValueError. Metrics without labels are there from the start, at 0: a counter that
    is born above 0 never fires an alert.
    """

    def __init__(self, catalog: Sequence[Metric] = CATALOG) -> None:
        self._lock = threading.Lock()
        self._series = {metric.name: _Series(metric) for metric in catalog}
        self._refreshers: list[Callable[[], None]] = []
        for series in self._series.values():
            if series.metric.labels:
                continue
            if series.metric.kind is Kind.HISTOGRAM:
                series.distributions[()] = series.empty()
            else:
                series.numbers[()] = 0.0

    def on_scrape(self, refresh: Callable[[], None]) -> None:
        """Call `refresh` before every scrape, to set gauges that are read rather than told."""
        self._refreshers.append(refresh)

    def add(self, name: str, amount: float = 1.0, *labels: str) -> None:
        """Add to a counter; raises ValueError for less than 0."""
        if not amount >= 0:
            raise ValueError(f"{name} can only grow, not by {amount}")
        with self._lock:
            numbers = self._known(name, labels, Kind.COUNTER).numbers
            numbers[labels] = numbers.get(labels, 0.0) + amount

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge, or a counter that is kept elsewhere."""
        with self._lock:
            self._known(name, labels, Kind.GAUGE, Kind.COUNTER).numbers[labels] = value

    def drop(self, name: str, *labels: str) -> None:
        """Forget one series of a gauge."""
        with self._lock:
            self._known(name, labels, Kind.GAUGE).numbers.pop(labels, None)
            self._series[name].names.pop(labels, None)

    def observe(self, name: str, value: float, *labels: str) -> None:
        """Put one value into a histogram."""
        buckets = self._series[name].metric.buckets
        counts = [0] * (len(buckets) + 1)
        counts[bisect_left(buckets, value)] = 1
        self.observe_all(name, counts, value, *labels)

    def observe_all(self, name: str, counts: Sequence[int], total: float, *labels: str) -> None:
        """Put many values into a histogram: how many fell into each bucket, and their sum.

        Raises ValueError if `counts` has not one number a bucket, the one above the last bound included.
        """
        with self._lock:
            series = self._known(name, labels, Kind.HISTOGRAM)
            distribution = series.distributions.setdefault(labels, series.empty())
            distribution.counts = [a + b for a, b in zip(distribution.counts, counts, strict=True)]
            distribution.sum += total

    def value(self, name: str, *labels: str) -> float:
        """Return a counter or gauge; 0 if it was never told."""
        with self._lock:
            return self._known(name, labels, Kind.GAUGE, Kind.COUNTER).numbers.get(labels, 0.0)

    def total(self, name: str) -> float:
        """Return the sum of a counter or gauge over all labels."""
        with self._lock:
            return sum(self._series[name].numbers.values())

    def above(self, name: str, bound: float, *labels: str) -> tuple[int, int]:
        """Return how many values of a histogram are above one of its bounds, and how many there are."""
        with self._lock:
            series = self._known(name, labels, Kind.HISTOGRAM)
            counts = series.distributions.get(labels, series.empty()).counts
            return sum(counts[series.metric.buckets.index(bound) + 1 :]), sum(counts)

    def quantile(self, name: str, share: float, *labels: str) -> float | None:
        """Return the upper bound of the bucket in which the quantile lies; None without values.

        Infinity if it lies above the last bound.
        """
        with self._lock:
            series = self._known(name, labels, Kind.HISTOGRAM)
            distribution = series.distributions.get(labels)
            if distribution is None or sum(distribution.counts) == 0:
                return None
            wanted = share * sum(distribution.counts)
            reached = next(at for at, seen in enumerate(accumulate(distribution.counts)) if seen >= wanted)
            return (*series.metric.buckets, float("inf"))[reached]

    def exposition(self) -> bytes:
        """Return the Prometheus text format."""
        for refresh in tuple(self._refreshers):
            refresh()
        with self._lock:
            return "".join(line for series in self._series.values() for line in series.lines()).encode()

    def _known(self, name: str, labels: Labels, *kinds: Kind) -> _Series:
        series = self._series[name]
        if series.metric.kind not in kinds:
            raise ValueError(f"{name} is a {series.metric.kind}, wanted a {' or '.join(kinds)}")
        if len(labels) != len(series.metric.labels):
            raise ValueError(f"{name} has the labels {series.metric.labels}, given {labels}")
        return series
