"""`linktide rekey` on a running service and on a stopped database, in processes of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from linktide_process import COMMAND, LinktideProcess, command

from linktide.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

RUN = (*COMMAND, "run", "--database", "links.duckdb", "--http-port", "0", "--set", "public_suffix_list=a.dat")
PAIRS = [("one.blog.com", "two.blog.com"), ("one.blog.com", "other.com"), ("other.com", "two.blog.com")]
VERSIONS = ("2026-10-01_00-00-00_UTC", "2026-11-01_00-00-00_UTC")


def write_list(path: Path, version: str, *rules: str) -> None:
    lines = [f"// VERSION: {version}", "com", *(f"unmet{number}" for number in range(100)), *rules]
    path.write_text("\n".join(lines), "utf-8")


def write_events(folder: Path) -> None:
    lines = [
        json.dumps(
            {
                "event": "seen",
                "observed_at": f"2026-01-0{day}T00:00:00Z",
                "source_url": f"https://{source}/",
                "target_url": f"https://{target}/",
            }
        )
        for day, (source, target) in enumerate(PAIRS, start=1)
    ]
    (folder / "events.ndjson").write_text("\n".join(lines) + "\n", "utf-8")


def named(*domains: str) -> list[dict[str, str]]:
    return [{"source_domain": domain} for domain in domains]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_list(tmp_path / "a.dat", VERSIONS[0])
    write_list(tmp_path / "b.dat", VERSIONS[1], "blog.com")
    write_events(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_running_service_and_then_its_stopped_file_are_rekeyed(folder: Path) -> None:
    with LinktideProcess(folder, *RUN) as service:
        service.wait_ready()
        assert command(folder, "import", "events.ndjson").returncode == 0
        domains = "SELECT DISTINCT source_domain FROM links ORDER BY ALL"
        assert service.query(domains) == named("blog.com", "other.com")
        told = command(folder, "rekey", "--list", "b.dat", "--dry-run")
        assert (told.returncode, told.stderr) == (0, "")
        assert "2 hosts would have another domain: 3 links, 3 domains." in told.stdout
        assert service.query(domains) == named("blog.com", "other.com")
        done = command(folder, "rekey", "--list", "b.dat", "--json", "--set", "tracked_domains=blog.com")
        assert (done.returncode, done.stderr) == (0, "")
        counts = json.loads(done.stdout)
        assert (counts["version_before"], counts["version"]) == VERSIONS
        assert (counts["hosts"], counts["links"]) == (2, 3)
        assert service.query(domains) == named("one.blog.com", "other.com")
        told_by_service = service.status()["public_suffix_list"]
        # The service's own file still holds the older list: that is what is staged now.
        assert told_by_service == {"in_force": VERSIONS[1], "staged": VERSIONS[0]}
        assert service.metrics()["linktide_public_suffix_list_info", VERSIONS[::-1]] == 1.0
        refused = command(folder, "rekey", "--list", "events.ndjson")
        assert refused.returncode == ExitCode.CONFIG
        assert refused.stderr.count("\n") == 1
        assert service.terminate().exit_code == 0
    back = command(folder, "rekey", "--set", "public_suffix_list=a.dat", "--set", "rivals=one.blog.com")
    assert (back.returncode, back.stderr) == (0, "")
    assert f"{VERSIONS[1]} → {VERSIONS[0]}" in back.stdout
    assert "rivals names one.blog.com" in back.stdout
    shown = command(folder, "query", domains, "--json")
    assert json.loads(shown.stdout) == named("blog.com", "other.com")


def test_a_database_that_does_not_exist_is_named(folder: Path) -> None:
    done = command(folder, "rekey", "--list", "b.dat")
    assert done.returncode == ExitCode.CONFIG
    assert "links.duckdb does not exist" in done.stderr
    assert not (folder / "links.duckdb").exists()
