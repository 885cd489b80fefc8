"""`linktide backup`, `restore`, `rebuild`, `migrate`: on a service that writes, on a stopped database."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from event_stream import draw_stream
from linktide_process import COMMAND, LinktideProcess, command, wait_until
from topic_contents import Record

from linktide.errors import ExitCode
from linktide.index import URL_POLICY_VERSION
from linktide.store.database import PinVersions, wal_path
from linktide.store.migrate import migrate, migrations
from linktide.suffixes import read_suffix_list
from oracle.compare import assert_same
from oracle.events import Origin
from oracle.model import derive
from pipeline import whole

if TYPE_CHECKING:
    from pathlib import Path

    from event_stream import EventStream

RUN = (*COMMAND, "run", "--database", "links.duckdb", "--http-port", "0", "--set", "authority.min_domains=0")
SMALL = ("--set", "batch_max_events=100", "--set", "catch_up_max_events=100")
RECORDS = 6_000


@pytest.fixture
def stream(tmp_path: Path) -> EventStream:
    """Events in events.ndjson."""
    drawn = draw_stream(random.Random(3), RECORDS, 500)
    (tmp_path / "events.ndjson").write_bytes(b"".join(value + b"\n" for value in lines_of(drawn)))
    return drawn


def lines_of(stream: EventStream) -> list[bytes]:
    return [value for value in stream.values if value is not None and value.strip()]


def stored_in(database: Path, stream: EventStream) -> int:
    """Hold a database to the oracle; return how many lines it holds."""
    with whole.opened(database, authority_min_domains=0) as index:
        (stored,) = index.query("SELECT coalesce(sum(next_offset), 0) FROM sources")[0]
        records = [
            Record(Origin("file", "events.ndjson", 0, line), 0, value)
            for line, value in enumerate(lines_of(stream)[: int(stored)])
        ]
        assert_same(index.query, derive(*stream.judge(records)))
    return int(stored)


def pins_of_today() -> PinVersions:
    suffixes = read_suffix_list(None)
    return PinVersions(URL_POLICY_VERSION, suffixes.version, suffixes.text)


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_backups_of_a_service_that_writes_are_whole(tmp_path: Path, stream: EventStream) -> None:
    backups = tmp_path / "backups"
    backups.mkdir()
    sizes = []
    with LinktideProcess(tmp_path, *RUN, *SMALL) as service:
        service.wait_ready()
        importing = subprocess.Popen(
            [sys.executable, *COMMAND, "import", "events.ndjson", "--database", "links.duckdb"],
            cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(lambda: service.status()["events"] > 0, "events flow")
        for number in range(2):
            made = told(command(tmp_path, "backup", str(backups / f"{number}.duckdb"), "--json"))
            assert made["contents"]["differences"] == []
            assert made["still_seconds"] < 5
            sizes.append(made["contents"]["events"] + made["contents"]["dead_letters"])
        assert importing.wait(300) == 0
        last = told(command(tmp_path, "backup", "backups", "--json"))
        assert service.is_ready()
        refused = command(tmp_path, "backup", str(backups / "0.duckdb"))
        assert (refused.returncode, "--force" in refused.stderr) == (ExitCode.CONFIG, True)
        # Checkpoints are held no longer than a backup takes.
        assert service.terminate().exit_code == 0
    assert not wal_path(tmp_path / "links.duckdb").exists()
    assert sizes == sorted(sizes)
    assert [path.suffix for path in backups.iterdir()] == [".duckdb"] * 3
    for number, size in enumerate(sizes):
        assert stored_in(backups / f"{number}.duckdb", stream) == size
    assert last["contents"]["events"] + last["contents"]["dead_letters"] == len(lines_of(stream))
    # A restored one goes on where it stood.
    refused = command(tmp_path, "restore", str(backups / "0.duckdb"))
    assert (refused.returncode, "--force" in refused.stderr) == (ExitCode.CONFIG, True)
    back = told(command(tmp_path, "restore", str(backups / "0.duckdb"), "--force", "--json"))
    assert len(back["kept"]) == 1
    assert command(tmp_path, "import", "events.ndjson", *SMALL[:2]).returncode == 0
    assert stored_in(tmp_path / "links.duckdb", stream) == len(lines_of(stream))
    assert stored_in(tmp_path / back["kept"][0], stream) == len(lines_of(stream))


@pytest.mark.timeout(300)
def test_a_backup_beside_the_wal_of_another_database(tmp_path: Path, stream: EventStream) -> None:
    assert command(tmp_path, "import", "events.ndjson").returncode == 0
    assert command(tmp_path, "backup", "good.duckdb").returncode == 0
    wal = tmp_path / "links.duckdb.wal"
    (tmp_path / "links.duckdb").unlink()
    with duckdb.connect(str(tmp_path / "other.duckdb")) as other:
        other.execute("CREATE TABLE t AS FROM range(10)").fetchall()
        shutil.copy(tmp_path / "other.duckdb.wal", wal)
    gone = command(tmp_path, "rebuild")
    assert gone.returncode == ExitCode.DATABASE_DAMAGED
    assert "linktide restore" in gone.stderr
    refused = command(tmp_path, "restore", "good.duckdb")
    assert refused.returncode == ExitCode.CONFIG
    assert "links.duckdb.wal exists" in refused.stderr
    back = told(command(tmp_path, "restore", "good.duckdb", "--force", "--json"))
    assert [path.split(".replaced-")[0] for path in back["kept"]] == [str(wal)]
    assert not wal.exists()
    assert stored_in(tmp_path / "links.duckdb", stream) == len(lines_of(stream))
    sound = command(tmp_path, "rebuild")
    assert sound.returncode == 0, sound.stdout
    with duckdb.connect(str(tmp_path / "links.duckdb")) as connection:
        connection.execute("UPDATE internal.writer SET live_links = live_links + 1").fetchall()
    wrong = command(tmp_path, "rebuild")
    assert wrong.returncode == ExitCode.FAILURE
    assert "Differs: " in wrong.stdout
    # What does not agree with itself is no backup, and none is restored.
    shutil.copy(tmp_path / "links.duckdb", tmp_path / "wrong.duckdb")
    assert command(tmp_path, "backup", "new.duckdb").returncode == ExitCode.FAILURE
    assert not list(tmp_path.glob("new.duckdb*"))
    assert command(tmp_path, "restore", "wrong.duckdb", "--force").returncode == ExitCode.FAILURE
    shutil.copy(tmp_path / "events.ndjson", tmp_path / "text.duckdb")
    assert command(tmp_path, "restore", "text.duckdb", "--force").returncode == ExitCode.DATABASE_DAMAGED


def test_nothing_is_restored_under_a_running_service(tmp_path: Path) -> None:
    with LinktideProcess(tmp_path, *RUN) as service:
        service.wait_ready()
        assert command(tmp_path, "backup", "good.duckdb").returncode == 0
        refused = command(tmp_path, "restore", "good.duckdb", "--force")
        assert refused.returncode == ExitCode.DATABASE_LOCKED
        assert command(tmp_path, "rebuild").returncode == ExitCode.DATABASE_LOCKED
        assert command(tmp_path, "migrate").returncode == ExitCode.DATABASE_LOCKED
        done = told(command(tmp_path, "replay", "--reason", "TIME_RANGE", "--json"))
        assert done == {"tried": 0, "events": 0}
        assert service.terminate().exit_code == 0


def test_a_schema_is_migrated_when_asked_and_a_newer_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "links.duckdb"
    with duckdb.connect(str(path)) as old:
        # As the first release made it: without the tables and views of today.
        migrate(old, path, migrations()[:1], datetime.now(UTC))
    plan = told(command(tmp_path, "migrate", "--dry-run", "--json"))
    assert (plan["version_before"], plan["version"]) == (1, migrations()[-1].version)
    assert plan["steps"] == [f"{one.version:04d}_{one.name}" for one in migrations()[1:]]
    assert told(command(tmp_path, "migrate", "--json")) == plan
    assert told(command(tmp_path, "migrate", "--json"))["steps"] == []
    assert command(tmp_path, "rebuild").returncode == 0
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO internal.migrations VALUES (999, 'of_tomorrow', now())").fetchall()
    for words in (("migrate",), ("migrate", "--dry-run"), ("rebuild",), ("backup", "new.duckdb")):
        refused = command(tmp_path, *words)
        assert refused.returncode == ExitCode.SCHEMA_TOO_NEW, refused.stderr
        assert "999" in refused.stderr
