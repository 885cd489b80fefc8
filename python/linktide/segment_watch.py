"""Reads the segments once after a start, slowly, and tells of those that are not as the manifest says.

A start looks at names and sizes alone; reading all would keep it waiting. Damage does not stop the writer:
what a segment holds is read for late events and questions about the past only.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import duckdb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from linktide.metrics.values import Metrics
    from linktide.store.database import Database

_LOG = logging.getLogger("linktide")
_BLOCK_BYTES: Final = 1 << 20
_BYTES_PER_SECOND: Final = 32 << 20
"""Bound of the reading: a disk that serves the writer and queries must not notice."""
_NICENESS: Final = 10
_MANIFEST: Final = "SELECT file_name, checksum FROM internal.segments ORDER BY file_name"


class SegmentWatch:
    """Checks each segment once in the life of the process; safe for any thread to ask."""

    def __init__(self, metrics: Metrics, bytes_per_second: float = _BYTES_PER_SECOND) -> None:
        self._metrics = metrics
        self._bytes_per_second = bytes_per_second
        self._sound: set[tuple[str, str]] = set()
        self._damaged: set[tuple[str, str]] = set()
        self._named: list[tuple[str, str]] = []
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None
        metrics.set("linktide_store_damaged_segments", 0.0)

    def told(self) -> Mapping[str, object]:
        """Return what `linktide status` says: segments named at the start, read whole, damaged."""
        damaged = sorted(name for name, checksum in self._named if (name, checksum) in self._damaged)
        sound = sum(one in self._sound for one in self._named)
        return {"named": len(self._named), "checked": sound + len(damaged), "damaged": damaged}

    def begin(self, database: Database) -> None:
        """Check what the manifest names now, on a thread of its own, until `end`."""
        self._named = database.connection.execute(_MANIFEST).fetchall()
        self._metrics.set("linktide_store_damaged_segments", len(self._damaged.intersection(self._named)))
        self._is_over.clear()
        self._thread = threading.Thread(
            target=self._check, args=(database, self._named), name="linktide-segment-check", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Leave it where it is, before the database is closed; idempotent."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None

    def _check(self, database: Database, rows: list[tuple[str, str]]) -> None:
        with suppress(OSError):
            # Linux takes the id of a thread here: the others keep their priority.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        for name, wanted in rows:
            if (name, wanted) in self._sound | self._damaged:
                continue
            path = database.parts.segment_folder / name
            try:
                found = self._checksum(path)
                trouble = None if found == wanted else "its checksum is not that of the manifest"
            except OSError as error:
                found, trouble = "", f"it cannot be read ({error})"
            if self._is_over.is_set():
                return
            if trouble is None:
                self._sound.add((name, wanted))
            elif _is_named(database, name, wanted):
                self._damaged.add((name, wanted))
                self._tell(path, trouble)

    def _tell(self, path: Path, trouble: str) -> None:
        self._metrics.set("linktide_store_damaged_segments", len(self._damaged.intersection(self._named)))
        _LOG.error(
            "The segment %s is damaged: %s. The service goes on; questions that read it may fail. Stop it "
            "and put the file back from a backup of %s; without one, `linktide forget --segment %s` gives up "
            "its raw events and keeps the state they led to.",
            path,
            trouble,
            path.parent,
            path.name,
        )

    def _checksum(self, path: Path) -> str:
        """Return the checksum as `segment_files.checksum` does, slowly; of a part only once it is over."""
        digest = hashlib.blake2b(digest_size=32)
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
                if self._is_over.wait(len(block) / self._bytes_per_second):
                    break
        return digest.hexdigest()


def _is_named(database: Database, name: str, checksum: str) -> bool:
    """Tell whether the manifest still has the file so: it may have been rewritten or given up meanwhile."""
    cursor = database.cursor()
    try:
        return (name, checksum) in cursor.execute(_MANIFEST).fetchall()
    except duckdb.Error:
        return False
    finally:
        database.release(cursor)
