"""SQL clients on a service that writes, beside a PostgreSQL with the same rows: `make bench-sql`.

One service in a process of its own takes --rate events a second by HTTP push while clients ask it. What each
figure should be stands beside it. A PostgreSQL 15, if its programs are installed, holds the same table and is
asked the same in the same run, without a writer. Results go to benches/results with --save.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psycopg

import exposition
from measure import free_port, load_average, machine
from sql_buenavista import buenavista_seconds, version
from sql_hostile import beside_the_battery
from sql_reference import psql_seconds, reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_RESULTS = Path(__file__).parent / "results"
_TARGETS = 2_000
_COLUMNS = "source_url, target_url, source_domain, is_dofollow, first_seen, times_lost"
_ALL = f"SELECT {_COLUMNS} FROM links LIMIT 1000000"  # noqa: S608 - of this file
_POINT = "SELECT source_url, first_seen FROM links WHERE target_domain = %s LIMIT 10"
_TOP = "SELECT target_domain, count(*) AS n FROM links GROUP BY 1 ORDER BY 2 DESC LIMIT 10"


def main() -> int:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=1_100_000)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each phase")
    parser.add_argument("--publish-every", type=float, default=10.0, help="seconds; 0: no snapshot file")
    parser.add_argument("--save", metavar="NAME")
    given = parser.parse_args()
    began = load_average()
    with (
        tempfile.TemporaryDirectory(prefix="linktide-bench-") as name,
        _service(Path(name), given.publish_every) as service,
    ):
        service.fill(given.links)
        with service.written(given.rate):
            rows = _published(service, given.seconds) if given.publish_every else {}
            rows |= _asked(service.connect, given.seconds) | _mixed(service, given.seconds)
        with service.written(given.rate, pushes_a_second=10):
            rows |= beside_the_battery(service.connect, service.commit_seconds, 2 * given.seconds)
        rows["psql 1 M rows x 6, s"] = psql_seconds("127.0.0.1", "bench", "linktide", _ALL, service.port)
        slow = buenavista_seconds(service.connect, Path(name), _ALL, given.links)
        if slow is not None:
            rows[f"psql 1 M rows x 6 from buenavista {version()}, s"] = slow
            rows["as many times faster"] = slow / rows["psql 1 M rows x 6, s"]
        beside = reference(service.connect, Path(name), _ALL, lambda connect: _asked(connect, given.seconds))
    text = _report(rows, beside, given, began)
    sys.stdout.write(text)
    if given.save:
        (_RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{given.save}.md").write_text(text, "utf-8")
    return 0


_GOALS = {
    "select 1, p50 ms": "≤ 1.5",
    "prepared point, p50 ms": "≤ 3.5",
    "8 clients: point p99 ms": "≤ 40",
    "8 clients: aggregate p99 ms": "≤ 90",
    "8 clients: mean commit over alone": "≤ 1.6",
    "battery: commit p99 over alone": "≤ 2",
    "psql 1 M rows x 6, s": "≤ 1",
    "publishing: batches stand still, greatest ms": "≤ 10",
    "as many times faster": "≥ 20",
}


def _report(rows: dict[str, float], beside: dict[str, float], given: argparse.Namespace, began: float) -> str:
    told = (
        f"{machine()}; load {began:.1f} before, {load_average():.1f} after. {given.links:,} links, "
        f"{given.rate:,} events a second meanwhile."
    )
    lines = [
        f"# SQL clients, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "",
        told,
        "",
        "| what | linktide | goal | PostgreSQL 15, no writer |",
        "|---|---|---|---|",
    ]
    for name, value in rows.items():
        other = f"{beside[name]:.3g}" if name in beside else ""
        lines.append(f"| {name} | {value:.3g} | {_GOALS.get(name, '')} | {other} |")
    return "\n".join(lines) + "\n"


class _Service:
    """A service in its own process."""

    def __init__(self, folder: Path, port: int, http_port: int) -> None:
        self.port = port
        self._folder = folder
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{http_port}", timeout=120)
        self._random = random.Random(7)  # noqa: S311 - no secret
        self._sent = 0

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="bench", dbname="linktide", autocommit=True
        )

    def fill(self, links: int) -> None:
        while self._sent < links:
            self.push(self.lines(50_000))

    def lines(self, count: int) -> bytes:
        at = datetime.now(UTC).isoformat()
        made = []
        for number in range(self._sent, self._sent + count):
            target = int(self._random.paretovariate(0.7)) % _TARGETS
            made.append(
                f'{{"event":"discovered","observed_at":"{at}",'
                f'"source_url":"https://s{number % 200_000}.example/p/{number}",'
                f'"target_url":"https://t{target}.example/"}}\n'
            )
        self._sent += count
        return "".join(made).encode()

    def push(self, body: bytes) -> None:
        while True:
            answer = self._http.post("/api/v1/events", content=body)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                answer.raise_for_status()
                return
            time.sleep(0.1)

    def commit_seconds(self) -> tuple[float, float]:
        """Return sum and count of the time that batches took to store."""
        told = self.metrics()
        name = "linktide_store_commit_seconds"
        return told.of(f"{name}_sum"), told.of(f"{name}_count")

    def metrics(self) -> exposition.Scrape:
        return exposition.read(self._http.get("/metrics").text)

    @contextlib.contextmanager
    def written(self, rate: int, pushes_a_second: int = 1) -> Iterator[None]:
        """Push so many events a second until the block ends."""
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                began = time.monotonic()
                self.push(self.lines(rate // pushes_a_second))
                stop.wait(max(0.0, 1 / pushes_a_second - (time.monotonic() - began)))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            yield
        finally:
            stop.set()
            writer.join()


@contextlib.contextmanager
def _service(folder: Path, publish_every: float) -> Iterator[_Service]:
    ports = [free_port(), free_port()]
    assigned = {
        "query_max_rows": 10**8,
        "query_max_bytes": 2**32,
        "sql.enabled": "true",
        "sql.port": ports[0],
        "http_port": ports[1],
        "publish_every_seconds": publish_every,
        "log_level": "warning",
    }
    options = [part for name, value in assigned.items() for part in ("--set", f"{name}={value}")]
    start = "from linktide.cli import main; main()"
    named = ["--database", str(folder / "links.duckdb"), *options]
    command = [sys.executable, "-c", start, "run", *named]
    program = subprocess.Popen(command, env={**os.environ, "LINKTIDE_CONFIG": ""})  # noqa: S603 - ours
    try:
        service = _Service(folder, *ports)
        for _ in range(300):
            with contextlib.suppress(psycopg.OperationalError), service.connect():
                break
            if program.poll() is not None:
                raise RuntimeError(f"the service ended with {program.returncode}")
            time.sleep(0.1)
        yield service
    finally:
        program.terminate()
        program.wait(30)


def _published(service: _Service, seconds: float) -> dict[str, float]:
    """Look at what the rounds take that end meanwhile, of five at least; the first two began in the fill."""
    rounds: list[tuple[float, ...]] = []
    end, seen = time.monotonic() + seconds, -1.0
    while time.monotonic() < end or len(rounds) < 2 + 5:
        told = service.metrics()
        done = dict(told.labelled("linktide_publish_rounds_total"))['outcome="published"']
        if done > seen:
            names = ("still_seconds", "duration_seconds", "bytes")
            rounds.append(tuple(told.of(f"linktide_publish_{name}") for name in names))
            seen = done
        time.sleep(0.2)
    still, duration, size = zip(*rounds[2:], strict=True)
    return {
        "publishing: batches stand still, median ms": statistics.median(still) * 1e3,
        "publishing: batches stand still, greatest ms": max(still) * 1e3,
        "publishing: a round, median s": statistics.median(duration),
        "publishing: the file, MB": max(size) / 1e6,
    }


def _timed(call: Callable[[], object], seconds: float) -> list[float]:
    """Call again and again; return the milliseconds of each."""
    took = []
    end = time.monotonic() + seconds
    while (began := time.perf_counter()) and time.monotonic() < end:
        call()
        took.append((time.perf_counter() - began) * 1e3)
    return sorted(took)


def _share(took: list[float], share: float) -> float:
    return took[min(len(took) - 1, int(len(took) * share))]


def _asked(connect: Callable[[], psycopg.Connection[tuple[object, ...]]], seconds: float) -> dict[str, float]:
    """Ask one thing after the other, on one connection."""
    numbers = random.Random(3)  # noqa: S311 - no secret
    with connect() as connection:
        one = _timed(lambda: connection.execute("SELECT 1").fetchall(), seconds / 2)

        def point() -> None:
            name = f"t{numbers.randrange(_TARGETS)}.example"
            connection.execute(_POINT, [name], prepare=True).fetchall()

        points = _timed(point, seconds)
        tops = _timed(lambda: connection.execute(_TOP).fetchall(), seconds / 2)
    return {
        "select 1, p50 ms": statistics.median(one),
        "prepared point, p50 ms": statistics.median(points),
        "top-10 aggregate, p50 ms": statistics.median(tops),
    }


def _mixed(service: _Service, seconds: float) -> dict[str, float]:
    """Ask by eight clients at once, and look how old the newest row is."""
    before = service.commit_seconds()
    time.sleep(seconds)
    alone = service.commit_seconds()
    took: dict[str, list[float]] = {"point": [], "aggregate": []}

    def client(number: int) -> None:
        numbers = random.Random(number)  # noqa: S311 - no secret
        with service.connect() as connection:

            def ask() -> None:
                kind = "aggregate" if numbers.random() < 0.2 else "point"  # noqa: PLR2004 - one of five
                began = time.perf_counter()
                if kind == "point":
                    name = f"t{numbers.randrange(_TARGETS)}.example"
                    connection.execute(_POINT, [name], prepare=True).fetchall()
                else:
                    connection.execute(_TOP).fetchall()
                took[kind].append((time.perf_counter() - began) * 1e3)

            _timed(ask, seconds)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for one in clients:
        one.start()
    ages = _ages(service, seconds)
    for one in clients:
        one.join()
    after = service.commit_seconds()
    quiet = (alone[0] - before[0]) / max(1, alone[1] - before[1])
    busy = (after[0] - alone[0]) / max(1, after[1] - alone[1])
    return {
        "8 clients: point p50 ms": _share(sorted(took["point"]), 0.5),
        "8 clients: point p99 ms": _share(sorted(took["point"]), 0.99),
        "8 clients: aggregate p50 ms": _share(sorted(took["aggregate"]), 0.5),
        "8 clients: aggregate p99 ms": _share(sorted(took["aggregate"]), 0.99),
        "8 clients: mean commit over alone": busy / quiet,
        "age of the newest row, greatest, s": max(ages),
    }


def _ages(service: _Service, seconds: float) -> list[float]:
    ages = []
    end = time.monotonic() + seconds
    with service.connect() as connection:
        while time.monotonic() < end:
            # Of few rows: the largest `first_seen` of all links takes longer to find than a row is old.
            rows = connection.execute("SELECT max(last_record_at) FROM sources").fetchall()
            newest = rows[0][0]
            if isinstance(newest, datetime):
                ages.append((datetime.now(UTC) - newest).total_seconds())
            time.sleep(0.05)
    return ages


if __name__ == "__main__":
    sys.exit(main())
