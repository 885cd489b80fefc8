"""`linktide check`: what is in force and from where, and whether it can work."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from linktide.cli.findings import Finding, findings
from linktide.cli.flags import config_options, read_config
from linktide.errors import ExitCode
from linktide.plain import plain_json, plain_text

if TYPE_CHECKING:
    from linktide.config import Config

_UNBOUNDED_WIDTH = 1_000_000


@click.command("check", short_help="Show what is in force and from where; test it.")
@config_options
@click.option("--online", is_flag=True, help="Also ask the brokers whether they and the topics are there.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def check(*, online: bool, is_json: bool, **flags: object) -> None:
    """Show every setting in force and from where, secrets hidden; then test it.

    Ends with the exit code of the first thing that is wrong.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    found = list(findings(config, is_online=online))
    if is_json:
        click.echo(plain_json(json.dumps(_told(config, found), ensure_ascii=False, indent=2)))
    else:
        _print(config, found)
    sys.exit(next((finding.exit_code for finding in found if finding.exit_code), ExitCode.OK))


def _told(config: Config, found: list[Finding]) -> dict[str, object]:
    settings = [
        {"name": row.toml_name, "value": value, "origin": origin, "variable": row.env_name}
        for row, value, origin in config.rows()
    ]
    checks = [
        {
            "name": item.name,
            "is_ok": not item.exit_code,
            "exit_code": int(item.exit_code),
            "text": item.sentence,
        }
        for item in found
    ]
    return {"settings": settings, "checks": checks}


def _print(config: Config, found: list[Finding]) -> None:
    console = Console(width=None if sys.stdout.isatty() else _UNBOUNDED_WIDTH, highlight=False)
    table = Table("setting", "value", "from", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row, value, origin in config.rows():
        style = "dim" if origin == "default" else ""
        table.add_row(row.toml_name, Text(plain_text(value)), Text(plain_text(origin)), style=style)
    console.print(table)
    console.print()
    for item in found:
        word, style = ("ok", "green") if not item.exit_code else ("WRONG", "bold red")
        line = Text.assemble((f"{word:<6}", style), f"{item.name}: ", plain_text(item.sentence))
        console.print(line, soft_wrap=True)
