"""Generated histories through the whole pipeline equal the brute force, view by view.

LINKTIDE_HISTORIES=n runs n sets of histories instead of the few of CI.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.compare import assert_same
from oracle.model import derive
from pipeline import whole
from pipeline.arrivals import Arrival, arrivals, side_by_side

SETS = int(os.environ.get("LINKTIDE_HISTORIES", "50"))
"""Each holds about three histories."""


def run(path: Path, arrival: Arrival) -> None:
    whole.run(path, [whole.memory_of(arrival.chunks())], batch_max_events=arrival.batch_max_events)


@pytest.mark.timeout(max(600, 30 * SETS))
@settings(
    max_examples=SETS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(st.data())
def test_every_view_equals_the_brute_force(data: st.DataObject) -> None:
    history = data.draw(side_by_side(most=5))
    arrival = data.draw(arrivals(history))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        run(path, arrival)
        with whole.opened(path) as stopped:
            assert_same(stopped.query, derive(arrival.events))
