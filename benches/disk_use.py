"""What the tables of a database take on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linktide.store.database import Database

_BLOCK_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table, all its parts in the file."""

    table: str
    rows: int
    """Those of Parquet segments left out, and what wide rows of links say in the place of rows."""
    size_bytes: int
    """In whole blocks of the file."""


def table_sizes(database: Database) -> Iterator[TableSize]:
    """Yield every table that has parts; the file must have been checkpointed."""
    for table in database.parts.tables():
        rows = blocks = 0
        for part in database.parts.of(table):
            blocks += database.connection.execute(
                "SELECT count(DISTINCT block_id) FROM pragma_storage_info(?) WHERE block_id >= 0",
                [f"internal.{part.name}"],
            ).fetchall()[0][0]
            counted = f'SELECT count(*) FROM internal."{part.name}"'  # noqa: S608 - our own names
            rows += database.connection.execute(counted).fetchall()[0][0]
        yield TableSize(table, rows, blocks * _BLOCK_BYTES)
