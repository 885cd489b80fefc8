"""Rows of an Arrow table as JSON: the one form in which HTTP and the commands show values."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from linktide.errors import RefusedQueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PIECE_ROWS = 2_000
_INFINITE_US = 2**63 - 1
"""How DuckDB writes the timestamps infinity and, negated, -infinity."""


def json_pieces(table: pa.Table) -> Iterator[str]:
    """Yield a JSON array of objects, one row a line.

    Times are ISO 8601 (with Z where the column has a zone), NaN and infinities null, bytes base64, integers
    of any width numbers. Columns of the same name get a number. Raises RefusedQueryError for a value that
    JSON cannot show.
    """
    names = _distinct(table.column_names)
    begin = "[\n"
    for batch in table.to_batches(max_chunksize=_PIECE_ROWS):
        rows = (dict(zip(names, row, strict=True)) for row in _rows(batch))
        lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
        if lines:
            yield begin + lines
            begin = ",\n"
    yield "[]\n" if begin == "[\n" else "\n]\n"


def json_rows(table: pa.Table) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a table, each value as JSON has it; raises as `json_pieces`."""
    for batch in table.to_batches(max_chunksize=_PIECE_ROWS):
        yield from _rows(batch)


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[object, ...]]:
    columns = [_values(name, one) for name, one in zip(batch.schema.names, batch.columns, strict=True)]
    return zip(*columns, strict=True)


def _distinct(names: Sequence[str]) -> list[str]:
    """Return the names, later ones of the same text numbered: an object would keep only the last."""
    found: list[str] = []
    for name in names:
        number, free = 1, name
        while free in found:
            free = f"{name}_{number}"
            number += 1
        found.append(free)
    return found


def _values(name: str, column: pa.Array) -> list[object]:
    kind = column.type
    try:
        if pa.types.is_timestamp(kind):
            return _times(column)
        if pa.types.is_floating(kind):
            column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
        values: list[object] = column.to_pylist()
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise RefusedQueryError(
            f"the column {name} holds a value that JSON cannot show; cast it to VARCHAR, or ask for Arrow"
        ) from error
    is_plain = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind)
    return values if is_plain or pa.types.is_floating(kind) else [json_value(value) for value in values]


def _times(column: pa.Array) -> list[object]:
    """Format timestamps in Arrow: Python's end at the year 9999, those of DuckDB do not."""
    zone = column.type.tz
    micros = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    is_endless = pc.equal(pc.abs(micros), _INFINITE_US)
    signs = pc.if_else(pc.greater(micros, 0), "infinity", "-infinity")
    finite = pc.if_else(is_endless, 0, micros).cast(pa.timestamp("us"))
    texts = pc.strftime(finite, "%Y-%m-%dT%H:%M:%S" + ("Z" if zone else ""))
    values: list[object] = pc.if_else(is_endless, signs, texts).to_pylist()
    # As Python writes them: without a fraction where there is none.
    return [value.replace(".000000", "") if isinstance(value, str) else None for value in values]


def json_value(value: object) -> object:  # noqa: PLR0911 - one line a type
    """Return one value of an Arrow column as JSON has it."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return value.isoformat() if value.tzinfo is None else iso_utc(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {str(name): json_value(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(one) for one in value]
    return str(value)


def iso_utc(moment: datetime) -> str:
    """Return ISO 8601 with Z; a time without a zone is taken as UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat() + "Z"
