"""The only writer: one batch is one transaction, with the offsets as its fence."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from linktide.errors import FenceError, LinktideError
from linktide.store.arrow_view import ARROW_VIEW
from linktide.store.failure import write_failure
from linktide.store.gaps import note_jumps, store_filled
from linktide.store.rebuild import observations_of, read_offsets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from linktide.sources.source import Partition
    from linktide.store.database import Database
    from linktide.store.gaps import Filled, Jump
    from linktide.store.rebuild import WriterRow

TABLES = (
    "link_events",
    "page_snapshots",
    "page_sets",
    "target_status",
    "referrals",
    "links",
    "link_changes",
    "life_changes",
    "attribute_changes",
    "velocity_delta",
    "domain_keys",
    "domain_names",
    "domain_scores",
    "page_scores",
    "topic_scores",
    "authority_contributions",
    "dead_letters",
)
"""The tables of a batch, in the order in which they are written."""

FAIL_POINTS = ("begin", "fenced", "written", "advanced", "committed", "checkpoint", "checkpointed")
"""The names at which `at` of a StoreWriter is called."""

REWRITE_POINTS = ("begin", "keyed", "restored", "rewritten", "committed")
"""The names at which it is called while hosts are given other domains."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ADVANCES = pa.schema(
    [
        ("source_id", pa.uint32()),
        ("cluster", pa.string()),
        ("topic", pa.string()),
        ("topic_id", pa.string()),
        ("part", pa.uint32()),
        ("next_offset", pa.uint64()),
        ("leader_epoch", pa.int32()),
        ("events", pa.uint64()),
        ("dead_letters", pa.uint64()),
        ("last_record_at", pa.timestamp("us", tz="UTC")),
        ("updated_at", pa.timestamp("us", tz="UTC")),
    ]
)
_INSERT = f'INSERT INTO internal."{{table}}" BY NAME SELECT * FROM {ARROW_VIEW}'  # noqa: S608
_UPSERT_OFFSETS = f"""
INSERT INTO internal.source_offsets BY NAME SELECT * FROM {ARROW_VIEW}
ON CONFLICT (source_id) DO UPDATE SET
    next_offset = excluded.next_offset, leader_epoch = excluded.leader_epoch,
    events = events + excluded.events, dead_letters = dead_letters + excluded.dead_letters,
    last_record_at = greatest(last_record_at, excluded.last_record_at), updated_at = excluded.updated_at
"""  # noqa: S608
_MARK_REPLAYED = f"""
UPDATE internal.dead_letters d SET replayed_rev = ?, replayed_at = ?
FROM {ARROW_VIEW} b WHERE d.source_id = b.source_id AND d.off = b.off AND d.replayed_rev IS NULL
"""  # noqa: S608
_COUNT_REPLAYED = f"""
UPDATE internal.source_offsets o SET events = events + b.letters, dead_letters = dead_letters - b.letters
FROM (SELECT source_id, count(*) AS letters FROM {ARROW_VIEW} GROUP BY source_id) b
WHERE o.source_id = b.source_id
"""  # noqa: S608
_UPDATE_WRITER = """
UPDATE internal.writer SET rev = ?, clock = ?, committed_at = ?, live_links = ?,
    authority_error_bound = ?, is_authority_shown = ?, trust_scale = ?, topics = ?
"""


@dataclass(frozen=True, slots=True)
class Advance:
    """How far one batch moves one partition."""

    partition: Partition
    source_id: int
    """From `StoreWriter.source_id_of`."""
    expected_offset: int | None
    """The stored next_offset this batch stands on; None for a partition never stored."""
    next_offset: int
    leader_epoch: int = -1
    events: int = 0
    """Accepted in this batch."""
    dead_letters: int = 0
    """Refused in this batch."""
    last_record_at_us: int | None = None
    jumps: Sequence[Jump] = ()
    """Where the batch does not go on where the partition stood."""


@dataclass(frozen=True, slots=True)
class StoreBatch:
    """All that one transaction stores."""

    tables: Mapping[str, Any]
    """Table name → object with `__arrow_c_stream__` or `__arrow_c_array__`; columns are matched by name."""
    advances: Sequence[Advance]
    writer: WriterRow
    replayed: Sequence[tuple[int, int]] = ()
    """(source id, offset) of dead letters that are events of this batch: they are marked, and counted so."""
    filled: Filled | None = None
    """What it stores below where its partition stands."""
    beside: Callable[[duckdb.DuckDBPyConnection, datetime], None] = lambda _connection, _committed_at: None
    """Writes what follows from the rows, once they are in the tables; takes the time of the commit."""


@dataclass(frozen=True, slots=True)
class CommitTiming:
    """What a commit took."""

    committed_at: datetime
    begin_seconds: float
    """Begin and fence."""
    insert_seconds: float
    commit_seconds: float
    rows: Mapping[str, int]
    """Rows written by table."""


