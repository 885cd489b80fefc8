"""What an error of DuckDB means to us: retry, stop, or refuse."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from linktide.errors import (
    ConfigError,
    DatabaseDamagedError,
    DatabaseLockedError,
    DiskFullError,
    LinktideError,
    OutOfMemoryError,
    RetryError,
    SchemaTooNewError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOLDER = re.compile(r"Conflicting lock is held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_STORAGE = re.compile(r"version number (?P<seen>\d+), but we can only read versions? (?P<known>[^.]*\d)")
_DISK_FULL = ("No space left on device", "Disk quota exceeded", "ENOSPC", "failed to offload data block")
_NO_MEMORY = ("not enough memory", "bad allocation", "bad_alloc", "ailed to allocate")
"""As DuckDB quotes those it asked, in errors of other kinds."""
_WRONG_PATH = (
    "No such file or directory",
    "Permission denied",
    "Operation not permitted",
    "Not a directory",
    "Is a directory",
    "File name too long",
    "Too many levels of symbolic links",
)
"""What another setting or other rights cure; any other error of a file passes, or is the disk's."""
_DISK_FAILED = ("Read-only file system", "Input/output error", "fsync failed")
_DAMAGE = (
    "Corrupt",
    "not a valid DuckDB database file",
    "Could not read enough bytes",
    "replaying WAL",
    "does not match stored checksum",
    "WAL does not match",
)


class StoreFailedError(RetryError):
    """The transaction failed or its fate is unknown: close, reopen, rebuild from the tables, go on."""


def is_disk_full(error: BaseException) -> bool:
    """Tell whether the error says that the file system has no room."""
    text = str(error)
    return any(words in text for words in _DISK_FULL)


def open_failure(error: duckdb.Error, path: Path) -> LinktideError:
    """Return the typed error for a file that could not be opened."""
    text = _first_line(error)
    if "Could not set lock" in text or "already attached" in text:
        return DatabaseLockedError(f"{path} is in use by {_holder(text)}; stop it, or set another `database`")
    if newer := _STORAGE.search(text):
        return SchemaTooNewError(
            f"{path} has storage version {newer['seen']} of a newer DuckDB; this linktide reads "
            f"{newer['known']}: install the newer linktide"
        )
    return _opening_failed(error, path, text)


def _opening_failed(error: duckdb.Error, path: Path, text: str) -> LinktideError:
    if is_disk_full(error):
        return DiskFullError(f"no room to open {path} ({text}); free space on its file system")
    if isinstance(error, duckdb.OutOfMemoryException) or any(words in text for words in _NO_MEMORY):
        # Also in the middle of a WAL: that says nothing about the WAL.
        return OutOfMemoryError(
            f"The system gives this process no more memory to open {path}, or memory_limit gives none "
            f"({text}); raise the one or the other"
        )
    # A disk is mounted anew, a path comes back: a running service waits for that.
    is_disk = any(words in text for words in _DISK_FAILED)
    # Of a WAL that makes no sense DuckDB complains in many words, and names it in all of them.
    without_path = text.replace(str(path.parent), "")
    if not is_disk and any(words in without_path for words in (*_DAMAGE, "WAL")):
        return _damaged(path, text)
    if any(words in text for words in _WRONG_PATH):
        return ConfigError(f"{path} cannot be opened ({text}); check the setting `database` and its rights")
    return StoreFailedError(f"{path} cannot be opened ({text}); look at its disk")


def write_failure(error: Exception, path: Path, doing: str) -> LinktideError:
    """Return the typed error for a write that failed; the caller must close and reopen the database."""
    text = _first_line(error)
    if is_disk_full(error):
        return DiskFullError(f"no room to {doing} in {path} ({text}); free space on its file system")
    if any(words in text for words in _DAMAGE):
        # A block is read, and found to be damaged, long after the file was opened.
        return _damaged(path, text)
    return StoreFailedError(f"could not {doing} in {path} ({text}); reopen it and rebuild from its tables")


@contextmanager
def write_failures(path: Path, doing: str) -> Iterator[None]:
    """Give what DuckDB and the disk raise in the block its fate, as `write_failure` does."""
    try:
        yield
    except (duckdb.Error, RuntimeError, OSError) as error:
        raise write_failure(error, path, doing) from error


def _damaged(path: Path, text: str) -> DatabaseDamagedError:
    return DatabaseDamagedError(
        f"{path} or its WAL is damaged or not DuckDB's ({text}); keep both files, then `linktide restore` a "
        "backup: docs/operations.md"
    )


def _holder(text: str) -> str:
    found = _HOLDER.search(text)
    return f"{found['program']} (process {found['pid']})" if found else "this process"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
