"""Real link events, produced into a real Kafka and consumed by a running service, equal the oracle."""

from __future__ import annotations

import os
import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from linktide_process import COMMAND, LinktideProcess
from topic_contents import ends_of, read_topic

from oracle.compare import assert_same
from oracle.corpora import FPB_FILE, data_folder, fpb_lines, identified_events, raw_events
from oracle.model import derive
from pipeline import whole

if TYPE_CHECKING:
    from kafka_broker import KafkaCluster
    from topic_contents import Record

    from oracle.events import DeadLetter, Event

FOLDER = data_folder(os.environ, Path(__file__).parents[2])
pytestmark = [
    pytest.mark.broker,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not (FOLDER / FPB_FILE).exists(), reason=f"no test data in {FOLDER}"),
]
TOPIC = "fpb"
EVENTS = 45_612
LIVE_RAW_PAIRS = 11_563
STORED_EVENTS = "linktide_pipeline_events_total"
SMALL_SERVICE = str(Path(__file__).with_name("small_service.py"))


@pytest.fixture(scope="module")
def records(broker: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """The topic's records, sent by `linktide produce`."""
    broker.create_topic(TOPIC, partitions=4)
    servers = ",".join(broker.bootstrap_servers)
    arguments = ["--set", f"kafka.bootstrap_servers={servers}", "--set", f"kafka.topics={TOPIC}"]
    folder = tmp_path_factory.mktemp("produce")
    with LinktideProcess(folder, *COMMAND, "produce", str(FOLDER / FPB_FILE), *arguments) as produce:
        ended = produce.ended()
    assert (ended.exit_code, ended.told) == (0, f"Sent {EVENTS:,} events to the topic {TOPIC}.\n")
    return read_topic(broker, TOPIC)


def judge(records: list[Record]) -> tuple[list[Event], list[DeadLetter]]:
    """Return the model's events of the topic, with partition and offset as Kafka has them."""
    events: list[Event] = []
    refused: list[DeadLetter] = []
    for _, of_partition in groupby(records, key=lambda record: record.origin[:3]):
        same = list(of_partition)
        lines = [record.value or b"" for record in same]
        assert [record.origin.offset for record in same] == list(range(len(same)))
        accepted, not_accepted = identified_events(lines, whole.identify, same[0].origin)
        events += accepted
        refused += not_accepted
    return events, refused


def check(service: LinktideProcess, records: list[Record]) -> None:
    """Wait until all is stored, stop the service in time, compare every view."""
    service.wait_stored(ends_of(records))
    ended = service.terminate()
    assert ended.exit_code == 0, ended.told
    assert ended.seconds < 10
    with whole.opened(service.database) as index:
        assert_same(index.query, derive(*judge(records)))


def test_produced_records_are_the_file_keyed_by_source_host(records: list[Record]) -> None:
    lines = fpb_lines(FOLDER)
    assert len(records) == len(lines) == EVENTS
    # One source host, so one partition and the order of the file.
    assert [record.value for record in records] == lines
    state = derive(raw_events(lines))
    assert sum(link.is_live for link in state.links.values()) == LIVE_RAW_PAIRS


def test_consumed_by_the_command(broker: KafkaCluster, records: list[Record], tmp_path: Path) -> None:
    arguments = ["--brokers", broker.bootstrap_servers[0], "--topics", TOPIC, "--http-port", "0"]
    with LinktideProcess(tmp_path, *COMMAND, "run", "--database", "links.duckdb", *arguments) as service:
        service.wait_ready()
        service.wait_stored(ends_of(records))
        check_measured(service, records)
        check(service, records)


def check_measured(service: LinktideProcess, records: list[Record]) -> None:
    """See what /metrics says once everything is stored."""
    seconds_since_first = time.time() - records[0].time_us / 1e6
    samples = service.metrics()
    origin = records[0].origin
    lag = samples["linktide_sources_lag_records", (str(origin.partition), origin.source_name, origin.topic)]
    assert lag == 0
    assert samples["linktide_pipeline_freshness_seconds_count", ()] == EVENTS
    assert 0 < samples["linktide_pipeline_freshness_seconds_sum", ()] / EVENTS < seconds_since_first
    assert sum(value for (name, _), value in samples.items() if name == STORED_EVENTS) == EVENTS
    assert samples["linktide_service_is_ready", ()] == 1


def test_consumed_by_plain_poll(broker: KafkaCluster, records: list[Record], tmp_path: Path) -> None:
    settings = {
        "database": "links.duckdb",
        "kafka_bootstrap_servers": broker.bootstrap_servers[0],
        "kafka_topics": TOPIC,
        "http_port": "0",
    }
    assignments = [f"{name}={value}" for name, value in settings.items()]
    with LinktideProcess(tmp_path, SMALL_SERVICE, "--plain", *assignments) as service:
        service.wait_ready()
        check(service, records)
        assert "kafka-python decodes the records itself" in service.told


def test_a_database_is_built_anew_from_the_topic(
    broker: KafkaCluster, records: list[Record], tmp_path: Path
) -> None:
    brokers = f"kafka.bootstrap_servers={broker.bootstrap_servers[0]}"
    arguments = ["--set", brokers, "--set", f"kafka.topics={TOPIC}", "--topic", TOPIC]
    with LinktideProcess(tmp_path, *COMMAND, "replay", *arguments, "--into", "anew.duckdb") as process:
        ended = process.ended()
    assert ended.exit_code == 0, ended.told
    assert not (tmp_path / "links.duckdb").exists()
    with whole.opened(tmp_path / "anew.duckdb") as index:
        assert_same(index.query, derive(*judge(records)))
    # Nothing is new the second time.
    with LinktideProcess(tmp_path, *COMMAND, "replay", *arguments, "--into", "anew.duckdb") as process:
        assert process.ended().exit_code == 0
    with whole.opened(tmp_path / "anew.duckdb") as index:
        assert_same(index.query, derive(*judge(records)))
