"""The snapshot beside the database: written between batches, read at a start, never trusted.

The tables are the truth. A snapshot counts only if it is whole, was made for this database and list, and if
the tables hold its word: that is stored once the file is on the disk, so tables that hold it have seen all
that is in the file, and those of a restored backup have not.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from linktide.index import SnapshotHead, SnapshotRefusedError, read_snapshot
from linktide.store.lasting import sync
from linktide.store.rebuild import read_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from linktide._core import Snapshot as SnapshotCore
    from linktide.index import LinkIndex
    from linktide.metrics.values import Metrics
    from linktide.store.database import Database, Pins
    from linktide.store.writer import StoreWriter

_LOG = logging.getLogger("linktide")

SLICE_SECONDS: Final = 0.05
"""Longest time that a snapshot takes between two batches."""

Facts = tuple[tuple[str, str], ...]


def snapshot_path(database: Path) -> Path:
    """Return where the snapshot of a database lies."""
    return database.with_name(database.name + ".snapshot")


def facts_of(pins: Pins) -> Facts:
    """Return what a snapshot must have been made for to be read under these pins."""
    # The version of a list is what its text says of itself: two texts may say the same.
    list_hash = hashlib.sha256(pins.psl_text.encode("utf-8", "replace")).hexdigest()
    return (
        ("database", pins.database_id),
        ("URL policy", pins.url_policy_version),
        ("public suffix list", f"{pins.psl_version} {list_hash}"),
    )


@dataclass(frozen=True, slots=True)
class KeptSnapshot:
    """The snapshot a start may begin with."""

    path: Path
    facts: Facts

    @property
    def source(self) -> tuple[Path, Facts]:
        """What the core is told."""
        return self.path, self.facts

    def head(self, database: Database) -> SnapshotHead:
        """Return what it says of itself, if these tables have seen all that is in it.

        Raises SnapshotRefusedError or OSError.
        """
        head = read_snapshot(self.path, self.facts)
        rev = read_writer(database).rev
        if head.end_rev > rev:
            raise SnapshotRefusedError(f"it knows batch {head.end_rev}, the tables end at {rev}")
        if head.token not in database.snapshot_tokens():
            raise SnapshotRefusedError("the tables have not seen it: they were restored or changed since")
        return head


@dataclass(frozen=True, slots=True)
class _Run:
    """A snapshot under way."""

    core: SnapshotCore
    token: str
    rev: int
    taken_at_us: int
    began_at: float


class Snapshots:
    """When snapshots are written, and what is told of them. The work thread calls it, any thread `told`."""

    def __init__(
        self,
        database: Path,
        every_seconds: float,
        metrics: Metrics,
        *,
        now_us: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        """Write one every `every_seconds` if something changed, and at a clean stop; 0: none at all."""
        self.path = snapshot_path(database)
        self._every_seconds = every_seconds
        self._metrics = metrics
        self._now_us = now_us
        self._monotonic = monotonic
        self._run: _Run | None = None
        self._looked_at = monotonic()
        self._saved_rev: int | None = None
        """The revision at which the snapshot that lies there was begun; None if it is unknown."""
        self._longest_slice_seconds = 0.0
        self._restored_from: str | None = None
        for kind in ("snapshot", "tables"):
            metrics.add("linktide_index_restores_total", 0, kind)
        for outcome in ("written", "failed"):
            metrics.add("linktide_index_snapshots_total", 0, outcome)

    @property
    def is_under_way(self) -> bool:
        """Whether one is being written."""
        return self._run is not None

    @property
    def is_on(self) -> bool:
        """Whether snapshots are written and read at all."""
        return self._every_seconds > 0

    @property
    def is_due(self) -> bool:
        """Whether `step` has anything to do."""
        is_time = self._monotonic() - self._looked_at >= self._every_seconds
        return self.is_on and (self.is_under_way or is_time)

    def void_floor(self) -> int:
        """Return the revision up to which no start needs the void rows of the tables.

        A start takes the rows since the snapshot that lies there; of one that is not known it may be any.
        """
        if self._saved_rev is not None:
            return self._saved_rev
        return 0 if self.path.exists() else (1 << 63) - 1

    def kept(self, database: Database) -> KeptSnapshot | None:
        """Return what a start may begin with; None if snapshots are off."""
        return KeptSnapshot(self.path, facts_of(database.pins)) if self.is_on else None

    def opened(self, database: Database, index: LinkIndex, seconds: float) -> None:
        """Hear how the index was restored, and how long that took."""
        self._restored_from = "snapshot" if index.is_from_snapshot else "tables"
        self._metrics.add("linktide_index_restores_total", 1, self._restored_from)
        self._metrics.set("linktide_index_restore_seconds", seconds)
        self._looked_at = self._monotonic()
        self._saved_rev = None
        if index.is_from_snapshot:
            with suppress(SnapshotRefusedError, OSError):
                head = read_snapshot(self.path, facts_of(database.pins))
                self._saved_rev = head.base_rev
                self._tell(head.taken_at_us, head.size_bytes)

    def step(self, writer: StoreWriter, index: LinkIndex) -> None:
        """Begin one if it is time, or go on with the one under way; called between two batches.

        Takes SLICE_SECONDS, but for the small transaction at its end. A disk that is full, or fails, is told
        and counted; the snapshot before stays. Raises what `StoreWriter.note_snapshot` does.
        """
        if not self.is_due:
            return
        if self._run is None:
            self._looked_at = self._monotonic()
            self._begin(writer.database, index)
        self._advance(writer, lambda core: index.step_snapshot(core, SLICE_SECONDS), is_slice=True)

    def finish(self, writer: StoreWriter, index: LinkIndex) -> None:
        """Write all of one before the store closes, unless the one that lies there is of this very state."""
        if not self.is_on:
            return
        if self._run is None:
            self._begin(writer.database, index)
        self._advance(writer, index.finish_snapshot, is_slice=False)

    def abandon(self) -> None:
        """Leave the one under way, if any: the store is closed without it."""
        self._run = None
        with suppress(OSError):
            self._new_path.unlink(missing_ok=True)

    def told(self) -> Mapping[str, object]:
        """Return what there is to say of the newest one."""
        value = self._metrics.value
        taken_at = value("linktide_index_snapshot_timestamp_seconds")
        return {
            "age_seconds": self._now_us() / 1e6 - taken_at if taken_at else None,
            "bytes": int(value("linktide_index_snapshot_bytes")),
            "write_seconds": value("linktide_index_snapshot_write_seconds"),
            "longest_slice_seconds": value("linktide_index_snapshot_slice_seconds"),
            "written": int(value("linktide_index_snapshots_total", "written")),
            "failed": int(value("linktide_index_snapshots_total", "failed")),
            "restored_from": self._restored_from,
            "restore_seconds": value("linktide_index_restore_seconds"),
        }

    @property
    def _new_path(self) -> Path:
        return self.path.with_name(self.path.name + ".new")

    def _begin(self, database: Database, index: LinkIndex) -> None:
        rev = read_writer(database).rev
        if rev == self._saved_rev:
            return
        token, taken_at_us = uuid.uuid4().hex, self._now_us()
        self._longest_slice_seconds = 0.0
        try:
            core = index.begin_snapshot(self._new_path, facts_of(database.pins), token, taken_at_us)
        except OSError as error:
            self._failed(error)
            return
        self._run = _Run(core, token, rev, taken_at_us, self._monotonic())

    def _advance(
        self, writer: StoreWriter, save: Callable[[SnapshotCore], int | None], *, is_slice: bool
    ) -> None:
        run = self._run
        if run is None:
            return
        began_at = self._monotonic()
        try:
            size_bytes = save(run.core)
            if is_slice:
                slice_seconds = self._monotonic() - began_at
                self._longest_slice_seconds = max(self._longest_slice_seconds, slice_seconds)
            if size_bytes is not None:
                writer.note_snapshot(run.token)
                self._put_in_place()
                self._done(run, size_bytes)
        except OSError as error:
            self._failed(error)
        except SnapshotRefusedError:
            # Seeds with other names came: the next one begins with them at once.
            self.abandon()
            self._looked_at = self._monotonic() - self._every_seconds

    def _put_in_place(self) -> None:
        self._new_path.replace(self.path)
        sync(self.path.parent)

    def _done(self, run: _Run, size_bytes: int) -> None:
        self._run, self._saved_rev = None, run.rev
        self._metrics.add("linktide_index_snapshots_total", 1, "written")
        self._metrics.set("linktide_index_snapshot_write_seconds", self._monotonic() - run.began_at)
        self._metrics.set("linktide_index_snapshot_slice_seconds", self._longest_slice_seconds)
        self._tell(run.taken_at_us, size_bytes)

    def _tell(self, taken_at_us: int, size_bytes: int) -> None:
        self._metrics.set("linktide_index_snapshot_timestamp_seconds", taken_at_us / 1e6)
        self._metrics.set("linktide_index_snapshot_bytes", size_bytes)

    def _failed(self, error: OSError) -> None:
        self.abandon()
        self._metrics.add("linktide_index_snapshots_total", 1, "failed")
        _LOG.warning(
            "The snapshot %s could not be written: %s. The one before stays; the next is tried in %g s. "
            "A start takes longer without one, nothing is lost.",
            self.path,
            error,
            self._every_seconds,
        )
