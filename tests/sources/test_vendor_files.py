"""Exports as files: encodings, separators, headers, and each way they can be bad."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from vendor_files import SOURCE, TARGET, csv_text, events_of, lines_of, looked_at, written

from linktide.errors import LinktideError
from linktide.sources.vendors.dates import DateOrder
from linktide.sources.vendors.declared import Coverage, Declared

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ["Source Url", "Anchor Text", "Target Url"]
DATED = ["Source url", "Target url", "Source title", "First seen", "Last seen"]
GIVEN = Declared(exported_at_us=1_706_832_000_000_000)


def refused(path: Path, declared: Declared | None = None) -> str:
    with pytest.raises(LinktideError) as error:
        events_of(looked_at(path, declared))
    sentence = str(error.value)
    assert str(path) in sentence or "--exported-at" in sentence
    assert "\n" not in sentence
    return sentence


def dated(path: Path, *dates: str) -> Path:
    rows = [[f"https://b{n}.example/", TARGET, "t", day, ""] for n, day in enumerate(dates)]
    return written(path, csv_text([DATED, *rows]))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]
)
def test_encodings_and_separators_are_found(tmp_path: Path, encoding: str, separator: str) -> None:
    quotes = "" if encoding == "latin-1" else "“”"
    rows = [HEADER, [SOURCE, f"Größe, a;b\tc|d\r\né{quotes}", TARGET]]
    path = written(tmp_path / "a.csv", csv_text(rows, separator).encode(encoding))
    (told,) = events_of(looked_at(path, GIVEN))
    assert told["anchor"] == rows[1][1]
    assert told["target_url"] == TARGET


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, ends: str) -> None:
    text = csv_text([HEADER, [SOURCE, "two\nlines", TARGET], [SOURCE, "b", TARGET]])
    path = written(tmp_path / "a.csv", text.replace("\r\n", ends))
    assert [told["anchor"] for told in events_of(looked_at(path, GIVEN))] == ["two\nlines", "b"]


def test_packed_files_are_the_same_export(tmp_path: Path) -> None:
    text = csv_text([HEADER, [SOURCE, "a", TARGET]]).encode()
    plain = looked_at(written(tmp_path / "a.csv", text), GIVEN)
    for name, packed in (("b.csv.gz", gzip.compress(text)), ("c.csv.zst", zstandard.compress(text))):
        export = looked_at(written(tmp_path / name, packed), GIVEN)
        assert export.partition == plain.partition
        assert lines_of(export) == lines_of(plain)


def test_bytes_that_are_no_utf8_refuse_their_row_alone(tmp_path: Path) -> None:
    rows = [HEADER, [SOURCE, "good éé", TARGET], [SOURCE, "BAD", TARGET]]
    path = written(tmp_path / "a.csv", csv_text(rows).encode().replace(b"BAD", b"caf\xe9"))
    lines = [line for line in lines_of(looked_at(path, GIVEN)) if line]
    assert json.loads(lines[0])["anchor"] == "good éé"
    with pytest.raises(UnicodeDecodeError):
        lines[1].decode()
    named = Declared(exported_at_us=GIVEN.exported_at_us, encoding="latin-1")
    assert [told["anchor"] for told in events_of(looked_at(path, named))] == ["good Ã©Ã©", "café"]


def test_a_file_of_another_encoding_than_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", csv_text([HEADER, [SOURCE, "a", TARGET]]))
    declared = Declared(exported_at_us=GIVEN.exported_at_us, encoding="utf-16")
    assert refused(path, declared)
    cut = written(tmp_path / "b.csv", csv_text([HEADER, [SOURCE, "a", TARGET]]).encode("utf-16")[:-1])
    assert "--encoding" in refused(cut, GIVEN)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n\n", "columns found: none"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"a,b,c\n1,2,3\n", "columns found: a, b, c; wanted"),
        (b"Source Url,Anchor Text\n", "--target"),
        (b"\x00\x01\x02\x03\n", "columns found"),
        (b"\x1b[31mred,b\n1,2\n", r"\x1b[31mred"),
    ],
)
def test_a_file_that_is_no_export_is_refused_whole(tmp_path: Path, content: bytes, told: str) -> None:
    assert told in refused(written(tmp_path / "a.csv", content), GIVEN)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    assert "no regular file" in refused(tmp_path / "a.csv", GIVEN)


def test_an_unknown_header_names_what_is_wanted_of_a_named_vendor(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "Page,Link\n1,2\n")
    sentence = refused(path, Declared(vendor="majestic"))
    assert "columns found: Page, Link" in sentence
    assert "SourceURL, TargetURL" in sentence


def test_a_named_vendor_needs_the_two_urls_only(tmp_path: Path) -> None:
    rows = [["Source url", "Target url", "First seen"], [SOURCE, TARGET, "2024-01-05"]]
    path = written(tmp_path / "a.csv", csv_text(rows))
    assert "columns found: Source url, Target url, First seen" in refused(path)
    export = looked_at(path, Declared(vendor="semrush"))
    assert [told["event"] for told in events_of(export)] == ["discovered"]


def test_header_only_and_blank_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", csv_text([HEADER, ["", "", ""], []]))
    export = looked_at(path, GIVEN)
    assert (export.row_count, events_of(export)) == (0, [])
    complete = Declared(None, "shop.example", GIVEN.exported_at_us, Coverage.COMPLETE)
    assert "would end every link of shop.example" in refused(path, complete)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([SOURCE, "a"], "it has 2 cells, the header has 3"),
        ([SOURCE, "a", TARGET, "more"], "it has 4 cells, the header has 3"),
        ([SOURCE, "a", "//shop.example/"], "its target is no absolute URL"),
    ],
)
def test_a_row_that_is_none_is_told_with_its_cells(tmp_path: Path, row: list[str], why: str) -> None:
    path = written(tmp_path / "a.csv", csv_text([HEADER, row, [SOURCE, "a", TARGET, "", ""]]))
    bad, good = events_of(looked_at(path, GIVEN))
    assert bad["refused"].startswith(f"Row 2 is no event: {why}")
    assert bad["cells"] == row
    assert good["event"] == "seen"


def test_a_row_with_a_bad_date_is_one_bad_event(tmp_path: Path) -> None:
    path = dated(tmp_path / "a.csv", "2024-01-05", "soon", "2024-02-30")
    events = events_of(looked_at(path))
    assert [told["observed_at"] for told in events] == ["2024-01-05T00:00:00Z", "soon", "2024-02-30"]


def test_a_row_without_any_date(tmp_path: Path) -> None:
    path = dated(tmp_path / "a.csv", "2024-01-05", "")
    assert "--exported-at was not given" in events_of(looked_at(path))[1]["refused"]
    assert events_of(looked_at(path, GIVEN))[1]["observed_at"] == "2024-02-02T00:00:00Z"


def test_a_file_whose_dates_are_wrong_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert "--date-format" in refused(dated(path, "01/02/2024", "03/04/2024"))
    assert "contradict" in refused(dated(path, "13/02/2024", "02/13/2024"))
    assert "none of its dates" in refused(dated(path, "soon", "later"))
    assert "later than --exported-at" in refused(dated(path, "2024-02-05"), GIVEN)
    assert "lies in the future" in refused(dated(path, "2024-01-05"), Declared(exported_at_us=10**16))
    assert "no dates" in refused(dated(path, "", ""))


def test_a_date_format_that_is_named_is_taken(tmp_path: Path) -> None:
    path = dated(tmp_path / "a.csv", "01/02/2024")
    told = {order: events_of(looked_at(path, Declared(order=order)))[0]["observed_at"] for order in DateOrder}
    assert told == {
        DateOrder.DAY_FIRST: "2024-02-01T00:00:00Z",
        DateOrder.MONTH_FIRST: "2024-01-02T00:00:00Z",
    }
    partitions = {looked_at(path, Declared(order=order)).partition for order in DateOrder}
    assert len(partitions) == 2


def test_a_date_in_the_future_is_not_the_time_of_the_export(tmp_path: Path) -> None:
    path = dated(tmp_path / "a.csv", "2024-01-05", "2099-01-01")
    assert looked_at(path).scope.topic == "semrush/sample/-/2024-01-05T00:00:00Z"


def test_a_complete_export_says_of_what_and_when(tmp_path: Path) -> None:
    path = dated(tmp_path / "a.csv", "2024-01-05")
    for declared in (
        Declared(coverage=Coverage.COMPLETE, exported_at_us=GIVEN.exported_at_us),
        Declared(coverage=Coverage.COMPLETE, target="shop.example"),
    ):
        with pytest.raises(LinktideError, match="--target and its time by --exported-at"):
            looked_at(path, declared)


def test_damage_is_told_with_its_row(tmp_path: Path) -> None:
    text = csv_text([HEADER, *([SOURCE, "a", TARGET] for _ in range(4))])
    endless = text + f'{SOURCE},"never closed,{TARGET}\n' + f"{SOURCE},a,{TARGET}\n" * 5_000
    assert "from row 6 on" in refused(written(tmp_path / "a.csv", endless), GIVEN)
    long = text + "x" * (2 << 20) + "\n"
    assert "longer than" in refused(written(tmp_path / "b.csv", long), GIVEN)
    cut = gzip.compress(text.encode())[:-12]
    assert "cut" in refused(written(tmp_path / "c.csv.gz", cut), GIVEN)
    for inside in (f'{SOURCE},"tex', f'{SOURCE},a,"{TARGET}', f'{SOURCE},a,"{TARGET}\n', '"'):
        assert "ends inside a quote" in refused(written(tmp_path / "d.csv", text + inside), GIVEN)
    whole = written(tmp_path / "e.csv", text + f'{SOURCE},"b","{TARGET}"')
    assert events_of(looked_at(whole, GIVEN))[-1]["anchor"] == "b"


def test_a_cut_file_does_not_tell_half_a_link(tmp_path: Path) -> None:
    text = csv_text([HEADER, [SOURCE, "a", TARGET], [SOURCE, "b", TARGET]])
    for end in range(text.index(SOURCE, 80) + 1, len(text)):
        path = written(tmp_path / "a.csv", text[:end])
        told = events_of(looked_at(path, GIVEN))[1]
        # A URL that was cut in its last cell cannot be told from a whole one.
        assert "refused" in told or TARGET.startswith(told["target_url"])


def test_zero_bytes_are_data(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", csv_text([HEADER, [SOURCE, "a\0b", TARGET]]))
    assert events_of(looked_at(path, GIVEN))[0]["anchor"] == "a\0b"


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", csv_text([HEADER, [SOURCE, "a", TARGET]]))
    export = looked_at(path, GIVEN)
    written(path, csv_text([HEADER, [SOURCE, "b", TARGET]]))
    with pytest.raises(LinktideError, match="changed while it was read"):
        lines_of(export)


def test_content_and_scope_are_the_identity(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("a.csv", "b.csv", "c.csv"))
    text = csv_text([HEADER, [SOURCE, "a", TARGET]])
    for path, content in ((one, text), (same, text), (other, text + "\n")):
        written(path, content)
    base: dict[str, Any] = {"target": "shop.example", "exported_at_us": 10**15}
    first = looked_at(one, Declared(**base)).partition
    assert looked_at(same, Declared(**base)).partition == first
    changes: list[dict[str, Any]] = [
        {"target": "x.example"},
        {"exported_at_us": 10**15 + 1},
        {"coverage": Coverage.CAPPED},
        {"coverage": Coverage.COMPLETE},
    ]
    others = {looked_at(one, Declared(**(base | change))).partition for change in changes}
    others |= {looked_at(other, Declared(**base)).partition, first}
    assert len(others) == len(changes) + 2


@given(data=st.binary(max_size=400))
def test_no_bytes_break_the_reader(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bytes") / "a.csv"
    for content in (data, b"Source Url,Anchor Text,Target Url\n" + data):
        written(path, content)
        try:
            export = looked_at(path, GIVEN)
        except LinktideError:
            continue
        lines = lines_of(export)
        assert len(lines) == export.identify()[1]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write(csv_text([HEADER]))
        row = csv_text([[SOURCE, "x" * 100, TARGET]])
        file.writelines(row for _ in range(60_000))
    tracemalloc.start()
    export = looked_at(path, GIVEN)
    reader = export.reader(0)
    while reader.read()[1]:
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    reader.close()
    assert export.row_count == 60_000
    assert most < path.stat().st_size
    assert most < 8 << 20
