"""A service that stops, or fails to commit, and goes on leaves the same tables as one that does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from linktide import service
from linktide.backoff import Backoff
from linktide.errors import RetryError, StopError
from linktide.store.writer import FAIL_POINTS
from oracle.compare import assert_same
from oracle.model import derive
from pipeline import whole
from pipeline.arrivals import Arrival, arrivals, side_by_side

if TYPE_CHECKING:
    from linktide.index import LinkIndex

COMMIT_POINTS = FAIL_POINTS[: FAIL_POINTS.index("committed") + 1]


@dataclass
class Bomb:
    """Raises at the given visits of a fail point, each once."""

    point: str
    visits: frozenset[int]
    error: type[RetryError | StopError]
    visited: int = field(default=0, init=False)
    raised: int = field(default=0, init=False)

    def __call__(self, point: str, _index: LinkIndex) -> None:
        if point != self.point:
            return
        self.visited += 1
        if self.visited in self.visits:
            self.raised += 1
            raise self.error(f"bomb at visit {self.visited} of {point}")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "Backoff", partial(Backoff, first=0.0))


def check(path: Path, arrival: Arrival) -> None:
    with whole.opened(path) as stopped:
        assert_same(stopped.query, derive(arrival.events))


@examples(7)
@given(st.data())
def test_a_stop_leaves_no_trace(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(data.draw(side_by_side(most=4))))
    cuts = data.draw(st.lists(st.integers(0, len(arrival.events)), min_size=1, max_size=4))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        for cut in sorted(cuts):
            arrival.until(cut).run(path)
        arrival.run(path)
        check(path, arrival)


@examples(7)
@given(st.data())
def test_a_failed_commit_leaves_no_trace(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(data.draw(side_by_side(most=4))))
    visits = data.draw(st.frozensets(st.integers(1, 6), min_size=1, max_size=3))
    bomb = Bomb(data.draw(st.sampled_from(COMMIT_POINTS)), visits, RetryError)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        arrival.run(path, bomb)
        assert bomb.raised == sum(visit <= bomb.visited for visit in visits)
        check(path, arrival)


@examples(7)
@given(st.data())
def test_a_new_service_goes_on_after_a_failed_commit(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(data.draw(side_by_side(most=4))))
    bomb = Bomb(
        data.draw(st.sampled_from(COMMIT_POINTS)), frozenset({data.draw(st.integers(1, 5))}), StopError
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        try:
            arrival.run(path, bomb)
        except StopError:
            assert bomb.raised == 1
            arrival.run(path)
        check(path, arrival)
