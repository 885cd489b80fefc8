"""Runs the whole pipeline on a fresh database and reads it back with the oracle."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from new_file import begin_file

from linktide import configured, normalize_urls, service
from linktide.config import load
from linktide.index import Decoder
from linktide.restore import index_options, restore_index
from linktide.snapshot import KeptSnapshot, facts_of, snapshot_path
from linktide.sources.memory import MemorySource, chunk_lines
from linktide.sources.source import Partition
from linktide.store.database import Database, PinVersions, StoreSettings
from oracle.compare import query_of
from oracle.corpora import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from linktide.index import IndexOptions, LinkIndex
    from linktide.sources.source import Chunk, Source
    from oracle.compare import Query

NOW_US = 1_900_000_000_000_000
"""Record time of all memory chunks: later than every event of the test data."""
TESTS = Path(__file__).parents[1]
LINKS = Partition("memory", "links", "", 0)
REASONS = {
    "SCHEME": "URL_SCHEME",
    "RELATIVE": "RELATIVE_URL",
    "HOST": "URL_HOST",
    "TOO_LONG": "URL_TOO_LONG",
    "BAD_UTF8": "URL_INVALID",
    "INVALID": "URL_INVALID",
}
"""Dead-letter reason of a normaliser's reason."""


@dataclass(frozen=True)
class Opened:
    """A stopped database, opened to look at."""

    query: Query
    index: LinkIndex
    """Restored from the tables."""


def run(
    path: Path,
    sources: Sequence[Source],
    at: Callable[[str, LinkIndex], None] | None = None,
    max_batch_bytes: int = 96 << 20,
    **settings: Any,  # noqa: ANN401 - as `load` takes them
) -> LinkIndex:
    """Run a service on these sources until they are exhausted; return its index as it left it.

    `at` is called at the fail points of the store with the index in force; `max_batch_bytes` is the
    decoder's.
    """
    flags = {"database": path, "batch_max_seconds": 0.2, **settings}
    if "batch_max_events" in settings:
        # Small batches stay small although everything waits in memory, which is a backlog.
        flags.setdefault("catch_up_max_events", settings["batch_max_events"])
    config = load(flags=flags, environ={}, folder=path.parent)
    if config.public_suffix_list is None:
        begin_file(path)
    kept: list[LinkIndex] = []

    def keep(database: Database, options: IndexOptions, snapshot: KeptSnapshot | None = None) -> LinkIndex:
        kept.append(restore_index(database, options, snapshot))
        return kept[-1]

    decoder = partial(Decoder, max_batch_bytes=max_batch_bytes)
    with patch.object(service, "restore_index", keep), patch.object(configured, "Decoder", decoder):
        service.Service(
            config,
            sources=sources,
            stop_when_exhausted=True,
            has_http=False,
            at_fail_point=None if at is None else lambda point: at(point, kept[-1]),
        ).run()
    return kept[-1]


def memory(
    lines: Sequence[bytes], *, lines_per_chunk: int = 5000, partition: Partition = LINKS
) -> MemorySource:
    """Return a source of these lines."""
    chunks = chunk_lines(partition, lines, lines_per_chunk=lines_per_chunk, received_at_us=NOW_US)
    return MemorySource(chunks)


def memory_of(chunks: Sequence[Chunk]) -> MemorySource:
    """Return a source of these chunks, one a poll."""
    return MemorySource(chunks)


def none_new() -> PinVersions:
    """Be what is asked when a file is not there yet."""
    raise FileNotFoundError


def restored_twice(path: Path, **settings: Any) -> tuple[LinkIndex, LinkIndex]:  # noqa: ANN401 - as above
    """Restore the index of a stopped database from its tables, and as a start does, with its snapshot."""
    database = Database.open(StoreSettings(path), none_new, datetime.now(UTC))
    try:
        config = load(flags={"database": path, **settings}, environ={}, folder=path.parent)
        options = index_options(config, database.pins.hash_seed)
        kept = KeptSnapshot(snapshot_path(path), facts_of(database.pins))
        return restore_index(database, options), restore_index(database, options, kept)
    finally:
        database.close()


@contextmanager
def opened(path: Path, **settings: Any) -> Iterator[Opened]:  # noqa: ANN401 - as above
    """Open a stopped database and restore the index from it."""
    database = Database.open(StoreSettings(path), none_new, datetime.now(UTC))
    try:
        config = load(flags={"database": path, **settings}, environ={}, folder=path.parent)
        index = restore_index(database, index_options(config, database.pins.hash_seed))
        yield Opened(query_of(database.connection), index)
    finally:
        database.close()


def identify(pairs: Sequence[tuple[str, str]]) -> list[Identity | str]:
    """Give raw URL pairs the identity that the product gives them; a reason where it refuses."""
    bases = [source for source, _ in pairs]
    sources = normalize_urls(bases).to_pylist()
    targets = normalize_urls([target for _, target in pairs], bases).to_pylist()
    return [
        _identity(target_url, source, target)
        for (_, target_url), source, target in zip(pairs, sources, targets, strict=True)
    ]


def _identity(target_url: str, source: dict[str, Any], target: dict[str, Any]) -> Identity | str:
    if not target_url.strip():
        return "MISSING_FIELD"
    reason = source["reason"] or target["reason"]
    if reason:
        return REASONS[reason]
    return Identity(source["url"], target["url"], source["domain"], target["domain"])
