"""The store alone at ten million links: folds, batches, domain questions, disk. `make bench-store`."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from disk_use import table_sizes
from linktide.store.database import Database, PinVersions, StoreSettings
from linktide.store.fold import Folder, FoldRule
from linktide.store.gate import Role
from linktide.store.reader import ReaderPool, ReaderSettings
from linktide.store.rebuild import read_writer
from linktide.store.writer import CheckpointRule, StoreBatch, StoreWriter
from measure import Usage, load_average, machine, peak_rss_bytes, versions
from store_data import batch_tables, grow

if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCH_EVENTS = 20_000
_STEP = 250_000
"""Links of one generation: of about so many are a million rows, the least that the service seals."""
_ASKED = (1_000_000, 2_000_000, 4_000_000, 7_000_000)
_RANKS = {500_000: 1, 160_000: 4, 5_000: 145, 100: 7_250}
"""About so many links of ten million → rank of the target domain."""

QUESTIONS = {
    "top 100 backlinks by authority": """
SELECT source_url, target_url, anchor, domain_authority, page_authority FROM backlinks
WHERE target_domain = ? ORDER BY domain_authority DESC LIMIT 100""",
    "links_of": "SELECT count(*), max(source_url) FROM links_of(?)",
    "referring domains over time": """
SELECT date_trunc('day', first_seen) AS day_at, count(*) FROM (
    SELECT source_domain, min(first_seen) AS first_seen FROM links
    WHERE target_domain = ? AND is_live GROUP BY source_domain) GROUP BY day_at ORDER BY day_at""",
    "new and lost per day": """
SELECT date_trunc('day', hour) AS day_at, sum(new_links), sum(lost_links) FROM link_velocity
WHERE target_domain = ? GROUP BY day_at ORDER BY day_at""",
    "lives per day": """
SELECT date_trunc('day', started_at) AS day_at, count(*), count(lost_at) FROM link_lives
WHERE target_domain = ? GROUP BY day_at ORDER BY day_at""",
    "anchors top 50": """
SELECT anchor, backlinks FROM anchors WHERE target_domain = ? ORDER BY backlinks DESC LIMIT 50""",
    "broken": """
SELECT target_url, count(*) FROM links WHERE target_domain = ? AND lost_at IS NOT NULL AND NOT is_live
GROUP BY target_url ORDER BY 2 DESC LIMIT 50""",
    "refdomains": "SELECT count(*), max(domain_authority) FROM refdomains WHERE target_domain = ?",
    "all of ten links": "SELECT * FROM links WHERE target_domain = ? LIMIT 10",
    "partners": "SELECT count(*) FROM partners(?)",
    "reciprocal links": "SELECT count(*) FROM reciprocal_links(?)",
    "final targets": "SELECT count(*) FROM final_targets(?)",
    "headline counts": "SELECT * FROM headline_counts(?)",
    "intersect of five": """
