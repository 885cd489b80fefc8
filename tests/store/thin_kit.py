"""Thinning as tests drive it: to its end, or to a kill at one of its points."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from linktide.store.thinning import Thinner, ThinRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from hand_made_store import Store

_KILLED = """
import os, pathlib, signal, sys
from hand_made_store import Store
from linktide.store.thinning import Thinner, ThinRule

def at(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

with Store(pathlib.Path(sys.argv[1])) as store:
    Thinner(store.database, ThinRule(30), at=at).thin_all()
"""


def thin(store: Store, days: int = 30, at: Callable[[str], None] = lambda _point: None) -> Thinner:
    thinner = Thinner(store.database, ThinRule(days), at=at, is_alone=False)
    thinner.thin_all()
    return thinner


def thin_until_killed(path: Path, point: str) -> None:
    """Thin a file in a process of its own that ends at `point` by SIGKILL."""
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(path), point],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join([str(Path(__file__).parent), *sys.path])},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def next_offset(store: Store) -> int | None:
    """Return where the one source of a hand-made store stands; None before its first event."""
    rows = store.all("SELECT next_offset FROM internal.source_offsets")
    return rows[0][0] if rows else None
