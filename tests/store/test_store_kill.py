from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hand_made_store import PARTITION, Store

from linktide.store.rebuild import read_positions, read_writer
from linktide.store.writer import FAIL_POINTS

ROWS = 50
WRITER = """
import os, pathlib, signal, sys
from hand_made_store import Store, Story, day
from linktide.store.rebuild import read_positions, read_writer
path, point, countdown = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def at(name):
    global countdown
    countdown -= name == point
    if name == point and countdown <= 0:
        os.kill(os.getpid(), signal.SIGKILL)

with Store(path) as store:
    store.writer.at = at
    positions = read_positions(store.database)
    stored = next((one.next_offset for one in positions.values()), None)
    for _ in range(int(sys.argv[4])):
        begin = stored or 0
        story = Story().link(1, "a.com/x", "b.com/")
        for off in range(begin, begin + 50):
            story.event(1, 1, day(off / 1000), off)
        store.put(story, day(1), offsets=(stored, begin + 50))
        stored = begin + 50
        print(read_writer(store.database).rev, flush=True)
        if stored % 150 == 0:
            store.writer.checkpoint()
"""


def run_writer(path: Path, point: str, countdown: int, batches: int) -> tuple[int, int]:
    """Run a writer until it is killed or has written all; return its exit code and last rev it told."""
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(path), point, str(countdown), str(batches)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join([str(Path(__file__).parent), *sys.path])},
    )
    told = [int(line) for line in done.stdout.split()]
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, max(told, default=0)


def check_invariants(path: Path) -> int:
    """Check that the file holds whole batches only; return its rev."""
    with Store(path) as store:
        rev = read_writer(store.database).rev
        positions = read_positions(store.database)
        found = store.all(
            "SELECT count(*), count(DISTINCT off), count(DISTINCT rev) FROM internal.link_events"
        )[0]
        assert found == (rev * ROWS, rev * ROWS, rev)
        assert store.all("SELECT count(*) FROM internal.links") == [(rev,)]
        assert store.all("SELECT coalesce(sum(events), 0) FROM internal.source_offsets") == [(rev * 5,)]
        if rev:
            assert positions[PARTITION].next_offset == rev * ROWS
    return rev


@pytest.mark.slow
def test_killed_at_any_point_it_holds_whole_batches_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    chance = random.Random(7)
    last = 0
    for point in (*FAIL_POINTS, *chance.choices(FAIL_POINTS, k=3)):
        code, told = run_writer(path, point, chance.randint(1, 3), batches=12)
        assert code == -signal.SIGKILL
        rev = check_invariants(path)
        # What was told is there; one batch more may be, if it was killed between the commit and telling.
        assert max(told, last) <= rev <= max(told, last) + 1
        assert not (point == "committed" and rev == max(told, last))
        last = rev
    assert run_writer(path, "none", 0, batches=3) == (0, last + 3)
    assert check_invariants(path) == last + 3
