"""Writes assets/lifelines_curves.json: what lifelines says of drawn lives, with and without late entry.

lifelines is no dependency: it brings matplotlib, and holds pandas below 3. So this is run in an environment
of its own: `pip install lifelines==0.30.3 && python tests/store/lifelines_curves.py`.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import lifelines

CLOCK_HOURS = 24_000
OUT = Path(__file__).parent / "assets" / "lifelines_curves.json"


def drawn(chance: random.Random, since: int) -> list[tuple[int, int | None]]:
    """Draw (started, lost or null), in hours; lives that ended by `since` were never told of."""
    lives: list[tuple[int, int | None]] = []
    for _ in range(chance.choice((40, 120))):
        started = chance.randrange(0, CLOCK_HOURS - 1)
        lost = started + max(1, round(chance.expovariate(1 / chance.choice((900, 6_000)))))
        # Whole days, so that many are lost at one age.
        lost += -(lost - started) % 24
        if lost > since:
            lives.append((started, lost if lost <= CLOCK_HOURS else None))
    return lives


def curve(lives: list[tuple[int, int | None]], since: int) -> dict[str, Any]:
    entries = [max(since - started, 0) for started, _ in lives]
    durations = [(CLOCK_HOURS if lost is None else lost) - started for started, lost in lives]
    is_lost = [lost is not None for _, lost in lives]
    fitter = lifelines.KaplanMeierFitter().fit(durations, is_lost, entry=entries if since else None)
    ages = sorted({age for age, gone in zip(durations, is_lost, strict=True) if gone})
    bounds = fitter.confidence_interval_
    rows = [
        [age, float(fitter.survival_function_.loc[age].iloc[0]), *map(float, bounds.loc[age])] for age in ages
    ]
    median = float(fitter.median_survival_time_)
    return {
        "since": since,
        "lives": lives,
        "curve": rows,
        "median": None if median == float("inf") else median,
    }


def main() -> None:
    chance = random.Random(54)
    found: list[dict[str, Any]] = []
    while len(found) < 12:
        since = 0 if len(found) < 4 else chance.randrange(4_000, 20_000)
        try:
            found.append(curve(drawn(chance, since), since))
        except lifelines.exceptions.StatError as error:
            # It refuses a curve that is wiped out early; so do we.
            sys.stdout.write(f"{error}\n")
    OUT.write_text(json.dumps({"lifelines": lifelines.__version__, "clock": CLOCK_HOURS, "of": found}) + "\n")


if __name__ == "__main__":
    main()
