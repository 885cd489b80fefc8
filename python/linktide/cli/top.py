"""`linktide top`: the live view of a running service."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live

from linktide.cli.flags import config_options, read_config
from linktide.cli.top_view import top_view
from linktide.plain import plain_json
from linktide.remote import BusyError, need_service

if TYPE_CHECKING:
    from linktide.remote import RunningService


@click.command("top", short_help="Watch domains and links live.")
@config_options
@click.option("--once", is_flag=True, help="Print one frame and leave.")
@click.option("--json", "is_json", is_flag=True, help="Print the figures of one frame as JSON and leave.")
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.FloatRange(0.1, 3600),
    default=1.0,
    show_default=True,
    help="Time between frames.",
)
def top(*, once: bool, is_json: bool, every: float, **flags: object) -> None:
    """Watch tracked domains, new and lost links, authority and lag."""
    with need_service(read_config(**flags)) as service:  # type: ignore[arg-type]  # named by config_options
        if is_json:
            click.echo(plain_json(json.dumps(service.top(), ensure_ascii=False, indent=2)))
            return
        console = Console(highlight=False)
        if once or not console.is_terminal:
            console.print(top_view(service.top(), console.height, datetime.now(UTC)))
            return
        watch(service, console, every)


def watch(service: RunningService, console: Console, every_seconds: float) -> None:
    """Show frame after frame until Ctrl-C."""
    frame = top_view(service.top(), console.height, datetime.now(UTC))
    with Live(frame, console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(every_seconds)
                # While the readers are busy or the store reopens, the last frame stays.
                with suppress(BusyError):
                    live.update(top_view(service.top(), console.height, datetime.now(UTC)), refresh=True)
        except KeyboardInterrupt:
            return
