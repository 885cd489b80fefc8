# ruff: noqa: S608 - SQL of the test's own

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hand_made_store import Store, Story, day
from hypothesis import given
from hypothesis import strategies as st
from random_stories import DOMAINS, any_story

from examples import examples
from linktide.store.failure import StoreFailedError
from linktide.store.fold import FOLD_POINTS, Folder, FoldRule
from linktide.store.parts import FAMILIES, Kind, Part
from linktide.store.public_names import VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

TINY = FoldRule(seal_rows=1, slice_seconds=1e-9, slice_rows=4, cell_rows=2)


QUICK = ("links", "link_lives", "link_velocity", "authority_history")
"""Views that show every folded table."""


def shown(store: Store, views: Sequence[str] = VIEWS) -> dict[str, list[str]]:
    """Read views, every one unless some are named."""
    found = {name: store.all(f"SELECT t::VARCHAR FROM {name} t") for name in views}
    return {name: sorted(text for (text,) in rows) for name, rows in found.items()}


@examples(3)
@given(st.integers(0, 2**32), st.data())
def test_no_fold_changes_a_view(
    tmp_path_factory: pytest.TempPathFactory, seed: int, data: st.DataObject
) -> None:
    chance = random.Random(seed)
    path = tmp_path_factory.mktemp("fold") / "a.duckdb"
    store = Store(path)
    is_alone = data.draw(st.booleans())
    folder = Folder(store.database, TINY, is_alone=is_alone)
    known: dict[int, tuple[str, str]] = {}
    try:
        for _ in range(data.draw(st.integers(1, 3))):
            story = any_story(chance, known, data.draw(st.integers(0, 4)))
            store.put(story, day(30))
            known = story.sides
            before = shown(store)
            quick = {name: before[name] for name in QUICK}
            for _ in range(data.draw(st.integers(0, 30))):
                folder.step()
                assert shown(store, QUICK) == quick
            assert shown(store) == before
            if data.draw(st.booleans()):
                folder.close()
                store.close()
                store = Store(path)
                folder = Folder(store.database, TINY, is_alone=is_alone)
                assert shown(store) == before
        before = shown(store)
        folder.fold_all()
        assert shown(store) == before
        check_parts(store)
    finally:
        store.close()


