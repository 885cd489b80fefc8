"""Runs commands in this process and looks at how they end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from click.testing import CliRunner, Result

from linktide.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from linktide.errors import ExitCode


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in `folder`, without any variable of linktide."""
    monkeypatch.chdir(folder)
    for name in list(os.environ):
        if name.startswith("LINKTIDE_"):
            monkeypatch.delenv(name)
    return folder


def ran(*arguments: str, text: str | None = None) -> Result:
    """Run a command; never raises for what the command itself reports."""
    return CliRunner().invoke(main, arguments, input=text)


def failed(code: ExitCode, *arguments: str) -> str:
    """Run a command that must end with `code` and one sentence on standard error; return the sentence."""
    result = ran(*arguments)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr
