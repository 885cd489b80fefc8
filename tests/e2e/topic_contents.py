"""What a topic holds, read by kafka-python alone: the truth that a database is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kafka_reading import decode_plainly

from oracle.events import Origin

if TYPE_CHECKING:
    from kafka_broker import KafkaCluster


class Record(NamedTuple):
    """One record, where it lies and when Kafka says it was made."""

    origin: Origin
    time_us: int
    value: bytes | None


def read_topic(cluster: KafkaCluster, topic: str) -> list[Record]:
    """Read all partitions of a topic in order of offset, damaged records not being among them."""
    with cluster.admin() as admin:
        cluster_id = admin.describe_cluster()["cluster_id"]
        (facts,) = admin.describe_topics([topic])
    return [
        Record(Origin(cluster_id, topic, number, offset), time_us, value)
        for number in range(len(facts["partitions"]))
        for offset, time_us, value in decode_plainly(cluster, topic, number)
    ]


def ends_of(records: list[Record]) -> dict[tuple[str, int], int]:
    """Return (topic, partition) → the offset after the last record."""
    ends: dict[tuple[str, int], int] = {}
    for record in records:
        key = (record.origin.topic, record.origin.partition)
        ends[key] = max(ends.get(key, 0), record.origin.offset + 1)
    return ends
