"""What views say of a tracked domain: found by the readers, judged and stored by the desk."""

# ruff: noqa: S608 - statements of constants

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest
from hand_made_store import Story, day, micros
from watched_profile import OWN, Watched, answered, live, watching

from linktide.alerting import Alerting
from linktide.alerts.facts import Concentration, ProfileFacts
from linktide.alerts.profile_rules import MOST_OVERDUE
from linktide.config import Config
from linktide.metrics.values import Metrics
from linktide.profile_watch import SLOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from hand_made_store import Store


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with watching(tmp_path) as found:
        yield found


def lost(story: Story, link: int, source: str, target: str, lived: tuple[float, float]) -> Story:
    since, until = lived
    story.link(link, source, target)
    story.state(link, 3, started_at=day(since), last_seen=day(since), firm_loss_at=day(until))
    return story.life(
        link, day(since), last_alive_at=day(since), lost_at=day(until), confirmed_at=day(until),
        lost_reason="notfound", is_confirmed_by_event=True,
    )  # fmt: skip


def agree(store: Store, link: int, live_from: datetime | None = None, rel: str | None = None) -> None:
    store.database.connection.execute(
        "INSERT INTO internal.placements BY NAME SELECT link_id, source_key, t_dom_key, source_url, "
        "target_url, source_domain, target_domain, 'f' AS file_name, link_id AS line, 3 AS grace_days, "
        "? AS live_from, ? AS expected_rel FROM internal.links WHERE link_id = ?",
        [live_from, rel, link],
    ).fetchall()


def test_where_nothing_is_told_nothing_is_said(watched: Watched) -> None:
    watched.watch.look(OWN)
    assert watched.watch.take() == []
    watched.store.put(live(Story(), 1, "s.com/", f"{OWN}/a"), day(9))
    assert watched.look() == ProfileFacts(name=OWN, role="own", clock_us=micros(day(9)), asked_us=ANY)
    assert watched.judge() == []
    for name in (
        "placements_violated",
        "anchor_exact_share",
        "broken_backlinks",
        "referral_top_share",
        "referral_visits",
    ):
        assert not watched.gauge(name)
    assert watched.metrics.value("linktide_alerts_profile_looks_total", "done") == 3


@pytest.mark.parametrize(
    ("clock", "agreed", "alerts"),
    [
        (7.9, {}, []),
        (8, {}, [("PlacementViolated", "firing")]),
        (9, {"live_from": day(10)}, []),
        (12.9, {"live_from": day(10)}, []),
        (13, {"live_from": day(10)}, [("PlacementViolated", "firing")]),
    ],
)
def test_a_placement_is_violated_once_its_grace_is_over(
    watched: Watched, clock: float, agreed: dict[str, Any], alerts: list[tuple[str, str]]
) -> None:
    watched.store.put(lost(Story(), 1, "paid.com/post", f"{OWN}/a", (1, 5)), day(clock))
    agree(watched.store, 1, **agreed)
    assert watched.judge() == alerts
    assert watched.metrics.value("linktide_placements_violated", OWN, "own") == len(alerts)


def test_what_is_wrong_with_a_link_that_is_there_is_told(watched: Watched) -> None:
    story = live(Story(), 1, "paid.com/post", f"{OWN}/a", rel="nofollow")
    live(story, 2, "fine.com/post", f"{OWN}/a", rel="")
    watched.store.put(story, day(9))
    agree(watched.store, 1, rel="followed")
    agree(watched.store, 2, rel="followed")
    assert watched.judge() == [("PlacementViolated", "firing")]
    (row,) = watched.store.dicts("SELECT summary, evidence, domain_name, severity FROM alerts")
    assert row["summary"] == "not as agreed (wrong_rel): the link from https://paid.com/post"
    assert "fine.com" not in row["evidence"]
    assert (row["domain_name"], row["severity"]) == (OWN, "critical")


