"""`linktide review` beside a running service: noted at once, there after a kill, in backups and snapshots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest
from linktide_process import COMMAND, LinktideProcess, command, wait_until
from new_file import begin_file

from linktide.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVENT = {
    "event": "discovered",
    "source_url": "https://spam.example/post",
    "target_url": "https://mine.org/",
    "observed_at": "2026-11-01T00:00:00Z",
}
STATES = "SELECT subject, state, note FROM reviews ORDER BY subject"


def started(folder: Path, *more: str) -> LinktideProcess:
    return LinktideProcess(
        folder, *COMMAND, "run", "--database", "links.duckdb", "--set", "http_port=0", *more
    )


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LinktideProcess]:
    begin_file(tmp_path / "links.duckdb")
    with started(tmp_path, "--set", "publish_every_seconds=0.2") as one:
        one.wait_ready()
        (tmp_path / "events.ndjson").write_text(json.dumps(EVENT) + "\n")
        printed(tmp_path, "import", "events.ndjson")
        yield one


def printed(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run a command on the database in `folder`; return what it printed, its error if it must fail."""
    done = command(folder, *arguments)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def test_what_is_said_while_the_service_runs_outlives_it(service: LinktideProcess, tmp_path: Path) -> None:
    printed(tmp_path, "review", "spam.example", "--state", "disavow", "--note", "bought")
    held = [{"subject": "spam.example", "state": "disavow", "note": "bought"}]
    assert list(service.query(STATES)) == held
    assert printed(tmp_path, "review", "--disavow", "mine.org").splitlines()[-1] == "domain:spam.example"
    (tmp_path / "reviews.csv").write_text("subject,state\nok.example,whitelist\nwww.spam.example,remove\n")
    said = printed(tmp_path, "review", "--file", "reviews.csv", code=ExitCode.FAILURE)
    assert "line 3, column subject: 'www.spam.example'" in said
    assert list(service.query(STATES)) == held
    # What was answered is stored.
    service.kill()
    assert json.loads(printed(tmp_path, "query", STATES, "--json")) == held
    with started(tmp_path) as again:
        again.wait_ready()
        assert list(again.query(STATES)) == held
        assert json.loads(printed(tmp_path, "review", "spam.example", "--state", "disavow", "--json")) == {
            "noted": 0,
            "unchanged": 1,
        }
        assert again.terminate().exit_code == 0
    printed(tmp_path, "rebuild")
    assert "1 reviews" in printed(tmp_path, "forget", "spam.example", "--yes")
    assert json.loads(printed(tmp_path, "query", STATES, "--json")) == []


def test_backups_and_snapshot_files_have_them(service: LinktideProcess, tmp_path: Path) -> None:
    printed(tmp_path, "review", "spam.example", "--state", "remove")
    target = tmp_path / "links.snapshot.duckdb"

    def is_published() -> bool:
        if not target.exists():
            return False
        with duckdb.connect(str(target), read_only=True) as connection:
            return connection.execute(STATES).fetchall() == [("spam.example", "remove", None)]

    wait_until(is_published, "a snapshot file has the review")
    printed(tmp_path, "backup", "copy.duckdb")
    printed(tmp_path, "review", "spam.example", "--state", "whitelist")
    assert service.terminate().exit_code == 0
    printed(tmp_path, "restore", "copy.duckdb", "--force")
    rows = json.loads(printed(tmp_path, "query", STATES, "--json"))
    assert [row["state"] for row in rows] == ["remove"]
