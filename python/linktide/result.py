"""The result of a statement: rows as they come, or all of them, in the shape that is asked for."""

from __future__ import annotations

from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, Self

import pyarrow as pa

from linktide.errors import LinktideError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import polars as pl

Row = tuple[Any, ...]


class MissingExtraError(LinktideError, ImportError):
    """A package that linktide does not need by itself is not installed."""


class RowsReadError(LinktideError):
    """The rows went by as a stream; only the rest of them is left."""


class RowStream(Protocol):
    """Record batches of one schema, once; `close` leaves the rest unread."""

    schema: pa.Schema

    def __next__(self) -> pa.RecordBatch:
        """Return the next rows; raises StopIteration at the end, and what the statement raises."""

    def close(self) -> None:
        """Stop the statement if it still runs; idempotent."""


class Result:
    """What a statement returned.

    `arrow`, `df` and `pl` read all rows, keep them and can be asked again; `batches`, `reader`, `fetchone`,
    `fetchmany` and `fetchall` let them go by and hold no more than a few batches. Once rows went by, `arrow`
    raises RowsReadError. Every call that reads may raise RefusedQueryError (too long, too large) and what the
    connection does. Not for two threads at once.
    """

    def __init__(self, stream: RowStream) -> None:
        self._stream = stream
        self._table: pa.Table | None = None
        self._kept: Iterator[pa.RecordBatch] | None = None
        self._rows: Iterator[Row] = iter(())
        self._is_begun = False

    @property
    def schema(self) -> pa.Schema:
        """The columns as Arrow has them."""
        return self._stream.schema

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.schema.names)

    def arrow(self) -> pa.Table:
        """Return all rows as an Arrow table."""
        if self._table is None:
            if self._is_begun:
                raise RowsReadError("Rows of this result were read already; run the statement again.")
            self._table = pa.Table.from_batches(list(self.batches()), self.schema)
        return self._table

    def df(self) -> pd.DataFrame:
        """Return all rows as a pandas DataFrame. Raises MissingExtraError without pandas."""
        _needed("pandas")
        return self.arrow().to_pandas()

    def pl(self) -> pl.DataFrame:
        """Return all rows as a polars DataFrame. Raises MissingExtraError without polars."""
        frame: pl.DataFrame = _needed("polars").from_arrow(self.arrow())
        return frame

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as they come, in record batches."""
        if self._table is not None:
            yield from self._table.to_batches()
            return
        while (batch := self._next_batch()) is not None:
            yield batch

    def reader(self) -> pa.RecordBatchReader:
        """Return the rows as an Arrow stream, for what takes one."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches())

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:  # noqa: ANN401 - a capsule
        """Hand the rows to another library, by the Arrow PyCapsule interface."""
        return self.reader().__arrow_c_stream__(requested_schema)

    def fetchone(self) -> Row | None:
        """Return the next row, None after the last."""
        return next(self._left(), None)

    def fetchmany(self, size: int = 1_000) -> list[Row]:
        """Return the next rows, `size` at most."""
        return list(islice(self._left(), size))

    def fetchall(self) -> list[Row]:
        """Return all rows that are left, as tuples of Python values."""
        return list(self._left())

    def close(self) -> None:
        """Leave what was not read; the statement is stopped if it still runs. Idempotent."""
        self._stream.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def __del__(self) -> None:
        """Close, where nobody did."""
        self.close()

    def __repr__(self) -> str:
        """Name the columns."""
        told = ", ".join(f"{field.name}: {field.type}" for field in self.schema)
        return f"<linktide result ({told})>"

    def _next_batch(self) -> pa.RecordBatch | None:
        if self._table is not None:
            if self._kept is None:
                self._kept = iter(self._table.to_batches())
            return next(self._kept, None)
        self._is_begun = True
        try:
            return next(self._stream, None)
        except BaseException:
            self.close()
            raise

    def _next_row(self) -> Row | None:
        # A generator that is kept here would keep the result, and its reader, until a garbage collection.
        while (row := next(self._rows, None)) is None:
            batch = self._next_batch()
            if batch is None:
                return None
            self._rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        return row

    def _left(self) -> Iterator[Row]:
        return iter(self._next_row, None)


def _needed(package: str) -> Any:  # noqa: ANN401 - a module that need not be there
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{package} is not installed; install it by `pip install 'linktide[{package}]'`."
        ) from error
