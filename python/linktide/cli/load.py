"""`linktide load` and `linktide unload`: tables of the user's own, to join with."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from linktide.cli import own_tables
from linktide.cli.flags import config_options, read_config
from linktide.json_rows import json_value
from linktide.plain import plain_json, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_UNBOUNDED_WIDTH = 1_000_000


@click.command("load", short_help="Load CSV or Parquet as a table of your own.")
@config_options
@click.argument("name", required=False)
@click.argument("files", nargs=-1)
@click.option("--replace", "is_replacing", is_flag=True, help="Put the files in the place of what is there.")
@click.option("--append", "is_adding", is_flag=True, help="Add the files' rows to what is there.")
@click.option("--text", "is_text", is_flag=True, help="Keep every column of a CSV file as text.")
@click.option(
    "--encoding",
    type=click.Choice(["utf-8", "utf-16", "latin-1"]),
    help="Of CSV files.  [found by their first bytes]",
)
@click.option("--list", "is_list", is_flag=True, help="Show the tables that are loaded; load nothing.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def load(  # noqa: PLR0913 - options by name
    name: str | None,
    files: tuple[str, ...],
    *,
    is_replacing: bool,
    is_adding: bool,
    is_text: bool,
    encoding: str | None,
    is_list: bool,
    is_json: bool,
    **flags: object,
) -> None:
    """Load FILES (CSV or Parquet, patterns too) as the table own.NAME, which every SQL client can read.

    Through the running service if there is one, else into the database file. The table is there once all of
    it is loaded; if a file is bad, nothing of it is kept. Names of columns become lower case, with _ for
    what is no letter or digit. CSV may be packed by gzip or zstd.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    if is_list:
        if name is not None:
            raise click.UsageError("--list takes no NAME and no FILES.")
        _print_list(own_tables.own_tables(config), is_json=is_json)
        return
    if name is None or not files:
        raise click.UsageError("Name the table and at least one file, or ask for --list.")
    if is_replacing and is_adding:
        raise click.UsageError("Choose one of --replace and --append.")
    mode = "replace" if is_replacing else "append" if is_adding else "new"
    loaded = own_tables.load(config, name, files, mode, is_text=is_text, encoding=encoding)
    if is_json:
        click.echo(json.dumps(asdict(loaded)))
    else:
        click.echo(f"own.{loaded.name} holds {loaded.rows:,} rows.")


@click.command("unload", short_help="Drop a table of your own.")
@config_options
@click.argument("name")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def unload(name: str, *, is_sure: bool, is_json: bool, **flags: object) -> None:
    """Drop the table own.NAME that `linktide load` made."""
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    if not is_sure:
        click.confirm(plain_text(f"Drop own.{name} from {config.database}?"), abort=True, err=True)
    dropped = own_tables.unload(config, name)
    if is_json:
        click.echo(json.dumps(asdict(dropped)))
    else:
        click.echo(f"Dropped own.{dropped.name} with {dropped.rows:,} rows.")


def _print_list(tables: Sequence[Mapping[str, Any]], *, is_json: bool) -> None:
    if is_json:
        click.echo(plain_json(json.dumps(json_value(list(tables)), ensure_ascii=False, indent=2)))
        return
    if not tables:
        click.echo("No table is loaded.")
        return
    shown = Table("table", "rows", "bytes", "loaded at", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for one in tables:
        loaded_at = str(json_value(one["loaded_at"]))
        cells = (f"own.{one['name']}", f"{one['rows']:,}", f"{one['bytes']:,}", loaded_at)
        shown.add_row(*(Text(plain_text(cell)) for cell in cells))
    width = None if sys.stdout.isatty() else _UNBOUNDED_WIDTH
    Console(width=width, highlight=False).print(shown)
