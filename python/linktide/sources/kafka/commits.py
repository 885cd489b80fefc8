"""Writes stored positions to Kafka's own offsets, so that lag tools see them. Nothing reads them back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from linktide.errors import LinktideError
from linktide.sources.kafka.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linktide.sources.kafka.member import GroupMember
    from linktide.sources.kafka.settings import KafkaSettings
    from linktide.sources.source import Partition, Position

log = logging.getLogger(__name__)


class OffsetHints:
    """Commits offsets without waiting and without ever raising; failures are told, the first is logged.

    Without a member it has a client of its own: a consumer with a group would wait for the group's
    coordinator at each poll. While a group has members, only they may commit.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        timeout_seconds: float,
        on_failure: Callable[[], None],
        member: GroupMember | None = None,
    ) -> None:
        """Connect if there is a group; `on_failure` hears of every commit that failed, from any thread."""
        self._group_id = settings.group_id
        self._member = member
        self._consumer: KafkaConsumer | None = None
        self._on_failure = on_failure
        self._is_logged = False
        if settings.group_id is None or member is not None:
            return
        options = settings.client_options() | {
            "group_id": settings.group_id,
            "enable_auto_commit": False,
            "metrics_enabled": False,
        }
        try:
            self._consumer = connect(settings, KafkaConsumer, options, timeout_seconds)
        except LinktideError as error:
            self._count(error)

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        """Send the positions on their way."""
        commit = self._member.commit if self._member else self._consumer and self._consumer.commit_async
        if commit is None or not positions:
            return
        offsets = {
            TopicPartition(partition.topic, partition.number): OffsetAndMetadata(position.next_offset, "", -1)
            for partition, position in positions.items()
        }
        try:
            commit(offsets, self._done)
        except KafkaError as error:
            self._count(error)

    def _done(self, offsets: object, outcome: object) -> None:
        del offsets
        if isinstance(outcome, Exception):
            self._count(outcome)

    def _count(self, error: Exception) -> None:
        self._on_failure()
        if not self._is_logged:
            self._is_logged = True
            log.warning(
                "Offsets cannot be committed to Kafka under kafka.group_id = %s (%s). Nothing is lost, but "
                "lag tools will show too much; further failures are only counted.",
                self._group_id,
                error,
            )

    def close(self) -> None:
        """Close the client."""
        if self._consumer is not None:
            self._consumer.close(autocommit=False, timeout_ms=1000)
            self._consumer = None
