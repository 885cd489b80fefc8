"""False alarms and detection of the spike rule on simulated days, by the rule code of the service.

A domain gets a Poisson number of links an hour. Bursty: each day's mean is multiplied by a gamma factor of
shape 2, so that its sd is 0.7 of the mean. Alerts are judged hourly; hours in a row that fire are an episode.
A burst is a day of five or ten times the mean after 35 such days; it is caught if it raises an episode.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import accumulate, pairwise, product
from pathlib import Path

from linktide.alerts.domain_rules import SPIKE_SPREADS, is_spike
from linktide.alerts.velocity import BASELINE_DAYS, DAY_HOURS, GAINED, KEPT_HOURS, DomainHours

SEEDS = (11, 23, 47)
MEANS = (2.0, 20.0, 200.0)
YEAR_DAYS = 365
WARM_DAYS = 35
BURSTS = (5, 10)
CHECKED_HOURS = 97
NORMAL_ABOVE = 30.0
MOST_FALSE = 4.5
LEAST_CAUGHT = 0.95


@dataclass(frozen=True, slots=True)
class Cell:
    """One mean, noise and seed."""

    mean: float
    noise: str
    seed: int
    years: int
    false_episodes: int
    caught: dict[int, float]
    """Burst factor → share of bursts that raised an alert."""

    @property
    def false_per_year(self) -> float:
        """Return false episodes of a domain-year."""
        return self.false_episodes / self.years


def poisson(chance: random.Random, mean: float) -> int:
    """Return a Poisson number, by a normal one where that is as good."""
    if mean > NORMAL_ABOVE:
        return max(round(chance.gauss(mean, math.sqrt(mean))), 0)
    limit, product_, count = math.exp(-mean), chance.random(), 0
    while product_ > limit:
        product_ *= chance.random()
        count += 1
    return count


def year(chance: random.Random, mean: float, noise: str, days: int) -> list[int]:
    """Return links by hour."""
    hours = []
    for _ in range(days):
        factor = chance.gammavariate(2, 0.5) if noise == "bursty" else 1.0
        hours += [poisson(chance, mean * factor / DAY_HOURS) for _ in range(DAY_HOURS)]
    return hours


def episodes(counts: list[int], since: int) -> int:
    """Return the episodes that begin at or after an hour; the first 29 days must lie before it.

    Most hours are far from an alert: sums by prefix tell which. All that are near, and one in
    CHECKED_HOURS of the others, are judged by the rule.
    """
    sums = [0, *accumulate(counts)]
    told, found, was, fed = DomainHours(), 0, False, 0
    told.add(0, (0, 0, 0, 0))
    for hour in range(since, len(counts)):
        is_near = is_near_spike(sums, hour)
        is_one = False
        if is_near or hour % CHECKED_HOURS == 0:
            for at in range(fed, hour + 1):
                if counts[at]:
                    told.add(at, (counts[at], 0, 0, 0))
            fed = hour + 1
            told.drop_before(hour - KEPT_HOURS)
            is_one = is_spike(told.pace(hour, GAINED))
            if is_one and not is_near:
                raise AssertionError("the sums by prefix miss what the rule finds")
        found += is_one and not was
        was = is_one
    return found


def is_near_spike(sums: list[int], hour: int) -> bool:
    """Tell whether the last day is above a hundredth less than the rule's bound."""
    end = hour + 1
    last = sums[end] - sums[end - DAY_HOURS]
    mean = (sums[end - DAY_HOURS] - sums[end - (BASELINE_DAYS + 1) * DAY_HOURS]) / BASELINE_DAYS
    if last < mean + 0.99 * SPIKE_SPREADS * math.sqrt(mean):
        return False
    marks = sums[end - (BASELINE_DAYS + 1) * DAY_HOURS : end - DAY_HOURS + 1 : DAY_HOURS]
    squares = sum((b - a) * (b - a) for a, b in pairwise(marks)) / BASELINE_DAYS
    return last >= mean + 0.99 * SPIKE_SPREADS * math.sqrt(max(squares - mean * mean, 0.0))


