"""The hook without a broker: what is taken from a fetch, and the fall back when kafka-python changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.consumer.subscription_state import SubscriptionState
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka_topics import walk_batches

from linktide.sources.kafka import hook
from linktide.sources.kafka.hook import RawRecordsFactory

TP = TopicPartition("events", 0)


def batch(first: int, count: int, *, epoch: int = 3) -> bytes:
    builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=1 << 20)
    for number in range(first, first + count):
        builder.append(timestamp=number, key=None, value=b"value-%d" % number)
    builder.close()
    data = bytes(builder.buffer())
    # The builder counts from 0; no checksum covers the base offset and the epoch.
    return first.to_bytes(8, "big") + data[8:12] + epoch.to_bytes(4, "big") + data[16:]


def damaged(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def take(factory: RawRecordsFactory, data: bytes, offset: int, **options: Any) -> tuple[Any, list[Any]]:  # noqa: ANN401
    records = factory(offset, TP, MemoryRecords(data), **options)
    assert records
    taken = records.take(1)
    assert not records
    return records, taken


def test_the_whole_buffer_is_one_record_and_moves_the_position() -> None:
    drained: list[object] = []
    data = batch(10, 5, epoch=1) + batch(15, 5, epoch=2)
    transactions = [SimpleNamespace(producer_id=7, first_offset=11)]
    records, (fetch,) = take(
        RawRecordsFactory(walk_batches), data, 12, aborted_transactions=transactions, on_drain=drained.append
    )
    assert (fetch.data, fetch.first_offset, fetch.next_offset) == (data, 12, 20)
    assert (fetch.leader_epoch, fetch.aborted, fetch.is_damaged) == (2, ((7, 11),), False)
    assert (records.next_fetch_offset, records.leader_epoch, records.bytes_read) == (20, 2, len(data))
    assert drained == [records]
    records.drain()
    assert drained == [records]


def test_a_batch_cut_off_by_the_fetch_limit_is_left_for_the_next_fetch() -> None:
    whole = batch(0, 5)
    _, (fetch,) = take(RawRecordsFactory(walk_batches), whole + batch(5, 5)[:-10], 0)
    assert (fetch.data, fetch.next_offset) == (whole, 5)


def test_damage_is_fetched_again_before_it_is_believed() -> None:
    factory = RawRecordsFactory(walk_batches)
    sound, bad, rest = batch(0, 5), damaged(batch(5, 5)), batch(10, 5)
    _, (fetch,) = take(factory, sound + bad + rest, 0)
    assert (fetch.data, fetch.next_offset, fetch.is_damaged) == (sound, 5, False)
    assert factory.refetches == 1
    _, (fetch,) = take(factory, bad + rest, 5)
    assert (fetch.data, fetch.next_offset, fetch.is_damaged) == (bad + rest, 15, True)


def test_damage_that_is_gone_in_the_second_fetch_leaves_no_trace() -> None:
    factory = RawRecordsFactory(walk_batches)
    records, taken = take(factory, damaged(batch(0, 5)), 0)
    assert taken == []
    assert records.next_fetch_offset == 0
    _, (fetch,) = take(factory, batch(0, 5), 0)
    assert (fetch.next_offset, fetch.is_damaged) == (5, False)


def consumer_like() -> Any:  # noqa: ANN401 -- kafka-python has no types
    """Return the parts of a consumer that the hook touches, the real ones, without a network."""
    subscriptions = SubscriptionState("none")
    subscriptions.assign_from_user([TP])
    manager = SimpleNamespace(_net=None, cluster=None)
    fetcher = Fetcher(SimpleNamespace(_manager=manager), subscriptions)
    return SimpleNamespace(_fetcher=fetcher, seek=subscriptions.seek)


def fetcher_of(consumer: Any) -> Any:  # noqa: ANN401 -- kafka-python has no types
    return vars(consumer)["_fetcher"]


def test_the_hook_takes_hold_of_the_fetcher_there_is() -> None:
    consumer = consumer_like()
    factory = hook.install(consumer, walk_batches, TP)
    assert factory is not None
    assert fetcher_of(consumer).PartitionRecords is factory
    hook.remove(consumer)
    assert fetcher_of(consumer).PartitionRecords is Fetcher.PartitionRecords


@pytest.mark.parametrize("change", ["another call", "another class", "no fetcher"])
def test_a_changed_fetcher_gets_its_own_class_back(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    consumer = consumer_like()
    if change == "another call":
        monkeypatch.setattr(Fetcher, "_parse_fetched_data", lambda _self: None)
    elif change == "another class":
        monkeypatch.setattr(Fetcher, "_parse_fetched_data", lambda _, fetch: fetch)
    else:
        del vars(consumer)["_fetcher"]
    assert hook.install(consumer, walk_batches, TP) is None
    if change != "no fetcher":
        assert fetcher_of(consumer).PartitionRecords is Fetcher.PartitionRecords
