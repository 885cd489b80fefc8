"""Parquet files as JSON lines, through a DuckDB connection of their own in memory."""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING

import duckdb

from linktide.errors import StopError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

PARQUET_MAGIC = b"PAR1"
_ROWS_PER_READ = 8192
_ROW_NUMBER = "file_row_number"


class ParquetReader:
    """Rows from `first_row` (counted from 0) on, each a JSON object on a line.

    Timestamps come as RFC 3339 text in UTC (one without a zone is taken as UTC), binary columns as text.
    A null column is absent from its row's object, because a row has no other way to leave a field out.
    """

    def __init__(self, path: Path, first_row: int) -> None:
        self._path = path
        # No extension may be fetched and no file but this one is asked for; one thread keeps the row order.
        self._connection = duckdb.connect(
            ":memory:",
            config={"threads": 1, "memory_limit": "512MB", "autoinstall_known_extensions": False},
        )
        try:
            self.rows = self._count_rows()
            self._batches = self._select(first_row)
        except duckdb.Error as error:
            self.close()
            raise self._damaged(error) from error

    def read(self) -> tuple[bytes, int]:
        """Return up to 8,192 lines and how many they are; nothing and 0 at the end."""
        try:
            for batch in self._batches:
                lines = batch.column(0).to_pylist()
                if lines:
                    return ("\n".join(lines) + "\n").encode(), len(lines)
        except (duckdb.Error, OSError) as error:
            raise self._damaged(error) from error
        return b"", 0

    def close(self) -> None:
        """Close the connection."""
        self._batches = iter(())
        self._connection.close()

    def _damaged(self, error: Exception) -> StopError:
        return StopError(f"{self._path} cannot be read as Parquet: {str(error).splitlines()[0]}.")

    @property
    def _pattern(self) -> str:
        # DuckDB takes every path for a pattern.
        return glob.escape(str(self._path))

    def _count_rows(self) -> int:
        rows = self._connection.execute("SELECT count(*) FROM read_parquet(?)", [self._pattern]).fetchall()
        count: int = rows[0][0]
        return count

    def _select(self, first_row: int) -> Iterator[pa.RecordBatch]:
        table = f"read_parquet(?, {_ROW_NUMBER} = true, binary_as_string = true)"
        description = f"DESCRIBE SELECT * FROM {table}"  # noqa: S608 -- constants
        described = self._connection.execute(description, [self._pattern]).fetchall()
        columns = [(name, kind) for name, kind, *_ in described if name != _ROW_NUMBER]
        fields = ", ".join(f"{_quote(name)} := {_expression(name, kind)}" for name, kind in columns)
        # A merge patch onto an empty object drops the null fields (RFC 7396).
        query = (
            # Values are parameters; names are quoted by _quote.
            f"SELECT json_merge_patch('{{}}', to_json(struct_pack({fields})))::VARCHAR FROM {table} "  # noqa: S608
            f"WHERE {_ROW_NUMBER} >= ?"
        )
        # A relation streams; execute() would hold all rows at once.
        relation = self._connection.sql(query, params=[self._pattern, first_row])
        batches: Iterator[pa.RecordBatch] = iter(relation.to_arrow_reader(_ROWS_PER_READ))
        return batches


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _expression(name: str, kind: str) -> str:
    """Return the SQL of one column; times by their epoch, which needs no time zone extension."""
    column = _quote(name)
    if kind.startswith("TIMESTAMP") and not kind.endswith("]"):
        # Nanoseconds have types of their own, which epoch_us does not take.
        micros = "TIMESTAMPTZ" if "Z" in kind else "TIMESTAMP"
        return f"strftime(make_timestamp(epoch_us({column}::{micros})), '%Y-%m-%dT%H:%M:%S.%fZ')"
    return column
