"""What old answers of pages leave behind when they expire: rows, bytes, the longest slice and checkpoint.

Pages of a few links, crawled once a week, of which a share changed one link each time; imported by the
command, then thinned as the service does it. One line of JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from linktide.store.database import Database, PinVersions, StoreSettings
from linktide.store.thinning import Thinner, ThinRule
from measure import load_average

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINKS = 5
_BLOCK_BYTES = 262_144
_BEGAN_AT = datetime(2026, 1, 5, tzinfo=UTC)
_WEEK = timedelta(days=7)
_LOOK_SECONDS = 0.005


def lines(pages: int, crawls: int, changed_share: float) -> Iterator[str]:
    """Yield complete `page` events in the order of their time."""
    versions = [0] * pages
    for crawl in range(crawls):
        for page in range(pages):
            if crawl and crc32(f"{crawl} {page}".encode()) % 10_000 < 10_000 * changed_share:
                versions[page] += 1
            at = _BEGAN_AT + crawl * _WEEK + _WEEK * page / pages
            links = [
                {
                    "target_url": f"https://t{(page * 7 + n * 31) % 20_000}.example/{page % 97}",
                    "anchor": f"a {n}",
                }
                for n in range(_LINKS)
            ]
            links[0]["anchor"] = f"a {versions[page]}"
            told = {
                "event": "page", "observed_at": at.isoformat(), "complete": True, "http_code": 200,
                "source_url": f"https://s{page % 5_000}.example/{page}", "links": links,
            }  # fmt: skip
            yield json.dumps(told, separators=(",", ":")) + "\n"


def sizes(database: Database) -> dict[str, int]:
    """Return rows and bytes, in whole blocks of the file, of what pages told."""
    database.connection.execute("CHECKPOINT").fetchall()
    told = {"file_bytes": database.file_bytes()}
    for table in ("page_snapshots", "page_sets"):
        rows, blocks = database.connection.execute(
            f"SELECT (SELECT count(*) FROM internal.{table}), count(DISTINCT block_id) "  # noqa: S608 - our own
            "FILTER (block_id >= 0) FROM pragma_storage_info(?)",
            [f"internal.{table}"],
        ).fetchall()[0]
        told |= {f"{table}_rows": rows, f"{table}_bytes": blocks * _BLOCK_BYTES}
    free = database.connection.execute("SELECT free_blocks FROM pragma_database_size()").fetchall()
    return told | {"free_bytes": max(row[0] for row in free) * _BLOCK_BYTES}


def thin(database: Database, days: int) -> dict[str, float]:
    """Thin as the service does, and checkpoint where it would wait for one; return times in seconds."""
    thinner = Thinner(database, ThinRule(days))
    steps: list[float] = []
    checkpoints: list[float] = []
    began_at = time.perf_counter()
    cpu_began = time.process_time()
    has_more = True
    while has_more or thinner.is_busy:
        step_at = time.perf_counter()
        has_more = thinner.step()
        steps.append(time.perf_counter() - step_at)
        if not has_more:
            time.sleep(_LOOK_SECONDS)
        if thinner.pages.is_waiting:
            step_at = time.perf_counter()
            database.connection.execute("CHECKPOINT").fetchall()
            checkpoints.append(time.perf_counter() - step_at)
    return {
        "wall_seconds": time.perf_counter() - began_at,
        "cpu_seconds": time.process_time() - cpu_began,
        "longest_step_seconds": max(steps),
        "longest_slice_seconds": thinner.pages.longest_seconds,
        "longest_checkpoint_seconds": max(checkpoints, default=0.0),
        "checkpoints": len(checkpoints),
    }


def main() -> int:
    """Make, import, thin, and print what it was."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--pages", type=int, default=100_000)
    parser.add_argument("--crawls", type=int, default=10)
    parser.add_argument("--changed-share", type=float, default=0.05)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="linktide-bench-", dir=given.folder) as folder:
        path, events = Path(folder) / "links.duckdb", Path(folder) / "pages.ndjson"
        with events.open("w", encoding="utf-8") as file:
            file.writelines(lines(given.pages, given.crawls, given.changed_share))
        command = [
            str(Path(sys.executable).with_name("linktide")),
            "import",
            str(events),
            "--database",
            str(path),
        ]
        began_at = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ourselves
        seconds = time.perf_counter() - began_at
        database = Database.open(StoreSettings(path), lambda: PinVersions("", ""), datetime.now(UTC))
        try:
            before = sizes(database)
            told = thin(database, given.days)
            after = sizes(database)
        finally:
            database.close()
    plan = {name: getattr(given, name) for name in ("pages", "crawls", "changed_share", "days")}
    measured = {"load_average": load_average(), "import_seconds": seconds, "thinning": told}
    sys.stdout.write(json.dumps(plan | measured | {"before": before, "after": after}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
