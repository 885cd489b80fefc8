"""Members of a consumer group share the partitions out; each begins where its own database stands."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from kafka import TopicPartition
from kafka_reading import PATIENCE_SECONDS, poll_until, source_of, unpack
from kafka_topics import produce_batches

from linktide.errors import StopError
from linktide.sources.source import Partition, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kafka_broker import KafkaCluster

    from linktide.sources.kafka import KafkaSource
    from linktide.sources.source import Chunk

pytestmark = pytest.mark.broker
VALUES = [b"%d" % number for number in range(50)]
PARTITIONS = 4


def member_of(broker: KafkaCluster, topic: str, **settings: Any) -> KafkaSource:  # noqa: ANN401 -- any setting
    return source_of(broker, topic, group_id=f"group of {topic}", is_group_member=True, **settings)


def fill(broker: KafkaCluster, topic: str) -> None:
    for number in range(PARTITIONS):
        produce_batches(broker, topic, VALUES, records_per_batch=10, partition=number)


def polled_by(
    members: Sequence[KafkaSource], is_enough: Callable[[list[list[Chunk]]], bool]
) -> list[list[Chunk]]:
    """Poll some members, each on a thread as in its own process, until what came is enough."""
    chunks: list[list[Chunk]] = [[] for _ in members]
    is_over = threading.Event()

    def poll(number: int) -> None:
        while not is_over.is_set():
            chunks[number].extend(members[number].poll(0.05))

    deadline = time.monotonic() + 2 * PATIENCE_SECONDS
    with ThreadPoolExecutor() as threads:
        polls = [threads.submit(poll, number) for number in range(len(members))]
        try:
            while not is_enough(chunks):
                assert time.monotonic() < deadline, [len(own) for own in chunks]
                assert not any(one.done() for one in polls)
                is_over.wait(0.05)
        finally:
            is_over.set()
        for one in polls:
            one.result()
    return chunks


def read(chunks: Sequence[Chunk]) -> dict[int, list[tuple[int, bytes | None]]]:
    """Return (offset, value) by partition."""
    records: dict[int, list[tuple[int, bytes | None]]] = {}
    for chunk in chunks:
        records.setdefault(chunk.partition.number, []).extend((at, value) for at, _, value in unpack([chunk]))
    return records


def count_of(chunks: Sequence[Chunk]) -> int:
    return sum(len(one) for one in read(chunks).values())


def whole(first: int = 0, last: int = len(VALUES)) -> list[tuple[int, bytes]]:
    return [(at, VALUES[at % len(VALUES)]) for at in range(first, last)]


@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "plain"])
def test_a_second_member_takes_only_what_moves(broker: KafkaCluster, *, is_raw: bool) -> None:
    topic = f"shared-{is_raw}"
    broker.create_topic(topic, PARTITIONS)
    fill(broker, topic)
    first = member_of(broker, topic, is_raw_fetch_wanted=is_raw)
    second = member_of(broker, topic, is_raw_fetch_wanted=is_raw)
    first.open({})
    alone = poll_until(first, lambda chunks: count_of(chunks) >= PARTITIONS * len(VALUES))
    assert first.is_raw is is_raw
    assert read(alone) == {number: whole() for number in range(PARTITIONS)}
    second.open({})
    before = polled_by([first, second], lambda _: len(first.lag()) == 2 and len(second.lag()) == 2)
    fill(broker, topic)
    after = polled_by(
        [first, second],
        lambda now: count_of(now[0]) >= 100 and count_of(before[1]) + count_of(now[1]) >= 200,
    )
    assert before[0] == []
    by_first, by_second = read(after[0]), read(before[1] + after[1])
    # The one goes on; the other, whose database has nothing of these, begins with their first record.
    assert all(records == whole(50, 100) for records in by_first.values())
    moved = set(range(PARTITIONS)) - set(by_first)
    assert by_second == {number: whole(0, 100) for number in moved}
    first.close()
    back = poll_until(second, lambda chunks: count_of(chunks) >= 200)
    assert read(back) == {number: whole(0, 100) for number in by_first}
    second.close()


def test_stored_positions_decide_not_the_group(broker: KafkaCluster) -> None:
    broker.create_topic("stored", PARTITIONS)
    fill(broker, "stored")
    member = member_of(broker, "stored")
    member.open({})
    chunks = poll_until(member, lambda chunks: count_of(chunks) >= PARTITIONS * len(VALUES))
    partitions = {chunk.partition for chunk in chunks}
    member.commit({partition: Position(50) for partition in partitions})
    member.poll(0.5)
    member.close()
    member.open({partition: Position(10 * (1 + partition.number)) for partition in partitions})
    again = poll_until(member, lambda chunks: count_of(chunks) >= 40 + 30 + 20 + 10)
    member.close()
    assert read(again) == {number: whole(10 * (1 + number)) for number in range(PARTITIONS)}


def test_offsets_are_committed_as_a_member(broker: KafkaCluster) -> None:
    broker.create_topic("told", PARTITIONS)
    fill(broker, "told")
    failures: list[str] = []
    member = member_of(broker, "told", count=failures.append)
    member.open({})
    chunks = poll_until(member, lambda chunks: count_of(chunks) >= PARTITIONS * len(VALUES))
    member.commit({chunk.partition: Position(50) for chunk in chunks})
    with broker.admin() as admin:
        deadline = time.monotonic() + PATIENCE_SECONDS
        wanted = {TopicPartition("told", number): 50 for number in range(PARTITIONS)}
        while True:
            member.poll(0.1)
            told = admin.list_group_offsets(["group of told"])["group of told"]
            if {tp: at.offset for tp, at in told.items()} == wanted:
                break
            assert time.monotonic() < deadline, told
    member.close()
    assert failures == []


def test_a_static_member_finds_its_partitions_again(broker: KafkaCluster) -> None:
    broker.create_topic("static", PARTITIONS)
    fill(broker, "static")
    stays = member_of(broker, "static", group_instance_id="a")
    leaves = member_of(broker, "static", group_instance_id="b")
    stays.open({})
    leaves.open({})
    polled_by([stays, leaves], lambda _: len(stays.lag()) == 2 and len(leaves.lag()) == 2)
    kept, left = set(stays.lag()), set(leaves.lag())
    leaves.close()
    since = time.monotonic()
    polled_by([stays], lambda _: time.monotonic() > since + 3)
    assert set(stays.lag()) == kept
    leaves.open({partition: Position(50) for partition in left})
    polled_by([stays, leaves], lambda _: set(leaves.lag()) == left)
    assert set(stays.lag()) == kept
    stays.close()
    leaves.close()


def test_a_member_that_rests_keeps_its_partitions_and_loses_no_record(broker: KafkaCluster) -> None:
    broker.create_topic("resting", PARTITIONS)
    fill(broker, "resting")
    member = member_of(broker, "resting")
    member.open({})
    chunks: list[Chunk] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while count_of(chunks) < PARTITIONS * len(VALUES):
        assert time.monotonic() < deadline
        # Also while it is still joining, and between two fetches.
        for _ in range(3):
            member.rest()
        chunks.extend(member.poll(0.1))
    member.close()
    assert read(chunks) == {number: whole() for number in range(PARTITIONS)}


def test_a_new_partition_comes_with_a_rebalance(broker: KafkaCluster) -> None:
    broker.create_topic("widening", 1)
    produce_batches(broker, "widening", VALUES, records_per_batch=50)
    member = member_of(broker, "widening")
    member.open({})
    poll_until(member, lambda chunks: count_of(chunks) >= 50)
    with broker.admin() as admin:
        admin.create_partitions({"widening": 2})
    produce_batches(broker, "widening", VALUES, records_per_batch=50, partition=1)
    chunks = poll_until(member, lambda chunks: count_of(chunks) >= 50)
    member.close()
    assert read(chunks) == {1: whole()}


def test_a_gap_under_the_policy_stop_ends_the_poll(broker: KafkaCluster) -> None:
    broker.create_topic("gaping", 1)
    produce_batches(broker, "gaping", VALUES, records_per_batch=50)
    member = member_of(broker, "gaping", offset_gap_policy="stop")
    of_another = Partition("cluster", "gaping", "id of the topic before", 0)
    member.open({of_another: Position(7)})
    with pytest.raises(StopError, match="deleted and made anew"):
        poll_until(member, lambda _: False)
    member.close()
