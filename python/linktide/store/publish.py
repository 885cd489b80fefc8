"""Publishing: a copy of the database for DuckDB users, one file that is whole by itself, renamed into place.

The copy is made as a backup is, beside the service. Then it becomes a file for people: what only the service
needs, or may know, is taken out, and no view of it names another file.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import duckdb

from linktide.errors import ConfigError, DiskFullError
from linktide.setting import size_text
from linktide.store.copying import FileCopy, copy_beside, told_failure
from linktide.store.database import (
    CLOSED_TO_EXTENSIONS,
    StoreSettings,
    check_wal,
    connect,
    wal_path,
)
from linktide.store.failure import open_failure
from linktide.store.gate import first_line
from linktide.store.parts import LINK_EVENTS, Parts, segment_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linktide.store.copying import Holder

_SECRETS: Final = ("hash_seed",)
"""Settings of the database that a published copy does not tell."""
_WITHHELD: Final = "withheld from snapshot files"
_WORDS: Final = "SELECT name, value FROM internal.settings WHERE list_contains(?, name)"


@dataclass(frozen=True, slots=True)
class Order:
    """What to publish where."""

    source: Path
    target: Path
    memory_limit: str
    min_free_bytes: int
    """Must stay free beside the database."""
    known_inode: int | None = None
    """Of the file that this service published last: that one may be replaced whoever holds it."""


@dataclass(frozen=True, slots=True)
class Published:
    """One publication."""

    bytes: int
    inode: int
    still_seconds: float
    """How long the writer stood still for it."""
    stamp: tuple[tuple[int, int], ...]
    """Of the database as it was published; see `FileCopy.stamp`."""


def published_path(database: Path) -> Path:
    """Return where the snapshot file of a database lies, if no other place is set."""
    return database.with_name(f"{database.stem}.snapshot{database.suffix}")


def publish(order: Order, holder: Holder, at_rest: Callable[[], object] = lambda: None) -> Published:
    """Copy the database, make the copy whole, put it in the place of the one before.

    For a process that does not hold the database. `at_rest` is called once the writer goes on for good.
    Whatever fails, the file before stays and nothing else is left. Raises ConfigError for a target that is
    no snapshot of this database, DiskFullError, RetryError, and what a copy does.
    """
    copy = FileCopy(order.source, order.target)
    copy.drop()
    try:
        _check_target(order)
        _check_room(order)
        stamps: list[tuple[tuple[int, int], ...]] = []
        still = copy_beside(_Stamping(holder, copy, stamps), copy)
        at_rest()
        _make_whole(order, copy.part)
        copy.finish()
        facts = order.target.stat()
    except OSError as error:
        raise told_failure(error, f"the snapshot file {order.target}") from error
    finally:
        copy.drop()
    return Published(facts.st_size, facts.st_ino, still, stamps[-1])


class _Stamping:
    """A holder that notes what the database looked like at the end of the last standstill."""

    def __init__(self, holder: Holder, copy: FileCopy, stamps: list[tuple[tuple[int, int], ...]]) -> None:
        self._holder = holder
        self._copy = copy
        self._stamps = stamps

    def backup(self, step: str, token: str = "") -> dict[str, object]:
        """Take a step of a backup."""
        if step == "release":
            self._stamps.append(self._copy.stamp())
        return dict(self._holder.backup(step, token))


def _check_target(order: Order) -> None:
    """Refuse to replace what is no snapshot of this database."""
    target = order.target
    try:
        inode = target.stat().st_ino
    except FileNotFoundError:
        return
    if inode == order.known_inode:
        return
    try:
        with duckdb.connect(str(target), read_only=True, config=dict(CLOSED_TO_EXTENSIONS)) as connection:
            told = dict(connection.execute(_WORDS, [list(_SECRETS)]).fetchall())
    except duckdb.Error as error:
        raise ConfigError(
            f"{target} is there and cannot be read as a snapshot file ({first_line(error)}); move "
            "it away, or set another publish_path."
        ) from error
    if any(told.get(name) != _WITHHELD for name in _SECRETS):
        raise ConfigError(f"{target} is there and is no snapshot file; move it, or set another publish_path.")


def _check_room(order: Order) -> None:
    source, folder = order.source, order.target.parent
    if not folder.is_dir():
        raise ConfigError(f"The folder {folder} does not exist; make it, or set another publish_path.")
    wal = wal_path(source)
    # The end of the log becomes part of the copy, and lies beside it until then.
    needed = source.stat().st_size + 2 * (wal.stat().st_size if wal.exists() else 0)
    if folder.stat().st_dev == source.stat().st_dev:
        needed += order.min_free_bytes
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFullError(
            f"{size_text(free)} are free in {folder}, the snapshot file and min_free_bytes want "
            f"{size_text(needed)}; free some, or set another publish_path."
        )


def _make_whole(order: Order, part: Path) -> None:
    """Bring the WAL into the copy, and take out what is not for people.

    Raises what opening does, and OSError.
    """
    check_wal(part)
    try:
        with connect(StoreSettings(part, order.memory_limit, threads=1)) as connection:
            connection.execute("BEGIN").fetchall()
            connection.execute(
                "UPDATE internal.settings SET value = ? WHERE list_contains(?, name)",
                [_WITHHELD, list(_SECRETS)],
            ).fetchall()
            # Segments lie beside the live database and come and go; what is left of a view that names one
            # fails for who has but this file.
            connection.execute("DELETE FROM internal.segments").fetchall()
            Parts(connection, segment_folder(order.target)).create_view(LINK_EVENTS)
            connection.execute("COMMIT").fetchall()
            connection.execute("CHECKPOINT").fetchall()
    except duckdb.Error as error:
        raise open_failure(error, part) from error
    if wal_path(part).exists():
        raise OSError(f"{wal_path(part)} was left by the checkpoint of the copy")
