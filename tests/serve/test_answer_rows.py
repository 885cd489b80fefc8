from __future__ import annotations

import base64
import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linktide.errors import RefusedQueryError
from linktide.json_rows import json_pieces
from linktide.serve.arrow_stream import arrow_pieces
from linktide.serve.reading import wants_json

if TYPE_CHECKING:
    from collections.abc import Callable

TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001 - the zone is the column's
COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any], Callable[[Any], object]]] = {
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1), lambda value: value),
    "uint64": (pa.uint64(), st.integers(0, 2**64 - 1), lambda value: value),
    "bool": (pa.bool_(), st.booleans(), lambda value: value),
    "text": (pa.string(), st.text(st.characters(exclude_categories=["Cs"])), lambda value: value),
    "bytes": (pa.binary(), st.binary(), lambda value: base64.b64encode(value).decode()),
    "float": (pa.float64(), st.floats(), lambda value: value if math.isfinite(value) else None),
    "at": (
        pa.timestamp("us", "UTC"),
        TIMES.map(lambda moment: moment.replace(tzinfo=UTC)),
        lambda value: value.replace(tzinfo=None).isoformat() + "Z",
    ),
    "wall": (pa.timestamp("us"), TIMES, lambda value: value.isoformat()),
    "day": (pa.date32(), st.dates(), lambda value: value.isoformat()),
    "list": (
        pa.list_(pa.float64()),
        st.lists(st.floats(), max_size=3),
        lambda values: [value if math.isfinite(value) else None for value in values],
    ),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Table, list[dict[str, object]]]:
    """Return a table and the rows that JSON shall show."""
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True))
    size = draw(st.integers(0, 6))
    arrays, shown = {}, {}
    for name in names:
        kind, values, show = COLUMNS[name]
        drawn = draw(st.lists(st.none() | values, min_size=size, max_size=size))
        arrays[name] = pa.array(drawn, kind)
        shown[name] = [None if value is None else show(value) for value in drawn]
    return pa.table(arrays), [{name: shown[name][at] for name in names} for at in range(size)]


@given(tables())
def test_json_says_what_the_table_says(made: tuple[pa.Table, list[dict[str, object]]]) -> None:
    table, rows = made
    text = "".join(json_pieces(table))
    assert json.loads(text, parse_constant=pytest.fail) == rows
    assert text.count("\n") == (len(rows) + 2 if rows else 1)


@given(tables(), st.integers(1, 3))
def test_arrow_pieces_are_one_stream(made: tuple[pa.Table, list[dict[str, object]]], copies: int) -> None:
    table = pa.concat_tables([made[0]] * copies)
    read = pa.ipc.open_stream(b"".join(arrow_pieces(table))).read_all()
    assert read.schema == table.schema
    # NaN is no NaN to `equals`; the text is the same all the same.
    assert str(read.to_pylist()) == str(table.to_pylist())


def test_large_results_come_in_pieces() -> None:
    table = pa.table({"n": pa.array(range(50_000), pa.int64())})
    for pieces in (list(json_pieces(table)), list(arrow_pieces(table))):
        assert len(pieces) > 3
        assert max(map(len, pieces)) < 200_000
    assert [row["n"] for row in json.loads("".join(json_pieces(table)))] == list(range(50_000))


def shown(sql: str) -> Any:  # noqa: ANN401 - any JSON
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'").fetchall()
    return json.loads("".join(json_pieces(connection.sql(sql).to_arrow_table())))


def test_every_kind_of_value_that_duckdb_returns() -> None:
    told = shown("""
        SELECT 'infinity'::TIMESTAMPTZ AS a, '-infinity'::TIMESTAMP AS b,
               TIMESTAMPTZ '12026-01-01 00:00:00Z' AS c, TIMESTAMP_NS '2026-01-01 00:00:00.123456789' AS d,
               DATE '2026-02-03' AS e, TIME '04:05:06' AS f,
               1.50::DECIMAL(9,2) AS g, 2.00::DECIMAL(9,2) AS h, 18446744073709551615::UBIGINT AS i,
               sum(9223372036854775807::HUGEINT) AS j,
               {'x': 'nan'::DOUBLE, 'y': [TIMESTAMPTZ '2026-01-01 00:00:00Z']} AS k,
               'inf'::FLOAT AS l, '\\x00\\xFF'::BLOB AS m, NULL AS n, MAP {'k': 1} AS o,
               '3c8d9c5e-1f2b-4a3c-8d9e-0f1a2b3c4d5e'::UUID AS p, '[1, {"a": null}]'::JSON AS q,
               TIMESTAMP_S '2026-01-01 00:00:00' AS r, 1.5::FLOAT AS s, 'x'::ENUM('x', 'y') AS t
    """)[0]
    assert told == {
        "a": "infinity",
        "b": "-infinity",
        "c": "12026-01-01T00:00:00Z",
        "d": "2026-01-01T00:00:00.123456",
        "e": "2026-02-03",
        "f": "04:05:06",
        "g": 1.5,
        "h": 2,
        "i": 2**64 - 1,
        "j": 2**63 - 1,
        "k": {"x": None, "y": ["2026-01-01T00:00:00Z"]},
        "l": None,
        "m": "AP8=",
        "n": None,
        "o": [["k", 1]],
        "p": "3c8d9c5e-1f2b-4a3c-8d9e-0f1a2b3c4d5e",
        "q": '[1, {"a": null}]',
        "r": "2026-01-01T00:00:00",
        "s": 1.5,
        "t": "x",
    }


def test_values_of_python_types() -> None:
    table = pa.table(
        {
            "span": pa.array([timedelta(seconds=1.5)]),
            "clock": pa.array([time(1, 2, 3)]),
            "money": pa.array([Decimal("1.25")]),
            "days": pa.array([[date(2026, 1, 1)]]),
        }
    )
    assert json.loads("".join(json_pieces(table))) == [
        {"span": 1.5, "clock": "01:02:03", "money": 1.25, "days": ["2026-01-01"]}
    ]


def test_columns_of_one_name_are_all_shown() -> None:
    table = pa.table([pa.array([n]) for n in (1, 2, 3, 4)], names=["a", "a", "a_1", "a"])
    assert json.loads("".join(json_pieces(table))) == [{"a": 1, "a_1": 2, "a_1_1": 3, "a_2": 4}]


def test_a_value_beyond_json_is_refused_by_the_name_of_its_column() -> None:
    with pytest.raises(RefusedQueryError, match="the column far holds"):
        shown("SELECT ['infinity'::TIMESTAMPTZ] AS far")


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("text/html, application/json;q=0.9, */*;q=0.8", True),
        ("application/json;q=0", False),
        ("application/vnd.apache.arrow.stream, application/json", False),
        ("application/vnd.apache.arrow.stream;q=0.5, application/json", True),
        ("application/jsonx", False),
        ("application/json;q=x", True),
    ],
)
def test_json_is_answered_where_it_is_named_and_preferred(accept: str, *, is_json: bool) -> None:
    assert wants_json(accept) == is_json
