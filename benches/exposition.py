"""What a service's own metrics say, and what they say of the time between two scrapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Scrape:
    """One answer of /metrics: series with its labels, as it is written there → value."""

    values: Mapping[str, float]

    def of(self, name: str) -> float:
        """Return the sum of all series of a name; 0 without any."""
        return sum(value for _, value in self.labelled(name))

    def labelled(self, name: str) -> Iterator[tuple[str, float]]:
        """Yield (labels as they are written, value) of a name."""
        for series, value in self.values.items():
            found, _, labels = series.partition("{")
            if found == name:
                yield labels.rstrip("}"), value

    def since(self, before: Scrape) -> Scrape:
        """Return by how much every series grew; right for counters and histograms."""
        return Scrape({name: value - before.values.get(name, 0.0) for name, value in self.values.items()})

    def quantile(self, histogram: str, share: float, of: str = "") -> float | None:
        """Return the upper bound of the bucket in which a quantile lies; None without values.

        `of` is a label, as it is written, of the one series that is meant.
        """
        buckets = [
            (float(labels.partition('le="')[2].partition('"')[0]), count)
            for labels, count in self.labelled(f"{histogram}_bucket")
            if of in labels
        ]
        whole = max((count for _, count in buckets), default=0.0)
        if whole == 0:
            return None
        return min(bound for bound, count in buckets if count >= share * whole)


def read(text: str) -> Scrape:
    """Read the Prometheus text format."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return Scrape({series: float(value) for series, _, value in lines})
