"""Stretches of partitions, read once beside the source that follows them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kafka import TopicPartition
from kafka.errors import CorruptRecordError, KafkaError

from linktide.errors import BrokerUnreachableError, RetryError, StopError
from linktide.sources.kafka.cluster import Cluster
from linktide.sources.kafka.connect import never
from linktide.sources.kafka.framing import frame_records
from linktide.sources.source import Chunk, Codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from linktide.sources.kafka.settings import KafkaSettings
    from linktide.sources.source import Partition

_RECORDS_PER_POLL: Final = 10_000
_PATIENCE_SECONDS: Final = 30.0


class KafkaRanges:
    """Reads stretches of topics; kafka-python decodes the records, as a stretch may end within a batch."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        now_us: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        is_stopping: Callable[[], bool] = never,
    ) -> None:
        self._settings = replace(settings, group_id=None, is_group_member=False)
        self._now_us = now_us
        self._monotonic = monotonic
        self._is_stopping = is_stopping
        self._cluster: Cluster | None = None

    def open(self) -> Mapping[Partition, tuple[int, int]]:
        """Connect; return the first offset of each partition and the one after its last.

        Raises BrokerUnreachableError, and ConfigError for a topic that does not exist.
        """
        self.close()
        timeout = self._settings.open_timeout_seconds
        cluster = self._cluster = Cluster.connect(self._settings, timeout, self._is_stopping)
        partitions = cluster.wait_for_topics(self._monotonic() + timeout, self._monotonic, self._is_stopping)
        try:
            ranges = cluster.log_ranges(partitions)
        except KafkaError as error:
            raise BrokerUnreachableError(
                f"The Kafka cluster at kafka.bootstrap_servers = {self._settings.servers_text} did not say "
                f"where its logs begin and end ({error})."
            ) from error
        return {partitions[tp]: stretch for tp, stretch in ranges.items()}

    def read(self, partition: Partition, first_offset: int, end_offset: int) -> Iterator[Chunk]:
        """Yield a stretch in chunks without a hole between them.

        Raises RetryError where the log no longer has it or nobody answers, StopError at a damaged batch.
        """
        if self._cluster is None:
            raise StopError("A range of Kafka was read before it was opened.")
        consumer = self._cluster.consumer
        tp = TopicPartition(partition.topic, partition.number)
        consumer.assign([tp])
        consumer.seek(tp, first_offset)
        at, heard_at = first_offset, self._monotonic()
        name = f"offsets {first_offset} to {end_offset} of {tp.topic}-{tp.partition}"
        while at < end_offset:
            if self._is_stopping() or self._monotonic() - heard_at > _PATIENCE_SECONDS:
                raise RetryError(f"Of {name} only those below {at} were read; fill again.")
            try:
                records = consumer.poll(timeout_ms=200, max_records=_RECORDS_PER_POLL).get(tp, [])
                position = records[-1].offset + 1 if records else consumer.position(tp, timeout_ms=0)
            except CorruptRecordError as error:
                raise StopError(f"Of {name} a batch at {at} or above is damaged: {error}.") from error
            except KafkaError as error:
                raise RetryError(
                    f"Of {name} only those below {at} were read ({error}); fill again."
                ) from error
            if position is None or position <= at:
                continue
            wanted = [record for record in records if at <= record.offset < end_offset]
            first, at = at, min(position, end_offset)
            yield Chunk(partition, Codec.FRAMED, frame_records(wanted), first, at, self._now_us())
            heard_at = self._monotonic()

    def close(self) -> None:
        """Close the connection; idempotent."""
        if self._cluster is not None:
            self._cluster.close()
        self._cluster = None
