"""Disks that fail as asked: a small one, one that turns read-only, system calls that return an error."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20


def need(*programs: str) -> None:
    """Skip the test, saying why, where a means is absent."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")


def need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system of its own")


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[None]:
    """Put a disk of its own, in memory, over a folder."""
    need_root()
    need("mount", "umount")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        yield
    finally:
        run("umount", "--lazy", str(folder))


@contextmanager
def ext4_disk(folder: Path, image: Path, mib: int) -> Iterator[None]:
    """Put a disk of its own, in a file, over a folder."""
    need_root()
    need("mount", "umount", "mke2fs")
    with image.open("wb") as file:
        file.truncate(mib * MIB)
    run("mke2fs", "-q", "-t", "ext4", str(image))
    mounted = subprocess.run(
        ["mount", "-o", "loop", str(image), str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no loop device may be mounted here")
    try:
        yield
    finally:
        run("umount", str(folder))


def turn_read_only(folder: Path) -> None:
    """Do what ext4 does by itself when its disk fails: refuse every write from now on, to open files too."""
    run("mount", "-o", "remount,abort", str(folder))


def heal(folder: Path, image: Path) -> None:
    """Mount it anew; nothing may hold a file on it."""
    run("umount", str(folder))
    subprocess.run(["e2fsck", "-fy", str(image)], check=False, capture_output=True)
    run("mount", "-o", "loop", str(image), str(folder))


@contextmanager
def ballast(folder: Path, mib: int) -> Iterator[Path]:
    """Fill all of a disk but so many MiB."""
    path = folder / "ballast"
    with path.open("wb") as file:
        left = shutil.disk_usage(folder).free - mib * MIB
        while left > 0:
            left -= file.write(b"\0" * min(left, MIB))
    yield path
    path.unlink(missing_ok=True)


def failing_call(call: str, error: str, when: int, *paths: Path) -> list[str]:
    """Return the program under which the n-th such call on one of these files returns an error."""
    need("strace")
    traced = [word for path in paths for word in ("-P", str(path))]
    inject = f"{call}:error={error}:when={when}"
    # -D: the process stays our child, so that its exit code and its end are ours.
    return [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        f"trace={call}",
        "-e",
        f"inject={inject}",
        *traced,
    ]
