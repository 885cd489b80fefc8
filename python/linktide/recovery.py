"""What the recovery commands do: back up, restore, rebuild, replay and migrate a database."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb

from linktide.configured import decoder_of, kafka_ranges, open_database, opened_database, refuse_missing
from linktide.errands import Workplace
from linktide.errors import ConfigError, RetryError, StopError
from linktide.fill import RangeReader, TopicsFilled, fill
from linktide.replay import Replayed, Wanted, replay
from linktide.restore import index_options, restore_index
from linktide.store.copying import (
    FileCopy,
    Holder,
    copy_beside,
    copy_folder,
    copy_sound,
    target_of,
    told_failure,
)
from linktide.store.database import check_unlocked, wal_path
from linktide.store.failure import open_failure
from linktide.store.lasting import sync
from linktide.store.migrate import migrations, refuse_newer, stored_version
from linktide.store.parts import segment_folder
from linktide.store.verify import Contents, checkpoint_copy, contents, read_whole
from linktide.store.writer import StoreWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from linktide.config import Config
    from linktide.store.database import Database


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that was read from its first block to its last."""

    path: str
    bytes: int
    still_seconds: float
    """How long the writer stood still for it."""
    contents: Contents


def back_up(config: Config, wanted: Path, holder: Holder | None, *, is_forced: bool) -> BackedUp:
    """Copy the database, check the copy, give it its name.

    With a holder the service goes on meanwhile. Raises ConfigError (where it is to go), DiskFullError,
    DatabaseDamagedError (the copy, and so most likely the database, cannot be read), RetryError.
    """
    source = config.database
    refuse_missing(config)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = target_of(source, wanted, stamp, is_forced=is_forced)
    copy = FileCopy(source, target)
    copy.drop()
    try:
        still = _copy_stopped(source, copy) if holder is None else copy_beside(holder, copy)
        checkpoint_copy(copy.part, f"{config.memory_limit}B")
        found = read_whole(copy.part, f"{config.memory_limit}B")
        if found.differences:
            raise StopError(f"The copy of {source} does not agree with itself: {found.differences[0]}.")
        copy_folder(segment_folder(source), segment_folder(target))
        copy.finish()
    except OSError as error:
        raise told_failure(error, f"the backup {target}") from error
    finally:
        copy.drop()
    return BackedUp(str(target), target.stat().st_size, still, found)


def _copy_stopped(source: Path, copy: FileCopy) -> float:
    check_unlocked(source)
    before = copy.stamp()
    copy.copy_file()
    copy.copy_rest()
    check_unlocked(source)
    if copy.stamp() != before:
        raise RetryError(f"{source} changed while it was copied; try again.")
    return 0.0


@dataclass(frozen=True, slots=True)
class PutBack:
    """What a restore did."""

    database: str
    kept: tuple[str, ...]
    """Where what lay in its place lies now."""
    contents: Contents


