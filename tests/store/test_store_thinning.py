"""Old sightings that define nothing leave their segment; whatever else happens nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hand_made_store import NOW, Store, Story, day
from thin_kit import next_offset, thin, thin_until_killed

from linktide.store.segments import SegmentMover
from linktide.store.thinning import THIN_POINTS, Thinner, ThinRule

if TYPE_CHECKING:
    from pathlib import Path

KEPT = "SELECT off FROM internal.link_events ORDER BY off"
CLOCK = day(100)


def crawled(days: int, **carried: object) -> Story:
    """One link, sighted once a day; its state as a batch would leave it."""
    story = Story().link(1, "a.com/x", "b.com/")
    for number in range(days):
        story.event(1, 2, day(number), number, **carried)
    return story.state(1, 1, started_at=day(0), last_seen=day(days - 1)).life(1, day(0))


def segment_of(store: Store, story: Story) -> None:
    store.put(story, CLOCK, offsets=(next_offset(store), 1000))
    SegmentMover(store.database, lambda: NOW, is_alone=False).move_all()


def kept(store: Store) -> list[int]:
    return [off for (off,) in store.all(KEPT)]


def test_of_a_life_its_first_sighting_and_the_last_before_the_horizon_stay(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        segment_of(store, crawled(100))
        thinner = thin(store)
        assert kept(store) == [0, 69, *range(70, 100)]
        assert thinner.take_counts() == (68, 0)
        assert store.all("SELECT row_count, thinned_rows FROM internal.segments") == [(32, 68)]
        # Nothing is written again for nothing.
        assert thin(store).take_counts() == (0, 0)
    with Store(tmp_path / "a.duckdb") as store:
        assert kept(store) == [0, 69, *range(70, 100)]


def test_nothing_goes_unless_asked_and_worth_it(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        segment_of(store, crawled(100))
        thin(store, days=0)
        assert kept(store) == list(range(100))
        assert store.all("SELECT thinned_before_at FROM internal.segments") == [(None,)]
        thin(store, days=92)
        assert kept(store) == list(range(100))
        assert store.all("SELECT thinned_rows, thinned_before_at IS NULL FROM internal.segments") == [
            (0, False)
        ]


def test_the_last_sighting_that_carries_a_field_stays(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        story = crawled(100)
        for number, carried in enumerate((
            {"anchor": "a"}, {"anchor": "a"}, {"anchor": "a"}, {"extra": '{"title":"T"}'},
            {"extra": '{"title": "U", "alt": ""}'}, {"extra": '{"title":"T"}'},
            {"extra": '{"title":"\\udc00"}'},
        )):  # fmt: skip
            story.event(1, 2, day(10.5 + number), 500 + number, **carried)
        segment_of(store, story)
        thin(store)
        assert [off for off in kept(store) if off >= 500] == [502, 504, 505, 506]


def test_what_holds_a_life_together_stays(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        story = crawled(100)
        story.event(1, 3, day(10.5), 500, lost_reason="pageerror").event(1, 3, day(20), 501)
        story.event(1, 7, day(15.5), 502)
        story.page(1, day(30.5), 503, loss_reason="pageerror").page(1, day(40), 504, loss_reason="notfound")
        story.page(1, day(50.5), 505, loss_reason="pageerror", accepts_losses=False)
        story.attribute(1, "anchor", day(60), "a")
        segment_of(store, story)
        thin(store)
        assert [off for off in kept(store) if off < 70] == [0, 11, 12, 13, 20, 31, 32, 33, 40, 60, 69]
        assert [off for off in kept(store) if off >= 500] == [500, 501]


def test_a_link_that_nobody_has_seen_stays_known(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        story = crawled(40).link(2, "c.com/x", "b.com/")
        for number in range(3):
            story.event(2, 7, day(number), 500 + number).event(1, 7, day(number + 0.5), 510 + number)
        segment_of(store, story)
        thin(store)
        assert [off for off in kept(store) if off >= 500] == [500]


def test_other_segments_and_the_hot_part_are_heard(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        segment_of(store, crawled(40))
        # A later sighting in another segment, a twin of one instant, a loss of its own.
        later = Story().link(1, "a.com/x", "b.com/").event(1, 2, day(50), 200).event(1, 2, day(5), 201)
        later.records.pop("links")
        segment_of(store, later.state(1, 1, started_at=day(0), last_seen=day(90)))
        hot = Story().link(1, "a.com/x", "b.com/").event(1, 3, day(20), 300).event(1, 2, day(60), 301)
        hot.records.pop("links")
        store.put(hot, CLOCK, offsets=(1000, 1001))
        thin(store)
        assert kept(store) == [0, 5, 20, 201, 300, 301]


def test_what_arrives_while_the_file_is_written_makes_it_void(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        segment_of(store, crawled(100))
        late = Story().link(1, "a.com/x", "b.com/").event(1, 3, day(20.5), 300)
        late.records.pop("links")

        def at(point: str) -> None:
            if point == "thin-renamed" and late.records:
                store.put(late, CLOCK, offsets=(1000, 1001))
                late.records.clear()

        thinner = thin(store, at=at)
        assert kept(store) == [*range(100), 300]
        assert len(list(store.database.parts.segment_folder.iterdir())) == 1
        thinner._looked_at = float("-inf")  # noqa: SLF001 - a minute later
        thinner.thin_all()
        assert kept(store) == [0, 69, *range(70, 100), 300]


def test_late_events_are_counted(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        segment_of(store, crawled(100))
        thinner = thin(store)
        more = Story().link(1, "a.com/x", "b.com/").event(1, 2, day(5), 300).event(1, 2, day(99), 301)
        more.records.pop("links")
        store.put(more.page(1, day(6), 302), CLOCK, offsets=(1000, 1001))
        thinner.count_late()
        thinner.count_late()
        assert thinner.take_counts() == (68, 2)


def test_old_files_go_when_nobody_can_read_them_any_more(tmp_path: Path) -> None:
    clock = [0.0]
    with Store(tmp_path / "a.duckdb") as store:
        segment_of(store, crawled(100))
        thinner = Thinner(store.database, ThinRule(30), lambda: clock[0], is_alone=False)
        thinner.thin_all()
        folder = store.database.parts.segment_folder
        assert len(list(folder.iterdir())) == 2
        thinner.drop_replaced()
        assert len(list(folder.iterdir())) == 2
        clock[0] = 10_000
        thinner.drop_replaced()
        assert [path.name for path in folder.iterdir()] == [
            name for (name,) in store.all("SELECT file_name FROM internal.segments")
        ]


def test_a_thread_of_its_own_writes_the_file(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        segment_of(store, crawled(100))
        thinner = Thinner(store.database, ThinRule(30))
        assert thinner.step()
        assert thinner.is_busy
        while not thinner.step():
            pass
        assert kept(store) == [0, 69, *range(70, 100)]
        assert not thinner.is_busy


@pytest.mark.slow
@pytest.mark.parametrize("point", THIN_POINTS)
def test_killed_at_any_point_it_holds_all_or_what_stays(tmp_path: Path, point: str) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        segment_of(store, crawled(100))
    thin_until_killed(tmp_path / "a.duckdb", point)
    with Store(tmp_path / "a.duckdb") as store:
        assert kept(store) == (list(range(100)) if point != "thinned" else [0, 69, *range(70, 100)])
        SegmentMover(store.database, lambda: NOW)
        thin(store)
        assert kept(store) == [0, 69, *range(70, 100)]


@pytest.mark.parametrize("point", THIN_POINTS)
def test_a_thinning_that_dies_loses_nothing_and_is_done_again(tmp_path: Path, point: str) -> None:
    def at(name: str) -> None:
        if name == point:
            raise RuntimeError(point)

    with Store(tmp_path / "a.duckdb") as store:
        segment_of(store, crawled(100))
        with pytest.raises(Exception, match=point):
            thin(store, at=at)
    with Store(tmp_path / "a.duckdb") as store:
        assert kept(store) == (list(range(100)) if point != "thinned" else [0, 69, *range(70, 100)])
        SegmentMover(store.database, lambda: NOW)
        thin(store)
        assert kept(store) == [0, 69, *range(70, 100)]
    with Store(tmp_path / "a.duckdb") as store:
        SegmentMover(store.database, lambda: NOW)
        assert {path.name for path in store.database.parts.segment_folder.iterdir()} == {
            name for (name,) in store.all("SELECT file_name FROM internal.segments")
        }
