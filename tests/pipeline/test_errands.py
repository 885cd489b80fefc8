"""Errands: each has its turn between two batches, and none has two."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from linktide.errands import ErrandDesk, Workplace
from linktide.errors import RetryError, StopError

PLACE = cast("Workplace", object())


def opened() -> ErrandDesk:
    desk = ErrandDesk()
    desk.opened(PLACE)
    return desk


def test_what_is_asked_for_in_a_turn_waits_for_the_next() -> None:
    desk = opened()
    done: list[int] = []

    def run(_place: Workplace) -> None:
        done.append(len(done))
        desk.ask(run)

    desk.ask(run)
    desk.ask(run)
    for turns in range(1, 4):
        assert desk.take_turn()
        assert len(done) == 2 * turns
    assert desk.is_waiting


def test_who_asks_hears_what_came_of_it() -> None:
    desk = opened()
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(desk.do(lambda _place: 7)))
    thread.start()
    while not desk.take_turn():
        pass
    thread.join(10)
    assert answers == [7]
    assert not desk.take_turn()


def test_an_error_ends_the_turn_and_is_told_to_both() -> None:
    desk = opened()

    def fail(_place: Workplace) -> None:
        raise StopError("no more")

    errand = desk.ask(fail)
    with pytest.raises(StopError):
        desk.take_turn()
    with pytest.raises(StopError):
        errand.wait()
    left = desk.ask(fail)
    desk.closed()
    with pytest.raises(RetryError):
        left.wait()
    with pytest.raises(RetryError):
        desk.ask(fail)