def put_back(config: Config, backup: Path, *, is_forced: bool) -> PutBack:
    """Put a backup in the place of the database; what is there is moved aside, never deleted.

    A WAL of another database beside a file would be played into it, so it goes with the old file. Raises
    ConfigError if there is something and it is not forced, DatabaseLockedError while a process holds it.
    """
    database = config.database
    if backup.resolve() == database.resolve():
        raise ConfigError(f"{backup} is the database itself; name a backup.")
    there = [path for path in (wal_path(database), database) if path.exists()]
    if there and not is_forced:
        raise ConfigError(
            f"{there[-1]} exists; move it aside and restore by --force, or name another --database."
        )
    check_unlocked(database)
    found = read_whole(backup, f"{config.memory_limit}B")
    if found.differences:
        raise StopError(f"The backup {backup} does not agree with itself: {found.differences[0]}.")
    arriving = database.with_name(f"{database.name}.restoring")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = []
    try:
        for path in (arriving, wal_path(arriving)):
            path.unlink(missing_ok=True)
        copy_sound(backup, arriving)
        if wal_path(backup).exists():
            copy_sound(wal_path(backup), wal_path(arriving))
            checkpoint_copy(arriving, f"{config.memory_limit}B")
        # The WAL first: a file without its WAL is an older state, a WAL with another file is damage.
        for path in (*there, *(folder for folder in (segment_folder(database),) if folder.exists())):
            aside = path.with_name(f"{path.name}.replaced-{stamp}")
            path.rename(aside)
            kept.append(str(aside))
        copy_folder(segment_folder(backup), segment_folder(database))
        arriving.replace(database)
        sync(database.parent)
    except OSError as error:
        raise told_failure(error, f"the backup {backup}") from error
    return PutBack(str(database), tuple(kept), found)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the tables and the index built from them say."""

    contents: Contents
    known_links: int
    live_links: int
    domains: int
    differences: tuple[str, ...]


def rebuild(config: Config) -> Rebuilt:
    """Read a stopped database from end to end, build the index from its tables and compare the two."""
    with _opened(config) as database:
        try:
            found = contents(database.connection, stored_version(database.connection, database.path))
        except duckdb.Error as error:
            raise open_failure(error, database.path) from error
        index = restore_index(database, index_options(config, database.pins.hash_seed))
    numbers = index.numbers()
    known, live = int(numbers["known_links"]), int(numbers["live_links"])
    differences = list(found.differences)
    if known != found.links:
        differences.append(f"{known} links in the index, {found.links} in the tables")
    if live != found.live_links:
        differences.append(f"{live} live links in the index, {found.live_links} in the tables")
    return Rebuilt(found, known, live, int(numbers["domains"]), tuple(differences))


def replay_stopped(config: Config, wanted: Wanted) -> Replayed:
    """Replay dead letters in a database on which no service runs."""
    with _workplace(config) as place:
        return replay(lambda run: run(place), wanted)


def fill_stopped(config: Config, topics: Sequence[str], reader: RangeReader | None = None) -> TopicsFilled:
    """Fill what is absent of topics in a database on which no service runs; `reader` replaces Kafka.

    Raises what `fill` does, and ConfigError if no broker is named.
    """
    ranges = reader or kafka_ranges(config, topics, lambda: False)
    with _workplace(config) as place:
        return fill(lambda run: run(place), ranges, topics)


@contextmanager
def _workplace(config: Config) -> Iterator[Workplace]:
    with _opened(config) as database:
        yield Workplace(
            database,
            StoreWriter(database, now=lambda: datetime.now(UTC)),
            restore_index(database, index_options(config, database.pins.hash_seed)),
            decoder_of(config, database.pins),
        )


@dataclass(frozen=True, slots=True)
class Migrated:
    """Which steps of the schema a database lacked."""

    version_before: int
    version: int
    steps: tuple[str, ...]


def migrate_stopped(config: Config, *, is_dry_run: bool) -> Migrated:
    """Bring the schema up to what this linktide knows, or tell what that would take.

    Raises SchemaTooNewError for a file of a newer linktide, and what opening raises.
    """
    path = config.database
    refuse_missing(config)
    check_unlocked(path)
    before = _version_of(path)
    refuse_newer(before, migrations()[-1].version, path)
    steps = tuple(f"{one.version:04d}_{one.name}" for one in migrations() if one.version > before)
    if not is_dry_run:
        # Opening migrates, each step in a transaction of its own; a newer schema is refused.
        open_database(config).close()
    return Migrated(before, migrations()[-1].version, steps)


def _version_of(path: Path) -> int:
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            return stored_version(connection, path)
    except duckdb.Error as error:
        raise open_failure(error, path) from error


@contextmanager
def _opened(config: Config) -> Iterator[Database]:
    # A WAL without its file is damage, which opening names.
    if not wal_path(config.database).exists():
        refuse_missing(config)
    with opened_database(config) as database:
        yield database


def told(outcome: BackedUp | PutBack | Rebuilt | Replayed | Migrated) -> Mapping[str, object]:
    """Return an outcome as JSON values."""
    return asdict(outcome)
