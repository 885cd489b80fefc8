"""Killed anywhere, at any moment, the database holds every record of the topic exactly once.

LINKTIDE_KILLS says how many kills, LINKTIDE_FAULTS=long makes 25 instead of the 12 of CI, LINKTIDE_KILL_SEED
repeats the moments and the stream of a run.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest
from event_stream import draw_stream
from kafka_topics import producing
from linktide_process import COMMAND, LinktideProcess
from topic_contents import ends_of, read_topic

from linktide.store.writer import FAIL_POINTS
from oracle.compare import assert_same, check_citation
from oracle.model import derive
from pipeline import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from event_stream import EventStream
    from kafka_broker import KafkaCluster

pytestmark = pytest.mark.broker
SCRIPT = str(Path(__file__).with_name("small_service.py"))
SMALL_FETCHES = "--fetch-bytes=4096"
"""With small batches a kill finds the service at work, in any phase."""
KILLS = int(os.environ.get("LINKTIDE_KILLS") or (25 if os.environ.get("LINKTIDE_FAULTS") == "long" else 12))
RECORDS = 2_400 * KILLS
"""As many for each kill however many there are."""
PARTITIONS = 3
START_KILL_SHARE = 0.25
GOAL_SECONDS = 10.0
CITATION_RATIO = 0.03
"""A score is published anew when it moved by more than twice its bound, which is 1 % while events arrive."""
ONCE = """
SELECT o.topic, o.part, count(*), count(DISTINCT r.off), max(r.off) + 1, any_value(o.next_offset)
FROM (SELECT source_id, off FROM internal.link_events
      UNION ALL SELECT source_id, off FROM internal.dead_letters) r
JOIN internal.source_offsets o ON o.source_id = r.source_id
GROUP BY ALL
"""


def settings(broker: KafkaCluster, topic: str, **more: object) -> list[str]:
    chosen = {
        "database": "links.duckdb",
        "kafka_bootstrap_servers": ",".join(broker.bootstrap_servers),
        "kafka_topics": topic,
        "http_port": 0,
        "batch_max_events": 60,
        "catch_up_max_events": 60,
        "batch_max_seconds": 0.1,
        "authority_min_domains": 0,
        **more,
    }
    return [f"{name}={value}" for name, value in chosen.items()]


def send(broker: KafkaCluster, topic: str, values: Sequence[bytes | None], chance: random.Random) -> None:
    """Write values to partitions drawn by chance, in small record batches."""
    with producing(broker, batch_size=4096, compression_type=chance.choice([None, "gzip"])) as producer:
        for value in values:
            producer.send(topic, value, key=b"host", partition=chance.randrange(PARTITIONS))


def finish(service: LinktideProcess, broker: KafkaCluster, topic: str, stream: EventStream) -> None:
    """Let a service store the rest of the topic, stop it, and compare its database with the topic."""
    service.wait_ready()
    records = read_topic(broker, topic)
    ends = ends_of(records)
    service.wait_stored(ends)
    ended = service.terminate()
    assert ended.exit_code == 0, ended.told
    assert ended.seconds < GOAL_SECONDS
    with whole.opened(service.database) as index:
        stored = {(row[0], row[1]): row[2:] for row in index.query(ONCE)}
        assert stored == {key: (end, end, end, end) for key, end in ends.items()}
        state = derive(*stream.judge(records))
        assert_same(index.query, state)
        assert check_citation(index.query, state, CITATION_RATIO) == []


@pytest.mark.timeout(900)
def test_killed_at_random_moments(own_broker: KafkaCluster, tmp_path: Path) -> None:
    seed = int(os.environ.get("LINKTIDE_KILL_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"LINKTIDE_KILL_SEED={seed}")  # noqa: T201 -- repeats this run
    chance = random.Random(seed)
    stream = draw_stream(chance, RECORDS, links=2_500)
    own_broker.create_topic("events", PARTITIONS)
    half = len(stream.values) // 2
    send(own_broker, "events", stream.values[:half], chance)
    seconds, stored = [], []
    for number in range(KILLS):
        begin, end = (half + half * edge // KILLS for edge in (number, number + 1))
        with LinktideProcess(tmp_path, SCRIPT, SMALL_FETCHES, *settings(own_broker, "events")) as service:
            if chance.random() < START_KILL_SHARE:
                service.live_for(chance.uniform(0, 2))
            else:
                seconds.append(service.wait_ready())
                stored.append(sum(service.stored_offsets().values()))
            if number == KILLS // 2:
                own_broker.kill()
                own_broker.start(dies_with_caller=True)
                own_broker.wait_ready()
            send(own_broker, "events", stream.values[begin:end], chance)
            service.live_for(chance.uniform(0, 0.4))
    told = [f"{ready:.1f} s with {rows}" for ready, rows in zip(seconds, stored, strict=True)]
    print("ready after:", ", ".join(told), "stored")  # noqa: T201 -- figures to look at
    assert len(set(stored)) > len(stored) // 2
    # Not all was stored before the last kill, or the kills hit an idle service.
    assert stored[-1] < RECORDS
    assert median(seconds) < GOAL_SECONDS
    run = [argument for pair in settings(own_broker, "events") for argument in ("--set", pair)]
    with LinktideProcess(tmp_path, *COMMAND, "run", *run) as service:
        finish(service, own_broker, "events", stream)


@pytest.mark.timeout(600)
def test_killed_at_every_fail_point(broker: KafkaCluster, tmp_path: Path) -> None:
    chance = random.Random(11)
    stream = draw_stream(chance, 12_000, links=600)
    broker.create_topic("fail-points", PARTITIONS)
    send(broker, "fail-points", stream.values, chance)
    for point in FAIL_POINTS:
        calls = 1 if point.startswith("checkpoint") else chance.randint(1, 3)
        bomb = (SMALL_FETCHES, f"--fail-point={point}", f"--calls={calls}")
        with LinktideProcess(tmp_path, SCRIPT, *bomb, *settings(broker, "fail-points")) as service:
            if point.startswith("checkpoint"):
                service.wait_ready()
                # It checkpoints as it closes.
                ended = service.terminate()
            else:
                ended = service.ended()
            assert ended.exit_code == -signal.SIGKILL, f"{point}: {ended.told}"
    with LinktideProcess(tmp_path, SCRIPT, *settings(broker, "fail-points")) as service:
        finish(service, broker, "fail-points", stream)
