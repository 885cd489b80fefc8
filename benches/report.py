"""From measurements to tables: medians with their range, beside the floors and the versions."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

LINKS_AN_EVENT = "links an event"
"""The fact of a corpus whose events hold many links."""
FLOOR_EVENTS_PER_SECOND = 60_000
"""What the whole pipeline from Kafka must reach."""
PARTS = ("decode", "apply", "insert", "fence", "commit", "checkpoint")
_STAGES = {
    "unpack": "unpack only",
    "decode": "unpack + decode the contract",
    "normalise": "decode + normalise + key",
    "parts": "whole, one part after the other",
    "authority": "the same with trust: four vectors",
    "memory": "whole pipeline, memory source",
    "kafka": "whole pipeline, Kafka on the same cores",
    "floor": "floor: DuckDB appends the same rows",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one stage on one corpus."""

    stage: str
    corpus: str
    round: int
    events: int
    wall_seconds: float
    cpu_seconds: float
    load_average: float
    more: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    """CPU seconds."""
    version: str = ""
    """Of a peer."""

    def rate(self) -> float:
        """Return events per second of wall time."""
        return self.events / self.wall_seconds

    def cpu_us(self) -> float:
        """Return CPU µs per event of the measured process."""
        return 1e6 * self.cpu_seconds / self.events


@dataclass(frozen=True, slots=True)
class Run:
    """All measurements of one call, and what they were taken on."""

    at: str
    machine: str
    versions: Mapping[str, str]
    corpora: Mapping[str, Mapping[str, float]]
    """Name → events, bytes per event as text, bytes per event as they are read."""
    rounds: int
    samples: Sequence[Sample]
    rows: Sequence[Mapping[str, object]] = ()
    """What else was measured."""


def as_json(run: Run) -> str:
    """Return everything, one sample a line."""
    told = asdict(run)
    samples = told.pop("samples")
    head = json.dumps(told, indent=1)[:-2]
    return (
        f'{head},\n "samples": [\n  ' + ",\n  ".join(json.dumps(sample) for sample in samples) + "\n ]\n}\n"
    )


def as_markdown(run: Run) -> str:
    """Return the tables."""
    loads = [sample.load_average for sample in run.samples]
    lines = [
        (
            f"Measured {run.at} on {run.machine}, {run.rounds} rounds in turns; load average "
            f"{min(loads):.1f} to {max(loads):.1f} (before each measurement). Medians [least to greatest]."
        ),
        "",
        ", ".join(f"{name} {version}" for name, version in run.versions.items()),
        "",
    ]
    for corpus, facts in run.corpora.items():
        told = ", ".join(f"{value:,.0f} {name}" for name, value in facts.items())
        samples = [sample for sample in run.samples if sample.corpus == corpus]
        lines += [f"### {corpus}: {told}", "", *_stage_table(samples), "", *_whole_table(samples), ""]
        lines += [
            *_link_rates(facts, samples),
            *_part_table(samples),
            *_authority(samples),
            *_floors(samples),
        ]
    return "\n".join(lines).rstrip() + "\n"


def _stage_table(samples: Iterable[Sample]) -> list[str]:
    rows = ["| stage | events/s, wall | CPU µs/event |", "|---|---|---|"]
    for stage, group in _by_stage(samples).items():
        rate = spread([sample.rate() for sample in group], "{:,.0f}")
        cpu = spread([sample.cpu_us() for sample in group], "{:.2f}")
        rows.append(f"| {_STAGES[stage]} | {rate} | {cpu} |")
    return rows


def _link_rates(facts: Mapping[str, float], samples: Iterable[Sample]) -> list[str]:
    """Tell links a second of the whole pipeline, where an event holds many."""
    links = facts.get(LINKS_AN_EVENT)
    if links is None:
        return []
    whole = [links * sample.rate() for sample in samples if sample.stage == "memory"]
    return [f"Whole pipeline: {spread(whole, '{:,.0f}')} links/s.", ""] if whole else []


