from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linktide.web.csv_text import csv_pieces


def cells(table: pa.Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(csv_pieces(table)), newline="")))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1"])
def test_no_cell_is_a_formula(text: str) -> None:
    found = cells(pa.table({"anchor": [text], "=head": ["x"]}))
    assert found[1][0].startswith("'")
    assert found[0] == ["anchor", "'=head"]


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=20))
def test_every_row_is_one_line_without_controls(texts: list[str]) -> None:
    written = "".join(csv_pieces(pa.table({"a": texts, "b": texts})))
    assert written.count("\r\n") == len(texts) + 1
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in written.replace("\r\n", ""))
    for row in cells(pa.table({"a": texts}))[1:]:
        assert not row or not row[0].startswith(("=", "+", "-", "@"))


def test_values_keep_their_kind() -> None:
    at = datetime(2026, 1, 2, 3, tzinfo=UTC)
    table = pa.table({"n": [-1, None], "f": [0.5, float("nan")], "ok": [True, False], "at": [at, None]})
    assert cells(table)[1:] == [["-1", "0.5", "true", "2026-01-02T03:00:00Z"], ["", "", "false", ""]]


def test_many_rows_come_in_pieces() -> None:
    pieces = list(csv_pieces(pa.table({"n": list(range(5_000))})))
    assert len(pieces) > 1
    assert cells(pa.table({"n": list(range(5_000))}))[1:] == [[str(number)] for number in range(5_000)]
