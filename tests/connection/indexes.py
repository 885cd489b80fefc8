"""One small index, reached by every way there is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from new_file import begin_file
from open_service import found_link, wait_until

from linktide.config import Config
from linktide.connection import Connection, connect
from linktide.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

import threading

LINKS = 5
WAYS = ("service by path", "service by URL", "postgresql", "stopped file")


@contextmanager
def serving(folder: Path, **settings: object) -> Iterator[Service]:
    """Run a service with HTTP and SQL on ports of their own, which holds LINKS links."""
    told = {"http_port": 0, "sql_enabled": True, "sql_port": 0, **settings}
    config = Config(database=folder / "links.duckdb", batch_max_seconds=0.01, **told)  # type: ignore[arg-type]  # by name
    begin_file(config.database)
    service = Service(config, sources=())
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        wait_until(lambda: service.state.not_ready_because() is None)
        lines = b"".join(found_link(number) for number in range(LINKS))
        service.state.push(lines, topic="push", topic_id="", first_offset=None)
        yield service
    finally:
        service.stop()
        thread.join(30)


@contextmanager
def connected(way: str, folder: Path, **settings: object) -> Iterator[Connection]:
    """Connect to a new index by one of WAYS."""
    if way == "stopped file":
        with serving(folder, **settings):
            pass
        with connect(folder / "links.duckdb") as connection:
            yield connection
        return
    with serving(folder, **settings) as service, connect(where(way, service, folder)) as connection:
        yield connection


def where(way: str, service: Service, folder: Path) -> str:
    """Return what `connect` takes."""
    # Its ports are asked for nowhere else.
    assert service._server is not None  # noqa: SLF001
    assert service._sql.address is not None  # noqa: SLF001
    urls = {
        "service by path": str(folder / "links.duckdb"),
        "service by URL": f"http://127.0.0.1:{service._server.port}",  # noqa: SLF001
        "postgresql": f"postgresql://me@127.0.0.1:{service._sql.address[1]}/linktide",  # noqa: SLF001
    }
    return urls[way]
