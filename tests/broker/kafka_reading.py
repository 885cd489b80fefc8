"""Reading topics in tests: through the Kafka source, and by kafka-python's own decode to compare with."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from kafka import KafkaConsumer, TopicPartition

from linktide._core import read_records
from linktide.index import scan_record_batches
from linktide.sources.kafka import KafkaSettings, KafkaSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafka_broker import KafkaCluster

    from linktide.sources.source import Chunk

PATIENCE_SECONDS = 30.0


def now_us() -> int:
    return time.time_ns() // 1000


def source_of(
    cluster: KafkaCluster,
    *topics: str,
    count: Callable[[str], None] = lambda _: None,
    **settings: Any,  # noqa: ANN401 -- any setting
) -> KafkaSource:
    """Return a source over a cluster, not open; it looks for new metadata twice a second."""
    settings.setdefault("bootstrap_servers", tuple(cluster.bootstrap_servers))
    settings.setdefault("metadata_refresh_seconds", 0.5)
    chosen = KafkaSettings(topics=topics, **settings)
    return KafkaSource(chosen, scan=scan_record_batches, now_us=now_us, count=count)


def poll_until(source: KafkaSource, is_enough: Callable[[list[Chunk]], bool]) -> list[Chunk]:
    """Poll until the chunks are enough; fails the test when patience ends."""
    chunks: list[Chunk] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_enough(chunks):
        assert time.monotonic() < deadline, f"only {len(chunks)} chunks came"
        chunks.extend(source.poll(0.1))
    return chunks


def poll_up_to(source: KafkaSource, offset: int, number: int = 0) -> list[Chunk]:
    """Poll until a partition stands at `offset` or above."""
    return poll_until(
        source,
        lambda chunks: any(c.next_offset >= offset for c in chunks if c.partition.number == number),
    )


def decode_plainly(
    cluster: KafkaCluster, topic: str, partition: int = 0, isolation_level: str = "read_uncommitted"
) -> list[tuple[int, int, bytes | None]]:
    """Return (offset, timestamp in µs, value) of a partition as kafka-python decodes it."""
    tp = TopicPartition(topic, partition)
    consumer = KafkaConsumer(
        bootstrap_servers=cluster.bootstrap_servers, isolation_level=isolation_level, enable_auto_commit=False
    )
    try:
        consumer.assign([tp])
        consumer.seek_to_beginning(tp)
        end = consumer.end_offsets([tp])[tp]
        records: list[tuple[int, int, bytes | None]] = []
        while consumer.position(tp) < end:
            polled = consumer.poll(timeout_ms=500).get(tp, [])
            records += [(record.offset, record.timestamp * 1000, record.value) for record in polled]
        return records
    finally:
        consumer.close()


def unpack(chunks: list[Chunk]) -> list[tuple[int, int, bytes | None]]:
    """Return (offset, timestamp in µs, value) as the core unpacks it."""
    records: list[tuple[int, int, bytes | None]] = []
    for chunk in chunks:
        unpacked = read_records(
            chunk.codec, chunk.data, chunk.first_offset, chunk.received_at_us, chunk.aborted
        )
        columns = pa.record_batch(unpacked)
        times = columns["timestamp"].cast("int64").to_pylist()
        records += zip(columns["offset"].to_pylist(), times, columns["value"].to_pylist(), strict=True)
    return records
