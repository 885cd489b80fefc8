"""Ingest beside its goals and its peers, from a real broker on the same cores: `make bench-ingest`.

Short: a million events, a million live links. BENCH_FLAGS=--long: a backlog of three million, ten million
links. Jobs take turns, each in a process of its own. A peer that is not installed
(`pip install linktide[bench]`) or cannot be built is told and left out. `make bench` has the cost of each
stage. Results go to benches/results/ with --save.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import broker
import events
import ingest_report
import measure
import one_stage
import page_events
import report
import sustained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_HERE = Path(__file__).resolve().parent
_JOBS = _HERE / "ingest_jobs.py"
_STAGES = _HERE / "stages.py"
_POISON_EVERY = 100
_RECEIVE = ("receive", "receive_rdkafka", "receive_java", "receive_confluent")
_COUNT = ("count", "count_by_hand", "count_bytewax", "count_quix", "count_streams")


@dataclass(frozen=True, slots=True)
class Topic:
    """Events in a topic, and what is done with them."""

    name: str
    lines: Iterable[bytes]
    jobs: Sequence[tuple[Path, str]]
    links: int = 1
    """In an event."""


def main() -> int:
    """Measure, print, and save if asked to."""
    given = _arguments()
    reason = broker.missing_programs()
    if reason is not None:
        raise SystemExit(reason)
    left_out: dict[str, str] = {}
    samples: list[report.Sample] = []
    facts: dict[str, Mapping[str, float]] = {}
    rows: list[sustained.Row] = []
    with tempfile.TemporaryDirectory(prefix="linktide-bench-", dir=given.folder) as name:
        folder = Path(name)
        if "topics" in given.parts:
            samples = list(_topics(given, folder, facts, left_out))
        if "sustained" in given.parts:
            plan = sustained.Plan(
                given.links, given.rates, given.seconds, given.snapshot_seconds, given.question_seconds
            )
            for row in sustained.measure(plan, folder):
                rows.append(row)
                sys.stderr.write(f"{row}\n")
    run = report.Run(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=measure.machine(),
        versions=measure.versions() | {"kafka": broker.KAFKA_VERSION},
        corpora=facts,
        rounds=given.rounds,
        samples=samples,
        rows=rows,
    )
    text = ingest_report.as_markdown(run, left_out)
    sys.stdout.write(text)
    if given.save:
        for path in report.save(run, text, _HERE / "results", given.save):
            sys.stdout.write(f"wrote {path.relative_to(_HERE.parent)}\n")
    return 0


def _topics(
    given: argparse.Namespace,
    folder: Path,
    facts: dict[str, Mapping[str, float]],
    left_out: dict[str, str],
) -> Iterator[report.Sample]:
    """Fill the topics, then run all jobs on them in turns."""
    with broker.running(folder / "kafka") as cluster:
        topics = list(_plan(given))
        counts = {}
        for topic in topics:
            sys.stderr.write(f"makes the topic {topic.name}\n")
            sizes: list[int] = []
            counts[topic.name] = broker.produce(cluster, topic.name, _measured(topic.lines, sizes))
            facts[topic.name] = {
                "events": len(sizes),
                "bytes an event": round(sum(sizes) / len(sizes)),
                report.LINKS_AN_EVENT: topic.links,
            }
        for number in range(1, given.rounds + 1):
            for topic in topics:
                count = counts[topic.name]
                options = ("--broker", str(cluster.folder), "--topic", topic.name, "--events", str(count))
                for script, job in topic.jobs:
                    if job in left_out:
                        continue
                    sys.stderr.write(f"round {number} of {given.rounds}: {topic.name}, {job}\n")
                    found = one_stage.sample(
                        script, job, topic.name, number, ("--folder", str(folder), *options)
                    )
                    if isinstance(found, str):
                        left_out[job] = found
                    else:
                        yield found


def _plan(given: argparse.Namespace) -> Iterator[Topic]:
    crawl = events.CrawlPlan(given.events)
    wanted = (*_RECEIVE, *_COUNT) if given.peers else ("receive", "count")
    whole = [(_STAGES, "kafka")]
    yield Topic("links", events.crawl(crawl), [*((_JOBS, job) for job in wanted), *whole])
    yield Topic("poisoned", events.poisoned(events.crawl(crawl), _POISON_EVERY), whole)
    pages = page_events.PagePlan(given.pages)
    yield Topic("pages", page_events.page_lines(pages), whole, pages.links)
    if given.backlog > given.events:
        yield Topic("backlog", events.crawl(events.CrawlPlan(given.backlog)), whole)


def _measured(lines: Iterable[bytes], sizes: list[int]) -> Iterator[bytes]:
    for line in lines:
        sizes.append(len(line))
        yield line


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--long", action="store_true", help="3 M events as a backlog, 10 M live links")
    parser.add_argument("--events", type=int, default=1_000_000, help="events that the jobs read")
    parser.add_argument("--backlog", type=int, help="events of the backlog; default: those, or 3 M")
    parser.add_argument("--pages", type=int, default=30_000, help="events of whole pages")
    parser.add_argument("--links", type=int, help="live links of the steady state; default 1 M, or 10 M")
    parser.add_argument("--rates", type=int, nargs="+", default=[40_000, 70_000, 100_000], help="events/s")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each rate")
    parser.add_argument("--snapshot-seconds", type=float, default=60.0, help="between two; a service: 600")
    parser.add_argument("--question-seconds", type=float, default=1.0, help="from an answer to a question")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--parts", nargs="+", choices=("topics", "sustained"), default=["topics", "sustained"]
    )
    parser.add_argument("--no-peers", action="store_false", dest="peers")
    parser.add_argument("--folder", type=Path, help="where files go; default: the system's place for such")
    parser.add_argument("--save", metavar="WHAT", help="write benches/results/<date>-<WHAT>.{md,json}")
    given = parser.parse_args()
    if given.links is None:
        given.links = 10_000_000 if given.long else 1_000_000
    if given.backlog is None:
        given.backlog = 3_000_000 if given.long else given.events
    return given


if __name__ == "__main__":
    sys.exit(main())
