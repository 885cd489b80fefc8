"""What alerts cost beside ingest: the same events with and without tracked domains, in turns.

`usual`: the domains watched get about one event in a hundred. `all`: every event is of one of them, the worst
there is. `behind`: as usual, in batches as large as the service makes them by default while it catches up,
where the others hold batches down. All begin with links among the sources, a twentieth of all events, so that
these have authority.
Each run is a process of its own on the memory source into a new file; its CPU seconds count, start and end of
the service included. Also the time of a scrape with all domains tracked.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random

import pyarrow as pa

from linktide.config import load
from linktide.service import Service
from linktide.sources.memory import MemorySource, chunk_lines
from linktide.sources.source import Partition

STREAMS = ("usual", "all", "behind")
TRACKED = 100
MOST_SHARE = 0.03
MOST_SCRAPE_SECONDS = 0.02
SCRAPES = 50
_SHARES = {"usual": 0.01, "all": 1.0, "behind": 0.01}
_SEED = 19
_LOST_SHARE, _SEEN_SHARE = 0.1, 0.2
_OTHERS, _SOURCES, _PAGES = 20_000, 5_000, 100
_LINKED_SHARE = 0.05
_START = datetime(2026, 3, 1, tzinfo=UTC)
_RECENT = 5_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is told."""

    events: int
    events_per_second: float
    """Event time that passes."""
    rounds: int
    batch: int


def lines(stream: str, plan: Plan) -> list[tuple[datetime, bytes]]:
    """Return events in order of time: new links, some seen again, some lost."""
    chance = Random(f"{_SEED}/{stream}")  # noqa: S311 - a made-up stream
    told: list[tuple[datetime, bytes]] = []
    recent: list[tuple[str, str]] = []
    for number in range(plan.events):
        at = _START + timedelta(seconds=number / plan.events_per_second)
        kind, turn = "discovered", chance.random()
        if recent and turn < _LOST_SHARE + _SEEN_SHARE:
            source, target = recent[chance.randrange(len(recent))]
            kind = "lost" if turn < _LOST_SHARE else "seen"
        else:
            source = _page(chance)
            if number < _LINKED_SHARE * plan.events:
                target = _page(chance)
            elif chance.random() < _SHARES[stream]:
                target = f"https://own{chance.randrange(TRACKED)}.test/{chance.randrange(50)}"
            else:
                target = f"https://o{chance.randrange(_OTHERS)}.test/{chance.randrange(50)}"
            recent.append((source, target))
            if len(recent) > _RECENT:
                recent.pop(chance.randrange(_RECENT))
        event: dict[str, object] = {
            "event": kind,
            "observed_at": at.isoformat(),
            "source_url": source,
            "target_url": target,
        }
        if kind != "lost":
            event |= {"anchor": f"text {number % 97}", "rel": ["nofollow"] if number % 5 == 0 else []}
        told.append((at, json.dumps(event).encode()))
    return told


def _page(chance: Random) -> str:
    """Return a page that links, of few sites more often; some are linked to themselves."""
    site = int(_SOURCES * chance.random() ** 2)
    return f"https://s{site}.example/p{chance.randrange(_PAGES)}"


def child(stream: str, *, is_alerting: bool, plan: Plan) -> dict[str, float]:
    """Run the service once in this process; return its CPU seconds, and those of a scrape."""
    told = lines(stream, plan)
    chunks = []
    for first in range(0, len(told), plan.batch):
        piece = told[first : first + plan.batch]
        received_at_us = int(piece[-1][0].timestamp() * 1e6)
        chunks += chunk_lines(
            Partition("memory", "links", "", 0),
            [line for _, line in piece],
            lines_per_chunk=len(piece),
            received_at_us=received_at_us,
            first_offset=first,
        )
    tracked = tuple(f"own{number}.test" for number in range(TRACKED)) if is_alerting else ()
    with tempfile.TemporaryDirectory() as folder:
        flags: dict[str, object] = {
            "database": Path(folder) / "links.duckdb",
            "tracked_domains": tracked,
            "batch_max_events": plan.batch,
            "authority_min_domains": 0,
        }
        if stream != "behind":
            flags["catch_up_max_events"] = plan.batch
        config = load(flags=flags, environ={}, folder=Path(folder))
        service = Service(config, sources=[MemorySource(chunks)], stop_when_exhausted=True, has_http=False)
        # At its first array pyarrow loads pandas, where there is one: nothing that alerts should pay for.
        pa.array([0])
        before, began = _cpu_seconds(), time.monotonic()
        service.run()
        found = {"cpu": _cpu_seconds() - before, "seconds": time.monotonic() - began}
        times = []
        for _ in range(SCRAPES):
            began = time.perf_counter()
            service.state.exposition()
            times.append(time.perf_counter() - began)
        return {**found, "scrape": statistics.median(times)}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(plan: Plan, streams: list[str]) -> dict[str, list[dict[str, float]]]:
    """Run with and without alerts in turns; return all runs by stream and side."""
    runs: dict[str, list[dict[str, float]]] = {}
    for number, stream in product(range(plan.rounds), streams):
        # Who comes first changes, so that a machine that slows down harms both.
        for side in ("with", "without") if number % 2 == 0 else ("without", "with"):
            command = [sys.executable, __file__, "--child", stream, "--events", str(plan.events)]
            command += ["--speed", str(plan.events_per_second), "--batch", str(plan.batch)]
            command += ["--alerting"] if side == "with" else []
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            runs.setdefault(f"{stream}/{side}", []).append(json.loads(done.stdout))
    return runs


