"""Segments are read once after a start: one that changed is told, and nothing stops for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from hand_made_store import NOW, Store, Story, day
from linktide_process import wait_until

from linktide.metrics.values import Metrics
from linktide.segment_watch import SegmentWatch
from linktide.store.segments import SegmentMover

if TYPE_CHECKING:
    from pathlib import Path


def move(store: Store, begin: int) -> None:
    story = Story().link(begin + 1, f"a.com/{begin}", "b.com/")
    for number in range(begin, begin + 50):
        story.event(begin + 1, 1, day(number / 100), number)
    store.put(story)
    SegmentMover(store.database, lambda: NOW, is_alone=False).move_all()


def files_of(store: Store) -> list[Path]:
    return sorted(store.database.parts.segment_folder.iterdir())


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def watched(store: Store, watch: SegmentWatch) -> None:
    watch.begin(store.database)
    wait_until(lambda: watch.told()["checked"] == watch.told()["named"], "all were read")
    watch.end()


def test_a_segment_that_changed_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    watch = SegmentWatch(metrics)
    with Store(tmp_path / "a.duckdb") as store:
        move(store, 0)
        move(store, 50)
        watched(store, watch)
        assert watch.told() == {"named": 2, "checked": 2, "damaged": []}
        assert metrics.value("linktide_store_damaged_segments") == 0
        assert not caplog.records
        again = SegmentWatch(metrics)
        first, second = files_of(store)
        flip(first)
        second.unlink()
        for _ in range(2):
            watched(store, again)
        assert again.told() == {"named": 2, "checked": 2, "damaged": [first.name, second.name]}
        assert metrics.value("linktide_store_damaged_segments") == 2
        # The writer goes on.
        store.put(Story().link(500, "c.com/", "b.com/").event(500, 1, day(3), 999))
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 2
    assert f"linktide forget --segment {first.name}" in told[0].getMessage()


def test_what_one_session_read_the_next_does_not(tmp_path: Path) -> None:
    watch = SegmentWatch(Metrics())
    with Store(tmp_path / "a.duckdb") as store:
        move(store, 0)
        watched(store, watch)
        flip(files_of(store)[0])
        watched(store, watch)
        assert watch.told()["damaged"] == []


def test_what_the_manifest_no_longer_has_is_no_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = SegmentWatch(Metrics())
    with Store(tmp_path / "a.duckdb") as store:
        move(store, 0)
        rows = store.all("SELECT file_name, checksum FROM internal.segments")
        store.database.connection.execute("DELETE FROM internal.segments").fetchall()
        files_of(store)[0].unlink()
        watch._check(store.database, rows)  # noqa: SLF001 -- between the two reads
    assert watch.told()["damaged"] == []
    assert not caplog.records


@pytest.mark.timeout(60)
def test_the_end_does_not_wait_for_a_slow_reading(tmp_path: Path) -> None:
    watch = SegmentWatch(Metrics(), bytes_per_second=1.0)
    with Store(tmp_path / "a.duckdb") as store:
        move(store, 0)
        flip(files_of(store)[0])
        watch.begin(store.database)
        watch.end()
        watch.end()
    # What was read in part is neither sound nor damaged.
    assert watch.told() == {"named": 1, "checked": 0, "damaged": []}
