"""`linktide replay --topic` beside a running service and on a stopped database, from a real broker."""

from __future__ import annotations

import json
import random
import signal
from typing import TYPE_CHECKING, Any

import pytest
from event_stream import draw_stream
from kafka_reading import poll_until, source_of
from linktide_process import COMMAND, LinktideProcess, command
from test_exactly_once import PARTITIONS, SCRIPT, finish, send, settings
from topic_contents import ends_of, read_topic

from linktide.sources.memory import MemorySource
from linktide.sources.source import begin_chunk_at
from pipeline import whole

if TYPE_CHECKING:
    from pathlib import Path

    from kafka_broker import KafkaCluster

    from linktide.sources.source import Chunk

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]
BEGAN = 1_500
"""The first offset that was stored of each partition."""


def begin_late(broker: KafkaCluster, topic: str, database: Path) -> int:
    """Make a database that began at BEGAN, as one does whose topic began there; return what is absent."""
    source = source_of(broker, topic, max_partition_fetch_bytes=20_000)
    source.open({})
    every = set(range(PARTITIONS))

    def is_enough(chunks: list[Chunk]) -> bool:
        return every == {chunk.partition.number for chunk in chunks if chunk.next_offset > BEGAN + 500}

    chunks = poll_until(source, is_enough)
    source.close()
    rest = [begin_chunk_at(chunk, BEGAN) for chunk in chunks]
    late = [chunk for chunk in rest if chunk is not None]
    assert {chunk.partition.number for chunk in late if chunk.first_offset == BEGAN} == every
    whole.run(database, [MemorySource(late)], authority_min_domains=0)
    return BEGAN * PARTITIONS


def fill(folder: Path, run: list[str], *, code: int | None = 0) -> dict[str, Any]:
    done = command(folder, "replay", "--topic", "late", "--json", *run)
    if code is None:
        assert done.returncode != 0
        return {}
    assert done.returncode == code, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_absent_offsets_are_filled_once_whatever_is_killed(broker: KafkaCluster, tmp_path: Path) -> None:
    chance = random.Random(17)
    stream = draw_stream(chance, 12_000, links=600)
    broker.create_topic("late", PARTITIONS)
    send(broker, "late", stream.values, chance)
    absent = begin_late(broker, "late", tmp_path / "links.duckdb")
    chosen = settings(broker, "late")
    flags = [one for pair in chosen if not pair.startswith("database=") for one in ("--set", pair)]
    left, ends = absent, ends_of(read_topic(broker, "late"))
    for point, calls in (("written", 1), ("advanced", 1), ("committed", 2)):
        # All that is new is stored first, so that the bomb goes off in the fill.
        with LinktideProcess(tmp_path, SCRIPT, *chosen) as service:
            service.wait_ready()
            service.wait_stored(ends)
            assert sum(row["absent_offsets"] for row in service.status()["sources"]) == left
            assert service.terminate().exit_code == 0
        with LinktideProcess(
            tmp_path, SCRIPT, f"--fail-point={point}", f"--calls={calls}", *chosen
        ) as service:
            service.wait_ready()
            fill(tmp_path, flags, code=None)
            assert service.ended().exit_code == -signal.SIGKILL
        with LinktideProcess(tmp_path, SCRIPT, *chosen) as service:
            service.wait_ready()
            before, left = left, sum(row["absent_offsets"] for row in service.status()["sources"])
            assert left < before if point == "committed" else left == before
            assert service.terminate().exit_code == 0
    with LinktideProcess(tmp_path, *COMMAND, "run", "--database", "links.duckdb", *flags) as service:
        service.wait_ready()
        told = fill(tmp_path, flags)
        assert (told["absent"], told["filled"], told["left"]) == (left, left, 0)
        assert service.metrics()["linktide_pipeline_filled_events_total", ()] == told["events"]
        assert fill(tmp_path, flags)["absent"] == 0
        assert service.is_ready()
        finish(service, broker, "late", stream)
    assert fill(tmp_path, flags) == {"absent": 0, "filled": 0, "events": 0, "dead_letters": 0, "left": 0}
