"""What `linktide check` says of the files of the section mine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_runs import enter, ran

from linktide.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return enter(tmp_path, monkeypatch)


def checked(folder: Path, settings: str) -> tuple[int, str]:
    """Return how the command ends and its line about these files."""
    path = folder / "linktide.toml"
    path.write_text(f'database = "a.duckdb"\ntracked_domains = ["mine.org"]\n[mine]\n{settings}\n')
    result = ran("check", "--config", str(path))
    (line,) = [line for line in result.stdout.splitlines() if " mine: " in line]
    return result.exit_code, line


def test_every_wrong_file_is_named(folder: Path) -> None:
    (folder / "terms.csv").write_text("term,kind\n!!!,brand\n")
    (folder / "rules.csv").write_text("rule,source_kind,url\nx,news,(\n")
    (folder / "good.txt").write_text("spam.com\n")
    exit_code, line = checked(
        folder,
        'terms = "terms.csv"\nsource_rules = "rules.csv"\nblocklists = ["good.txt"]\nplacements = "gone.csv"',
    )
    assert exit_code == ExitCode.CONFIG
    assert "terms.csv, line 2, column term" in line
    assert "rules.csv, line 2, column url" in line
    assert "gone.csv does not exist." in line
    assert "good.txt" not in line


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("spam.com\nbad.org\nno domain\n", "1 file is read, 2 rows; 1 row is left out."),
        ("spam.com\n", "1 file is read, 1 row; 0 rows are left out."),
    ],
)
def test_rows_are_counted_as_people_count(folder: Path, content: str, told: str) -> None:
    (folder / "blocked.txt").write_text(content)
    exit_code, line = checked(folder, 'blocklists = ["blocked.txt"]')
    assert (exit_code, line.endswith(told)) == (ExitCode.OK, True), line
