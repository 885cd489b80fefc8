"""What happens around the Kafka source: topics, partitions and brokers come and go."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from kafka import TopicPartition
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError
from kafka_reading import PATIENCE_SECONDS, poll_until, poll_up_to, source_of, unpack
from kafka_topics import produce_batches

from linktide.errors import BrokerUnreachableError, ConfigError, StopError
from linktide.sources.source import GapKind, OffsetGap, Partition, Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafka import OffsetAndMetadata
    from kafka_broker import KafkaCluster

    from linktide.sources.kafka import KafkaSource
    from linktide.sources.source import Chunk

pytestmark = pytest.mark.broker
VALUES = [b"%d" % number for number in range(50)]


def values_of(chunks: list[Chunk]) -> list[bytes | None]:
    return [value for _, _, value in unpack(chunks)]


def poll_while(source: KafkaSource, goes_on: Callable[[], bool]) -> None:
    """Poll while something is awaited; nothing may arrive meanwhile."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while goes_on():
        assert time.monotonic() < deadline
        assert list(source.poll(0.1)) == []


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("linktide") and record.levelno >= logging.ERROR
    ]


def recreate(broker: KafkaCluster, topic: str, partitions: int = 1) -> None:
    with broker.admin() as admin:
        admin.delete_topics([topic])
        deadline = time.monotonic() + PATIENCE_SECONDS
        while topic in admin.list_topics():
            assert time.monotonic() < deadline
    broker.create_topic(topic, partitions)


def test_several_topics_with_several_partitions(broker: KafkaCluster) -> None:
    for topic in ("many-a", "many-b"):
        broker.create_topic(topic, partitions=3)
        for number in range(3):
            produce_batches(broker, topic, VALUES, records_per_batch=10, partition=number)
    source = source_of(broker, "many-a", "many-b")
    source.open({})
    chunks = poll_until(source, lambda chunks: sum(len(unpack([c])) for c in chunks) >= 300)
    assert set(source.lag().values()) == {0}
    source.close()
    partitions = {chunk.partition for chunk in chunks}
    assert {(p.topic, p.number) for p in partitions} == {
        (t, n) for t in ("many-a", "many-b") for n in range(3)
    }
    assert len({p.topic_id for p in partitions}) == 2
    assert len({p.cluster for p in partitions}) == 1
    assert all(p.cluster and p.topic_id for p in partitions)
    for partition in partitions:
        assert values_of([chunk for chunk in chunks if chunk.partition == partition]) == VALUES


