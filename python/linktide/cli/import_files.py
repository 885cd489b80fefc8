"""`linktide import`: take files of events, or exports of vendors, into the index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from linktide.cli import session, vendor_exports
from linktide.cli.flags import config_options, read_config
from linktide.cli.progress import file_progress
from linktide.errors import ConfigError, LinktideError
from linktide.plain import plain_text
from linktide.setting import parse_domain
from linktide.sources.vendors.catalogue import VENDORS
from linktide.sources.vendors.dates import DateOrder, parse_date
from linktide.sources.vendors.declared import ENCODINGS, Coverage, Declared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linktide.cli.session import ImportResult
    from linktide.cli.vendor_exports import Told
    from linktide.config import Config

_WHY = 'Why: linktide query "SELECT reason, count(*) FROM dead_letters GROUP BY ALL"'


@click.command("import", short_help="Take files of events, or exports of vendors, into the index.")
@config_options
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--vendor", metavar="NAME", type=click.Choice(VENDORS), help="Of CSV files.  [by header]")
@click.option("--target", metavar="DOMAIN", help="Site whose links a CSV file lists.")
@click.option("--exported-at", metavar="TIME", help="When it was made.  [its latest date]")
@click.option(
    "--scope",
    metavar="SCOPE",
    type=click.Choice([str(one) for one in Coverage]),
    default=str(Coverage.SAMPLE),
    help="complete, sample or capped.  [sample]",
)
@click.option(
    "--date-format",
    metavar="FORMAT",
    type=click.Choice([str(one) for one in DateOrder]),
    help="dmy or mdy.  [found]",
)
@click.option(
    "--encoding",
    metavar="NAME",
    type=click.Choice(ENCODINGS),
    help="utf-8, utf-16 or latin-1.  [found]",
)
@click.option("--json", "is_json", is_flag=True, help="Print the counts as one JSON object.")
def import_files(  # noqa: PLR0913 - options by name
    files: tuple[Path, ...],
    *,
    vendor: str | None,
    target: str | None,
    exported_at: str | None,
    scope: str,
    date_format: str | None,
    encoding: str | None,
    is_json: bool,
    **flags: object,
) -> None:
    """Import FILES: NDJSON or Parquet events, or CSV of a vendor (docs/importing.md).

    A file that was imported before, or half imported, goes on where it stopped: nothing is counted twice.
    Fails if there was something new and all of it was refused; refused events are dead letters.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    declared = Declared(
        vendor,
        _domain(target),
        _time_us(exported_at),
        Coverage(scope),
        DateOrder(date_format) if date_format else None,
        encoding,
    )
    of_vendors = [path for path in files if vendor_exports.is_export(path, declared)]
    of_events = [path for path in files if path not in of_vendors]
    if declared != Declared() and of_events:
        raise click.UsageError(f"{of_events[0]} is no CSV file; name the vendor if it is one.")
    exports = vendor_exports.read_exports(of_vendors, declared)
    empty = session.empty_files(of_events)
    result = unlisted = session.ImportResult(0, 0)
    told: list[Told] = []
    if len(empty) < len(files):  # of nothing no database is made
        with file_progress(files, "Importing") as progress:
            result = session.import_files(config, [*of_events, *exports], progress)
            unlisted, notes = vendor_exports.import_unlisted(config, exports, progress)
        told = vendor_exports.told_of(config, exports, notes) if exports else []
    for path in empty:
        click.echo(f"{plain_text(str(path))} is empty: it holds no event.", err=True)
    stored = session.ImportResult(
        result.events + unlisted.events, result.dead_letters + unlisted.dead_letters
    )
    _print(config, stored, unlisted, told, is_json=is_json, is_silent=len(empty) == len(files))
    if stored.dead_letters and not stored.events:
        raise LinktideError(
            f"Every new event was refused: {stored.dead_letters:,} dead letters, no event. They stand in the "
            f"view dead_letters. {_WHY}"
        )


def _print(  # noqa: PLR0913 - what there is to tell
    config: Config,
    stored: ImportResult,
    unlisted: ImportResult,
    told: Sequence[Told],
    *,
    is_json: bool,
    is_silent: bool,
) -> None:
    if is_json:
        counts: dict[str, object] = {"events": stored.events, "dead_letters": stored.dead_letters}
        if told:
            counts |= {"unlisted_losses": unlisted.events, "exports": [one.as_json() for one in told]}
        click.echo(json.dumps(counts))
        return
    if not is_silent:
        _tell(stored, config)
    for one in told:
        for line in _report(one):
            click.echo(plain_text(line))
    if unlisted.events:
        click.echo(f"{unlisted.events:,} of these are losses: links that a complete export no longer lists.")


def _tell(result: ImportResult, config: Config) -> None:
    if not result.events + result.dead_letters:
        click.echo(f"Nothing new: {config.database} holds every event of these files.")
    elif result.events:
        refused = f"; dead letters: {result.dead_letters:,}."
        click.echo(f"Imported {result.events:,} events into {config.database}{refused}")
        if result.dead_letters:
            click.echo(_WHY)


def _report(one: Told) -> list[str]:
    export = one.export
    taken = export.row_count - one.refused_rows
    known = f"{export.path} ({export.rules.layout.title}; {export.scope.topic})"
    lines = [f"{known}: {export.row_count:,} rows, {taken:,} taken, {one.refused_rows:,} refused."]
    for refusal in one.refusals:
        rows = ", ".join(str(row) for row, _ in refusal.first)
        more = ", …" if refusal.row_count > len(refusal.first) else ""
        lines.append(f"  {refusal.reason}: {refusal.row_count:,} rows ({rows}{more}); {refusal.first[0][1]}")
    return [*lines, *(f"  {note}" for note in one.notes)]


def _domain(target: str | None) -> str | None:
    if target is None:
        return None
    try:
        return parse_domain(target)
    except ValueError as error:
        raise ConfigError(f"--target {target} is no domain; wanted one such as shop.example.") from error


def _time_us(text: str | None) -> int | None:
    if text is None:
        return None
    at = parse_date(text, None)
    if at is None:
        raise ConfigError(
            f"--exported-at {text} is no time; wanted one such as 2026-01-31 or 2026-01-31T12:00:00Z."
        )
    return at.us
