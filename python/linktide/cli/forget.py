"""`linktide forget`: erase what is stored of a domain or a page."""

from __future__ import annotations

import click

from linktide.cli import own_tables, session
from linktide.cli.flags import config_options, read_config
from linktide.plain import plain_text


@click.command("forget", short_help="Erase what is stored of a domain or a page.")
@config_options
@click.argument("name", metavar="DOMAIN|URL", required=False)
@click.option("--segment", metavar="FILE", help="Give up a damaged Parquet segment: its raw events only.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
def forget(name: str | None, segment: str | None, *, is_sure: bool, **flags: object) -> None:
    """Erase every row of a registrable domain, or of one page, as source and as target.

    Links, raw events, histories, scores, reviews and the dead letters that name it, from the database file
    and from the Parquet segments. Tables of `linktide load`, and what files of the section `mine` name, are
    yours and are left as they are: take it out of these files. The service must be stopped.
    Backups keep what they hold, and events that arrive later are taken as ever. What is erased does not
    come back.
    """
    if (name is None) == (segment is None):
        raise click.UsageError("Name a domain or URL, or a segment by --segment.")
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    what = f"the segment {segment}" if segment else f"all that is stored of {name}"
    if not is_sure:
        click.confirm(plain_text(f"Erase {what} from {config.database}?"), abort=True)
    if segment is not None:
        session.forget_segment(config, segment)
        click.echo(plain_text(f"The raw events of {segment} are given up."))
        return
    told = session.forget(config, str(name))
    click.echo(
        f"Erased {told['links']:,} links, {told['events']:,} raw events, "
        f"{told['dead_letters']:,} dead letters, {told['reviews']:,} reviews; "
        f"{told['segments']:,} segments were written anew."
    )
    if own := [f"own.{one['name']}" for one in own_tables.own_tables(config)]:
        click.echo(f"Not searched: {', '.join(own)}.")