@dataclass(frozen=True, slots=True)
class CheckpointRule:
    """When the writer checkpoints: by WAL size, or by age if the WAL holds anything."""

    wal_bytes: int = 64 * 1024 * 1024
    age_seconds: float = 300.0
    held_wal_bytes: int = 2 << 30
    """Above it a checkpoint is due even while one is held: the WAL must not fill the disk."""


@dataclass(slots=True)
class CheckpointHold:
    """While it stands no checkpoint is due, so that the file stays as it is; set by the writer's thread."""

    quiet_until: float = float("-inf")
    """By the monotonic clock: until then nothing that can wait goes past the WAL into the file."""
    is_broken: bool = False
    """True once a checkpoint was made all the same; read by any thread."""


@dataclass(frozen=True, slots=True)
class CheckpointResult:
    """What became of a checkpoint that was due."""

    is_done: bool
    """False: an open transaction stood in the way; the next call tries again."""
    seconds: float
    wal_bytes: int
    """Size of the WAL before it."""


def _nothing(_point: str) -> None:
    """Let the writer go on."""


@dataclass(slots=True)
class StoreWriter:
    """Writes batches; used by one thread.

    After any error but FenceError the database is in an unknown state: close it, open it, make a new
    writer, rebuild the core from the tables.
    """

    database: Database
    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    rule: CheckpointRule = field(default_factory=CheckpointRule)
    at: Callable[[str], None] = _nothing
    """Called at each of FAIL_POINTS; kill tests put their bomb here."""
    hold: CheckpointHold | None = None
    """Holds checkpoints while the file is copied."""
    _source_ids: dict[Partition, int] = field(init=False, default_factory=dict)
    _checkpointed_at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """Read the ids of the known partitions."""
        stored = read_offsets(self.database.connection)
        self._source_ids = {partition: offset.source_id for partition, offset in stored.items()}
        self._checkpointed_at = self.monotonic()

    def source_id_of(self, partition: Partition) -> int:
        """Return the id of a partition; a new one gets the next free id, stored with its first commit."""
        if partition not in self._source_ids:
            self._source_ids[partition] = max(self._source_ids.values(), default=0) + 1
        return self._source_ids[partition]

    def observations_of(self, wanted: pa.RecordBatch) -> pa.Table:
        """Return every stored observation of the links, as `rebuild.observations_of` does."""
        return observations_of(self.database, wanted)

    def commit(self, batch: StoreBatch) -> CommitTiming:
        """Store a batch in one transaction.

        Raises FenceError if a stored offset or the stored rev is not the expected one (nothing is written),
        DiskFullError or StoreFailedError if the transaction failed or its fate is unknown.
        """
        unknown = batch.tables.keys() - set(TABLES)
        if unknown:
            raise ValueError(f"no such tables in a batch: {sorted(unknown)}; known are {TABLES}")
        started = self.monotonic()
        committed_at = self.now()
        with self.transaction(f"commit batch {batch.writer.rev}"):
            self._fence(batch)
            self.at("fenced")
            fenced = self.monotonic()
            rows = self._insert_tables(batch.tables)
            self._mark_replayed(batch, committed_at)
            batch.beside(self.database.connection, committed_at)
            self.at("written")
            self._advance(batch, committed_at)
            self.at("advanced")
            inserted = self.monotonic()
        self.database.parts.count(rows)
        return CommitTiming(
            committed_at, fenced - started, inserted - fenced, self.monotonic() - inserted, rows
        )

    def rewrite(self, change: Callable[[], StoreBatch]) -> None:
        """Change what is stored by `change` and store the batch it returns, all in one transaction.

        For changes of what batches left behind, between two sessions. Raises what `change` raises,
        DiskFullError or StoreFailedError; then nothing of it is stored.
        """
        with self.transaction("rewrite what is stored"):
            batch = change()
            # Rows of old revisions are others now, and a snapshot would not know.
            self.database.forget_snapshots()
            self._insert_tables(batch.tables)
            self._advance(batch, self.now())
            self.at("rewritten")

    def note_snapshot(self, token: str) -> None:
        """Store that a snapshot is whole, before it takes the place of the one before it.

        Raises DiskFullError or StoreFailedError, as a commit does.
        """
        with self.transaction("note a snapshot"):
            self.database.note_snapshot(token)

    @contextmanager
    def transaction(self, doing: str) -> Iterator[None]:
        """Commit what the block does, or nothing of it."""
        connection = self.database.connection
        try:
            self.at("begin")
            connection.execute("BEGIN").fetchall()
            yield
            connection.execute("COMMIT").fetchall()
            self.at("committed")
        except LinktideError:
            self._roll_back()
            raise
        except (duckdb.Error, pa.ArrowException, RuntimeError, OSError) as error:
            self._roll_back()
            raise write_failure(error, self.database.path, doing) from error

    def checkpoint_if_due(self) -> CheckpointResult | None:
        """Checkpoint between two batches if the rule says so; None if it is not due.

        Raises DiskFullError or StoreFailedError; after these the instance is lost, as after a failed commit.
        """
        wal_bytes = self.database.wal_bytes()
        if self.hold is not None and wal_bytes < self.rule.held_wal_bytes:
            return None
        is_old = self.monotonic() - self._checkpointed_at >= self.rule.age_seconds
        if wal_bytes >= self.rule.wal_bytes or (is_old and wal_bytes > 0):
            return self.checkpoint()
        return None

    def checkpoint(self) -> CheckpointResult:
        """Checkpoint now, as `checkpoint_if_due` does when it is due."""
        started = self.monotonic()
        wal_bytes = self.database.wal_bytes()
        self.at("checkpoint")
        if self.hold is not None:
            self.hold.is_broken, self.hold = True, None
        try:
            self.database.checkpoint()
        except duckdb.TransactionException:
            return CheckpointResult(is_done=False, seconds=self.monotonic() - started, wal_bytes=wal_bytes)
        except duckdb.Error as error:
            raise write_failure(error, self.database.path, "checkpoint") from error
        self.at("checkpointed")
        self._checkpointed_at = self.monotonic()
        return CheckpointResult(is_done=True, seconds=self._checkpointed_at - started, wal_bytes=wal_bytes)

    def _fence(self, batch: StoreBatch) -> None:
        stored = read_offsets(self.database.connection)
        for one in batch.advances:
            offset = stored.get(one.partition)
            seen = None if offset is None else offset.next_offset
            if seen != one.expected_offset or (offset is not None and offset.source_id != one.source_id):
                raise FenceError(
                    f"{self.database.path} has next_offset {seen} for {one.partition}, this process left "
                    f"{one.expected_offset}: another writer was here; stop one of the two"
                )
        rev = self.database.connection.execute("SELECT rev FROM internal.writer").fetchall()[0][0]
        if rev + 1 != batch.writer.rev:
            raise FenceError(
                f"{self.database.path} has batch {rev}, this process wants to write {batch.writer.rev}: "
                "another writer was here; stop one of the two"
            )

    def _insert_tables(self, tables: Mapping[str, Any]) -> dict[str, int]:
        rows = {}
        for name in TABLES:
            data = tables.get(name)
            if data is not None and not _is_empty(data):
                rows[name] = self._insert(_INSERT.format(table=self.database.parts.hot(name)), data)
        return rows

    def _insert(self, statement: str, data: object) -> int:
        with self.database.arrow.of(data):
            return int(self.database.connection.execute(statement).fetchall()[0][0])

    def _advance(self, batch: StoreBatch, committed_at: datetime) -> None:
        if batch.advances:
            self._insert(_UPSERT_OFFSETS, _advance_rows(batch.advances, committed_at))
        connection = self.database.connection
        for one in batch.advances:
            note_jumps(connection, one.source_id, one.jumps, batch.writer.rev, committed_at)
        if batch.filled is not None:
            store_filled(connection, batch.filled, committed_at)
        row = batch.writer
        clock = None if row.clock_us is None else _EPOCH + timedelta(microseconds=row.clock_us)
        connection.execute(
            _UPDATE_WRITER,
            [
                row.rev,
                clock,
                committed_at,
                row.live_links,
                row.authority_error_bound,
                row.is_authority_shown,
                row.trust_scale,
                list(row.topics),
            ],
        ).fetchall()

    def _mark_replayed(self, batch: StoreBatch, replayed_at: datetime) -> None:
        if not batch.replayed:
            return
        source_ids, offsets = zip(*batch.replayed, strict=True)
        columns = [pa.array(source_ids, pa.uint32()), pa.array(offsets, pa.uint64())]
        connection = self.database.connection
        with self.database.arrow.of(pa.record_batch(columns, names=["source_id", "off"])):
            connection.execute(_MARK_REPLAYED, [batch.writer.rev, replayed_at]).fetchall()
            connection.execute(_COUNT_REPLAYED).fetchall()

    def _roll_back(self) -> None:
        # An instance that a fatal error has invalidated refuses even this; the first error tells the story.
        with suppress(duckdb.Error):
            self.database.connection.execute("ROLLBACK").fetchall()


def _is_empty(data: object) -> bool:
    # What does not tell its length (a bare Arrow stream) is written, be it empty.
    return getattr(data, "num_rows", None) == 0


def _advance_rows(advances: Iterable[Advance], committed_at: datetime) -> pa.RecordBatch:
    rows = [
        {
            "source_id": one.source_id,
            "cluster": one.partition.cluster,
            "topic": one.partition.topic,
            "topic_id": one.partition.topic_id,
            "part": one.partition.number,
            "next_offset": one.next_offset,
            "leader_epoch": one.leader_epoch,
            "events": one.events,
            "dead_letters": one.dead_letters,
            "last_record_at": one.last_record_at_us,
            "updated_at": committed_at,
        }
        for one in advances
    ]
    return pa.RecordBatch.from_pylist(rows, schema=_ADVANCES)