def _whole_table(samples: Iterable[Sample]) -> list[str]:
    rows = [
        (
            "| whole pipeline | error bound / target at the end | worst after a batch | dead letters "
            "| file bytes/event | peak RSS MB | broker CPU µs/event |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for stage, group in _by_stage(samples).items():
        if "error_bound" not in group[0].more:
            continue
        told = {name: median(sample.more.get(name, 0.0) for sample in group) for name in group[0].more}
        events = group[0].events
        broker = told.get("broker_cpu_seconds")
        rows.append(
            f"| {stage} | {told['error_bound']:.3g} / {told['error_target']:.3g} "
            f"| {told['worst_bound_over_target']:.2g} times the target | {told['dead_letters']:,.0f} "
            f"| {told['file_bytes'] / events:.0f} | {told['rss_bytes'] / 1e6:,.0f} "
            f"| {'-' if broker is None else f'{1e6 * broker / events:.2f}'} |"
        )
    return rows if len(rows) > 2 else []  # noqa: PLR2004 - the head


def _part_table(samples: Iterable[Sample]) -> list[str]:
    group = [sample for sample in samples if sample.stage == "parts"]
    if not group:
        return []
    rows = ["| part | CPU µs/event | share |", "|---|---|---|"]
    whole = median(sample.cpu_us() for sample in group)
    for part in PARTS:
        costs = [1e6 * sample.parts.get(part, 0.0) / sample.events for sample in group]
        rows.append(f"| {part} | {spread(costs, '{:.2f}')} | {median(costs) / whole:.0%} |")
    return [*rows, ""]


def _authority(samples: Iterable[Sample]) -> list[str]:
    """Say what part of all CPU time authority takes, with the bound that stands for it."""
    rows = [
        "| vectors | authority, CPU µs/event | share of all | worst bound after a batch |",
        "|---|---|---|---|",
    ]
    groups = _by_stage(sample for sample in samples if "authority" in sample.parts)
    for group in groups.values():
        costs = [1e6 * sample.parts["authority"] / sample.events for sample in group]
        share = median(sample.parts["authority"] / sample.cpu_seconds for sample in group)
        worst = median(sample.more["worst_bound_over_target"] for sample in group)
        vectors = group[0].more["vectors"]
        rows.append(
            f"| {vectors:.0f} | {spread(costs, '{:.2f}')} | {share:.1%} | {worst:.2g} times the target |"
        )
    return (
        [*rows, "", "A part of apply: floor 30 %, goal 15 % of all with four vectors.", ""] if groups else []
    )


def _floors(samples: Iterable[Sample]) -> list[str]:
    group = _by_stage(samples).get("floor")
    if not group:
        return []
    events = group[0].events
    copy = median(1e6 * sample.more["copy_seconds"] / events for sample in group)
    size = median(sample.more["file_bytes"] / events for sample in group)
    return [f"Copying the bytes once: {copy:.3f} µs/event. File of the floor: {size:.0f} bytes/event.", ""]


def verdict(run: Run) -> str | None:
    """Return one sentence: the ratio to the floor in force; None without a Kafka measurement."""
    rates = [sample.rate() for sample in run.samples if sample.stage == "kafka"]
    if not rates:
        return None
    ratio = median(rates) / FLOOR_EVENTS_PER_SECOND
    return f"Whole pipeline from Kafka: {ratio:.2f} times the floor of {FLOOR_EVENTS_PER_SECOND:,} events/s."


def save(run: Run, text: str, folder: Path, what: str) -> list[Path]:
    """Write `<date>-<what>.json` and, what is said of it, `.md` into `folder`; return their paths."""
    folder.mkdir(exist_ok=True)
    paths = []
    for suffix, content in ((".json", as_json(run)), (".md", text)):
        path = folder / f"{run.at[:10]}-{what}{suffix}"
        path.write_text(content.rstrip() + "\n", "utf-8")
        paths.append(path)
    return paths


def _by_stage(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    groups: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.stage].append(sample)
    return groups


def spread(values: Sequence[float], form: str) -> str:
    """Return the median, and of several values the range."""
    middle = form.format(median(values))
    if len(values) == 1:
        return middle
    return f"{middle} [{form.format(min(values))} to {form.format(max(values))}]"
