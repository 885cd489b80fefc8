"""The pipeline by stage: `stages.py STAGE --folder FOLDER` measures one and prints one line of JSON."""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

import exposition
import one_stage
from linktide import _core
from linktide.config import load
from linktide.configured import now_us
from linktide.index import Decoder, IndexOptions, LinkIndex, Seeds, scan_record_batches
from linktide.restore import writer_row_of
from linktide.service import Service
from linktide.sources.kafka import KafkaSource, kafka_settings
from linktide.sources.memory import MemorySource
from linktide.store.database import Database, PinVersions, StoreSettings
from linktide.store.rebuild import observations_of
from linktide.store.writer import Advance, StoreBatch, StoreWriter
from linktide.suffixes import read_suffix_list
from measure import Usage, cpu_seconds_of, peak_rss_bytes, rss_bytes
from one_stage import Request, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from linktide.config import Config
    from linktide.index import VectorNumbers
    from linktide.metrics.batch import Totals
    from linktide.sources.source import Chunk, Partition, Source

_MAX_EVENT_BYTES = 1 << 20
_SEED = 7
_BATCH_EVENTS = 40_000
_BATCH_BYTES = 16 << 20
_MEMCPY_ROUNDS = 20
_SEED_DOMAINS = 50
_GAUGES = ("linktide_authority_error_bound", "linktide_authority_error_target")


def unpack(request: Request) -> Result:
    """Turn chunks into records: checksums, decompression, one Arrow column of values."""
    data = request.data()
    before = Usage.now()
    for chunk in data.chunks:
        _core.read_records(chunk.codec.value, chunk.data, chunk.first_offset, chunk.received_at_us)
    return Result(data.events, Usage.now().since(before))


def decode(request: Request) -> Result:
    """Turn chunks into events of the contract, URLs untouched."""
    data = request.data()
    refused = 0
    before = Usage.now()
    for chunk in data.chunks:
        _, bad = _core.decode_only(
            chunk.codec.value, chunk.data, chunk.first_offset, chunk.received_at_us, _MAX_EVENT_BYTES
        )
        refused += bad
    return Result(data.events, Usage.now().since(before), {"dead_letters": refused})


def normalise(request: Request) -> Result:
    """Turn chunks into batches for the index: decoded, normalised, keyed."""
    data = request.data()
    decoder = Decoder(read_suffix_list(None).text, _SEED, _MAX_EVENT_BYTES)
    accepted = 0
    before = Usage.now()
    for chunks in _batches(data.chunks):
        accepted += len(decoder.decode([(1, chunk) for chunk in chunks]))
    return Result(data.events, Usage.now().since(before), {"dead_letters": data.events - accepted})


def memory(request: Request) -> Result:
    """Run the whole service on the memory source into a new file: start, last commit, checkpoint, close."""
    data = request.data()
    config = _config(request)
    return _whole(config, MemorySource(data.chunks), data.events)


def kafka(request: Request) -> Result:
    """Run the whole service on a topic of a real broker into a new file."""
    config = _config(request, kafka_bootstrap_servers=request.servers, kafka_topics=request.topic)
    source = KafkaSource(kafka_settings(config), scan=scan_record_batches, now_us=now_us)
    broker_pid = request.cluster.pid(0)
    if broker_pid is None:
        raise RuntimeError("the broker is gone")
    broker_before = cpu_seconds_of(broker_pid)
    result = _whole(config, source, request.events)
    result.more["broker_cpu_seconds"] = cpu_seconds_of(broker_pid) - broker_before
    return result


def parts(request: Request) -> Result:
    """Do the same work one part after the other on one thread, so that each part's CPU can be told."""
    return _parts(request, has_trust=False)


def authority(request: Request) -> Result:
    """Do the same with trust beside citation: four vectors, of pages and of domains."""
    return _parts(request, has_trust=True)


