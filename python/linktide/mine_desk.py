"""What the user tells of himself while the service runs: files, read beside the writer, taken by it.

A file is read again when it changes, at most a few seconds later, and at SIGHUP. One that cannot be taken
leaves what was taken of it before in force.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from linktide.file_stamp import file_stamp
from linktide.mine.files import KINDS, MineFile, Reading, read_file
from linktide.mine.keys import UrlKeys
from linktide.store.mine_rows import MineRows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from linktide.config import Config
    from linktide.metrics.values import Metrics
    from linktide.store.database import Database
    from linktide.store.mine_rows import FileKey
    from linktide.store.writer import StoreWriter

LOOK_SECONDS: Final = 5.0
_ROWS: Final = "linktide_mine_rows"
_REFUSED_ROWS: Final = "linktide_mine_refused_rows"
_IS_REFUSED: Final = "linktide_mine_files_refused"

_LOG = logging.getLogger("linktide")


def named_files(config: Config) -> dict[tuple[str, str], Path]:
    """Return the files of the section `mine`: (kind, name) → path."""
    named = {
        "pages": config.mine_pages,
        "blocklist": config.mine_blocklists,
        "terms": (config.mine_terms,),
        "placements": (config.mine_placements,),
        "campaigns": (config.mine_campaigns,),
        "markers": (config.mine_markers,),
        "source_rules": (config.mine_source_rules,),
    }
    return {(kind, str(path)): path for kind in KINDS for path in named[kind] if path is not None}


def domains_of(config: Config) -> dict[str, str]:
    """Return the tracked domains and rivals: domain → role."""
    return dict.fromkeys(config.tracked_domains, "own") | dict.fromkeys(config.rivals, "rival")


class MineDesk:
    """Reads on a thread of its own, and as the store opens; writes on the work thread."""

    def __init__(self, config: Config, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._keys: UrlKeys | None = None
        self._seen: dict[tuple[str, str], object] = {}
        """Stamps of the files as they were last read."""
        self._read: dict[tuple[str, str], MineFile] = {}
        """What was read and is not taken yet."""
        self._is_new = True
        """Whether the session has not had its first turn, or the settings are others."""

    @contextmanager
    def watching(self, *, is_on: bool) -> Iterator[None]:
        """Look at the files now and then while the block lasts."""
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.is_set():
                self._wake.wait(LOOK_SECONDS)
                self._wake.clear()
                self.look()

        thread = threading.Thread(target=watch, name="linktide-mine")
        if is_on:
            thread.start()
        try:
            yield
        finally:
            is_over.set()
            self._wake.set()
            if is_on:
                thread.join()

    # --- any thread ----------------------------------------------------------------------------------------

    def take(self, config: Config) -> None:
        """Hear other settings, as at SIGHUP: every file is read again, and domains are whose they say."""
        with self._lock:
            self._config = config
            self._seen.clear()
            self._read.clear()
            self._is_new = True
        self._wake.set()

    def look(self) -> None:
        """Read the files that are others than last time; nothing while no database is open."""
        with self._lock:
            keys, config = self._keys, self._config
            seen = dict(self._seen)
        if keys is None:
            return
        own = config.tracked_domains
        for key, path in named_files(config).items():
            stamp = file_stamp(path)
            if key in seen and seen[key] == stamp:
                continue
            found = read_file(key[0], path, Reading(keys, own))
            with self._lock:
                if self._keys is keys and self._config is config:
                    self._seen[key] = stamp
                    self._read[key] = found

    @property
    def is_due(self) -> bool:
        """Whether `step` has something to do."""
        return self._is_new or bool(self._read)

    # --- the work thread -----------------------------------------------------------------------------------

    def opened(self, writer: StoreWriter) -> None:
        """Hear that the store is open: every file is read and taken before the first batch.

        Raises what a transaction does, and nothing for what is in the files.
        """
        pins = writer.database.pins
        with self._lock:
            # Whatever was read for the session before was read by its keys.
            self._keys = UrlKeys(pins.psl_text, pins.psl_version, pins.hash_seed)
            self._seen.clear()
            self._read.clear()
            self._is_new = True
        self.look()
        self.step(writer)

    def step(self, writer: StoreWriter) -> None:
        """Bring what was read into force, in one transaction. Raises what a transaction does."""
        if not self.is_due:
            return
        with self._lock:
            config, is_new = self._config, self._is_new
            named = named_files(config)
            read = {key: one for key, one in self._read.items() if key in named}
            self._read, self._is_new = {}, False
        rows = MineRows(writer)
        known, refused = rows.known(), rows.refused()
        in_force = {key for key, content_hash in known.items() if content_hash is not None}
        in_force |= {key for key, one in read.items() if one.refused_because is None}
        gone = _replaced(known, named, in_force)
        taken = {
            key: one
            for key, one in read.items()
            if (one.refused_because is None and (known.get(key) != one.content_hash or key in refused))
            or (one.refused_because is not None and refused.get(key) != one.refused_because)
        }
        if is_new or gone or taken:
            self._store(writer, rows, domains_of(config) if is_new else None, gone, taken)
        self._tell(writer.database, taken)

    @staticmethod
    def _store(
        writer: StoreWriter,
        rows: MineRows,
        domains: Mapping[str, str] | None,
        gone: list[tuple[str, str]],
        taken: Mapping[tuple[str, str], MineFile],
    ) -> None:
        with writer.transaction("take the files of the section mine"):
            if domains is not None:
                rows.put_domains(domains)
            for key in gone:
                rows.drop(key)
            for key, one in taken.items():
                if one.refused_because is not None:
                    rows.refuse(key, one.refused_because)
                    continue
                told = [(cell.line, cell.column, cell.value, cell.reason) for cell in one.refusals]
                content = one.rules if one.rows is None else one.rows
                rows.put(key, one.content_hash, content, told, one.refused_rows)
            writer.at("mine")

    def _tell(self, database: Database, taken: Mapping[tuple[str, str], MineFile]) -> None:
        for one in taken.values():
            if one.refused_because is not None:
                _LOG.error("%s What was taken of it before stays in force.", one.refused_because)
            elif one.refused_rows:
                first = one.refusals[0].sentence()
                rows_are = "1 row is" if one.refused_rows == 1 else f"{one.refused_rows:,} rows are"
                _LOG.warning("%s: %s left out, the first: %s.", one.name, rows_are, first)
            else:
                _LOG.info("Took %s (%s).", one.name, one.kind)
        query = (
            "SELECT file_kind, sum(row_count), sum(refused_rows), count(refused_at) "
            "FROM internal.mine_files GROUP BY file_kind"
        )
        told = {kind: rest for kind, *rest in database.connection.execute(query).fetchall()}
        for kind in KINDS:
            rows, refused_rows, refused_files = told.get(kind, (0, 0, 0))
            self._metrics.set(_ROWS, float(rows), kind)
            self._metrics.set(_REFUSED_ROWS, float(refused_rows), kind)
            self._metrics.set(_IS_REFUSED, float(refused_files), kind)


def _replaced(
    known: Mapping[FileKey, str | None], named: Iterable[FileKey], in_force: set[FileKey]
) -> list[FileKey]:
    """Return the files named no more whose rows may go.

    What they said holds until every file that is named of their kind can be taken, for one of these may stand
    in their place: between two files of placements none would be agreed on, between two blocklists nobody
    would be blocked.
    """
    awaited = {key[0] for key in named if key not in in_force}
    gone = known.keys() - set(named)
    return sorted(key for key in gone if key[0] not in awaited or known[key] is None)
