"""`linktide digest`: what happened to tracked domains since a time."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import click
import httpx
from rich.console import Console

from linktide.cli import session
from linktide.cli.flags import config_options, read_config
from linktide.cli.rows import table_of
from linktide.digest import MOST_ROWS, digest_html, digest_sql, since_of
from linktide.errors import ConfigError, RetryError
from linktide.plain import plain_json, plain_text

_UNBOUNDED_WIDTH = 1_000_000


@click.command("digest", short_help="Tell what happened to tracked domains.")
@config_options
@click.option(
    "--since",
    metavar="TIME",
    default="today",
    show_default=True,
    help="today, yesterday, 24h, 7d, or ISO 8601.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "html", "json"]),
    default="text",
    help="How to print it.  [text]",
)
@click.option("--webhook", "is_sent", is_flag=True, help="Send it to alerts.webhook_url instead.")
def digest(*, since: str, form: str, is_sent: bool, **flags: object) -> None:
    """Tell what happened to tracked domains and rivals: alerts, lost and new links, at most 20 rows."""
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    try:
        at = since_of(since, datetime.now(UTC), config.timezone)
    except ValueError:
        raise click.UsageError(
            f"--since is {since!r}; wanted today, yesterday, 24h, 7d, or ISO 8601."
        ) from None
    if not config.tracked_domains and not config.rivals:
        raise ConfigError("tracked_domains and rivals are empty; name the domains to tell of.")
    if is_sent and config.alerts_webhook_url is None:
        raise ConfigError("alerts.webhook_url is not set; name where the digest goes.")
    result = session.query(config, digest_sql(at, config.tracked_domains, config.rivals))
    rows = result.to_pylist()
    told = {"digest": rows, "since": at.isoformat()}
    if is_sent:
        _send(str(config.alerts_webhook_url), json.dumps(told, default=str))
    elif form == "json":
        click.echo(plain_json(json.dumps(told, default=str, indent=1, ensure_ascii=False)))
    elif form == "html":
        click.echo(plain_text_lines(digest_html(rows, at)))
    else:
        console = Console(width=None if sys.stdout.isatty() else _UNBOUNDED_WIDTH, highlight=False)
        console.print(table_of(result, MOST_ROWS))


def plain_text_lines(document: str) -> str:
    """Return a document with nothing in its lines that a terminal obeys."""
    return "\n".join(plain_text(line) for line in document.split("\n"))


def _send(url: str, body: str) -> None:
    try:
        answer = httpx.post(url, content=body, headers={"Content-Type": "application/json"}, timeout=30)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RetryError(
            f"The webhook (alerts.webhook_url) does not take the digest: {type(error).__name__}."
        ) from None
