"""Arrow data that SQL reads under a name."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection


ARROW_VIEW: Final = "linktide_rows"
"""Its name in SQL."""


class ArrowView:
    """The view ARROW_VIEW of one connection, made once, that shows other data for every statement.

    To register a view and drop it again takes DuckDB longer than many a statement that reads it.
    """

    def __init__(self, connection: DuckDBPyConnection) -> None:
        """Make the view, outside any transaction. It lives as long as the connection."""
        self._shown: pa.Table | pa.RecordBatch = pa.table({"nothing": pa.nulls(0, pa.int8())})
        connection.register(ARROW_VIEW, self)

    @contextmanager
    def of(self, data: object) -> Iterator[None]:
        """Show data with `__arrow_c_stream__` or `__arrow_c_array__` while the block runs."""
        before = self._shown
        # A statement reads the schema first and the rows then: a stream that ends would be empty by then.
        self._shown = pa.table(data) if hasattr(data, "__arrow_c_stream__") else pa.record_batch(data)
        try:
            yield
        finally:
            self._shown = before

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:  # noqa: ANN401 - a capsule
        """Give DuckDB what is shown now."""
        return self._shown.__arrow_c_stream__(requested_schema)
