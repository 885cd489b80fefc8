"""What the raw hook hands over, unpacked by the core, equals what kafka-python decodes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from kafka import TopicPartition
from kafka.codec import has_lz4, has_snappy
from kafka_reading import decode_plainly, poll_up_to, source_of, unpack
from kafka_topics import produce_batches, producing

from linktide.sources.source import Position

if TYPE_CHECKING:
    from kafka_broker import KafkaCluster

pytestmark = pytest.mark.broker
EVENT = b'{"event":"seen","source_url":"https://%d.example/","target_url":"https://me.example/%d"}'


def events(count: int) -> list[bytes]:
    chance = random.Random(7)
    return [EVENT % (chance.randrange(10**6), number) for number in range(count)]


@pytest.mark.parametrize("codec", ["uncompressed", "gzip", "lz4", "zstd", "snappy"])
@pytest.mark.parametrize("records_per_batch", [1, 1000])
def test_raw_bytes_hold_what_kafka_python_decodes(
    broker: KafkaCluster, codec: str, records_per_batch: int
) -> None:
    topic = f"codec-{codec}-{records_per_batch}"
    # The broker packs the batches anew, so no codec is needed here to write.
    broker.create_topic(topic, compression_type=codec)
    values = events(3000 if records_per_batch > 1 else 60)
    produce_batches(broker, topic, values, records_per_batch=records_per_batch)
    source = source_of(broker, topic, max_partition_fetch_bytes=20_000)
    source.open({})
    chunks = poll_up_to(source, len(values))
    assert source.is_raw
    source.close()
    got = unpack(chunks)
    assert [(offset, value) for offset, _, value in got] == list(enumerate(values))
    if (codec != "lz4" or has_lz4()) and (codec != "snappy" or has_snappy()):
        assert got == decode_plainly(broker, topic)


def test_a_position_in_the_middle_of_a_batch(broker: KafkaCluster) -> None:
    broker.create_topic("middle", compression_type="zstd")
    values = events(100)
    produce_batches(broker, "middle", values, records_per_batch=100)
    source = source_of(broker, "middle")
    source.open({})
    (whole,) = poll_up_to(source, 100)
    source.close()
    source.open({whole.partition: Position(37)})
    got = unpack(poll_up_to(source, 100))
    source.close()
    assert [(offset, value) for offset, _, value in got] == list(enumerate(values))[37:]


def test_tombstones_headers_and_empty_values(broker: KafkaCluster) -> None:
    broker.create_topic("odd")
    with producing(broker) as producer:
        producer.send("odd", None, key=b"k")
        producer.send("odd", b"", headers=[("trace", b"1"), ("empty", b"")])
        producer.send("odd", b"{}", key=b"k", headers=[("a", b"x" * 500)])
    source = source_of(broker, "odd")
    source.open({})
    got = unpack(poll_up_to(source, 3))
    source.close()
    assert [value for _, _, value in got] == [None, b"", b"{}"]
    assert got == decode_plainly(broker, "odd")


def test_a_message_larger_than_every_fetch_limit(broker: KafkaCluster) -> None:
    broker.create_topic("large", max_message_bytes=str(20 << 20))
    large = random.Random(1).randbytes(10 << 20)
    with producing(broker, max_request_size=20 << 20, batch_size=1) as producer:
        for value in (b"before", large, b"after"):
            producer.send("large", value)
    source = source_of(broker, "large", fetch_max_bytes=1 << 20, max_partition_fetch_bytes=1 << 20)
    source.open({})
    got = unpack(poll_up_to(source, 3))
    source.close()
    assert [value for _, _, value in got] == [b"before", large, b"after"]


@pytest.mark.parametrize("is_raw", [True, False])
@pytest.mark.parametrize("isolation_level", ["read_committed", "read_uncommitted"])
def test_aborted_transactions(broker: KafkaCluster, isolation_level: str, *, is_raw: bool) -> None:
    topic = f"transactions-{isolation_level}-{is_raw}"
    broker.create_topic(topic)
    with producing(broker, transactional_id=topic) as producer:
        producer.init_transactions()
        for number in range(3):
            producer.begin_transaction()
            for index in range(100):
                producer.send(topic, b"%d-%d" % (number, index), partition=0)
            # An abort throws away what was not sent yet.
            producer.flush()
            (producer.abort_transaction if number == 1 else producer.commit_transaction)()
    source = source_of(broker, topic, isolation_level=isolation_level, is_raw_fetch_wanted=is_raw)
    source.open({})
    # 300 records and three markers, the last of which nobody sees but which moves the position.
    chunks = poll_up_to(source, 303)
    assert source.lag() == {chunks[0].partition: 0}
    source.close()
    got = unpack(chunks)
    assert got == decode_plainly(broker, topic, isolation_level=isolation_level)
    assert len(got) == (200 if isolation_level == "read_committed" else 300)


def test_a_log_that_begins_above_zero_is_no_gap_for_a_new_reader(broker: KafkaCluster) -> None:
    broker.create_topic("deleted")
    produce_batches(broker, "deleted", events(30), records_per_batch=10)
    with broker.admin() as admin:
        admin.delete_records({TopicPartition("deleted", 0): 15})
    source = source_of(broker, "deleted")
    source.open({})
    chunks = poll_up_to(source, 30)
    source.close()
    assert chunks[0].first_offset == 15
    assert chunks[0].gap is None
    assert [offset for offset, _, _ in unpack(chunks)] == list(range(15, 30))
