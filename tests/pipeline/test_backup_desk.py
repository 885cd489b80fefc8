"""The service's side of a backup: one at a time, and the writer stands still as often as it is asked to."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from linktide import backup_desk
from linktide.backup_desk import BackupDesk, RefusedStepError
from linktide.errands import ErrandDesk, Workplace
from linktide.errors import RetryError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Work:
    """The work thread, between two batches all the time; `batches` counts those."""

    def __init__(self) -> None:
        self.errands = ErrandDesk()
        self.writer = SimpleNamespace(hold=None)
        self.batches = 0
        self.is_over = threading.Event()
        self.rests = 0
        place = SimpleNamespace(
            writer=self.writer, database=SimpleNamespace(path="links.duckdb"), rest=self.rest
        )
        self.errands.opened(cast("Workplace", place))
        self.desk = BackupDesk(self.errands, lambda: 50.0)

    def rest(self) -> None:
        self.rests += 1

    def run(self) -> None:
        while not self.is_over.is_set():
            self.errands.take_turn()
            self.batches += 1

    def goes_on(self) -> bool:
        seen, waits = self.batches, threading.Event()
        for _ in range(100):
            if self.batches > seen + 1:
                return True
            waits.wait(0.002)
        return False


@pytest.fixture
def work() -> Iterator[Work]:
    with working() as one:
        yield one


@contextmanager
def working() -> Iterator[Work]:
    work = Work()
    thread = threading.Thread(target=work.run)
    thread.start()
    try:
        yield work
    finally:
        work.is_over.set()
        thread.join()


def test_the_writer_stands_still_and_goes_on_as_asked(work: Work) -> None:
    told = work.desk.step("hold", "")
    token = str(told["token"])
    assert told["database"] == "links.duckdb"
    assert work.writer.hold.quiet_until == 50.0 + backup_desk.QUIET_SECONDS
    for _ in range(3):
        work.desk.step("still", token)
        assert not work.goes_on()
        work.desk.step("go", token)
        assert work.goes_on()
    work.desk.step("still", token)
    assert work.desk.step("release", token)["is_sound"] is True
    assert work.goes_on()
    assert work.writer.hold is None
    # Nothing is written into the file while it is held, nor while the WAL is copied.
    assert work.rests == 5


def test_a_copy_without_a_standstill_is_void(work: Work) -> None:
    token = str(work.desk.step("hold", "")["token"])
    assert work.desk.step("release", token)["is_sound"] is False


def test_a_stand_that_ran_out_of_time_makes_the_copy_void(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_desk, "STILL_SECONDS", 0.01)
    token = str(work.desk.step("hold", "")["token"])
    work.desk.step("still", token)
    assert work.goes_on()
    assert work.desk.step("release", token)["is_sound"] is False


def test_a_second_one_waits_for_the_end_of_the_first(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    first = str(work.desk.step("hold", "")["token"])
    monkeypatch.setattr(backup_desk, "WAIT_SECONDS", 0.01)
    with pytest.raises(RetryError, match="Another backup"):
        work.desk.step("hold", "")
    monkeypatch.setattr(backup_desk, "WAIT_SECONDS", 30.0)
    held: list[str] = []
    waiting = threading.Thread(target=lambda: held.append(str(work.desk.step("hold", "")["token"])))
    waiting.start()
    work.desk.step("release", first)
    waiting.join(10)
    assert held
    assert held[0] != first
    with pytest.raises(RefusedStepError):
        work.desk.step("still", first)
    work.desk.step("release", held[0])


def test_a_store_that_closes_lets_the_writer_go_and_voids_the_copy(work: Work) -> None:
    token = str(work.desk.step("hold", "")["token"])
    work.desk.step("still", token)
    hold = work.writer.hold
    work.desk.closed()
    assert work.goes_on()
    assert hold.is_broken
    assert work.desk.step("release", token)["is_sound"] is False
