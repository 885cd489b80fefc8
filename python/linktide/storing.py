"""Apply and store: the last two stages of a session, for one decoded batch after the other.

If the next batch waits already, it is applied as the one before it is committed, on a thread of its own.
The index is then a batch ahead of the store. That is safe because after any failure both are thrown away and
built again from the tables; what needs both at one revision waits for `finish`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from linktide.metrics.batch import StoredBatch
from linktide.restore import writer_row_of
from linktide.store.writer import StoreBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor, Future

    import pyarrow as pa

    from linktide._core import EventBatch
    from linktide.alert_desk import AlertDesk
    from linktide.index import LinkIndex
    from linktide.metrics.batch import BatchReport
    from linktide.metrics.index_counters import Counted, IndexCounters
    from linktide.sources.source import Partition, Position
    from linktide.store.writer import Advance, CheckpointResult, CommitTiming, StoreWriter


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """A decoded batch on its way to the store."""

    events: EventBatch
    advances: tuple[Advance, ...]
    positions: Mapping[Partition, Position]
    is_catching_up: bool
    size_bytes: int
    decode_seconds: float


@dataclass(frozen=True, slots=True)
class _Applied:
    """A batch that the index has taken; None where only scores are to be written."""

    batch: DecodedBatch | None
    rev: int
    apply_seconds: float
    counted: Counted


@dataclass(slots=True)
class Storer:
    """Applies and stores the batches of one session; used by the work thread alone."""

    index: LinkIndex
    writer: StoreWriter
    report: BatchReport
    counters: IndexCounters
    alerts: AlertDesk
    committer: Executor
    """Runs one commit at a time."""
    now_us: Callable[[], int]
    on_stored: Callable[[Mapping[Partition, Position]], None]
    """Hears how far the store has come."""
    after_commit: Callable[[bool, bool], None]
    """Does what follows a commit, told whether the service catches up, and whether the index is ahead."""
    is_turn_wanted: Callable[[], bool]
    """Whether somebody waits for index and store to be at one revision."""
    is_next_waiting: Callable[[], bool]
    """Whether another batch is decoded, so that there is something to do beside a commit."""
    monotonic: Callable[[], float] = time.monotonic
    stored_rev: int = 0
    """The newest revision that was stored."""
    _is_settled: bool = False
    _applied: _Applied | None = None
    _commit: Future[tuple[CommitTiming, CheckpointResult | None]] | None = None

    @property
    def is_ahead(self) -> bool:
        """Whether the index holds a batch that is not known to be stored."""
        return self._commit is not None

    def store(self, batch: DecodedBatch) -> None:
        """Take a batch; on return it is stored, or about to be if the next one waits.

        Raises what a commit does, this one's or that of the batch before it.
        """
        started = self.monotonic()
        rows = self.index.apply(batch.events, self._observations_of)
        applied = self._taken(batch, rows.rev, self.monotonic() - started)
        news = self.alerts.taken(rows, self.index, batch.advances, is_catching_up=batch.is_catching_up)
        stored = StoreBatch(
            rows.tables,
            batch.advances,
            writer_row_of(self.index, rows.rev, rows.clock_us),
            beside=partial(self.alerts.judge, news),
        )
        self._is_settled = False
        self._finish(is_ahead=True)
        if self.is_next_waiting() and not self.is_turn_wanted():
            self._applied, self._commit = applied, self.committer.submit(self._commit_beside, stored)
            return
        self._stored(applied, self.writer.commit(stored), is_ahead=False)

    def finish(self) -> None:
        """Wait until the batch that is on its way is stored, if there is one. Raises what its commit did."""
        self._finish(is_ahead=False)

    def _finish(self, *, is_ahead: bool) -> None:
        commit, applied = self._commit, self._applied
        self._commit = self._applied = None
        if commit is not None and applied is not None:
            timing, checkpoint = commit.result()
            if checkpoint is not None:
                self.report.checkpointed(checkpoint)
            self._stored(applied, timing, is_ahead=is_ahead)

    def unsettle(self) -> None:
        """Hear that scores moved which are to be written."""
        self._is_settled = False

    def settle(self) -> None:
        """Bring authority to its idle error, once nothing else is to be done."""
        self.finish()
        if self._is_settled:
            return
        rows = self.index.settle()
        if rows is not None:
            row = writer_row_of(self.index, rows.rev, rows.clock_us)
            timing = self.writer.commit(StoreBatch(rows.tables, (), row))
            self._stored(self._taken(None, rows.rev, 0.0), timing, is_ahead=False)
        self._is_settled = True

    def close(self) -> None:
        """Wait for the commit under way, whatever becomes of it."""
        self.committer.shutdown()

    def _commit_beside(self, stored: StoreBatch) -> tuple[CommitTiming, CheckpointResult | None]:
        """Commit, and checkpoint if it is due, while the index takes the next batch."""
        return self.writer.commit(stored), self.writer.checkpoint_if_due()

    def _observations_of(self, wanted: pa.RecordBatch) -> pa.Table:
        # They lie in the store, which must hold the batch before. The index is being changed, so all that
        # follows a commit waits.
        if self._commit is not None:
            self._commit.result()
        return self.writer.observations_of(wanted)

    def _taken(self, batch: DecodedBatch | None, rev: int, seconds: float) -> _Applied:
        return _Applied(batch, rev, seconds, self.counters.count(self.index))

    def _stored(self, applied: _Applied, timing: CommitTiming, *, is_ahead: bool) -> None:
        self.stored_rev = applied.rev
        self.counters.stored(applied.counted)
        self.alerts.stored()
        batch = applied.batch
        if batch is None:
            return
        self.on_stored(batch.positions)
        self.report.stored(
            batch.events,
            StoredBatch(
                timing,
                now_us=self.now_us(),
                size_bytes=batch.size_bytes,
                decode_seconds=batch.decode_seconds,
                apply_seconds=applied.apply_seconds,
                is_catching_up=batch.is_catching_up,
            ),
        )
        self.after_commit(batch.is_catching_up, is_ahead)
