"""What alerts that rest on views cost with a hundred tracked domains, on a copy of what bench-store left."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from linktide.metrics.values import Metrics
from linktide.profile_watch import ProfileWatch
from linktide.store.reader import ReaderPool, ReaderSettings
from measure import Usage, load_average, machine, peak_rss_bytes, versions
from store_scale import open_store

if TYPE_CHECKING:
    from linktide.store.database import Database

_EVERY_SECONDS = 300.0
_DOMAINS = 100
_TOLD = {
    "answers of a third of all targets": """
INSERT INTO internal.target_status BY NAME
SELECT DISTINCT target_key, target_url, clock - INTERVAL 2 DAYS AS observed_at, observed_at AS record_at,
       1 AS source_id, 1 AS off, 1 AS rev,
       CASE WHEN hash(target_url) % 20 = 0 THEN 404 ELSE 200 END AS http_code
FROM internal.links, internal.writer WHERE hash(target_url) % 3 = 0""",
    "visits over a tenth of all links": """
INSERT INTO internal.referrals BY NAME
SELECT link_id, source_key, target_key, source_url, target_url, clock AS observed_at, clock AS record_at,
       CAST(clock AS DATE) - CAST(hash(link_id) % 40 AS INTEGER) AS day, 1 + hash(link_id) % 9 AS visits,
       1 AS source_id, 1 AS off, 1 AS rev
FROM internal.links, internal.writer WHERE hash(link_id) % 10 = 0""",
    "money terms and fifty placements of each": """
INSERT INTO internal.anchor_terms BY NAME
SELECT 'f' AS file_name, unnest($names) AS target_domain, 'money' AS kind, 'anchor text 7' AS term,
       term AS words;
INSERT INTO internal.placements BY NAME
SELECT link_id, source_key, t_dom_key, source_url, target_url, source_domain, target_domain,
       'f' AS file_name, row_number() OVER () AS line, 0 AS grace_days, 'ugc' AS expected_rel
FROM internal.links WHERE target_domain IN (SELECT unnest($names))
QUALIFY row_number() OVER (PARTITION BY target_domain ORDER BY link_id) <= 50""",
}


def looks(database: Database, names: list[str], told: str) -> None:
    """Look at each domain twice: whole, and as between two hours; print CPU, and its share of a round."""
    seconds = [0.0]
    watch = ProfileWatch(Metrics(), names, _EVERY_SECONDS, lambda: 0, monotonic=lambda: seconds[0])
    readers = ReaderPool.of(database, ReaderSettings(size=1))
    watch.opened(readers)
    for what in ("whole", "within the hour"):
        spent, rests = [], 0.0
        for name in names:
            of_thread, before = time.thread_time(), Usage.now()
            watch.look(name)
            spent.append(Usage.now().since(before))
            rests += watch.rest_after(time.thread_time() - of_thread)
        if len(watch.take()) != len(names):
            raise SystemExit("not every domain could be looked at")
        round_seconds = rests + sum(one.wall for one in spent)
        line = {
            "what": what, "told": told, "domains": len(names),
            "cpu_ms_median": round(1e3 * statistics.median(one.cpu for one in spent), 1),
            "cpu_ms_most": round(1e3 * max(one.cpu for one in spent), 1),
            "wall_ms_median": round(1e3 * statistics.median(one.wall for one in spent), 1),
            "round_seconds": round(round_seconds),
            "cores": round(sum(one.cpu for one in spent) / round_seconds, 4),
            "peak_rss_bytes": peak_rss_bytes(), "load": load_average(),
        }  # fmt: skip
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    watch.closed()
    readers.close()


def main() -> int:
    """Tell the database more and more, and measure a round each time; a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--database", type=Path, default=Path("target/bench-store/scale.duckdb"))
    given = parser.parse_args()
    path = given.database.with_suffix(".profiles")
    shutil.copy(given.database, path)
    database = open_store(path)
    # As long ago as every link begins, so that a day ago there was as much as now.
    database.connection.execute("UPDATE internal.writer SET clock = clock + INTERVAL 3 DAYS").fetchall()
    database.close()
    names = [f"target{1 + 7 * number}.org" for number in range(_DOMAINS)]
    sys.stdout.write(json.dumps({"what": "machine", "machine": machine(), **versions()}) + "\n")
    told = "links alone"
    for more, statements in (("", ""), *_TOLD.items()):
        database = open_store(path)
        told += f", {more}" if more else ""
        for one in filter(None, statements.split(";")):
            values = {"names": names} if "$names" in one else None
            database.connection.execute(one, values).fetchall()
        database.connection.execute("CHECKPOINT").fetchall()
        links = database.connection.execute("SELECT count(*) FROM internal.links").fetchall()[0][0]
        looks(database, names, f"{links:,} links: {told}")
        database.close()
    path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
