"""A cluster of three loses a broker while it is read: no record is lost and none comes twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from brief_kafka import create_brief
from kafka_jars import missing_programs
from kafka_reading import source_of, unpack
from kafka_topics import produce_to_all
from linktide_process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kafka_broker import KafkaCluster

    from linktide.sources.source import Chunk

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(600)]
PARTITIONS = 3
RECORDS = 900


@pytest.fixture
def three(tmp_path: Path) -> Iterator[KafkaCluster]:
    """Three brokers, every partition on all of them."""
    reason = missing_programs()
    if reason is not None:
        pytest.skip(reason)
    cluster = create_brief(tmp_path / "three", nodes=3)
    try:
        cluster.start(dies_with_caller=True)
        cluster.wait_ready(180)
        yield cluster
    finally:
        cluster.destroy()


def produce(cluster: KafkaCluster, numbers: range) -> None:
    produce_to_all(cluster, "events", [(number % PARTITIONS, b"%d" % number) for number in numbers])


@pytest.mark.parametrize("is_raw", [True, False])
def test_one_of_three_brokers_is_killed(three: KafkaCluster, *, is_raw: bool) -> None:
    three.create_topic("events", PARTITIONS, min_insync_replicas="2")
    produce(three, range(RECORDS // 3))
    source = source_of(three, "events", is_raw_fetch_wanted=is_raw, max_partition_fetch_bytes=2_000)
    source.open({})
    chunks: list[Chunk] = []

    def has(records: int) -> bool:
        chunks.extend(source.poll(0.1))
        return sum(len(unpack([chunk])) for chunk in chunks) >= records

    wait_until(lambda: has(RECORDS // 6), "the first records")
    three.kill(1)
    produce(three, range(RECORDS // 3, 2 * RECORDS // 3))
    wait_until(lambda: has(2 * RECORDS // 3), "all records of two brokers")
    three.start(1, dies_with_caller=True)
    produce(three, range(2 * RECORDS // 3, RECORDS))
    wait_until(lambda: has(RECORDS), "all records")
    source.close()
    assert not any(chunk.gap for chunk in chunks)
    for number in range(PARTITIONS):
        mine = [chunk for chunk in chunks if chunk.partition.number == number]
        got = unpack(mine)
        # A producer that got no answer may have sent a record twice; the offsets tell them apart.
        assert [offset for offset, _, _ in got] == list(range(mine[-1].next_offset))
        assert {int(value or b"-1") for _, _, value in got} == set(range(number, RECORDS, PARTITIONS))
