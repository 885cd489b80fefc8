"""`linktide demo`: the whole service on a made-up web, for a first look."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console, Group
from rich.live import Live

from linktide.cli import session
from linktide.cli.top_view import SYNTHETIC_LINE, top_view
from linktide.config import load
from linktide.sources.demo import DemoSource
from linktide.sources.synthetic import RIVALS, TRACKED_DOMAIN, Plan, SyntheticWeb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linktide.cli.session import DemoService
    from linktide.config import Config

_FRAMES_PER_SECOND = 2.0
_OWN_DATA = """\
That was SYNTHETIC data. With your own:
  linktide init example.org --rivals example.com     writes linktide.toml
  linktide import events.ndjson                      or name Kafka brokers and topics in linktide.toml
  linktide run                                       then: linktide top, linktide query "FROM backlinks"\
"""


@click.command("demo", short_help="Show the live view on synthetic data.")
@click.option("--duration", type=click.FloatRange(1, 86_400), metavar="SECONDS", help="Stop after so long.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same web.")
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 20_000),
    default=120.0,
    show_default=True,
    help="Live events a second.",
)
@click.option(
    "--database",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Keep the index in FILE; else it is removed.",
)
@click.option(
    "--http-port", type=int, default=0, metavar="PORT", help="Port of page and API; 0: any free one."
)
def demo(*, duration: float | None, seed: int, rate: float, database: Path | None, http_port: int) -> None:
    """Show the live view on synthetic data: 90 made-up days at once, then a live stream.

    Needs no broker, no server and no data; nothing of your configuration is read.
    """
    click.echo(SYNTHETIC_LINE)
    with _database(database) as path:
        flags = {
            "database": path,
            "http_port": http_port,
            "tracked_domains": [TRACKED_DOMAIN],
            "rivals": list(RIVALS),
            "log_level": "error",
        }
        config = load(flags=flags, environ={}, folder=path.parent)
        _show(config, Plan(seed, time.time_ns() // 1_000, live_events_per_second=rate), duration)
    click.echo(_OWN_DATA)


@contextmanager
def _database(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield Path.cwd() / kept
        return
    with tempfile.TemporaryDirectory(prefix="linktide-demo-") as folder:
        yield Path(folder) / "demo.duckdb"


def _show(config: Config, plan: Plan, duration_seconds: float | None) -> None:
    source = DemoSource(SyntheticWeb(plan), now=time.time, wait=time.sleep, duration_seconds=duration_seconds)
    service = session.build_demo(config, source)
    console = Console(highlight=False)
    if console.is_terminal:
        frame = _Frame(service, console)
        with Live(
            get_renderable=frame, console=console, refresh_per_second=_FRAMES_PER_SECOND, transient=True
        ):
            service.run()
    else:
        service.run()
    console.print(top_view(service.top(), console.height))


class _Frame:
    """Draws the newest figures; the display's thread calls it."""

    def __init__(self, service: DemoService, console: Console) -> None:
        self._service = service
        self._console = console

    def __call__(self) -> Group:
        return top_view(self._service.top(), self._console.height - 1)
