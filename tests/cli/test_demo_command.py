from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from command_runs import enter, ran

from linktide.cli import session
from linktide.cli.top_view import SYNTHETIC_LINE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from linktide.config import Config
    from linktide.sources.source import Source


class CountingService:
    """Takes the demo's stream to its end and counts its events."""

    def __init__(self, config: Config, source: Source) -> None:
        self.config = config
        self.events = 0
        self._source = source

    def run(self) -> None:
        """Drain the source."""
        assert self.config.database.parent.is_dir()
        self._source.open({})
        while not self._source.is_exhausted:
            self.events += sum(chunk.next_offset - chunk.first_offset for chunk in self._source.poll(0.1))
        self._source.close()

    def top(self) -> Mapping[str, object]:
        """Tell the count."""
        return {"live_links_total": self.events, "is_synthetic": True}


class Clock:
    """Stands in for the module `time`: it moves when somebody sleeps."""

    def __init__(self) -> None:
        self._seconds = 1_790_000_000.0

    def time(self) -> float:
        """Return Unix seconds."""
        return self._seconds

    def time_ns(self) -> int:
        """Return Unix nanoseconds."""
        return int(self._seconds * 1e9)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._seconds += seconds


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[CountingService]:
    enter(tmp_path, monkeypatch)
    services: list[CountingService] = []

    def build_demo(config: Config, source: Source) -> CountingService:
        services.append(CountingService(config, source))
        return services[-1]

    monkeypatch.setattr(session, "build_demo", build_demo)
    # By its path: the package has the command under the name of the module.
    monkeypatch.setattr(import_module("linktide.cli.demo"), "time", Clock())
    return services


def test_the_demo_says_synthetic_first_and_how_to_use_own_data_last(built: list[CountingService]) -> None:
    result = ran("demo", "--duration", "1", "--rate", "50")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == SYNTHETIC_LINE
    end = "\n".join(lines[-4:])
    assert all(f"linktide {name}" in end for name in ("init", "import", "run"))
    assert built[0].events > 60_000
    assert f"{built[0].events:,}" in result.stdout


def test_the_demo_leaves_nothing_behind_unless_asked(built: list[CountingService], tmp_path: Path) -> None:
    ran("demo", "--duration", "1")
    assert not built[0].config.database.parent.exists()
    ran("demo", "--duration", "1", "--database", "kept.duckdb")
    assert built[1].config.database == tmp_path / "kept.duckdb"
    assert list(tmp_path.iterdir()) == []


def test_the_demo_reads_nothing_of_the_users_configuration(
    built: list[CountingService], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "linktide.toml").write_text("no toml")
    monkeypatch.setenv("LINKTIDE_DATABASE", "mine.duckdb")
    assert ran("demo", "--duration", "1").exit_code == 0
    assert built[0].config.database.name == "demo.duckdb"
    assert built[0].config.rivals
