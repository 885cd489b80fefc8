"""Authority beside recomputes and other libraries: `make bench-authority`; BENCH_FLAGS=--long for the whole.

Short: R-MAT 2^17 for everything. Long: R-MAT 2^20 with 11.6 M links, three rounds, drift over 2 M updates;
--links FILE (little-endian uint32 pairs, such as a real crawl) adds a graph of your own, --huge one of 55 M
links, which takes some 4 GB. Peers that are not installed (`pip install linktide[bench]`) are told and left
out; the one of differential-dataflow is built outside the workspace and runs on a small graph, for it keeps
every round of every node. Results go to benches/results/ with --save.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

from measure import load_average, machine, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Row: TypeAlias = "dict[str, Any]"

_ROOT = Path(__file__).parents[1]
_RESULTS = Path(__file__).parent / "results"
_DIFFERENTIAL = Path(__file__).parent / "peers" / "differential"
_SMALL, _WHOLE, _HUGE = "rmat:17", "rmat:20:12210000", "rmat:22:58000000"
_DIFFERENTIAL_GRAPH = "rmat:15"
_ROUNDS_OF_SURFERS = 20
_FLOORS_US = {1: (18.0, 8.0), 100: (9.0, 4.0), 10_000: (4.5, 2.5), 100_000: (2.0, 1.0)}
_FLOORS_EDGES = {1: (1_350, 1_000), 100_000: (85, 60)}


@dataclass(frozen=True, slots=True)
class Part:
    """One program's rows about one graph."""

    graph: str
    rows: Sequence[Row]


def main() -> int:
    """Measure, print and perhaps save."""
    given = _arguments()
    began = load_average()
    parts: list[Part] = []
    with tempfile.TemporaryDirectory(prefix="linktide-bench-") as folder:
        for part in _measurements(given, Path(folder)):
            parts.append(part)
            sys.stdout.write("\n".join([f"# {part.graph}", *map(json.dumps, part.rows), ""]))
            sys.stdout.flush()
    text = _report(parts, (began, load_average()))
    sys.stdout.write(f"\n{text}")
    if given.save:
        _RESULTS.mkdir(exist_ok=True)
        stem = _RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{given.save}"
        stem.with_suffix(".md").write_text(text, "utf-8")
        rows = [{"graph": part.graph, **row} for part in parts for row in part.rows]
        lines = ",\n ".join(map(json.dumps, rows))
        stem.with_suffix(".json").write_text(f"[\n {lines}\n]\n", "utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--long", action="store_true", help="R-MAT 2^20, three rounds, drift over 2 M updates"
    )
    parser.add_argument("--huge", action="store_true", help="R-MAT 2^22 with 55 M links too")
    parser.add_argument(
        "--only-huge", action="store_true", help="that one beside the one of --long, no other"
    )
    parser.add_argument("--links", type=Path, action="append", default=[], help="a graph of your own")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the peers")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--save", metavar="WHAT", help="write benches/results/<date>-<WHAT>.{md,json}")
    return parser.parse_args()


def _measurements(given: argparse.Namespace, folder: Path) -> Iterable[Part]:
    if given.only_huge:
        for graph in (_WHOLE, _HUGE):
            yield Part(graph, _engine(f"graph={graph}", "part=churn"))
        return
    graph = _WHOLE if given.long else _SMALL
    rounds = 3 if given.long else 1
    links = folder / "links"
    for _ in range(rounds):
        yield Part(graph, _engine(f"graph={graph}", f"dump={links}", "part=churn"))
    yield Part(graph, _engine(f"graph={graph}", "part=recompute", "part=worst", "part=parallel"))
    updates = 2_000_000 if given.long else 200_000
    yield Part(graph, _engine(f"graph={graph}", "part=drift", f"updates={updates}"))
    if not given.no_peers:
        yield Part(graph, _peers(given.python, links, rounds))
        yield Part(_DIFFERENTIAL_GRAPH, _differential(folder))
    for path in given.links:
        own = folder / path.name
        name = f"graph={path.resolve()}"
        for _ in range(rounds):
            yield Part(path.name, _engine(name, f"dump={own}", "part=churn"))
        yield Part(path.name, _engine(name, "part=recompute", "part=worst"))
        if not given.no_peers:
            yield Part(path.name, _peers(given.python, own, rounds))
    if given.huge:
        yield Part(_HUGE, _engine(f"graph={_HUGE}", "part=churn"))


def _engine(*arguments: str) -> list[Row]:
    command = ("cargo", "bench", "--quiet", "-p", "linktide-core", "--bench", "authority", "--", *arguments)
    return _rows(command, _ROOT)


