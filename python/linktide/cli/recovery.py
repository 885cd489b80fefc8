"""`linktide backup`, `restore`, `rebuild`, `replay`, `migrate`: for the day on which something broke."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linktide.cli import session
from linktide.cli.flags import config_options, read_config
from linktide.errors import ExitCode
from linktide.plain import plain_json, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linktide.config import Config

_JSON = click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")


@click.command("backup", short_help="Copy the database, also while the service writes.")
@config_options
@click.argument("dest", type=click.Path(path_type=Path))
@click.option("--force", "is_forced", is_flag=True, help="Overwrite DEST if it is a file.")
@_JSON
def backup(dest: Path, *, is_forced: bool, is_json: bool, **flags: object) -> None:
    """Copy the database to DEST, a file or a folder, and read the copy from end to end.

    A running service goes on meanwhile; it stops for the moment in which its write-ahead log is copied.
    DEST gets its name once all of it was read; in a folder that name is the database's with the time in UTC.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    told = session.backup(config, dest, is_forced=is_forced)
    held = told["contents"]
    _print(
        told,
        f"{told['path']}: {told['bytes']:,} bytes, read and sound; {_counts(held)}. "
        f"The writer stood still for {told['still_seconds'] * 1000:.0f} ms.",
        is_json=is_json,
    )


@click.command("restore", short_help="Put a backup in the place of the database.")
@config_options
@click.argument("backup_file", metavar="BACKUP", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--force", "is_forced", is_flag=True, help="Also if there is a database: it is moved aside with its WAL."
)
@_JSON
def restore(backup_file: Path, *, is_forced: bool, is_json: bool, **flags: object) -> None:
    """Put BACKUP in the place of the database, once it was read from end to end.

    No service may run on it. Nothing is deleted: what was there keeps its name with `.replaced-` and the
    time. Then start the service: it reads from Kafka again what came after the backup.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    told = session.restore(config, backup_file, is_forced=is_forced)
    kept = f" What was there: {', '.join(told['kept'])}." if told["kept"] else ""
    _print(told, f"{told['database']}: {_counts(told['contents'])}.{kept}", is_json=is_json)


@click.command("rebuild", short_help="Read a stopped database whole; compare its index.")
@config_options
@_JSON
def rebuild(*, is_json: bool, **flags: object) -> None:
    """Read every block of a stopped database, build the index from it, tell where they disagree.

    Ends with 0 if nothing does, with 1 if anything does, with 7 if a block is damaged.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    told = session.rebuild(config)
    lines = [
        f"{config.database}: {told['contents']['rows']:,} rows read; {_counts(told['contents'])}.",
        f"Index: {told['known_links']:,} links, {told['live_links']:,} live, {told['domains']:,} domains.",
        *(f"Differs: {one}" for one in told["differences"]),
    ]
    _print(told, "\n".join(lines), is_json=is_json)
    if told["differences"]:
        sys.exit(int(ExitCode.FAILURE))


@click.command("replay", short_help="Make events of dead letters, or read topics again.")
@config_options
@click.option("--reason", "reasons", multiple=True, metavar="REASON", help="Only these; may be repeated.")
@click.option("--since", type=click.DateTime(), metavar="TIME", help="Only those received since, in UTC.")
@click.option("--until", type=click.DateTime(), metavar="TIME", help="Only those received before, in UTC.")
@click.option(
    "--topic", "topics", multiple=True, metavar="TOPIC", help="Store what is absent of it; may be repeated."
)
@click.option(
    "--into", type=click.Path(path_type=Path), metavar="FILE", help="Build this one of all of --topic."
)
@_JSON
def replay(  # noqa: PLR0913 -- a parameter an option
    reasons: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    topics: tuple[str, ...],
    into: Path | None,
    *,
    is_json: bool,
    **flags: object,
) -> None:
    """Store dead letters that are events now, with their offsets, by the running service if there is one.

    Letters of over 64 KiB cannot be replayed. With --topic: store what never was of the topics and is in them
    still: below their first stored offset, and what was passed over since. What `linktide forget` erased
    stays away. With --into: build another database from all that they hold.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    if topics or into:
        if not topics or reasons or since or until:
            raise click.UsageError(
                "--into needs --topic, and --topic goes without --reason, --since, --until."
            )
        if into is None:
            _fill(config, topics, is_json=is_json)
            return
        built = session.replay_topics(config, topics, into)
        _print(
            {"events": built.events, "dead_letters": built.dead_letters},
            f"{into}: {built.events:,} events, {built.dead_letters:,} dead letters of {', '.join(topics)}.",
            is_json=is_json,
        )
        return
    wanted: dict[str, object] = {"reasons": list(reasons)}
    wanted |= {
        name: at.replace(tzinfo=UTC).isoformat() for name, at in (("since", since), ("until", until)) if at
    }
    told = session.replay(config, wanted)
    _print(told, f"{told['events']:,} of {told['tried']:,} dead letters are events now.", is_json=is_json)


def _fill(config: Config, topics: tuple[str, ...], *, is_json: bool) -> None:
    told = session.fill_topics(config, topics)
    text = (
        f"{', '.join(topics)}: {told['filled']:,} of {told['absent']:,} absent offsets filled, "
        f"{told['events']:,} events, {told['dead_letters']:,} dead letters."
    )
    gone = f" {told['left']:,} are no longer there." if told["left"] else ""
    _print(told, text + gone, is_json=is_json)


@click.command("migrate", short_help="Bring the tables of a stopped database up to date.")
@config_options
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Tell what is missing; change nothing.")
@_JSON
def migrate(*, is_dry_run: bool, is_json: bool, **flags: object) -> None:
    """Apply the steps of the schema that the database lacks, each in a transaction of its own.

    `linktide run` does the same as it starts. Back up first: no older linktide opens the database then.
    A database of a newer linktide is refused with 4.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    told = session.migrate(config, is_dry_run=is_dry_run)
    steps = ", ".join(told["steps"]) or "nothing"
    did = "is missing" if is_dry_run else "applied"
    versions = f"{told['version_before']} → {told['version']}"
    _print(told, f"{config.database}: schema {versions}; {steps} {did}.", is_json=is_json)


def _counts(held: Mapping[str, Any]) -> str:
    return (
        f"{held['events']:,} events, {held['dead_letters']:,} dead letters, "
        f"{held['links']:,} links, {held['live_links']:,} live"
    )


def _print(told: Mapping[str, Any], text: str, *, is_json: bool) -> None:
    if is_json:
        click.echo(plain_json(json.dumps(told, ensure_ascii=False, indent=2)))
    else:
        click.echo("\n".join(plain_text(line) for line in text.split("\n")))
