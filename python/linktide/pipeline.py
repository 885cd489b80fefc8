"""The order of the stages: fetch → decode → apply → store. One session runs until it ends or one stage fails.

Threads: one fetcher per source, one decoder, and the caller's, which alone owns state and writes, but for the
commits beside which it applies the next batch (storing.py). The decoder works on the one after that
meanwhile. After any failure the session is over; the service throws index and store away and builds both
again from the tables.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from linktide.fill import jumps_of
from linktide.sources.chunk_queue import ChunkQueue, divide, pieces, unread
from linktide.sources.source import Position
from linktide.store.writer import Advance
from linktide.storing import DecodedBatch, Storer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from linktide.alert_desk import AlertDesk
    from linktide.index import Decoder, LinkIndex
    from linktide.memory_limit import MemoryLimit
    from linktide.metrics.batch import BatchReport
    from linktide.metrics.index_counters import IndexCounters
    from linktide.sources.source import Chunk, Partition, Source
    from linktide.store.writer import StoreWriter

_POLL_SECONDS, _UPKEEP_SECONDS = 0.05, 0.01
_LINGER_SHARE = 0.1
"""A batch closes early when nothing came for this share of its greatest age."""
_CATCH_UP_BATCHES, _CAUGHT_UP_BATCHES = 5, 2
"""Batches that wait when catching up begins, and when it ends: small batches cost twice as much an event."""
_DRAIN_SECONDS = 5.0
_SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """How batches are cut; see config.py for the meaning."""

    batch_max_events: int = 40_000
    batch_max_seconds: float = 1.0
    catch_up_max_events: int = 250_000
    """Above two of the store's row groups (61,440 rows) rows go compressed into the file, past the WAL."""
    queue_max_bytes: int = 64 << 20
    idle_seconds: float = 0.5


@dataclass(slots=True)
class Parts:
    """What a session works with; all of it is the session's alone while it runs."""

    sources: Sequence[Source]
    decoder: Decoder
    index: LinkIndex
    writer: StoreWriter
    report: BatchReport
    counters: IndexCounters
    alerts: AlertDesk
    memory: MemoryLimit
    stored: Mapping[Partition, Position]
    """Where the store stood when the session began."""
    between_batches: Callable[[], bool] = lambda: False
    """Called where index and store stand still together; true if it moved scores that are to be written."""
    is_turn_wanted: Callable[[], bool] = lambda: False
    """Whether that has anything to do."""
    upkeep: Callable[[bool, bool], bool] = lambda _is_catching_up, _is_ahead: False
    """Does one slice of what keeps the store in order; true if more of it waits."""
    pause_reason: Callable[[], str | None] = lambda: None
    """Why no source may be read for the moment."""
    is_to_leave: Callable[[], bool] = lambda: False
    """Asked between two batches; what is not stored then is dropped, and read again by the next session."""
    committer: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, "linktide-commit"))
    """Commits a batch while the next one is applied; shut down at the end of the session."""


@dataclass(slots=True)
class _Fetcher:
    source: Source
    committed: dict[Partition, Position] = field(default_factory=dict)
    lag: Mapping[Partition, int] = field(default_factory=dict)
    is_done: bool = False


