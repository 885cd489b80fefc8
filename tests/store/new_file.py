"""New database files for the price of a copy: to make one, DuckDB works longer than most tests.

What is copied, `Database.open` has made in this process, so the copies share its random `database_id` and
`hash_seed`. Tests of how a file is made, and of files that differ, open a path that has none.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from linktide.index import URL_POLICY_VERSION
from linktide.store.database import Database, PinVersions, StoreSettings, connect
from linktide.suffixes import read_suffix_list

MADE_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
_PIN = "UPDATE internal.settings SET value = ? WHERE name = ?"


@cache
def own_pins() -> PinVersions:
    """Return the pins that a service without settings of its own makes a file with."""
    return pins_of(None)


def pins_of(suffix_list: Path | None) -> PinVersions:
    """Return the pins that a service with this list makes a file with."""
    suffixes = read_suffix_list(suffix_list)
    return PinVersions(URL_POLICY_VERSION, suffixes.version, suffixes.text)


def begin_file(path: Path, versions: PinVersions | None = None) -> None:
    """Put a new file with these pins, or those of a service, at a path that has none."""
    if path.exists():
        return
    path.write_bytes(_made())
    if versions is not None and versions != own_pins():
        with closing(connect(StoreSettings(path))) as connection:
            for name in ("url_policy_version", "psl_version", "psl_text"):
                connection.execute(_PIN, [getattr(versions, name), name]).fetchall()


@cache
def _made() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "new.duckdb"
        Database.open(StoreSettings(path), own_pins, MADE_AT).close()
        return path.read_bytes()
