"""`linktide demo`: the whole service on a made-up web, for a first look."""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live

from linktide.cli import session
from linktide.cli.top_view import SYNTHETIC_LINE, top_view
from linktide.config import load
from linktide.errors import ConfigError, LinktideError
from linktide.sources.demo import DemoSource
from linktide.sources.synthetic import RIVALS, TRACKED_DOMAIN, Plan, SyntheticWeb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from linktide.cli.session import DemoService
    from linktide.config import Config

_FRAME_SECONDS = 0.25
_OWN_DATA = """\
That was SYNTHETIC data. With your own:
  linktide init example.org --rivals example.com     writes linktide.toml
  linktide import events.ndjson                      or name Kafka brokers and topics in linktide.toml
  linktide run                                       then: linktide top, linktide query "FROM backlinks"\
"""


@click.command("demo", short_help="Show the live view on synthetic data.")
@click.option("--duration", type=click.FloatRange(1, 86_400), metavar="SECONDS", help="Stop after so long.")
@click.option(
    "--seed",
    type=int,
    metavar="NUMBER",
    default=1,
    show_default=True,
    help="The same seed makes the same web.",
)
@click.option(
    "--rate",
    metavar="NUMBER",
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
        if kept.exists():
            raise ConfigError(f"{kept} exists; made-up links go into a new file only (--database).")
        yield Path.cwd() / kept
        return
    with tempfile.TemporaryDirectory(prefix="linktide-demo-") as folder:
        yield Path(folder) / "demo.duckdb"


def _show(config: Config, plan: Plan, duration_seconds: float | None) -> None:
    source = DemoSource(SyntheticWeb(plan), now=time.time, wait=time.sleep, duration_seconds=duration_seconds)
    service = session.build_demo(config, source)
    console = Console(highlight=False)
    newest = _Newest(service)
    with newest.watched():
        if console.is_terminal:
            # One line less than the screen, or the display scrolls.
            with Live(
                get_renderable=lambda: top_view(newest.told, console.height - 1, datetime.now(UTC)),
                console=console,
                refresh_per_second=1 / _FRAME_SECONDS,
                transient=True,
            ):
                service.run()
        else:
            service.run()
    console.print(top_view(newest.told, console.height, datetime.now(UTC)))


class _Newest:
    """The newest figures; the service has none to give before it is open and after it is closed."""

    def __init__(self, service: DemoService) -> None:
        self._service = service
        self._is_over = threading.Event()
        self.told: Mapping[str, object] = {"is_synthetic": True, "note": "the service is starting"}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ask for figures in a thread while the block runs."""
        thread = threading.Thread(target=self._watch, name="linktide-demo-view", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()
            self._ask()

    def _watch(self) -> None:
        while not self._is_over.wait(_FRAME_SECONDS):
            self._ask()

    def _ask(self) -> None:
        with suppress(LinktideError):
            told = self._service.top()
            if "note" not in told:
                self.told = {**told, "is_synthetic": True}
