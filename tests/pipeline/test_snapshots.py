"""An index restored with a snapshot equals one restored from the tables, and goes on like it."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples, seeds
from linktide import snapshot
from linktide.errors import StopError
from oracle.compare import assert_same
from oracle.model import derive
from pipeline import whole
from pipeline.arrivals import arrivals, side_by_side
from pipeline.test_pages import LINKS, counts, page
from pipeline.test_pages import run as run_pages
from pipeline.test_restart import Bomb
from pipeline.test_scores import chunks_of
from pipeline.test_trust import SETTINGS, web

if TYPE_CHECKING:
    from linktide.index import LinkIndex

ALWAYS: dict[str, Any] = {"snapshot_every_seconds": 1e-6}


@pytest.fixture(autouse=True)
def _one_block_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    # Links, pages and domains of one snapshot are then of three different moments.
    monkeypatch.setattr(snapshot, "SLICE_SECONDS", 0.0)


def scores_of(index: LinkIndex) -> dict[str, float]:
    rows = index.scores().to_pylist()
    return {row["domain_name"]: row["citation"] for row in rows}


def check_equal(from_tables: LinkIndex, with_snapshot: LinkIndex) -> None:
    assert from_tables.fingerprint() == with_snapshot.fingerprint()
    assert from_tables.fingerprint()["missing timers"] == 0
    numbers = [dict(index.numbers()) for index in (from_tables, with_snapshot)]
    for name in ("known_links", "live_links", "pages", "domains", "suspect_timers", "authority_links"):
        assert numbers[0][name] == numbers[1][name], name
    one, other = scores_of(from_tables), scores_of(with_snapshot)
    assert one.keys() == other.keys()
    bound = sum(each["authority_error_bound"] for each in numbers)
    assert sum(abs(one[name] - other[name]) for name in one) <= bound + 1e-9
    for vector in with_snapshot.vectors():
        assert vector.error_bound <= vector.error_target * 1.000001


@examples(8)
@given(st.data())
def test_whatever_came_after_the_snapshot_is_brought_in(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(data.draw(side_by_side(most=4))))
    bomb = Bomb("committed", frozenset({data.draw(st.integers(1, 12))}), StopError)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        try:
            arrival.run(path, bomb, **ALWAYS)
        except StopError:
            assert bomb.raised == 1
        has_snapshot = snapshot.snapshot_path(path).exists()
        from_tables, with_snapshot = whole.restored_twice(path)
        assert with_snapshot.is_from_snapshot == has_snapshot
        check_equal(from_tables, with_snapshot)
        index = arrival.run(path, **ALWAYS)
        from_tables, with_snapshot = whole.restored_twice(path)
        assert with_snapshot.is_from_snapshot
        check_equal(from_tables, with_snapshot)
        assert index.fingerprint()["links"] == from_tables.fingerprint()["links"]
        with whole.opened(path) as stopped:
            assert_same(stopped.query, derive(arrival.events))


@seeds(3)
def test_weights_redirects_seeds_and_topics_come_back(tmp_path: Path, seed: int) -> None:
    events = web(seed)
    path = tmp_path / "links.duckdb"
    bomb = Bomb("committed", frozenset({9 + seed}), StopError)
    more: dict[str, Any] = {**SETTINGS, **ALWAYS, "batch_max_events": 100}
    with pytest.raises(StopError):
        whole.run(path, [whole.memory_of(chunks_of(events, 50))], bomb, **more)
    for _ in range(2):
        from_tables, with_snapshot = whole.restored_twice(path, **SETTINGS)
        assert with_snapshot.is_from_snapshot
        check_equal(from_tables, with_snapshot)
        whole.run(path, [whole.memory_of(chunks_of(events, 50))], **more)


def test_a_snapshot_of_other_weights_or_seeds_is_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "links.duckdb"
    whole.run(path, [whole.memory_of(chunks_of(web(1), 50))], **SETTINGS)
    for change in ({"authority_ugc_weight": 0.25}, {"authority_topics": {"news": ["d1.example"]}}):
        caplog.clear()
        from_tables, other = whole.restored_twice(path, **{**SETTINGS, **change})
        assert not other.is_from_snapshot
        check_equal(from_tables, other)
        assert str(snapshot.snapshot_path(path)) in caplog.text
    from_tables, same = whole.restored_twice(path, **SETTINGS)
    assert same.is_from_snapshot


GONE = "https://d.example/gone"
LATE = {
    "event": "seen", "observed_at": "2026-01-01T12:00:00Z", "source_url": GONE, "target_url": "https://b.example/",
}  # fmt: skip
ERROR: dict[str, Any] = {"http_code": 503, "complete": False}
ANSWERS = [
    page(1, LINKS),
    page(2, [], source_url=GONE, http_code=404, complete=False),
    page(3, LINKS[::-1]),
    page(4, [], **ERROR),
    page(5, LINKS[:1]),
    json.dumps(LATE).encode(),
    page(6, LINKS),
    page(7, [], **ERROR),
]
MORE = [page(8, LINKS), page(9, LINKS[:1]), page(10, [], **ERROR), page(10, LINKS, source_url=GONE)]


@pytest.mark.parametrize("saved", range(1, len(ANSWERS) + 1))
def test_what_pages_said_comes_back(tmp_path: Path, saved: int) -> None:
    path, straight = tmp_path / "links.duckdb", tmp_path / "straight.duckdb"
    run_pages(path, ANSWERS[:saved], **ALWAYS)
    # The snapshot stays where it is, so all that is newer comes from the tables.
    run_pages(path, ANSWERS, snapshot_every_seconds=0)
    from_tables, with_snapshot = whole.restored_twice(path)
    assert with_snapshot.is_from_snapshot
    check_equal(from_tables, with_snapshot)
    run_pages(path, [*ANSWERS, *MORE], **ALWAYS)
    from_tables, with_snapshot = whole.restored_twice(path)
    check_equal(from_tables, with_snapshot)
    run_pages(straight, [*ANSWERS, *MORE], snapshot_every_seconds=0)
    never_restarted, _ = whole.restored_twice(straight)
    hashes_of_straight = never_restarted.fingerprint()
    assert min(hashes_of_straight["page losses"], hashes_of_straight["page sets"]) > 0
    tables = counts(path)
    for name in ("links", "page_snapshots", "page_sets", "life_changes", "attribute_changes"):
        assert tables[name] == counts(straight)[name], name
