"""Arrow results as JSON rows and as an IPC stream, piece by piece."""

from __future__ import annotations

import base64
import io
import json
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from linktide.errors import RefusedQueryError
from linktide.serve.answers import iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ARROW_TYPE = "application/vnd.apache.arrow.stream"
_JSON_ROWS = 2_000
_ARROW_ROWS = 16_384
_INFINITE_US = 2**63 - 1
"""How DuckDB writes the timestamps infinity and, negated, -infinity."""


def json_pieces(table: pa.Table) -> Iterator[bytes]:
    """Yield a JSON array of objects, one row a line.

    Times are ISO 8601 (with Z where the column has a zone), NaN and infinities null, bytes base64, integers
    of any width numbers. Columns of the same name get a number. Raises RefusedQueryError for a value that
    JSON cannot show.
    """
    names = _distinct(table.column_names)
    begin = b"[\n"
    for batch in table.to_batches(max_chunksize=_JSON_ROWS):
        columns = [_values(name, column) for name, column in zip(names, batch.columns, strict=True)]
        rows = (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
        lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
        if lines:
            yield begin + lines.encode("utf-8")
            begin = b",\n"
    yield b"[]\n" if begin == b"[\n" else b"\n]\n"


def arrow_pieces(table: pa.Table) -> Iterator[bytes]:
    """Yield an Arrow IPC stream of the table."""
    sink = _Sink()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=_ARROW_ROWS):
            writer.write_batch(batch)
            yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """Takes what the writer writes until it is taken away; the position goes on, the writer aligns by it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]  # a buffer: the writer may reuse it
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


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
