"""A follower that lags becomes leader: the log is cut and written anew below what was read and stored.

Each case takes a minute, so CI has one of each; LINKTIDE_FAULTS=long has all.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import duckdb
import pytest
from brief_kafka import create_brief
from kafka_jars import missing_programs
from kafka_reading import poll_up_to, source_of, unpack
from kafka_topics import produce_to_all
from linktide_process import COMMAND, LinktideProcess, wait_until

from linktide.sources.source import GapKind, OffsetGap, Position
from linktide.store.verify import read_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kafka_broker import KafkaCluster

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(600)]
TOPIC = "unclean"
KEPT, LOST = 100, 60
"""Records on both replicas, and records that only the leader had."""
LONG = pytest.mark.skipif(os.environ.get("LINKTIDE_FAULTS") != "long", reason="LINKTIDE_FAULTS is not long")
ROWS = "SELECT count(*), count(DISTINCT link_id) FROM internal.link_events"


@pytest.fixture
def three(tmp_path: Path) -> Iterator[KafkaCluster]:
    """Three brokers, of which 0 and 1 have the one partition, in this order."""
    reason = missing_programs()
    if reason is not None:
        pytest.skip(reason)
    cluster = create_brief(tmp_path / "three", nodes=3)
    try:
        cluster.start(dies_with_caller=True)
        cluster.wait_ready(180)
        create = ("--create", "--topic", TOPIC, "--replica-assignment", "0:1")
        unclean = ("--config", "unclean.leader.election.enable=true", "--config", "min.insync.replicas=1")
        cluster.topic(*create, *unclean)
        yield cluster
    finally:
        cluster.destroy()


def event(number: int) -> bytes:
    told = {
        "event": "seen",
        "observed_at": "2026-11-01T00:00:00Z",
        "source_url": f"https://a{number}.example.com/",
        "target_url": "https://example.org/",
    }
    return json.dumps(told).encode()


def produce(cluster: KafkaCluster, numbers: range) -> None:
    produce_to_all(cluster, TOPIC, [(0, event(number)) for number in numbers])


def lag_behind(cluster: KafkaCluster) -> None:
    """Let the leader alone have the newest records."""
    produce(cluster, range(KEPT))
    cluster.kill(1)
    produce(cluster, range(KEPT, KEPT + LOST))


def elect(cluster: KafkaCluster, anew: int) -> None:
    """Kill the leader: the follower takes over, and `anew` records take the place of those it lacks."""
    cluster.kill(0)
    cluster.start(1, dies_with_caller=True)
    cluster.wait_ready(180)
    produce(cluster, range(1000, 1000 + anew))


@pytest.mark.parametrize(
    ("anew", "is_raw"),
    [
        pytest.param(LOST // 2, True, marks=LONG),
        pytest.param(2 * LOST, True, marks=LONG),
        (2 * LOST, False),
    ],
)
def test_a_source_that_is_opened_again_sees_where_the_logs_part(
    three: KafkaCluster, anew: int, *, is_raw: bool
) -> None:
    lag_behind(three)
    source = source_of(three, TOPIC, is_raw_fetch_wanted=is_raw)
    source.open({})
    last = poll_up_to(source, KEPT + LOST)[-1]
    source.close()
    assert last.leader_epoch >= 0
    elect(three, anew)
    source = source_of(three, TOPIC, is_raw_fetch_wanted=is_raw)
    source.open({last.partition: Position(last.next_offset, last.leader_epoch)})
    chunks = poll_up_to(source, KEPT + anew)
    source.close()
    assert chunks[0].gap == OffsetGap(GapKind.TRUNCATED, KEPT + LOST, KEPT)
    assert [value for _, _, value in unpack(chunks)] == [event(1000 + number) for number in range(anew)]


@pytest.mark.parametrize("anew", [LOST // 2, pytest.param(2 * LOST, marks=LONG)])
def test_a_service_that_runs_tells_it_and_stores_nothing_twice(
    three: KafkaCluster, tmp_path: Path, anew: int
) -> None:
    lag_behind(three)
    (tmp_path / "linktide.toml").write_text(
        f'[kafka]\nbootstrap_servers = {json.dumps(three.bootstrap_servers)}\ntopics = ["{TOPIC}"]\n'
    )
    run = (*COMMAND, "run", "--database", "links.duckdb", "--http-port", "0")
    with LinktideProcess(tmp_path, *run) as service:
        service.wait_ready()
        service.wait_stored({(TOPIC, 0): KEPT + LOST})
        elect(three, anew)
        service.wait_stored({(TOPIC, 0): KEPT + anew})
        # The old leader comes back, and follows.
        three.start(0, dies_with_caller=True)
        three.wait_ready(180)
        produce(three, range(5000, 5010))
        end = KEPT + anew + 10
        service.wait_stored({(TOPIC, 0): end})
        assert service.told.count("records read under an earlier leader are no longer in the log") == 1
        (row,) = service.status()["sources"]
        assert (row["last_offset_gap"], row["absent_offsets"]) == (f"truncated: {KEPT + LOST} → {KEPT}", 0)
        gauges = [
            value
            for (name, _), value in service.metrics().items()
            if name == "linktide_sources_has_offset_gap"
        ]
        assert gauges == [1.0]
        wait_until(service.is_ready, "it is ready")
        assert service.terminate().exit_code == 0
    stored = KEPT + LOST + anew + 10
    with duckdb.connect(str(tmp_path / "links.duckdb"), read_only=True) as connection:
        assert connection.execute(ROWS).fetchall() == [(stored, stored)]
        counted = "SELECT events, dead_letters, next_offset FROM internal.source_offsets"
        assert connection.execute(counted).fetchall() == [(stored, 0, end)]
    assert read_whole(tmp_path / "links.duckdb", "500MB").differences == ()
