"""The hook that takes fetched bytes from kafka-python before it makes an object of every record.

`Fetcher._parse_fetched_data` builds `self.PartitionRecords(...)` for each partition of a fetch. The name is
looked up on the instance, so another class can be put there. The attribute is private: `install` tries it on
a batch of its own before it is trusted, and the source falls back to plain `poll()` if that fails.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from kafka.consumer.fetcher import CompletedFetch
from kafka.record.memory_records import MemoryRecordsBuilder

from linktide.sources.kafka import lengths

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafka import KafkaConsumer, TopicPartition

    ScanBatches = Callable[[bytes, int], tuple[int, int, int | None]]
    """(data, fetch offset) -> (next offset, records, offset of the first damaged batch)."""

# Base offset, length of what follows, leader epoch: the part of a batch header that no checksum covers.
_HEADER = struct.Struct(">qii")
_LENGTH_END = 12
_ANY_OFFSET = 2**63
_CUT_FETCHES = 3
"""After so many fetches without a whole batch its length is not believed any more."""


def _nothing() -> None:
    """Hear of it and do nothing."""


@dataclass(frozen=True, slots=True)
class RawFetch:
    """The undecoded bytes of one partition of a fetch: whole batches only."""

    data: bytes
    first_offset: int
    next_offset: int
    leader_epoch: int
    aborted: tuple[tuple[int, int], ...]
    is_damaged: bool
    is_mended: bool = False
    """The first batch said a wrong length, which was put right; nothing is lost."""


class RawRecords:
    """Stands in for `Fetcher.PartitionRecords`; its one record is the whole buffer."""

    def __init__(
        self, topic_partition: TopicPartition, fetch: RawFetch, on_drain: Callable[[Any], None]
    ) -> None:
        self.topic_partition = topic_partition
        self.next_fetch_offset = fetch.first_offset
        self.leader_epoch = -1
        self.bytes_read = 0
        self._fetch: RawFetch | None = fetch
        self._on_drain = on_drain

    def __bool__(self) -> bool:
        """Return whether there is anything left to take."""
        return self._fetch is not None

    def take(self, limit: int | None = None) -> list[RawFetch]:
        """Return the buffer, once; nothing where it holds no batch that can be given away."""
        del limit
        fetch = self._fetch
        if fetch is None:
            return []
        self.next_fetch_offset = fetch.next_offset
        self.leader_epoch = fetch.leader_epoch
        self.bytes_read = len(fetch.data)
        self.drain()
        return [fetch] if fetch.next_offset > fetch.first_offset else []

    def drain(self) -> None:
        """Let go of the buffer."""
        if self._fetch is not None:
            self._fetch = None
            self._on_drain(self)


class RawRecordsFactory:
    """What `PartitionRecords` is replaced with: called as the class would be."""

    def __init__(self, scan: ScanBatches, on_refetch: Callable[[], None] = _nothing) -> None:
        """Take the core's scan; `on_refetch` hears of every batch that is fetched again."""
        self._scan = scan
        self._on_refetch = on_refetch
        self._refetched: dict[TopicPartition, int] = {}
        self._cut: dict[TopicPartition, tuple[int, int]] = {}
        """Offset and number of fetches that brought bytes, but no whole batch."""

    def __call__(self, fetch_offset: int, tp: TopicPartition, records: Any, **options: Any) -> RawRecords:  # noqa: ANN401 -- kafka-python has no types
        """Build the stand-in for one partition of a fetch."""
        data = bytes(records._buffer)  # noqa: SLF001 -- kafka-python has no public way to the bytes
        aborted = tuple(
            (transaction.producer_id, transaction.first_offset)
            for transaction in options.get("aborted_transactions") or ()
        )
        fetch = self._judge(tp, data, fetch_offset, aborted)
        if fetch.next_offset > fetch_offset and not records.has_next():
            # kafka-python would refuse bytes in which it sees no whole batch itself.
            records._next_slice = memoryview(fetch.data)  # noqa: SLF001 -- as above
        return RawRecords(tp, fetch, options.get("on_drain", lambda _: None))

    def _judge(
        self, tp: TopicPartition, data: bytes, fetch_offset: int, aborted: tuple[tuple[int, int], ...]
    ) -> RawFetch:
        next_offset, _, damaged_offset = self._scan(data, fetch_offset)
        is_cut = damaged_offset is None and self._is_cut_again(tp, data, fetch_offset)
        is_damaged = is_cut or (damaged_offset is not None and self._refetched.get(tp) == damaged_offset)
        is_mended = False
        if is_damaged:
            better = lengths.mended(data, fetch_offset, self._scan)
            is_mended = better is not None
            # Without a true end all of it is the batch: its checksum then tells the core that it is damaged.
            data = better or (lengths.ended_at(data, len(data)) if is_cut else data)
            next_offset, _, damaged_offset = self._scan(data, fetch_offset)
            is_damaged = not is_mended
        limit = next_offset
        if damaged_offset is not None and not is_damaged:
            # What comes before is sound and goes on; the next fetch begins at the damage.
            self._refetched[tp] = limit = damaged_offset
            self._on_refetch()
        end, epoch = _whole_batches(data, limit)
        # Past damage the headers cannot be trusted to find the end: the core judges all of it.
        whole = data if is_damaged else data[:end]
        return RawFetch(whole, fetch_offset, limit, epoch, aborted, is_damaged, is_mended)

    def _is_cut_again(self, tp: TopicPartition, data: bytes, fetch_offset: int) -> bool:
        """Tell whether fetches here have brought no whole batch too often.

        A broker sends the first batch whole whatever the fetch limit, so the next fetch must bring it.
        """
        is_cut = len(data) >= _HEADER.size and _whole_batches(data, _ANY_OFFSET)[0] == 0
        if not is_cut:
            self._cut.pop(tp, None)
            return False
        before, times = self._cut.get(tp, (fetch_offset, 0))
        times = times + 1 if before == fetch_offset else 1
        self._cut[tp] = (fetch_offset, times)
        if times < _CUT_FETCHES:
            self._on_refetch()
        return times >= _CUT_FETCHES


