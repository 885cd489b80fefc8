"""`linktide query`: one statement, on the running service or the stopped file."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from linktide.cli import session
from linktide.cli.flags import config_options, read_config
from linktide.cli.rows import table_of, write_csv, write_json

_SHOWN_ROWS = 200
# Nothing is cut where no terminal sets a width.
_UNBOUNDED_WIDTH = 1_000_000


@click.command("query", short_help="Run one SQL statement.")
@config_options
@click.argument("sql")
@click.option("--json", "is_json", is_flag=True, help="Print an array of objects.")
@click.option("--csv", "is_csv", is_flag=True, help="Print CSV; cells that look like formulas get a quote.")
@click.option(
    "--max-rows", metavar="NUMBER", type=click.IntRange(1), help="Most rows to return.  [query_max_rows]"
)
def query(sql: str, *, is_json: bool, is_csv: bool, max_rows: int | None, **flags: object) -> None:
    """Run one SQL statement; `-` reads it from standard input.

    The views are described in docs/sql.md.
    """
    if is_json and is_csv:
        raise click.UsageError("--json and --csv exclude each other; give one of them.")
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    statement = sys.stdin.read() if sql == "-" else sql
    result = session.query(config, statement, max_rows)
    if is_json:
        write_json(result, sys.stdout)
    elif is_csv:
        write_csv(result, sys.stdout)
    else:
        console = Console(width=None if sys.stdout.isatty() else _UNBOUNDED_WIDTH, highlight=False)
        console.print(table_of(result, _SHOWN_ROWS, null="null"))
        if result.num_rows > _SHOWN_ROWS:
            shown = f"{_SHOWN_ROWS} of {result.num_rows} rows shown; --json and --csv print all."
            click.echo(shown, err=True)
