"""News of one tracked domain by hour of event time: the last day beside what is usual for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

HOUR_US: Final = 3_600_000_000
DAY_HOURS: Final = 24
BASELINE_DAYS: Final = 28
KEPT_HOURS: Final = (BASELINE_DAYS + 3) * DAY_HOURS
"""Hours worth keeping: the baseline, its 24 hours of distance, and those an alert looks back."""
COLUMNS: Final = ("gained_dofollow", "gained_nofollow", "lost_dofollow", "lost_nofollow")
"""What is counted in an hour, in this order."""
GAINED: Final = (0, 1)
LOST: Final = (2, 3)

Counts = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual in a day: over the days of 24 whole hours that end 24 hours ago, at most 28."""

    mean: float = 0.0
    sd: float = 0.0
    """Of the population."""
    days: int = 0
    """Whole days since the domain was first heard of; they alone count."""

    @classmethod
    def of(cls, totals: Iterable[float], days: int) -> Usual:
        """Return it of the totals of days; those not named had none."""
        if days <= 0:
            return cls()
        told = list(totals)
        mean = sum(told) / days
        return cls(mean, sqrt(max(sum(one * one for one in told) / days - mean * mean, 0.0)), days)


@dataclass(frozen=True, slots=True)
class Pace:
    """How many links a domain gained, or lost."""

    last_day: int = 0
    usual: Usual = field(default_factory=Usual)


@dataclass(slots=True)
class DomainHours:
    """Counts by hour of one domain."""

    hours: dict[int, list[int]] = field(default_factory=dict)
    """Hours since 1970 → counts, as COLUMNS has them."""
    first: int | None = None
    """The first hour ever heard of; it stays when hours are dropped."""
    _days: dict[tuple[int, ...], tuple[int, list[int]]] = field(default_factory=dict)
    """Columns → the hour they are of, and the totals of the days of the baseline, the newest first."""

    def add(self, hour: int, counts: Iterable[int]) -> None:
        """Count news of an hour."""
        kept = self.hours.setdefault(hour, [0, 0, 0, 0])
        for at, count in enumerate(counts):
            kept[at] += count
        self.first = hour if self.first is None else min(self.first, hour)
        # News is of the last day but for an hour that has just passed out of it.
        if any(hour <= now - DAY_HOURS for now, _ in self._days.values()):
            self._days.clear()

    def drop_before(self, hour: int) -> None:
        """Forget hours that no baseline looks at any more."""
        for old in [one for one in self.hours if one < hour]:
            del self.hours[old]

    def last(self, hours: int, now: int, columns: tuple[int, ...]) -> int:
        """Return the sum over so many hours, the last one being `now`."""
        kept, total = self.hours, 0
        for hour in range(now - hours + 1, now + 1):
            if hour in kept:
                counts = kept[hour]
                for at in columns:
                    total += counts[at]
        return total

    def last_by_column(self, hours: int, now: int) -> tuple[int, ...]:
        """Return the sum of each column over so many hours, the last one being `now`."""
        kept = self.hours
        found = [kept[hour] for hour in range(now - hours + 1, now + 1) if hour in kept]
        return tuple(map(sum, zip(*found, strict=True))) if found else (0,) * len(COLUMNS)

    def pace(self, now: int, columns: tuple[int, ...]) -> Pace:
        """Return the pace as of an hour since 1970."""
        return Pace(self.last(DAY_HOURS, now, columns), self.usual(now, columns))

    def usual(self, now: int, columns: tuple[int, ...]) -> Usual:
        """Return what is usual as of an hour."""
        if self.first is None:
            return Usual()
        known = self._days.get(columns)
        if known is None or not 0 <= now - known[0] <= DAY_HOURS:
            totals = self._totals(now, columns)
        else:
            totals = known[1]
            for hour in range(known[0] + 1, now + 1):
                self._slide(totals, hour, columns)
        self._days[columns] = (now, totals)
        days = min(max((now - self.first - DAY_HOURS + 1) // DAY_HOURS, 0), BASELINE_DAYS)
        return Usual.of(totals[:days], days)

    def _slide(self, totals: list[int], now: int, columns: tuple[int, ...]) -> None:
        """Move the days by an hour: each takes one from the day after it and leaves one to the day before."""
        hours = self.hours
        for day in range(BASELINE_DAYS):
            begins = now - DAY_HOURS * (day + 1)
            for hour, sign in ((begins, 1), (begins - DAY_HOURS, -1)):
                counts = hours.get(hour)
                if counts is not None:
                    for at in columns:
                        totals[day] += sign * counts[at]

    def _totals(self, now: int, columns: tuple[int, ...]) -> list[int]:
        totals = [0] * BASELINE_DAYS
        for hour, counts in self.hours.items():
            day = (now - hour) // DAY_HOURS - 1
            if 0 <= day < BASELINE_DAYS:
                totals[day] += sum(counts[at] for at in columns)
        return totals