def test_each_placement_that_is_violated_later_is_told_and_a_restart_repeats_none(watched: Watched) -> None:
    watched.store.put(lost(Story(), 1, "paid.com/post", f"{OWN}/a", (1, 5)), day(9))
    agree(watched.store, 1)
    firing, resolved = ("PlacementViolated", "firing"), ("PlacementViolated", "resolved")
    assert watched.judge() == [firing]
    assert watched.judge() == [firing]
    again = Watched(watched.store, watched.pool)
    assert again.judge() == [firing]
    assert again.calls() == [firing]
    watched.store.put(lost(Story(), 2, "other.com/post", f"{OWN}/b", (1, 6)), day(10))
    agree(watched.store, 2)
    assert again.judge() == [resolved, firing]
    assert sorted(again.calls()) == [firing, firing, resolved]
    summary = "SELECT summary FROM alerts WHERE state = 'firing'"
    assert again.store.dicts(summary)[0]["summary"].endswith("https://other.com/post and 1 more")
    # That one of them is mended is no news; that all are is.
    watched.store.database.connection.execute("DELETE FROM internal.placements WHERE link_id = 1").fetchall()
    assert again.judge() == [resolved, firing]
    watched.store.database.connection.execute("DELETE FROM internal.placements").fetchall()
    assert again.judge() == [resolved, resolved]
    assert sorted(again.calls()) == [firing, firing, resolved, resolved]


def test_an_import_ends_nothing_that_it_does_not_judge(watched: Watched) -> None:
    watched.store.put(lost(Story(), 1, "paid.com/post", f"{OWN}/a", (1, 5)), day(9))
    agree(watched.store, 1)
    assert watched.judge() == [("PlacementViolated", "firing")]
    for is_calling, state in ((False, "firing"), (True, "resolved")):
        config = Config(database=watched.store.database.path, alerts_profile_every_seconds=0.0)
        metrics = Metrics()
        alerting = Alerting(config, metrics, [(OWN, "own")], lambda: 0, is_calling=is_calling)
        alerting.desk.begin(watched.store.database.connection, micros(day(9)))
        alerting.desk.tick(watched.store.writer)
        assert watched.store.dicts("SELECT state FROM alerts") == [{"state": state}]


def test_a_placement_that_was_mended_and_breaks_again_is_told_anew(watched: Watched) -> None:
    firing, resolved = ("PlacementViolated", "firing"), ("PlacementViolated", "resolved")
    story = lost(Story(), 1, "paid.com/post", f"{OWN}/a", (1, 5))
    watched.store.put(lost(story, 2, "other.com/post", f"{OWN}/b", (1, 5)), day(9))
    agree(watched.store, 1)
    agree(watched.store, 2)
    assert watched.judge() == [firing]
    watched.store.database.connection.execute("DELETE FROM internal.placements WHERE link_id = 2").fetchall()
    assert watched.judge() == [firing]
    agree(watched.store, 2)
    assert watched.judge() == [resolved, firing]
    assert watched.judge() == [resolved, firing]
    assert sorted(watched.calls()) == [firing, firing, resolved]


def test_of_many_placements_one_that_moves_up_is_no_news_but_one_that_breaks_is(watched: Watched) -> None:
    firing, resolved = ("PlacementViolated", "firing"), ("PlacementViolated", "resolved")
    story, many = Story(), MOST_OVERDUE + 30
    for number in range(many):
        lost(story, number, f"s{number}.com/", f"{OWN}/a", (1, 2 + number / 100))
    lost(story, many, "late.com/", f"{OWN}/b", (1, 6))
    lost(story, many + 1, "slow.com/", f"{OWN}/b", (1, 1.5))
    watched.store.put(story, day(10))
    for number in range(many):
        agree(watched.store, number)
    connection = watched.store.database.connection

    def mend(link: int) -> None:
        connection.execute("DELETE FROM internal.placements WHERE link_id = ?", [link]).fetchall()

    assert len(watched.look().overdue_rows) == MOST_OVERDUE
    assert watched.judge() == [firing]
    mend(many - 1)
    assert watched.judge() == [firing]
    again = Watched(watched.store, watched.pool)
    mend(many - 2)
    assert again.judge() == [firing]
    mend(0)
    assert again.judge() == [firing]
    agree(again.store, many)
    assert again.judge() == [resolved, firing]
    # Broken before all others, but of a longer grace: it is overdue after them.
    agree(again.store, many + 1)
    connection.execute(f"UPDATE internal.placements SET grace_days = 8 WHERE link_id = {many + 1}").fetchall()
    assert again.judge() == [resolved, resolved, firing]
    assert again.store.dicts("SELECT summary FROM alerts WHERE state = 'firing'")[0]["summary"] == (
        f"not as agreed (lost): the link from https://slow.com/ and {many - 3 + 1} more"
    )


