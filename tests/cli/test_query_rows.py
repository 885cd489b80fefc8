from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from linktide.cli.rows import table_of, write_csv, write_json
from linktide.json_rows import json_value

MOMENT = datetime(2026, 1, 31, 12, 0, 0, 123_000, UTC)


def as_json(result: pa.Table) -> list[dict[str, object]]:
    out = io.StringIO()
    write_json(result, out)
    told = json.loads(out.getvalue())
    assert isinstance(told, list)
    return told


def as_table(result: pa.Table, width: int = 80, rows: int = 10) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(table_of(result, rows))
    return console.export_text()


def test_json_has_a_form_for_every_type_of_the_views() -> None:
    result = pa.table(
        {
            "at": pa.array([MOMENT], pa.timestamp("us", "UTC")),
            "ns": pa.array([1_769_860_800_123_000_999], pa.timestamp("ns", "UTC")),
            "score": [float("nan")],
            "endless": [float("inf")],
            "raw": [b"\x00\xff"],
            "big": pa.array([2**64 - 1], pa.uint64()),
            "sum": pa.array([Decimal(10) ** 30], pa.decimal128(38, 0)),
            "share": pa.array([Decimal("0.25")], pa.decimal128(10, 2)),
            "day": [date(2026, 1, 31)],
            "none": pa.array([None], pa.string()),
            "deep": [[{"a": MOMENT}]],
            "is_live": [True],
        }
    )
    assert as_json(result) == [
        {
            "at": "2026-01-31T12:00:00.123000Z",
            "ns": "2026-01-31T12:00:00.123000Z",
            "score": None,
            "endless": None,
            "raw": "AP8=",
            "big": 2**64 - 1,
            "sum": 10**30,
            "share": 0.25,
            "day": "2026-01-31",
            "none": None,
            "deep": [{"a": "2026-01-31T12:00:00.123000Z"}],
            "is_live": True,
        }
    ]


def test_json_of_nothing_is_an_empty_array() -> None:
    assert as_json(pa.table({"a": pa.array([], pa.int64())})) == []


def test_times_of_other_zones_are_told_in_utc() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert json_value(elsewhere) == "2026-01-31T12:00:00.123000Z"


@given(st.lists(st.text(), max_size=20))
def test_csv_reads_back_row_by_row_and_begins_no_formula(values: list[str]) -> None:
    out = io.StringIO()
    write_csv(
        pa.table({"anchor": pa.array(values, pa.string()), "n": pa.array(range(len(values)), pa.int64())}),
        out,
    )
    rows = list(csv.reader(io.StringIO(out.getvalue())))
    assert rows[0] == ["anchor", "n"]
    assert [int(row[1]) for row in rows[1:]] == list(range(len(values)))
    assert not any(row[0].startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows[1:])


def test_csv_leaves_negative_numbers_alone() -> None:
    out = io.StringIO()
    write_csv(pa.table({"net": [-5], "share": [-0.5], "text": ["-5"]}), out)
    assert out.getvalue() == "net,share,text\n-5,-0.5,'-5\n"


def test_a_table_shows_hostile_text_as_text() -> None:
    shown = as_table(pa.table({"anchor": ["\x1b[31mred\x07", "[bold]not markup[/bold]"]}))
    assert "\x1b" not in shown
    assert "\\x1b[31mred\\x07" in shown
    assert "[bold]not markup[/bold]" in shown


def test_a_table_may_tell_nothing_from_an_empty_text() -> None:
    result = pa.table({"anchor": [None, "", "b"], "n": pa.array([None, 0, 1], pa.int64())})
    console = Console(width=40, file=io.StringIO(), record=True)
    console.print(table_of(result, 10, null="null"))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert lines[2:5] == [["null", "null"], ["0"], ["b", "1"]]
    assert "null" not in as_table(result)


def test_a_table_fits_the_terminal() -> None:
    shown = as_table(pa.table({"url": ["https://a.example/" + "x" * 500], "n": [1]}), width=60)
    assert max(map(len, shown.splitlines())) <= 60
    assert "…" in shown


def test_a_table_shows_no_more_rows_than_asked() -> None:
    shown = as_table(pa.table({"n": list(range(100))}), rows=10)
    assert len(shown.splitlines()) == 12


def test_a_column_may_bear_any_name() -> None:
    result = pa.table({"[red]a\x1b": [1]})
    assert "[red]a\\x1b" in as_table(result)
    assert as_json(result) == [{"[red]a\x1b": 1}]


def test_a_name_that_stands_twice_loses_no_value() -> None:
    result = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["a", "a", "a_2"])
    assert as_json(result) == [{"a": 1, "a_1": 2, "a_2": 3}]


def test_times_beyond_pythons_are_shown_in_every_form() -> None:
    far = pa.array([2**63 - 1, -(2**63) + 1, 253_402_300_800_000_000], pa.int64()).cast(
        pa.timestamp("us", "UTC")
    )
    result = pa.table({"at": far})
    wanted = ["infinity", "-infinity", "10000-01-01T00:00:00Z"]
    assert [row["at"] for row in as_json(result)] == wanted
    out = io.StringIO()
    write_csv(result, out)
    assert out.getvalue().splitlines()[1:] == ["infinity", "'-infinity", "10000-01-01T00:00:00Z"]
    assert all(one in as_table(result) for one in wanted)
