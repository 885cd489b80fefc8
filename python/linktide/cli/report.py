"""`linktide report`: one page about a domain that can be sent."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from linktide.cli import session
from linktide.cli.flags import config_options, read_config
from linktide.errors import ConfigError
from linktide.setting import parse_domain
from linktide.web.report.report import gather, read_as_of
from linktide.web.report.text import FORMS, report_text

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command("report", short_help="Make a page about a domain that can be sent.")
@config_options
@click.argument("domain")
@click.option("--as-of", metavar="TIME", help="ISO 8601; without a zone: UTC.  [the newest event]")
@click.option("--against", "rivals", multiple=True, metavar="RIVAL", help="Beside it; may be repeated.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    default="html",
    help="How to write it.  [html]",
)
def report(domain: str, *, as_of: str | None, rivals: Sequence[str], form: str, **flags: object) -> None:
    """Tell on one page what is known of DOMAIN's links: HTML with plots, Markdown or JSON.

    Each figure stands beside the SQL that made it. The HTML is one file that loads nothing. What is told of
    now alone (survival, risk, broken pages) is left out of a report as of a time.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    name, *others = dict.fromkeys(map(_domain, [domain, *rivals]))
    at = None if as_of is None else _time(as_of)
    with session.asking(config) as ask:
        made = gather(ask, name, others, at)
    sys.stdout.write(report_text(made, form, datetime.now(UTC)))


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except ValueError as error:
        raise ConfigError(f"{text[:80]!r} is no domain; wanted a name such as example.org.") from error


def _time(text: str) -> datetime:
    try:
        return read_as_of(text)
    except ValueError as error:
        raise click.UsageError(f"--as-of is {text[:40]!r}; {error}.") from None
