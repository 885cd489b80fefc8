"""At its memory limit ingestion pauses and says so; it goes on when it may; nothing is lost or doubled."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linktide.config import Config
from linktide.errors import StopError
from linktide.memory_limit import MemoryLimit
from linktide.metrics.values import Metrics
from linktide.service import Service
from pipeline import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from linktide.sources.memory import MemorySource

EVENTS = 9_000
LOW, HIGH = 2**20, 2**28
TABLES = (
    "SELECT off FROM internal.link_events",
    "SELECT source_url, target_url, first_seen, last_seen, is_suspect FROM backlinks",
    "SELECT next_offset, events FROM internal.source_offsets",
)
PAUSED = """
import pathlib, sys, threading, time
from pipeline.test_memory_limit import LOW, config, service_of

path = pathlib.Path(sys.argv[1])
service = service_of(config(path, LOW))
threading.Thread(target=service.run, daemon=True).start()
while "index_memory_limit" not in (service.state.not_ready_because() or ""):
    time.sleep(0.01)
print("paused", flush=True)
time.sleep(600)
"""


def lines() -> list[bytes]:
    return [
        json.dumps(
            {
                "event": "discovered",
                "observed_at": f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z",
                "source_url": f"https://site-{number % 700}.example/{number}",
                "target_url": f"https://target-{number % 90}.example/",
            }
        ).encode()
        for number in range(EVENTS)
    ]


def source() -> MemorySource:
    made = whole.memory(lines(), lines_per_chunk=500)
    made._is_endless = True  # noqa: SLF001 - a service that lives on
    return made


def config(path: Path, limit: int | None, **settings: Any) -> Config:  # noqa: ANN401 - as Config takes them
    given = {"batch_max_events": 500, "catch_up_max_events": 500, "batch_max_seconds": 0.01, **settings}
    return Config(database=path, index_memory_limit=limit, **given)


def service_of(given: Config, reload: Callable[[], Config] | None = None) -> Service:
    return Service(given, sources=[source()], has_http=False, reload=reload)


def wait_until(is_so: Callable[[], bool], failures: Sequence[BaseException]) -> None:
    deadline = time.monotonic() + 60
    while not is_so() and not failures:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if failures:
        raise failures[0]


@contextmanager
def running(service: Service) -> Iterator[list[BaseException]]:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            service.run()
        except BaseException as error:  # noqa: BLE001 - told by wait_until
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield failures
    finally:
        service.stop()
        thread.join(30)


def is_paused(service: Service) -> bool:
    return "index_memory_limit is 1 MiB" in (service.state.not_ready_because() or "")


def is_stored(service: Service) -> bool:
    return service.totals.events == EVENTS


def tables(path: Path) -> list[list[tuple[Any, ...]]]:
    with whole.opened(path) as stopped:
        return [sorted(stopped.query(sql), key=str) for sql in TABLES]


def gauge(service: Service, name: str) -> float:
    rows = service.state.exposition().decode().splitlines()
    return next(float(row.rpartition(" ")[2]) for row in rows if row.startswith(name))


@pytest.fixture(scope="module")
def unlimited(tmp_path_factory: pytest.TempPathFactory) -> list[list[tuple[Any, ...]]]:
    path = tmp_path_factory.mktemp("unlimited") / "links.duckdb"
    whole.run(path, [whole.memory(lines(), lines_per_chunk=500)])
    return tables(path)


def test_it_pauses_tells_and_goes_on_when_the_limit_is_raised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, unlimited: list[list[tuple[Any, ...]]]
) -> None:
    path = tmp_path / "links.duckdb"
    service = service_of(config(path, LOW), lambda: config(path, HIGH))
    with caplog.at_level(logging.INFO, "linktide"), running(service) as failures:
        wait_until(lambda: is_paused(service), failures)
        stored = service.totals.events
        assert 0 < stored < EVENTS
        status = service.state.status()
        assert (status["is_ready"], status["memory_limit_bytes"]) == (False, LOW)
        assert status["memory_bytes"] == sum(
            value for name, value in status.items() if name.startswith("memory_") and name.count("_") > 1
            and name != "memory_limit_bytes" and isinstance(value, int)
        )  # fmt: skip
        assert gauge(service, "linktide_index_is_at_memory_limit ") == 1
        assert gauge(service, "linktide_service_is_ready ") == 0
        assert gauge(service, 'linktide_index_part_memory_bytes{part="links"}') > 0
        assert gauge(service, "linktide_authority_vector_memory_bytes{") > 0
        # The index holds what it may, and at most one batch more.
        assert gauge(service, "linktide_index_memory_bytes ") < 1.5 * LOW
        assert service.totals.events == stored
        service._on_reload(signal.SIGHUP, None)  # noqa: SLF001 - what the signal calls
        wait_until(lambda: is_stored(service), failures)
        assert service.state.not_ready_because() is None
        assert gauge(service, "linktide_index_is_at_memory_limit ") == 0
    told = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage().startswith("Ingestion pauses: the index takes 1.") for record in told] == [
        True
    ]
    assert tables(path) == unlimited


def test_a_stop_and_a_restart_with_a_higher_limit_lose_nothing(
    tmp_path: Path, unlimited: list[list[tuple[Any, ...]]]
) -> None:
    path = tmp_path / "links.duckdb"
    for _ in range(2):
        service = service_of(config(path, LOW))
        with running(service) as failures:
            wait_until(lambda: is_paused(service), failures)  # noqa: B023 - called here
    # A restored index is packed closer: there may be room for one batch.
    assert service.totals.events in (0, 500)
    whole.run(path, [whole.memory(lines(), lines_per_chunk=500)])
    assert tables(path) == unlimited


@pytest.mark.slow
def test_a_kill_while_paused_loses_nothing(tmp_path: Path, unlimited: list[list[tuple[Any, ...]]]) -> None:
    path = tmp_path / "links.duckdb"
    environment = {"PYTHONPATH": ":".join([str(Path(__file__).parents[1]), *sys.path])}
    with subprocess.Popen(
        [sys.executable, "-c", PAUSED, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as paused:
        assert paused.stdout is not None
        assert paused.stdout.readline() == "paused\n"
        paused.kill()
    whole.run(path, [whole.memory(lines(), lines_per_chunk=500)])
    assert tables(path) == unlimited


def test_a_run_that_ends_by_itself_ends_at_the_limit(
    tmp_path: Path, unlimited: list[list[tuple[Any, ...]]]
) -> None:
    path = tmp_path / "links.duckdb"
    with pytest.raises(StopError, match=r"index_memory_limit is 1 MiB\. Nothing is lost"):
        whole.run(
            path,
            [whole.memory(lines(), lines_per_chunk=500)],
            batch_max_events=500,
            index_memory_limit=LOW,
        )
    whole.run(path, [whole.memory(lines(), lines_per_chunk=500)])
    assert tables(path) == unlimited


class ScriptedIndex:
    """An index of a given size that gives back what it is told to."""

    def __init__(self, memory_bytes: int, spare_bytes: int = 0) -> None:
        self.memory_bytes = memory_bytes
        self.spare_bytes = spare_bytes
        self.shrunk = 0

    def shrink(self) -> None:
        self.shrunk += 1
        self.memory_bytes -= self.spare_bytes
        self.spare_bytes = 0


def limit_of(limit_bytes: int | None) -> Callable[[ScriptedIndex], bool]:
    made = MemoryLimit(limit_bytes, Metrics(), ends_by_itself=False)
    return made.is_reached  # type: ignore[return-value]  # a scripted index is all it needs


def test_what_the_index_can_give_back_is_taken_first() -> None:
    is_reached = limit_of(1_600)
    index = ScriptedIndex(1_600)
    assert (is_reached(index), index.shrunk) == (False, 0)
    index = ScriptedIndex(1_700, spare_bytes=200)
    assert (is_reached(index), index.shrunk) == (False, 1)
    # Less than a sixteenth of room is not worth going on for: it would shrink before every batch.
    index = ScriptedIndex(1_700, spare_bytes=150)
    assert [is_reached(index), is_reached(index)] == [True, True]
    assert index.shrunk == 1
    index.memory_bytes = 1_501
    assert is_reached(index)
    index.memory_bytes = 1_500
    assert not is_reached(index)


def test_without_a_limit_nothing_pauses() -> None:
    assert not limit_of(None)(ScriptedIndex(2**60))
