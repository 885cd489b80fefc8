"""The desk of reviews: when it takes none, and that it says so."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hand_made_store import Store

from linktide.errands import ErrandDesk, Workplace
from linktide.errors import RetryError
from linktide.mine.reviews import ReviewRefusedError
from linktide.review_desk import ReviewDesk
from linktide.suffixes import read_suffix_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from linktide.store.database import Pins

TOLD = {"reviews": [{"subject": "spam.example", "state": "remove"}]}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.duckdb") as one:
        yield one


def pins_of(store: Store) -> Pins:
    """Return the pins as a service has them: those of a hand-made store have no list."""
    suffixes = read_suffix_list(None)
    return replace(store.database.pins, psl_version=suffixes.version, psl_text=suffixes.text)


def opened(
    store: Store, pins: Pins, pause_reason: Callable[[], str | None] = lambda: None
) -> tuple[ReviewDesk, ErrandDesk]:
    errands = ErrandDesk()
    desk = ReviewDesk(errands, pause_reason)
    desk.opened(pins_of(store))
    place = SimpleNamespace(database=SimpleNamespace(pins=pins), writer=store.writer)
    errands.opened(cast("Workplace", place))
    return desk, errands


def taken(desk: ReviewDesk, errands: ErrandDesk) -> Mapping[str, object] | Exception:
    """Have it taken by another thread, with turns of this one; return the answer or what was raised."""
    answers: list[Mapping[str, object] | Exception] = []

    def take() -> None:
        try:
            answers.append(desk.take(TOLD))
        except RetryError as error:
            answers.append(error)

    thread = threading.Thread(target=take)
    thread.start()
    while thread.is_alive():
        errands.take_turn()
        thread.join(0.01)
    return answers[0]


def test_a_review_is_noted_between_two_batches(store: Store) -> None:
    desk, errands = opened(store, pins_of(store))
    assert taken(desk, errands) == {"noted": 1, "unchanged": 0}
    assert taken(desk, errands) == {"noted": 0, "unchanged": 1}
    assert store.all("SELECT subject, state, noted_by FROM reviews") == [("spam.example", "remove", "http")]


def test_a_review_named_by_another_list_is_to_be_said_again(store: Store) -> None:
    desk, errands = opened(store, replace(pins_of(store), psl_version="another"))
    answer = taken(desk, errands)
    assert isinstance(answer, RetryError)
    assert "Another public suffix list" in str(answer)
    assert store.all("FROM reviews") == []


def test_what_cannot_be_taken_is_told(store: Store) -> None:
    with pytest.raises(RetryError, match="not open"):
        ReviewDesk(ErrandDesk(), lambda: None).take(TOLD)
    desk, errands = opened(store, pins_of(store), lambda: "no room is left.")
    with pytest.raises(RetryError, match=r"The sources are paused: no room is left\."):
        desk.take(TOLD)
    assert not errands.is_waiting
    with pytest.raises(ReviewRefusedError):
        desk.take({"reviews": [{"subject": "www.spam.example", "state": "remove"}]})
