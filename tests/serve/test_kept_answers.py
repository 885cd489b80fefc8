from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from linktide.errors import ReadersBusyError, RefusedQueryError
from linktide.serve.kept_answers import KeptAnswers

if TYPE_CHECKING:
    from collections.abc import Sequence


class Store:
    """Counts what is read of it."""

    def __init__(self) -> None:
        self.rev = 1
        self.reads: list[tuple[str, list[object]]] = []
        self.is_inside = threading.Event()
        self.may_go = threading.Event()
        self.may_go.set()

    def read(self, sql: str, parameters: Sequence[object]) -> pa.Table:
        self.reads.append((sql, list(parameters)))
        self.is_inside.set()
        assert self.may_go.wait(30)
        if sql == "bad":
            raise RefusedQueryError("bad")
        return pa.table({"rev": [self.rev]})


def rev_of(answers: KeptAnswers, sql: str = "a", parameters: Sequence[object] = ()) -> int:
    found: int = answers.read(sql, parameters)["rev"][0].as_py()
    return found


def test_a_statement_is_read_once_a_revision() -> None:
    store = Store()
    answers = KeptAnswers(store.read, lambda: store.rev)
    assert [rev_of(answers) for _ in range(5)] == [1] * 5
    store.rev = 2
    assert [rev_of(answers) for _ in range(5)] == [2] * 5
    assert len(store.reads) == 2
    rev_of(answers, "b")
    rev_of(answers, "b", [["x"]])
    assert store.reads[2:] == [("b", []), ("b", [["x"]])]


def test_a_failed_reading_is_not_kept() -> None:
    store = Store()
    answers = KeptAnswers(store.read, lambda: store.rev)
    for _ in range(2):
        with pytest.raises(RefusedQueryError):
            answers.read("bad", ())
    assert len(store.reads) == 2


def test_who_waits_shares_one_reading_though_the_store_moves_on() -> None:
    store = Store()
    clock = iter(range(10**6))
    answers = KeptAnswers(store.read, lambda: store.rev, monotonic=lambda: next(clock), wait_seconds=30)
    found: list[int] = []
    is_asking = threading.Barrier(6)

    def view() -> None:
        is_asking.wait(30)
        found.append(rev_of(answers))

    store.may_go.clear()
    first = threading.Thread(target=rev_of, args=(answers,))
    first.start()
    assert store.is_inside.wait(30)
    viewers = [threading.Thread(target=view) for _ in range(5)]
    for viewer in viewers:
        viewer.start()
    is_asking.wait(30)
    store.rev = 2
    store.may_go.set()
    for thread in (first, *viewers):
        thread.join(30)
    assert found == [2] * 5
    # The first began before the others asked, so one of them reads again, for all of them.
    assert len(store.reads) == 2


def test_who_waits_too_long_is_told_to_come_again() -> None:
    store = Store()
    answers = KeptAnswers(store.read, lambda: store.rev, wait_seconds=0.01)
    store.may_go.clear()
    first = threading.Thread(target=rev_of, args=(answers,))
    first.start()
    assert store.is_inside.wait(30)
    with pytest.raises(ReadersBusyError, match="try again"):
        rev_of(answers)
    store.may_go.set()
    first.join(30)