def test_without_events_an_alert_may_end_and_begin_again(watched: Watched) -> None:
    watched.store.put(lost(Story(), 1, "paid.com/post", f"{OWN}/a", (1, 5)), day(9))
    firing, resolved = ("PlacementViolated", "firing"), ("PlacementViolated", "resolved")
    for wanted in ([firing], [resolved, firing]):
        agree(watched.store, 1)
        assert watched.judge() == wanted
        watched.store.database.connection.execute("DELETE FROM internal.placements").fetchall()
        assert watched.judge() == [resolved] * len(wanted)
    assert sorted(watched.calls()) == [firing, firing, resolved, resolved]


@pytest.mark.parametrize(
    ("exact", "others", "unknown", "alert"),
    [
        (2, 18, 5, None),
        (3, 17, 0, "AnchorNearOverOptimised"),
        (4, 16, 0, "AnchorNearOverOptimised"),
        (5, 15, 0, "AnchorOverOptimised"),
        (5, 14, 30, None),  # of nineteen
    ],
)
def test_exact_anchors_are_counted_by_domain(
    watched: Watched, exact: int, others: int, unknown: int, alert: str | None
) -> None:
    story = Story()
    for number in range(exact + others + unknown):
        is_known = number < exact + others
        words = ("Cheap Shoes!" if number < exact else f"words {number}") if is_known else None
        live(story, number, f"s{number}.com/", f"{OWN}/a", anchor=words)
    watched.store.put(story, day(9))
    assert watched.look().exact_share is None
    watched.store.database.connection.execute(
        f"INSERT INTO internal.anchor_terms VALUES ('{OWN}', 'money', 'cheap shoes', 'cheap shoes', 'f')"
    ).fetchall()
    assert watched.look().exact_share is None  # what takes long stands for a while
    watched.seconds += SLOW_SECONDS
    assert watched.look().exact_share == pytest.approx(exact / (exact + others))
    assert watched.judge() == ([(alert, "firing")] if alert else [])
    if alert:
        (row,) = watched.store.dicts("SELECT evidence FROM alerts")
        assert '"anchor": "Cheap Shoes!"' in row["evidence"]


def is_broken(answers: list[tuple[float, int]], at: float) -> bool:
    known = [one for one in answers if one[0] <= at]
    return bool(known) and (max(known)[1] == 0 or max(known)[1] >= 400)