class Session:
    """One run of the pipeline on an open store."""

    def __init__(
        self,
        parts: Parts,
        settings: PipelineSettings,
        *,
        stop: threading.Event,
        now_us: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parts = parts
        self._settings = settings
        self._stop = stop
        self._now_us = now_us
        self._monotonic = monotonic
        self._queue = ChunkQueue(settings.queue_max_bytes)
        self._decoded: deque[DecodedBatch] = deque()
        self._changed = threading.Condition()
        self._is_decoder_done = False
        self._is_over = threading.Event()
        self._failure: BaseException | None = None
        self._fetchers = [_Fetcher(source) for source in parts.sources]
        self._is_catching_up = False
        self._has_upkeep = False
        self.turned_at: float | None = None
        """When the work thread last came round; None where it may take its time (errands, settling)."""
        self._settled_at = monotonic()
        self._storer = Storer(
            parts.index,
            parts.writer,
            parts.report,
            parts.counters,
            parts.alerts,
            parts.committer,
            now_us,
            self._note_stored,
            self._keep_up,
            parts.is_turn_wanted,
            lambda: bool(self._decoded),
            monotonic,
        )

    def run(self) -> None:
        """Run until `stop` is set, every source is exhausted and stored, or the parts say to leave.

        Raises what ended it: RetryError (rebuild and go on) or StopError. Sources are open when this is
        called and stay open.
        """
        self._parts.counters.begin()
        threads = [threading.Thread(target=self._decode, name="linktide-decode")]
        for number, fetcher in enumerate(self._fetchers):
            name = f"linktide-fetch-{number}"
            threads.append(threading.Thread(target=self._fetch, args=(fetcher,), name=name))
        for thread in threads:
            thread.start()
        try:
            self._store_batches()
            self._storer.finish()
        except BaseException as error:  # noqa: BLE001 - raised again below, once the threads are gone
            self._fail(error)
        finally:
            self.turned_at = None
            self._storer.close()
            self._is_over.set()
            self._queue.close()
            with self._changed:
                self._decoded.clear()
                self._changed.notify_all()
            for thread in threads:
                thread.join()
        self._tell_sources()
        if self._failure is not None:
            raise self._failure

    @property
    def stored_rev(self) -> int:
        """The newest revision that this session stored; any thread may read it."""
        return self._storer.stored_rev

    def lag(self) -> dict[Partition, int]:
        """Return the records not yet fetched, by partition."""
        return {partition: lag for one in self._fetchers for partition, lag in dict(one.lag).items()}

    def trouble(self) -> str | None:
        """Return why a source is not read for the moment; None if all are."""
        parts = self._parts
        told = (parts.pause_reason(), parts.memory.trouble, *(one.trouble for one in parts.sources))
        return next((reason for reason in told if reason is not None), None)

    @property
    def queue_bytes(self) -> int:
        """Undecoded bytes that wait."""
        return self._queue.used_bytes

    # --- fetch ---------------------------------------------------------------------------------------------

    def _fetch(self, fetcher: _Fetcher) -> None:
        source = fetcher.source
        try:
            while not self._is_ending() and not source.is_exhausted:
                if is_paused := self._parts.pause_reason() is not None:
                    source.rest()
                    self._is_over.wait(_POLL_SECONDS)
                for chunk in () if is_paused else source.poll(_POLL_SECONDS):
                    for piece in pieces(chunk, self._settings.batch_max_events):
                        self._queue.put(piece, source.rest)
                self._tell(fetcher)
                fetcher.lag = dict(source.lag())
        except BaseException as error:  # noqa: BLE001 - the session ends with whatever a source raised
            self._fail(error)
        finally:
            fetcher.is_done = True
            if all(one.is_done for one in self._fetchers):
                self._queue.close()
        while not self._is_over.wait(_POLL_SECONDS):
            self._tell(fetcher)

    def _tell(self, fetcher: _Fetcher) -> None:
        """Let the source hear, on its own thread, what was stored."""
        with self._changed:
            positions, fetcher.committed = fetcher.committed, {}
        if positions:
            fetcher.source.commit(positions)

    def _tell_sources(self) -> None:
        for fetcher in self._fetchers:
            self._tell(fetcher)

    # --- decode --------------------------------------------------------------------------------------------

    def _decode(self) -> None:
        positions = dict(self._parts.stored)
        try:
            while not self._is_over.is_set():
                chunks, is_last, is_catching_up = self._next_chunks()
                for chunk in chunks:
                    if chunk.gap is not None:
                        self._parts.report.gapped(chunk.partition)
                for batch in self._batches(chunks, positions, is_catching_up=is_catching_up):
                    self._hand_over(batch)
                if is_last:
                    break
        except BaseException as error:  # noqa: BLE001 - the session ends with whatever went wrong
            self._fail(error)
        with self._changed:
            self._is_decoder_done = True
            self._changed.notify_all()

    def _next_chunks(self) -> tuple[list[Chunk], bool, bool]:
        """Gather one batch: (chunks, whether nothing follows, whether it is a catch-up batch)."""
        settings = self._settings
        waiting = sum(self.lag().values()) + self._queue.records
        enough = _CAUGHT_UP_BATCHES if self._is_catching_up else _CATCH_UP_BATCHES
        is_catching_up = self._is_catching_up = waiting > enough * settings.batch_max_events
        most = settings.catch_up_max_events if is_catching_up else settings.batch_max_events
        chunks: list[Chunk] = []
        events = size = 0
        deadline = float("inf")
        while events < most and size < settings.queue_max_bytes:
            left = deadline - self._monotonic()
            if left <= 0:
                break
            linger = settings.batch_max_seconds * _LINGER_SHARE if chunks else _POLL_SECONDS
            chunk = self._queue.get(min(linger, left))
            if chunk is None:
                if self._are_sources_done() and self._queue.used_bytes == 0:
                    return chunks, True, is_catching_up
                if chunks or self._is_over.is_set():
                    break
                continue
            if not chunks:
                deadline = self._monotonic() + settings.batch_max_seconds
            chunks.append(chunk)
            events += chunk.next_offset - chunk.first_offset
            size += len(chunk.data)
        return chunks, False, is_catching_up

    def _batches(
        self, chunks: list[Chunk], positions: dict[Partition, Position], *, is_catching_up: bool
    ) -> Iterator[DecodedBatch]:
        """Decode chunks into as many batches as they need, without what was decoded before."""
        chunks = unread(chunks, positions)
        while chunks and not self._is_over.is_set():
            batch, chunks = self._decode_batch(chunks, positions, is_catching_up=is_catching_up)
            yield batch

    def _decode_batch(
        self, chunks: list[Chunk], positions: dict[Partition, Position], *, is_catching_up: bool
    ) -> tuple[DecodedBatch, list[Chunk]]:
        """Decode one batch; return it and what of the chunks it had no room for."""
        started = self._monotonic()
        writer = self._parts.writer
        ids = {chunk.partition: writer.source_id_of(chunk.partition) for chunk in chunks}
        events = self._parts.decoder.decode([(ids[chunk.partition], chunk) for chunk in chunks])
        counts = {count[0]: count for count in events.by_source()}
        done, rest = divide(chunks, events.ended_at)
        jumps, advances, moved = jumps_of(done, positions), [], {}
        for partition, last in {chunk.partition: chunk for chunk in done}.items():
            source_id, before = ids[partition], positions.get(partition)
            _, accepted, refused, newest = counts.get(source_id, (source_id, 0, 0, None))
            advances.append(
                Advance(
                    partition,
                    source_id,
                    expected_offset=None if before is None else before.next_offset,
                    next_offset=last.next_offset,
                    leader_epoch=last.leader_epoch,
                    events=accepted,
                    dead_letters=refused,
                    last_record_at_us=newest,
                    jumps=jumps.get(partition, ()),
                )
            )
            moved[partition] = Position(last.next_offset, last.leader_epoch)
        positions.update(moved)
        size_bytes = sum(len(chunk.data) for chunk in chunks) - sum(len(chunk.data) for chunk in rest)
        seconds = self._monotonic() - started
        return DecodedBatch(events, tuple(advances), moved, is_catching_up, size_bytes, seconds), rest

    def _hand_over(self, batch: DecodedBatch) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._decoded or self._is_over.is_set())
            if not self._is_over.is_set():
                self._decoded.append(batch)
                self._changed.notify_all()

    # --- apply and store -----------------------------------------------------------------------------------

    def _store_batches(self) -> None:
        stopped_at: float | None = None
        while self._failure is None and not self._parts.is_to_leave():
            if stopped_at is None and self._stop.is_set():
                stopped_at = self._monotonic()
            if stopped_at is not None and self._monotonic() - stopped_at > _DRAIN_SECONDS:
                return
            self.turned_at = None
            if not self._storer.is_ahead and self._parts.between_batches():
                self._storer.unsettle()
            self.turned_at = self._monotonic()
            if self._parts.memory.is_over(self._parts.index):
                self._storer.finish()  # who hears of a pause sees all that was stored before it
            if self._parts.memory.is_reached(self._parts.index):
                if stopped_at is not None:
                    return
                self._settle()
                self._stop.wait(self._settings.idle_seconds)
                continue
            batch, is_done = self._take()
            if batch is not None:
                self._storer.store(batch)
                self._settle_if_overdue()
                continue
            self._settle()
            if is_done:
                return
            self._keep_up(is_catching_up=False, is_ahead=False)

    def _take(self) -> tuple[DecodedBatch | None, bool]:
        with self._changed:
            self._changed.wait_for(
                lambda: self._decoded or self._is_decoder_done or self._failure is not None,
                _UPKEEP_SECONDS if self._has_upkeep else self._settings.idle_seconds,
            )
            if self._decoded:
                batch = self._decoded.popleft()
                self._changed.notify_all()
                return batch, False
            return None, self._is_decoder_done

    def _settle(self) -> None:
        """Nothing to do: bring authority to its idle error."""
        self.turned_at = None  # a whole graph may be solved
        self._storer.settle()
        self._settled_at = self._monotonic()

    def _settle_if_overdue(self) -> None:
        """Settle now and then although events keep coming, if no batch waits."""
        is_overdue = self._monotonic() - self._settled_at >= _SETTLE_SECONDS
        if is_overdue and not self._decoded:
            self._settle()

    def _note_stored(self, positions: Mapping[Partition, Position]) -> None:
        with self._changed:
            for fetcher in self._fetchers:
                fetcher.committed.update(positions)

    def _keep_up(self, is_catching_up: bool, is_ahead: bool) -> None:  # noqa: FBT001 - as the parts have it
        """Do one slice of what keeps the store in order."""
        self._has_upkeep = self._parts.upkeep(is_catching_up, is_ahead)
        if (checkpoint := self._parts.writer.checkpoint_if_due()) is not None:
            self._parts.report.checkpointed(checkpoint)

    # --- ends ----------------------------------------------------------------------------------------------

    def _is_ending(self) -> bool:
        return self._stop.is_set() or self._is_over.is_set() or self._failure is not None

    def _are_sources_done(self) -> bool:
        return all(fetcher.is_done for fetcher in self._fetchers)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            # The first failure tells the story; what it brings down is noise.
            self._failure = self._failure or error
            self._changed.notify_all()
        self._queue.close()
