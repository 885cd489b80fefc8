"""Real link events run once through the whole pipeline, for all tests that look at what came of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oracle.corpora import FPB_FILE, data_folder, identified_events
from oracle.events import Origin
from oracle.model import State, derive
from pipeline import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from linktide.index import LinkIndex

FOLDER = data_folder(os.environ, Path(__file__).parents[2])
needs_data = pytest.mark.skipif(not (FOLDER / FPB_FILE).exists(), reason=f"no test data in {FOLDER}")


@dataclass(frozen=True)
class RealRun:
    """A finished run."""

    path: Path
    index: LinkIndex
    """As the service left it, grown event by event."""
    state: State
    """What the brute force makes of the same events."""


def run_real(path: Path, read: Callable[[Path], list[bytes]]) -> RealRun:
    """Run the lines that `read` finds in the data folder."""
    lines = read(FOLDER)
    index = whole.run(path, [whole.memory(lines)])
    events, refused = identified_events(lines, whole.identify, Origin("memory", "links", 0, 0))
    return RealRun(path, index, derive(events, refused))
