"""One consumer and what it knows of its cluster: topics, identities, log ranges."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from linktide.errors import BrokerUnreachableError, ConfigError, RetryError
from linktide.sources.kafka.connect import connect_consumer, never
from linktide.sources.source import Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from kafka import KafkaConsumer

    from linktide.sources.kafka.settings import KafkaSettings
    from linktide.sources.source import Position

log = logging.getLogger(__name__)

_REFRESH_SECONDS = 5.0


class Cluster:
    """Owns the consumer. Metadata comes by kafka-python's own thread; asking for it here waits for nobody.

    The topic ids and the cluster's id have no public way out of a consumer, hence its private `_cluster`.
    """

    def __init__(self, settings: KafkaSettings, consumer: KafkaConsumer) -> None:
        self.consumer = consumer
        self._settings = settings
        self._metadata = consumer._cluster  # noqa: SLF001 -- see the class
        # A mistyped topic must not be made by asking for it; the consumer does not pass this setting on.
        self._metadata.config["allow_auto_create_topics"] = False
        self._is_new = threading.Event()
        self._metadata.add_listener(lambda _: self._is_new.set())

    @classmethod
    def connect(
        cls, settings: KafkaSettings, timeout_seconds: float, is_stopping: Callable[[], bool] = never
    ) -> Cluster:
        """Return the cluster once a broker answered; raises as `connect_consumer` does."""
        return cls(settings, connect_consumer(settings, timeout_seconds, is_stopping))

    def wait_for_topics(
        self, deadline: float, monotonic: Callable[[], float], is_stopping: Callable[[], bool] = never
    ) -> dict[TopicPartition, Partition]:
        """Return every partition of the topics once all of them exist.

        Raises ConfigError, naming the topics, if one does not exist at `deadline` or may not be read;
        BrokerUnreachableError if nobody answers any more, RetryError before a stop.
        """
        self._metadata.set_topics(self._settings.topics)
        has_warned = False
        while True:
            self.refresh(max(0.0, min(1.0, deadline - monotonic())))
            found = self.partitions()
            missing = sorted(set(self._settings.topics) - {tp.topic for tp in found})
            if not missing:
                return found
            refused = sorted(self._metadata.unauthorized_topics)
            if refused:
                raise ConfigError(
                    f"kafka.topics = {', '.join(refused)} may not be read by kafka.sasl_username = "
                    f"{self._settings.sasl_username!r}: allow it to describe and read them."
                )
            names = ", ".join(missing)
            if is_stopping():
                raise RetryError(f"Kafka topic {names} was waited for when the service was stopped.")
            if monotonic() >= deadline:
                if not self.is_connected():
                    raise BrokerUnreachableError(
                        f"The Kafka cluster at kafka.bootstrap_servers = {self._settings.servers_text} "
                        f"stopped to answer while kafka.topics = {names} was looked for."
                    )
                raise ConfigError(
                    f"kafka.topics = {names} does not exist on the cluster at kafka.bootstrap_servers = "
                    f"{self._settings.servers_text}: create it or correct the name."
                )
            if not has_warned:
                has_warned = True
                log.warning("Kafka topic %s does not exist yet: waiting for it.", names)

    def partitions(self) -> dict[TopicPartition, Partition]:
        """Return the partitions of the topics as the newest metadata has them."""
        cluster_id = self._metadata.cluster_id or ""
        found = {}
        for topic in self._settings.topics:
            topic_id = str(self._metadata.topic_id(topic) or "")
            for number in sorted(self._metadata.partitions_for_topic(topic) or ()):
                found[TopicPartition(topic, number)] = Partition(cluster_id, topic, topic_id, number)
        return found

    def take_news(self) -> bool:
        """Return whether metadata arrived since the last call."""
        is_new = self._is_new.is_set()
        self._is_new.clear()
        return is_new

    def refresh(self, timeout_seconds: float = _REFRESH_SECONDS) -> None:
        """Ask for metadata and wait for it; comes back without where nobody answers in time."""
        future = self._metadata.request_update()
        self._wait(future, timeout_seconds)

    def _wait(self, future: object, timeout_seconds: float) -> None:
        try:
            self.consumer._net.run(self.consumer._manager.wait_for, future, int(timeout_seconds * 1000))  # noqa: SLF001 -- see the class
        except KafkaError as error:
            log.debug("metadata did not come: %s", error)

    def seek(self, tp: TopicPartition, position: Position) -> None:
        """Read on from a position; its epoch lets kafka-python notice a log that was cut and rewritten."""
        self.consumer.seek(tp, position.next_offset)
        if position.leader_epoch >= 0:
            at = OffsetAndMetadata(position.next_offset, "", position.leader_epoch)
            self.consumer._subscription.seek(tp, at)  # noqa: SLF001 -- the public seek takes no epoch

    def validate(self, tp: TopicPartition) -> bool:
        """Have the epoch of a position compared with the log before more is fetched; false if it has none.

        A log that was cut then shows as LogTruncationError, which says where the two part.
        """
        return bool(self.consumer._subscription.request_position_validation(tp))  # noqa: SLF001 -- no public way

    def log_ranges(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Ask for the first offset of each partition and the one after its last; raises KafkaError."""
        wait_ms = int(_REFRESH_SECONDS * 1000)
        starts = self.consumer.beginning_offsets(list(partitions), timeout_ms=wait_ms)
        ends = self.consumer.end_offsets(list(partitions), timeout_ms=wait_ms)
        return {tp: (starts[tp], ends[tp]) for tp in partitions}

    def ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Ask for the offset after the last record of each partition, 0 for one without records.

        Raises BrokerUnreachableError where nobody answers.
        """
        try:
            ranges = self.log_ranges(partitions)
        except KafkaError as error:
            raise BrokerUnreachableError(
                f"The Kafka cluster at kafka.bootstrap_servers = {self._settings.servers_text} did not say "
                f"where its logs end ({error})."
            ) from error
        return {tp: end if end > start else 0 for tp, (start, end) in ranges.items()}

    def is_connected(self) -> bool:
        """Return whether any broker holds a connection with us."""
        client = self.consumer._client  # noqa: SLF001 -- see the class
        return any(client.connected(broker.node_id) for broker in self._metadata.brokers())

    def close(self) -> None:
        """Close the consumer."""
        self.consumer.close(autocommit=False, timeout_ms=1000)
