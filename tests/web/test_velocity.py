from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linktide.web.velocity import BASELINE_DAYS, LEAST_DAYS, baseline, daily, last_day

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
COUNTS = st.lists(st.integers(0, 10_000), min_size=1, max_size=60)


@given(COUNTS)
def test_a_baseline_is_mean_and_the_greater_of_both_deviations(totals: list[int]) -> None:
    found = baseline(totals)
    assert found.mean == pytest.approx(statistics.fmean(totals))
    wanted = max(statistics.pstdev(totals), math.sqrt(statistics.fmean(totals)))
    assert found.width == pytest.approx(wanted, abs=1e-6)
    assert 0 <= found.low <= found.mean <= found.high
    assert found.is_known == (len(totals) >= LEAST_DAYS)


@given(COUNTS, st.integers(1, 90))
def test_each_day_has_the_baseline_of_the_days_before_it(gained: list[int], most: int) -> None:
    told = {START + DAY * number: (count, 1) for number, count in enumerate(gained) if count}
    if not told:
        assert daily(told, START, most) == []
        return
    until = START + DAY * (len(gained) - 1)
    shown = daily(told, until, most)
    first = (min(told) - START).days
    assert [one.day for one in shown] == [START + DAY * at for at in range(first, len(gained))][-most:]
    for one in shown:
        at = (one.day - START).days
        assert one.gained == gained[at]
        assert one.usual == baseline(gained[max(first, at - BASELINE_DAYS) : at])


def test_the_last_24_hours_are_held_against_the_28_days_before() -> None:
    found = last_day({0: (9, 2), 1: (3, 0), 28: (4, 1), 30: (500, 500)})
    assert (found.gained, found.lost) == (9, 2)
    assert found.usual_gained == baseline([4, *[0] * 26, 3])
    assert found.by_day[0] == (4, 1)
    assert len(found.by_day) == BASELINE_DAYS + 1
    young = last_day({0: (50, 0), 3: (1, 0)})
    assert young.usual_gained.days == 3
    assert not young.usual_gained.is_spike(50)
    assert last_day({}).by_day == ((0, 0),)


def test_a_spike_is_far_above_what_is_usual_and_not_a_handful() -> None:
    quiet, steady = baseline([0] * 28), baseline([20] * 28)
    assert not quiet.is_spike(4)
    assert quiet.is_spike(5)
    assert not steady.is_spike(42)
    assert steady.is_spike(43)
