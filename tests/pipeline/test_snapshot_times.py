"""When snapshots are written, and what is told if that fails."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from linktide.config import load
from linktide.metrics.values import Metrics
from linktide.restore import index_options, restore_index
from linktide.snapshot import Snapshots, snapshot_path
from linktide.store.database import Database, StoreSettings
from linktide.store.writer import StoreWriter
from pipeline import whole
from pipeline.test_scores import chunks_of
from pipeline.test_trust import SETTINGS, web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from linktide.index import LinkIndex

EVERY = 600.0


@dataclass
class Desk:
    """Snapshots of an open database, with a clock that stands until it is moved."""

    snapshots: Snapshots
    writer: StoreWriter
    index: LinkIndex
    metrics: Metrics
    clock: list[float] = field(default_factory=lambda: [1000.0])

    def step(self, seconds: float = 0.0) -> None:
        self.clock[0] += seconds
        self.snapshots.step(self.writer, self.index)

    def step_until_over(self) -> None:
        # A disk may take its time; how often it is asked is no matter.
        for _ in range(1_000_000):
            self.step()
            if not self.snapshots.is_under_way:
                return
        raise AssertionError("the snapshot is never over")

    def store_something(self) -> None:
        self.writer.database.connection.execute("UPDATE internal.writer SET rev = rev + 1").fetchall()

    def count(self, outcome: str) -> float:
        return self.metrics.value("linktide_index_snapshots_total", outcome)


@contextmanager
def desk(tmp_path: Path, every_seconds: float = EVERY) -> Iterator[Desk]:
    path = tmp_path / "links.duckdb"
    whole.run(path, [whole.memory_of(chunks_of(web(2, count=300), 50))], **SETTINGS, snapshot_every_seconds=0)
    database = Database.open(StoreSettings(path), whole.none_new, datetime.now(UTC))
    try:
        config = load(flags={"database": path, **SETTINGS}, environ={}, folder=tmp_path)
        metrics, clock = Metrics(), [1000.0]
        snapshots = Snapshots(
            path, every_seconds, metrics, now_us=lambda: int(clock[0] * 1e6), monotonic=lambda: clock[0]
        )
        index = restore_index(
            database, index_options(config, database.pins.hash_seed), snapshots.kept(database)
        )
        snapshots.opened(database, index, 1.5)
        writer = StoreWriter(database, now=lambda: datetime.now(UTC))
        yield Desk(snapshots, writer, index, metrics, clock)
    finally:
        database.close()


def test_one_is_written_when_it_is_time_and_something_changed(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        file = snapshot_path(here.writer.database.path)
        here.step(EVERY - 1)
        assert (here.snapshots.is_under_way, file.exists()) == (False, False)
        here.step(1)
        here.step_until_over()
        assert (here.count("written"), here.count("failed")) == (1, 0)
        told = here.snapshots.told()
        assert (told["bytes"], told["restored_from"]) == (file.stat().st_size, "tables")
        here.clock[0] += 5
        assert here.snapshots.told()["age_seconds"] == 5
        first = file.read_bytes()
        here.step(EVERY)
        here.snapshots.finish(here.writer, here.index)
        assert (here.count("written"), file.read_bytes()) == (1, first)
        here.store_something()
        here.step(EVERY - 1)
        assert not here.snapshots.is_under_way
        here.step(1)
        here.step_until_over()
        assert (here.count("written"), file.read_bytes() == first) == (2, False)
        here.store_something()
        here.snapshots.finish(here.writer, here.index)
        assert here.count("written") == 3


def test_none_is_written_if_they_are_off(tmp_path: Path) -> None:
    with desk(tmp_path, 0) as here:
        here.step(1e9)
        here.snapshots.finish(here.writer, here.index)
        assert not snapshot_path(here.writer.database.path).exists()
        assert here.snapshots.kept(here.writer.database) is None


def test_a_full_disk_is_told_once_and_the_one_before_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with desk(tmp_path) as here:
        file = snapshot_path(here.writer.database.path)
        here.snapshots.finish(here.writer, here.index)
        before = file.read_bytes()
        here.store_something()
        caplog.clear()
        file.with_name(file.name + ".new").symlink_to("/dev/full")
        here.step(EVERY)
        for _ in range(10):
            here.step(1)
        assert (here.count("failed"), file.read_bytes()) == (1, before)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "No space left" in caplog.text
        here.step(EVERY)
        here.step_until_over()
        assert (here.count("written"), here.count("failed")) == (2, 1)


def test_other_seeds_begin_it_again(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.step(EVERY)
        options = index_options(
            load(flags={"database": tmp_path / "links.duckdb"}, environ={}, folder=tmp_path), 1
        )
        if here.snapshots.is_under_way:
            here.index.set_seeds(options.seeds)
            here.step()
        here.step_until_over()
        assert here.count("failed") == 0
        here.step()
        here.step_until_over()
        assert here.count("written") == 1