def _peers(python: str, links: Path, rounds: int) -> list[Row]:
    script = str(Path(__file__).parent / "authority_peers.py")
    return _rows((python, script, str(links), "--rounds", str(rounds)), _ROOT)


def _differential(folder: Path) -> list[Row]:
    links = folder / "differential"
    _engine(f"graph={_DIFFERENTIAL_GRAPH}", f"dump={links}", "part=none")
    run = ("cargo", "run", "--quiet", "--release", "--", str(links), str(_ROUNDS_OF_SURFERS), "100", "5")
    rows = _rows((*run, str(folder / "surfers")), _DIFFERENTIAL, CARGO_TARGET_DIR=str(_ROOT / "target"))
    own = _engine(f"graph={_DIFFERENTIAL_GRAPH}", "part=churn")
    return [*({"what": "differential", **row} for row in rows), *own]


def _rows(command: Sequence[str], folder: Path, **environment: str) -> list[Row]:
    result = subprocess.run(  # noqa: S603 - our own programs
        command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def _report(parts: Sequence[Part], loads: tuple[float, float]) -> str:
    measured = (
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {machine()}; load average {loads[0]:.1f} before,"
    )
    lines = [
        "# Authority bench",
        "",
        measured,
        f"{loads[1]:.1f} after. Medians over rounds; µs are CPU time of one thread.",
        "",
        ", ".join(f"{name} {version}" for name, version in versions().items()),
        "",
    ]
    for graph in dict.fromkeys(part.graph for part in parts):
        rows = [row for part in parts if part.graph == graph for row in part.rows]
        lines += [f"## {graph}", ""]
        for section in (_load, _churn, _errors, _recompute, _worst, _parallel, _refreshes, _surfers):
            found = section(rows)
            lines += [*found, ""] if found else []
    return "\n".join(lines).rstrip() + "\n"


def _of(rows: Iterable[Row], what: str) -> list[Row]:
    return [row for row in rows if row["what"] == what]


def _grouped(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], Callable[[str], float]]:
    """Return the median of a column, by group."""
    groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row)
    return {
        key: lambda column, group=group: median(row[column] for row in group)  # type: ignore[misc]
        for key, group in groups.items()
    }


def _load(rows: Sequence[Row]) -> list[str]:
    found = _of(rows, "load")
    if not found:
        return []
    first = found[0]
    return [
        (
            f"{first['links']:,.0f} links between {first['nodes']:,} nodes, loaded and solved in "
            f"{first['seconds']:.1f} s; {first['bytes_per_link']:.1f} B a link with nodes, scores and ids."
        )
    ]


def _churn(rows: Sequence[Row]) -> list[str]:
    groups = _grouped(_of(rows, "churn"), "threshold", "batch")
    if not groups:
        return []
    lines = [
        "| threshold | batch | edges/event | µs/event | worst batch, ms CPU (wall) | floor, goal |",
        "|---|---|---|---|---|---|",
    ]
    for (threshold, batch), of in groups.items():
        floors = []
        if threshold == "x":
            if batch in _FLOORS_EDGES:
                floors.append("{:,} / {:,} edges".format(*_FLOORS_EDGES[batch]))
            if batch in _FLOORS_US:
                floors.append("{:g} / {:g} µs".format(*_FLOORS_US[batch]))
        lines.append(
            f"| {threshold} | {batch:,} | {of('edges_per_event'):,.1f} | {of('us_per_event'):.2f} "
            f"| {of('worst_batch_ms'):.1f} ({of('worst_batch_wall_ms'):.1f}) | {', '.join(floors)} |"
        )
    return lines


