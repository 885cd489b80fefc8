"""A running service answers questions about authority beside its writer, one at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from linktide.authority_desk import AuthorityDesk
from linktide.errors import ExitCode, LinktideError, RetryError
from linktide.explain import CannotExplainError
from linktide.index import IndexOptions
from oracle.graph import BASE, domain_edges, known_domains, solve
from oracle.histories import BASE_US
from oracle.model import derive
from pipeline.test_rekey import crowd
from pipeline.test_rekey_running import ALL, HALF, PATIENCE_SECONDS, Running

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.index import LinkIndex
    from linktide.store.database import Database

LONG_AGO = "2024-01-01"
"""Before anything of `crowd`."""
assert BASE_US > 1_704_067_200_000_000


def test_questions_are_answered_from_what_is_stored_while_events_wait(tmp_path: Path) -> None:
    events = crowd(ALL)
    state = derive(events[:HALF])
    edges = domain_edges(state)
    exact = solve(known_domains(state), edges)
    with Running(tmp_path / "a.duckdb", events) as running:
        for name in sorted(exact):
            told = running.state.explain(name, LONG_AGO, None, 0)
            assert told["citation_before"] == BASE
            assert told["citation_after"] == pytest.approx(exact[name], abs=1e-10)
            parts = cast("dict[str, float]", told["parts"])
            assert parts["gained"] == pytest.approx(exact[name] - BASE, abs=1e-10)
        (source, name) = min(edges)
        what = cast("dict[str, Any]", running.state.what_if(name, ["new.com"], [source]))
        without = {pair: weight for pair, weight in edges.items() if pair != (source, name)}
        changed = solve(known_domains(state) | {"new.com"}, without | {("new.com", name): 1.0})
        assert what["citation_after"] == pytest.approx(changed[name], abs=1e-10)
        vectors = cast("list[dict[str, Any]]", running.state.audit()["vectors"])
        assert {one["graph"] for one in vectors} == {"page", "domain"}
        assert not any(one["is_violated"] for one in vectors)
        with pytest.raises(CannotExplainError) as refused:
            running.state.explain("nobody.com", LONG_AGO, None, 0)
        assert refused.value.exit_code == ExitCode.USAGE
        assert running.totals.events == HALF
    with pytest.raises(RetryError):
        running.state.audit()


class FakeCursor:
    """Runs until it is interrupted for the third time."""

    def __init__(self) -> None:
        self.is_interrupted = threading.Event()
        self.interrupts = 0

    def interrupt(self) -> None:
        self.interrupts += 1
        if self.interrupts == 3:
            self.is_interrupted.set()


class FakeDatabase:
    path = "a.duckdb"

    def __init__(self) -> None:
        self.made = FakeCursor()
        self.is_released = False

    def cursor(self) -> FakeCursor:
        return self.made

    def release(self, cursor: FakeCursor) -> None:
        assert cursor is self.made
        self.is_released = True


def desk_of(database: FakeDatabase) -> AuthorityDesk:
    desk = AuthorityDesk()
    desk.opened(cast("Database", database), cast("LinkIndex", None), IndexOptions(7))
    return desk


def test_the_store_closes_only_once_a_question_has_left_it(monkeypatch: pytest.MonkeyPatch) -> None:
    database = FakeDatabase()
    desk = desk_of(database)
    is_reading = threading.Event()
    ends: list[str] = []

    def explain(*_: object, **__: object) -> object:
        is_reading.set()
        assert database.made.is_interrupted.wait(PATIENCE_SECONDS)
        raise RetryError("broken off")

    monkeypatch.setattr("linktide.authority_desk.explain", explain)

    def ask() -> None:
        try:
            desk.explain("a.com", LONG_AGO, None, 0)
        except LinktideError as error:
            ends.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    assert is_reading.wait(PATIENCE_SECONDS)
    with pytest.raises(RetryError, match="Another question"):
        desk.audit()
    desk.closed()
    assert database.is_released
    thread.join(PATIENCE_SECONDS)
    assert ends == ["broken off"]
    with pytest.raises(RetryError, match="not open"):
        desk.explain("a.com", LONG_AGO, None, 0)


def test_a_time_that_is_none_is_told_before_anything_is_opened() -> None:
    with pytest.raises(CannotExplainError, match="no time"):
        AuthorityDesk().explain("a.com", "yesterday", None, 0)