def catches(chance: random.Random, mean: float, noise: str, factor: int) -> bool:
    """Tell whether a burst of one day after a month raises an alert on it."""
    counts = year(chance, mean, noise, WARM_DAYS)
    burst = [poisson(chance, factor * mean / DAY_HOURS) for _ in range(DAY_HOURS)]
    return episodes([*counts, *burst, *([0] * DAY_HOURS)], len(counts)) > 0


def cell(task: tuple[float, str, int, int]) -> Cell:
    """Simulate the years of one row of the table."""
    mean, noise, seed, years = task
    chance = random.Random(f"{seed}/{mean}/{noise}")  # noqa: S311 - a simulation
    found = sum(
        episodes(year(chance, mean, noise, WARM_DAYS + YEAR_DAYS), WARM_DAYS * DAY_HOURS)
        for _ in range(years)
    )
    caught = {
        factor: sum(catches(chance, mean, noise, factor) for _ in range(years)) / years for factor in BURSTS
    }
    return Cell(mean, noise, seed, years, found, caught)


def table(cells: list[Cell]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| noise | mean a day | seed | domain-years | false episodes a year | 5x caught | 10x caught |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.noise} | {one.mean:g} | {one.seed} | {one.years} | {one.false_per_year:.2f} "
        f"| {one.caught[5]:.1%} | {one.caught[10]:.1%} |"
        for one in cells
    ]
    return "\n".join(lines)


def main() -> int:
    """Simulate, write and show the table; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--years", type=int, default=400, help="domain-years of each mean and seed in bursty noise"
    )
    parser.add_argument("--quiet-years", type=int, default=40, help="the same in Poisson noise")
    parser.add_argument(
        "--means", type=float, nargs="*", default=MEANS, help="others are kept as today's file has them"
    )
    parser.add_argument("--results", type=Path, default=Path("benches/results"))
    options = parser.parse_args()
    years = {"bursty": options.years, "poisson": options.quiet_years}
    tasks = [(mean, noise, seed, years[noise]) for noise, mean, seed in product(years, options.means, SEEDS)]
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 2)) as pool:
        cells = list(pool.map(cell, tasks))
    name = f"{datetime.now(UTC):%Y-%m-%d}-alerts"
    kept = options.results / f"{name}.json"
    if kept.exists():
        others = [
            {**one, "caught": {int(key): share for key, share in one["caught"].items()}}
            for one in json.loads(kept.read_text("utf-8"))
        ]
        cells += [Cell(**one) for one in others if one["mean"] not in options.means]
    cells.sort(key=lambda one: (one.noise, one.mean, one.seed))
    bad = [one for one in cells if one.noise == "bursty" and is_missed(one)]
    outcome = f"missed by {len(bad)} rows" if bad else "all reached"
    text = (
        f"# Alerts: false alarms and detection, {datetime.now(UTC):%Y-%m-%d}\n\n"
        f"`make bench-alerts`: simulated domain-years, judged hourly by the rule code of the service, Python "
        f"{platform.python_version()}.\nBursty: the mean of each day times a gamma factor of shape 2.\n\n"
        f"{table(cells)}\n\nGoals in bursty noise, each seed: at most {MOST_FALSE:g} false episodes a year, "
        f"at least {LEAST_CAUGHT:.0%} of 10x bursts caught: {outcome}.\n"
    )
    kept.write_text(json.dumps([asdict(one) for one in cells], indent=1) + "\n", "utf-8")
    (options.results / f"{name}.md").write_text(text, "utf-8")
    sys.stdout.write(text)
    return 1 if bad else 0


def is_missed(one: Cell) -> bool:
    """Tell whether a row misses a goal."""
    return one.false_per_year > MOST_FALSE or one.caught[10] < LEAST_CAUGHT


if __name__ == "__main__":
    raise SystemExit(main())
