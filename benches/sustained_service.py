"""The service of `sustained.py`: `linktide run`, and a line in a file for every stored batch.

`sustained_service.py BATCHES NAME=VALUE…`: settings by name; the line is a moment of the monotonic clock and
the records stored since the start.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from linktide.config import load
from linktide.service import Service

if TYPE_CHECKING:
    from linktide.metrics.batch import Totals


def main() -> int:
    """Run until SIGTERM."""
    flags = dict(argument.split("=", 1) for argument in sys.argv[2:])
    with Path(sys.argv[1]).open("w", buffering=1) as batches:

        def stored(totals: Totals) -> None:
            batches.write(f"{time.monotonic():.6f} {totals.records}\n")

        Service(load(flags=flags, environ={}, folder=Path.cwd()), on_stored=stored).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