def test_a_new_partition_is_read_from_its_beginning(broker: KafkaCluster) -> None:
    broker.create_topic("growing")
    produce_batches(broker, "growing", VALUES, records_per_batch=50)
    source = source_of(broker, "growing")
    source.open({})
    poll_up_to(source, 50)
    with broker.admin() as admin:
        admin.create_partitions({"growing": 2})
        admin.wait_for_topics(["growing"])
    produce_batches(broker, "growing", VALUES, records_per_batch=50, partition=1)
    chunks = poll_up_to(source, 50, number=1)
    produce_batches(broker, "growing", VALUES, records_per_batch=50, partition=0)
    more = poll_up_to(source, 100)
    source.close()
    assert values_of(chunks) == VALUES
    assert [chunk.first_offset for chunk in more] == [50]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_that_comes_back_is_read_on(
    own_broker: KafkaCluster, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    own_broker.create_topic("events")
    produce_batches(own_broker, "events", VALUES, records_per_batch=10)
    source = source_of(own_broker, "events", group_id="hints")
    source.open({})
    before = poll_up_to(source, 50)
    getattr(own_broker, how)()
    poll_while(source, lambda: source.trouble is None)
    source.commit({before[0].partition: Position(50)})
    poll_while(source, lambda: len(errors_in(caplog)) == 0)
    assert (source.trouble or "").startswith(f"Kafka at {own_broker.bootstrap_servers[0]} cannot be read (")
    own_broker.start(dies_with_caller=True)
    own_broker.wait_ready()
    produce_batches(own_broker, "events", VALUES, records_per_batch=10)
    after = poll_up_to(source, 100)
    assert source.trouble is None
    source.close()
    assert values_of([*before, *after]) == VALUES * 2
    assert len(errors_in(caplog)) == 1
    assert "cannot be read" in errors_in(caplog)[0]


def test_a_broker_that_is_down_at_the_start_is_waited_for_then_named(own_broker: KafkaCluster) -> None:
    own_broker.create_topic("events")
    produce_batches(own_broker, "events", VALUES, records_per_batch=10)
    own_broker.stop()
    servers = own_broker.bootstrap_servers[0]
    with pytest.raises(
        BrokerUnreachableError, match=rf"answered at kafka.bootstrap_servers = {servers} within 1 s"
    ):
        source_of(own_broker, "events", open_timeout_seconds=1.0).open({})
    own_broker.start(dies_with_caller=True)
    source = source_of(own_broker, "events", open_timeout_seconds=60.0)
    source.open({})
    assert values_of(poll_up_to(source, 50)) == VALUES
    source.close()


def test_a_topic_that_does_not_exist_is_named_and_not_made(broker: KafkaCluster) -> None:
    source = source_of(broker, "nothing-here", open_timeout_seconds=1.5)
    with pytest.raises(ConfigError, match=r"kafka.topics = nothing-here does not exist on the cluster at"):
        source.open({})
    with broker.admin() as admin:
        assert "nothing-here" not in admin.list_topics()


def test_stored_offsets_are_committed_as_hints(broker: KafkaCluster) -> None:
    broker.create_topic("hinted")
    produce_batches(broker, "hinted", VALUES, records_per_batch=10)
    source = source_of(broker, "hinted", group_id="lag-tool")
    source.open({})
    (chunk, *_) = poll_up_to(source, 50)
    tp = TopicPartition("hinted", 0)
    offsets: dict[TopicPartition, OffsetAndMetadata] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    with broker.admin() as admin:
        while tp not in offsets:
            assert time.monotonic() < deadline
            # The first ones may fail: a new broker makes its topic of offsets only when asked.
            source.commit({chunk.partition: Position(31), Partition("x", "y", "", 0): Position(5)})
            source.poll(0.1)
            with suppress(CoordinatorNotAvailableError, CoordinatorLoadInProgressError):
                offsets = admin.list_group_offsets({"lag-tool": None})["lag-tool"]
    assert {key: value.offset for key, value in offsets.items()} == {tp: 31}
    source.close()


def gap_of(chunks: list[Chunk]) -> list[OffsetGap | None]:
    return [chunk.gap for chunk in chunks]


def read_partition(broker: KafkaCluster, topic: str) -> Partition:
    source = source_of(broker, topic)
    source.open({})
    (chunk, *_) = poll_up_to(source, 50)
    source.close()
    return chunk.partition


def test_a_position_below_the_start_goes_on_at_the_earliest(
    broker: KafkaCluster, caplog: pytest.LogCaptureFixture
) -> None:
    broker.create_topic("expired")
    produce_batches(broker, "expired", VALUES, records_per_batch=10)
    partition = read_partition(broker, "expired")
    with broker.admin() as admin:
        admin.delete_records({TopicPartition("expired", 0): 20})
    source = source_of(broker, "expired")
    source.open({partition: Position(5)})
    chunks = poll_up_to(source, 50)
    gap = OffsetGap(GapKind.BELOW_START, 5, 20)
    assert gap_of(chunks) == [gap, *[None] * (len(chunks) - 1)]
    assert source.gaps() == {partition: gap}
    assert values_of(chunks) == VALUES[20:]
    source.close()
    (told,) = errors_in(caplog)
    assert told == (
        "Kafka partition expired-0 cannot be continued at its stored offset 5: records after it are gone "
        "before they were read. Going on from offset 20."
    )
    stopping = source_of(broker, "expired", offset_gap_policy="stop")
    stopping.open({partition: Position(5)})
    with pytest.raises(StopError, match=r"expired-0 cannot be continued .*kafka.offset_gap_policy = stop"):
        poll_up_to(stopping, 50)
    stopping.close()


def test_a_position_above_the_end_goes_on_at_the_earliest(broker: KafkaCluster) -> None:
    broker.create_topic("short")
    produce_batches(broker, "short", VALUES, records_per_batch=50)
    partition = read_partition(broker, "short")
    source = source_of(broker, "short")
    source.open({partition: Position(90)})
    chunks = poll_up_to(source, 50)
    source.close()
    assert gap_of(chunks) == [OffsetGap(GapKind.ABOVE_END, 90, 0)]
    assert values_of(chunks) == VALUES


def test_a_topic_recreated_while_running_is_read_from_its_start(broker: KafkaCluster) -> None:
    broker.create_topic("reborn")
    produce_batches(broker, "reborn", VALUES, records_per_batch=10)
    source = source_of(broker, "reborn")
    source.open({})
    before = poll_up_to(source, 50)
    recreate(broker, "reborn", partitions=2)
    produce_batches(broker, "reborn", VALUES[:20], records_per_batch=10)
    produce_batches(broker, "reborn", VALUES[20:], records_per_batch=10, partition=1)
    chunks = poll_until(source, lambda chunks: len(values_of(chunks)) >= 50)
    source.close()
    assert {chunk.partition.topic_id for chunk in chunks}.isdisjoint({before[0].partition.topic_id})
    assert next(c for c in chunks if c.partition.number == 0).gap == OffsetGap(GapKind.RECREATED, 50, 0)
    assert next(c for c in chunks if c.partition.number == 1).gap is None
    assert sorted(values_of(chunks), key=repr) == sorted(VALUES, key=repr)


def test_a_topic_recreated_while_stopped_is_read_from_its_start(broker: KafkaCluster) -> None:
    broker.create_topic("reborn-idle")
    produce_batches(broker, "reborn-idle", VALUES, records_per_batch=10)
    old = read_partition(broker, "reborn-idle")
    recreate(broker, "reborn-idle")
    produce_batches(broker, "reborn-idle", VALUES, records_per_batch=50)
    source = source_of(broker, "reborn-idle")
    source.open({old: Position(30)})
    (chunk,) = poll_up_to(source, 50)
    assert chunk.gap == OffsetGap(GapKind.RECREATED, 30, 0)
    assert values_of([chunk]) == VALUES
    source.close()
    # Once the new topic has a position, the old one is history.
    source.open({old: Position(30), chunk.partition: Position(10)})
    (chunk,) = poll_up_to(source, 50)
    assert (chunk.first_offset, chunk.gap) == (10, None)
    source.close()
    with pytest.raises(StopError, match="made anew"):
        source_of(broker, "reborn-idle", offset_gap_policy="stop").open({old: Position(30)})


def test_a_deleted_topic_is_told_once_and_taken_up_again(
    broker: KafkaCluster, caplog: pytest.LogCaptureFixture
) -> None:
    broker.create_topic("gone")
    produce_batches(broker, "gone", VALUES, records_per_batch=50)
    source = source_of(broker, "gone")
    source.open({})
    poll_up_to(source, 50)
    with broker.admin() as admin:
        admin.delete_topics(["gone"])
    poll_while(source, lambda: not errors_in(caplog))
    assert "Kafka topic gone no longer exists" in errors_in(caplog)[0]
    for _ in range(20):
        source.poll(0.05)
    assert len(errors_in(caplog)) == 1
    broker.create_topic("gone")
    produce_batches(broker, "gone", VALUES, records_per_batch=50)
    assert values_of(poll_up_to(source, 50)) == VALUES
    source.close()


def test_a_bounded_source_ends_where_the_logs_end_at_its_opening(broker: KafkaCluster) -> None:
    broker.create_topic("bounded", partitions=3)
    produce_batches(broker, "bounded", VALUES, records_per_batch=10)
    produce_batches(broker, "bounded", VALUES[:7], records_per_batch=10, partition=2)
    source = source_of(broker, "bounded", is_bounded=True)
    source.open({})
    produce_batches(broker, "bounded", VALUES, records_per_batch=10, partition=1)
    chunks: list[Chunk] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not source.is_exhausted:
        assert time.monotonic() < deadline
        chunks.extend(source.poll(0.1))
    source.close()
    by_number = {n: values_of([c for c in chunks if c.partition.number == n]) for n in (0, 2)}
    assert by_number == {0: VALUES, 2: VALUES[:7]}


def test_a_bounded_source_of_empty_logs_is_exhausted_at_once(broker: KafkaCluster) -> None:
    broker.create_topic("bounded-empty", partitions=2)
    source = source_of(broker, "bounded-empty", is_bounded=True)
    source.open({})
    assert source.is_exhausted
    source.close()
