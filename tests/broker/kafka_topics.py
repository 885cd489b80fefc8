"""Writing topics for tests batch by batch, and walking batches without the core."""

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kafka import KafkaProducer
from kafka.record.default_records import DefaultRecordBatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kafka_broker import KafkaCluster

_LENGTH = struct.Struct(">i")


@contextmanager
def producing(cluster: KafkaCluster, **options: Any) -> Iterator[KafkaProducer]:  # noqa: ANN401 -- kafka-python's
    """Lend a producer that lingers long enough for a test to decide where a batch ends."""
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap_servers, linger_ms=2000, **options)
    try:
        yield producer
    finally:
        producer.close()


def produce_to_all(cluster: KafkaCluster, topic: str, values: Iterable[tuple[int, bytes]]) -> None:
    """Send (partition, value) so that each is acknowledged by all replicas in sync, or sent again."""
    with producing(cluster, acks="all", delivery_timeout_ms=120_000, batch_size=2_000) as producer:
        sent = [producer.send(topic, value, partition=partition) for partition, value in values]
        producer.flush()
        for one in sent:
            one.get(120)


def produce_batches(
    cluster: KafkaCluster,
    topic: str,
    values: Iterable[bytes | None],
    *,
    records_per_batch: int,
    partition: int = 0,
    **options: Any,  # noqa: ANN401 -- kafka-python's
) -> None:
    """Write values as batches of exactly `records_per_batch` records."""
    with producing(cluster, batch_size=16 << 20, **options) as producer:
        for index, value in enumerate(values, start=1):
            producer.send(topic, value, key=b"%d" % index, partition=partition)
            if index % records_per_batch == 0:
                producer.flush()
        producer.flush()


def damage_value(broker: KafkaCluster, topic: str, value: bytes) -> None:
    """Stop the broker, flip a bit of a value in the log of partition 0, start it again."""
    with _changing_log(broker, topic) as data:
        data[data.index(value)] ^= 0x20


def lengthen_batch(broker: KafkaCluster, topic: str, value: bytes, more_bytes: int) -> None:
    """Stop the broker, add to the length of the batch that holds a value, start it again."""
    with _changing_log(broker, topic) as data:
        at, wanted = 0, data.index(value)
        while (end := at + 12 + _LENGTH.unpack_from(data, at + 8)[0]) <= wanted:
            at = end
        _LENGTH.pack_into(data, at + 8, end - at - 12 + more_bytes)


@contextmanager
def _changing_log(broker: KafkaCluster, topic: str) -> Iterator[bytearray]:
    broker.stop()
    segment = broker.folder / "node-0" / f"{topic}-0" / "00000000000000000000.log"
    data = bytearray(segment.read_bytes())
    yield data
    segment.write_bytes(data)
    broker.start(dies_with_caller=True)
    broker.wait_ready()


def walk_batches(data: bytes, fetch_offset: int) -> tuple[int, int, int | None]:
    """Do what the core's scan does, by kafka-python's batch reader: (next offset, records, damaged)."""
    at, next_offset, records = 0, fetch_offset, 0
    damaged: int | None = None
    while at + 12 <= len(data):
        end = at + 12 + _LENGTH.unpack_from(data, at + 8)[0]
        if end > len(data):
            break
        batch = DefaultRecordBatch(data[at:end])
        at = end
        if batch.next_offset <= fetch_offset:
            continue
        next_offset = batch.next_offset
        if batch.validate_crc():
            records += 0 if batch.is_control_batch else batch.last_offset_delta + 1
        elif damaged is None:
            damaged = max(batch.base_offset, fetch_offset)
    return next_offset, records, damaged
