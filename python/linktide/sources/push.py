"""Events handed in by another thread (HTTP, an import through the running service) as a source."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import TYPE_CHECKING

from linktide.errors import LinktideError, RetryError
from linktide.setting import size_text
from linktide.sources.source import Chunk, Codec, Partition, Position, begin_chunk_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CLUSTER = "push"
_POLL_BYTES = 4 << 20


class PushGapError(LinktideError):
    """A push began above the position that is wanted next: what lies between would be lost."""

    def __init__(self, partition: Partition, first_offset: int, wanted_offset: int) -> None:
        super().__init__(
            f"Push to {partition.topic!r} begins at offset {first_offset}, but {wanted_offset} comes next: "
            f"send from {wanted_offset}."
        )
        self.wanted_offset = wanted_offset


class Ticket:
    """The promise for one submit; `wait` tells when it is stored."""

    def __init__(self, partition: Partition, next_offset: int, accepted_lines: int) -> None:
        self.partition = partition
        self.next_offset = next_offset
        """The offset after the last line of the submit."""
        self.accepted_lines = accepted_lines
        """Lines taken in; those below the wanted position were known already."""
        self._settled = threading.Event()
        self._failure: str | None = None

    def wait(self, timeout_seconds: float) -> int:
        """Return `next_offset` once everything below it is stored.

        Raises RetryError if that takes longer than `timeout_seconds` or the service ends first; the lines
        may be stored all the same, and sending them again changes no link's state.
        """
        if not self._settled.wait(timeout_seconds):
            raise RetryError(
                f"{self.accepted_lines} lines for {self.partition.topic!r} were accepted but not stored "
                f"within {timeout_seconds:g} s: they will be; ask again later, or send them again."
            )
        if self._failure is not None:
            raise RetryError(self._failure)
        return self.next_offset

    def settle(self, failure: str | None = None) -> None:
        """Let `wait` return, or raise with `failure`; called by the source alone."""
        self._failure = failure
        self._settled.set()


class PushSource:
    """An inbox bounded by bytes. `submit` may be called from any thread, the rest from the pipeline's.

    Lines stay in the inbox until `commit` says they are stored, so a pipeline that closes and opens the
    source anew, because a transaction failed, gets them again.
    """

    def __init__(self, *, now_us: Callable[[], int], inbox_bytes: int = 64 << 20) -> None:
        self._now_us = now_us
        self._inbox_bytes = inbox_bytes
        self._changed = threading.Condition()
        self._waiting: deque[Chunk] = deque()
        self._polled: deque[Chunk] = deque()
        self._used_bytes = 0
        self._tickets: list[Ticket] = []
        self._next: dict[Partition, int] = {}
        self._stored: dict[Partition, int] = {}
        self._was_opened = False
        self._is_ending = False

    def submit(
        self,
        data: bytes,
        *,
        topic: str = "push",
        topic_id: str = "",
        first_offset: int | None = None,
        cluster: str = CLUSTER,
    ) -> Ticket:
        """Take in NDJSON lines and return the ticket that tells when they are stored; never blocks.

        Without `first_offset` the lines follow the last ones of the same topic and id. With it the data is
        a stretch of a file (give `cluster="file"` and the topic and id of its partition in FileSource), and
        lines known already are skipped. Raises RetryError if the inbox is full or the source takes in
        nothing at the moment, and PushGapError if the stretch begins too high.
        """
        partition = Partition(cluster, topic, topic_id, 0)
        if data and not data.endswith(b"\n"):
            data += b"\n"
        with self._changed:
            self._check_room(len(data))
            wanted = self._wanted(partition)
            first = wanted if first_offset is None else first_offset
            if first > wanted:
                raise PushGapError(partition, first, wanted)
            chunk = Chunk(partition, Codec.NDJSON, data, first, first + data.count(b"\n"), self._now_us())
            new = begin_chunk_at(chunk, wanted) if chunk.next_offset > wanted else None
            if new is not None:
                self._next[partition] = new.next_offset
                self._used_bytes += len(new.data)
                self._waiting.append(new)
                self._changed.notify_all()
            accepted = 0 if new is None else new.next_offset - new.first_offset
            ticket = Ticket(partition, chunk.next_offset, accepted)
            self._tickets.append(ticket)
            self._settle()
        return ticket

    def next_offset(self, partition: Partition) -> int:
        """Return the offset at which the next stretch of `partition` is wanted."""
        with self._changed:
            return self._wanted(partition)

    def end(self) -> None:
        """Take in nothing more; `is_exhausted` turns true when what is there was polled."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()

    def open(self, stored: Mapping[Partition, Position]) -> None:
        """Begin at the stored positions and hand out again what is not stored; never fails."""
        with self._changed:
            self._waiting.extendleft(reversed(self._polled))
            self._polled.clear()
            self._note(stored)
            self._was_opened = True

    def poll(self, timeout_seconds: float) -> Sequence[Chunk]:
        """Return up to about 4 MiB of what was submitted, waiting for the first of it."""
        chunks: list[Chunk] = []
        size = 0
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_ending, timeout_seconds)
            while self._waiting and size < _POLL_BYTES:
                chunk = self._waiting.popleft()
                self._polled.append(chunk)
                chunks.append(chunk)
                size += len(chunk.data)
        return chunks

    def rest(self) -> None:
        """Nothing is lost by silence."""

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        """Settle the tickets of everything below `positions` and free its bytes."""
        with self._changed:
            self._note(positions)

    def lag(self) -> Mapping[Partition, int]:
        """Return the lines that wait to be polled, of the topics that have any."""
        with self._changed:
            lags: Counter[Partition] = Counter()
            for chunk in self._waiting:
                lags[chunk.partition] += chunk.next_offset - chunk.first_offset
        return lags

    @property
    def trouble(self) -> str | None:
        """None: nothing can stand in its way; a full inbox is told to who pushes."""
        return None

    @property
    def is_exhausted(self) -> bool:
        """True once `end` was called and everything was polled."""
        with self._changed:
            return self._is_ending and not self._waiting

    def close(self) -> None:
        """Keep what is not stored for the next `open`; after `end`, fail the tickets that are left."""
        with self._changed:
            if not self._is_ending:
                return
            for ticket in self._tickets:
                ticket.settle("The service ended before the lines were stored: send them again.")
            self._tickets.clear()
            self._polled.clear()
            self._waiting.clear()
            self._used_bytes = 0

    def _check_room(self, size: int) -> None:
        if not self._was_opened or self._is_ending:
            raise RetryError("The service takes in no events at the moment: try again in a few seconds.")
        # A submit larger than the whole inbox is let into an empty one, or it could never go.
        if self._used_bytes and self._used_bytes + size > self._inbox_bytes:
            raise RetryError(
                f"The inbox holds {self._used_bytes:,} bytes and has no room for {size:,} more "
                f"(queue_max_bytes = {size_text(self._inbox_bytes)}): try again in a few seconds."
            )

    def _wanted(self, partition: Partition) -> int:
        return max(self._next.get(partition, 0), self._stored.get(partition, 0))

    def _note(self, positions: Mapping[Partition, Position]) -> None:
        self._stored.update({p: position.next_offset for p, position in positions.items()})
        self._polled = self._unstored(self._polled)
        # A transaction whose outcome was unknown may prove stored only when the source is opened again.
        self._waiting = self._unstored(self._waiting)
        self._used_bytes = sum(len(chunk.data) for chunk in (*self._polled, *self._waiting))
        self._settle()

    def _unstored(self, chunks: deque[Chunk]) -> deque[Chunk]:
        rests = (begin_chunk_at(chunk, self._stored.get(chunk.partition, 0)) for chunk in chunks)
        return deque(rest for rest in rests if rest is not None)

    def _settle(self) -> None:
        left = []
        for ticket in self._tickets:
            if ticket.next_offset <= self._stored.get(ticket.partition, 0):
                ticket.settle()
            else:
                left.append(ticket)
        self._tickets = left
