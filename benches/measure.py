"""What a measurement takes down: wall and CPU time, memory, and the machine it ran on."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Self

_PACKAGES = ("linktide", "duckdb", "kafka-python", "pyarrow")
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """A moment, or the time between two moments; seconds."""

    wall: float
    cpu: float
    """User and system time of this process, all its threads."""

    @classmethod
    def now(cls) -> Self:
        """Return this moment."""
        return cls(time.perf_counter(), time.process_time())

    def since(self, before: Usage) -> Usage:
        """Return what passed from `before` to this moment."""
        return Usage(self.wall - before.wall, self.cpu - before.cpu)


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def cpu_seconds_of(pid: int) -> float:
    """Return the CPU time another process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


def peak_rss_bytes() -> int:
    """Return the greatest memory this process ever held.

    Not getrusage's figure: that one begins at the parent's, from before exec.
    """
    return _memory_of("self", "VmHWM")


def rss_bytes(pid: int) -> int:
    """Return the memory that another process holds."""
    return _memory_of(str(pid), "VmRSS")


def _memory_of(process: str, what: str) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/{process}/status has no {what}: this bench needs Linux")


def load_average() -> float:
    """Return the machine's load of the last minute."""
    return os.getloadavg()[0]


def versions() -> dict[str, str]:
    """Return the versions of all that takes part, Kafka apart."""
    return {
        **{name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "rustc": _first_line("rustc", "--version").removeprefix("rustc "),
        "linux": platform.release(),
    }


def machine() -> str:
    """Return processor, cores and memory in one line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(os.sched_getaffinity(0))} cores of {model}, {memory_gib:.0f} GiB"


def _version(package: str) -> str:
    try:
        return version(package)
    except ModuleNotFoundError:  # a checkout that is not installed
        return "of this checkout"


def _first_line(*command: str) -> str:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - a fixed command
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.splitlines()[0]