def shares(runs: dict[str, list[dict[str, float]]], stream: str) -> list[float]:
    """Return by how much more CPU each pair took with alerts."""
    pairs = zip(runs[f"{stream}/with"], runs[f"{stream}/without"], strict=True)
    return [on["cpu"] / off["cpu"] - 1 for on, off in pairs]


def main() -> int:
    """Measure, print and keep; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--speed", type=float, default=20.0, help="events a second of event time")
    parser.add_argument("--batch", type=int, default=20_000, help="events in a batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", nargs="*", default=list(STREAMS), choices=STREAMS)
    parser.add_argument("--child", choices=STREAMS, help=argparse.SUPPRESS)
    parser.add_argument("--alerting", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path)
    given = parser.parse_args()
    plan = Plan(given.events, given.speed, given.rounds, given.batch)
    if given.child:
        told = child(given.child, is_alerting=given.alerting, plan=plan)
        sys.stdout.write(json.dumps(told) + "\n")
        return 0
    runs = measured(plan, given.streams)
    text, is_missed = report(plan, runs, given.streams)
    sys.stdout.write(text)
    if given.results is not None:
        name = given.results / f"{datetime.now(UTC):%Y-%m-%d}-alert-cost"
        name.with_suffix(".md").write_text(text, "utf-8")
        name.with_suffix(".json").write_text(json.dumps(runs, indent=1) + "\n", "utf-8")
    return 1 if is_missed else 0


def report(plan: Plan, runs: dict[str, list[dict[str, float]]], streams: list[str]) -> tuple[str, bool]:
    """Return the table, and whether a goal is missed."""
    rows, is_missed = [], False
    for stream in streams:
        told = shares(runs, stream)
        share = statistics.median(told)
        scrape = statistics.median(one["scrape"] for one in runs[f"{stream}/with"])
        off, on = (statistics.median(one["cpu"] for one in runs[f"{stream}/{side}"]) for side in _SIDES)
        is_missed |= share > MOST_SHARE or scrape > MOST_SCRAPE_SECONDS
        rows.append(
            f"| {stream} | {off:.2f} | {on:.2f} | {share:+.1%} | {min(told):+.1%} to {max(told):+.1%} "
            f"| {1e3 * scrape:.1f} |"
        )
    head = (
        f"# What alerts cost, {datetime.now(UTC):%Y-%m-%d}\n\n"
        f"`make bench-alerts`: {plan.events:,} events in batches of {plan.batch:,}, "
        f"{plan.events_per_second:g} a second of event time, {TRACKED} tracked domains; "
        f"{plan.rounds} pairs in turns on {os.cpu_count()} cores. CPU seconds of the process, medians; "
        "more: of each pair.\nusual: one event in a hundred is of a tracked domain; all: every one; behind: "
        "as usual, in the large batches of a service that catches up.\n"
        "The first twentieth are links among sources.\n\n"
        "| stream | without | with | more | from, to | scrape ms |\n|---|---|---|---|---|---|\n"
    )
    goals = f"Goals: at most {MOST_SHARE:.0%} more, a scrape in {1e3 * MOST_SCRAPE_SECONDS:g} ms: "
    return head + "\n".join(rows) + f"\n\n{goals}{'missed' if is_missed else 'reached'}.\n", is_missed


_SIDES = ("without", "with")

if __name__ == "__main__":
    raise SystemExit(main())
