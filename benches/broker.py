"""The real Kafka of the bench: one node on the same cores, the events in one lz4 topic, and what it sends."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "broker"))

from kafka_broker import KafkaCluster
from kafka_jars import KAFKA_VERSION, STREAMS, BrokerError, cache_folder, fetch_jars, missing_programs

from linktide.config import load
from linktide.configured import now_us
from linktide.index import scan_record_batches
from linktide.sources.kafka import KafkaSource, kafka_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from linktide.sources.source import Chunk

TOPIC = "links"
PARTITIONS = 4
_BATCH_BYTES = 256 << 10
"""About 1,000 records a batch before compression."""
_SOURCE = b'"source_url":"https://'

__all__ = [
    "KAFKA_VERSION",
    "PARTITIONS",
    "TOPIC",
    "BrokerError",
    "KafkaCluster",
    "append",
    "fetch_all",
    "keyed",
    "missing_programs",
    "produce",
    "running",
    "streams_jars",
]


@contextmanager
def running(folder: Path) -> Iterator[KafkaCluster]:
    """Lend one node that answers; its files lie in `folder` and go with it."""
    cluster = KafkaCluster.create(folder)
    try:
        cluster.start()
        cluster.wait_ready()
        yield cluster
    finally:
        cluster.destroy()


def produce(cluster: KafkaCluster, topic: str, lines: Iterable[bytes]) -> int:
    """Make a topic of these events; return how many they are."""
    cluster.create_topic(topic, PARTITIONS)
    with tempfile.TemporaryFile(dir=cluster.folder) as file:
        count = 0
        for line in lines:
            file.write(keyed(line))
            count += 1
        file.seek(0)
        append(cluster, topic, file)
    return count


def append(cluster: KafkaCluster, topic: str, keyed_lines: BinaryIO, linger_ms: int = 100) -> None:
    """Write lines of `key TAB value` by Kafka's own producer, lz4, one partition a key, until their end."""
    cluster.tool(
        "org.apache.kafka.tools.ConsoleProducer",
        "--bootstrap-server", cluster.bootstrap_servers[0],
        "--topic", topic,
        "--compression-codec", "lz4",
        "--batch-size", str(_BATCH_BYTES),
        "--reader-property", "parse.key=true",
        "--command-property", f"linger.ms={linger_ms}",
        stdin=keyed_lines,
    )  # fmt: skip


def keyed(line: bytes) -> bytes:
    """Return an event as a line for `append`, its key the host of its source page."""
    start = line.find(_SOURCE) + len(_SOURCE)
    return line[start : line.find(b"/", start)] + b"\t" + line + b"\n"


def streams_jars() -> Path:
    """Return the folder of the jars of Kafka Streams, fetching them first; raises BrokerError."""
    return fetch_jars(cache_folder(), "kafka-streams", STREAMS)


def fetch_all(cluster: KafkaCluster, events: int, folder: Path) -> Sequence[Chunk]:
    """Return the topic's undecoded chunks as the product's own source fetches them."""
    config = load(
        flags={"kafka_bootstrap_servers": ",".join(cluster.bootstrap_servers), "kafka_topics": TOPIC},
        environ={},
        folder=folder,
    )
    source = KafkaSource(kafka_settings(config), scan=scan_record_batches, now_us=now_us)
    source.open({})
    chunks: list[Chunk] = []
    try:
        while sum(chunk.next_offset - chunk.first_offset for chunk in chunks) < events:
            chunks += source.poll(1.0)
    finally:
        source.close()
    return chunks
