"""A service without HTTP and without a broker, run in a thread, and events to push into it."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from new_file import begin_file

from linktide.config import Config
from linktide.service import Service
from linktide.store.gate import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.002)  # for the threads that are waited for: who asks without a pause takes the GIL


def asked(service: Service, sql: str) -> list[dict[str, Any]]:
    """Return the rows of a statement, as an outsider gets them."""
    table = service.state.query(sql, max_rows=None, role=Role.READER, is_abandoned=lambda: False)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def found_link(
    number: int,
    target: str = "https://target.example/",
    observed_at: str = "2026-01-01T00:00:00Z",
) -> bytes:
    """Return the line that tells of one new link, each from another domain."""
    told = {
        "event": "discovered",
        "source_url": f"https://site-{number}.example/",
        "target_url": target,
        "observed_at": observed_at,
    }
    return json.dumps(told).encode() + b"\n"


@contextmanager
def running(
    folder: Path, at_fail_point: Callable[[str], None] | None = None, **settings: object
) -> Iterator[Service]:
    """Run a service until the block ends; it takes pushes when the block begins."""
    # Most tests ask for no SQL endpoint.
    told = {"sql_enabled": False, "batch_max_seconds": 0.01, **settings}
    config = Config(database=folder / "links.duckdb", **told)  # type: ignore[arg-type]  # named by the caller
    begin_file(config.database)
    service = Service(config, sources=(), has_http=False, at_fail_point=at_fail_point)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            service.run()
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: service.state.not_ready_because() is None or bool(failures))
        yield service
    finally:
        service.stop()
        thread.join(30)
    if failures:
        raise failures[0]
