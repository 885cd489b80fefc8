"""`linktide status`: what the running service says of itself."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from linktide.cli.flags import config_options, read_config
from linktide.plain import plain_json, plain_text
from linktide.remote import need_service

if TYPE_CHECKING:
    from collections.abc import Mapping

# Nothing is cut where no terminal sets a width.
_UNBOUNDED_WIDTH = 1_000_000
_FIRST = (
    "version",
    "pid",
    "uptime_seconds",
    "database",
    "sql_port",
    "is_ready",
    "not_ready_because",
    "last_commit_at",
    "newest_event_at",
    "events",
    "dead_letters",
    "live_links",
    "known_links",
    "domains",
)
"""What a person looks for, before the rest by name."""
_FIRST_OF_SOURCES = (
    "source_name",
    "topic",
    "source_partition",
    "next_offset",
    "lag",
    "events",
    "dead_letters",
    "last_record_at",
    "updated_at",
)


@click.command("status", short_help="Show the running service.")
@config_options
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def status(*, is_json: bool, **flags: object) -> None:
    """Show the running service: sources, lag, counts, last commit."""
    with need_service(read_config(**flags)) as service:  # type: ignore[arg-type]  # named by config_options
        told = service.status()
    if is_json:
        click.echo(plain_json(json.dumps(told, ensure_ascii=False, indent=2)))
        return
    console = Console(width=None if sys.stdout.isatty() else _UNBOUNDED_WIDTH, highlight=False)
    console.print(_facts(told))
    sources = told.get("sources")
    if isinstance(sources, list) and sources:
        console.print(_sources(sources))


def _facts(told: Mapping[str, object]) -> Table:
    table = Table.grid(padding=(0, 2))
    first = [name for name in _FIRST if name in told]
    for name in (*first, *sorted(told.keys() - {*first, "sources"})):
        table.add_row(Text(plain_text(name), style="bold"), Text(_shown(told[name])))
    return table


def _sources(sources: list[Mapping[str, object]]) -> Table:
    known = {name for source in sources for name in source}
    first = [name for name in _FIRST_OF_SOURCES if name in known]
    names = [*first, *sorted(known - {*first})]
    table = Table(*(plain_text(name) for name in names), box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for source in sources:
        table.add_row(*(Text(_shown(source.get(name))) for name in names))
    return table


def _shown(value: object) -> str:
    if value is None:
        return ""
    return plain_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