def _whole_batches(data: bytes, below_offset: int) -> tuple[int, int]:
    """Return where the whole batches that begin below an offset end, and the last one's leader epoch."""
    at, epoch = 0, -1
    while at + _HEADER.size <= len(data):
        base_offset, length, batch_epoch = _HEADER.unpack_from(data, at)
        end = at + _LENGTH_END + length
        if length <= 0 or end > len(data) or base_offset >= below_offset:
            break
        at, epoch = end, batch_epoch
    return at, epoch


def install(
    consumer: KafkaConsumer,
    scan: ScanBatches,
    tp: TopicPartition,
    on_refetch: Callable[[], None] = _nothing,
) -> RawRecordsFactory | None:
    """Put the hook into `consumer` and try it on a batch made for it; None if it does not take hold.

    `tp` must be assigned and not yet fetched: its position is set to 0 for the trial.
    """
    factory = RawRecordsFactory(scan, on_refetch)
    try:
        consumer.seek(tp, 0)
        fetcher = consumer._fetcher  # noqa: SLF001 -- the hook itself
        fetcher.PartitionRecords = factory
        batch = _one_record()
        parsed = fetcher._parse_fetched_data(CompletedFetch(tp, 0, 12, _response(batch), None))  # noqa: SLF001 -- the hook itself
        is_holding = isinstance(parsed, RawRecords)
        taken = parsed.take(1) if is_holding else []
    except Exception:  # noqa: BLE001 -- whatever a changed kafka-python does wrong means the same: fall back
        remove(consumer)
        return None
    if [fetch.data for fetch in taken] == [batch] and taken[0].next_offset == 1:
        return factory
    remove(consumer)
    return None


def remove(consumer: KafkaConsumer) -> None:
    """Give `consumer` its own class back."""
    vars(getattr(consumer, "_fetcher", SimpleNamespace())).pop("PartitionRecords", None)


def _one_record() -> bytes:
    builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=1024)
    builder.append(timestamp=0, key=None, value=b"{}")
    builder.close()
    return bytes(builder.buffer())


def _response(batch: bytes) -> SimpleNamespace:
    """Return a fetch response of one partition that changes nothing kafka-python remembers of it."""
    return SimpleNamespace(
        error_code=0,
        high_watermark=-1,
        diverging_epoch=None,
        records=batch,
        aborted_transactions=None,
        preferred_read_replica=-1,
    )
