"""Copying the database's file while commits go on: whole, then what changed, then the WAL at a standstill.

No checkpoint may happen meanwhile. Commits go to the WAL, but rows of bulk batches go past it into new blocks
of the file itself, which the WAL only names: what was written since a pass began is copied again. The WAL
only grows meanwhile, so that at the standstill no more than its end is to be copied.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from linktide.errors import ConfigError, DiskFullError, LinktideError, RetryError, StopError
from linktide.store.database import wal_path
from linktide.store.failure import is_disk_full
from linktide.store.lasting import sync

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_BLOCK_BYTES = 4 << 20
_FLUSHED_BYTES = 32 << 20
"""What is copied before it is written out: the writer's own fsync would have to wait for more of it."""
_END_BYTES = 16 << 20
"""Of the WAL, more than a batch brings."""
_MOST_PASSES = 3
_MOST_STANDS = 4
_NO_RANGE = frozenset({errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM})
"""Where the kernel cannot copy from file to file by itself."""
_TICK_NS = 50_000_000
"""File systems write down times of change in ticks; a change so short before a pass may bear its time."""


class FileCopy:
    """A copy of `source` in the making, under the name `<target>.part` until it is finished."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source = source
        self._target = target
        self.part = target.with_name(f"{target.name}.part")
        self._pass_began_ns = 0
        self._held = bytearray()
        self._held_bytes = 0

    def copy_file(self) -> None:
        """Copy the file, then again what changed meanwhile, until nothing does; then the WAL as it is.

        Where the file system can, the first pass shares blocks instead of copying them.
        """
        for _ in range(_MOST_PASSES):
            self._pass()
            if not self.has_changed():
                break
        self._copy_wal()
        # Memory that is there, and not only promised, before the writer waits for it.
        self._held = bytearray(b"-") * _END_BYTES

    def copy_rest(self) -> None:
        """Copy what is still missing of a file that nobody writes."""
        self.read_rest()
        self.write_rest()

    def read_rest(self) -> None:
        """Copy what the file's copy lacks, and read the end of the WAL; nothing may be written meanwhile.

        To read it takes a fraction of the time that writing it takes.
        """
        if self.has_changed():
            self._pass()
        wal, copied = wal_path(self._source), _stamp(wal_path(self.part))[0]
        self._held_bytes = max(0, _stamp(wal)[0] - copied)
        if not self._held_bytes:
            return
        if self._held_bytes > len(self._held):
            self._held = bytearray(self._held_bytes)
        with wal.open("rb") as file:
            file.seek(copied)
            file.readinto(memoryview(self._held)[: self._held_bytes])

    def write_rest(self) -> None:
        """Write what `read_rest` has read; the writer may go on."""
        if self._held_bytes:
            with wal_path(self.part).open("ab") as part:
                part.write(memoryview(self._held)[: self._held_bytes])
        self._held, self._held_bytes = bytearray(), 0

    def has_changed(self) -> bool:
        """Tell whether the file itself may have been written since it was copied."""
        return self._source.stat().st_mtime_ns >= self._pass_began_ns - _TICK_NS

    def stamp(self) -> tuple[tuple[int, int], ...]:
        """Return what changes whenever the file or its WAL does."""
        return tuple(_stamp(path) for path in (self._source, wal_path(self._source)))

    def finish(self) -> None:
        """Give the checked copy its name, as one step."""
        sync(self.part)
        self.part.replace(self._target)
        sync(self._target.parent)

    def drop(self) -> None:
        """Remove what was not finished, and what DuckDB made beside it."""
        with suppress(OSError):
            for path in self.part.parent.iterdir():
                if path.name == self.part.name or path.name.startswith(f"{self.part.name}."):
                    _remove(path)

    def _copy_wal(self) -> None:
        """Append what the copy of the WAL lacks of it."""
        source, part = wal_path(self._source), wal_path(self.part)
        if not source.exists():
            part.unlink(missing_ok=True)
            return
        with source.open("rb") as wal, part.open("ab") as copied:
            wal.seek(copied.tell())
            shutil.copyfileobj(wal, copied, _BLOCK_BYTES)
            os.fdatasync(copied.fileno())

    def _pass(self) -> None:
        is_first = not self.part.exists()
        self._pass_began_ns = time.time_ns()
        with self._source.open("rb") as source, self.part.open("wb+" if is_first else "rb+") as part:
            if is_first:
                _copy_ranges(source.fileno(), part.fileno())
                part.seek(source.seek(part.seek(0, os.SEEK_END)))
            while block := source.read(_BLOCK_BYTES):
                at = part.tell()
                if part.read(len(block)) != block:
                    part.seek(at)
                    part.write(block)
            part.truncate(source.tell())


def _copy_ranges(source: int, target: int) -> None:
    """Have the kernel copy from one open file to another, as far as it can."""
    unwritten = 0
    try:
        while copied := os.copy_file_range(source, target, _BLOCK_BYTES):
            unwritten += copied
            if unwritten >= _FLUSHED_BYTES:
                os.fdatasync(target)
                unwritten = 0
    except OSError as error:
        if error.errno not in _NO_RANGE:
            raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Holder(Protocol):
    """The service that writes the file; see `backup_desk.BackupDesk.step`."""

    def backup(self, step: str, token: str = "") -> Mapping[str, object]:
        """Take a step of a backup."""


def copy_beside(holder: Holder, copy: FileCopy) -> float:
    """Copy a file that its service goes on writing; return the seconds that the writer stood still for it.

    Raises RetryError if the copy is void, OSError, and what the holder does.
    """
    token = str(holder.backup("hold")["token"])
    try:
        copy.copy_file()
        for stands_left in reversed(range(_MOST_STANDS)):
            holder.backup("still", token)
            # To copy a file again takes long: let the writer go on meanwhile, as long as there is hope.
            if not stands_left or not copy.has_changed():
                break
            holder.backup("go", token)
            copy.copy_file()
        copy.read_rest()
    except BaseException:
        with suppress(LinktideError):
            holder.backup("release", token)
        raise
    told = holder.backup("release", token)
    copy.write_rest()
    if told.get("is_sound") is not True:
        raise RetryError(
            "The service reopened its store, or its write-ahead log grew too long, while it was copied; "
            "try again."
        )
    seconds = told.get("still_seconds", 0.0)
    return float(seconds) if isinstance(seconds, int | float) else 0.0


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
