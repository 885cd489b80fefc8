"""A service in its steady state: so many links are loaded, then a stream of one rate after the other.

All comes through a real broker; a reader asks questions all the time, snapshots and folds are on. Told
are the service's own metrics between two scrapes, its processor time and memory as Linux counts them, and
the longest time between two of its batches.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import httpx

import broker
import events
import exposition
from disk_use import table_sizes
from linktide.config import load
from linktide.remote import RemoteError, RunningService, need_service
from linktide.store.database import Database, PinVersions, StoreSettings
from measure import cpu_seconds_of, load_average, rss_bytes
from store_scale import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linktide.config import Config

Row: TypeAlias = "dict[str, Any]"

_TOPIC = "stream"
_NET_SHARE = 0.6
"""Live links an event of the crawl adds: 70 % begin, 10 % end."""
_LOAD_AT_ONCE = 200_000
_LOAD_AHEAD = 600_000
"""Events that may wait in the broker while more are made: the load is a backlog, so batches are large."""
_TICK_SECONDS = 0.05
_LINGER_MS = 20
_WAIT_SECONDS = 1_800.0
_STAGE = "linktide_pipeline_stage_seconds"
_UNFOLDED = "linktide_store_unfolded_rows"
_SLICES = "linktide_store_fold_slice_seconds_count"
_FOLDED_SECONDS = 5.0
"""Without a slice after which all is folded that is due."""
_BATCH_EVENTS = 20_000
_HOLDS = (
    (_STAGE, 'stage="apply"'),
    (_STAGE, 'stage="store"'),
    ("linktide_store_checkpoint_seconds", ""),
    ("linktide_store_fold_slice_seconds", ""),
)
"""What keeps the work thread from the next batch, and the label it goes by."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much, how fast, how long."""

    links: int
    """Live ones at which the rates are measured; the first also at a tenth of them."""
    rates: Sequence[int]
    """Events a second."""
    seconds: float
    """Of each rate."""
    snapshot_every_seconds: float
    question_every_seconds: float
    """From an answer to the next question."""


class Feed:
    """Kafka's own producer at the end of a pipe."""

    def __init__(self, cluster: broker.KafkaCluster) -> None:
        read_end, write_end = os.pipe()
        self._file = os.fdopen(write_end, "wb", buffering=1 << 20)
        self.sent = 0

        def produce() -> None:
            with os.fdopen(read_end, "rb") as file:
                broker.append(cluster, _TOPIC, file, _LINGER_MS)

        self._thread = threading.Thread(target=produce, name="feed")
        self._thread.start()

    def send(self, lines: Sequence[bytes]) -> None:
        """Hand on events; waits while the producer is behind."""
        self._file.write(b"".join(map(broker.keyed, lines)))
        self._file.flush()
        self.sent += len(lines)

    def pace(self, lines: Sequence[bytes], rate: int) -> None:
        """Hand on events at a rate, as far as the producer takes them."""
        began, at_once = time.monotonic(), round(rate * _TICK_SECONDS)
        for tick, start in enumerate(range(0, len(lines), at_once)):
            left = began + tick * _TICK_SECONDS - time.monotonic()
            if left > 0:
                time.sleep(left)
            self.send(lines[start : start + at_once])

    def close(self) -> None:
        """Let the producer come to its end."""
        self._file.close()
        self._thread.join()


@dataclass(slots=True)
class Watched:
    """A running service, seen from outside."""

    process: subprocess.Popen[bytes]
    address: str
    batches: Path

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def scrape(self) -> exposition.Scrape:
        """Read its metrics."""
        return exposition.read(httpx.get(f"{self.address}/metrics", timeout=60.0).text)

    def stored(self) -> list[tuple[float, int]]:
        """Return (monotonic moment, records stored by then) of every batch."""
        rows = (line.split() for line in self.batches.read_text().splitlines())
        return [(float(at), int(records)) for at, records in rows]

    def live_links(self) -> float:
        """Return how many live, of what is applied."""
        return self.scrape().of("linktide_index_live_links")

    def records(self) -> int:
        """Return how many records are stored."""
        rows = self.stored()
        return rows[-1][1] if rows else 0

    def wait_for(self, records: int) -> None:
        """Wait until so many are stored; raises RuntimeError when that takes too long."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while self.records() < records:
            if self.process.poll() is not None:
                raise RuntimeError(f"the service ended with {self.process.returncode} before its time")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{records} records were not stored within {_WAIT_SECONDS:g} s")
            time.sleep(_TICK_SECONDS)


@dataclass(slots=True)
class Reader:
    """Asks one question after the other in a thread of its own, and reads the bounds of authority between."""

    service: RunningService
    watched: Watched
    every_seconds: float
    seconds: list[float] = field(default_factory=list)
    worst_bound: float = 0.0
    """Of all that were read, in targets."""
    failed: int = 0
    """Refused because all readers were busy, or broken off."""
    _is_over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to ask, about the hundred domains of most links."""
        top = "SELECT target_domain FROM links GROUP BY target_domain ORDER BY count(*) DESC LIMIT 100"
        names = [f"'{name}'" for name in self.service.query(top)["target_domain"].to_pylist()]
        self._thread = threading.Thread(target=self._ask, args=(names,), name="reader")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def _ask(self, names: Sequence[str]) -> None:
        chosen = random.Random(7)  # noqa: S311 - a repeatable stream, no secret
        questions = list(QUESTIONS.values())
        while not self._is_over.wait(self.every_seconds):
            began = time.monotonic()
            try:
                self.service.query(chosen.choice(questions).replace("?", chosen.choice(names)))
            except RemoteError:
                self.failed += 1
            else:
                self.seconds.append(time.monotonic() - began)
            self.worst_bound = max(self.worst_bound, _over_target(self.watched.scrape()))


