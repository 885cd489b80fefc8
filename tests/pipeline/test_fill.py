"""Offsets that were never stored are filled once, whatever ends the fill, and nothing else comes back."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb
import pytest
from event_stream import draw_stream
from topic_contents import Record

from linktide import fill as fill_room
from linktide import offline, recovery
from linktide.config import load
from linktide.errors import ConfigError, LinktideError, RetryError, StopError
from linktide.fill import TopicsFilled, jumps_of, wanted_topics
from linktide.metrics.values import Metrics
from linktide.recovery_desk import RecoveryDesk
from linktide.sources.memory import MemorySource, chunk_lines
from linktide.sources.source import Chunk, Codec, GapKind, OffsetGap, Position, begin_chunk_at
from linktide.store.gaps import Jump
from linktide.store.verify import read_whole
from linktide.store.writer import FAIL_POINTS, StoreWriter
from oracle.compare import assert_same
from oracle.events import Origin
from oracle.model import derive
from pipeline import whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from event_stream import EventStream

    from linktide.config import Config
    from linktide.sources.source import Partition

RECORDS = 400
BEGAN, LEFT, RESUMED, STANDS = 60, 150, 230, 350
ABSENT = [*range(BEGAN), *range(LEFT, RESUMED)]


class LinesReader:
    """Has lines as a topic has records, from `start` on."""

    def __init__(self, values: Sequence[bytes], start: int = 0, per_chunk: int = 25) -> None:
        self.values = values
        self.start = start
        self.per_chunk = per_chunk
        self.end = len(values)

    def open(self) -> Mapping[Partition, tuple[int, int]]:
        return {whole.LINKS: (self.start, self.end)}

    def read(self, partition: Partition, first_offset: int, end_offset: int) -> Iterator[Chunk]:
        assert self.start <= first_offset < end_offset <= self.end
        for at in range(first_offset, end_offset, self.per_chunk):
            lines = self.values[at : min(at + self.per_chunk, end_offset)]
            yield from chunk_lines(partition, lines, first_offset=at, received_at_us=whole.NOW_US)

    def close(self) -> None:
        pass


def chunk_of(values: Sequence[bytes], first: int, end: int, gap: OffsetGap | None = None) -> Chunk:
    (chunk,) = chunk_lines(whole.LINKS, values[first:end], first_offset=first, received_at_us=whole.NOW_US)
    return replace(chunk, gap=gap)


@pytest.fixture
def made(tmp_path: Path) -> tuple[Config, EventStream, list[bytes]]:
    """Make a database that began late and passed over some offsets."""
    stream = draw_stream(random.Random(11), RECORDS, 40)
    values = [value for value in stream.values if value is not None and value.strip()][:STANDS]
    assert len(values) == STANDS
    path = tmp_path / "links.duckdb"
    gap = OffsetGap(GapKind.BELOW_START, LEFT, RESUMED)
    chunks = [
        chunk_of(values, BEGAN, LEFT),
        chunk_of(values, RESUMED, 300, gap),
        chunk_of(values, 300, STANDS),
    ]
    whole.run(path, [MemorySource(chunks)], authority_min_domains=0)
    config = load(flags={"database": path, "authority_min_domains": 0}, environ={}, folder=tmp_path)
    return config, stream, values


def check(config: Config, stream: EventStream, values: list[bytes], absent: Sequence[int]) -> None:
    """Hold the database to the oracle of all records but those that are absent."""
    records = [
        Record(Origin("memory", "links", 0, line), whole.NOW_US, value)
        for line, value in enumerate(values)
        if line not in set(absent)
    ]
    with whole.opened(config.database, authority_min_domains=0) as index:
        assert_same(index.query, derive(*stream.judge(records)))
        assert index.query("SELECT next_offset FROM sources") == [(STANDS,)]
        stretches = index.query("SELECT first_offset, end_offset FROM internal.offset_gaps ORDER BY ALL")
    assert [offset for first, end in stretches for offset in range(first, end)] == list(absent)
    assert read_whole(config.database, "500MB").differences == ()


def test_a_fill_stores_what_was_never_stored(made: tuple[Config, EventStream, list[bytes]]) -> None:
    config, stream, values = made
    check(config, stream, values, ABSENT)
    with pytest.raises(ConfigError, match="Nothing of the topic others"):
        recovery.fill_stopped(config, ["others"], LinesReader(values))
    filled = recovery.fill_stopped(config, ["links"], LinesReader(values))
    assert (filled.absent, filled.filled, filled.left) == (len(ABSENT), len(ABSENT), 0)
    assert filled.events + filled.dead_letters == len(ABSENT)
    check(config, stream, values, [])
    assert recovery.fill_stopped(config, ["links"], LinesReader(values)) == TopicsFilled()


def test_what_the_topic_no_longer_has_stays_absent(made: tuple[Config, EventStream, list[bytes]]) -> None:
    config, stream, values = made
    reader = LinesReader(values, start=40)
    reader.end = 200
    filled = recovery.fill_stopped(config, ["links"], reader)
    assert (filled.filled, filled.left) == (70, 70)
    left = [*range(40), *range(200, RESUMED)]
    check(config, stream, values, left)
    # Another broker may have it again.
    assert recovery.fill_stopped(config, ["links"], LinesReader(values)).filled == len(left)
    check(config, stream, values, [])


@pytest.mark.parametrize("point", [one for one in FAIL_POINTS if not one.startswith("checkpoint")])
def test_a_fill_that_breaks_off_repeats_and_loses_nothing(
    made: tuple[Config, EventStream, list[bytes]], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    config, stream, values = made
    commit = StoreWriter.commit
    commits = []

    def commit_thrice(writer: StoreWriter, batch: object) -> object:
        commits.append(1)

        def burst(reached: str) -> None:
            if len(commits) == 3 and reached == point:
                raise StopError("bomb")

        writer.at = burst
        return commit(writer, batch)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(StoreWriter, "commit", commit_thrice)
    with pytest.raises(StopError, match="bomb"):
        recovery.fill_stopped(config, ["links"], LinesReader(values))
    monkeypatch.undo()
    stored = 60 if point == "committed" else 50
    check(config, stream, values, ABSENT[stored:])
    assert recovery.fill_stopped(config, ["links"], LinesReader(values)).filled == len(ABSENT) - stored
    check(config, stream, values, [])


def test_two_fills_at_once_store_each_record_once(
    made: tuple[Config, EventStream, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, stream, values = made
    fill_slice = fill_room.fill_slice

    def fill_twice(place: object, source_id: int, chunk: Chunk) -> object:
        assert fill_slice(place, source_id, chunk) is not None  # type: ignore[arg-type]  # as it came
        return fill_slice(place, source_id, chunk)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(fill_room, "fill_slice", fill_twice)
    with pytest.raises(RetryError, match="fill again"):
        recovery.fill_stopped(config, ["links"], LinesReader(values))
    monkeypatch.undo()
    check(config, stream, values, ABSENT[25:])


def test_what_was_forgotten_is_not_absent(made: tuple[Config, EventStream, list[bytes]]) -> None:
    config, _, values = made
    recovery.fill_stopped(config, ["links"], LinesReader(values))
    with whole.opened(config.database, authority_min_domains=0) as index:
        ((name,),) = index.query(
            "SELECT source_domain FROM links GROUP BY ALL ORDER BY count(*) DESC LIMIT 1"
        )
    assert offline.forget_stopped(config, name).links > 0
    assert recovery.fill_stopped(config, ["links"], LinesReader(values)) == TopicsFilled()
    with whole.opened(config.database, authority_min_domains=0) as index:
        assert (name,) not in index.query("SELECT source_domain FROM links")


def test_a_log_that_was_cut_below_a_gap_is_read_again_through_it(
    made: tuple[Config, EventStream, list[bytes]],
) -> None:
    config, _, values = made
    gap = OffsetGap(GapKind.TRUNCATED, STANDS, 200)
    new = [b"{}"] * 40

    class Cut(MemorySource):
        def open(self, stored: Mapping[Partition, Position]) -> None:
            del stored
            super().open({})

    chunk = replace(chunk_lines(whole.LINKS, new, first_offset=200, received_at_us=whole.NOW_US)[0], gap=gap)
    whole.run(config.database, [Cut([chunk])], authority_min_domains=0)
    with whole.opened(config.database, authority_min_domains=0) as index:
        assert index.query("SELECT next_offset, dead_letters >= 40 FROM sources") == [(240, True)]
        stretches = index.query("SELECT first_offset, end_offset FROM internal.offset_gaps ORDER BY ALL")
        jumps = index.query(
            "SELECT kind, left_offset, resumed_offset FROM internal.offset_jumps ORDER BY rev, left_offset"
        )
    assert stretches == [(0, BEGAN), (LEFT, 200)]
    assert jumps == [("begun", 0, BEGAN), ("below_start", LEFT, RESUMED), ("truncated", STANDS, 200)]
    # The log that was cut had other records where the new one has these: no damage.
    assert read_whole(config.database, "500MB").differences == ()
    assert recovery.fill_stopped(config, ["links"], LinesReader(values)).filled == BEGAN + 50
    assert read_whole(config.database, "500MB").differences == ()
    with duckdb.connect(str(config.database)) as connection:
        connection.execute("INSERT INTO internal.offset_gaps VALUES (1, 70, 80, now())").fetchall()
    (told,) = read_whole(config.database, "500MB").differences
    assert "10 rows have offsets noted as absent" in told


def test_a_paused_service_fills_nothing(made: tuple[Config, EventStream, list[bytes]]) -> None:
    _, _, values = made
    reasons: list[str | None] = ["The disk is full."]
    desk = RecoveryDesk(Metrics(), lambda _topics: LinesReader(values), lambda: reasons[0], 0)
    with pytest.raises(RetryError, match="paused: The disk is full"):
        desk.replay({"topics": ["links"]})
    reasons[0] = None
    with pytest.raises(RetryError, match="not open"):
        desk.replay({"topics": ["links"]})
    with pytest.raises(LinktideError, match="topics stand alone"):
        desk.replay({"topics": ["links"], "reasons": []})


def test_only_a_jump_is_a_jump() -> None:
    def chunk(first: int, end: int, gap: OffsetGap | None = None) -> Chunk:
        return Chunk(whole.LINKS, Codec.FRAMED, b"", first, end, 0, gap=gap)

    cut = OffsetGap(GapKind.ABOVE_END, 9, 2)
    assert jumps_of([chunk(0, 5), chunk(5, 9)], {}) == {}
    assert jumps_of([chunk(3, 5)], {}) == {whole.LINKS: [Jump("begun", 0, 3)]}
    assert jumps_of([chunk(7, 9), chunk(2, 4, cut)], {whole.LINKS: Position(5)}) == {
        whole.LINKS: [Jump("skipped", 5, 7), Jump("above_end", 9, 2)]
    }
    # What is left of a chunk that was cut in two still has its gap, and is no second one.
    rest = begin_chunk_at(chunk(2, 6, cut), 4)
    assert rest is not None
    assert rest.gap == cut
    assert jumps_of([rest], {whole.LINKS: Position(4)}) == {}


def test_what_a_client_wants_filled_is_read_or_refused() -> None:
    assert wanted_topics({"topics": ["links", "more"]}) == ("links", "more")
    wrongs: list[dict[str, object]] = [
        {"topics": []},
        {"topics": "links"},
        {"topics": [1]},
        {"topics": [""]},
        {"topics": ["a"], "reasons": []},
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="topics"):
            wanted_topics(wrong)
