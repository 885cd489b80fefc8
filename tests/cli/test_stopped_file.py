"""`query` and `check` on the file of a stopped service: the answers, and each way it can be unusable."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from command_runs import enter, failed, ran
from new_file import begin_file, own_pins

from linktide.errors import ExitCode
from linktide.store.database import Database, StoreSettings

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def open_database(path: Path) -> Database:
    begin_file(path)
    return Database.open(StoreSettings(path), own_pins, NOW)


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a service that ran and stopped, in an otherwise empty working folder."""
    path = enter(tmp_path, monkeypatch) / "linktide.duckdb"
    open_database(path).close()
    return path


def test_a_stopped_file_answers() -> None:
    result = ran("query", "SELECT count(*) AS links FROM links", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == [{"links": 0}]
    assert "0 live backlinks" in ran("check").stdout


@pytest.mark.parametrize(
    "sql",
    [
        "DROP VIEW links",
        "SELECT * FROM internal.links",
        "COPY (SELECT 1) TO 'x.csv'",
        "SELEC 1",
        "SELECT 1; SELECT 2",
    ],
)
def test_the_gate_stands_before_a_stopped_file_too(sql: str) -> None:
    failed(ExitCode.REFUSED_QUERY, "query", sql)


def test_more_rows_than_asked_for_is_refused_rather_than_cut() -> None:
    sentence = failed(ExitCode.REFUSED_QUERY, "query", "SELECT * FROM range(10)", "--max-rows", "9")
    assert "max_rows = 9" in sentence


def test_a_file_another_process_holds_names_the_file(database: Path) -> None:
    holder = open_database(database)
    try:
        program = "from linktide.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, "query", "SELECT 1"],
            cwd=database.parent,
            capture_output=True,
            check=False,
            timeout=60,
        )
    finally:
        holder.close()
    assert done.returncode == ExitCode.DATABASE_LOCKED
    assert str(database).encode() in done.stderr


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM range(10000000000000)",
        "SELECT count(*) FROM range(1000000) a, range(10000000) b WHERE a.range + b.range < 0",
    ],
)
def test_ctrl_c_ends_a_query_at_once(database: Path, sql: str) -> None:
    program = "import sys; from linktide.cli import main, session; from linktide.store import reader; "
    # Says when the statement runs: a signal that comes while Python starts proves nothing.
    program += "run = reader._read; say = lambda: print('runs', flush=True); "
    program += "reader._read = lambda *given, **named: say() or run(*given, **named); main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "query", sql],
        cwd=database.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"runs\n"
        begun = time.monotonic()
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
        took = time.monotonic() - begun
    assert (running.returncode, told) == (130, b"Error: Stopped by Ctrl-C.\n")
    assert took < 5


def test_a_newer_file_is_refused(database: Path) -> None:
    opened = open_database(database)
    opened.connection.execute("INSERT INTO internal.migrations VALUES (9999, 'later', now())").fetchall()
    opened.close()
    assert "9999" in failed(ExitCode.SCHEMA_TOO_NEW, "query", "SELECT 1")
    assert ran("check").exit_code == ExitCode.SCHEMA_TOO_NEW


def test_a_damaged_file_is_named(database: Path) -> None:
    database.write_bytes(b"no database" * 1000)
    assert str(database) in failed(ExitCode.DATABASE_DAMAGED, "query", "SELECT 1")
