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

from linktide.index import Decoder, scan_record_batches
from linktide.sources.kafka import hook
from linktide.sources.kafka.hook import RawRecordsFactory
from linktide.sources.source import Chunk, Codec, Partition
from linktide.suffixes import read_suffix_list

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
    refetches: list[None] = []
    factory = RawRecordsFactory(walk_batches, lambda: refetches.append(None))
    sound, bad, rest = batch(0, 5), damaged(batch(5, 5)), batch(10, 5)
    _, (fetch,) = take(factory, sound + bad + rest, 0)
    assert (fetch.data, fetch.next_offset, fetch.is_damaged) == (sound, 5, False)
    assert len(refetches) == 1
    _, (fetch,) = take(factory, bad + rest, 5)
    assert (fetch.data, fetch.next_offset, fetch.is_damaged) == (bad + rest, 15, True)


def test_damage_that_is_gone_in_the_second_fetch_leaves_no_trace() -> None:
    factory = RawRecordsFactory(walk_batches)
    records, taken = take(factory, damaged(batch(0, 5)), 0)
    assert taken == []
    assert records.next_fetch_offset == 0
    _, (fetch,) = take(factory, batch(0, 5), 0)
    assert (fetch.next_offset, fetch.is_damaged) == (5, False)


def lengthened(data: bytes, more_bytes: int) -> bytes:
    return data[:8] + (int.from_bytes(data[8:12], "big") + more_bytes).to_bytes(4, "big") + data[12:]


def take_cut(factory: RawRecordsFactory, data: bytes, offset: int) -> tuple[bool, list[Any]]:
    """Return whether kafka-python would take the bytes for an answer, and what the hook makes of them."""
    memory = MemoryRecords(data)
    taken = factory(offset, TP, memory).take(1)
    return memory.has_next(), taken


@pytest.mark.parametrize("rest", [b"", batch(10, 5), batch(10, 5) + batch(15, 5)])
def test_a_length_too_great_is_put_right_after_three_fetches(rest: bytes) -> None:
    refetches: list[None] = []
    factory = RawRecordsFactory(scan_record_batches, lambda: refetches.append(None))
    whole = batch(5, 5)
    for data in (lengthened(whole, 1 << 24) + rest,) * 2:
        assert take_cut(factory, data, 5) == (False, [])
    is_answer, (fetch,) = take_cut(factory, lengthened(whole, 1 << 24) + rest, 5)
    assert is_answer
    assert len(refetches) == 2
    assert (fetch.data, fetch.is_damaged, fetch.is_mended) == (whole + rest, False, True)
    assert fetch.next_offset == 10 + rest.count(b"value")


def test_a_length_that_swallows_the_next_batches_is_put_right_at_the_second_fetch() -> None:
    factory = RawRecordsFactory(scan_record_batches)
    sound, whole, rest = batch(0, 5), batch(5, 5), batch(10, 5)
    for more_bytes in (20, len(rest)):
        _, (fetch,) = take(factory, sound + lengthened(whole, more_bytes) + rest, 0)
        assert (fetch.data, fetch.next_offset) == (sound, 5)
        _, (fetch,) = take(factory, lengthened(whole, more_bytes) + rest, 5)
        assert (fetch.data, fetch.next_offset, fetch.is_mended) == (whole + rest, 15, True)


def test_bytes_that_never_make_a_batch_are_one_damage_and_reading_goes_on() -> None:
    factory = RawRecordsFactory(scan_record_batches)
    bad = lengthened(damaged(batch(5, 5)), 1 << 24)
    for _ in range(2):
        assert take_cut(factory, bad, 5) == (False, [])
    is_answer, (fetch,) = take_cut(factory, bad, 5)
    assert is_answer
    assert (fetch.first_offset, fetch.next_offset, fetch.is_damaged) == (5, 10, True)
    decoder = Decoder(read_suffix_list(None).text, 1, 1 << 20)
    chunk = Chunk(Partition("c", "t", "", 0), Codec.KAFKA, fetch.data, 5, 10, 0, is_damaged=True)
    events = decoder.decode([(1, chunk)])
    assert (len(events), events.by_reason()) == (0, [("BAD_BATCH", 1)])


def test_a_batch_cut_off_twice_and_whole_the_third_time_is_no_damage() -> None:
    factory = RawRecordsFactory(scan_record_batches)
    whole = batch(5, 5)
    for part in (whole[:30], whole[:-1], b""):
        assert take_cut(factory, part, 5) == (False, [])
    _, (fetch,) = take_cut(factory, whole, 5)
    assert (fetch.data, fetch.is_damaged, fetch.is_mended) == (whole, False, False)


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
