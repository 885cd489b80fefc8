"""Membership in a consumer group: which partitions are ours for now, and how we keep them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from kafka import ConsumerRebalanceListener
from kafka.errors import KafkaError

from linktide.errors import LinktideError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from kafka import KafkaConsumer, TopicPartition
    from kafka.structs import OffsetAndMetadata

_JOIN_MS: Final = 5_000


class GroupMember(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Takes partitions as the group gives them and reads each from the place that its taker says.

    kafka-python calls the listener on a thread of its own while a poll waits for it. What the taker raises
    there it would only log, so it is kept and raised by `check`.
    """

    def __init__(self, consumer: KafkaConsumer, take: Callable[[TopicPartition], None]) -> None:
        """`take` sets where a partition is read from, before its first fetch."""
        self._consumer = consumer
        self._take = take
        self._owned: frozenset[TopicPartition] = frozenset()
        self._failure: LinktideError | None = None
        self._resting: set[TopicPartition] = set()
        self._held: dict[TopicPartition, list[Any]] = {}

    @property
    def owned(self) -> frozenset[TopicPartition]:
        """The partitions that are ours; any thread may ask."""
        return self._owned

    def join(self, topics: Collection[str]) -> None:
        """Ask for a share of the topics; the polls that follow bring it."""
        self._consumer.subscribe(topics=list(topics), listener=self)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take partitions up."""
        for tp in sorted(assigned):
            self._owned |= {tp}
            try:
                self._take(tp)
            except LinktideError as error:
                self._failure = self._failure or error

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Let partitions go. What was fetched of them is stored all the same: offsets are the database's."""
        self._owned -= frozenset(revoked)

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Let partitions go that others may have already."""
        self.on_partitions_revoked(lost)

    def check(self) -> None:
        """Raise what a taker raised."""
        if self._failure is not None:
            raise self._failure

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        """Poll as the consumer does, for longer while the group shares out anew.

        kafka-python forgets a join that is answered between two polls and begins another, so that members
        that poll for moments only would make the group share out for ever.
        """
        if self._consumer._coordinator.need_rejoin():  # noqa: SLF001 -- nothing public tells
            timeout_ms = max(timeout_ms, _JOIN_MS)
        polled: dict[TopicPartition, list[Any]] = self._consumer.poll(
            timeout_ms=timeout_ms, max_records=max_records
        )
        return polled

    def rest(self) -> None:
        """Poll without taking more: a member that does not poll loses its partitions after some minutes."""
        try:
            for tp in self._consumer.assignment() - self._consumer.paused():
                with suppress(KeyError):
                    self._consumer.pause(tp)
                    self._resting.add(tp)
            # One that is given to us in this very poll may bring records before it rests.
            for tp, fetches in self.poll(0, 1).items():
                self._held.setdefault(tp, []).extend(fetches)
        except KafkaError:
            # The next real poll meets it again and tells.
            return

    def wake(self) -> dict[TopicPartition, list[Any]]:
        """Fetch again after a rest; returns what came in while resting."""
        while self._resting:
            with suppress(KeyError):
                # It may be gone since.
                self._consumer.resume(self._resting.pop())
        held, self._held = self._held, {}
        return held

    def commit(
        self,
        offsets: dict[TopicPartition, OffsetAndMetadata],
        done: Callable[[object, object], None],
    ) -> None:
        """Send offsets of our partitions on their way: only a member may commit for a group that has some."""
        ours = {tp: at for tp, at in offsets.items() if tp in self._owned}
        if ours:
            self._consumer.commit_async(ours, done)
