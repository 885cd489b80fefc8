"""Where deploy/ is, and the settings that its files give the service."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "linktide"
UNIT = DEPLOY / "systemd" / "linktide.service"
UNIT_PROGRAM = "/opt/linktide/bin/linktide"


def texts() -> Iterator[tuple[Path, str]]:
    """Every text of deploy/ once; links and the generator of dashboards left out."""
    for path in sorted(DEPLOY.rglob("*")):
        parts = path.relative_to(DEPLOY).parts
        if path.is_file() and not path.is_symlink() and not {"secrets", "linktide_dashboards"} & {*parts}:
            yield path, path.read_text("utf-8")


def compose() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return told


def unit_values(key: str) -> list[str]:
    """Return the values of one key of the unit, in order."""
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)


def unit_environment() -> Mapping[str, str]:
    pairs = [pair for value in unit_values("Environment") for pair in value.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def tool(name: str) -> str:
    """Return where a program is that this test needs, or skip."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def done(*command: str, cwd: Path = ROOT) -> str:
    """Run a checker; its findings are the message of the failure."""
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command[0]}: {result.stdout}{result.stderr}"
    return result.stdout + result.stderr
