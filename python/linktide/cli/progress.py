"""Progress on standard error: a bar on a terminal, one closing line elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from linktide.cli.session import Progress as Listener

_OTHER_BYTES = frozenset({".gz", ".zst", ".parquet", ".csv", ".tsv"})
"""Of files whose bytes are not those that listeners hear of: packed, or read as JSON."""


@contextmanager
def file_progress(paths: Sequence[Path], verb: str) -> Iterator[Listener]:
    """Show a bar over the bytes of `paths` while the block runs; nothing where stderr is no terminal.

    The total is unknown, and the bar says so, if a file is packed or no JSON: listeners hear bytes of JSON.
    """
    is_unknown = any(path.suffix.lower() in _OTHER_BYTES for path in paths)
    total = None if is_unknown else sum(path.stat().st_size for path in paths)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[events]:,} events"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bars:
        task = bars.add_task(verb, total=total, events=0)

        def listen(*, done_bytes: int, events: int, dead_letters: int) -> None:
            del dead_letters
            bars.update(task, completed=done_bytes, events=events)

        yield listen
