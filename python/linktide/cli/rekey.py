"""`linktide rekey`: another public suffix list comes into force."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linktide.cli import session
from linktide.cli.flags import config_options, read_config
from linktide.plain import plain_json, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linktide.config import Config


@click.command("rekey", short_help="Bring another public suffix list into force.")
@config_options
@click.option(
    "--list",
    "list_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The list to bring into force; without it the one that public_suffix_list names.",
)
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Tell what would change; change nothing.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def rekey(list_path: Path | None, *, is_dry_run: bool, is_json: bool, **flags: object) -> None:
    """Give hosts their registrable domains by another public suffix list, and pin that list.

    A database keeps the list that it began with, whatever the file holds since; this brings the new one into
    force, in one step: readers see all of it or nothing. Through the running service if there is one, between
    two of its batches, else in the database file.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    told, misplaced = session.rekey(config, list_path, is_dry_run=is_dry_run)
    if is_json:
        click.echo(plain_json(json.dumps(told, ensure_ascii=False, indent=2)))
        return
    _print(config, told, is_dry_run=is_dry_run)
    for sentence in misplaced:
        click.echo(plain_text(sentence))


def _print(config: Config, told: Mapping[str, Any], *, is_dry_run: bool) -> None:
    versions = plain_text(f"{told['version_before']} → {told['version']}")
    have = "would have" if is_dry_run else "have"
    click.echo(f"{config.database}: public suffix list {versions}{', not in force' if is_dry_run else ''}.")
    click.echo(
        f"{told['hosts']:,} hosts {have} another domain: "
        f"{told['links']:,} links, {told['domains']:,} domains."
    )
    for move in told["largest"]:
        names = plain_text(f"{move['domain_name']} → {move['new_domain_name']}")
        click.echo(f"  {names}: {move['links']:,} links of {move['hosts']:,} hosts")
