"""`linktide import`: take files of events into the index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from linktide.cli import session
from linktide.cli.flags import config_options, read_config
from linktide.cli.progress import file_progress
from linktide.errors import LinktideError
from linktide.plain import plain_text

if TYPE_CHECKING:
    from linktide.config import Config

_WHY = 'Why: linktide query "SELECT reason, count(*) FROM dead_letters GROUP BY ALL"'


@click.command("import", short_help="Take files of events into the index.")
@config_options
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--json", "is_json", is_flag=True, help="Print the counts as one JSON object.")
def import_files(files: tuple[Path, ...], *, is_json: bool, **flags: object) -> None:
    """Import FILES of events: NDJSON (plain, .gz, .zst) or Parquet.

    Through the running service if there is one, else straight into the database file. A file that was
    imported before, or half imported, goes on where it stopped: nothing is counted twice.
    Fails if there was something new and all of it was refused; refused events are dead letters.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    with file_progress(files, "Importing") as progress:
        result = session.import_files(config, files, progress)
    empty = session.empty_files(files)
    for path in empty:
        click.echo(f"{plain_text(str(path))} is empty: it holds no event.", err=True)
    if is_json:
        click.echo(json.dumps({"events": result.events, "dead_letters": result.dead_letters}))
    elif len(empty) < len(files):
        _tell(result, config)
    if result.dead_letters and not result.events:
        raise LinktideError(
            f"Every new event was refused: {result.dead_letters:,} dead letters, no event. They stand in the "
            f"view dead_letters. {_WHY}"
        )


def _tell(result: session.ImportResult, config: Config) -> None:
    if not result.events + result.dead_letters:
        click.echo(f"Nothing new: {config.database} holds every event of these files.")
    elif result.events:
        refused = f"; dead letters: {result.dead_letters:,}."
        click.echo(f"Imported {result.events:,} events into {config.database}{refused}")
        if result.dead_letters:
            click.echo(_WHY)
