"""Folds and segments between any two batches, with stops in between, change no view; space and forgetting."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock, patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from linktide import service
from linktide.backoff import Backoff
from linktide.config import load
from linktide.errors import RetryError
from linktide.offline import forget_stopped
from linktide.store.fold import FOLD_POINTS, FoldRule
from linktide.store.segments import SEGMENT_POINTS, SegmentRule
from linktide.store.writer import CheckpointHold
from linktide.upkeep import Upkeep
from oracle.compare import assert_same
from oracle.model import derive
from pipeline import whole
from pipeline.arrivals import arrivals, side_by_side
from pipeline.test_rekey import AFTER, BEFORE, check, crowd, rekey
from pipeline.test_restart import Bomb
from pipeline.test_scores import chunks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TINY = FoldRule(seal_rows=1, slice_seconds=1e-9, slice_rows=8, cell_rows=4)


@contextmanager
def eager(
    steps: Sequence[int],
    change: Callable[[Upkeep], object] = lambda _upkeep: None,
    before_step: Callable[[Upkeep], object] = lambda _upkeep: None,
    *,
    is_alone: bool = False,
) -> Iterator[None]:
    """Let every session do so many slices of upkeep after each batch, in turn, however far it is behind.

    `change` is called with each upkeep that is built, `before_step` before each slice. `is_alone`: slices of
    folds are written beside the batches, as those of a service are.
    """
    build, step = Upkeep.of, Upkeep.step
    turns = iter(list(steps) * 1000)

    def of(*parts: object, **named: object) -> Upkeep:
        upkeep = build(*parts, **named)  # type: ignore[arg-type]
        upkeep.folder.rule = TINY
        upkeep.mover.rule = SegmentRule(rows=1)
        upkeep.folder.is_alone, upkeep.mover.is_alone = is_alone, False
        change(upkeep)
        return upkeep

    def many(self: Upkeep, _is_catching_up: bool = False, is_ahead: bool = False) -> bool:  # noqa: FBT001, FBT002
        for _ in range(next(turns, 0)):
            before_step(self)
            step(self, is_ahead=is_ahead)
        return False

    with patch.object(Upkeep, "of", of), patch.object(Upkeep, "step", many):
        yield


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "Backoff", partial(Backoff, first=0.0))


@examples(4)
@given(st.data())
def test_upkeep_between_any_batches_changes_no_view(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(data.draw(side_by_side(most=4))))
    cuts = data.draw(st.lists(st.integers(0, len(arrival.events)), max_size=2))
    steps = data.draw(st.lists(st.integers(0, 25), min_size=1, max_size=5))
    with TemporaryDirectory() as folder, eager(steps, is_alone=data.draw(st.booleans())):
        path = Path(folder) / "links.duckdb"
        for cut in sorted(cuts):
            arrival.until(cut).run(path)
        arrival.run(path)
        with whole.opened(path) as stopped:
            assert_same(stopped.query, derive(arrival.events))


@examples(4)
@given(st.data())
def test_upkeep_that_fails_leaves_no_trace(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(data.draw(side_by_side(most=3))))
    point = data.draw(st.sampled_from((*FOLD_POINTS, *SEGMENT_POINTS)))
    bomb = Bomb(point, frozenset({1, data.draw(st.integers(2, 5))}), RetryError)
    with TemporaryDirectory() as folder, eager([20], is_alone=data.draw(st.booleans())):
        path = Path(folder) / "links.duckdb"
        arrival.run(path, bomb)
        with whole.opened(path) as stopped:
            assert_same(stopped.query, derive(arrival.events))


@examples(4)
@given(st.data())
def test_forgetting_leaves_what_was_as_if_the_domain_had_never_been_named(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(data.draw(side_by_side(most=4))))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        with eager(data.draw(st.sampled_from(([0], [9], [25])))):
            arrival.run(path)
        state = derive(arrival.events)
        names = sorted(
            {name for link in state.links.values() for name in (link.source_domain, link.target_domain)}
        )
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        config = load(flags={"database": path}, environ={}, folder=path.parent)
        forget_stopped(config, name)
        with whole.opened(path) as stopped:
            for table in ("links", "link_lives"):
                seen = stopped.query(
                    f"SELECT link_id FROM {table} WHERE '{name}' IN (source_domain, target_domain)"  # noqa: S608
                )
                assert seen == []
            left = {
                (link.source_url, link.target_url): link.is_live
                for link in state.links.values()
                if name not in (link.source_domain, link.target_domain)
            }
            rows = stopped.query("SELECT source_url, target_url, is_live FROM links")
            assert {(source, target): is_live for source, target, is_live in rows} == left
            assert stopped.query(f"FROM domains WHERE domain_name = '{name}'") == []
            assert stopped.query(f"FROM link_velocity WHERE target_domain = '{name}'") == []
            # What is summed equals what is listed, of the domains that stay.
            assert stopped.query(VELOCITY) == stopped.query(TURNS)
            known = stopped.query(
                "SELECT domain_name FROM internal.domain_keys GROUP BY ALL HAVING count(*) > 1"
            )
            assert known == []


@pytest.mark.timeout(900)
def test_a_rekey_reaches_runs_and_segments(tmp_path: Path) -> None:
    path, events = tmp_path / "a.duckdb", crowd(600)
    with eager([40]):
        whole.run(
            path, [whole.memory_of(chunks_of(events, 200))], batch_max_events=200,
            public_suffix_list=BEFORE.write(path.with_suffix(".dat")),
        )  # fmt: skip
    rekey(path, AFTER)
    check(path, events, AFTER)
    with whole.opened(path) as stopped:
        assert stopped.query("SELECT count(*) > 0 FROM internal.segments") == [(True,)]
        assert stopped.query("SELECT count(*) > 3 FROM internal.parts WHERE kind = 'run'") == [(True,)]


class Busy:
    """Something that always has more to do, and notes its turns."""

    def __init__(self, name: str, turns: list[str]) -> None:
        self.name, self.turns, self.is_busy = name, turns, True

    def is_due(self) -> bool:
        return True

    def step(self) -> bool:
        self.turns.append(self.name)
        return True

    def count_late(self) -> None:
        """Nothing is late."""

    def hear(self) -> None:
        """Nothing went wrong."""


def test_what_expires_and_what_is_folded_take_turns() -> None:
    turns: list[str] = []
    parts: dict[str, Any] = {name: Busy(name, turns) for name in ("folder", "mover", "thinner")}
    upkeep = Upkeep(
        **parts,
        retention=MagicMock(step=lambda: False),
        desk=MagicMock(is_paused=lambda _reason: False),
        metrics=MagicMock(),
        min_free_bytes=0,
        dead_letters_max_bytes=0,
        monotonic=lambda: 0.0,
    )
    upkeep._looked_at = 0.0  # noqa: SLF001 - nothing to look at
    upkeep.folder.step = lambda: turns.append("folder")  # type: ignore[method-assign]
    for _ in range(4):
        upkeep.step()
    assert turns == ["thinner", "folder", "thinner", "folder"]
    # While the file is copied nothing is written past the WAL, but not for ever.
    hold = CheckpointHold(quiet_until=10.0)
    upkeep.hold = lambda: hold
    assert not upkeep.step()
    upkeep.monotonic = lambda: 10.0
    upkeep._looked_at = 10.0  # noqa: SLF001
    assert upkeep.step()
    assert len(turns) == 5


VELOCITY = """
SELECT target_domain, CAST(sum(new_links) AS BIGINT), CAST(sum(lost_links) AS BIGINT) FROM link_velocity
GROUP BY ALL HAVING sum(new_links) <> 0 OR sum(lost_links) <> 0 ORDER BY ALL
"""
TURNS = """
SELECT target_domain, count(*) FILTER (change = 'new'), count(*) FILTER (change = 'lost') FROM new_lost
GROUP BY ALL HAVING count(*) FILTER (change <> 'restored') > 0 ORDER BY ALL
"""
