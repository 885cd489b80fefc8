"""Alerts by the whole pipeline: raised when they must, silent when they must, each once."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from told_days import BURST, BURST_STORY, OWN, QUIET, START, alerts, chunks, link, take, usual_days

from linktide import recovery
from linktide.alert_desk import AlertDesk
from linktide.alert_watch import AlertWatch
from linktide.alerts.velocity import COLUMNS
from linktide.config import load
from linktide.metrics.values import Metrics
from linktide.replay import Wanted, replay
from linktide.sources.memory import chunk_lines
from linktide.sources.source import GapKind, OffsetGap
from pipeline.whole import LINKS, TESTS, memory_of, opened, run

HOURS = f"""
SELECT domain_name, hour, {", ".join(f"sum({name})" for name in COLUMNS)}
FROM internal.tracked_hours GROUP BY domain_name, hour ORDER BY ALL
"""  # noqa: S608 - names of ours

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.index import LinkIndex
    from linktide.sources.source import Chunk


def named(rows: list[dict[str, object]], name: str) -> list[dict[str, object]]:
    return [row for row in rows if row["alert"] == name]


def test_a_burst_of_losses_is_one_alert_with_its_evidence(tmp_path: Path) -> None:
    (row,) = named(take(tmp_path / "a.duckdb", BURST_STORY), "LinkLossSpike")
    assert (row["domain_name"], row["severity"], row["state"]) == (OWN, "critical", "firing")
    assert not row["is_historical"]
    assert "lost" in str(row["summary"])
    assert '"source_domain":"s10' in str(row["evidence"]).replace(" ", "")
    assert '"topic":"links"' in str(row["offsets"]).replace(" ", "")


def test_usual_days_raise_nothing(tmp_path: Path) -> None:
    assert take(tmp_path / "a.duckdb", QUIET) == []


def test_a_spike_ends_a_day_later(tmp_path: Path) -> None:
    later = [link("seen", 12 * 24 + 30 + hour, 5000) for hour in range(0, 8, 2)]
    (row,) = named(take(tmp_path / "a.duckdb", [*BURST_STORY, *later]), "LinkLossSpike")
    assert row["state"] == "resolved"


def test_without_seven_days_of_baseline_nothing_is_a_spike(tmp_path: Path) -> None:
    burst = [link("discovered", 24 * 7.5, number) for number in range(500, 600)]
    assert take(tmp_path / "a.duckdb", [*usual_days(7), *burst]) == []


def test_a_rival_surges(tmp_path: Path) -> None:
    burst = [link("discovered", 12 * 24, number) for number in range(500, 540)]
    rows = take(tmp_path / "a.duckdb", [*QUIET, *burst], tracked_domains=(), rivals=(OWN,))
    assert [row["alert"] for row in rows] == ["RivalSurge"]


def test_history_raises_rows_of_the_past_alone(tmp_path: Path) -> None:
    rows = take(tmp_path / "a.duckdb", BURST_STORY, late=timedelta(days=400))
    assert {row["is_historical"] for row in rows} == {True}
    assert {row["state"] for row in rows} == {"resolved"}
    assert len(named(rows, "LinkLossSpike")) == 1
    with opened(tmp_path / "a.duckdb") as stopped:
        assert stopped.query("FROM internal.tracked_hours") == []


@pytest.mark.parametrize(("late", "lost"), [(timedelta(days=400), 0), (timedelta(), 5)])
def test_what_time_decides_is_news_if_the_events_that_pass_it_are(
    tmp_path: Path, late: timedelta, lost: int
) -> None:
    told = [link("discovered", 1, number) for number in range(5)]
    told += [link("lost", 2, number, lost_reason="pageerror") for number in range(5)]
    told += [link("discovered", hour, 9, target="other.example") for hour in range(70, 90)]
    take(tmp_path / "a.duckdb", told, late=late)
    with opened(tmp_path / "a.duckdb") as stopped:
        ended = stopped.query("SELECT count(*) FROM new_lost WHERE change = 'lost'")
        counted = stopped.query("SELECT coalesce(sum(lost_dofollow), 0) FROM internal.tracked_hours")
    assert (ended, counted) == ([(5,)], [(lost,)])


@pytest.mark.parametrize("point", ["fenced", "written", "advanced", "committed"])
def test_a_failure_around_the_commit_neither_loses_nor_repeats_an_alert(tmp_path: Path, point: str) -> None:
    wanted = take(tmp_path / "whole.duckdb", BURST_STORY)
    failures = [0]

    def fail(at: str, _index: LinkIndex) -> None:
        failures[0] += at == point
        # Often, so that one is sure to hit the batch that raises.
        if at == point and failures[0] % 7 == 3:
            raise OSError(28, "no space")

    broken = take(tmp_path / "broken.duckdb", BURST_STORY, at=fail)
    names = ("alert", "domain_name", "state", "started_at", "summary")
    assert [[row[name] for name in names] for row in broken] == [
        [row[name] for name in names] for row in wanted
    ]
    with opened(tmp_path / "whole.duckdb") as one, opened(tmp_path / "broken.duckdb") as other:
        assert one.query(HOURS) == other.query(HOURS)


def gapped(before: list[Chunk], gap: OffsetGap) -> list[Chunk]:
    """Return the chunks, and those that are left once one in their midst is gone."""
    middle = len(before) // 2
    gone, after = before[middle], before[middle + 1]
    assert gone.next_offset == after.first_offset
    return [*before[:middle], dataclasses.replace(after, gap=gap), *before[middle + 2 :]]


def test_records_that_are_gone_upstream_are_told_once(tmp_path: Path) -> None:
    told = chunks(QUIET)
    at = told[len(told) // 2]
    gap = OffsetGap(GapKind.BELOW_START, at.first_offset, at.next_offset)
    path = tmp_path / "a.duckdb"
    run(path, [memory_of(gapped(told, gap))], tracked_domains=(OWN,), batch_max_events=4)
    (row,) = alerts(path)
    assert (row["alert"], row["domain_name"], row["severity"]) == ("SourceGap", None, "warning")
    assert f'"resumed_offset": {at.next_offset}' in str(row["evidence"])


def test_letters_that_are_replayed_raise_rows_of_the_past_alone(tmp_path: Path) -> None:
    path, long = tmp_path / "a.duckdb", {"note": "x" * 1_100}
    told = [one | long if one in BURST else one for one in BURST_STORY]
    assert take(path, told, max_event_bytes=1_024) == []
    flags = {"database": path, "tracked_domains": (OWN,)}
    metrics = Metrics()
    desk = AlertDesk(metrics, [(OWN, "own")], AlertWatch(metrics, lambda: 0, 0), has_webhook=True)
    with recovery._workplace(load(flags=flags, environ={}, folder=tmp_path)) as place:  # noqa: SLF001
        desk.begin(place.database.connection, None)
        done = replay(lambda run: run(dataclasses.replace(place, past=desk.past)), Wanted())
    assert done.events == len(BURST)
    rows = alerts(path)
    assert [(row["alert"], row["is_historical"], row["state"]) for row in rows] == [
        ("LinkLossSpike", True, "resolved")
    ]
    with opened(path) as stopped:
        assert stopped.query("FROM internal.alert_notices") == []
        (lost,) = stopped.query("SELECT sum(lost_dofollow + lost_nofollow) FROM internal.tracked_hours")
    assert lost == (sum(one["event"] == "lost" for one in QUIET),)


_KILLED = """
import os, signal, sys
from pathlib import Path
from linktide.alert_desk import AlertDesk
from told_days import BURST_STORY, take

