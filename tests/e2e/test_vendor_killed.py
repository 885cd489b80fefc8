"""Exports of vendors: killed in the middle, and beside a running service."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from linktide_process import COMMAND, LinktideProcess, command

from linktide.connection import connect
from linktide.store.writer import FAIL_POINTS

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 3_000
KILLED = """
from functools import partial
from small_service import bomb
from linktide import offline
from linktide.cli import main
offline.Service = partial(offline.Service, at_fail_point=bomb({point!r}, {calls}))
main()
"""
"""The command, killed at the n-th call of a fail point."""
STORED = (
    "SELECT * EXCLUDE (last_record_at, updated_at) FROM sources",
    "SELECT * EXCLUDE (link_id) FROM links",
    "SELECT * EXCLUDE (link_id) FROM link_observations",
    "SELECT topic, topic_id, source_offset, reason, bytes FROM dead_letters",
    "SELECT * EXCLUDE (link_id) FROM link_lives",
)
COMPLETE = ("--scope", "complete", "--target", "shop.example")


def done(folder: Path, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    ended = command(folder, *arguments, "--json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def stored(folder: Path) -> list[Any]:
    """Return all that is told of a database; keys of links are seeded and so in no row."""
    with connect(folder / "links.duckdb") as index:
        return [index.sql(f"{sql} ORDER BY ALL").arrow().to_pylist() for sql in STORED]


def write_exports(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write two complete exports, some rows of them bad; return what to import them with."""
    folder.mkdir()
    header = "Source url,Target url,Source title,First seen,Last seen\n"
    for number, end in ((1, "01"), (2, "02")):
        with (folder / f"{number}.csv").open("w") as file:
            file.write(header)
            for row in range(ROWS):
                if number == 2 and row % 3 == 0:
                    continue
                url = f"https://s{row % 97}.example/{row}" if row % 50 else f"ftp://s.example/{row}"
                file.write(
                    f"{url},https://shop.example/{row % 7},T,2023-05-{1 + row % 28:02},2024-{end}-01\n"
                )
    first, second = (
        (f"{n}.csv", *COMPLETE, "--exported-at", f"2024-0{n}-15", "--set", "batch_max_events=500")
        for n in (1, 2)
    )
    return first, second


@pytest.mark.timeout(900)
def test_an_import_that_was_killed_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    first, second = write_exports(tmp_path / "whole")
    for one in (first, second):
        done(tmp_path / "whole", "import", *one)
    wanted = stored(tmp_path / "whole")
    assert any(row["lost_reason"] == "dropped:unlisted" for row in wanted[1])
    folder = tmp_path / "killed"
    write_exports(folder)
    kills = 0
    for begin, arguments in enumerate((first, second)):
        for number, point in enumerate(FAIL_POINTS[begin::2]):
            program = ("-c", KILLED.format(point=point, calls=1 + number % 2))
            ended = command(folder, "import", *arguments, program=program)
            assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
            kills += ended.returncode != 0
        done(folder, "import", *arguments)
    assert kills >= len(FAIL_POINTS) - 1
    assert stored(folder) == wanted


@pytest.mark.timeout(300)
def test_a_running_service_takes_the_same(tmp_path: Path) -> None:
    first, second = write_exports(tmp_path / "stopped")
    told = [done(tmp_path / "stopped", "import", *one) for one in (first, second)]
    folder = tmp_path / "running"
    write_exports(folder)
    options = ("--database", "links.duckdb", "--set", "http_port=0", "--set", "batch_max_events=500")
    with LinktideProcess(folder, *COMMAND, "run", *options) as service:
        service.wait_ready()
        assert [done(folder, "import", *one) for one in (first, second)] == told
        assert [done(folder, "import", *one)["events"] for one in (first, second)] == [0, 0]
        assert stored(folder) == stored(tmp_path / "stopped")
