"""`linktide review`: what a person says of domains and pages that link."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from linktide.cli import session
from linktide.cli.flags import config_options, read_config
from linktide.cli.rows import table_of, write_csv, write_json
from linktide.connection import connect_configured
from linktide.disavow import DISAVOW_SQL, disavow_file
from linktide.mine.keys import UrlKeys
from linktide.mine.reviews import NO_STATE, STATES, check_rows, read_review_file, refused
from linktide.plain import plain_text
from linktide.setting import parse_domain
from linktide.suffixes import read_suffix_list

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linktide.config import Config

_SHOWN_ROWS = 200
_UNBOUNDED_WIDTH = 1_000_000
_LISTED = "SELECT subject, state, note, contact, noted_at, noted_by FROM reviews{} ORDER BY subject"


@click.command("review", short_help="Say what is to be done about domains that link.")
@config_options
@click.argument("subject", required=False)
@click.option(
    "--state",
    type=click.Choice([*STATES, NO_STATE]),
    metavar="WORD",
    help=", ".join((*STATES, NO_STATE)),
)
@click.option("--note", metavar="TEXT", help='One line; "" takes it away.')
@click.option("--contact", metavar="TEXT", help='Whom to write to; "" takes it away.')
@click.option("--by", metavar="NAME", help="Who says so.  [the user of this process]")
@click.option("--file", "path", type=click.Path(path_type=Path), metavar="CSV", help="Say many at once.")
@click.option("--list", "is_list", is_flag=True, help="Show what holds, of --state if given.")
@click.option("--disavow", metavar="DOMAIN", help="Print Google's file for it.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "is_csv", is_flag=True, help="List as CSV.")
def review(  # noqa: PLR0913 - options by name
    subject: str | None,
    *,
    state: str | None,
    note: str | None,
    contact: str | None,
    by: str | None,
    path: Path | None,
    is_list: bool,
    disavow: str | None,
    is_json: bool,
    is_csv: bool,
    **flags: object,
) -> None:
    """Review SUBJECT, a domain or URL that links.

    What is not said stays; what was said before stays in review_history. CSV has the columns subject, state,
    note and contact: all rows are noted, or none. Through the running service, else into the file.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    fields = {"state": state, "note": note, "contact": contact}
    said = {name: value for name, value in fields.items() if value is not None}
    if [subject is not None, path is not None, is_list, disavow is not None].count(True) != 1:
        raise click.UsageError("Give one of SUBJECT, --file, --list and --disavow.")
    if is_csv and (is_json or not is_list):
        raise click.UsageError("--csv goes with --list, and not with --json.")
    if subject is None and set(said) - ({"state"} if is_list else set()):
        raise click.UsageError("--state, --note and --contact go with a SUBJECT; --state with --list, too.")
    if subject is not None:
        if not said:
            raise click.UsageError("Say something of it by --state, --note or --contact.")
        _note(config, [{"subject": subject, **said}], by, is_json=is_json)
    elif path is not None:
        _note(config, _rows_of(config, path), by, is_json=is_json)
    elif disavow is not None:
        _print_disavow(config, disavow)
    else:
        _print_list(config, state, is_json=is_json, is_csv=is_csv)


def _note(config: Config, rows: list[Mapping[str, object]], by: str | None, *, is_json: bool) -> None:
    told = session.review(config, {"reviews": rows, "noted_by": by or _user()})
    if is_json:
        click.echo(json.dumps(dict(told)))
        return
    noted, unchanged = int(told["noted"]), int(told["unchanged"])
    same = f"; of {unchanged:,} that held already" if unchanged else ""
    click.echo(f"Noted {noted:,} {'review' if noted == 1 else 'reviews'}{same}.")


def _rows_of(config: Config, path: Path) -> list[Mapping[str, object]]:
    """Read a file; a row that is none is told of together with all others that cannot be meant."""
    rows, refusals = read_review_file(path)
    if not refusals:
        return rows
    suffixes = read_suffix_list(config.public_suffix_list)
    # Keys are of no interest here, so any seed will do.
    _, more = check_rows(rows, UrlKeys(suffixes.text, suffixes.version, 0))
    every = sorted([*refusals, *more], key=lambda one: one.line)
    raise refused(every, len(rows) + len(refusals))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "command line"


def _print_list(config: Config, state: str | None, *, is_json: bool, is_csv: bool) -> None:
    # A word of the list of states, so it can be written into the statement.
    held = "IS NULL" if state == NO_STATE else f"= '{state}'"
    rows = session.query(config, _LISTED.format("" if state is None else f" WHERE state {held}"))
    if is_json:
        write_json(rows, sys.stdout)
    elif is_csv:
        write_csv(rows, sys.stdout)
    elif not rows.num_rows:
        click.echo("Nothing is reviewed." if state is None else f"Nothing is reviewed as {state}.")
    else:
        console = Console(width=None if sys.stdout.isatty() else _UNBOUNDED_WIDTH, highlight=False)
        console.print(table_of(rows, _SHOWN_ROWS))
        if rows.num_rows > _SHOWN_ROWS:
            shown = f"{_SHOWN_ROWS} of {rows.num_rows:,} reviews shown; --json and --csv print all."
            click.echo(shown, err=True)


def _print_disavow(config: Config, typed: str) -> None:
    try:
        name = parse_domain(typed)
    except ValueError as error:
        raise click.UsageError(plain_text(f"{typed!r} is no domain; wanted one of yours.")) from error
    with connect_configured(config) as connection:
        rows: list[dict[str, Any]] = connection.sql(DISAVOW_SQL, [name]).arrow().to_pylist()
    file = disavow_file(name, rows, datetime.now(UTC))
    click.echo(file.text, nl=False)
    for remark in file.remarks:
        click.echo(remark, err=True)
