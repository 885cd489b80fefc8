"""`make bench`: events per second and CPU per event, by stage, the last one from a real broker.

Every measurement is a process of its own; the stages take turns, so that a loud neighbour troubles all of
them alike. `--quick` is the smoke test of CI: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import broker
import capture
import events
import measure
import one_stage
import page_events
import report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_HERE = Path(__file__).resolve().parent
_MADE_UP = "made-up crawl"
_ALL_STAGES = ("unpack", "decode", "normalise", "parts", "authority", "floor", "memory", "kafka")
_REAL_STAGES = ("normalise", "parts", "authority", "floor", "memory")
_PAGE_STAGES = ("decode", "normalise", "parts", "floor", "memory")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Events ready to be read, and the stages measured on them."""

    name: str
    capture: Path
    stages: Sequence[str]
    facts: Mapping[str, float]
    options: Sequence[str] = ()
    """What `stages.py` is told beside the capture."""


def main() -> int:
    """Prepare the corpora, measure in turns, print, and save if asked to."""
    given = _parser().parse_args()
    plan = events.CrawlPlan(60_000 if given.quick else given.events)
    rounds = 1 if given.quick else given.rounds
    with (
        tempfile.TemporaryDirectory(prefix="linktide-bench-", dir=given.folder) as name,
        ExitStack() as stack,
    ):
        folder = Path(name)
        corpora = [_made_up(plan, folder, stack, has_broker=not given.no_broker)]
        corpora.append(_pages(page_events.PagePlan(2_000 if given.quick else given.pages), folder))
        if not given.quick:
            corpora += _real(folder)
        samples = list(_measure(corpora, rounds))
    versions = measure.versions()
    if any(sample.stage == "kafka" for sample in samples):
        versions["kafka"] = broker.KAFKA_VERSION
    run = report.Run(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=measure.machine(),
        versions=versions,
        corpora={corpus.name: corpus.facts for corpus in corpora},
        rounds=rounds,
        samples=samples,
    )
    text = f"{report.as_markdown(run)}\n{report.verdict(run) or 'No broker took part.'}\n"
    sys.stdout.write(text)
    if given.json:
        titled = f"# Pipeline bench: {given.json}\n\n{text}"
        for path in report.save(run, titled, _HERE / "results", given.json):
            sys.stdout.write(f"wrote {path.relative_to(_HERE.parent)}\n")
    return 0


def _made_up(plan: events.CrawlPlan, folder: Path, stack: ExitStack, *, has_broker: bool) -> Corpus:
    """Make the crawl; with a broker, read it from there once: all stages see what Kafka sends."""
    lines = events.crawl_lines(plan)
    text_bytes = sum(map(len, lines)) / len(lines)
    reason = "asked not to" if not has_broker else broker.missing_programs()
    if reason is not None:
        sys.stderr.write(f"No broker is started: {reason}.\n")
        path = folder / "lines.bin"
        capture.write_lines(path, lines)
        return Corpus(_MADE_UP, path, _ALL_STAGES[:-1], _facts(len(lines), text_bytes, text_bytes))
    cluster = stack.enter_context(broker.running(folder / "kafka"))
    broker.produce(cluster, broker.TOPIC, lines)
    path = folder / "kafka.bin"
    chunks = broker.fetch_all(cluster, len(lines), folder)
    capture.write(path, chunks)
    read_bytes = sum(len(chunk.data) for chunk in chunks) / len(lines)
    options = ("--broker", str(cluster.folder), "--topic", broker.TOPIC, "--events", str(len(lines)))
    return Corpus(_MADE_UP, path, _ALL_STAGES, _facts(len(lines), text_bytes, read_bytes), options)


def _real(folder: Path) -> Iterator[Corpus]:
    for name, lines in events.real_lines(events.data_folder(os.environ, _HERE.parent)):
        path = folder / f"{name.replace(' ', '-')}.bin"
        capture.write_lines(path, lines)
        size = sum(map(len, lines)) / len(lines)
        yield Corpus(name, path, _REAL_STAGES, _facts(len(lines), size, size))


def _pages(plan: page_events.PagePlan, folder: Path) -> Corpus:
    """Make a crawl of whole pages. A figure of links is that of events times the links a page has."""
    lines = page_events.page_lines(plan)
    path = folder / "pages.bin"
    capture.write_lines(path, lines)
    size = sum(map(len, lines)) / len(lines)
    facts = _facts(len(lines), size, size)
    return Corpus(
        "made-up pages",
        path,
        _PAGE_STAGES,
        facts | {report.LINKS_AN_EVENT: plan.links, "% unchanged": 100 * plan.unchanged_share},
    )


def _facts(count: int, text_bytes: float, read_bytes: float) -> dict[str, float]:
    return {
        "events": count,
        "bytes an event as text": round(text_bytes),
        "bytes an event as read": round(read_bytes),
    }


def _measure(corpora: Sequence[Corpus], rounds: int) -> Iterator[report.Sample]:
    for number in range(1, rounds + 1):
        for corpus in corpora:
            for stage in corpus.stages:
                sys.stderr.write(f"round {number} of {rounds}: {corpus.name}, {stage}\n")
                yield _sample(corpus, stage, number)


def _sample(corpus: Corpus, stage: str, number: int) -> report.Sample:
    options = ("--folder", str(corpus.capture.parent), "--capture", str(corpus.capture), *corpus.options)
    sample = one_stage.sample(_HERE / "stages.py", stage, corpus.name, number, options)
    if isinstance(sample, str):
        raise SystemExit(f"stage {stage}: {sample}")
    return sample


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the pipeline by stage.", allow_abbrev=False)
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the made-up crawl")
    parser.add_argument("--pages", type=int, default=30_000, help="events of the made-up crawl of pages")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one small round: a smoke test, no figures")
    parser.add_argument("--no-broker", action="store_true", help="leave Kafka out")
    parser.add_argument("--folder", type=Path, help="where files go; default: the system's place for such")
    parser.add_argument("--json", metavar="WHAT", help="save as benches/results/<date>-<WHAT>.json and .md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
