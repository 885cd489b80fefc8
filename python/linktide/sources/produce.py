"""Writes the events of a file to a Kafka topic: `linktide produce`, demos and tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kafka import KafkaAdminClient, KafkaProducer
from kafka.codec import has_lz4
from kafka.errors import KafkaError, TopicAlreadyExistsError

from linktide.errors import BrokerUnreachableError, StopError
from linktide.sources.files import FileSource
from linktide.sources.kafka import kafka_settings
from linktide.sources.kafka.connect import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from linktide.config import Config
    from linktide.sources.kafka import KafkaSettings

# The host between // and the first of / ? # : " \ of the first source address; user info is cut off later.
_SOURCE_HOST = re.compile(
    rb'"(?:source_url|url_from)"\s*:\s*"[a-zA-Z][a-zA-Z0-9+.-]*:(?:\\?/){2}([^/?#"\\]*)'
)
_DELIVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ProduceProgress:
    """How far the files are; the last one counts all of them, acknowledged."""

    records: int
    done_bytes: int
    """Unpacked bytes read."""


def source_host(line: bytes) -> bytes | None:
    """Return the lower-case host of an event's source address, found without parsing; None if not found.

    Good enough for a message key, which nothing depends on but the order of a host's events.
    """
    found = _SOURCE_HOST.search(line)
    if found is None:
        return None
    host = found[1].rpartition(b"@")[2].partition(b":")[0]
    return host.lower() or None


def create_topic(settings: KafkaSettings, topic: str, partitions: int) -> bool:
    """Create a topic with the cluster's own replication factor; False if it existed.

    Raises BrokerUnreachableError and ConfigError as opening a source does, StopError if the cluster refuses.
    """
    admin = connect(settings, KafkaAdminClient, settings.client_options(), settings.open_timeout_seconds)
    try:
        wanted = {"num_partitions": partitions, "replication_factor": -1}
        admin.create_topics({topic: wanted}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return False
    except (KafkaError, ValueError) as error:
        raise StopError(f"Kafka topic {topic!r} cannot be created: {error}.") from error
    finally:
        admin.close()
    return True


class HearProgress(Protocol):
    """What the command line wants to be told."""

    def __call__(self, *, done_bytes: int, events: int, dead_letters: int) -> None:
        """Hear totals since the beginning."""


def produce_file(config: Config, path: Path, topic: str, progress: HearProgress) -> int:
    """Send a file to a topic of the configured Kafka and return how many events it took; raises as below."""
    sent = 0
    for done in produce_files(kafka_settings(config), topic, [path]):
        sent = done.records
        progress(done_bytes=done.done_bytes, events=done.records, dead_letters=0)
    return sent


def produce_files(
    settings: KafkaSettings,
    topic: str,
    paths: Sequence[Path],
    *,
    compression: str | None = None,
) -> Iterator[ProduceProgress]:
    """Send every line of the files, in order, keyed by source host; yield progress about every 4 MiB.

    Files are what FileSource reads (NDJSON plain, gzip, zstd; Parquet). Sending is idempotent and waits for
    all replicas: after the last progress every record is acknowledged. Raises BrokerUnreachableError if the
    cluster does not answer or does not acknowledge, StopError for a file that cannot be read.
    """
    # The broker or the producer dates the records; when they were read is of no interest.
    source = FileSource(paths, now_us=lambda: 0)
    source.open({})
    options = settings.client_options() | {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": compression or ("lz4" if has_lz4() else "zstd"),
        "linger_ms": 20,
        "batch_size": 256 << 10,
        "max_request_size": 16 << 20,
        "metrics_enabled": False,
    }
    producer = connect(settings, KafkaProducer, options, settings.open_timeout_seconds)
    sender = _Sender(producer, topic)
    try:
        while not source.is_exhausted:
            for chunk in source.poll(0):
                yield sender.send_lines(chunk.data)
        producer.flush(timeout=_DELIVERY_SECONDS)
        yield sender.progress()
    except KafkaError as error:
        raise BrokerUnreachableError(
            f"Kafka at kafka.bootstrap_servers = {settings.servers_text} did not acknowledge what was sent "
            f"to topic {topic!r}: {error}."
        ) from error
    finally:
        source.close()
        producer.close(timeout=1)


class _Sender:
    """Counts what goes out, and raises the first failure that comes back."""

    def __init__(self, producer: KafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._records = self._bytes = 0
        self._failures: list[Exception] = []

    def send_lines(self, data: bytes) -> ProduceProgress:
        """Hand every line to the producer, which presses back by blocking when its buffer is full."""
        for raw_line in data.removesuffix(b"\n").split(b"\n"):
            line = raw_line.strip()
            if line:
                future = self._producer.send(self._topic, line, key=source_host(line))
                future.add_errback(self._failures.append)
                self._records += 1
        self._bytes += len(data)
        return self.progress()

    def progress(self) -> ProduceProgress:
        """Return the counts; raises what the cluster said of a record it did not take."""
        if self._failures:
            raise self._failures[0]
        return ProduceProgress(self._records, self._bytes)
