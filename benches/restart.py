"""How long a start takes until the index is ready, with a snapshot and without: `make bench-restart`.

Every phase is a process of its own: its wall clock, CPU time and greatest memory are its alone. Files are
taken out of the page cache before a start, so it reads them from the disk. The database is made by SQL
(restart_database.py) and kept in --folder for another run. Results go to benches/results/ with --save.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from linktide.config import load
from linktide.metrics.values import Metrics
from linktide.restore import index_options, restore_index, writer_row_of
from linktide.snapshot import SLICE_SECONDS, Snapshots, snapshot_path
from linktide.store.database import Database, PinVersions, StoreSettings
from linktide.store.writer import StoreBatch, StoreWriter
from measure import load_average, machine, peak_rss_bytes, versions
from restart_database import make_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linktide.index import LinkIndex

_RESULTS = Path(__file__).parent / "results"
_GOAL_SECONDS = 15.0
_PHASES = ("make", "tables", "write", "snapshot")
Row: TypeAlias = "dict[str, Any]"
NEWLINE = "\n"


def main() -> int:
    """Run the phases one after the other, print and perhaps save."""
    given = _arguments()
    if given.phase:
        sys.stdout.write(json.dumps(_PHASE[given.phase](given.folder, given.links[0])) + "\n")
        return 0
    began = load_average()
    with tempfile.TemporaryDirectory(prefix="linktide-bench-") as made:
        folder = given.folder or Path(made)
        rows = [_run(phase, folder, links) for links in given.links for phase in _PHASES]
    text = _report(rows, (began, load_average()))
    sys.stdout.write(text)
    if given.save:
        stem = _RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{given.save}"
        stem.with_suffix(".md").write_text(text, "utf-8")
        stem.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--links", type=int, nargs="+", default=[1_000_000], help="sizes to measure")
    parser.add_argument("--folder", type=Path, help="where databases are kept; else they are made anew")
    parser.add_argument("--save", help="name of the result under benches/results/")
    parser.add_argument("--phase", choices=_PHASES, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(phase: str, folder: Path, links: int) -> Row:
    command = [sys.executable, __file__, "--phase", phase, "--folder", str(folder), "--links", str(links)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
    row = {"phase": phase, "links": links, **json.loads(ended.stdout.splitlines()[-1])}
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()
    return row


def _database(folder: Path, links: int) -> Path:
    return folder / f"restart-{links}.duckdb"


def _open(path: Path) -> Database:
    def none_new() -> PinVersions:
        raise FileNotFoundError(path)

    return Database.open(StoreSettings(path), none_new, datetime.now(UTC))


def _make(folder: Path, links: int) -> Row:
    """Make the database and write the scores that a settled service would have written."""
    path = _database(folder, links)
    if path.exists():
        return {"is_kept": True}
    pairs = make_database(path, links)
    database = _open(path)
    try:
        index = restore_index(database, _options(database))
        writer = StoreWriter(database, now=lambda: datetime.now(UTC))
        while (rows := index.settle()) is not None:
            row = writer_row_of(index, rows.rev, rows.clock_us)
            writer.commit(StoreBatch(rows.tables, (), row))
        writer.checkpoint()
    finally:
        database.close()
    return {"domain_pairs_per_link": pairs, "file_bytes_per_link": path.stat().st_size / links}


def _options(database: Database) -> Any:  # noqa: ANN401 - IndexOptions of the defaults
    config = load(flags={"database": database.path}, environ={}, folder=database.path.parent)
    return index_options(config, database.pins.hash_seed)


def _start(path: Path, *, has_snapshot: bool) -> tuple[Database, LinkIndex, Row]:
    """Open and restore, as a start does."""
    for file in (path, snapshot_path(path)):
        _forget(file)
    began, cpu = time.monotonic(), time.process_time()
    database = _open(path)
    opened = time.monotonic()
    kept = _snapshots(path).kept(database) if has_snapshot else None
    index = restore_index(database, _options(database), kept)
    row = {
        "ready_seconds": time.monotonic() - began,
        "open_seconds": opened - began,
        "cpu_seconds": time.process_time() - cpu,
        "peak_rss_bytes": peak_rss_bytes(),
        "core_bytes": index.numbers()["memory_bytes"],
        "error_bound_ratio": index.numbers()["authority_error_bound_ratio"],
        "is_from_snapshot": index.is_from_snapshot,
    }
    return database, index, row


def _tables(folder: Path, links: int) -> Row:
    path = _database(folder, links)
    database, index, row = _start(path, has_snapshot=False)
    database.close()
    return {**row, "fingerprint": dict(index.fingerprint())}


def _write(folder: Path, links: int) -> Row:
    """Write a snapshot in slices, as between batches that come one after the other."""
    path = _database(folder, links)
    snapshot_path(path).unlink(missing_ok=True)
    database, index, _ = _start(path, has_snapshot=False)
    writer = StoreWriter(database, now=lambda: datetime.now(UTC))
    snapshots = _snapshots(path)
    before = peak_rss_bytes()
    began, cpu, longest, slices = time.monotonic(), time.process_time(), 0.0, 0
    while not snapshots.told()["written"]:
        at = time.monotonic()
        snapshots.step(writer, index)
        longest, slices = max(longest, time.monotonic() - at), slices + 1
        time.sleep(SLICE_SECONDS / 5)
    seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu
    database.close()
    size = snapshot_path(path).stat().st_size
    return {
        "write_seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "longest_stall_seconds": longest,
        "slices": slices,
        "bytes_per_link": size / links,
        "more_peak_rss_bytes": peak_rss_bytes() - before,
    }


def _snapshots(path: Path) -> Snapshots:
    return Snapshots(path, 1e-6, Metrics(), now_us=lambda: time.time_ns() // 1000, monotonic=time.monotonic)


def _snapshot(folder: Path, links: int) -> Row:
    database, index, row = _start(_database(folder, links), has_snapshot=True)
    database.close()
    return {**row, "fingerprint": dict(index.fingerprint())}


_PHASE = {"make": _make, "tables": _tables, "write": _write, "snapshot": _snapshot}


def _forget(file: Path) -> None:
    """Take a file out of the page cache."""
    if file.exists():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _report(rows: Sequence[Row], loads: tuple[float, float]) -> str:
    used = ", ".join(f"{name} {number}" for name, number in versions().items())
    starts = [
        f"| {row['links']:,} | {row['phase']} | {row['ready_seconds']:.1f} | {row['cpu_seconds']:.1f} "
        f"| {row['peak_rss_bytes'] / 1e6:,.0f} | {row['core_bytes'] / row['links']:.0f} |"
        for row in rows
        if "ready_seconds" in row
    ]
    written = [
        f"| {row['links']:,} | {row['bytes_per_link']:.1f} | {row['write_seconds']:.1f} "
        f"| {row['cpu_seconds']:.1f} | {1e3 * row['longest_stall_seconds']:.0f} "
        f"| {row['more_peak_rss_bytes'] / 1e6:,.0f} |"
        for row in rows
        if row["phase"] == "write"
    ]
    prints: dict[int, list[object]] = defaultdict(list)
    for row in rows:
        if "fingerprint" in row:
            prints[row["links"]].append(row["fingerprint"])
    equal = {links: all(one == found[0] for one in found) for links, found in prints.items()}
    return f"""# Ready after a restart

{machine()}; {used}. Load average before and after: {loads[0]:.2f}, {loads[1]:.2f}.

| links | index from | ready s | CPU s | peak RSS MB | core B/link |
|---|---|---|---|---|---|
{NEWLINE.join(starts)}

| links | snapshot B/link | written in s | CPU s | longest stall ms | more peak RSS MB |
|---|---|---|---|---|---|
{NEWLINE.join(written)}

Goal: ready in {_GOAL_SECONDS:.0f} s with 10 M links. State equal both ways: {equal}.
"""


if __name__ == "__main__":
    sys.exit(main())
