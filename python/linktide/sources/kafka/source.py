"""The Kafka source: every partition of the topics, from the stored positions on."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kafka.errors import (
    CorruptRecordError,
    KafkaError,
    LogTruncationError,
    OffsetOutOfRangeError,
)

from linktide.errors import StopError
from linktide.sources.kafka import hook
from linktide.sources.kafka.cluster import Cluster
from linktide.sources.kafka.commits import OffsetHints
from linktide.sources.kafka.connect import never
from linktide.sources.kafka.contact import TROUBLE_PAUSE_SECONDS, Contact
from linktide.sources.kafka.framing import frame_records
from linktide.sources.kafka.member import GroupMember
from linktide.sources.source import Chunk, Codec, GapKind, OffsetGap, Partition, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from kafka import TopicPartition

    from linktide.sources.kafka.hook import RawFetch, RawRecordsFactory, ScanBatches
    from linktide.sources.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

_RECORDS_PER_PLAIN_POLL = 5000
_GAP_TEXT = {
    GapKind.BELOW_START: "records after it are gone before they were read",
    GapKind.ABOVE_END: "the log ends below the stored offset, it was cut or is another log",
    GapKind.TRUNCATED: "records read under an earlier leader are no longer in the log",
    GapKind.RECREATED: "the topic was deleted and made anew",
}


def _ignore(_what: str) -> None:
    """Count nothing."""


class KafkaSource:
    """Reads all partitions of the topics, or as a member of a group those it is given.

    Stored positions alone decide where it begins; a partition without one is read from its earliest record.
    While it runs, the loss of a broker never raises: polls come back empty, one ERROR says so, and reading
    goes on when the broker is back. A position that the log no longer holds is an `OffsetGap`: one ERROR,
    then on by `offset_gap_policy`.
    """

    def __init__(  # noqa: PLR0913 - the source takes its parts by name
        self,
        settings: KafkaSettings,
        *,
        scan: ScanBatches,
        now_us: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        is_stopping: Callable[[], bool] = never,
        count: Callable[[str], None] = _ignore,
    ) -> None:
        """Take the parts; `is_stopping` is asked every few seconds while `open` waits.

        `count` hears `damaged_refetches` for each batch that is fetched again because it is damaged, and
        `commit_failures` for each failed write of Kafka's own offsets, from any thread.
        """
        self._settings = settings
        self._scan = scan
        self._now_us = now_us
        self._monotonic = monotonic
        self._is_stopping = is_stopping
        self._count = count
        self._contact = Contact(settings.servers_text, monotonic)
        self._cluster: Cluster | None = None
        self._hints: OffsetHints | None = None
        self._factory: RawRecordsFactory | None = None
        self._member: GroupMember | None = None
        self._stored: Mapping[Partition, Position] = {}
        self._partitions: dict[TopicPartition, Partition] = {}
        self._next: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._jumps: dict[TopicPartition, OffsetGap] = {}
        self._gaps: dict[Partition, OffsetGap] = {}
        self._missing_topics: frozenset[str] = frozenset()

    @property
    def is_raw(self) -> bool:
        """True while fetched bytes go undecoded to the core; false on the slow way by `poll()` objects."""
        return self._factory is not None

    @property
    def trouble(self) -> str | None:
        """Why the topics cannot be read, from the moment the brokers were given up until one answers."""
        return self._contact.trouble

    def gaps(self) -> Mapping[Partition, OffsetGap]:
        """Return the last jump of every partition that had one since `open`."""
        return dict(self._gaps)

    def open(self, stored: Mapping[Partition, Position]) -> None:
        """Connect, wait for the topics and seek to the stored positions.

        Waits up to `open_timeout_seconds`. Raises BrokerUnreachableError, ConfigError (unusable settings, a
        topic that does not exist) or, under `offset_gap_policy = "stop"`, StopError.
        """
        self.close()
        deadline = self._monotonic() + self._settings.open_timeout_seconds
        cluster = Cluster.connect(self._settings, self._settings.open_timeout_seconds, self._is_stopping)
        self._cluster = cluster
        try:
            self._partitions = cluster.wait_for_topics(deadline, self._monotonic, self._is_stopping)
            self._stored = dict(stored)
            if self._settings.is_bounded:
                self._ends = cluster.ends(self._partitions)
            cluster.consumer.assign(list(self._partitions))
            self._install_hook(cluster)
            if self._settings.is_group_member:
                self._member = GroupMember(cluster.consumer, partial(self._take, cluster))
                cluster.consumer.unsubscribe()
                self._member.join(self._settings.topics)
            else:
                for tp in self._partitions:
                    self._take(cluster, tp)
            left = max(1.0, deadline - self._monotonic())
            self._hints = OffsetHints(
                self._settings, left, partial(self._count, "commit_failures"), self._member
            )
        except BaseException:
            self.close()
            raise

    def poll(self, timeout_seconds: float) -> Sequence[Chunk]:
        """Return the next fetched buffer, waiting for it; empty also while no broker answers.

        Raises StopError where a gap was found and the policy says stop, nothing else.
        """
        cluster = self._live()
        if cluster.take_news():
            self._follow(cluster)
        if self._member is not None:
            self._member.check()
        try:
            limit = 1 if self.is_raw else _RECORDS_PER_PLAIN_POLL
            polled = self._polled(cluster, int(timeout_seconds * 1000), limit)
            chunks = self._raw_chunks(polled) if self.is_raw else self._plain_chunks(cluster, polled)
        except OffsetOutOfRangeError as error:
            self._resolve_out_of_range(cluster, error)
        except LogTruncationError as error:
            self._resolve_truncation(cluster, error)
        except CorruptRecordError as error:
            # kafka-python never comes back from this by itself, and knows no way past the batch.
            raise StopError(
                f"Kafka holds a damaged batch, which only the raw hook can pass: {error}. Use a version of "
                "kafka-python that the hook knows."
            ) from error
        except KafkaError as error:
            self._contact.lose(f"{error}", timeout_seconds)
        else:
            self._contact.watch(is_there=bool(chunks) or cluster.is_connected())
            return chunks
        return []

    def rest(self) -> None:
        """Keep the partitions of a group member without taking more of them."""
        if self._member is not None:
            self._member.rest()

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        """Write Kafka's own offsets, without waiting."""
        if self._hints is not None:
            current = set(self._partitions.values())
            self._hints.commit({p: at for p, at in positions.items() if p in current})

    def lag(self) -> Mapping[Partition, int]:
        """Return records between what was polled and the high watermark of the last fetch."""
        if self._cluster is None:
            return {}
        lags = {}
        for tp in self._owned():
            highwater = self._cluster.consumer.highwater(tp)
            if highwater is not None and tp in self._next:
                lags[self._partitions[tp]] = max(0, highwater - self._next[tp])
        return lags

    @property
    def is_exhausted(self) -> bool:
        """Only if it is bounded, once every partition stands at the end that it had: a topic has none."""
        return bool(self._ends) and all(self._next.get(tp, 0) >= end for tp, end in self._ends.items())

    def close(self) -> None:
        """Close all connections; idempotent."""
        if self._hints is not None:
            self._hints.close()
        if self._cluster is not None:
            self._cluster.close()
        self._cluster, self._hints, self._factory, self._member = None, None, None, None
        self._partitions, self._next, self._jumps, self._gaps = {}, {}, {}, {}
        self._ends = {}
        self._missing_topics = frozenset()
        self._contact = Contact(self._settings.servers_text, self._monotonic)

    def _live(self) -> Cluster:
        if self._cluster is None:
            raise StopError("The Kafka source was polled before it was opened.")
        return self._cluster

    def _install_hook(self, cluster: Cluster) -> None:
        reason = "that was asked for"
        if self._settings.is_raw_fetch_wanted:
            tp = next(iter(self._partitions))
            on_refetch = partial(self._count, "damaged_refetches")
            self._factory = hook.install(cluster.consumer, self._scan, tp, on_refetch)
            reason = "the hook into its fetcher did not take hold, install a version linktide was tested with"
        if self._factory is None:
            log.warning("kafka-python decodes the records itself, at many times the cost: %s.", reason)

    def _polled(self, cluster: Cluster, timeout_ms: int, limit: int) -> dict[TopicPartition, list[Any]]:
        if self._member is not None:
            return self._member.wake() or self._member.poll(timeout_ms, limit)
        polled: dict[TopicPartition, list[Any]] = cluster.consumer.poll(
            timeout_ms=timeout_ms, max_records=limit
        )
        return polled

    def _owned(self) -> Collection[TopicPartition]:
        """Return the partitions that are read now and known by their identity."""
        if self._member is None:
            return self._partitions
        return self._member.owned & self._partitions.keys()

    def _take(self, cluster: Cluster, tp: TopicPartition) -> None:
        """Begin a partition where it was left: by what was handed on, else what is stored, else its start."""
        partition = self._partitions.get(tp)
        if partition is None:
            # The one who shares out knows it already; it waits until `_follow` does too.
            cluster.consumer.pause(tp)
        elif tp in self._next:
            self._place(cluster, tp, Position(self._next[tp]))
        else:
            self._place(cluster, tp, self._stored.get(partition))
            self._report_recreated(cluster, tp, partition)

    def _place(self, cluster: Cluster, tp: TopicPartition, position: Position | None) -> None:
        """Set where a partition is read from; None: its earliest record."""
        if position is None:
            self._next.pop(tp, None)
            cluster.consumer.seek_to_beginning(tp)
        else:
            self._next[tp] = position.next_offset
            cluster.seek(tp, position)

    def _raw_chunks(self, polled: dict[TopicPartition, list[RawFetch]]) -> list[Chunk]:
        chunks = []
        for tp, fetches in polled.items():
            for fetch in fetches:
                if fetch.is_damaged:
                    log.error(
                        "Kafka partition %s-%d holds a damaged batch at offset %d: what cannot be read of it "
                        "becomes dead letters.",
                        tp.topic,
                        tp.partition,
                        fetch.first_offset,
                    )
                if fetch.is_mended:
                    log.error(
                        "Kafka partition %s-%d holds a batch with a wrong length at offset %d: it was read "
                        "to its end all the same; check the broker's disk.",
                        tp.topic,
                        tp.partition,
                        fetch.first_offset,
                    )
                chunk = self._chunk(tp, Codec.KAFKA, fetch.data, fetch.first_offset, fetch.next_offset)
                chunks.append(
                    replace(
                        chunk,
                        leader_epoch=fetch.leader_epoch,
                        aborted=fetch.aborted,
                        is_damaged=fetch.is_damaged,
                    )
                )
        return chunks

    def _plain_chunks(self, cluster: Cluster, polled: dict[TopicPartition, list[Any]]) -> list[Chunk]:
        chunks = []
        # Control records come as a position that moved without a record, so an empty poll looks everywhere.
        for tp in polled or self._owned():
            records = polled.get(tp, [])
            # Asking for the position can fail, and the records would be gone with it.
            end = records[-1].offset + 1 if records else cluster.consumer.position(tp, timeout_ms=0)
            first = self._next.get(tp, records[0].offset if records else end)
            if end is None or end <= first:
                continue
            chunk = self._chunk(tp, Codec.FRAMED, frame_records(records), first, end)
            epoch = records[-1].leader_epoch if records else -1
            chunks.append(replace(chunk, leader_epoch=epoch))
        return chunks

    def _chunk(self, tp: TopicPartition, codec: Codec, data: bytes, first: int, end: int) -> Chunk:
        partition = self._partitions[tp]
        gap = self._jumps.pop(tp, None)
        if gap is not None and gap.resumed_offset < 0:
            gap = replace(gap, resumed_offset=first)
            self._gaps[partition] = gap
        self._next[tp] = end
        return Chunk(partition, codec, data, first, end, self._now_us(), gap=gap)

    def _report_recreated(self, cluster: Cluster, tp: TopicPartition, partition: Partition) -> None:
        """Tell if all stored positions of its topic belong to another topic of the same name."""
        current = {p for p in self._partitions.values() if p.topic == partition.topic}
        if not partition.topic_id or not current.isdisjoint(self._stored):
            return
        for old, position in self._stored.items():
            is_same_place = (old.topic, old.number) == (partition.topic, partition.number)
            if is_same_place and old.topic_id and old != partition:
                self._jump(cluster, tp, OffsetGap(GapKind.RECREATED, position.next_offset, -1))

    def _follow(self, cluster: Cluster) -> None:
        """Take up new partitions and topics made anew; a deleted topic is waited for."""
        known = cluster.partitions()
        missing = frozenset(self._settings.topics) - {tp.topic for tp in known}
        for topic in sorted(missing - self._missing_topics):
            log.error("Kafka topic %s no longer exists: it is read again if it is made anew.", topic)
        self._missing_topics = missing
        kept = {tp: p for tp, p in self._partitions.items() if tp.topic in missing}
        before, self._partitions = self._partitions, kept | known
        if before == self._partitions:
            return
        if self._member is None:
            cluster.consumer.assign(list(self._partitions))
        owned = self._owned()
        for tp, partition in known.items():
            if before.get(tp) == partition:
                continue
            if tp not in owned:
                self._next.pop(tp, None)
            elif tp not in before:
                self._take(cluster, tp)
                cluster.consumer.resume(tp)
            else:
                gap = OffsetGap(GapKind.RECREATED, self._next.get(tp, 0), -1)
                self._jump(cluster, tp, gap)
        for tp in before.keys() - self._partitions.keys():
            self._next.pop(tp, None)

    def _look_again(self, cluster: Cluster) -> None:
        """Learn first whether the topic is still the same: a recreated one looks like any other gap."""
        cluster.refresh()
        if cluster.take_news():
            self._follow(cluster)

    def _resolve_out_of_range(self, cluster: Cluster, error: OffsetOutOfRangeError) -> None:
        self._look_again(cluster)
        for tp, offset in error.args[0].items():
            if self._next.get(tp) != offset:
                # It has been placed anew meanwhile: the topic was recreated.
                continue
            try:
                start, end = cluster.log_ranges([tp])[tp]
            except KafkaError as reason:
                self._contact.lose(f"{reason}", TROUBLE_PAUSE_SECONDS)
                continue
            if offset < start:
                self._jump(cluster, tp, OffsetGap(GapKind.BELOW_START, offset, start))
            elif offset > end and not cluster.validate(tp):
                self._jump(cluster, tp, OffsetGap(GapKind.ABOVE_END, offset, start))

    def _resolve_truncation(self, cluster: Cluster, error: LogTruncationError) -> None:
        self._look_again(cluster)
        for tp, divergence in error.divergent_offsets.items():
            if tp in self._jumps:
                # Placed anew since kafka-python compared the logs: the topic was recreated.
                continue
            offset = self._next.get(tp, 0)
            resumed = offset if divergence is None else divergence.offset
            self._jump(cluster, tp, OffsetGap(GapKind.TRUNCATED, offset, resumed))

    def _jump(self, cluster: Cluster, tp: TopicPartition, gap: OffsetGap) -> None:
        """Go on elsewhere, or stop: a gap is logged once, kept for the gauge, sent with the next chunk."""
        where = "its earliest record" if gap.resumed_offset < 0 else f"offset {gap.resumed_offset}"
        told = (
            f"Kafka partition {tp.topic}-{tp.partition} cannot be continued at its stored offset "
            f"{gap.stored_offset}: {_GAP_TEXT[gap.kind]}"
        )
        if self._settings.offset_gap_policy == "stop":
            raise StopError(f"{told} (kafka.offset_gap_policy = stop; continue would go on from {where}).")
        log.error("%s. Going on from %s.", told, where)
        self._gaps[self._partitions[tp]] = gap
        self._jumps[tp] = gap
        self._place(cluster, tp, None if gap.resumed_offset < 0 else Position(gap.resumed_offset))