folder, point = Path(sys.argv[1]), sys.argv[2]
marker, store = folder / "was-killed", AlertDesk._store
has_raised = []

def kill():
    marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)

def judge(desk, connection, changes, noted_at):
    store(desk, connection, changes, noted_at)
    if changes and not marker.exists():
        has_raised.append(point)
        if point == "judged":
            kill()

AlertDesk._store = judge
take(folder / "a.duckdb", BURST_STORY, at=lambda at, _: at in has_raised and kill(),
     alerts_webhook_url="http://127.0.0.1:9/")
"""


@pytest.mark.parametrize("point", ["judged", "written", "advanced", "committed"])
def test_a_kill_in_the_batch_that_raises_an_alert_neither_loses_nor_repeats_it(
    tmp_path: Path, point: str
) -> None:
    command = [sys.executable, "-c", _KILLED, str(tmp_path), point]
    folders = os.pathsep.join(str(TESTS / folder) for folder in ("", "alerts", "store"))
    environ = os.environ | {"PYTHONPATH": folders}
    ends = [subprocess.run(command, env=environ, check=False).returncode for _ in range(2)]
    assert ends == [-signal.SIGKILL, 0]
    (row,) = named(alerts(tmp_path / "a.duckdb"), "LinkLossSpike")
    assert row["state"] == "firing"
    with opened(tmp_path / "a.duckdb") as stopped:
        of_it = f"WHERE alert_id = '{row['alert_id']}'"
        calls = stopped.query(f"SELECT state FROM internal.alert_notices {of_it}")  # noqa: S608
        changes = stopped.query(f"FROM internal.alert_changes {of_it}")
    assert calls == [("firing",)]
    assert len(changes) == 1


def test_the_hours_of_news_are_the_velocity_of_what_came_at_once(tmp_path: Path) -> None:
    take(tmp_path / "a.duckdb", BURST_STORY)
    with opened(tmp_path / "a.duckdb") as stopped:
        kept = stopped.query(HOURS)
        shown = stopped.query(
            "SELECT hour, new_links + restored_links, lost_links FROM link_velocity "
            "WHERE target_domain = 'own.example' ORDER BY hour"
        )
    assert [(hour, a + b, c + d) for _, hour, a, b, c, d in kept] == shown


def test_a_link_that_mattered_is_told_when_it_is_lost(tmp_path: Path) -> None:
    # s1 is linked to by many, so its page is the best of those that link to us; the others have nobody.
    told = [link("discovered", 1, number) for number in range(30)]
    told += [link("discovered", 2, 100 + number, target="s1.example", anchor="<b>x") for number in range(40)]
    told = [
        one | {"target_url": "https://s1.example/p"} if "s1.example" in one["target_url"] else one
        for one in told
    ]
    lost = [link("lost", 30, 1), link("lost", 31, 2)]
    rows = take(tmp_path / "a.duckdb", [*told, *lost], authority_min_domains=0)
    (row,) = named(rows, "ImportantLinkLost")
    assert "https://s1.example/p" in str(row["summary"])
    assert "removedfromhtml" in str(row["evidence"])
    assert len(rows) == 1
    flips = [link("seen", 30, 1, rel=["nofollow"]), link("seen", 31, 2, rel=["nofollow"])]
    followed = [one | {"rel": []} for one in told]
    rows = take(tmp_path / "b.duckdb", [*followed, *flips], authority_min_domains=0)
    assert [row["alert"] for row in rows] == ["FollowFlipped"]
    assert alerts(tmp_path / "b.duckdb") == rows
    # A feed that begins to tell the rel tells of no change.
    assert take(tmp_path / "c.duckdb", [*told, *flips], authority_min_domains=0) == []


def test_a_link_is_followed_no_more_since_its_rel_said_so(tmp_path: Path) -> None:
    told = [link("discovered", 1, number, rel=[]) for number in range(30)]
    told += [
        link("discovered", 2, 100 + number) | {"target_url": "https://s1.example/p"} for number in range(40)
    ]
    before = chunks(told)
    # Both come in one batch: the rel of days ago, the anchor of now.
    late = [link("seen", 20, 1, rel=["nofollow"]), link("seen", 300, 1, anchor="new")]
    last = chunk_lines(
        LINKS,
        [json.dumps(one).encode() for one in late],
        lines_per_chunk=2,
        received_at_us=int((START + timedelta(hours=300)).timestamp() * 1e6),
        first_offset=before[-1].next_offset,
    )
    path = tmp_path / "a.duckdb"
    settings = {"tracked_domains": (OWN,), "authority_min_domains": 0, "batch_max_events": 4}
    run(path, [memory_of([*before, *last])], **settings)  # type: ignore[arg-type]  # by name
    (row,) = named(alerts(path), "FollowFlipped")
    assert (row["is_historical"], row["started_at"]) == (True, START + timedelta(hours=20))
