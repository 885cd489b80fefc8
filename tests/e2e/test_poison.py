"""Bad records among good ones: each a dead letter with its reason, all others applied, the service alive."""

from __future__ import annotations

import base64
import re
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from bad_values import BAD_VALUES, MIB, event_bytes
from kafka_topics import damage_value, produce_batches, producing
from linktide_process import COMMAND, LinktideProcess
from topic_contents import ends_of, read_topic

from oracle.compare import assert_same
from oracle.events import DeadLetter, Event, Kind, Origin
from oracle.model import derive
from pipeline import whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from kafka_broker import KafkaCluster

pytestmark = pytest.mark.broker
GOOD_PER_BAD = 100
OBSERVED_US = 1_709_251_200_000_000
STORED_BYTES = 64 << 10
REASONS = dict(BAD_VALUES)


def good_value(number: int) -> bytes:
    return event_bytes(source_url=page_of(number), target_url="https://good.example/")


def page_of(number: int) -> str:
    return f"https://page{number % 50}.example.org/{number}"


def good_event(number: int, origin: Origin) -> Event:
    page = page_of(number)
    return Event(
        Kind.DISCOVERED,
        OBSERVED_US,
        page,
        "https://good.example/",
        "example.org",
        "good.example",
        origin=origin,
        record_at=0,
    )


@contextmanager
def running(broker: KafkaCluster, folder: Path, topic: str) -> Iterator[LinktideProcess]:
    arguments = ("--brokers", broker.bootstrap_servers[0], "--topics", topic, "--http-port", "0")
    with LinktideProcess(folder, *COMMAND, "run", "--database", "links.duckdb", *arguments) as service:
        service.wait_ready()
        yield service


def stop_and_compare(service: LinktideProcess, events: list[Event], refused: list[DeadLetter]) -> None:
    assert service.is_ready()
    ended = service.terminate()
    assert ended.exit_code == 0, ended.told
    with whole.opened(service.database) as index:
        assert_same(index.query, derive(events, refused))


@pytest.mark.timeout(300)
def test_bad_records_among_good_ones(broker: KafkaCluster, tmp_path: Path) -> None:
    values: list[bytes | None] = []
    for number, (bad, _) in enumerate(BAD_VALUES):
        values += [good_value(number * GOOD_PER_BAD + step) for step in range(GOOD_PER_BAD)]
        values.append(bad)
    values.append(good_value(0))
    broker.create_topic("poison", max_message_bytes=str(16 * MIB))
    with running(broker, tmp_path, "poison") as service:
        with producing(broker, max_request_size=16 * MIB) as producer:
            for value in values:
                producer.send("poison", value, key=b"host", partition=0)
        records = read_topic(broker, "poison")
        assert [record.value for record in records] == values
        service.wait_stored(ends_of(records))
        check_counted(service, REASONS.values())
        check_kept_bytes(service, values)
        events, refused = [], []
        for record in records:
            if record.value in REASONS:
                refused.append(DeadLetter(record.origin, REASONS[record.value], record.time_us))
            else:
                events.append(good_event(number_of(record.value), record.origin))
        stop_and_compare(service, events, refused)


def number_of(value: bytes | None) -> int:
    """Return the number in the source URL of a good value."""
    found = re.search(rb"/page\d+\.example\.org/(\d+)", value or b"")
    assert found is not None
    return int(found[1])


def check_kept_bytes(service: LinktideProcess, values: list[bytes | None]) -> None:
    """See that each dead letter holds what came, up to 64 KiB, and says what is wrong with it."""
    rows = service.query(
        "SELECT source_offset, byte_length, bytes, detail FROM dead_letters ORDER BY source_offset"
    )
    assert len(rows) == len(BAD_VALUES)
    for row in rows:
        value = values[row["source_offset"]]
        assert row["detail"]
        assert row["byte_length"] == len(value or b"")
        kept = None if row["bytes"] is None else base64.b64decode(row["bytes"])
        assert kept == (None if value is None else value[:STORED_BYTES])


def check_counted(service: LinktideProcess, reasons: Iterable[str]) -> None:
    """See that the metric counts each reason."""
    told = {
        labels[0]: int(count)
        for (name, labels), count in service.metrics().items()
        if name == "linktide_pipeline_dead_letters_total" and count
    }
    assert told == Counter(reasons)


@pytest.mark.timeout(300)
def test_a_batch_damaged_on_the_brokers_disk(own_broker: KafkaCluster, tmp_path: Path) -> None:
    own_broker.create_topic("damaged")
    values = [good_value(number) for number in range(1_000)]
    produce_batches(own_broker, "damaged", values, records_per_batch=100)
    damage_value(own_broker, "damaged", page_of(456).encode())
    with own_broker.admin() as admin:
        cluster_id = admin.describe_cluster()["cluster_id"]
    with running(own_broker, tmp_path, "damaged") as service:
        service.wait_stored({("damaged", 0): 1_000})
        check_counted(service, ["BAD_BATCH"])
        (row,) = service.query("SELECT source_offset, detail FROM dead_letters")
        assert row["source_offset"] == 400
        assert row["detail"].startswith("offsets 400 to 499: ")
        assert service.told.count("holds a damaged batch at offset 400") == 1
        # The service goes on with what comes.
        produce_batches(own_broker, "damaged", [good_value(1_000)], records_per_batch=1)
        service.wait_stored({("damaged", 0): 1_001})
        origins = [Origin(cluster_id, "damaged", 0, offset) for offset in range(1_001)]
        events = [good_event(number, origins[number]) for number in range(1_001) if number // 100 != 4]
        stop_and_compare(service, events, [DeadLetter(origins[400], "BAD_BATCH", 0)])
