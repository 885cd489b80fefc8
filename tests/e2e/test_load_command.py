"""`linktide load` beside a running service: another process reads the file, the service takes the rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest
from linktide_process import COMMAND, LinktideProcess, command, environ_without_settings, wait_until
from new_file import begin_file

from linktide.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXPORT = (
    "Top target pages,Incoming links,Linking sites\n"
    "https://target.example/,12,3\n"
    "https://target.example/prices,4,=1+1\n"
)
EVENT = {
    "event": "discovered",
    "source_url": "https://site.example/post",
    "target_url": "https://target.example/",
    "observed_at": "2026-11-01T00:00:00Z",
}
JOIN = """
SELECT b.source_url, s.incoming_links
FROM backlinks b JOIN own.search_console s ON s.top_target_pages = b.target_url
"""


def started(folder: Path, *more: str) -> LinktideProcess:
    arguments = [
        *("--database", "links.duckdb", "--set", "http_port=0", *more),
    ]
    return LinktideProcess(folder, *COMMAND, "run", *arguments)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LinktideProcess]:
    begin_file(tmp_path / "links.duckdb")
    with started(tmp_path) as one:
        one.wait_ready()
        yield one


def printed(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run a command on the database in `folder`; return what it printed, its error if it must fail."""
    done = command(folder, *arguments)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def test_an_export_is_joined_by_every_way_in(service: LinktideProcess, tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(EXPORT)
    (tmp_path / "events.ndjson").write_text(json.dumps(EVENT) + "\n")
    printed(tmp_path, "import", "events.ndjson")
    assert printed(tmp_path, "load", "search_console", "export.csv") == "own.search_console holds 2 rows.\n"
    expected = {"source_url": EVENT["source_url"], "incoming_links": 12}
    assert list(service.query(JOIN)) == [expected]
    assert json.loads(printed(tmp_path, "query", JOIN, "--json")) == [expected]
    port = service.sql_port
    with psycopg.connect(host="127.0.0.1", port=port, user="me", dbname="linktide") as connection:
        assert connection.execute(JOIN).fetchall() == [tuple(expected.values())]
        cell = connection.execute(
            "SELECT linking_sites FROM search_console WHERE incoming_links = %s", [4]
        ).fetchone()
        assert cell == ("=1+1",)
    told = service.status()["own_tables"]
    assert [(one["name"], one["rows"]) for one in told] == [("search_console", 2)]
    # It is there after a stop, in the stopped file, and after the next start.
    assert service.terminate().exit_code == 0
    assert json.loads(printed(tmp_path, "query", JOIN, "--json")) == [expected]
    assert json.loads(printed(tmp_path, "load", "--list", "--json"))[0]["rows"] == 2
    with started(tmp_path) as again:
        again.wait_ready()
        assert list(again.query(JOIN)) == [expected]
        assert printed(tmp_path, "unload", "search_console", "--yes").startswith("Dropped own.search_console")
        assert again.status()["own_tables"] == []


def test_what_cannot_be_loaded_leaves_everything_as_it_was(service: LinktideProcess, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("n\n1\n2\n")
    rows = "".join(f"{number}\n" for number in range(400_000))
    (tmp_path / "late.csv").write_text(f"n\n{rows}not a number\n")
    (tmp_path / "latin.csv").write_bytes("n,name\n1,Müller\n".encode("latin-1"))
    printed(tmp_path, "load", "t", "good.csv")
    said = printed(tmp_path, "load", "t", "good.csv", code=ExitCode.FAILURE)
    assert "--replace" in said
    # Its last line is met when three slices are in the service already.
    assert "400002" in printed(tmp_path, "load", "t", "late.csv", "--append", code=ExitCode.FAILURE)
    assert "utf-8" in printed(tmp_path, "load", "u", "latin.csv", code=ExitCode.FAILURE)
    assert "DROP" in printed(tmp_path, "load", "x; DROP TABLE y", "good.csv", code=ExitCode.FAILURE)
    assert list(service.query("SELECT count(*) AS n, sum(n) AS s FROM own.t")) == [{"n": 2, "s": 3}]
    assert [one["name"] for one in service.status()["own_tables"]] == ["t"]
    printed(tmp_path, "load", "t", "good.csv", "--append")
    printed(tmp_path, "load", "u", "latin.csv", "--encoding", "latin-1")
    assert list(service.query("SELECT count(*) AS n FROM own.t")) == [{"n": 4}]
    assert list(service.query("SELECT name FROM u")) == [{"name": "Müller"}]


def test_the_cap_is_told_and_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "big.csv").write_text("n\n" + "".join(f"{number}\n" for number in range(300_000)))
    with started(tmp_path, "--set", "own_tables_max_bytes=1500000") as service:
        service.wait_ready()
        said = printed(tmp_path, "load", "big", "big.csv", code=ExitCode.FAILURE)
        assert "own_tables_max_bytes" in said
        assert service.status()["own_tables"] == []
        assert service.is_ready()


def test_a_service_that_is_killed_while_a_table_is_loaded_has_none_of_it(
    service: LinktideProcess, tmp_path: Path
) -> None:
    token = service.load_step("begin", name="t", mode="new")
    service.load_step("rows", token=token)
    service.kill()
    with started(tmp_path) as again:
        again.wait_ready()
        assert again.status()["own_tables"] == []
        (tmp_path / "good.csv").write_text("n\n1\n")
        assert printed(tmp_path, "load", "t", "good.csv") == "own.t holds 1 rows.\n"


def test_a_backup_holds_them(service: LinktideProcess, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("n\n1\n2\n")
    printed(tmp_path, "load", "t", "good.csv")
    printed(tmp_path, "backup", "copy.duckdb")
    printed(tmp_path, "unload", "t", "--yes")
    assert service.terminate().exit_code == 0
    printed(tmp_path, "restore", "copy.duckdb", "--force")
    assert json.loads(printed(tmp_path, "query", "SELECT sum(n) AS s FROM own.t", "--json")) == [{"s": 3}]
    printed(tmp_path, "rebuild")


def test_a_load_that_is_stopped_makes_room_for_the_next(service: LinktideProcess, tmp_path: Path) -> None:
    fifo = tmp_path / "slow.csv"
    fifo.write_text("n\n" + "".join(f"{number}\n" for number in range(3_000_000)))
    environ = environ_without_settings()
    with subprocess.Popen(
        [sys.executable, *COMMAND, "load", "t", "slow.csv", "--database", "links.duckdb"],
        cwd=tmp_path,
        env=environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
    ) as loading:

        def is_loading() -> bool:
            return service.metrics().get(("linktide_http_requests_total", ("/api/v1/tables", "2xx")), 0) >= 2

        wait_until(is_loading, "some of it is loaded")
        loading.send_signal(signal.SIGINT)
        assert loading.wait(60) == 130
    (tmp_path / "good.csv").write_text("n\n1\n")
    printed(tmp_path, "load", "t", "good.csv")
    assert list(service.query("SELECT count(*) AS n FROM t")) == [{"n": 1}]