def _parts(request: Request, *, has_trust: bool) -> Result:
    data = request.data()
    clock = _PartClock()
    worst, is_seeded = 0.0, False
    with _store(request.folder) as (database, text):
        writer = StoreWriter(database, now=lambda: datetime.now(UTC), at=clock.at)
        index = LinkIndex(IndexOptions(_SEED))
        decoder = Decoder(text, _SEED, _MAX_EVENT_BYTES)
        positions: dict[Partition, int] = {}
        before = Usage.now()
        for chunks in _batches(data.chunks):
            clock.begin()
            batch = decoder.decode([(writer.source_id_of(chunk.partition), chunk) for chunk in chunks])
            clock.end("decode")
            rows = index.apply(batch, lambda wanted: observations_of(database, wanted))
            row = writer_row_of(index, rows.rev, rows.clock_us)
            clock.end("apply")
            writer.commit(StoreBatch(rows.tables, _advances(writer, chunks, positions), row))
            writer.checkpoint_if_due()
            worst = max(worst, *(_over_target(one) for one in index.vectors()))
            if has_trust and not is_seeded:
                index.set_seeds(_foremost(index))
                is_seeded = True
        writer.checkpoint()
        usage = Usage.now().since(before)
    clock.seconds["authority"] = index.numbers()["authority_cpu_seconds"]
    more = {"vectors": len(index.vectors()), "worst_bound_over_target": worst}
    return Result(data.events, usage, more, stages=dict(clock.seconds))


def _over_target(one: VectorNumbers) -> float:
    return one.error_bound / one.error_target if one.error_target else 0.0


def _foremost(index: LinkIndex) -> Seeds:
    """Return the domains of most authority by now as seeds of trust."""
    scores = pa.table(index.scores()).sort_by([("citation", "descending")])
    return Seeds(trusted=scores["domain_name"][:_SEED_DOMAINS].to_pylist())


def floor(request: Request) -> Result:
    """Do only what cannot be left out: DuckDB appends the same rows, the bytes are copied once.

    The rows are those of `parts`; the database has plain tables of the same columns and no offsets, and is
    checkpointed at the same size of its WAL.
    """
    data = request.data()
    index = LinkIndex(IndexOptions(_SEED))
    decoder = Decoder(read_suffix_list(None).text, _SEED, _MAX_EVENT_BYTES)
    path = request.folder / "floor.duckdb"
    connection = duckdb.connect(str(path), config={"checkpoint_threshold": "64MB", "threads": 2})
    wall = cpu = 0.0
    for chunks in _batches(data.chunks):
        rows = index.apply(decoder.decode([(1, chunk) for chunk in chunks]), _nothing_stored)
        tables = {name: pa.table(pa.record_batch(one)) for name, one in rows.tables.items()}
        before = Usage.now()
        _append(connection, tables)
        spent = Usage.now().since(before)
        wall, cpu = wall + spent.wall, cpu + spent.cpu
    before = Usage.now()
    connection.execute("CHECKPOINT").fetchall()
    connection.close()
    spent = Usage.now().since(before)
    more = {"file_bytes": path.stat().st_size, "copy_seconds": _copy_seconds(data.chunks)}
    return Result(data.events, Usage(wall + spent.wall, cpu + spent.cpu), more)


STAGES: Mapping[str, Callable[[Request], Result]] = {
    stage.__name__: stage for stage in (unpack, decode, normalise, parts, authority, memory, kafka, floor)
}


class _PartClock:
    """Adds up the CPU time of this process between points."""

    _PART_OF_POINT: Mapping[str, str] = {
        "begin": "apply",
        "fenced": "fence",
        "written": "insert",
        "advanced": "fence",
        "committed": "commit",
        "checkpoint": "commit",
        "checkpointed": "checkpoint",
    }

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._last = 0.0

    def begin(self) -> None:
        self._last = time.process_time()

    def end(self, part: str) -> None:
        now = time.process_time()
        self.seconds[part] += now - self._last
        self._last = now

    def at(self, point: str) -> None:
        """Take a point of the store writer."""
        self.end(self._PART_OF_POINT[point])