@pytest.mark.parametrize("seed", range(8))
def test_broken_links_of_a_day_ago_are_those_of_brute_force(watched: Watched, seed: int) -> None:
    draw = random.Random(seed)
    story, links = Story(), []
    for number in range(60):
        page, began = f"{OWN}/{number % 9}", draw.uniform(1, 9.9)
        source = f"s{number}.com/" if number % 10 else f"{OWN}/from/{number}"
        ended = draw.uniform(began, 9.99) if draw.random() < 0.5 else None
        if ended is None:
            live(story, number, source, page, began)
        else:
            lost(story, number, source, page, (began, ended))
        if number % 10:
            links.append((page, began, ended))
    answers: dict[str, list[tuple[float, int]]] = {}
    for off in range(40):
        page, at, code = (
            f"{OWN}/{draw.randrange(9)}",
            draw.uniform(1, 9.9),
            draw.choice([0, 200, 301, 404, 500]),
        )
        answers.setdefault(page, []).append((at, code))
        answered(story, page, code, at, off)
    watched.store.put(story, day(10))

    def wanted(at: float) -> int:
        return sum(
            began <= at and (ended is None or ended > at) and is_broken(answers.get(page, []), at)
            for page, began, ended in links
        )

    facts = watched.look()
    now, before = wanted(10), wanted(9)
    assert facts.broken == (now if any(answers.get(page) for page, *_ in links) else None)
    assert facts.broken_a_day_ago == (before if now >= 3 else None)
    kept = watched.store.all(f"SELECT count(*) FROM internal.broken_a_day_ago WHERE target_domain = '{OWN}'")
    assert kept == [(before,)]
    assert watched.judge() == ([("BrokenBacklinksRising", "firing")] if now - before >= 3 else [])


def test_links_that_break_are_told_for_a_day(watched: Watched) -> None:
    story = Story()
    for number in range(5):
        live(story, number, f"s{number}.com/", f"{OWN}/{min(number, 2)}")
    watched.store.put(answered(answered(story, f"{OWN}/0", 404, 8, 1), f"{OWN}/2", 200, 8, 2), day(9.5))
    assert watched.judge() == []
    watched.store.put(answered(Story(), f"{OWN}/2", 410, 9.6, 3), day(10))
    assert watched.judge() == [("BrokenBacklinksRising", "firing")]
    (row,) = watched.store.dicts("SELECT summary, evidence FROM alerts")
    assert row["summary"] == "4 links lead to pages that do not answer, a day ago there were 1"
    assert f"https://{OWN}/2" in row["evidence"]
    assert f"https://{OWN}/0" not in row["evidence"]
    watched.store.put(Story(), day(10.5))
    assert watched.judge() == [("BrokenBacklinksRising", "firing")]
    watched.store.put(Story(), day(10.7))
    assert watched.judge() == [("BrokenBacklinksRising", "resolved")]


def visited(story: Story, link: int, at: int, visits: int) -> Story:
    return story.add(
        "referrals", link_id=link, source_key=link, target_key=1, source_url=f"https://s{link}.com/",
        target_url=f"https://{OWN}/", day=day(at).date(), visits=visits, observed_at=day(at),
        record_at=day(at), source_id=1, off=100 * link + at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "is_told"),
    [
        ({1: {1: 20, 30: 13}, 2: {30: 7}}, True),
        ({1: {1: 20, 30: 12}, 2: {30: 8}}, False),  # just 60 %
        ({1: {30: 12}, 2: {30: 7}}, False),  # of nineteen
        ({1: {31: 90}, 2: {30: 20}}, True),  # the other one a day ago
        ({1: {31: 90}, 2: {30: 10}, 3: {30: 10}}, False),  # since today
        ({1: {2: 90, 30: 11}, 2: {30: 10}, 3: {30: 10}}, False),  # of 29 days ago
        ({1: {31: 90}}, False),  # nobody came before
    ],
)
def test_visits_from_one_source_are_told_after_a_day(
    watched: Watched, told: dict[int, dict[int, int]], *, is_told: bool
) -> None:
    story = live(Story(), 1, "s1.com/", f"{OWN}/")
    for link, days in told.items():
        for at, visits in days.items():
            visited(story, link, at, visits)
    watched.store.put(story, day(31.5), offsets=(None, 1))
    recent = Counter({link: sum(v for at, v in days.items() if at > 3) for link, days in told.items()})
    source, most = recent.most_common(1)[0]
    facts = watched.look()
    assert facts.visits == Concentration(f"s{source}.com", most / recent.total(), recent.total())
    assert watched.judge() == ([("TrafficConcentration", "firing")] if is_told else [])
