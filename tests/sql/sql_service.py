"""A running service with its SQL endpoint, and the clients that ask it."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from open_service import found_link, running

from linktide.serve.reading import LoadStep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from linktide.service import Service

needs_psql = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")


def port_of(service: Service) -> int:
    address = service._sql.address  # noqa: SLF001 - nobody else needs it in the process
    assert address is not None
    return address[1]


def stats_of(service: Service) -> tuple[int, int, int, int, int]:
    """Return (open, accepted, failed logins, turned away, spilled bytes)."""
    server = service._sql._server  # noqa: SLF001 - asked without a scrape
    assert server is not None
    return server.stats()


@contextmanager
def served(folder: Path, links: int = 3, **settings: object) -> Iterator[Service]:
    """Run a service that answers SQL on any free port and holds some links."""
    with running(folder, None, **{"sql_enabled": True, "sql_port": 0, **settings}) as service:
        if links:
            lines = b"".join(found_link(number) for number in range(links))
            service.state.push(lines, topic="push", topic_id="", first_offset=None)
        yield service


def load_table(service: Service, name: str, rows: pa.Table, mode: str = "new") -> None:
    """Load an own table by the steps that `linktide load` takes."""
    begun = service.state.load(LoadStep("begin", name=name, mode=mode, rows=rows.slice(0, 0)))
    token = str(begun["token"])
    service.state.load(LoadStep("rows", token=token, rows=rows))
    service.state.load(LoadStep("finish", token=token))


@contextmanager
def connected(service: Service, **options: object) -> Iterator[psycopg.Connection]:
    """Connect by psycopg; each statement stands alone unless told otherwise."""
    told = {
        "host": "127.0.0.1",
        "port": port_of(service),
        "user": "me",
        "dbname": "linktide",
        "autocommit": True,
    }
    with psycopg.connect(**{**told, **options}) as connection:  # type: ignore[arg-type]  # by name
        yield connection


def psql(
    service: Service, *arguments: str, stdin: str = "", password: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run psql without the settings of whoever runs the tests."""
    environ = {"PATH": os.environ["PATH"], "PSQLRC": os.devnull, "HOME": os.devnull, "LC_ALL": "C.UTF-8"}
    if password is not None:
        environ["PGPASSWORD"] = password
    command = [
        "psql",
        "-w",
        "-X",
        "-h",
        "127.0.0.1",
        "-p",
        str(port_of(service)),
        "-U",
        "me",
        "-d",
        "linktide",
        *arguments,
    ]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=environ, timeout=60, check=False
    )
