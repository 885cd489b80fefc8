"""`faulty_import.py OPTIONS FILE NAME=VALUE…`: an import in small batches, with more than a command can say.

It checkpoints after so many bytes, and can kill itself at one of the store's fail points.
"""

from __future__ import annotations

import argparse
import resource
import sys
from functools import partial
from pathlib import Path

from small_service import bomb

from linktide import service
from linktide.config import load
from linktide.configured import now_us
from linktide.errors import LinktideError
from linktide.logs import set_up
from linktide.sources.files import FileSource
from linktide.store.writer import CheckpointRule, StoreWriter


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--chunk-bytes", type=int, default=16_384)
    parser.add_argument("--wal-bytes", type=int, default=1 << 20)
    parser.add_argument("--fail-point")
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--address-bytes", type=int, help="most address space, as `ulimit -v` sets it")
    parser.add_argument("file", type=Path)
    parser.add_argument("assignments", nargs="*")
    options = parser.parse_args()
    flags: dict[str, object] = dict(one.split("=", 1) for one in options.assignments)
    config = load(flags=flags, environ={}, folder=Path.cwd())
    set_up(config)
    if options.address_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (options.address_bytes, options.address_bytes))
    source = FileSource([options.file], now_us=now_us, chunk_bytes=options.chunk_bytes)
    rule = CheckpointRule(wal_bytes=options.wal_bytes)
    vars(service)["StoreWriter"] = partial(StoreWriter, rule=rule)
    running = service.Service(
        config,
        sources=[source],
        stop_when_exhausted=True,
        has_http=False,
        at_fail_point=bomb(options.fail_point, options.calls),
    )
    try:
        running.run()
    except LinktideError as error:
        sys.stderr.write(f"Error: {error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
