"""Old answers of pages that define nothing expire; whatever else happens nothing else does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from hand_made_store import Store, Story, day
from thin_kit import next_offset, thin, thin_until_killed

from linktide.store.page_thinning import PAGE_THIN_POINTS
from linktide.store.thinning import Thinner, ThinRule

if TYPE_CHECKING:
    from pathlib import Path

PAGE = 2**62 + crc32(b"a.com/x")
KEPT = "SELECT off FROM internal.page_snapshots ORDER BY off"
ERASED = "SELECT value FROM internal.settings WHERE name = 'pages_thinned_rows'"
STAYS = [0, 69, *range(70, 100)]
"""Of a page that says the same a hundred days, thirty of them within the horizon."""
CLOCK = day(100)


def crawled(days: int = 100) -> Story:
    """One link, listed once a day; its state as a batch would leave it."""
    story = Story().link(1, "a.com/x", "b.com/").add("page_sets", set_id=5, link_id=1)
    for number in range(days):
        story.page(PAGE, day(number), number, set_id=5, loss_reason="removedfromhtml")
    return story.state(1, 1, started_at=day(0), last_seen=day(0)).life(1, day(0))


def put(store: Store, story: Story) -> None:
    before = next_offset(store)
    store.put(story, CLOCK, offsets=(before, 1000 if before is None else before + 1))


def kept(store: Store) -> list[int]:
    return [off for (off,) in store.all(KEPT)]


def test_of_answers_that_say_the_same_the_first_and_the_last_before_the_horizon_stay(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        put(store, crawled())
        thinner = thin(store)
        assert kept(store) == STAYS
        assert thinner.take_counts() == (68, 0)
        # The horizon has not moved: nobody looks again, not after a start either.
        assert thin(store, at=pytest.fail).take_counts() == (0, 0)
    with Store(tmp_path / "a.duckdb") as store:
        assert kept(store) == STAYS


def test_nothing_goes_unless_asked(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        put(store, crawled())
        thin(store, days=0)
        assert kept(store) == list(range(100))
        assert thin(store, days=120).take_counts() == (0, 0)
        assert kept(store) == list(range(100))


def test_where_an_answer_differs_it_stays_with_its_neighbours(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        story = crawled()
        answers = story.records["page_snapshots"]
        story.add("page_sets", set_id=6, link_id=1, anchor="a")
        answers[10] |= {"set_id": 6}
        answers[20] |= {"loss_reason": None}
        answers[30] |= {"accepts_losses": False}
        answers[40] |= {"set_id": None, "loss_reason": "notfound"}
        for number in (50, 51, 52, 53):
            answers[number] |= {"set_id": None, "loss_reason": "pageerror"}
        # Two of one instant stay, whatever they say.
        answers[61] |= {"observed_at": day(60)}
        put(store, story)
        thin(store)
        assert [off for off in kept(store) if off < 70] == [
            0, 9, 10, 11, 19, 20, 21, 29, 30, 31, 39, 40, 41, 49, 50, 51, 52, 53, 54, 60, 61, 69,
        ]  # fmt: skip
        unnamed = "SELECT set_id FROM internal.page_sets ANTI JOIN internal.page_snapshots USING (set_id)"
        assert store.all(unnamed) == []


def test_what_its_links_need_stays(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        story = crawled().link(2, "a.com/x", "c.com/", attributes_at=day(60))
        story.life(1, day(5), last_alive_at=day(10), lost_at=day(15), confirmed_at=day(20))
        story.attribute(1, "anchor", day(25), "a")
        story.event(1, 2, day(30), 500, source_key=PAGE)
        story.event(2, 3, day(34.5), 501, source_key=PAGE, lost_reason="pageerror")
        story.event(2, 3, day(40.5), 502, source_key=PAGE)
        # It observes nothing; and this is another page.
        story.event(1, 7, day(50), 503, source_key=PAGE).event(1, 3, day(55), 504, source_key=1)
        put(store, story)
        thin(store)
        assert [off for off in kept(store) if off < 70] == [0, 5, 10, 15, 20, 25, 30, 35, 36, 37, 60, 69]


def test_the_last_answer_that_told_a_field_of_the_page_stays(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        story = crawled()
        told = {
            10: {"title": "T", "generator": "x"},
            20: {"title": "T", "language": "de", "note": "of nobody's"},
            30: {"title": "U", "words": 7},
            40: {"language": "", "note": "b"},
            # Younger than the horizon: the older one of them defines nothing.
            90: {"words": 9},
        }
        for number, fields in told.items():
            story.records["page_snapshots"][number] |= {"extra": json.dumps(fields)}
        put(store, story)
        before = store.all("FROM internal.page_told")
        thin(store)
        assert [off for off in kept(store) if off < 70] == [0, 10, 20, 30, 69]
        assert store.all("FROM internal.page_told") == before
        # What comes later counts, with what stayed.
        put(store, Story().page(PAGE, day(71.5), 900, extra=json.dumps({"title": "V"}), set_id=5,
                                loss_reason="removedfromhtml"))  # fmt: skip
        assert store.all("SELECT title, words, generator FROM internal.page_told") == [("V", "9", "x")]


def test_every_share_and_every_slice_is_done(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        story = Story()
        for number in range(7 * 60):
            page = number % 7 * (2**64 // 7) + 1
            story.page(page, day(number // 7), number, loss_reason="removedfromhtml")
        put(store, story)
        steps: list[str] = []
        thinner = Thinner(store.database, ThinRule(50), at=steps.append, is_alone=False)
        thinner.pages.share_rows, thinner.pages.stretch_rows, thinner.pages.slice_rows = 30, 50, 10
        thinner.pages.rows_per_checkpoint = 10
        thinner.thin_all()
        # Days 0 to 49 are older; of each page the first and the last of them stay.
        assert kept(store) == [*range(7), *range(49 * 7, 60 * 7)]
        assert thinner.take_counts() == (7 * 48, 0)
        assert store.all("SELECT value FROM internal.settings WHERE name = 'pages_thinned_rows'") == [
            ("336",)
        ]
        assert steps.count("thin-pages") > 5
        assert steps.count("pages-thinned") > 34


def test_not_much_is_erased_between_two_checkpoints(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        put(store, crawled())
        thinner = Thinner(store.database, ThinRule(30), is_alone=False)
        thinner.pages.slice_rows, thinner.pages.rows_per_checkpoint = 10, 20
        erased = []
        while thinner.step() or thinner.is_busy:
            if thinner.pages.is_waiting:
                assert not thinner.step()
                store.all("CHECKPOINT")
                erased.append(100 - len(kept(store)))
        # A slice takes what it takes: it may be the one too many.
        assert len(erased) >= 2
        assert all(one >= 20 for one in erased)
        assert kept(store) == STAYS


@pytest.mark.parametrize("is_link", [False, True])
def test_a_page_of_which_something_old_comes_meanwhile_is_spared(tmp_path: Path, is_link: bool) -> None:  # noqa: FBT001
    with Store(tmp_path / "a.duckdb") as store:
        other = Story().page(7, day(1), 500).page(7, day(2), 501).page(7, day(3), 502)
        put(store, other)
        put(store, crawled())
        late = Story().link(1, "a.com/x", "b.com/")
        late.records.clear()
        if is_link:
            late.event(1, 3, day(20.5), 600, source_key=PAGE, lost_reason="pageerror")
        else:
            late.page(PAGE, day(20.5), 600, set_id=5)

        def at(point: str) -> None:
            if point == "thin-pages-found" and late.records:
                put(store, late)
                late.records.clear()

        thinner = thin(store, at=at)
        assert [off for off in kept(store) if off < 600] == [*range(100), 500, 502]
        assert thinner.horizon_us is not None
        thinner.count_late()
        assert thinner.take_counts() == (1, 0 if thinner._counted_rev == 0 else 1)  # noqa: SLF001


def test_late_events_are_counted(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        put(store, crawled())
        thinner = thin(store)
        more = Story().link(1, "a.com/x", "b.com/").event(1, 2, day(5), 300).event(1, 2, day(99), 301)
        more.records.pop("links")
        put(store, more.page(1, day(6), 302))
        assert Thinner(store.database, ThinRule(30)).horizon_us == thinner.horizon_us
        thinner.count_late()
        thinner.count_late()
        assert thinner.take_counts() == (68, 2)


def test_a_thread_of_its_own_finds_them(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        put(store, crawled())
        thinner = Thinner(store.database, ThinRule(30))
        assert thinner.step()
        assert thinner.is_busy
        while thinner.is_busy:
            thinner.step()
        assert kept(store) == STAYS


@pytest.mark.slow
@pytest.mark.parametrize("point", PAGE_THIN_POINTS)
def test_killed_at_any_point_it_holds_all_or_what_stays(tmp_path: Path, point: str) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        put(store, crawled())
    thin_until_killed(tmp_path / "a.duckdb", point)
    check_after_a_stop(tmp_path / "a.duckdb", point)


@pytest.mark.parametrize("point", PAGE_THIN_POINTS)
def test_a_thinning_that_dies_loses_nothing_and_is_done_again(tmp_path: Path, point: str) -> None:
    def at(name: str) -> None:
        if name == point:
            raise RuntimeError(point)

    with Store(tmp_path / "a.duckdb") as store:
        put(store, crawled())
        with pytest.raises(Exception, match=point):
            thin(store, at=at)
    check_after_a_stop(tmp_path / "a.duckdb", point)


def check_after_a_stop(path: Path, point: str) -> None:
    with Store(path) as store:
        is_erased = point == "pages-thinned"
        assert kept(store) == (STAYS if is_erased else list(range(100)))
        assert store.all(ERASED) == ([("68",)] if is_erased else [])
        thin(store)
        assert kept(store) == STAYS
