"""Offsets that are filled long after they came raise alerts of the past alone, as replayed letters do."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from told_days import BURST, BURST_STORY, OWN, QUIET, alerts, chunks, link

from linktide import recovery
from linktide.alert_desk import AlertDesk
from linktide.alert_watch import AlertWatch
from linktide.config import load
from linktide.fill import fill
from linktide.metrics.values import Metrics
from linktide.sources.source import GapKind, OffsetGap
from pipeline.whole import LINKS, memory_of, opened, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from linktide.fill import TopicsFilled
    from linktide.sources.source import Chunk, Partition

LATER = [link("seen", 12 * 24 + 5 + hour, 9_000) for hour in range(3)]


class Topic:
    """Has again what a run passed over."""

    def __init__(self, told: Sequence[Chunk]) -> None:
        self.told = told

    def open(self) -> Mapping[Partition, tuple[int, int]]:
        return {LINKS: (0, self.told[-1].next_offset)}

    def read(self, partition: Partition, first_offset: int, end_offset: int) -> Iterator[Chunk]:
        assert partition == LINKS
        yield from (one for one in self.told if first_offset <= one.first_offset < end_offset)

    def close(self) -> None:
        pass


def passed_over(path: Path, told: Sequence[Chunk]) -> list[Chunk]:
    """Run on all but the chunks that tell of the burst; return these."""
    missed = [one for one in told if json.dumps(BURST[0]).encode() in one.data]
    (first,), end = missed, missed[-1].next_offset
    gap = OffsetGap(GapKind.BELOW_START, first.first_offset, end)
    kept = [
        dataclasses.replace(one, gap=gap) if one.first_offset == end else one
        for one in told
        if one not in missed
    ]
    run(path, [memory_of(kept)], tracked_domains=(OWN,), batch_max_events=4)
    return missed


def filled(path: Path, told: Sequence[Chunk]) -> TopicsFilled:
    """Fill as the service does: with what judges the past."""
    metrics = Metrics()
    desk = AlertDesk(metrics, [(OWN, "own")], AlertWatch(metrics, lambda: 0, 0), has_webhook=True)
    config = load(flags={"database": path, "tracked_domains": (OWN,)}, environ={}, folder=path.parent)
    with recovery._workplace(config) as place:  # noqa: SLF001
        desk.begin(place.database.connection, None)
        return fill(lambda do: do(dataclasses.replace(place, past=desk.past)), Topic(told), ["links"])


def test_a_burst_that_is_filled_is_told_of_the_past_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    told = chunks([*BURST_STORY, *LATER])
    missed = passed_over(path, told)
    assert {row["alert"] for row in alerts(path)} == {"SourceGap"}
    done = filled(path, told)
    assert (done.absent, done.left) == (done.filled, 0)
    assert done.events == sum(one.next_offset - one.first_offset for one in missed) >= len(BURST)
    rows = [row for row in alerts(path) if row["alert"] != "SourceGap"]
    assert [(row["alert"], row["domain_name"], row["is_historical"], row["state"]) for row in rows] == [
        ("LinkLossSpike", OWN, True, "resolved")
    ]
    assert json.loads(rows[0]["evidence"])[0]
    with opened(path) as stopped:
        notices = stopped.query("FROM internal.alert_notices")
        (lost,) = stopped.query("SELECT sum(lost_dofollow + lost_nofollow) FROM internal.tracked_hours")
    assert not [row for row in notices if "LinkLossSpike" in str(row)]
    # Counted as news is what came as news.
    assert lost == (sum(one["event"] == "lost" for one in QUIET),)
    # What is stored is absent no more, and is told once.
    assert filled(path, told).absent == 0
    assert [row for row in alerts(path) if row["alert"] != "SourceGap"] == rows


def test_usual_links_that_are_filled_raise_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    told = chunks([*QUIET, *LATER])
    at = len(told) // 2
    gap = OffsetGap(GapKind.BELOW_START, told[at].first_offset, told[at].next_offset)
    kept = [*told[:at], dataclasses.replace(told[at + 1], gap=gap), *told[at + 2 :]]
    run(path, [memory_of(kept)], tracked_domains=(OWN,), batch_max_events=4)
    before = alerts(path)
    assert filled(path, told).filled > 0
    assert alerts(path) == before
