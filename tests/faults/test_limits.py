"""Too little memory, and a stop under load."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from campaign import Campaign, times
from failing_disks import need, need_root
from linktide_process import COMMAND, LinktideProcess, wait_until

from linktide.errors import ExitCode
from linktide.store.database import wal_path

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3_600)]
GOAL_SECONDS = 10.0
BY_SYSTEM = (-signal.SIGABRT, -signal.SIGSEGV, 127)
"""How the system's libraries end who gets no memory for them: abort, or glibc's own exit."""
CGROUP = Path("/sys/fs/cgroup/memory")


def test_an_address_space_that_is_too_small(tmp_path: Path) -> None:
    need("prlimit")
    campaign = Campaign.begin("address space", tmp_path, records=6_000)
    rounds = times(4, 60)
    codes = []
    run = ("import", str(campaign.file), "--database", "links.duckdb", "--set", "start_retry_seconds=0")
    for number in range(rounds):
        # Below that its libraries cannot be loaded, so that it never gets to run.
        limit = campaign.chance.randint(430, 480 + 100 * (number % 4)) << 20
        with LinktideProcess(campaign.folder, *COMMAND, *run, under=("prlimit", f"--as={limit}")) as process:
            ended = process.ended()
        codes.append(ended.exit_code)
        # Who gets no memory where nothing can be said ends by a signal.
        is_told = ended.exit_code == ExitCode.FAILURE and "memory" in ended.told.lower()
        assert is_told or ended.exit_code in (0, ExitCode.OUT_OF_MEMORY, *BY_SYSTEM), ended.told
        if ended.exit_code == ExitCode.OUT_OF_MEMORY:
            assert ended.told.splitlines()[-1].startswith(
                "Error: The system gives this process no more memory"
            )
    assert any(codes)
    campaign.finish()
    campaign.tell(rounds, exit_codes=codes, records=campaign.check())


@contextmanager
def memory_group(name: str, limit_bytes: int) -> Iterator[list[str]]:
    """Make a control group with so much memory; yields the program under which a process belongs to it."""
    need_root()
    need("sh")
    folder = CGROUP / name
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("no memory control group may be made here")
    try:
        (folder / "memory.limit_in_bytes").write_text(str(limit_bytes))
        yield ["sh", "-c", f'echo $$ > {folder}/cgroup.procs && exec "$@"', "sh"]
    finally:
        folder.rmdir()


def test_a_control_group_that_is_too_small(tmp_path: Path) -> None:
    campaign = Campaign.begin("control group", tmp_path, records=6_000)
    rounds = times(2, 20)
    for number in range(rounds):
        limit = campaign.chance.randint(40, 85) << 20
        with (
            memory_group(f"linktide-{os.getpid()}-{number}", limit) as under,
            campaign.importing("--chunk-bytes=4194304", under=under, batch_max_events=20_000) as process,
        ):
            ended = process.ended()
        assert ended.exit_code in (-signal.SIGKILL, 128 + signal.SIGKILL), ended.told
    campaign.finish()
    campaign.tell(rounds, records=campaign.check())


def test_a_stop_under_load(tmp_path: Path) -> None:
    campaign = Campaign.begin("SIGTERM under load", tmp_path, records=16_000)
    rounds = times(3, 60)
    slowest, stopped, under_load = 0.0, 0, 0
    while under_load < rounds and stopped < len(campaign.values):
        with campaign.importing(batch_max_events=5, catch_up_max_events=5) as process:
            wait_until(wal_path(campaign.database).exists, "work")
            process.live_for(campaign.chance.uniform(0, 1.5))
            ended = process.terminate()
        assert ended.exit_code == 0, ended.told
        slowest = max(slowest, ended.seconds)
        # Whole batches, and no row twice: the next import replays nothing.
        now = campaign.check(is_whole=False)
        assert now >= stopped
        stopped, under_load = now, under_load + (now < len(campaign.values))
    assert slowest < GOAL_SECONDS
    # A stop that found all stored was under no load.
    assert under_load > 0
    campaign.finish()
    campaign.tell(under_load, slowest_seconds=round(slowest, 1), replayed_rows=0, records=campaign.check())
