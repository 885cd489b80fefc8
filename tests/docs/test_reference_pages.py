"""The pages are written from the tables; these tests notice a page that was not written again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from linktide.cli import main
from linktide.cli.reference import commands_text, configuration_text, leaves
from linktide.config import settings
from linktide.config_layers import NOT_SETTINGS
from linktide.errors import ExitCode

ROOT = Path(__file__).parents[2]
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text("utf-8")
COMMANDS = (ROOT / "docs" / "commands.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")


def test_the_pages_are_what_the_tables_say() -> None:
    hint = "run: python -m linktide.cli.reference docs"
    assert configuration_text() == CONFIGURATION, hint
    assert commands_text() == COMMANDS, hint


@pytest.mark.parametrize("row", settings(), ids=lambda row: row.name)
def test_every_setting_is_on_its_page_once(row: object) -> None:
    name = getattr(row, "toml_name", "")
    assert CONFIGURATION.count(f"| `{name}` |") == 1


def test_every_variable_that_is_no_setting_is_on_the_page() -> None:
    assert all(f"| `{name}` |" in CONFIGURATION for name in NOT_SETTINGS)


def test_every_command_option_and_exit_code_is_on_the_page() -> None:
    for name, command in leaves(main):
        section = COMMANDS.split(f"## linktide {name}\n")[1].split("\n## ")[0]
        for option in command.params:
            assert option.param_type_name == "argument" or f"`{option.opts[0]}" in section
    assert all(re.search(rf"^\| {code.value} \| \w", COMMANDS, re.MULTILINE) for code in ExitCode)


def test_the_readme_names_commands_and_pages_that_exist() -> None:
    named = set(re.findall(r"^linktide (\w+)", README, re.MULTILINE))
    assert {"init", "import", "query", "produce", "run"} <= named
    assert named <= set(main.commands)
    links = set(re.findall(r"\]\(([^)]+)\)", README))
    assert all((ROOT / link).exists() for link in links)
