"""A reader that leaves early, or a full disk behind standard output, is no reason for a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command_runs import enter, ran

from linktide.errors import ExitCode

if TYPE_CHECKING:
    from typing import IO

FULL = Path("/dev/full")
MANY = "SELECT range, repeat('x', 50) AS text FROM range(20000)"
COMMANDS = [
    ("query", MANY),
    ("query", MANY, "--json"),
    ("query", MANY, "--csv"),
    ("check",),
    ("check", "--json"),
    ("--help",),
    ("--version",),
]
EVENT = (
    '{"event": "discovered", "source_url": "https://a.example/", "target_url": "https://b.example/", '
    '"observed_at": "2026-01-01T00:00:00Z"}\n'
)


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database of a stopped service."""
    path = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as monkeypatch:
        enter(path, monkeypatch)
        (path / "events.ndjson").write_text(EVENT)
        assert ran("import", "events.ndjson").exit_code == 0
    return path


def started(folder: Path, arguments: tuple[str, ...], out: int | IO[bytes]) -> subprocess.Popen[bytes]:
    program = "from linktide.cli import main; main()"
    # Buffered, as it is where nobody says otherwise: the failure then comes at the end.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        stdout=out,
        stderr=subprocess.PIPE,
        env=environ,
    )


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_reader_that_leaves_ends_a_command_without_a_word(folder: Path, arguments: tuple[str, ...]) -> None:
    with started(folder, arguments, subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.close()
        _, told = running.communicate(timeout=60)
    assert (running.returncode, told) == (ExitCode.FAILURE, b"")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [*COMMANDS, ("import", "events.ndjson")])
def test_a_full_disk_is_told_in_one_sentence(folder: Path, arguments: tuple[str, ...]) -> None:
    with FULL.open("wb") as full, started(folder, arguments, full) as running:
        _, told = running.communicate(timeout=60)
    assert running.returncode == ExitCode.FAILURE
    assert told == b"Error: The output cannot be written: No space left on device.\n"