def _errors(rows: Sequence[Row]) -> list[str]:
    found = _grouped(_of(rows, "error"), "threshold", "epsilon", "updates")
    if not found:
        return []
    lines = [
        "| updates | threshold | ε | greatest relative error | L1 | proven L1 | invariant off | B a link |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (threshold, epsilon, updates), of in found.items():
        lines.append(
            f"| {updates:,} | {threshold} | {epsilon:g} | {of('greatest_relative'):.2e} | {of('l1'):.1e} "
            f"| {of('proven_l1'):.1e} | {of('invariant'):.0e} | {of('bytes_per_link'):.2f} |"
        )
    return lines


def _recompute(rows: Sequence[Row]) -> list[str]:
    pushed = _grouped(_of(rows, "churn"), "threshold", "batch")
    lines = []
    for row in _of(rows, "recompute"):
        batch = row["batch"]
        if ("x", batch) not in pushed:
            continue
        ours = pushed["x", batch]("us_per_event") * batch / 1e3
        lines.append(
            f"| {batch:,} | {ours:.3f} | {row['one_sweep_ms']:.2f} ({row['one_sweep_ms'] / ours:,.1f}x) "
            f"| {row['whole_ms']:.1f} in {row['sweeps']} sweeps ({row['whole_ms'] / ours:,.1f}x) |"
        )
    head = [
        "| batch | batch by push, ms | warm Gauss-Seidel: one sweep, ms | to the same ε, ms |",
        "|---|---|---|---|",
    ]
    return [*head, *lines, "", "The transpose is given to the recompute for nothing."] if lines else []


def _worst(rows: Sequence[Row]) -> list[str]:
    found = _of(rows, "worst_event")
    lines = [
        f"| {row['hub_links']:,} | {row['threshold']} | {row['edges']:,} | {row['slices']} "
        f"| {row['longest_slice_ms']:.1f} ({row['longest_slice_wall_ms']:.1f}) "
        f"| {row['under_target_ms']:.1f} | {row['drained_ms']:.1f} ({row['drained_wall_ms']:.1f}) |"
        for row in found
    ]
    head = [
        "The top node links to a hub, ms of CPU (wall):",
        "",
        "| links of the hub | threshold | edges | slices | longest slice | under its target | drained |",
        "|---|---|---|---|---|---|---|",
    ]
    growth = [
        f"A hub grows to {row['hub_links']:,} links one by one: {row['worst_event_ms']:.1f} ms CPU "
        f"({row['worst_event_wall_ms']:.1f} wall) for the worst of them."
        for row in _of(rows, "growth")
    ]
    return [*head, *lines, "", *growth] if found else []


def _parallel(rows: Sequence[Row]) -> list[str]:
    lines = []
    for (threads, batch), of in _grouped(_of(rows, "parallel"), "threads", "batch").items():
        cost = (
            f"{of('cpu_us_per_event'):.1f} µs CPU an event, "
            f"{of('longer_thread_us_per_event'):.1f} of them on the thread that works longer, "
            f"{of('wall_us_per_event'):.1f} µs wall"
        )
        lines.append(f"* Four boards, batches of {batch:,}, {threads} thread(s): {cost}.")
    return lines


def _refreshes(rows: Sequence[Row]) -> list[str]:
    own, peers = _of(rows, "own"), _of(rows, "peer")
    if not own:
        return []
    batch = next(row for row in own if row["batch"] == 100)  # noqa: PLR2004 - the size compared at
    lines = [
        "| one refresh | build, s | refresh, s | L1 | greatest relative error | our batches of 100 |",
        "|---|---|---|---|---|---|",
    ]
    for row in peers:
        if "refresh_seconds" not in row:
            lines.append(
                f"| {row['peer']} | {'not installed' if 'missing' in row else row['failed']} | | | | |"
            )
            continue
        times = f"{row['build_seconds']:.2f} | {row['refresh_seconds']:.3f}"
        error = f"{row['l1']:.1e} | {row['greatest_relative']:.1e}"
        ratio = f"{row['refresh_seconds'] / batch['batch_seconds']:,.0f}"
        too_far = "" if row["is_usable"] else " (too far off to count)"
        lines.append(f"| {row['peer']} {row['version']} | {times} | {error} | {ratio}{too_far} |")
    usable = [row["refresh_seconds"] for row in peers if row.get("is_usable")]
    told = ", ".join(f"{row['us_per_event']:.1f} µs an event in batches of {row['batch']}" for row in own)
    lines += [
        "",
        f"linktide from Python, ε = 1e-2, Arrow included: {told}; after loading L1 {batch['l1']:.1e}.",
    ]
    if usable:
        fastest = min(usable) / batch["batch_seconds"]
        lines.append(f"The fastest refresh of usable error costs {fastest:,.0f} of our batches of 100.")
    return lines


def _surfers(rows: Sequence[Row]) -> list[str]:
    pushed = _grouped(_of(rows, "churn"), "threshold", "batch")
    lines = []
    for row in _of(rows, "differential"):
        ours = pushed["x", row["batch"]]("us_per_event") * row["batch"]
        load = f"{row['links']:,} links: load {row['load_cpu_seconds']:.1f} s CPU"
        batch = f"a batch of {row['batch']} {1e3 * row['batch_cpu_seconds']:.1f} ms CPU"
        ratio = f"{1e6 * row['batch_cpu_seconds'] / ours:,.0f} times ours"
        lines.append(f"differential-dataflow 0.25, {row['rounds']} rounds, {load}, {batch}: {ratio}.")
    return lines


if __name__ == "__main__":
    sys.exit(main())
