"""What would have been a spike in the past, by days and by all that the tables hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linktide.alerts.domain_rules import SPIKE_FLOOR, SURGE_FLOOR, is_spike
from linktide.alerts.rule import Finding
from linktide.alerts.velocity import BASELINE_DAYS, Pace, Usual

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def past_spikes(
    totals: Sequence[tuple[int, int, int]], days: set[int], role: str
) -> Iterator[tuple[str, int, Finding]]:
    """Yield (alert, day, finding) of those of the days since 1970 that were one.

    `totals` are (day, gained, lost) in order of days.
    """
    own = [("LinkGainSpike", "gained", 1, SPIKE_FLOOR), ("LinkLossSpike", "lost", 2, SPIKE_FLOOR)]
    for alert, word, at, floor in own if role == "own" else [("RivalSurge", "gained", 1, SURGE_FLOOR)]:
        by_day = {row[0]: row[at] for row in totals}
        for day in sorted(days & by_day.keys()):
            known = min(max(day - 1 - totals[0][0], 0), BASELINE_DAYS)
            usual = Usual.of((by_day.get(one, 0) for one in range(day - 1 - known, day - 1)), known)
            if is_spike(Pace(by_day[day], usual), floor):
                row: dict[str, object] = {
                    f"{word}_in_the_day": by_day[day],
                    "mean": round(usual.mean, 3),
                    "days": usual.days,
                }
                told = f"{word} {by_day[day]} links in a day, usual were {usual.mean:.1f}"
                yield alert, day, Finding(told, [row])
