"""A link of which one sighting is known stands in its wide row alone, and all views show it all the same."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hand_made_store import Store, Story, day
from hypothesis import given
from hypothesis import strategies as st
from random_stories import any_story, told_in_rows
from test_store_fold import QUICK, TINY, shown

from examples import examples
from linktide.store.fold import Folder
from linktide.store.rebuild import register_rows

if TYPE_CHECKING:
    from pathlib import Path


def registers(store: Store) -> list[dict[str, object]]:
    """Read the newest registers of every link as a start does."""
    newest: dict[object, dict[str, object]] = {}
    rows = [row for batch in register_rows(store.database) for row in batch.to_pylist()]
    for row in sorted(rows, key=lambda one: one["rev"]):
        newest[row["link_id"]] = row
    return [newest[link] for link in sorted(newest, key=str)]


@examples(3)
@given(st.integers(0, 2**32))
def test_it_is_shown_as_if_it_had_rows_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("seen")
    known: dict[int, tuple[str, str]] = {}
    with Store(folder / "wide.duckdb") as wide, Store(folder / "told.duckdb") as told:
        folders = [Folder(store.database, TINY) for store in (wide, told)]
        for _ in range(4):
            story = any_story(chance, known, chance.randrange(1, 5))
            told.put(told_in_rows(story), day(30))
            wide.put(story, day(30))
            known = story.sides
            for one in folders if chance.random() < 0.6 else ():
                one.fold_all()
            assert shown(wide, QUICK) == shown(told, QUICK)
            assert registers(wide) == registers(told)
        assert shown(wide) == shown(told)


def moved(store: Store, *, has_ended: bool) -> Folder:
    """Tell of a link that was seen once, and later that it had begun a day before; return its folder."""
    first = Story().link(1, "a.com/1", "b.com/", seen_at=day(2)).domains("a.com", "b.com")
    store.put(first, day(2))
    if has_ended:
        end = {"last_alive_at": day(2), "lost_at": day(3), "confirmed_at": day(3), "lost_reason": "notfound"}
        store.put(Story(sides=first.sides).life(1, day(2), **end), day(3))
    late = Story(sides=first.sides).life(1, day(2), is_void=True).life(1, day(1))
    store.put(late.state(1, 1, started_at=day(1), last_seen=day(2)), day(3))
    return Folder(store.database, TINY)


@pytest.mark.parametrize("has_ended", [False, True])
def test_what_took_its_life_back_stays_through_every_fold(tmp_path: Path, has_ended: bool) -> None:  # noqa: FBT001 - pytest's
    with Store(tmp_path / "a.duckdb") as store:
        folder = moved(store, has_ended=has_ended)
        for _ in range(3):
            told = store.dicts("SELECT started_at, lost_at FROM link_lives")
            assert [(one["started_at"], one["lost_at"]) for one in told] == [(day(1), None)]
            folder.fold_all()
        assert store.all("SELECT count(*) FROM internal.life_changes WHERE is_void") == [(1,)]
