"""Alerts of the service itself and of many domains, as a running service judges, stores and calls them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hand_made_store import NOW, PARTITION, Store, micros

from linktide import alert_turns
from linktide.alert_desk import AlertDesk
from linktide.alert_news import BatchNews
from linktide.alert_watch import LEAST_ARRIVALS, AlertWatch
from linktide.alert_watch import Store as Watched
from linktide.alerts.service_rules import MOST_WAL_BYTES
from linktide.alerts.velocity import DAY_HOURS, HOUR_US, KEPT_HOURS
from linktide.metrics.values import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

MIN_FREE_BYTES = 1 << 30
OWN = tuple(f"d{number}.com" for number in range(12))


@dataclass
class Running:
    """A desk on a store, with a world that a test changes and a clock that it moves."""

    store: Store
    seconds: float = 0.0
    lag: int = 0
    free_bytes: int = 4 * MIN_FREE_BYTES
    wal_bytes: int = 0
    bounds: dict[str, float] = field(default_factory=lambda: {"domain/citation": 1.0})
    metrics: Metrics = field(default_factory=Metrics)
    desk: AlertDesk = field(init=False)

    def __post_init__(self) -> None:
        watch = AlertWatch(
            self.metrics,
            lambda: micros(NOW) + int(self.seconds * 1e6),
            MIN_FREE_BYTES,
            monotonic=lambda: self.seconds,
        )
        watch.store = Watched(
            lambda: self.lag, lambda: self.free_bytes, lambda: self.wal_bytes, lambda: self.bounds
        )
        self.desk = AlertDesk(self.metrics, [(name, "own") for name in OWN], watch, has_webhook=True)
        self.desk.begin(self.store.database.connection, None)

    def live(self, seconds: float, step: float = 5.0) -> None:
        for _ in range(int(seconds / step)):
            self.seconds += step
            self.desk.tick(self.store.writer)

    def judge(self, news: BatchNews) -> None:
        writer = self.store.writer
        with writer.transaction("judge a batch"):
            self.desk.judge(news, writer.database.connection, NOW)
        self.desk.stored()

    def alerts(self) -> list[tuple[str, str]]:
        found = self.store.dicts("SELECT alert, state FROM alerts ORDER BY noted_at, alert_id")
        return [(row["alert"], row["state"]) for row in found]

    def calls(self) -> list[tuple[str, str]]:
        found = self.store.dicts("SELECT alert_id, state FROM internal.alert_notices ORDER BY notice_id")
        return [(row["alert_id"].split("/")[0], row["state"]) for row in found]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Store(tmp_path / "a.duckdb") as store:
        yield Running(store)


def disk(one: Running) -> None:
    one.free_bytes = MIN_FREE_BYTES


def wal(one: Running) -> None:
    one.wal_bytes = MOST_WAL_BYTES + 1


def bound(one: Running) -> None:
    one.bounds = {"domain/citation": 2.5}


def stale(one: Running) -> None:
    one.lag = 10


def letters(one: Running) -> None:
    one.metrics.add("linktide_pipeline_events_total", 98, "seen")
    one.metrics.add("linktide_pipeline_dead_letters_total", 2, "JSON")


def silence(one: Running) -> None:
    for _ in range(LEAST_ARRIVALS):
        one.seconds += 1
        one.desk.watch.arrived([PARTITION])


@pytest.mark.parametrize(
    ("cause", "alert"),
    [
        (disk, "DiskSpace"),
        (wal, "WalTooLarge"),
        (bound, "AuthorityErrorBound"),
        (stale, "Stale"),
        (letters, "DLQ"),
        (silence, "SourceSilent"),
    ],
)
def test_the_service_tells_what_is_wrong_with_it_once_and_that_it_is_over(
    running: Running, cause: Callable[[Running], None], alert: str
) -> None:
    running.live(10)
    assert running.alerts() == []
    cause(running)
    running.live(400 if cause is silence else 70)
    assert running.alerts() == [(alert, "firing")]
    assert running.calls() == [(alert, "firing")]
    labels = next(key for key in ("critical", "warning", "info") if running.metrics.value(
        "linktide_alert_active", alert, "", key))  # fmt: skip
    assert running.metrics.value("linktide_alerts_total", alert, labels) == 1
    running.lag, running.free_bytes, running.wal_bytes = 0, 4 * MIN_FREE_BYTES, 0
    running.bounds = {}
    for _ in range(7):
        running.desk.watch.arrived([PARTITION])
        running.live(60)
    assert running.alerts() == [(alert, "resolved")]
    assert running.calls() == [(alert, "firing"), (alert, "resolved")]


def turns_of(change: str, at: datetime, links: int, names: Sequence[str]) -> pa.Table:
    rows = [
        {
            "link_id": number * 1000 + link,
            "domain_name": name,
            "change": change,
            "changed_at": at,
            "is_dofollow": True,
            "is_recent": True,
            "is_important": False,
            "page_authority": 0.0,
            "domain_authority": 0.0,
        }
        for number, name in enumerate(names)
        for link in range(links)
    ]
    return pa.Table.from_pylist(rows, alert_turns.SCHEMA)


def news_of(change: str, at: datetime, links: int, names: Sequence[str]) -> BatchNews:
    counts = (0, 0, links, 0) if change == "lost" else (links, 0, 0, 0)
    hours = {(name, micros(at) // HOUR_US): counts for name in names}
    return BatchNews(micros(at), turns_of(change, at, links, names), {}, (), hours)


def losses(names: Sequence[str]) -> BatchNews:
    return news_of("lost", NOW, 40, names)


def known_for_long(running: Running) -> None:
    """Let all own domains be known for twelve quiet days."""
    before = NOW - timedelta(days=12)
    running.judge(news_of("new", before, 1, OWN))


def test_many_domains_that_lose_links_at_once_are_one_alert_of_the_feed(running: Running) -> None:
    known_for_long(running)
    running.judge(losses(OWN[:4]))
    found = running.alerts()
    assert found.count(("LinkLossSpike", "inhibited")) == 4
    assert ("IndexWideShift", "firing") in found
    assert running.calls() == [("IndexWideShift", "firing")]


def test_a_few_domains_that_lose_links_are_alerts_of_their_own(running: Running) -> None:
    known_for_long(running)
    running.judge(losses(OWN[:3]))
    assert running.alerts() == [("LinkLossSpike", "firing")] * 3
    assert running.calls() == [("LinkLossSpike", "firing")] * 3


def test_hours_are_folded_once_a_day_and_the_first_one_stays(running: Running) -> None:
    day = timedelta(days=1)
    begin = (NOW - 40 * day).replace(hour=1)
    for number in range(41):
        for minutes in (0, 10, 61):
            at = begin + number * day + timedelta(minutes=minutes)
            running.judge(news_of("new", at, 2, OWN[:1]))
    midnight = begin + 40 * day + timedelta(hours=23)
    before = running.store.dicts("SELECT count(*) AS rows FROM internal.tracked_hours")
    running.judge(BatchNews(micros(midnight), alert_turns.no_turns(), {}, ()))
    found = running.store.dicts(
        "SELECT hour, gained_dofollow AS gained FROM internal.tracked_hours ORDER BY 1"
    )
    kept = midnight - timedelta(hours=KEPT_HOURS)
    hours = [begin + number * day + timedelta(hours=hour) for number in range(41) for hour in (0, 1)]
    wanted = [(hour, 2 if hour.hour == 2 else 4) for hour in hours if hour == begin or hour >= kept]
    assert [(row["hour"], row["gained"]) for row in found] == wanted
    assert before[0]["rows"] > len(wanted)


def test_authority_that_falls_within_a_week_is_told(running: Running) -> None:
    now = micros(NOW)
    hour = 7 * DAY_HOURS * HOUR_US
    quiet = alert_turns.no_turns()
    running.judge(BatchNews(now - hour, quiet, {OWN[0]: 40.0, OWN[1]: 40.0}, ()))
    running.judge(BatchNews(now, quiet, {OWN[0]: 36.9, OWN[1]: 37.1}, ()))
    found = running.store.dicts("SELECT alert, domain_name, summary FROM alerts")
    assert [(row["alert"], row["domain_name"]) for row in found] == [("AuthorityDrop", OWN[0])]
    assert "36.9" in found[0]["summary"]
    assert running.calls() == [("AuthorityDrop", "firing")]


def test_losses_that_time_alone_decided_wait_whatever_dies(running: Running) -> None:
    known_for_long(running)
    news = losses(OWN[:1])
    running.judge(replace(news, is_catching_up=True, timed=news.turns["link_id"].combine_chunks()))
    assert running.alerts() == []
    waiting = "SELECT count(*) AS held FROM internal.held_turns"
    assert running.store.dicts(waiting) == [{"held": 40}]
    # Killed: what is in memory is gone, the tables stay.
    again = Running(running.store)
    again.judge(BatchNews(micros(NOW), alert_turns.no_turns(), {}, ()))
    assert again.store.dicts(waiting) == [{"held": 0}]
    assert again.alerts() == [("LinkLossSpike", "firing")]
    again.judge(BatchNews(micros(NOW), alert_turns.no_turns(), {}, ()))
    assert again.calls() == [("LinkLossSpike", "firing")]
