"""`small_service.py OPTIONS NAME=VALUE…`: like `linktide run`, with what the command line cannot say.

It can fetch in small pieces so that batches are small, read by plain `poll()`, and kill itself at one of the
store's fail points.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from linktide.config import load
from linktide.configured import now_us
from linktide.errors import LinktideError
from linktide.index import scan_record_batches
from linktide.logs import set_up
from linktide.service import Service
from linktide.sources.kafka import KafkaSource, kafka_settings

if TYPE_CHECKING:
    from collections.abc import Callable


def bomb(point: str | None, calls: int) -> Callable[[str], None]:
    """Return what kills this process at the n-th call of a fail point."""
    left = calls

    def at(name: str) -> None:
        nonlocal left
        left -= name == point
        if name == point and left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--fetch-bytes", type=int, default=2 << 20)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--fail-point")
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("assignments", nargs="*")
    options = parser.parse_args()
    flags: dict[str, object] = {"sql_port": "0"}
    flags.update(one.split("=", 1) for one in options.assignments)
    config = load(flags=flags, environ={}, folder=Path.cwd())
    set_up(config)
    settings = replace(
        kafka_settings(config),
        is_raw_fetch_wanted=not options.plain,
        max_partition_fetch_bytes=options.fetch_bytes,
    )
    source = KafkaSource(settings, scan=scan_record_batches, now_us=now_us)
    try:
        Service(config, sources=[source], at_fail_point=bomb(options.fail_point, options.calls)).run()
    except LinktideError as error:
        sys.stderr.write(f"Error: {error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
