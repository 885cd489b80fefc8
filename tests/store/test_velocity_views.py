"""The views of velocity beside link_velocity, against sums by hand; the baseline of alerts against both."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hand_made_store import Store, Story, domain_key
from hypothesis import given
from hypothesis import strategies as st

from linktide.alerts.domain_rules import LEAST_DAYS, is_spike, spread
from linktide.alerts.velocity import GAINED, LOST, DomainHours
from linktide.web.tables import table_named

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOCK = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
HOUR = CLOCK.replace(minute=0)
NOW = int(HOUR.timestamp()) // 3600
TOLD = st.lists(st.tuples(st.integers(0, 40 * 24), st.integers(0, 9), st.integers(0, 9)), max_size=60)
NEAR = 1e-6
"""Closer to the mark than rounding is, either answer will do."""
names = count()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("velocity") / "a.duckdb") as one:
        yield one


def tell(store: Store, name: str, told: list[tuple[int, int, int]]) -> None:
    story = Story().domains(name)
    for age, gained, lost in told:
        story.add(
            "velocity_delta",
            t_dom_key=domain_key(name),
            hour=HOUR - timedelta(hours=age),
            new_links=gained,
            restored_links=0,
            lost_links=lost,
        )
    store.put(story, CLOCK)


@given(TOLD)
def test_the_baseline_is_that_of_28_days_by_hand_and_by_the_alerts(
    store: Store, told: list[tuple[int, int, int]]
) -> None:
    told = [one for one in told if one[1] or one[2]]
    name = f"d{next(names)}.com"
    tell(store, name, told)
    rows = store.dicts(f"FROM link_velocity_baseline WHERE target_domain = '{name}'")
    hours = DomainHours()
    for age, gained, lost in told:
        hours.add(NOW - age, (gained, 0, 0, lost))
    if not told:
        assert rows == []
        return
    (row,) = rows
    days = min(max((max(age for age, _, _ in told) - 23) // 24, 0), 28)
    assert row["baseline_days"] == (days or None)
    for at, (word, columns) in enumerate((("gained", GAINED), ("lost", LOST)), 1):
        last, week = (sum(one[at] for one in told if one[0] < most) for most in (24, 168))
        totals = [sum(one[at] for one in told if one[0] // 24 == day) for day in range(1, days + 1)]
        pace = hours.pace(NOW, columns)
        assert (row[f"{word}_last_day"], row[f"{word}_last_week"]) == (last, week)
        assert (pace.last_day, pace.usual.days) == (last, days)
        assert hours.last(168, NOW, columns) == week
        # By steps as by one leap.
        stepped = [hours.usual(NOW + step, columns) for step in range(30)]
        hours.drop_before(0)
        assert stepped == [
            DomainHours(hours.hours, hours.first).usual(NOW + step, columns) for step in range(30)
        ]
        if days:
            mean, sd = statistics.fmean(totals), statistics.pstdev(totals)
            assert row[f"{word}_mean"] == pytest.approx(mean)
            assert row[f"{word}_sd"] == pytest.approx(sd, abs=1e-6)
            assert pace.usual.mean == pytest.approx(mean)
            assert pace.usual.sd == pytest.approx(sd, abs=1e-6)
            assert row[f"{word}_spread"] == pytest.approx(spread(pace.usual), abs=1e-6)
        above = row[f"{word}_spike_above"]
        assert (above is not None) == (days >= LEAST_DAYS)
        if above is None or abs(last - above) > NEAR:
            assert is_spike(pace) == (above is not None and last > above)


@given(TOLD)
def test_the_page_shows_each_day_beside_the_28_before_it(
    store: Store, told: list[tuple[int, int, int]]
) -> None:
    name = f"d{next(names)}.com"
    tell(store, name, told)
    table = table_named("velocity")
    assert table is not None
    rows = store.dicts(table.sql.replace("$1", f"'{name}'").replace("$2", "1000"))
    by_day: dict[datetime, list[int]] = {}
    for age, gained, lost in told:
        day = by_day.setdefault((HOUR - timedelta(hours=age)).replace(hour=0), [0, 0])
        day[0] += gained
        day[1] += lost
    first = min((day for day, totals in by_day.items() if any(totals)), default=None)
    if first is None:
        assert rows == []
        return
    days = [first + timedelta(days=at) for at in range((HOUR.replace(hour=0) - first).days + 1)]
    gains = [by_day.get(day, (0, 0))[0] for day in days]
    assert [row["day"] for row in rows] == days[::-1]
    for at, row in enumerate(reversed(rows)):
        before = gains[max(at - 28, 0) : at]
        ended = by_day.get(days[at], (0, 0))[1]
        assert (row["gained"], row["lost"], row["net"]) == (gains[at], ended, gains[at] - ended)
        if len(before) < LEAST_DAYS:
            assert (row["usual_gained"], row["usual_low"], row["usual_high"]) == (None, None, None)
        else:
            mean = statistics.fmean(before)
            width = max(statistics.pstdev(before), math.sqrt(mean))
            wanted = (mean, max(mean - width, 0), mean + width)
            found = (row["usual_gained"], row["usual_low"], row["usual_high"])
            assert found == pytest.approx(wanted, abs=1e-6)


def test_days_are_those_of_utc(store: Store) -> None:
    tell(store, "daily.com", [(0, 2, 1), (12, 3, 0), (13, 4, 0)])
    rows = store.all(
        "SELECT day, new_links, lost_links FROM link_velocity_daily "
        "WHERE target_domain = 'daily.com' ORDER BY day"
    )
    assert [(str(day), new, lost) for day, new, lost in rows] == [("2026-11-19", 4, 0), ("2026-11-20", 5, 1)]


def test_velocity_is_split_by_what_rel_says_now(store: Store) -> None:
    story = Story()
    for link_id, rel in ((1, None), (2, "nofollow"), (3, "noopener"), (4, "sponsored ugc")):
        story.link(link_id, f"s{link_id}.com/", "split.com/", rel=rel, attributes_at=HOUR)
        story.state(link_id, 1, started_at=HOUR, last_seen=HOUR).life(link_id, HOUR)
    story.link(5, "split.com/a", "split.com/", attributes_at=HOUR).life(5, HOUR)
    store.put(story, CLOCK)
    rows = store.all(
        "SELECT is_dofollow, new_links, lost_links FROM link_velocity_by_follow "
        "WHERE target_domain = 'split.com' ORDER BY 1"
    )
    assert rows == [(False, 2, 0), (True, 2, 0)]


def test_a_baseline_remembers_since_when_the_domain_is_known() -> None:
    hours = DomainHours()
    hours.add(NOW - 400 * 24, (1, 0, 0, 0))
    hours.add(NOW - 24, (28, 0, 0, 0))
    assert hours.usual(NOW, GAINED).mean == pytest.approx(1)
    hours.drop_before(NOW - 31 * 24)
    assert hours.usual(NOW, GAINED).days == 28
    # News of an hour that has passed out of the last day moves the baseline.
    hours.add(NOW - 25, (28, 0, 0, 0))
    assert hours.usual(NOW, GAINED).mean == pytest.approx(2)
