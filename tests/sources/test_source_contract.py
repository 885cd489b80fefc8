"""The contract of `Source`, run on every source there is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from chunk_records import all_records
from source_kits import KafkaKit, make_kit

from linktide.sources.source import Partition, Position

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from source_kits import Kit

    from linktide.sources.source import Chunk, Source

LINES = [b'{"n":%d}' % number for number in range(100)]
EXPECTED = list(enumerate(LINES))
PATIENCE_SECONDS = 20.0


KAFKA_KITS = [pytest.param(name, marks=pytest.mark.broker) for name in ("kafka-raw", "kafka-plain")]


@pytest.fixture(params=["memory", "plain", "gz", "zst", "parquet", "push", *KAFKA_KITS])
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    if request.param.startswith("kafka"):
        return KafkaKit(request.getfixturevalue("broker"), is_raw=request.param == "kafka-raw")
    return make_kit(request.param, tmp_path)


def opened(kit: Kit, stored: Mapping[Partition, Position] | None = None) -> Source:
    source = kit.source()
    source.open(stored or {})
    kit.feed(source)
    return source


def take(source: Source, records: int) -> list[Chunk]:
    """Poll until at least `records` records came, the source is exhausted or patience ends."""
    chunks: list[Chunk] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(all_records(chunks)) < records and not source.is_exhausted and time.monotonic() < deadline:
        chunks.extend(source.poll(0.2))
    return chunks


def positions_after(chunks: list[Chunk]) -> dict[Partition, Position]:
    return {chunk.partition: Position(chunk.next_offset, chunk.leader_epoch) for chunk in chunks}


def test_every_record_comes_once_and_in_order(kit: Kit) -> None:
    kit.fill(LINES)
    source = opened(kit)
    chunks = take(source, len(LINES))
    assert all_records(chunks) == EXPECTED
    assert len({chunk.partition for chunk in chunks}) == 1
    source.close()


def test_chunks_join_without_gap_or_overlap(kit: Kit) -> None:
    kit.fill(LINES)
    source = opened(kit)
    chunks = take(source, len(LINES))
    source.close()
    ends = [0, *(chunk.next_offset for chunk in chunks)]
    assert [chunk.first_offset for chunk in chunks] == ends[:-1]
    assert ends[-1] == len(LINES)


@pytest.mark.parametrize("stored", [0, 1, 6, 7, 8, 50, 99, 100])
def test_it_begins_at_the_stored_position(kit: Kit, stored: int) -> None:
    kit.fill(LINES)
    first = opened(kit)
    partition = take(first, 1)[0].partition
    first.close()
    source = opened(kit, {partition: Position(stored)})
    assert all_records(take(source, len(LINES) - stored)) == EXPECTED[stored:]
    source.close()


def test_what_was_polled_but_not_stored_comes_again(kit: Kit) -> None:
    kit.fill(LINES)
    source = opened(kit)
    before = take(source, 20)
    stored = positions_after(before)
    source.commit(stored)
    source.poll(0.2)
    source.close()
    source.open(stored)
    kit.feed(source)
    after = take(source, len(LINES) - len(all_records(before)))
    source.close()
    assert all_records([*before, *after]) == EXPECTED


def test_a_new_process_continues_where_the_old_one_stored(kit: Kit) -> None:
    kit.fill(LINES)
    read: list[Chunk] = []
    stored: dict[Partition, Position] = {}
    while len(all_records(read)) < len(LINES):
        source = opened(kit, stored)
        chunks = take(source, min(30, len(LINES) - len(all_records(read))))[:5]
        assert chunks
        stored |= positions_after(chunks)
        read += chunks
        source.close()
    assert all_records(read) == EXPECTED


def test_it_is_exhausted_only_after_the_last_record(kit: Kit) -> None:
    kit.fill(LINES)
    source = opened(kit)
    seen = 0
    while seen < len(LINES):
        assert not source.is_exhausted
        seen += len(all_records(source.poll(0.2)))
    source.poll(0.01)
    assert source.is_exhausted == kit.is_finite
    source.close()


def test_lag_counts_down_to_zero(kit: Kit) -> None:
    kit.fill(LINES)
    source = opened(kit)
    if kit.knows_lag:
        assert sum(source.lag().values()) == len(LINES)
    lags = []
    seen = 0
    while seen < len(LINES):
        seen += len(all_records(source.poll(0.2)))
        lags.append(sum(source.lag().values()))
    source.poll(0.01)
    assert all(0 <= lag < len(LINES) for lag in lags)
    assert sum(source.lag().values()) == 0
    source.close()


def test_commit_is_harmless(kit: Kit) -> None:
    kit.fill(LINES)
    source = opened(kit)
    source.commit({})
    source.commit({Partition("elsewhere", "unknown", "", 9): Position(5)})
    chunks = take(source, 10)
    source.commit(positions_after(chunks))
    source.commit(positions_after(chunks))
    chunks += take(source, len(LINES) - len(all_records(chunks)))
    assert all_records(chunks) == EXPECTED
    source.close()


def test_an_empty_source_gives_nothing_and_waits_no_longer_than_asked(kit: Kit) -> None:
    kit.fill([])
    source = opened(kit)
    begun = time.monotonic()
    assert list(source.poll(0.3)) == []
    assert time.monotonic() - begun < 2.0
    assert source.is_exhausted == kit.is_finite
    assert sum(source.lag().values()) == 0
    source.close()


def test_close_may_be_called_twice_and_before_open(kit: Kit) -> None:
    kit.fill(LINES)
    source = kit.source()
    source.close()
    source.open({})
    source.close()
    source.close()
