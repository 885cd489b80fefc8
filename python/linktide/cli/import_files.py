"""`linktide import`: take files of events into the index."""

from __future__ import annotations

import json
from pathlib import Path

import click

from linktide.cli import session
from linktide.cli.flags import config_options, read_config
from linktide.cli.progress import file_progress


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
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    with file_progress(files, "Importing") as progress:
        result = session.import_files(config, files, progress)
    if is_json:
        click.echo(json.dumps({"events": result.events, "dead_letters": result.dead_letters}))
        return
    if not result.events + result.dead_letters:
        click.echo(f"Nothing new: {config.database} holds every event of these files.")
        return
    click.echo(
        f"Imported {result.events:,} events into {config.database}; dead letters: {result.dead_letters:,}."
    )
    if result.dead_letters:
        click.echo('Why: linktide query "SELECT reason, count(*) FROM dead_letters GROUP BY ALL"')
