from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hand_made_store import NOW, Store, Story, day

from linktide.errors import DatabaseDamagedError
from linktide.store.parts import LINK_EVENTS, Kind
from linktide.store.reader import ReaderPool
from linktide.store.rebuild import observations_of
from linktide.store.segments import SEGMENT_POINTS, SegmentMover, SegmentRule
from linktide.store.stopped import open_stopped

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = (
    "SELECT link_id, kind, epoch_us(observed_at), source_id, off, rev FROM internal.link_events ORDER BY ALL"
)


def wanted(*link_ids: int) -> pa.RecordBatch:
    """Links of a page that told nothing."""
    return pa.record_batch({name: pa.array(link_ids, pa.uint64()) for name in ("link_id", "page_key")})


def told(count: int, begin: int = 0) -> Story:
    story = Story().link(1, "a.com/x", "b.com/").link(2, "c.com/y", "d.com/")
    for number in range(begin, begin + count):
        story.event(1 + number % 2, 1 + number % 3, day(number / 100), number)
    return story


def mover_of(store: Store, **values: object) -> SegmentMover:
    return SegmentMover(store.database, lambda: NOW, is_alone=False, **values)  # type: ignore[arg-type]


def test_moved_events_are_read_as_before_by_views_and_by_the_semi_join(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        store.put(told(50))
        before = store.all(EVENTS)
        mover_of(store).move_all()
        assert store.all(EVENTS) == before
        store.put(told(50, 50))
        mover_of(store).move_all()
        store.put(told(10, 100))
        assert len(store.all(EVENTS)) == 110
        found = observations_of(store.database, wanted(1))
        assert found.num_rows == 55
        assert found.schema == observations_of(store.database, wanted()).schema
        assert store.all("SELECT sum(row_count), count(*) FROM internal.segments") == [(100, 2)]
        assert not store.database.parts.of(LINK_EVENTS, Kind.SEALED)
    with Store(tmp_path / "a.duckdb") as store:
        assert len(store.all(EVENTS)) == 110


def test_a_file_on_a_thread_of_its_own_is_named_between_batches(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        store.put(told(50))
        mover = SegmentMover(store.database, lambda: NOW, SegmentRule(rows=50))
        assert mover.step()
        assert mover.step()
        store.put(told(5, 50))
        while not mover.step():  # the file is being written
            pass
        assert len(store.all(EVENTS)) == 55
        assert store.all("SELECT row_count FROM internal.segments") == [(50,)]
        assert not mover.step()


def test_a_file_that_is_stopped_is_written_again(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        store.put(told(50))
        mover = SegmentMover(store.database, lambda: NOW, SegmentRule(rows=50))
        assert mover.step()
        assert mover.step()
        mover.close()
    with Store(tmp_path / "a.duckdb") as store:
        mover_of(store).move_all()
        assert store.all("SELECT row_count FROM internal.segments") == [(50,)]


def test_few_or_young_events_stay(tmp_path: Path) -> None:
    clock = [0.0]
    with Store(tmp_path / "a.duckdb") as store:
        rule = SegmentRule(rows=100, age_seconds=60, least_rows=20)
        mover = SegmentMover(store.database, lambda: NOW, rule, lambda: clock[0], is_alone=False)
        store.put(told(19))
        clock[0] = 100
        assert not mover.step()
        store.put(told(1, 19))
        assert mover.step()


@pytest.mark.parametrize("point", SEGMENT_POINTS)
def test_a_move_that_dies_loses_and_doubles_nothing(tmp_path: Path, point: str) -> None:
    def at(name: str) -> None:
        if name == point:
            raise RuntimeError(point)

    with Store(tmp_path / "a.duckdb") as store:
        store.put(told(30))
        before = store.all(EVENTS)
        with pytest.raises(Exception, match=point):
            mover_of(store, at=at).move_all()
    with Store(tmp_path / "a.duckdb") as store:
        assert store.all(EVENTS) == before
        mover_of(store).move_all()
        assert store.all(EVENTS) == before
        folder = store.database.parts.segment_folder
        assert {path.name for path in folder.iterdir()} == {
            name for (name,) in store.all("SELECT file_name FROM internal.segments")
        }


@pytest.mark.parametrize("damage", ["missing", "shorter"])
def test_a_start_names_the_segment_that_is_not_as_it_was(tmp_path: Path, damage: str) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        store.put(told(30))
        mover_of(store).move_all()
        path = next(store.database.parts.segment_folder.iterdir())
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DatabaseDamagedError, match=path.name):
        Store(tmp_path / "a.duckdb")
    with Store(tmp_path / "a.duckdb", is_checking_segments=False) as store:
        assert store.all("SELECT count(*) FROM links") == [(2,)]


def test_outsiders_read_segments_through_views_and_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("1\n")
    with Store(tmp_path / "a.duckdb") as store:
        store.put(told(30))
        mover_of(store).move_all()
        with ReaderPool.of(store.database) as readers:
            assert readers.query("SELECT count(*) AS n FROM new_lost").table.num_rows == 1
            # The writer goes on after the instance is closed to the outside.
            store.put(told(20, 30))
            mover_of(store).move_all()
            assert len(store.all(EVENTS)) == 50
            with pytest.raises(Exception, match=r"secret|permission|disabled"):
                store.all(f"FROM read_csv('{tmp_path / 'secret.csv'}')")
    with open_stopped(tmp_path / "a.duckdb") as readers:
        assert readers.query("SELECT count(*) AS n FROM new_lost").table.num_rows == 1
