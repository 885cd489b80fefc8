"""Velocity beside its baseline: how many links a day came and went, and how many usually do.

Baseline: mean m and standard deviation s of the daily totals of 28 days before the day told of. Links come in
bursts, and small counts vary by themselves at least as Poisson's do, so the width is max(s, √m).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BASELINE_DAYS: Final = 28
LEAST_DAYS: Final = 7
"""With fewer days behind it a baseline says nothing."""
SPIKE_WIDTHS: Final = 5.0
LEAST_SPIKE: Final = 5
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual a day."""

    mean: float
    width: float
    """max(standard deviation, √mean)."""
    days: int

    @property
    def is_known(self) -> bool:
        """Whether enough days stand behind it."""
        return self.days >= LEAST_DAYS

    @property
    def low(self) -> float:
        """The mean less the width, 0 at least."""
        return max(0.0, self.mean - self.width)

    @property
    def high(self) -> float:
        """The mean and the width."""
        return self.mean + self.width

    def is_spike(self, total: int) -> bool:
        """Tell whether a day's total is far above what is usual."""
        return self.is_known and total >= LEAST_SPIKE and total > self.mean + SPIKE_WIDTHS * self.width


def baseline(totals: Sequence[int]) -> Baseline:
    """Return the baseline of daily totals, zeros among them."""
    if not totals:
        return Baseline(0.0, 0.0, 0)
    mean = sum(totals) / len(totals)
    variance = sum((total - mean) ** 2 for total in totals) / len(totals)
    return Baseline(mean, max(math.sqrt(variance), math.sqrt(mean)), len(totals))


@dataclass(frozen=True, slots=True)
class LastDay:
    """The last 24 hours of a domain, and what came before."""

    gained: int
    lost: int
    usual_gained: Baseline
    usual_lost: Baseline
    by_day: tuple[tuple[int, int], ...]
    """(gained, lost) of each 24 hours, the oldest first, the last 24 hours at the end."""


def last_day(by_days_ago: Mapping[int, tuple[int, int]]) -> LastDay:
    """Return the last 24 hours beside their baseline; `by_days_ago` has (gained, lost), days of 0 left out.

    A domain first heard of within the 28 days has a baseline of the days since.
    """
    oldest = min(max(by_days_ago, default=0), BASELINE_DAYS)
    days = [by_days_ago.get(ago, (0, 0)) for ago in range(oldest, -1, -1)]
    return LastDay(
        *days[-1],
        baseline([gained for gained, _ in days[:-1]]),
        baseline([lost for _, lost in days[:-1]]),
        tuple(days),
    )


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a domain, UTC."""

    day: datetime
    gained: int
    lost: int
    usual: Baseline
    """Of the links gained in the 28 days before."""


def daily(counts: Mapping[datetime, tuple[int, int]], until: datetime, most_days: int) -> list[Day]:
    """Return every day up to `until`, the newest `most_days` of them, days without a change included.

    `counts` has (gained, lost) by the start of the day. Nothing comes before the first day told of.
    """
    if not counts:
        return []
    first = min(counts)
    days = [first + _DAY * number for number in range((max(until, first) - first).days + 1)]
    gained = [counts.get(at, (0, 0))[0] for at in days]
    return [
        Day(
            at,
            *counts.get(at, (0, 0)),
            baseline(gained[max(0, number - BASELINE_DAYS) : number]),
        )
        for number, at in enumerate(days)
        if number >= len(days) - most_days
    ]
