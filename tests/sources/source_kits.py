"""One kit per source: how to put lines into it, and how to make a new instance over the same lines."""

from __future__ import annotations

import gzip
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from kafka_topics import produce_batches, walk_batches

from linktide.sources.files import FileSource
from linktide.sources.kafka import KafkaSettings, KafkaSource
from linktide.sources.memory import MemorySource, chunk_lines
from linktide.sources.push import PushSource
from linktide.sources.source import Partition, Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kafka_broker import KafkaCluster


def fixed_now() -> int:
    return 1_700_000_000_000_000


class Kit(Protocol):
    """A source under test. `is_finite`: it can be exhausted; `knows_lag`: before anything was polled."""

    is_finite: bool
    knows_lag: bool

    def fill(self, lines: list[bytes]) -> None:
        """Set the lines of the one partition; once, before the first source."""

    def source(self) -> Source:
        """Return a new source, not open, over the lines."""

    def feed(self, source: Source) -> None:
        """Called after every open; hands over the lines where a source is not able to look for itself."""


@dataclass
class MemoryKit:
    is_finite = True
    knows_lag = True
    lines: list[bytes] = field(default_factory=list)

    def fill(self, lines: list[bytes]) -> None:
        self.lines = lines

    def source(self) -> Source:
        partition = Partition("memory", "events", "", 0)
        return MemorySource(chunk_lines(partition, self.lines, lines_per_chunk=7))

    def feed(self, source: Source) -> None:
        pass


@dataclass
class FileKit:
    folder: Path
    suffix: str
    knows_lag: bool
    is_finite = True

    @property
    def path(self) -> Path:
        return self.folder / f"events{self.suffix}"

    def fill(self, lines: list[bytes]) -> None:
        data = b"".join(line + b"\n" for line in lines)
        if self.suffix == ".ndjson.gz":
            # Two members, as `cat a.gz b.gz` makes them.
            half = len(data) // 2
            data = gzip.compress(data[:half]) + gzip.compress(data[half:])
        elif self.suffix == ".ndjson.zst":
            data = zstandard.compress(data)
        self.path.write_bytes(data)

    def source(self) -> Source:
        return FileSource([self.path], now_us=fixed_now, chunk_bytes=200)

    def feed(self, source: Source) -> None:
        pass


@dataclass
class ParquetKit(FileKit):
    def fill(self, lines: list[bytes]) -> None:
        numbers = [int(line[len(b'{"n":') : -1]) for line in lines]
        pq.write_table(pa.table({"n": pa.array(numbers, pa.int64())}), self.path, row_group_size=11)


@dataclass
class PushKit:
    is_finite = False
    knows_lag = True
    lines: list[bytes] = field(default_factory=list)

    def fill(self, lines: list[bytes]) -> None:
        self.lines = lines

    def source(self) -> Source:
        return PushSource(now_us=fixed_now)

    def feed(self, source: Source) -> None:
        assert isinstance(source, PushSource)
        for first in range(0, len(self.lines), 7):
            data = b"\n".join(self.lines[first : first + 7])
            source.submit(data, first_offset=first)


@dataclass
class KafkaKit:
    broker: KafkaCluster
    is_raw: bool
    is_finite = False
    knows_lag = False
    topic: str = field(default_factory=lambda: f"contract-{uuid.uuid4().hex}")

    def fill(self, lines: list[bytes]) -> None:
        self.broker.create_topic(self.topic)
        produce_batches(self.broker, self.topic, lines, records_per_batch=7)

    def source(self) -> Source:
        settings = KafkaSettings(
            bootstrap_servers=tuple(self.broker.bootstrap_servers),
            topics=(self.topic,),
            is_raw_fetch_wanted=self.is_raw,
            # About three batches, so that a poll does not return everything.
            max_partition_fetch_bytes=600,
        )
        return KafkaSource(settings, scan=walk_batches, now_us=fixed_now)

    def feed(self, source: Source) -> None:
        assert isinstance(source, KafkaSource)
        assert source.is_raw == self.is_raw


def make_kit(name: str, folder: Path) -> Kit:
    kits: dict[str, Callable[[], Kit]] = {
        "memory": MemoryKit,
        "plain": lambda: FileKit(folder, ".ndjson", knows_lag=True),
        "gz": lambda: FileKit(folder, ".ndjson.gz", knows_lag=False),
        "zst": lambda: FileKit(folder, ".ndjson.zst", knows_lag=False),
        "parquet": lambda: ParquetKit(folder, ".parquet", knows_lag=False),
        "push": PushKit,
    }
    return kits[name]()