def measure(plan: Plan, folder: Path) -> Iterator[Row]:
    """Load, stream, stop, look at the file; yield a row for each thing measured."""
    crawl = events.crawl(events.CrawlPlan(2**62))
    with broker.running(folder / "kafka") as cluster:
        cluster.create_topic(_TOPIC, broker.PARTITIONS)
        config = load(
            flags={
                "database": folder / "sustained.duckdb",
                "kafka_bootstrap_servers": cluster.bootstrap_servers[0],
                "kafka_topics": _TOPIC,
                "http_port": 0,
                "snapshot_every_seconds": plan.snapshot_every_seconds,
                "log_level": "warning",
            },
            environ={},
            folder=folder,
        )
        with _running(config) as watched, need_service(config) as service:
            yield {"what": "idle", "rss_bytes": rss_bytes(watched.pid)}
            feed = Feed(cluster)
            try:
                for links in (plan.links // 10, plan.links):
                    yield _load(watched, feed, crawl, links)
                    yield _fold(watched)
                    for rate in plan.rates if links == plan.links else plan.rates[:1]:
                        lines = list(islice(crawl, round(rate * plan.seconds)))
                        with Reader(service, watched, plan.question_every_seconds) as reader:
                            yield {"loaded_to": links, **_stream(watched, feed, lines, rate, reader)}
            finally:
                feed.close()
        yield _disk(config)


def _load(watched: Watched, feed: Feed, crawl: Iterator[bytes], links: int) -> Row:
    """Send events until so many links live, as fast as they are taken."""
    began, cpu, sent = time.monotonic(), cpu_seconds_of(watched.pid), feed.sent
    while (live := watched.live_links()) < 0.99 * links:
        missing = links - live - _NET_SHARE * (feed.sent - watched.records())
        wanted = min(_LOAD_AT_ONCE, round(missing / _NET_SHARE))
        feed.send(list(islice(crawl, max(1_000, wanted))))
        watched.wait_for(feed.sent - (_LOAD_AHEAD if wanted == _LOAD_AT_ONCE else 0))
    watched.wait_for(feed.sent)
    told = watched.scrape()
    return {
        "what": "load",
        "live_links": told.of("linktide_index_live_links"),
        "events": feed.sent - sent,
        "wall_seconds": time.monotonic() - began,
        "cpu_us_per_event": 1e6 * (cpu_seconds_of(watched.pid) - cpu) / max(feed.sent - sent, 1),
        **_memory(watched, told),
    }


def _fold(watched: Watched) -> Row:
    """Wait until what the load left unsorted is folded: a load is one long catch-up, which folds little."""
    began = ended = time.monotonic()
    told, cpu = watched.scrape(), cpu_seconds_of(watched.pid)
    first = marks = told.of(_SLICES), told.of(_UNFOLDED)
    while (now := time.monotonic()) - ended < _FOLDED_SECONDS:
        if now - began > _WAIT_SECONDS:
            raise RuntimeError(f"folds did not end within {_WAIT_SECONDS:g} s")
        time.sleep(0.5)
        told = watched.scrape()
        if (more := (told.of(_SLICES), told.of(_UNFOLDED))) != marks:
            ended, marks = time.monotonic(), more
    return {
        "what": "fold",
        "rows": first[1] - marks[1],
        "wall_seconds": ended - began,
        "cpu_seconds": cpu_seconds_of(watched.pid) - cpu,
    }


def _stream(watched: Watched, feed: Feed, lines: list[bytes], rate: int, reader: Reader) -> Row:
    """Send events at a rate; tell what the service was like meanwhile."""
    load_before, first = load_average(), feed.sent
    before, cpu, began = watched.scrape(), cpu_seconds_of(watched.pid), time.monotonic()
    feed.pace(lines, rate)
    sent_in = time.monotonic() - began
    watched.wait_for(feed.sent)
    told, cpu = watched.scrape(), cpu_seconds_of(watched.pid) - cpu
    moved = told.since(before)
    batches = [(at, records) for at, records in watched.stored() if at >= began]
    done_in = batches[-1][0] - began
    count = feed.sent - first
    return {
        "what": "stream",
        "rate": rate,
        "load_average": load_before,
        "live_links": told.of("linktide_index_live_links"),
        "events": count,
        "sent_per_second": count / sent_in,
        "stored_per_second": count / done_in,
        "behind_seconds": done_in - sent_in,
        "batches": len(batches),
        "batch_events": count / len(batches),
        "cpu_us_per_event": 1e6 * cpu / count,
        "cost_ms_per_20k": 1e3 * moved.of(f"{_STAGE}_sum") / count * _BATCH_EVENTS,
        "authority_us_per_event": 1e6 * moved.of("linktide_authority_cpu_seconds_total") / count,
        "seconds": {
            **{labels.split('"')[1]: spent for labels, spent in moved.labelled(f"{_STAGE}_sum")},
            "checkpoint": moved.of("linktide_store_checkpoint_seconds_sum"),
            "fold": moved.of("linktide_store_fold_slice_seconds_sum"),
            "questions": moved.of("linktide_serve_query_seconds_sum"),
        },
        "commit_p99": moved.quantile("linktide_store_commit_seconds", 0.99),
        "freshness_p99": moved.quantile("linktide_pipeline_freshness_seconds", 0.99),
        "fresh_share": moved.of("linktide_pipeline_freshness_seconds_count") / count,
        "longest_hold": max(
            told.of("linktide_index_snapshot_slice_seconds"),
            *(moved.quantile(name, 1.0, of) or 0.0 for name, of in _HOLDS),
        ),
        "longest_gap": max((b - a for (a, _), (b, _) in pairwise([(began, 0), *batches])), default=0.0),
        "checkpoint_longest": moved.quantile("linktide_store_checkpoint_seconds", 1.0),
        "fold_slice_longest": moved.quantile("linktide_store_fold_slice_seconds", 1.0),
        "snapshots": moved.of("linktide_index_snapshots_total"),
        "snapshot_slice": told.of("linktide_index_snapshot_slice_seconds"),
        "bound_over_target": reader.worst_bound,
        "questions": len(reader.seconds),
        "failed": reader.failed,
        "question_median": median(reader.seconds) if reader.seconds else None,
        **_memory(watched, told),
    }


def _over_target(told: exposition.Scrape) -> float:
    """Return how far the vector that stands worst is from what it is promised to be."""
    bounds = told.labelled("linktide_authority_error_bound")
    targets = dict(told.labelled("linktide_authority_error_target"))
    return max((bound / targets[vector] for vector, bound in bounds if targets[vector]), default=0.0)


def _memory(watched: Watched, told: exposition.Scrape) -> Row:
    parts = {labels.split('"')[1]: size for labels, size in told.labelled("linktide_index_part_memory_bytes")}
    return {
        "rss_bytes": rss_bytes(watched.pid),
        "index_bytes": told.of("linktide_index_memory_bytes"),
        "parts": parts,
        "known_links": told.of("linktide_index_known_links"),
        "domains": told.of("linktide_index_domains"),
    }


@contextmanager
def _running(config: Config) -> Iterator[Watched]:
    """Start the service, wait until it is ready, stop it as an operator would."""
    folder = config.database.parent
    given = {name: getattr(config, name) for name, origin in config.origins.items() if origin == "flag"}
    flags = [f"{k}={','.join(v) if isinstance(v, tuple) else v}" for k, v in given.items()]
    batches = folder / "batches"
    batches.touch()
    script = Path(__file__).with_name("sustained_service.py")
    process = subprocess.Popen([sys.executable, str(script), str(batches), *flags])  # noqa: S603 - ourselves
    try:
        facts = config.database.with_name(f"{config.database.name}.service.json")
        while not facts.exists():
            if process.poll() is not None:
                raise RuntimeError("the service did not start; what it said stands above")
            time.sleep(_TICK_SECONDS)
        port = json.loads(facts.read_text())["http_port"]
        yield Watched(process, f"http://127.0.0.1:{port}", batches)
    finally:
        process.send_signal(signal.SIGTERM)
        if process.wait(timeout=300) != 0:
            raise RuntimeError(f"the service ended with {process.returncode}")


def _disk(config: Config) -> Row:
    """Tell what links and hot events take in the file of the stopped service."""
    settings = StoreSettings(config.database)
    database = Database.open(settings, lambda: PinVersions("bench", "bench"), datetime.now(UTC))
    try:
        database.connection.execute("CHECKPOINT").fetchall()
        sizes = {one.table: one for one in table_sizes(database)}
        live = database.connection.execute("SELECT live_links FROM internal.writer").fetchall()[0][0]
        used = database.connection.execute(
            "SELECT used_blocks * block_size FROM pragma_database_size()"
        ).fetchall()[0][0]
        raw = sizes["link_events"]
        in_segments = database.connection.execute(
            "SELECT coalesce(sum(row_count), 0)::BIGINT FROM internal.segments"
        ).fetchall()[0][0]
        return {
            "what": "disk",
            "live_links": live,
            "file_bytes": database.file_bytes(),
            "used_bytes": used,
            "segment_bytes": database.segment_bytes(),
            "hot_events": raw.rows,
            "segment_events": in_segments,
            "bytes_per_hot_event": raw.size_bytes / max(raw.rows, 1),
            "bytes_per_live_link": (used - raw.size_bytes) / max(live, 1),
            "tables": {one.table: one.size_bytes for one in sizes.values()},
        }
    finally:
        database.close()
