"""A running service is rekeyed between two batches, and a service needs no list but the one it has pinned."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from new_file import begin_file, pins_of

from linktide import service
from linktide.backoff import Backoff
from linktide.config import load
from linktide.errors import ConfigError, ExitCode, LinktideError, RetryError
from linktide.service import Service
from linktide.sources.memory import MemorySource
from pipeline import whole
from pipeline.suffix_lists import RuleSet
from pipeline.test_rekey import AFTER, BEFORE, check, crowd
from pipeline.test_restart import Bomb
from pipeline.test_scores import chunks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from linktide.metrics.batch import Totals
    from linktide.sources.source import Chunk
    from oracle.events import Event

PER_CHUNK, HALF, ALL = 20, 300, 600
PATIENCE_SECONDS = 60.0


class HeldSource(MemorySource):
    """Gives the first events, and the others once the gate is open."""

    def __init__(self, chunks: Sequence[Chunk], gate: threading.Event) -> None:
        super().__init__(chunks)
        self._gate = gate

    def poll(self, timeout_seconds: float) -> Sequence[Chunk]:
        waits = not self._waiting or self._waiting[0].first_offset >= HALF
        if waits and not self._gate.wait(timeout_seconds):
            return []
        return super().poll(timeout_seconds)

    @property
    def is_exhausted(self) -> bool:
        return self._gate.is_set() and super().is_exhausted


class Running:
    """A service in a thread that has stored the first half of its events."""

    def __init__(self, path: Path, events: Sequence[Event], at: Callable[[str], None] | None = None) -> None:
        suffixes = BEFORE.write(path.with_suffix(".dat"))
        begin_file(path, pins_of(suffixes))
        flags = {"database": path, "public_suffix_list": suffixes, "batch_max_seconds": 0.05}
        self._gate, self._is_half = threading.Event(), threading.Event()
        self.service = Service(
            load(flags=flags, environ={}, folder=path.parent),
            sources=[HeldSource(chunks_of(list(events), PER_CHUNK), self._gate)],
            stop_when_exhausted=True,
            has_http=False,
            on_stored=self._hear,
            at_fail_point=at,
        )
        self._failure: LinktideError | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Service:
        self._thread.start()
        assert self._is_half.wait(PATIENCE_SECONDS)
        return self.service

    def __exit__(self, *_: object) -> None:
        self._gate.set()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        assert self._failure is None

    def release(self) -> None:
        """Let the other events come."""
        self._gate.set()

    def _run(self) -> None:
        try:
            self.service.run()
        except LinktideError as error:
            self._failure = error

    def _hear(self, totals: Totals) -> None:
        if totals.events >= HALF:
            self._is_half.set()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "Backoff", partial(Backoff, first=0.0))


def versions(running: Service) -> dict[str, Any]:
    found = running.state.status()["public_suffix_list"]
    assert isinstance(found, dict)
    return found


def test_a_running_service_is_rekeyed_and_goes_on(tmp_path: Path) -> None:
    path, events = tmp_path / "a.duckdb", crowd(ALL)
    with Running(path, events) as running:
        before = versions(running)["in_force"]
        planned = running.state.rekey(AFTER.text(), is_dry_run=True)
        assert versions(running)["in_force"] == before
        assert running.state.rekey(AFTER.text(), is_dry_run=False) == planned
        assert planned["version_before"] == before
        hosts = planned["hosts"]
        assert isinstance(hosts, int)
        assert hosts > 5
        assert running.totals.events == HALF
    check(path, events, AFTER)


def test_two_rekeys_in_turn_and_one_while_events_flow(tmp_path: Path) -> None:
    path, events = tmp_path / "a.duckdb", crowd(ALL)
    running = Running(path, events)
    with running as held:
        held.state.rekey(AFTER.text(), is_dry_run=False)
        held.state.rekey(BEFORE.text(), is_dry_run=False)
        running.release()
        try:
            held.state.rekey(AFTER.text(), is_dry_run=False)
        except RetryError:
            wanted = BEFORE  # every event was stored, and the service gone, before its turn came
        else:
            wanted = AFTER
    check(path, events, wanted)
    with pytest.raises(RetryError, match="stopping"):
        running.service.state.rekey(AFTER.text(), is_dry_run=False)


def test_a_rekey_that_fails_is_told_and_leaves_the_old_list(tmp_path: Path) -> None:
    path, events = tmp_path / "a.duckdb", crowd(ALL)
    bomb = Bomb("keyed", frozenset({1}), RetryError)

    def at(point: str) -> None:
        return bomb(point, None)  # type: ignore[arg-type]  # it looks at no index

    with Running(path, events, at) as running, pytest.raises(RetryError, match="bomb"):
        running.state.rekey(AFTER.text(), is_dry_run=False)
    assert bomb.raised == 1
    check(path, events, BEFORE)


@pytest.mark.parametrize("text", ["", "<html>", "com\n", AFTER.text()[: len(AFTER.text()) // 2]])
def test_a_list_that_is_none_is_refused_and_changes_nothing(tmp_path: Path, text: str) -> None:
    path, events = tmp_path / "a.duckdb", crowd(ALL)
    with Running(path, events) as running:
        for is_dry_run in (True, False):
            with pytest.raises(LinktideError, match="public suffix list") as refused:
                running.state.rekey(text, is_dry_run=is_dry_run)
            assert refused.value.exit_code == ExitCode.CONFIG
    check(path, events, BEFORE)


def test_a_reopened_store_needs_no_file_of_the_list(tmp_path: Path) -> None:
    path, events = tmp_path / "a.duckdb", crowd(ALL)
    suffixes = BEFORE.write(tmp_path / "list.dat")
    chunks = chunks_of(events, PER_CHUNK)
    whole.run(path, [whole.memory_of(chunks[: len(chunks) // 2])], public_suffix_list=suffixes)
    suffixes.unlink()
    bomb = Bomb("committed", frozenset({1}), RetryError)
    whole.run(path, [whole.memory_of(chunks)], bomb, public_suffix_list=suffixes)
    assert bomb.raised == 1
    check(path, events, BEFORE)


def test_a_tracked_domain_that_the_list_in_force_does_not_know_is_refused_at_the_start(
    tmp_path: Path,
) -> None:
    suffixes = BEFORE.write(tmp_path / "list.dat")
    path = tmp_path / "a.duckdb"
    for is_made in (False, True):
        assert path.exists() == is_made
        with pytest.raises(ConfigError, match=r"tracked_domains names one\.blog\.com.*wanted blog\.com"):
            whole.run(path, [], public_suffix_list=suffixes, tracked_domains="other.com,one.blog.com")
        whole.run(path, [], public_suffix_list=suffixes, tracked_domains="other.com,blog.com")
        # What the file says since is staged; what is told is told by the list in force.
        AFTER.write(suffixes)


def test_a_new_database_needs_a_sound_list_and_leaves_no_file_without(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    for text in ("", "com\n", RuleSet(()).text()[:-10]):
        suffixes = tmp_path / "list.dat"
        suffixes.write_text(text, "utf-8")
        with pytest.raises(ConfigError, match=r"list\.dat"):
            whole.run(path, [whole.memory_of([])], public_suffix_list=suffixes)
        assert not path.exists()
