"""Files of tables: what is taken of them, and each way they can be bad."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linktide import table_files
from linktide.errors import LinktideError
from linktide.store.own_tables import checked_columns
from linktide.table_files import Reading, column_names, found_files, opened_files

if TYPE_CHECKING:
    from pathlib import Path


def read(*paths: Path, **how: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - as Reading takes it
    with opened_files(found_files([str(path) for path in paths]), Reading(**how)) as opened:
        return [row for rows in opened.slices() for row in rows.to_pylist()]


def wrote(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(*paths: Path, **how: Any) -> str:  # noqa: ANN401
    with pytest.raises(LinktideError) as error:
        read(*paths, **how)
    sentence = str(error.value)
    assert len(sentence) < 700
    assert "\n" not in sentence
    return sentence


def test_an_export_is_taken_with_its_types(tmp_path: Path) -> None:
    text = 'Top pages,Clicks,CTR,Position,Day\nhttps://a.example/,10,1.5%,1.5,2026-11-01\n"x,y",0,0%,2,\n'
    rows = read(wrote(tmp_path / "Pages.csv", text))
    assert [row["top_pages"] for row in rows] == ["https://a.example/", "x,y"]
    assert [(row["clicks"], row["ctr"], row["position"]) for row in rows] == [
        (10, "1.5%", 1.5),
        (0, "0%", 2.0),
    ]
    assert rows[1]["day"] is None
    assert read(tmp_path / "Pages.csv", is_text=True)[0]["clicks"] == "10"


def test_formulas_stay_what_they_are(tmp_path: Path) -> None:
    cells = ['=HYPERLINK("http://x")', "+1+1", "@SUM(A1)", "-2+3"]
    lines = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    rows = read(wrote(tmp_path / "a.csv", "cell\n" + "\n".join(lines) + "\n"))
    assert [row["cell"] for row in rows] == cells


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_say_what_they_are_are_read(tmp_path: Path, encoding: str) -> None:
    path = wrote(tmp_path / "a.csv", "Größe\tn\nMüller\t1\n".encode(encoding))
    assert read(path) == [{"größe": "Müller", "n": 1}]


def test_another_encoding_is_told_and_can_be_named(tmp_path: Path) -> None:
    path = wrote(tmp_path / "a.csv", "name,n\nMüller,1\n".encode("latin-1"))
    assert "utf-8" in refused(path)
    assert read(path, encoding="latin-1") == [{"name": "Müller", "n": 1}]


def test_packed_files_and_several_files(tmp_path: Path) -> None:
    packed = wrote(tmp_path / "a.csv.gz", gzip.compress(b"n\n1\n"))
    assert read(packed) == [{"n": 1}]
    wrote(tmp_path / "b1.csv", "n,only\n1,x\n")
    wrote(tmp_path / "b2.csv", "n\n2\n")
    rows = read(tmp_path / "b*.csv")
    assert sorted((row["n"], row["only"]) for row in rows) == [(1, "x"), (2, None)]
    assert "more than one kind" in refused(packed, tmp_path / "b1.csv")


def test_parquet_keeps_its_types_and_nested_values_become_json(tmp_path: Path) -> None:
    table = pa.table(
        {"S": [{"a": 1}], "l": [[1, 2]], "ll": [[[1]]], "u": pa.array([2**63], pa.uint64()), "n": pa.nulls(1)}
    )
    pq.write_table(table, tmp_path / "a.bin")
    assert read(tmp_path / "a.bin") == [{"s": '{"a":1}', "l": [1, 2], "ll": "[[1]]", "u": 2**63, "n": None}]


def test_a_bad_line_is_named_wherever_it_is(tmp_path: Path) -> None:
    good = "".join(f"{number},{number}\n" for number in range(100_000))
    assert "100002" in refused(wrote(tmp_path / "a.csv", f"a,b\n{good}1,2,3,4\n"))
    late = wrote(tmp_path / "b.csv", f"a,b\n{good}x,1\n")
    assert read(late)[-1]["a"] == "x"
    sentence = refused(late, types={"a": "BIGINT", "b": "BIGINT"})
    assert "100002" in sentence
    assert "--text" in sentence


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + b"x" * 100, "spreadsheet"),
        (b"PAR1" + b"x" * 100, "cannot be read"),
        (b"\x1f\x8b" + b"x" * 100, "cannot be read"),
        (b"a,b\n" + b"x" * 3_000_000 + b",1\n", "cannot be read"),
        (
            ",".join(f"c{n}" for n in range(1_001)).encode() + b"\n" + b",".join([b"1"] * 1_001) + b"\n",
            "1001 columns",
        ),
    ],
    ids=range(6),
)
def test_what_is_no_table_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refused(wrote(tmp_path / "a.csv", content))


def test_nothing_but_the_named_files_is_read(tmp_path: Path) -> None:
    wrote(tmp_path / "xy.csv", "secret\n1\n")
    assert "rename" in refused(wrote(tmp_path / "[x]*.csv", "a\n1\n"))
    assert "no file" in refused(tmp_path / "none.csv")
    assert "no file" in refused(tmp_path)
    with opened_files([tmp_path / "xy.csv"], Reading()) as opened, pytest.raises(Exception, match="disabled"):
        opened.relation.query("t", "FROM read_csv('/etc/passwd')")


def test_other_columns_than_those_of_the_table_are_told(tmp_path: Path) -> None:
    path = wrote(tmp_path / "a.csv", "a,b\n1,2\n")
    assert "b is in one of them only" in refused(path, types={"a": "BIGINT"})
    assert read(path, types={"a": "VARCHAR", "b": "DOUBLE"}) == [{"a": "1", "b": 2.0}]


def test_slices_are_bounded_in_rows_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "SLICE_ROWS", 25_000)
    monkeypatch.setattr(table_files, "SLICE_BYTES", 200_000)
    wrote(tmp_path / "a.csv", "n,t\n" + "".join(f"{n},{'x' * (n % 50)}\n" for n in range(60_000)))
    with opened_files([tmp_path / "a.csv"], Reading()) as opened:
        slices = list(opened.slices())
    assert sum(rows.num_rows for rows in slices) == 60_000
    assert all(rows.num_rows <= 25_000 and rows.nbytes <= 200_000 for rows in slices)


@given(st.lists(st.text(max_size=80), min_size=1, max_size=20))
def test_any_names_become_names_of_columns(names: list[str]) -> None:
    given_names = column_names(names)
    assert len(given_names) == len(names)
    checked_columns(pa.schema([(name, pa.int64()) for name in given_names]))
