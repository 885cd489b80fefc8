"""The page on a large index: `make bench-page`, on the file that `make bench-store` leaves.

Asks the real application, over the real reader pool, for the overview and for domains of three sizes: cold
(no answer kept), moving (a batch was stored since) and warm (the store stands still). What the core would
tell from memory is made up; it costs nothing there either. Wanted: the overview within a second, cold.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import httpx

from linktide.config import Config
from linktide.serve.http import build_app
from linktide.serve.kept_answers import KeptAnswers
from linktide.serve.page_state import REST
from linktide.store.gate import Role
from linktide.store.reader import ReaderPool
from measure import load_average, machine
from store_scale import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from starlette.types import ASGIApp

_TRACKED = (("target1.org", "own"), ("target4.org", "rival"), ("target145.org", "rival"))
_NUMBERS = (
    "live_links", "domains", "lag", "events_per_second", "freshness_p99_seconds", "last_commit_seconds_ago",
    "dead_letters", "error_bound", "error_bound_ratio", "error_target", "file_bytes", "free_bytes",
)  # fmt: skip


class Page:
    """Implements `serve.api.PageApi` on a pool of readers."""

    tracked = _TRACKED

    def __init__(self, readers: ReaderPool) -> None:
        self.rev = 1
        self._readers = readers
        self.read = KeptAnswers(self.read_all, lambda: self.rev, rest=REST).read

    def read_all(self, sql: str, parameters: Sequence[object]) -> pa.Table:
        """Run a statement."""
        return self._readers.query(sql, Role.ADMIN, parameters).table

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)

    def has_view(self, name: str) -> bool:
        """Have no alerts."""
        return name == ""

    def revision(self) -> int:
        """Return the newest batch."""
        return self.rev

    def health(self) -> dict[str, object]:
        """Return numbers that are made up."""
        return {**dict.fromkeys(_NUMBERS, 1.0), "not_ready_because": None, "is_synthetic": True}

    def domains(self, names: Sequence[str]) -> list[dict[str, object]]:
        """Return numbers that are made up."""
        return [{"live_links": 1, "authority": 1.0, "authority_note": None} for _ in names]


class Service:
    """As much of `serve.api.ServiceApi` as the page asks for."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def count_request(self, _route: str, _status: int) -> None:
        """Count nothing."""


async def ask(app: ASGIApp, path: str) -> tuple[float, int]:
    """Return milliseconds until the whole page is there, and the parts that come later."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
        begun = time.perf_counter()
        answer = await client.get(path)
        took = time.perf_counter() - begun
    answer.raise_for_status()
    return round(1e3 * took), answer.text.count("data-pending")


def main() -> None:
    """Print one JSON line a page."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--database", type=Path, default=Path("target/bench-store/scale.duckdb"))
    database = open_store(asked.parse_args().database)
    sys.stdout.write(json.dumps({"machine": machine(), "load": load_average()}) + "\n")
    with ReaderPool.of(database) as readers:
        # The views are bound once in a life of the service, not for the first viewer.
        readers.query("SELECT count(*) FROM links WHERE target_domain = ''")
        for path in ("/", *(f"/domains/{name}" for name, _ in _TRACKED)):
            page = Page(readers)
            app = build_app(Service(page), Config())  # type: ignore[arg-type]  # as much as it asks
            cold, later = anyio.run(ask, app, path)
            time.sleep(6.0)  # what was not waited for ends
            page.rev += 1
            moving, _ = anyio.run(ask, app, path)
            warm, still_later = anyio.run(ask, app, path)
            told = {
                "page": path, "cold_ms": cold, "parts_later": later, "moving_ms": moving, "warm_ms": warm,
                "parts_later_warm": still_later, "load": load_average(),
            }  # fmt: skip
            sys.stdout.write(json.dumps(told) + "\n")
    database.close()


if __name__ == "__main__":
    main()
