"""A published file: whole by itself, read by both DuckDBs wherever it lies; what fails leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hand_made_store import NOW, Store, Story, day

from linktide.errors import (
    ConfigError,
    DatabaseDamagedError,
    DiskFullError,
    LinktideError,
    RetryError,
)
from linktide.store import publish as room
from linktide.store.copying import FileCopy
from linktide.store.public_names import VIEWS
from linktide.store.publish import Order, publish, published_path
from linktide.store.segments import SegmentMover
from linktide.store.stopped import open_stopped

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY = "500MB"
OLDER_DUCKDB = Path(sys.prefix) / "duckdb-1.5" / "bin" / "python"
EVENTS = 12


class Script:
    """The service's side, in the same process: steps it heard, and what happens at them."""

    def __init__(self, **at: Callable[[], object]) -> None:
        self.steps: list[str] = []
        self.is_sound = True
        self.at = at

    def backup(self, step: str, token: str = "") -> dict[str, object]:
        assert bool(token) == (step != "hold")
        self.steps.append(step)
        self.at.get(step, lambda: None)()
        return {"token": "t", "is_sound": self.is_sound, "still_seconds": 0.25}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with a link whose events lie in a segment, and one of the file itself; a WAL beside it."""
    path = tmp_path / "live" / "links.duckdb"
    path.parent.mkdir()
    with Store(path) as store:
        story = Story().link(1, "a.com/x", "b.com/").state(1, 1).life(1, day(0))
        for off in range(EVENTS):
            story.event(1, 1, day(off), off)
        store.put(story, day(EVENTS), offsets=(None, EVENTS))
        SegmentMover(store.database, lambda: NOW, is_alone=False).move_all()
        assert store.database.connection.execute("SELECT count(*) FROM internal.segments").fetchall() == [
            (1,)
        ]
        # As a service leaves it that is killed: the newest rows are in the WAL alone.
        story = Story().link(2, "c.com/x", "b.com/").state(2, 1)
        store.put(story, day(EVENTS + 1), offsets=(EVENTS, EVENTS + 1))
        for file in (path, path.with_name("links.duckdb.wal")):
            shutil.copy(file, file.with_name(f"kept-{file.name}"))
    for file in list(path.parent.glob("kept-*")):
        # Not of this instant: a copy looks again at what may just have been written.
        os.utime(file, (EVENTS, EVENTS))
        file.replace(file.with_name(file.name.removeprefix("kept-")))
    return path


@pytest.fixture
def order(database: Path) -> Order:
    return Order(database, published_path(database), MEMORY, 0)


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def beside(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir() if "snapshot" in file.name)


def test_the_name_of_a_snapshot_file() -> None:
    assert published_path(Path("/x/linktide.duckdb")) == Path("/x/linktide.snapshot.duckdb")
    assert published_path(Path("/x/links")) == Path("/x/links.snapshot")


def test_a_copy_elsewhere_answers_every_view(order: Order, tmp_path: Path) -> None:
    holder = Script()
    published = publish(order, holder)
    assert holder.steps == ["hold", "still", "release"]
    assert beside(order.target) == [order.target.name]
    assert (published.bytes, published.still_seconds) == (order.target.stat().st_size, 0.25)
    elsewhere = tmp_path / "elsewhere" / "renamed.duckdb"
    elsewhere.parent.mkdir()
    shutil.copy(order.target, elsewhere)
    shutil.rmtree(order.source.parent)
    found = {name: query(elsewhere, f"SELECT count(*) FROM {name}")[0][0] for name in VIEWS}  # noqa: S608
    assert (found["links"], found["new_lost"]) == (2, 1)
    assert query(elsewhere, "SELECT source_domain FROM links_of('b.com') ORDER BY 1") == [
        ("a.com",),
        ("c.com",),
    ]
    with open_stopped(elsewhere) as readers:
        assert readers.query("SELECT count(*) AS n FROM links").table.to_pylist() == [{"n": 2}]


@pytest.mark.skipif(not OLDER_DUCKDB.exists(), reason="`make test` installs DuckDB 1.5 for it")
def test_the_duckdb_before_reads_it(order: Order) -> None:
    publish(order, Script())
    program = (
        "import duckdb, json, sys\n"
        "c = duckdb.connect(sys.argv[1], read_only=True)\n"
        "print(json.dumps([duckdb.__version__] + [c.execute(f'SELECT count(*) FROM {n}').fetchone()[0]"
        " for n in sys.argv[2:]]))\n"
    )
    done = subprocess.run(
        [OLDER_DUCKDB, "-c", program, order.target, *VIEWS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    version, *counts = json.loads(done.stdout)
    assert version.startswith("1.5.")
    assert dict(zip(VIEWS, counts, strict=True))["links"] == 2


def test_secrets_stay_in_the_database(order: Order) -> None:
    seed = query(order.source, "SELECT value FROM internal.settings WHERE name = 'hash_seed'")[0][0]
    publish(order, Script())
    told = query(order.target, "SELECT name, value FROM internal.settings")
    assert str(seed) not in str(told)
    assert dict(told)["hash_seed"] == "withheld from snapshot files"
    # Nobody can take it for a database to go on with.
    with pytest.raises(DatabaseDamagedError, match="withheld"), Store(order.target):
        pass


def test_the_live_file_is_read_only(order: Order) -> None:
    wal = order.source.with_name("links.duckdb.wal")
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in (order.source, wal)]
    publish(order, Script())
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in (order.source, wal)] == before


def test_commits_at_every_step_are_in_it_or_after_it(order: Order) -> None:
    """Whatever is written before the last standstill is published, what comes after is not."""
    live = duckdb.connect(str(order.source), config={"checkpoint_threshold": "8GB"})
    rows = iter(range(100))

    def add(bulk: int = 1) -> None:
        # Hashes: what compresses to nothing takes no block.
        live.execute(f"INSERT INTO internal.probe SELECT {next(rows)}, hash(range) FROM range({bulk})")  # noqa: S608

    try:
        live.execute("CREATE TABLE internal.probe (n INTEGER, h UBIGINT)")
        holder = Script(hold=add, still=lambda: add(200_000), go=add, release=add)
        # The other process of a service, for which opening and closing this file is harmless, is this one:
        # DuckDB keeps its own handle, and nobody else opens it meanwhile.
        publish(order, holder)
    finally:
        live.close()
    stands = holder.steps.count("still")
    assert stands > 1  # bulk rows go into the file itself, so it was copied again
    assert holder.steps[-1] == "release"
    found = query(order.target, "SELECT count(*), count(DISTINCT n) FROM internal.probe")
    assert found == [(1 + stands * 200_000 + stands - 1, 2 * stands)]


@pytest.fixture(params=["void", "refused", "disk", "damaged", "killed"])
def failing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Script:
    """What can end a round before its file is in place."""
    script = Script()

    def fail(error: BaseException) -> Callable[[], None]:
        def raise_it(*_: object, **__: object) -> None:
            raise error

        return raise_it

    if request.param == "void":
        script.is_sound = False
    elif request.param == "refused":
        script.at["still"] = fail(RetryError("the store is closed"))
    elif request.param == "disk":
        monkeypatch.setattr(FileCopy, "write_rest", fail(OSError(28, "No space left on device")))
    elif request.param == "damaged":
        monkeypatch.setattr(room, "check_wal", fail(DatabaseDamagedError("made up")))
    else:
        monkeypatch.setattr(room, "connect", fail(KeyboardInterrupt()))
    return script


def test_a_round_that_fails_leaves_the_file_before_and_nothing_else(order: Order, failing: Script) -> None:
    order.target.write_bytes(b"before")
    known = replace(order, known_inode=order.target.stat().st_ino)
    with pytest.raises((LinktideError, KeyboardInterrupt)):
        publish(known, failing)
    assert order.target.read_bytes() == b"before"
    assert beside(order.target) == [order.target.name]
    assert failing.steps[-1] == "release"


def test_litter_of_a_killed_process_goes_with_the_next_round(order: Order) -> None:
    part = order.target.with_name(f"{order.target.name}.part")
    for name in (part.name, f"{part.name}.wal", f"{part.name}.wal.checkpoint"):
        part.with_name(name).write_bytes(b"half a copy")
    part.with_name(f"{part.name}.tmp").mkdir()
    (part.with_name(f"{part.name}.tmp") / "spilled").write_bytes(b"x")
    mine = order.target.with_name("links.snapshot.duckdb.partial notes")
    mine.write_text("not ours")
    publish(order, Script())
    assert beside(order.target) == [order.target.name, mine.name]
    assert query(order.target, "SELECT count(*) FROM links") == [(2,)]


def test_too_little_room_is_told_before_anything_is_held(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil has it
    size = order.source.stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(0, 0, size + 1000))
    holder = Script()
    with pytest.raises(DiskFullError, match="publish_path"):
        publish(order, holder)
    assert (holder.steps, beside(order.target)) == ([], [])
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(0, 0, 3 * size))
    publish(order, holder)
    with pytest.raises(DiskFullError, match="min_free_bytes"):
        publish(replace(order, min_free_bytes=3 * size), holder)


def test_what_is_no_snapshot_of_ours_is_never_replaced(order: Order, tmp_path: Path) -> None:
    notes = tmp_path / "notes.duckdb"
    duckdb.connect(str(notes)).execute("CREATE TABLE mine AS SELECT 1 AS n").close()
    text = tmp_path / "text.duckdb"
    text.write_text("a text")
    other = tmp_path / "other.duckdb"
    with Store(other):
        pass
    for target in (notes, text, other):
        before = target.read_bytes()
        holder = Script()
        with pytest.raises(ConfigError, match="publish_path"):
            publish(replace(order, target=target), holder)
        assert (target.read_bytes(), holder.steps) == (before, [])
    # One of ours is, by a service that has not made it itself.
    publish(order, Script())
    publish(order, Script())
    with pytest.raises(ConfigError, match="does not exist"):
        publish(replace(order, target=tmp_path / "none" / "x.duckdb"), Script())


def test_a_reader_of_the_file_before_is_not_disturbed(order: Order) -> None:
    publish(order, Script())
    with duckdb.connect(str(order.target), read_only=True) as reading:
        inode = order.target.stat().st_ino
        publish(replace(order, known_inode=inode), Script())
        assert order.target.stat().st_ino != inode
        assert reading.execute("SELECT count(*) FROM links").fetchall() == [(2,)]
