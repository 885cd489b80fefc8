"""Copying the database's file while commits go on: whole, then what changed, then the WAL at a standstill.

No checkpoint may happen meanwhile. Commits go to the WAL, but rows of bulk batches go past it into new blocks
of the file itself, which the WAL only names: what was written since a pass began is copied again.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from linktide.errors import ConfigError, DiskFullError, StopError
from linktide.store.database import wal_path
from linktide.store.failure import is_disk_full
from linktide.store.lasting import sync

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK_BYTES = 4 << 20
_MOST_PASSES = 5
_TICK_NS = 50_000_000
"""File systems write down times of change in ticks; a change so short before a pass may bear its time."""


class FileCopy:
    """A copy of `source` in the making, under the name `<target>.part` until it is finished."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source = source
        self._target = target
        self.part = target.with_name(f"{target.name}.part")
        self._pass_began_ns = 0

    def copy_file(self) -> None:
        """Copy the file, then again what changed meanwhile, until nothing does."""
        self._pass()
        for _ in range(_MOST_PASSES):
            if not self._has_changed():
                return
            self._pass()

    def copy_rest(self) -> None:
        """Copy what is still missing, and the WAL; nothing may be written meanwhile."""
        if self._has_changed():
            self._pass()
        wal = wal_path(self._source)
        if wal.exists():
            wal_path(self.part).write_bytes(wal.read_bytes())
        else:
            wal_path(self.part).unlink(missing_ok=True)

    def stamp(self) -> tuple[tuple[int, int], ...]:
        """Return what changes whenever the file or its WAL does."""
        return tuple(_stamp(path) for path in (self._source, wal_path(self._source)))

    def finish(self) -> None:
        """Give the checked copy its name, as one step."""
        sync(self.part)
        self.part.replace(self._target)
        sync(self._target.parent)

    def drop(self) -> None:
        """Remove what was not finished."""
        for path in (self.part, wal_path(self.part)):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _has_changed(self) -> bool:
        return self._source.stat().st_mtime_ns >= self._pass_began_ns - _TICK_NS

    def _pass(self) -> None:
        self._pass_began_ns = time.time_ns()
        with (
            self._source.open("rb") as source,
            self.part.open("rb+" if self.part.exists() else "wb+") as part,
        ):
            while block := source.read(_BLOCK_BYTES):
                at = part.tell()
                if part.read(len(block)) != block:
                    part.seek(at)
                    part.write(block)
            part.truncate(source.tell())


def copy_sound(source: Path, target: Path) -> None:
    """Copy a file that nobody writes, under a passing name first."""
    copy = FileCopy(source, target)
    copy.drop()
    copy.copy_file()
    copy.finish()


def copy_folder(source: Path, target: Path) -> None:
    """Copy the files of a folder that are never written again once they have their names."""
    if not source.is_dir():
        return
    target.mkdir(exist_ok=True)
    for file in sorted(source.iterdir()):
        copied = target / file.name
        if not copied.exists() or copied.stat().st_size != file.stat().st_size:
            copy_sound(file, copied)


def target_of(source: Path, wanted: Path, stamp: str, *, is_forced: bool) -> Path:
    """Return the file to write: `wanted`, or in a folder a name with the time.

    Raises ConfigError if there is a file already, unless forced, or no folder to put it into.
    """
    target = wanted / f"{source.stem}-{stamp}{source.suffix}" if wanted.is_dir() else wanted
    if not target.parent.is_dir():
        raise ConfigError(f"The folder {target.parent} does not exist; make it, or name another place.")
    if target.exists() and (target.samefile(source) if source.exists() else False):
        raise ConfigError(f"{target} is the database itself; name another file.")
    if target.exists() and not is_forced:
        raise ConfigError(f"{target} exists already; name another file, or overwrite it by --force.")
    return target


def _stamp(path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (facts.st_size, facts.st_mtime_ns)


class CopyFailedError(StopError):
    """A file could not be copied."""


def told_failure(error: OSError, what: str) -> StopError | DiskFullError:
    """Return the error that names what could not be copied."""
    if is_disk_full(error):
        return DiskFullError(f"No room for {what} ({error}); free space there, or name another place.")
    return CopyFailedError(f"{what} cannot be copied ({error}).")