def check_parts(store: Store) -> None:
    """After a fold of all: hot parts are empty, runs hold one row a key, and each table has few parts."""
    parts = store.database.parts
    physical = {name for (name,) in store.all(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'internal'")}  # fmt: skip
    for table, family in FAMILIES.items():
        assert len(parts.of(table)) <= 1 + family.most_runs
        assert not parts.of(table, Kind.SEALED)
        for part in parts.of(table):
            assert part.name in physical
            if part.kind is Kind.RUN and family.key:
                again = f"GROUP BY {', '.join(family.key)} HAVING count(*) > 1"
                assert store.all(f'SELECT 1 FROM internal."{part.name}" {again}') == []


class KilledError(RuntimeError):
    """Stands for kill -9: nothing runs after it on this database."""


def bomb_at(point: str, visit: int) -> Callable[[str], None]:
    seen = 0

    def at(name: str) -> None:
        nonlocal seen
        seen += name == point
        if name == point and seen == visit:
            raise KilledError(point)

    return at


@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", FOLD_POINTS)
@pytest.mark.parametrize("visit", [1, 3])
def test_a_fold_that_dies_leaves_every_view_and_the_next_start_folds_on(
    tmp_path: Path, point: str, visit: int
) -> None:
    chance = random.Random(5)
    path = tmp_path / "a.duckdb"
    with Store(path) as store:
        story = any_story(chance, {}, 6)
        store.put(story, day(30))
        Folder(store.database, TINY).fold_all()
        store.put(any_story(chance, story.sides, 4), day(30))
        before = shown(store, QUICK)
        folder = Folder(store.database, TINY, at=bomb_at(point, visit))
        with pytest.raises(Exception, match=point):  # noqa: PT012 - some points are visited once only
            while visit != 3 or point not in ("seal", "sealed"):
                folder.step()
            raise KilledError(point)
    with Store(path) as store:
        assert shown(store, QUICK) == before
        folder = Folder(store.database, TINY)
        folder.fold_all()
        assert shown(store, QUICK) == before
        check_parts(store)


def waiting_in_a_slice(store: Store, story: Story) -> Folder:
    """Begin to fold it beside the test; who holds the lock of checkpoints keeps the first slice waiting."""
    store.put(story, day(30))
    folder = Folder(store.database, TINY, is_alone=True)
    folder.step()  # seals
    assert folder.step() is None
    return folder


def test_batches_are_stored_while_a_slice_is_written(tmp_path: Path) -> None:
    chance = random.Random(7)
    with Store(tmp_path / "a.duckdb") as store:
        first = any_story(chance, {}, 8)
        with store.database.checkpoint_lock:
            folder = waiting_in_a_slice(store, first)
            store.put(any_story(chance, first.sides, 4), day(30))
            assert folder.step() is None
            before = shown(store)
        folder.rest()
        result = folder.step()
        assert result is not None
        assert result.what == "slice"
        folder.fold_all()
        assert shown(store) == before
        check_parts(store)


def test_a_checkpoint_finds_its_turn_between_slices(tmp_path: Path) -> None:
    chance = random.Random(8)
    with Store(tmp_path / "a.duckdb") as store:
        story = any_story(chance, {}, 8)
        store.put(story, day(30))
        folder = Folder(store.database, TINY, is_alone=True)
        slices = 0
        while folder.is_due():
            result = folder.step()
            slices += result is not None and result.what == "slice"
            assert store.writer.checkpoint().is_done
        assert slices > 5


def test_what_stops_a_slice_stops_the_next_step(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        with store.database.checkpoint_lock:
            folder = waiting_in_a_slice(store, any_story(random.Random(9), {}, 8))
            run = store.all(
                r"SELECT table_name FROM duckdb_tables() WHERE regexp_matches(table_name, '_run_\d+$')"
            )
            store.all(f'DROP TABLE internal."{run[0][0]}"')
        folder.rest()
        with pytest.raises(StoreFailedError, match="fold a slice of"):
            folder.hear()
        folder.hear()  # told once


def test_a_slice_that_is_stopped_leaves_every_view(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    story = any_story(random.Random(10), {}, 8)
    with Store(path) as store:
        with store.database.checkpoint_lock:
            folder = waiting_in_a_slice(store, story)
            # It cannot end before the lock is free, and is stopped as soon as it can.
            stopping = threading.Thread(target=folder.close)
            stopping.start()
        stopping.join()
        before = shown(store)
    with Store(path) as store:
        Folder(store.database, TINY).fold_all()
        assert shown(store) == before
        check_parts(store)


def test_runs_stay_few_however_often_is_folded(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        folder = Folder(store.database, TINY)
        sides: dict[int, tuple[str, str]] = {}
        for number in range(12):
            story = Story(sides=dict(sides)).link(number + 1, f"a.com/{number}", "b.com/")
            sides = story.state(number + 1, 1, last_seen=day(1)).sides
            store.put(story, day(2))
            folder.fold_all()
            assert len(store.database.parts.of("links", Kind.RUN)) <= FAMILIES["links"].most_runs
        assert store.all("SELECT count(*), count(DISTINCT link_id) FROM links") == [(12, 12)]


def test_rows_wait_until_they_are_folded(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        folder = Folder(store.database, FoldRule(seal_rows=1))
        assert folder.unfolded_rows() == 0
        store.put(Story().link(1, "a.com/x", "b.com/").life(1, day(1)), day(2))
        waiting = folder.unfolded_rows()
        assert waiting >= 2
        folder.seal()
        assert folder.unfolded_rows() == waiting
        folder.fold_all()
        assert folder.unfolded_rows() == 0


def test_a_run_is_ordered_and_named_by_its_target_domain(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        store.put(any_story(random.Random(1), {}, 40), day(30))
        Folder(store.database, FoldRule(seal_rows=1)).fold_all()
        for table in ("links", "link_changes", "life_changes"):
            run = store.database.parts.of(table, Kind.RUN)[0].name
            found = store.all(f'SELECT target_domain FROM internal."{run}" ORDER BY rowid')
            assert found == sorted(found)
            assert None not in {name for (name,) in found}


def test_void_rows_stay_while_something_older_may_need_them(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        first = Story().link(1, "a.com/x", "b.com/").life(1, day(1))
        store.put(first, day(2))
        store.put(Story(sides=first.sides).life(1, day(1), is_void=True), day(2))
        folder = Folder(store.database, FoldRule(seal_rows=1), void_floor=lambda: 1)
        folder.fold_all()
        assert store.all("SELECT is_void, rev FROM internal.life_changes") == [(True, 2)]
        folder.void_floor = None
        # One row of two is superseded: all are folded again.
        store.put(Story(sides=first.sides).life(1, day(1)), day(4))
        folder.fold_all()
        assert store.all("SELECT is_void, rev FROM internal.life_changes") == [(False, 3)]


def test_the_file_stops_growing_while_the_same_links_are_seen_again(tmp_path: Path) -> None:
    sizes = []
    with Store(tmp_path / "a.duckdb") as store:
        folder = Folder(store.database, FoldRule(seal_rows=1))
        story = Story()
        for link in range(1, 401):
            story.link(link, f"a.com/{link}", f"{DOMAINS[link % 4]}/")
        sides = story.sides
        for number in range(16):
            for link in sides:
                story.state(link, 1, last_seen=day(number + link / 1000))
            store.put(story, day(number + 1))
            story = Story(sides=sides)
            folder.fold_all()
            store.writer.checkpoint()
            sizes.append(store.database.file_bytes())
        assert store.all("SELECT count(*) FROM internal.link_changes") == [(400,)]
    assert max(sizes[8:]) <= 1.1 * max(sizes[:8])


def test_a_row_stored_twice_stays_twice_wherever_a_slice_ends(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        story = Story()
        for link in range(1, 14):
            story.link(link, "a.com/x", "b.com/")
        store.put(story, day(2))
        hot = store.database.parts.hot("links")
        store.all(f'INSERT INTO internal."{hot}" FROM internal."{hot}"')
        before = store.all("SELECT link_id, count(*) FROM internal.links GROUP BY ALL ORDER BY ALL")
        folder = Folder(store.database, FoldRule(seal_rows=1, slice_rows=5, cell_rows=2))
        slices = []
        while (result := folder.step()) is not None:
            if (result.table, result.what) == ("links", "slice"):
                slices.append(result.rows)
        # Also rows of one pair of domains are cut.
        assert len(slices) > 1
        assert sum(slices) == 2 * 13
        assert store.all("SELECT link_id, count(*) FROM internal.links GROUP BY ALL ORDER BY ALL") == before
        assert before[0][1] == 2


def written_runs(generations: int, most_runs: int, tmp_path: Path) -> list[int]:
    """Fold so many generations of 8 links; return the rows that each fold wrote."""
    written = []
    with Store(tmp_path / "a.duckdb") as store:
        folder = Folder(store.database, FoldRule(seal_rows=1))
        sides: dict[int, tuple[str, str]] = {}
        for number in range(generations):
            story = Story(sides=dict(sides))
            for link in range(8 * number + 1, 8 * number + 9):
                story.link(link, f"a.com/{link}", "b.com/")
            sides = story.sides
            store.put(story, day(2))
            folder.seal(is_whole=True)
            while folder.is_busy:
                result = folder.step()
                if result is not None and result.what == "swapped" and result.table == "links":
                    written.append(result.rows)
            assert len(store.database.parts.of("links", Kind.RUN)) <= most_runs
    return written


def test_each_row_is_written_twice_while_runs_suffice_for_it(tmp_path: Path) -> None:
    most = FAMILIES["links"].most_runs
    written = written_runs(2 * most + 1, most, tmp_path)
    # One more than the runs: all into one. Then a new round beside it, with one run fewer.
    first, second = [8] * most + [8 * (most + 1)], [8] * (most - 1) + [8 * most]
    assert written == [*first, *second]


def test_generations_grow_with_the_tables_of_several_runs(tmp_path: Path) -> None:
    rows = {"links": 5_000_000, "page_scores": 20_000_000}
    with Store(tmp_path / "a.duckdb") as store:
        folder = Folder(store.database, FoldRule(seal_rows=100))
        parts = store.database.parts
        parts.hot_rows = dict.fromkeys(FAMILIES, 0)
        with (
            patch.object(parts, "rows", lambda of: sum(rows.get(part.table, 0) for part in of)),
            patch.object(parts, "of", lambda table, _kind=None: [Part("", table, Kind.RUN, 1)]),
            patch.object(Folder, "is_busy", new=False),
        ):
            for hot, is_due in ((499_999, False), (500_000, True)):
                parts.hot_rows["links"] = hot
                assert folder.is_due() == is_due
            # Scores wait for a quarter of their run, and for nothing else.
            parts.hot_rows["links"], rows["page_scores"] = 400, 1_000_000
            for hot, is_due in ((249_999, False), (250_000, True)):
                parts.hot_rows["page_scores"] = hot
                assert folder.is_due() == is_due


def test_scores_wait_until_a_fold_of_all_is_worth_it(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        story = Story()
        for number in range(20):
            story.add("domain_scores", domain_key=number, citation=1.0, authority=1.0, scored_at=day(1))
        store.put(story, day(2))
        folder = Folder(store.database, FoldRule(seal_rows=1))
        folder.fold_all()
        for number in range(4):
            one = Story().add(
                "domain_scores", domain_key=number, citation=2.0, authority=2.0, scored_at=day(2)
            )
            store.put(one, day(3))
            assert not folder.is_due()
        store.put(
            Story().add("domain_scores", domain_key=4, citation=2.0, authority=2.0, scored_at=day(2)), day(3)
        )
        assert folder.is_due()
        while folder.is_due():
            folder.step()
        found = store.all("SELECT count(*), count(*) FILTER (authority = 2) FROM internal.domain_scores_base")
        assert found == [(20, 5)]
        assert store.all("SELECT count(*) FROM internal.domain_scores_new") == [(0,)]
