"""The service under what the unit forbids: its system calls, and memory that is both written and run."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
from deploy_files import done, tool, unit_values
from linktide_process import COMMAND, LinktideProcess, wait_until

if TYPE_CHECKING:
    from pathlib import Path

RUN = (*COMMAND, "run", "--database", "links.duckdb", "--http-port", "0")
BUSY = ("--set", "snapshot_every_seconds=1", "--set", "publish_every_seconds=1", "--set", "fold_rows=100")
EVENT = (
    '{{"event": "discovered", "observed_at": "2026-01-01T00:00:00Z", "source_url": "https://s{}.example/",'
    ' "target_url": "https://t.example/"}}'
)
_PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN = 65, 1

pytestmark = pytest.mark.slow


def use(service: LinktideProcess) -> None:
    """Have it do something of everything that it does in the background and for others."""
    service.wait_ready()
    for turn in range(3):
        lines = "\n".join(EVENT.format(number) for number in range(200 * turn, 200 * turn + 200))
        httpx.post(f"{service.address}/api/v1/events", content=lines).raise_for_status()
    assert service.query("SELECT count(*) AS links FROM backlinks") == [{"links": 600}]
    with psycopg.connect(host="127.0.0.1", port=service.sql_port, user="me", autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM refdomains").fetchall() == [(600,)]

    def is_published() -> bool:
        return service.metrics()["linktide_publish_rounds_total", ("published",)] >= 1

    wait_until(is_published, "a snapshot file is published")
    assert service.terminate().exit_code == 0


def allowed_calls() -> set[str]:
    """Return the system calls that the unit leaves, as systemd reads its lines: in order."""
    left: set[str] = set()
    for value in unit_values("SystemCallFilter"):
        calls = {call for name in value.removeprefix("~").split() for call in calls_of(name)}
        left = left - calls if value.startswith("~") else left | calls
    # Let through for every filter of a unit: without them no program could begin or end.
    return left | calls_of("@default")


def calls_of(name: str) -> set[str]:
    if not name.startswith("@"):
        return {name}
    told = done(tool("systemd-analyze"), "syscall-filter", name)
    names = re.findall(r"^ +([@\w-]+)$", told, re.MULTILINE)
    return {call for one in names for call in calls_of(one)}


def test_every_system_call_is_one_that_the_unit_allows(tmp_path: Path) -> None:
    # -D: the service keeps its own process id. -c: a table of calls at the end, of all threads and children.
    under = (tool("strace"), "-D", "-f", "-qq", "-c", "-U", "name", "-o", "calls.txt")
    with LinktideProcess(tmp_path, *RUN, *BUSY, under=under) as service:
        use(service)
    told = tmp_path / "calls.txt"
    wait_until(lambda: told.exists() and "total" in told.read_text("utf-8"), "strace has counted")
    called = set(re.findall(r"^(\w+)$", told.read_text("utf-8"), re.MULTILINE)) - {"syscall", "total"}
    assert {"futex", "openat", "setpriority"} <= called
    assert called - allowed_calls() == set()


def test_no_memory_is_both_written_and_run(tmp_path: Path) -> None:
    """What MemoryDenyWriteExecute forbids, by the kernel's own switch, which a process inherits."""
    switch = (
        "import ctypes, os, sys\n"
        f"refused = ctypes.CDLL(None).prctl({_PR_SET_MDWE}, {_PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0)\n"
        "sys.exit('no such switch') if refused else os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    under = (sys.executable, "-c", switch)
    with LinktideProcess(tmp_path, *RUN, *BUSY, under=under) as service:
        service.live_until_ended(1)
        if "no such switch" in service.told:
            pytest.skip("the kernel is older than 6.3")
        use(service)
