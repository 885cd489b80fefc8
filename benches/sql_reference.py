"""A PostgreSQL 15 of its own with the same table, for benches/sql.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[[], psycopg.Connection[tuple[object, ...]]]

_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
_TABLE = (
    "CREATE TABLE links (source_url text, target_url text, source_domain text, is_dofollow boolean, "
    "first_seen timestamptz, times_lost bigint, target_domain text)"
)
COLUMNS = "source_url, target_url, source_domain, is_dofollow, first_seen, times_lost, target_domain"

_COPY = f"COPY (SELECT {COLUMNS} FROM links) TO STDOUT"  # noqa: S608 - of this file


def reference(
    connect: Connect, folder: Path, all_rows: str, ask: Callable[[Connect], dict[str, float]]
) -> dict[str, float]:
    """Copy the rows into a PostgreSQL and ask it the same; empty if it is not installed."""
    if not (_PROGRAMS / "postgres").exists():
        return {}
    home = folder / "postgres"
    home.mkdir()
    user: list[str] = []
    if os.geteuid() == 0:  # which PostgreSQL does not run as
        folder.chmod(0o755)
        shutil.chown(home, "postgres")
        user = ["su", "postgres", "-c"]

    def run(*command: str) -> None:
        words = [*user, " ".join(command)] if user else list(command)
        subprocess.run(words, check=True, capture_output=True)  # noqa: S603 - ours

    def own() -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(home), user="postgres", dbname="postgres", autocommit=True)

    run(str(_PROGRAMS / "initdb"), "-A", "trust", "-U", "postgres", "-D", str(home / "data"))
    options = f"'-k {home} -c listen_addresses= -c shared_buffers=512MB'"
    # Without a log of its own the server keeps our pipe, whose end `run` waits for.
    server = ("-D", str(home / "data"), "-l", str(home / "log"))
    run(str(_PROGRAMS / "pg_ctl"), *server, "-w", "-o", options, "start")
    try:
        with connect() as source, own() as target:
            target.execute(_TABLE)
            with (
                source.cursor().copy(_COPY) as rows,
                target.cursor().copy("COPY links FROM STDIN") as into,
            ):
                for piece in rows:
                    into.write(piece)
            target.execute("CREATE INDEX ON links (target_domain)")
            target.execute("VACUUM ANALYZE links")
        return ask(own) | {"psql 1 M rows x 6, s": psql_seconds(str(home), "postgres", "postgres", all_rows)}
    finally:
        run(str(_PROGRAMS / "pg_ctl"), "-D", str(home / "data"), "-w", "-m", "fast", "stop")


def psql_seconds(  # noqa: PLR0913 - as psql has them
    host: str, user: str, database: str, sql: str, port: int = 5432, *, times: int = 3
) -> float:
    """Return the shortest of some times until psql has printed all rows."""
    where = ("-h", host, "-p", str(port), "-U", user, "-d", database)
    took = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(["psql", "-X", *where, "-Atc", sql], check=True, stdout=subprocess.DEVNULL)  # noqa: S603, S607 - ours
        took.append(time.perf_counter() - began)
    return min(took)
