"""Prints a query's result: a table for people, JSON and CSV for programs."""

from __future__ import annotations

import base64
import csv
import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any, TextIO

import pyarrow as pa
from rich import box
from rich.table import Table
from rich.text import Text

from linktide.cli.plain import plain_cell, plain_json, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_BATCH_ROWS = 10_000


def json_value(value: object) -> object:
    """Return an Arrow value as JSON has it: times ISO 8601 in UTC, NaN and infinities null, bytes base64."""
    for kind, convert in _JSON_FORMS:
        if isinstance(value, kind):
            return convert(value)
    return str(value)


def write_json(result: pa.Table, out: TextIO) -> None:
    """Write one JSON array of objects, one object a line."""
    names = _distinct(result.column_names)
    is_first = True
    out.write("[")
    for row in _rows(result):
        told = {name: json_value(value) for name, value in zip(names, row, strict=True)}
        out.write("\n" if is_first else ",\n")
        out.write(plain_json(json.dumps(told, ensure_ascii=False, allow_nan=False)))
        is_first = False
    out.write("]\n" if is_first else "\n]\n")


def write_csv(result: pa.Table, out: TextIO) -> None:
    """Write CSV with a header; a text that looks like a formula gets a quote before it."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(plain_cell(name) for name in result.column_names)
    for row in _rows(result):
        writer.writerow(_csv_cell(value) for value in row)


def table_of(result: pa.Table, most_rows: int) -> Table:
    """Return the first `most_rows` rows as a table that fits itself to the console."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for field in result.schema:
        is_number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        is_number = is_number or pa.types.is_decimal(field.type)
        table.add_column(
            Text(plain_text(field.name)),
            justify="right" if is_number else "left",
            overflow="ellipsis",
            no_wrap=True,
        )
    for row in _rows(result.slice(0, most_rows)):
        table.add_row(*(Text(_cell(value)) for value in row))
    return table


def _distinct(names: Sequence[str]) -> list[str]:
    """Give a name that stands twice a number, so that no value is lost in an object."""
    distinct: list[str] = []
    for name in names:
        wanted, number = name, 1
        while wanted in distinct:
            number += 1
            wanted = f"{name}_{number}"
        distinct.append(wanted)
    return distinct


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _rows(result: pa.Table) -> Iterator[tuple[object, ...]]:
    for batch in result.to_batches(max_chunksize=_BATCH_ROWS):
        yield from zip(*(_values(column) for column in batch.columns), strict=True)


def _values(column: pa.Array) -> list[object]:
    """Return Python values; nanoseconds, which Python's times cannot hold, are cut to microseconds."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    values: list[object] = column.to_pylist()
    return values


def _iso(moment: datetime) -> str:
    """Return ISO 8601; a time with a zone in UTC, one without as it is."""
    if moment.tzinfo is None:
        return moment.isoformat()
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _cell(value: object) -> str:
    if value is None:
        return ""
    told = json_value(value) if not isinstance(value, float) else value
    if isinstance(told, bool):
        return str(told).lower()
    if isinstance(told, float):
        return f"{told:.6g}"
    return plain_text(told if isinstance(told, str) else json.dumps(told, ensure_ascii=False))


def _csv_cell(value: object) -> str:
    told = json_value(value)
    if told is None:
        return ""
    if isinstance(told, bool):
        return str(told).lower()
    if isinstance(told, (int, float)):
        return repr(told)
    return plain_cell(told if isinstance(told, str) else json.dumps(told, ensure_ascii=False))


# The order matters: a datetime is also a date.
_JSON_FORMS: tuple[tuple[type | tuple[type, ...], Callable[[Any], object]], ...] = (
    ((NoneType, bool, int, str), lambda value: value),
    (float, lambda value: value if math.isfinite(value) else None),
    (Decimal, _number),
    (bytes, lambda value: base64.b64encode(value).decode("ascii")),
    (datetime, _iso),
    ((date, time), lambda value: value.isoformat()),
    (timedelta, lambda value: value.total_seconds()),
    (dict, lambda value: {str(key): json_value(item) for key, item in value.items()}),
    ((list, tuple), lambda value: [json_value(item) for item in value]),
)
