"""The same table behind buenavista, the PostgreSQL endpoint for DuckDB that others have, for benches/sql.py.

Its 0.5.0 runs with DuckDB 1 alone.
"""

from __future__ import annotations

import importlib.metadata
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from measure import free_port
from sql_reference import COLUMNS, psql_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    Connect = Callable[[], psycopg.Connection[tuple[object, ...]]]

_SERVER = """
import sys
import duckdb
from buenavista.examples.duckdb_postgres import create

connection = duckdb.connect()
connection.execute(f"CREATE TABLE links AS FROM read_csv('{sys.argv[1]}', header = true)")
create(connection, ("127.0.0.1", int(sys.argv[2]))).serve_forever()
"""
_START_SECONDS = 60
_DUCKDB_1 = tuple(Path(sys.prefix).glob("duckdb-1.5/lib/python*/site-packages"))


def version() -> str | None:
    """Return what is installed of it; it is no part of the product."""
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("buenavista")
    return None


def buenavista_seconds(connect: Connect, folder: Path, all_rows: str, links: int) -> float | None:
    """Copy the rows into a DuckDB in memory behind it and let psql read them; None if it is not installed."""
    if version() is None or not _DUCKDB_1:
        return None
    rows = folder / "links.csv"
    with connect() as source, rows.open("wb") as file:
        statement = f"COPY (SELECT {COLUMNS} FROM links LIMIT {links}) TO STDOUT (FORMAT csv, HEADER)"  # noqa: S608
        with source.cursor().copy(statement) as copy:
            for piece in copy:
                file.write(piece)
    port = free_port()
    server = subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-c", _SERVER, str(rows), str(port)],
        env=os.environ | {"PYTHONPATH": str(_DUCKDB_1[0])},
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(_START_SECONDS * 10):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        return psql_seconds("127.0.0.1", "bench", "memory", all_rows, port, times=1)
    finally:
        server.kill()
        server.wait()
