"""Whether a file is still the one that was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def file_stamp(path: Path) -> object:
    """Return what differs once a file was written or put in the place of another."""
    try:
        stat = path.stat()
    except OSError as error:
        return error.errno
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size
