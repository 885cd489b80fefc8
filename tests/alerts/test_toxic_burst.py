"""Bursts of toxic links: judged by hand and in Prometheus, found in a store, told by a whole service."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from statistics import mean
from typing import TYPE_CHECKING, Any

import pytest
import told_days
from hand_made_store import Story, day, domain_key, micros
from open_service import asked, running, wait_until
from told_links import CLOCK, link, put, state_of
from watched_profile import OWN, Watched, watching

from linktide.alerts.catalogue import BY_NAME
from linktide.alerts.facts import ProfileFacts, ToxicGain
from linktide.alerts.prometheus import rule_tests_text, rules_text
from oracle import toxic_views
from oracle.events import HOUR_US
from oracle.toxic_views import POINTS, Known

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from linktide.service import Service
    from oracle.model import Link

RULE = BY_NAME["ToxicBurst"]
BY_HIDDEN = dict.fromkeys(POINTS, 0) | {"hidden": 40, "noindex": 5}
"""Points by which a hidden link is toxic; one that tells neither has no toxicity."""
BAD, GOOD = {"hidden": "true"}, {"hidden": "false"}
BURST = ToxicGain(toxic=20, gained=39, mean=3.9, days=7)
NONE = (
    replace(BURST, toxic=19, gained=19, mean=0.0),
    replace(BURST, mean=4.0),
    replace(BURST, gained=40),
    replace(BURST, days=6),
    replace(BURST, mean=None, days=0),
)
GAUGES = (
    "toxic_links_last_day",
    "toxic_links_gained_last_day",
    "toxic_links_baseline_mean",
    "toxic_links_baseline_days",
)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with watching(tmp_path) as found:
        found.store.database.connection.executemany(
            "INSERT INTO internal.marker_points VALUES (?, ?, 'f')", [list(one) for one in BY_HIDDEN.items()]
        )
        yield found


def tell(watched: Watched, links: Sequence[Link]) -> None:
    """Put links into the store, and by hours how many began."""
    put(watched.store, links)
    story = Story()
    hours = Counter(one.lives[0].started_at // HOUR_US for one in links if not one.is_internal)
    for hour, count in hours.items():
        story.add(
            "velocity_delta", t_dom_key=domain_key(OWN), hour=day(0) + timedelta(hours=hour - hour_of(0)),
            new_links=count, restored_links=0, lost_links=0,
        )  # fmt: skip
    watched.store.put(story, day(CLOCK))


def hour_of(number: float) -> int:
    return micros(day(number)) // HOUR_US


def wave(at: float, bad: int, good: int = 0, unknown: int = 0) -> list[Link]:
    told = [BAD] * bad + [GOOD] * good + [{}] * unknown
    # Keys of domains are made of the last seven letters alone.
    return [
        link(f"{round(10 * at)}{number:02}.c/", f"{OWN}/", at + number / 10_000, values)
        for number, values in enumerate(told)
    ]


def facts_of(gain: ToxicGain | None) -> ProfileFacts:
    return ProfileFacts(name=OWN, role="own", clock_us=0, asked_us=0, toxic=gain)


def test_a_burst_is_many_far_more_than_usual_and_most_of_all() -> None:
    judge = RULE.judge_profile
    assert judge is not None
    row: dict[str, object] = {"source_url": "https://bad.com/"}
    found = judge(facts_of(replace(BURST, rows=(row,))))
    assert found is not None
    assert found.summary == (
        "20 of 39 links gained in the last day are toxic, usual are 3.9 a day (over 7 days)"
    )
    figures = {"toxic_last_day": 20, "gained_last_day": 39, "mean": 3.9, "days": 7}
    assert list(found.evidence) == [figures, row]
    assert [judge(facts_of(gain)) for gain in (None, *NONE)] == [None] * (1 + len(NONE))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_judges_as_the_service_does(tmp_path: Path) -> None:
    head = RULE.fires.series.keys()
    silent = []
    for gain in NONE:
        values = (gain.toxic, gain.gained, gain.mean, gain.days)
        told = {name: f"{value}x60" for name, value in zip(head, values, strict=True) if value is not None}
        silent.append(replace(RULE, is_silent=replace(RULE.is_silent, series=told)))
    assert [name.split("{")[0] for name in head] == [f"linktide_{name}" for name in GAUGES]
    (tmp_path / "linktide-rules.yaml").write_text(rules_text(), "utf-8")
    test = tmp_path / "linktide-rules.test.yaml"
    test.write_text(rule_tests_text(silent), "utf-8")
    run = subprocess.run(
        ["promtool", "test", "rules", test], capture_output=True, text=True, check=False, timeout=120
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_burst_is_told_with_its_worst_links_and_ends_a_day_later(watched: Watched) -> None:
    tell(watched, [*wave(70, 0, 1), *wave(90, 30, 5)])
    assert watched.judge() == [("ToxicBurst", "firing")]
    (row,) = watched.store.dicts("SELECT summary, severity, domain_name, evidence FROM alerts")
    assert (row["severity"], row["domain_name"]) == ("critical", OWN)
    assert row["summary"].startswith("30 of 35 links gained in the last day are toxic, usual are 0.0 a day")
    figures, *worst = json.loads(row["evidence"])
    assert figures == {"toxic_last_day": 30, "gained_last_day": 35, "mean": 0.0, "days": 19}
    assert len(worst) == 20
    assert {(*one["markers_fired"], one["toxicity"]) for one in worst} == {("hidden", 40)}
    assert {one["source_url"] for one in worst} <= {f"https://900{number:02}.c/" for number in range(30)}
    assert [watched.metrics.value(f"linktide_{name}", OWN, "own") for name in GAUGES] == [30, 35, 0, 19]
    watched.store.put(Story(), day(91.5))
    assert watched.judge() == [("ToxicBurst", "resolved")]
    assert not any(watched.gauge(name) for name in GAUGES)


def test_of_days_that_nobody_could_rate_nothing_is_said(watched: Watched) -> None:
    tell(watched, [*wave(70, 0, 1), *wave(90, 0, 0, 40)])
    assert watched.look().toxic is None
    assert watched.judge() == []
    assert not any(watched.gauge(name) for name in GAUGES)


@pytest.mark.parametrize(("rated", "alerts"), [(6, []), (7, [("ToxicBurst", "firing")])])
def test_days_of_the_baseline_without_a_word_are_left_out(
    watched: Watched, rated: int, alerts: list[tuple[str, str]]
) -> None:
    # A day with one link that can be rated is known, the others of 28 are not.
    links = [one for back in range(1, 29) for one in wave(90.4 - back, 0, int(back <= rated), 1)]
    tell(watched, [*links, *wave(90, 20)])
    gain = watched.look().toxic
    assert gain is not None
    assert (gain.mean, gain.days, bool(gain.rows)) == (0, rated, rated == 7)
    assert watched.judge() == alerts


@pytest.mark.parametrize(
    ("links", "is_asked"),
    [
        ([*wave(80, 0, 1), *wave(90, 19)], False),
        ([*wave(80, 0, 1), *wave(90, 20)], True),
        ([*wave(83, 0, 1), *wave(90, 20)], False),
    ],
)
def test_the_toxic_links_are_asked_only_where_they_can_matter(
    watched: Watched, links: list[Link], *, is_asked: bool
) -> None:
    tell(watched, links)
    watched.store.all("DROP MACRO TABLE toxic_links_gained")
    watched.watch.look(OWN)
    assert watched.metrics.value("linktide_alerts_profile_looks_total", "failed") == is_asked
    assert watched.watch.has_found is not is_asked


def drawn(seed: int) -> list[Link]:
    chance = random.Random(seed)
    oldest, links = chance.choice((65, 82.5, 84.9)), []
    share = chance.choice((0.05, 0.5, 0.95))
    for number in range(150):
        begun = CLOCK - chance.random() if number < 40 else chance.uniform(oldest, CLOCK - 1)
        values = chance.choices((BAD, GOOD, {}), (share, 0.5, 1 - share))[0]
        source = f"s{number}.com/" if number % 9 else f"{OWN}/{number}"
        links.append(link(source, f"{OWN}/", begun, values, is_live=chance.random() < 0.8))
    return links


@pytest.mark.parametrize("seed", range(9))
def test_what_is_found_is_that_of_brute_force(watched: Watched, seed: int) -> None:
    links = drawn(seed)
    tell(watched, links)
    rows: Sequence[tuple[Any, ...]] = toxic_views.toxic_links_gained(
        state_of(links), OWN, Known(points=BY_HIDDEN)
    )
    others = [one for one in links if not one.is_internal]
    oldest = min(one.lives[0].started_at for one in others) // HOUR_US
    known = min((hour_of(CLOCK) - oldest - 23) // 24, 28)
    usual = [row[5] for row in rows[1 : 1 + known] if row[5] is not None]
    gained, toxic = rows[0][3], rows[0][5]
    facts = watched.look()
    if known < 7 or gained < 20 or toxic is None:
        assert facts.toxic is None
        return
    assert facts.toxic is not None
    assert facts.toxic.mean == (pytest.approx(mean(usual)) if usual else None)
    wanted = ToxicGain(toxic=toxic, gained=gained, mean=facts.toxic.mean, days=len(usual))
    assert replace(facts.toxic, rows=()) == wanted
    is_burst = len(usual) >= 7 and toxic >= 20 and toxic > 5 * mean(usual) and 2 * toxic > gained
    assert watched.judge() == ([("ToxicBurst", "firing")] if is_burst else [])
    assert len(facts.toxic.rows) == (min(toxic, 20) if is_burst else 0)


def bursts(service: Service) -> list[dict[str, Any]]:
    return asked(service, "SELECT domain_name, state, evidence FROM alerts WHERE alert = 'ToxicBurst'")


def test_a_running_service_tells_of_a_burst(tmp_path: Path) -> None:
    file = tmp_path / "markers.csv"
    file.write_text("marker,points\n" + "".join(f"{one},{n}\n" for one, n in BY_HIDDEN.items()), "utf-8")
    told = [told_days.link("discovered", 0, 1, hidden=False)]
    told += [told_days.link("discovered", 24 * 12, 100 + number, hidden=True) for number in range(25)]
    with running(
        tmp_path,
        tracked_domains=(told_days.OWN,),
        mine_markers=file,
        alerts_profile_every_seconds=0.05,
    ) as service:
        lines = b"".join(json.dumps(event).encode() + b"\n" for event in told)
        service.state.push(lines, topic="push", topic_id="", first_offset=None)
        wait_until(lambda: bool(bursts(service)))
        (row,) = bursts(service)
        assert (row["domain_name"], row["state"]) == (told_days.OWN, "firing")
        assert json.loads(row["evidence"])[1]["markers_fired"] == ["hidden"]
        gauge = f'linktide_toxic_links_last_day{{domain="{told_days.OWN}",role="own"}} 25.0'
        assert gauge.encode() in service.state.exposition()
