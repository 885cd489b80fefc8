"""The thread that asks what views say: busy readers, errors, and sessions that end under it."""

# ruff: noqa: S608 - statements of constants

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pytest
from hand_made_store import Story, day
from watched_profile import OWN, Watched, answered, live, watching

from linktide.metrics.values import Metrics
from linktide.profile_watch import RESTS, ProfileWatch
from linktide.store import profile_figures as figures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from linktide.store.reader import ReaderPool


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with watching(tmp_path) as found:
        yield found


def test_readers_that_are_busy_or_leave_are_no_error(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.store.put(live(Story(), 1, "s.com/", f"{OWN}/a"), day(9))

    def looks(outcome: str) -> float:
        return watched.metrics.value("linktide_alerts_profile_looks_total", outcome)

    with watched.pool._cursor():  # noqa: SLF001 - a reader that is taken
        watched.watch.look(OWN)
    assert (looks("busy"), watched.watch.has_found) == (1, False)
    watched.watch.look(OWN)
    assert watched.watch.has_found
    watched.watch.closed()
    assert not watched.watch.has_found
    watched.watch.look(OWN)
    watched.watch.opened(watched.pool)
    watched.pool.close()
    watched.watch.look(OWN)
    assert (looks("busy"), looks("done"), looks("failed")) == (2, 1, 0)
    assert caplog.records == []


def test_what_a_session_left_behind_is_not_of_the_next(watched: Watched) -> None:
    watched.store.put(live(Story(), 1, "s.com/", f"{OWN}/a", anchor="Cheap Shoes"), day(9))
    watched.store.database.connection.execute(
        f"INSERT INTO internal.anchor_terms VALUES ('{OWN}', 'money', 'cheap shoes', 'cheap shoes', 'f')"
    ).fetchall()
    pool, watch = watched.pool, watched.watch

    class Leaving:
        """Readers whose session ends, and another begins, right after an answer."""

        def __init__(self, last: str) -> None:
            self.last = last

        def query(self, sql: str, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - as the pool's
            answer = pool.query(sql, *rest, **more)
            if sql == self.last:
                self.last = ""
                watch.closed()
                # The words of the next session are others.
                watched.store.all("DELETE FROM internal.anchor_terms")
                watch.opened(cast("ReaderPool", self))
            return answer

    for last in (figures.EXACT_SHARE, figures.GAINED):
        watch.opened(cast("ReaderPool", Leaving(last)))
        watch.look(OWN)
        assert not watch.has_found
        watch.look(OWN)
        (facts,) = watch.take()
        assert facts.exact_share is None


def test_a_view_that_cannot_be_asked_is_told_of_once(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.store.put(answered(live(Story(), 1, "s.com/", f"{OWN}/a"), f"{OWN}/a", 404, 2, 1), day(9))
    watched.store.all("DROP VIEW broken_backlinks")
    watched.watch.look(OWN)
    watched.watch.look(OWN)
    assert watched.metrics.value("linktide_alerts_profile_looks_total", "failed") == 2
    (record,) = caplog.records
    assert OWN in record.getMessage()
    assert "broken_backlinks" in record.getMessage()


def test_no_error_ends_the_thread(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.store.put(live(Story(), 1, "s.com/", f"{OWN}/a"), day(9))
    pool, again = watched.pool, threading.Event()
    troubles = [duckdb.InternalException("x is broken"), ValueError("y is broken"), KeyError("z")]

    class Failing:
        """Readers that fail as no reader should, and then do not."""

        def query(self, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - as the pool's
            if troubles:
                raise troubles.pop(0)
            again.set()
            return pool.query(*args, **more)

    watch = ProfileWatch(watched.metrics, [OWN], 0.01, lambda: 0, cpu=lambda: 0.0)
    watch.opened(cast("ReaderPool", Failing()))
    watch.start()
    try:
        assert again.wait(20)
    finally:
        watch.stop()
    assert watched.metrics.value("linktide_alerts_profile_looks_total", "failed") == 3
    (record,) = caplog.records
    assert f"{OWN} cannot be judged: x is broken" in record.getMessage()
    assert record.exc_info is not None


@pytest.mark.parametrize(("names", "took", "pause"), [(1, 0.01, 300), (100, 0.01, 3), (100, 2, 2 * RESTS)])
def test_the_watch_rests_for_most_of_the_time(names: int, took: float, pause: float) -> None:
    watch = ProfileWatch(Metrics(), [f"d{number}.org" for number in range(names)], 300.0, lambda: 0)
    assert watch.rest_after(took) == pause
