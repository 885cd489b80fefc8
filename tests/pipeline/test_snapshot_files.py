"""A snapshot that is damaged, foreign, too new or of another past is named and left alone."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from linktide.config import load
from linktide.configured import open_database
from linktide.snapshot import snapshot_path
from oracle.compare import assert_same
from oracle.model import derive
from pipeline import whole
from pipeline.test_scores import chunks_of
from pipeline.test_snapshots import check_equal
from pipeline.test_trust import web

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oracle.events import Event

EVENTS = web(5, count=600)
KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {tests!r} + "/store"]
from linktide import snapshot
from linktide.index import LinkIndex
from pipeline import test_snapshot_files as here

def die(*_args):
    os.kill(os.getpid(), signal.SIGKILL)

saved = 0
step = LinkIndex.step_snapshot
def step_and_die(self, core, budget):
    global saved
    step(self, core, 0.0)
    saved += 1
    if saved == {steps}:
        die()
snapshot.SLICE_SECONDS = 0.0
if {steps}:
    LinkIndex.step_snapshot = step_and_die
else:
    snapshot.Snapshots._put_in_place = die
here.store(Path({path!r}), here.EVENTS, snapshot_every_seconds=1e-6, batch_max_events=50)
"""


def store(path: Path, events: Sequence[Event], **settings: Any) -> None:  # noqa: ANN401 - as `whole.run` takes them
    whole.run(path, [whole.memory_of(chunks_of(list(events), 50))], **settings)


def check_refused(path: Path, caplog: pytest.LogCaptureFixture, why: str = "") -> None:
    caplog.clear()
    from_tables, restored = whole.restored_twice(path)
    assert not restored.is_from_snapshot
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert str(snapshot_path(path)) in warnings[0]
    assert why in warnings[0]
    check_equal(from_tables, restored)


def test_damage_is_found_wherever_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "links.duckdb"
    store(path, EVENTS[:150])
    file = snapshot_path(path)
    sound = file.read_bytes()
    chance = random.Random(1)
    for at in [0, 8, len(sound) - 1, *(chance.randrange(len(sound)) for _ in range(20))]:
        file.write_bytes(sound[:at] + bytes([sound[at] ^ chance.randrange(1, 256)]) + sound[at + 1 :])
        check_refused(path, caplog)
    for length in (0, 1, 30, len(sound) // 2, len(sound) - 1):
        file.write_bytes(sound[:length])
        check_refused(path, caplog)
    file.write_bytes(sound)
    assert whole.restored_twice(path)[1].is_from_snapshot


def test_that_of_another_database_is_not_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one, other = tmp_path / "one.duckdb", tmp_path / "other.duckdb"
    store(one, EVENTS)
    # Made anew: files that are copied have one id.
    open_database(load(flags={"database": other}, environ={}, folder=tmp_path)).close()
    store(other, EVENTS)
    shutil.copy(snapshot_path(one), snapshot_path(other))
    check_refused(other, caplog, "its database is")


def test_a_restored_backup_does_not_take_what_came_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, backup = tmp_path / "links.duckdb", tmp_path / "backup.duckdb"
    store(path, EVENTS[:200])
    shutil.copy(path, backup)
    store(path, EVENTS)
    shutil.copy(backup, path)
    check_refused(path, caplog, "the tables end at")
    # The file goes on from the backup to as many batches with other events: nothing but the word tells it.
    later = snapshot_path(path).read_bytes()
    store(path, [*EVENTS[:200], *EVENTS[400:], *EVENTS[200:400]], batch_max_events=50)
    assert whole.restored_twice(path)[1].is_from_snapshot
    snapshot_path(path).write_bytes(later)
    check_refused(path, caplog, "have not seen it")


def test_no_snapshot_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "links.duckdb"
    store(path, EVENTS[:100], snapshot_every_seconds=0)
    assert not snapshot_path(path).exists()
    assert not whole.restored_twice(path)[1].is_from_snapshot
    assert caplog.records == []


@pytest.mark.parametrize("steps", [0, 1, 2, 4])
def test_a_kill_while_one_is_written_leaves_the_one_before(tmp_path: Path, steps: int) -> None:
    path = tmp_path / "links.duckdb"
    store(path, EVENTS[:200])
    before = snapshot_path(path).read_bytes()
    script = KILLED.format(tests=str(whole.TESTS), path=str(path), steps=steps)
    ended = subprocess.run([sys.executable, "-c", script], check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    assert snapshot_path(path).read_bytes() == before
    from_tables, restored = whole.restored_twice(path)
    assert restored.is_from_snapshot
    check_equal(from_tables, restored)
    store(path, EVENTS)
    assert not snapshot_path(path).with_name(snapshot_path(path).name + ".new").exists()
    from_tables, restored = whole.restored_twice(path)
    assert restored.is_from_snapshot
    check_equal(from_tables, restored)
    with whole.opened(path) as stopped:
        assert_same(stopped.query, derive(EVENTS))