class _Watch:
    """Hears of every stored batch: remembers the error bound, and stops the service when all is stored."""

    def __init__(self, events: int) -> None:
        self._events = events
        self.service: Service | None = None
        self.bound = self.target = self.worst_share = 0.0

    def stored(self, totals: Totals) -> None:
        """Hear of a batch."""
        if self.service is None:
            return
        now = exposition.read(self.service.state.exposition().decode())
        bounds, targets = ([value for _, value in now.labelled(name)] for name in _GAUGES)
        # Of all vectors the one that stands worst.
        shares = [
            (bound / target, bound, target) for bound, target in zip(bounds, targets, strict=True) if target
        ]
        if shares:
            share, self.bound, self.target = max(shares)
            self.worst_share = max(self.worst_share, share)
        if totals.events + totals.dead_letters >= self._events:
            self.service.stop()


def _whole(config: Config, source: Source, events: int) -> Result:
    watch = _Watch(events)
    service = Service(
        config, sources=[source], stop_when_exhausted=True, has_http=False, on_stored=watch.stored
    )
    watch.service = service
    rss_before = rss_bytes(os.getpid())
    before = Usage.now()
    service.run()
    usage = Usage.now().since(before)
    stored = service.totals.events + service.totals.dead_letters
    if stored != events:
        raise RuntimeError(f"{config.database.name} holds {stored} events and dead letters, wanted {events}")
    more = {
        "dead_letters": service.totals.dead_letters,
        "file_bytes": config.database.stat().st_size,
        "rss_bytes": peak_rss_bytes(),
        "rss_before_bytes": rss_before,
        "error_bound": watch.bound,
        "error_target": watch.target,
        "worst_bound_over_target": watch.worst_share,
    }
    return Result(events, usage, more)


def _config(request: Request, **flags: object) -> Config:
    path = request.folder / "bench.duckdb"
    return load(flags={"database": path, **flags}, environ={}, folder=request.folder)


def _batches(chunks: Sequence[Chunk]) -> Iterator[list[Chunk]]:
    """Cut chunks into batches of the default size, and well below what fills a batch of whole pages."""
    batch: list[Chunk] = []
    events = size_bytes = 0
    for chunk in chunks:
        batch.append(chunk)
        events += chunk.next_offset - chunk.first_offset
        size_bytes += len(chunk.data)
        if events >= _BATCH_EVENTS or size_bytes >= _BATCH_BYTES:
            yield batch
            batch, events, size_bytes = [], 0, 0
    if batch:
        yield batch


def _advances(writer: StoreWriter, chunks: Sequence[Chunk], positions: dict[Partition, int]) -> list[Advance]:
    advances = []
    for partition in dict.fromkeys(chunk.partition for chunk in chunks):
        end = max(chunk.next_offset for chunk in chunks if chunk.partition == partition)
        source_id = writer.source_id_of(partition)
        advances.append(Advance(partition, source_id, positions.get(partition), end))
        positions[partition] = end
    return advances


@contextmanager
def _store(folder: Path) -> Iterator[tuple[Database, str]]:
    suffixes = read_suffix_list(None)
    settings = StoreSettings(folder / "parts.duckdb")
    database = Database.open(
        settings, lambda: PinVersions("", suffixes.version, suffixes.text), datetime.now(UTC)
    )
    try:
        yield database, suffixes.text
    finally:
        database.close()


def _nothing_stored(_link_ids: pa.Array) -> pa.Table:
    return pa.table({})


def _append(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> None:
    connection.execute("BEGIN").fetchall()
    for name, rows in tables.items():
        connection.register("batch", rows)
        connection.execute(f"CREATE TABLE IF NOT EXISTS {name} AS FROM batch LIMIT 0").fetchall()
        connection.execute(f"INSERT INTO {name} FROM batch").fetchall()
        connection.unregister("batch")
    connection.execute("COMMIT").fetchall()


def _copy_seconds(chunks: Sequence[Chunk]) -> float:
    """Return the time of copying all bytes once, the least of some rounds."""
    whole = b"".join(chunk.data for chunk in chunks)
    least = float("inf")
    for _ in range(_MEMCPY_ROUNDS):
        began = time.perf_counter()
        bytearray(whole)
        least = min(least, time.perf_counter() - began)
    return least


if __name__ == "__main__":
    sys.exit(one_stage.main(STAGES))