SELECT source_domain, domains_linked FROM link_intersect(
    [?, 'target144.org', 'target143.org', 'target142.org', 'target141.org'], 3)""",
}


@dataclass
class Found:
    """What was measured, as lines."""

    lines: list[dict[str, object]] = field(default_factory=list)
    fold_cpu_seconds: float = 0.0
    """Of all folds so far, with the checkpoints after them."""

    def tell(self, **what: object) -> None:
        """Take a line down and print it."""
        self.lines.append(what)
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


def open_store(path: Path) -> Database:
    """Open or make the file as the service would."""
    settings = StoreSettings(path)
    return Database.open(settings, lambda: PinVersions("bench", "bench"), datetime.now(UTC))


def fold(database: Database, folder: Folder, found: Found, links: int) -> None:
    """Fold all there is, and tell what the slices took."""
    before, steps = Usage.now(), []
    by_table: dict[str, float] = {}
    folder.seal()
    while folder.is_busy:
        begun = Usage.now()
        result = folder.step()
        if result is not None:
            steps.append(result.seconds)
            by_table[result.table] = by_table.get(result.table, 0.0) + Usage.now().since(begun).cpu
    spent = Usage.now().since(before)
    before = Usage.now()
    database.connection.execute("CHECKPOINT").fetchall()
    checkpoint = Usage.now().since(before)
    runs = {table: len(database.parts.of(table)) for table in ("links", "link_changes", "life_changes")}
    found.fold_cpu_seconds += spent.cpu + checkpoint.cpu
    found.tell(
        what="fold", links=links, cpu_seconds=round(spent.cpu, 2), wall_seconds=round(spent.wall, 2),
        slices=len(steps), slice_median_ms=round(1e3 * statistics.median(steps)),
        slice_p99_ms=round(1e3 * sorted(steps)[int(0.99 * (len(steps) - 1))]),
        slice_longest_ms=round(1e3 * max(steps)), checkpoint_cpu_seconds=round(checkpoint.cpu, 2),
        cpu_seconds_by_table={table: round(cpu, 2) for table, cpu in by_table.items()},
        cpu_us_per_link_so_far=round(1e6 * found.fold_cpu_seconds / links, 2), parts=runs,
        file_bytes=database.file_bytes(), load=load_average(),
    )  # fmt: skip


def commits(database: Database, found: Found, links: int, count: int, *, keep: bool) -> None:
    """Commit batches and tell what each took; without `keep` they are too few to be folded."""
    writer = StoreWriter(database, now=lambda: datetime.now(UTC), rule=CheckpointRule())
    row = read_writer(database)
    spent: list[Usage] = []
    commit_seconds, checkpoints = [], []
    for number in range(count):
        rev = read_writer(database).rev + 1
        tables = batch_tables(database.connection, links + number * _BATCH_EVENTS, rev, _BATCH_EVENTS)
        batch = StoreBatch(tables, (), type(row)(rev, row.clock_us, links, 0.0, is_authority_shown=True))
        before = Usage.now()
        timing = writer.commit(batch)
        spent.append(Usage.now().since(before))
        commit_seconds.append(timing.commit_seconds)
        before = Usage.now()
        if writer.checkpoint_if_due() is not None:
            checkpoints.append(Usage.now().since(before))
    found.tell(
        what="batch", links=links, events=_BATCH_EVENTS, batches=count, is_kept=keep,
        cpu_ms_median=round(1e3 * statistics.median(one.cpu for one in spent), 1),
        wall_ms_median=round(1e3 * statistics.median(one.wall for one in spent), 1),
        commit_ms_median=round(1e3 * statistics.median(commit_seconds), 1),
        commit_ms_longest=round(1e3 * max(commit_seconds), 1),
        checkpoint_cpu_ms=[round(1e3 * one.cpu) for one in checkpoints],
        checkpoint_wall_ms=[round(1e3 * one.wall) for one in checkpoints],
        checkpoint_cpu_us_per_event=round(
            1e6 * sum(one.cpu for one in checkpoints) / (count * _BATCH_EVENTS), 2
        ),
        load=load_average(),
    )  # fmt: skip


def ask(readers: ReaderPool, found: Found, links: int, repeats: int) -> None:
    """Ask every question of domains of four sizes, as outsiders do; least and median of CPU."""
    for about, rank in _RANKS.items():
        name = f"target{rank}.org"
        count = "SELECT count(*) AS links FROM internal.links WHERE target_domain = ?"
        has = readers.query(count, Role.ADMIN, [name]).table["links"][0].as_py()
        for question, sql in QUESTIONS.items():
            used = []
            for _ in range(repeats):
                before = Usage.now()
                readers.query(sql, parameters=[name])
                used.append(Usage.now().since(before).cpu)
            found.tell(
                what="question", links=links, about=about, domain_links=has, question=question,
                cpu_ms_least=round(1e3 * min(used), 1), cpu_ms_median=round(1e3 * statistics.median(used), 1),
                load=load_average(),
            )  # fmt: skip


def disk(database: Database, found: Found, links: int) -> None:
    """Tell what the tables take."""
    database.connection.execute("CHECKPOINT").fetchall()
    used, total = database.connection.execute(
        "SELECT used_blocks * block_size, total_blocks * block_size FROM pragma_database_size()"
    ).fetchall()[0]
    for size in table_sizes(database):
        found.tell(
            what="disk",
            table=size.table,
            rows=size.rows,
            bytes=size.size_bytes,
            bytes_per_row=round(size.size_bytes / max(size.rows, 1), 1),
        )
    found.tell(
        what="disk",
        table="all",
        links=links,
        used_bytes=used,
        file_bytes=total,
        bytes_per_link=round(used / links, 1),
    )


def cut(links: int, *, is_quick: bool) -> Iterator[tuple[int, int]]:
    """Yield the generations: the first and the last link of each."""
    low = 0
    if is_quick:  # each run smaller than the one before it: none is folded twice
        for share in (0.4, 0.3, 0.2, 0.1):
            high = low + round(links * share)
            yield low, high
            low = high
        return
    while low < links:
        yield low, min(low + _STEP, links)
        low += _STEP


def main() -> int:
    """Build, fold, ask, commit; print a line of JSON for each thing measured."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--links", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("target/bench-store"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few large slices, four runs, none folded twice: sooner at the questions",
    )
    parser.add_argument("--ask", action="store_true", help="ask the questions of the database that is there")
    given = parser.parse_args()
    found = Found()
    path = given.folder / "scale.duckdb"
    if not given.ask:
        shutil.rmtree(given.folder, ignore_errors=True)
        given.folder.mkdir(parents=True)
    found.tell(what="machine", machine=machine(), **versions())
    database = open_store(path)
    readers = ReaderPool.of(database, ReaderSettings(size=1))
    large = FoldRule(slice_seconds=30)
    folder = Folder(database, large if given.quick else FoldRule())
    if given.ask:
        ask(readers, found, given.links, given.repeats)
        return 0
    rev, began, first = 0, time.perf_counter(), 0
    for low, high in cut(given.links, is_quick=given.quick):
        rev = read_writer(database).rev + 1
        grow(database, low, high, rev)
        database.connection.execute("CHECKPOINT").fetchall()
        fold(database, folder, found, high)
        if high == min(_ASKED[0], given.links) or (given.quick and low == 0):
            first = high
            shutil.copy(path, path.with_suffix(".first"))
        if high in (*_ASKED, given.links):
            ask(readers, found, high, given.repeats)
            disk(database, found, high)
    for links in (first, given.links) * 2:
        copy = path.with_suffix(".batches")
        if links == first:
            shutil.copy(path.with_suffix(".first"), copy)
        else:
            database.connection.execute("CHECKPOINT").fetchall()
            shutil.copy(path, copy)
        other = open_store(copy)
        commits(other, found, links, given.batches, keep=False)
        other.close()
    readers.close()
    database.close()
    found.tell(
        what="end", minutes=round((time.perf_counter() - began) / 60, 1), peak_rss_bytes=peak_rss_bytes()
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
