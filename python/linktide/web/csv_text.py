"""A table as CSV that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from linktide.json_rows import json_rows
from linktide.plain import plain_cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

_PIECE_ROWS = 2_000


def csv_pieces(table: pa.Table) -> Iterator[str]:
    """Yield CSV (RFC 4180, with a head): times ISO 8601, null empty, text as `plain_cell` has it.

    Raises RefusedQueryError for a value that cannot be shown.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([plain_cell(name) for name in table.column_names])
    for number, row in enumerate(json_rows(table), 1):
        writer.writerow([_cell(value) for value in row])
        if number % _PIECE_ROWS == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain_cell(value) if isinstance(value, str) else str(value)
