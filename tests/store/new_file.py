"""New database files for the price of a copy: to make one, DuckDB works longer than most tests.

What is copied, `Database.open` has made in this process, so the copies share its random `database_id` and
`hash_seed`. Tests of how a file is made, and of files that differ, open a path that has none.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from linktide.index import URL_POLICY_VERSION
from linktide.store.database import Database, PinVersions, StoreSettings
from linktide.suffixes import read_suffix_list

MADE_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@cache
def own_pins() -> PinVersions:
    """Return the pins that a service without settings of its own makes a file with."""
    suffixes = read_suffix_list(None)
    return PinVersions(URL_POLICY_VERSION, suffixes.version, suffixes.text)


def begin_file(path: Path, versions: PinVersions | None = None) -> None:
    """Put a new file with these pins, or those of a service, at a path that has none."""
    if not path.exists():
        path.write_bytes(_made(versions or own_pins()))


@cache
def _made(versions: PinVersions) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "new.duckdb"
        Database.open(StoreSettings(path), lambda: versions, MADE_AT).close()
        return path.read_bytes()
