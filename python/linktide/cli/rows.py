"""Prints a query's result: a table for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
from typing import TextIO

import pyarrow as pa
from rich import box
from rich.table import Table
from rich.text import Text

from linktide.json_rows import json_pieces, json_rows
from linktide.plain import plain_cell, plain_json, plain_text


def write_json(result: pa.Table, out: TextIO) -> None:
    """Write one JSON array of objects, one object a line."""
    out.writelines(plain_json(piece) for piece in json_pieces(result))


def write_csv(result: pa.Table, out: TextIO) -> None:
    """Write CSV with a header; a text that looks like a formula gets a quote before it."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(plain_cell(name) for name in result.column_names)
    for row in json_rows(result):
        writer.writerow(_csv_cell(value) for value in row)


def table_of(result: pa.Table, most_rows: int, null: str = "") -> Table:
    """Return the first `most_rows` rows as a table that fits itself to the console.

    `null` is written where there is nothing: a word where it must be told from an empty text.
    """
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
    for row in json_rows(result.slice(0, most_rows)):
        table.add_row(*(Text(null, "dim") if value is None else Text(_cell(value)) for value in row))
    return table


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    return plain_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    return plain_cell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
