"""Connections by the thousand, most of them broken: nothing leaks, and who means well is answered in between.

LINKTIDE_SQL_ATTEMPTS says how many; `make sql-flood` makes ten thousand.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from linktide_process import COMMAND, LinktideProcess, wait_until

from linktide.serve.sql_users import make_user, write_users
from linktide.store.gate import Role

ATTEMPTS = int(os.environ.get("LINKTIDE_SQL_ATTEMPTS", "1000"))
PASSWORD = "correct horse"  # noqa: S105 - of the tests
STARTUP = b"\0\0\0\x11\0\x03\0\0user\0me\0\0"
BROKEN = (
    b"",
    STARTUP[:9],
    STARTUP,
    STARTUP + b"p\0\0\0\x05n",
    STARTUP + b"P\0\0\0\x06\0\0",
    STARTUP + b"p" + struct.pack("!I", 0x7FFFFFFF) + b"a" * 5_000,
    struct.pack("!II", 8, 80877103),
    struct.pack("!II", 0x7FFFFFFF, 0x30000) + b"\0" * 1_000,
    b"GET / HTTP/1.1\r\n\r\n",
    b"\xff" * 5_000,
)
WORKERS = 16
MOST_ANSWER_SECONDS = 5.0
MOST_GROWTH_BYTES = 48 << 20
MOST_FILES = 64 + 32 + WORKERS
"""Strangers, clients, and what the listener has not looked at."""


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - counted, not looked at


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208


def log_in(port: int, password: str = PASSWORD) -> float:
    """Log in and ask; return the seconds that took, also of a login that is refused."""
    began = time.monotonic()
    with suppress(psycopg.OperationalError):
        options = {"host": "127.0.0.1", "port": port, "user": "me", "dbname": "linktide"}
        with psycopg.connect(**options, password=password, connect_timeout=30) as connection:  # type: ignore[arg-type]  # by name
            assert password == PASSWORD
            assert connection.execute("SELECT 1").fetchone() == (1,)
            return time.monotonic() - began
    assert password != PASSWORD, "who means well was not let in"
    return time.monotonic() - began


def break_in(port: int, number: int) -> None:
    """Connect, send what is broken, and hang up, half of the time without a good-bye."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        if number % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(BROKEN[number % len(BROKEN)])


def flood(port: int, attempts: int) -> list[float]:
    """Make so many attempts; return how long each login in between took."""
    waits = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for first in range(0, attempts, 200):
            running = [pool.submit(break_in, port, number) for number in range(first, first + 200)]
            waits.append(log_in(port))
            for one in running:
                one.result()
    return waits


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts by /proc")
def test_connections_by_the_thousand_leave_nothing_behind(tmp_path: Path) -> None:
    users = tmp_path / "users"
    write_users(users, [make_user("me", Role.READER, PASSWORD)])
    settings = ("http_port=0", "sql.users_file=users")
    assigned = [part for one in settings for part in ("--set", one)]
    with LinktideProcess(tmp_path, *COMMAND, "run", "--database", "links.duckdb", *assigned) as service:
        service.wait_ready()
        port, pid = service.sql_port, service.pid

        def connections() -> float:
            return service.metrics()["linktide_sql_connections", ()]

        flood(port, min(ATTEMPTS, 400))  # what allocators and thread pools keep once and for all
        wait_until(lambda: connections() == 0, "the first connections are gone")
        files, memory, tasks = open_files(pid), resident_bytes(pid), threads(pid)
        waits = flood(port, ATTEMPTS)
        assert open_files(pid) <= files + MOST_FILES
        assert max(waits) < MOST_ANSWER_SECONDS
        wait_until(lambda: connections() == 0, "all connections are gone")
        wait_until(lambda: open_files(pid) <= files + 2, "all files are closed")
        assert resident_bytes(pid) - memory < MOST_GROWTH_BYTES
        assert threads(pid) <= tasks + 2
        assert service.metrics()["linktide_sql_accepted_total", ()] >= ATTEMPTS
        assert "panicked" not in service.told
        print(  # noqa: T201 - what `make sql-flood` is run for
            f"{ATTEMPTS} attempts: slowest login {max(waits):.3f} s, {open_files(pid) - files:+d} files, "
            f"{threads(pid) - tasks:+d} threads, {(resident_bytes(pid) - memory) / 2**20:+.1f} MiB"
        )
        # Wrong passwords wait, each longer than the one before.
        wrong = [log_in(port, "wrong") for _ in range(4)]
        assert all(took >= least for took, least in zip(wrong, (0.1, 0.2, 0.4, 0.8), strict=True)), wrong
        # Who says nothing is dropped.
        half_open = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(40)]
        for one in half_open:
            one.sendall(STARTUP[:4])
        began = time.monotonic()
        for one in half_open:
            assert one.recv(1) == b""
            one.close()
        assert time.monotonic() - began < 20
        assert log_in(port) < MOST_ANSWER_SECONDS
