"""The last two stages of a session: who is ahead of whom, and what a failed commit leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from linktide.errors import RetryError
from linktide.store.writer import CommitTiming
from linktide.storing import DecodedBatch, Storer
from simulator.late_commits import LateCommits

if TYPE_CHECKING:
    from collections.abc import Callable

    from linktide._core import EventBatch

TIMING = CommitTiming(datetime(2026, 1, 1, tzinfo=UTC), 0.0, 0.0, 0.0, {})


@dataclass
class Stage:
    """Stands for index, writer, report and counters, and writes down what they were asked."""

    done: list[str] = field(default_factory=list)
    rev: int = 0
    fails: str = ""
    wants_observations: bool = False
    is_turn_wanted: bool = False
    is_next_waiting: bool = True

    def apply(self, _events: object, observations_of: Callable[[Any], Any]) -> SimpleNamespace:
        self.rev += 1
        if self.wants_observations:
            observations_of(None)
        self.done.append(f"apply {self.rev}")
        return SimpleNamespace(rev=self.rev, clock_us=0, tables={"rev": self.rev})

    def settle(self) -> None:
        self.done.append("settle")

    def observations_of(self, _wanted: object) -> None:
        self.done.append("observations")

    def commit(self, batch: Any) -> CommitTiming:  # noqa: ANN401 - a StoreBatch
        what = f"commit {batch.tables['rev']}"
        if what == self.fails:
            raise RetryError(what)
        self.done.append(what)
        return TIMING

    def checkpoint_if_due(self) -> str:
        self.done.append("checkpoint")
        return "checkpoint"

    def checkpointed(self, what: str) -> None:
        self.done.append(f"told of {what}")

    def numbers(self) -> dict[str, float]:
        return {"live_links": 0, "authority_error_bound": 0.0}

    def count(self, _index: object) -> int:
        return self.rev

    def taken(self, *_: object, is_catching_up: bool) -> None:
        """Be the alerts, too, which find nothing."""

    def judge(self, *_: object) -> None:
        """Be asked by nobody: no transaction runs."""

    def after(self, is_catching_up: bool, is_ahead: bool) -> None:  # noqa: FBT001 - as the session has it
        self.done.append(f"after {is_catching_up}" + (", ahead" if is_ahead else ""))

    def stored(self, what: object = None, *_: object) -> None:
        if isinstance(what, int):
            self.done.append(f"counted {what}")


def storer_of(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Storer:
    monkeypatch.setattr("linktide.storing.writer_row_of", lambda *_: None)
    any_stage = cast("Any", stage)
    return Storer(
        any_stage, any_stage, any_stage, any_stage, any_stage, LateCommits(), lambda: 0, lambda _: None,
        stage.after, lambda: stage.is_turn_wanted,
        lambda: stage.is_next_waiting, lambda: 0.0,
    )  # fmt: skip


def batch(*, is_catching_up: bool) -> DecodedBatch:
    return DecodedBatch(cast("EventBatch", None), (), {}, is_catching_up, 0, 0.0)


def test_a_batch_is_stored_when_store_returns_if_no_other_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(is_next_waiting=False)
    storer = storer_of(stage, monkeypatch)
    storer.store(batch(is_catching_up=False))
    assert stage.done == ["apply 1", "commit 1", "counted 1", "after False"]
    assert (storer.stored_rev, storer.is_ahead) == (1, False)


@pytest.mark.parametrize("is_catching_up", [True, False])
def test_a_batch_that_waits_is_applied_before_the_one_before_it_is_stored(
    *, is_catching_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage()
    storer = storer_of(stage, monkeypatch)
    storer.store(batch(is_catching_up=is_catching_up))
    assert (storer.stored_rev, storer.is_ahead, stage.done) == (0, True, ["apply 1"])
    storer.store(batch(is_catching_up=is_catching_up))
    after = f"after {is_catching_up}, ahead"
    beside = ["commit 1", "checkpoint", "told of checkpoint", "counted 1", after]
    assert stage.done == ["apply 1", "apply 2", *beside]
    assert (storer.stored_rev, storer.is_ahead) == (1, True)
    storer.settle()
    assert stage.done[7:] == [
        "commit 2",
        "checkpoint",
        "told of checkpoint",
        "counted 2",
        f"after {is_catching_up}",
        "settle",
    ]
    assert (storer.stored_rev, storer.is_ahead) == (2, False)


def test_index_and_store_stand_still_together_for_who_wants_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    storer = storer_of(stage, monkeypatch)
    ahead = []
    for number in range(6):
        stage.is_turn_wanted = number in {2, 3}
        storer.store(batch(is_catching_up=True))
        ahead.append(storer.is_ahead)
    assert ahead == [True, True, False, False, True, True]


def test_observations_are_read_once_the_batch_before_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    storer = storer_of(stage, monkeypatch)
    storer.store(batch(is_catching_up=True))
    stage.wants_observations, stage.is_next_waiting = True, False
    storer.store(batch(is_catching_up=False))
    # What follows a commit waits: the index is being changed.
    first = [
        "apply 1",
        "commit 1",
        "checkpoint",
        "observations",
        "apply 2",
        "told of checkpoint",
        "counted 1",
    ]
    assert stage.done[:7] == first
    assert stage.done[-3:] == ["commit 2", "counted 2", "after False"]


@pytest.mark.parametrize("wants_observations", [False, True])
def test_a_failed_commit_is_raised_by_the_next_batch_and_nothing_is_stored_after_it(
    *, wants_observations: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(fails="commit 1")
    storer = storer_of(stage, monkeypatch)
    storer.store(batch(is_catching_up=True))
    stage.wants_observations = wants_observations
    with pytest.raises(RetryError, match="commit 1"):
        storer.store(batch(is_catching_up=True))
    storer.close()
    assert not [what for what in stage.done if what.startswith(("commit", "counted"))]
    assert storer.stored_rev == 0
