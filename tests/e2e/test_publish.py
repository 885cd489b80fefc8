"""A service that publishes while it writes, and is killed in the middle of that."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest
from event_stream import draw_stream
from linktide_process import COMMAND, LinktideProcess, wait_until
from test_recovery_commands import RUN, SMALL, lines_of
from topic_contents import Record

from oracle.compare import assert_same, query_of
from oracle.events import Origin
from oracle.model import derive

if TYPE_CHECKING:
    from pathlib import Path

    from event_stream import EventStream

RECORDS = 12_000
PUBLISH = ("--set", "publish_every_seconds=0.05")
PUBLISHED = ("linktide_publish_rounds_total", ("published",))
UNCHANGED = ("linktide_publish_rounds_total", ("unchanged",))


@pytest.fixture
def stream(tmp_path: Path) -> EventStream:
    """Events in events.ndjson."""
    drawn = draw_stream(random.Random(5), RECORDS, 500)
    (tmp_path / "events.ndjson").write_bytes(b"".join(value + b"\n" for value in lines_of(drawn)))
    return drawn


def importing(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *COMMAND, "import", "events.ndjson", "--database", "links.duckdb"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def assert_exact(path: Path, stream: EventStream) -> int:
    """Hold a snapshot file to the oracle; return how many lines it holds."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = query_of(connection)
        (stored,) = query("SELECT coalesce(sum(next_offset), 0) FROM sources")[0]
        records = [
            Record(Origin("file", "events.ndjson", 0, line), 0, value)
            for line, value in enumerate(lines_of(stream)[: int(stored)])
        ]
        assert_same(query, derive(*stream.judge(records)))
    return int(stored)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_snapshot_file_is_the_index_of_an_instant(tmp_path: Path, stream: EventStream) -> None:
    target, kept = tmp_path / "links.snapshot.duckdb", tmp_path / "kept"
    kept.mkdir()
    with LinktideProcess(tmp_path, *RUN, *SMALL, *PUBLISH) as service:
        service.wait_ready()
        running = importing(tmp_path)
        rounds = 0.0
        while running.poll() is None:
            if (done := service.metrics()[PUBLISHED]) > rounds:
                os.link(target, kept / f"{done:g}.duckdb")
                rounds = done
        assert running.wait(300) == 0
        size = service.status()["events"] + service.status()["dead_letters"]
        # In the end it holds everything, and rounds pass over it.
        before = service.metrics()[UNCHANGED]
        wait_until(lambda: service.metrics()[UNCHANGED] > before, "nothing changes")
        metrics = service.metrics()
        assert metrics["linktide_publish_rounds_total", ("failed",)] == 0, service.told
        assert metrics["linktide_publish_age_seconds", ()] < 60
        assert metrics["linktide_publish_bytes", ()] == target.stat().st_size
        assert service.terminate().exit_code == 0
    assert "ERROR" not in service.told
    assert sorted(file.name for file in tmp_path.iterdir() if "snapshot.duckdb" in file.name) == [target.name]
    stored = [assert_exact(path, stream) for path in sorted(kept.iterdir(), key=lambda path: int(path.stem))]
    assert len(stored) > 1
    assert stored == sorted(stored)
    assert assert_exact(target, stream) == size == len(lines_of(stream))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_kill_in_the_middle_leaves_the_file_before(tmp_path: Path, stream: EventStream) -> None:
    target, part = tmp_path / "links.snapshot.duckdb", tmp_path / "links.snapshot.duckdb.part"
    pauses = random.Random(11)
    last = 0
    with LinktideProcess(tmp_path, *RUN, *SMALL, *PUBLISH) as service:
        service.wait_ready()
        wait_until(lambda: service.metrics()[PUBLISHED] > 0, "the first round")
    for _ in range(4):
        with LinktideProcess(tmp_path, *RUN, *SMALL, *PUBLISH) as service:
            service.wait_ready()
            running = importing(tmp_path)
            # A new process cannot know whether the file is current, so it publishes.
            wait_until(part.exists, "a copy is being made")
            service.live_for(pauses.random())
        running.wait(300)
        # Its process of the round hears of it, and takes away what it has made.
        wait_until(lambda: not part.exists(), "nothing half made is left")
        shutil.copy(target, tmp_path / "copied.duckdb")
        stored = assert_exact(tmp_path / "copied.duckdb", stream)
        assert stored >= last
        last = stored
    names = {file.name for file in tmp_path.iterdir() if file.name.startswith("links.snapshot")}
    assert names == {target.name}
