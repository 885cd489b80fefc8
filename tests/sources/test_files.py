from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from chunk_records import all_records, records
from hypothesis import given
from hypothesis import strategies as st
from source_kits import fixed_now

from linktide.errors import StopError
from linktide.sources.files import FileSource, LineReader, is_empty
from linktide.sources.source import Position

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.sources.source import Chunk

# The hash keeps them from compressing into a single block.
LINES = [b'{"h":"%s"}' % hashlib.sha256(b"%d" % number).hexdigest().encode() for number in range(5000)]
DATA = b"".join(line + b"\n" for line in LINES)


def read_all(source: FileSource) -> list[Chunk]:
    chunks: list[Chunk] = []
    while not source.is_exhausted:
        chunks.extend(source.poll(0))
    return chunks


def read_until_stop(source: FileSource) -> tuple[list[Chunk], str]:
    chunks: list[Chunk] = []
    while not source.is_exhausted:
        try:
            chunks.extend(source.poll(0))
        except StopError as error:
            return chunks, str(error)
    return chunks, ""


def opened(*paths: Path, chunk_bytes: int = 4 << 20, max_line_bytes: int = 64 << 20) -> FileSource:
    source = FileSource(paths, now_us=fixed_now, chunk_bytes=chunk_bytes, max_line_bytes=max_line_bytes)
    source.open({})
    return source


@given(
    pieces=st.lists(st.binary(max_size=20) | st.sampled_from([b"\n", b"ab\ncd", b"\n\n"])),
    first_line=st.integers(0, 5),
    chunk_bytes=st.integers(1, 30),
)
def test_lines_do_not_depend_on_how_the_bytes_arrive(
    pieces: list[bytes], first_line: int, chunk_bytes: int
) -> None:
    whole = b"".join(pieces)
    wanted = whole.split(b"\n")
    if not wanted[-1]:
        wanted.pop()
    reader = LineReader(iter([p for p in pieces if p]), first_line, chunk_bytes, 1 << 20)
    got: list[bytes] = []
    while True:
        data, count = reader.read()
        if not count:
            break
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        assert len(lines) == count
        got += lines
    assert got == wanted[first_line:]


def test_blank_lines_and_a_missing_last_line_end_keep_the_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"one\r\n\n\nfour\nfive")
    source = opened(path)
    assert source.lag() == dict.fromkeys(source.lag(), 5)
    assert all_records(read_all(source)) == [(0, b"one\r"), (1, b""), (2, b""), (3, b"four"), (4, b"five")]


def test_the_same_bytes_under_the_same_name_are_read_once(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "a.ndjson" for folder in ("x", "y")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(DATA)
    assert len(all_records(read_all(opened(*paths)))) == len(LINES)
    paths[1].write_bytes(DATA + b"{}\n")
    assert len(all_records(read_all(opened(*paths)))) == 2 * len(LINES) + 1


def test_a_moved_file_continues_where_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(DATA)
    first = opened(path, chunk_bytes=1000).poll(0)[0]
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    path = path.rename(moved / "a.ndjson")
    source = FileSource([path], now_us=fixed_now)
    source.open({first.partition: Position(first.next_offset)})
    assert [*records(first), *all_records(read_all(source))] == list(enumerate(LINES))


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_cut_file_gives_what_it_holds_then_stops_with_its_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.ndjson.{kind}"
    packed = gzip.compress(DATA) if kind == "gz" else zstandard.compress(DATA)
    path.write_bytes(packed[: len(packed) * 9 // 10])
    source = opened(path, chunk_bytes=1000)
    chunks, problem = read_until_stop(source)
    assert problem == f"{path} ends too early: it was cut. What came before the cut was read."
    got = all_records(chunks)
    assert len(got) > 1000
    assert got == list(enumerate(LINES))[: len(got)]


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_damaged_file_stops_with_its_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.ndjson.{kind}"
    packed = bytearray(gzip.compress(DATA) if kind == "gz" else zstandard.compress(DATA))
    packed[len(packed) // 2 :] = bytes(255 - byte for byte in packed[len(packed) // 2 :])
    path.write_bytes(packed)
    _, problem = read_until_stop(opened(path))
    assert problem.startswith(f"{path} is damaged: ")


def test_zero_padding_after_gzip_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(DATA) + bytes(200_000))
    assert len(all_records(read_all(opened(path)))) == len(LINES)


@pytest.mark.parametrize("name", ["a.gz", "a.zst", "a.parquet"])
def test_a_name_that_lies_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(DATA)
    with pytest.raises(StopError, match=f"{name} is damaged: it does not begin as"):
        opened(tmp_path / name)


def test_a_file_is_empty_if_it_holds_no_record(tmp_path: Path) -> None:
    def made(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    pq.write_table(pa.table({"event": pa.array([], pa.string())}), tmp_path / "none.parquet")
    pq.write_table(pa.table({"event": ["seen"]}), tmp_path / "one.parquet")
    blank = b" \n\r\n" * 10
    assert is_empty(made("none.ndjson", b""))
    assert is_empty(made("blank.ndjson", blank))
    assert is_empty(made("blank.gz", gzip.compress(blank)))
    assert is_empty(made("none.zst", zstandard.compress(b"")))
    assert is_empty(tmp_path / "none.parquet")
    assert not is_empty(made("one.ndjson", blank + b"{}"))
    assert not is_empty(made("one.zst", zstandard.compress(blank + b"{}")))
    assert not is_empty(tmp_path / "one.parquet")
    with pytest.raises(StopError, match=r"none\.gz is empty"):
        FileSource([made("none.gz", b"")], now_us=fixed_now).open({})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StopError, match=r"nothing\.ndjson cannot be read: No such file"):
        opened(tmp_path / "nothing.ndjson")


def test_a_broken_parquet_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + bytes(1000))
    source = opened(tmp_path / "a.parquet")
    with pytest.raises(StopError, match=r"a\.parquet cannot be read as Parquet"):
        source.poll(0)


def test_a_line_without_end_is_cut_and_keeps_its_number(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    huge = b"x" * (5 << 20)
    path.write_bytes(b"first\n" + huge + b"\nthird\n")
    got = all_records(read_all(opened(path, chunk_bytes=1 << 20, max_line_bytes=2 << 20)))
    assert [offset for offset, _ in got] == [0, 1, 2]
    assert got[0][1] == b"first"
    assert got[2][1] == b"third"
    cut = got[1][1] or b""
    assert huge.startswith(cut)
    assert 1 << 20 < len(cut) < len(huge)


def test_parquet_times_are_utc_text_and_nulls_are_absent(tmp_path: Path) -> None:
    path = tmp_path / "odd [1]*.parquet"
    when = dt.datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=dt.UTC)
    table = pa.table(
        {
            "zoned": pa.array([when], pa.timestamp("us", "America/New_York")),
            "nanos": pa.array([when], pa.timestamp("ns", "UTC")),
            "plain": pa.array([when.replace(tzinfo=None)], pa.timestamp("ms")),
            "day": pa.array([when.date()]),
            "rel": [["nofollow", "ugc"]],
            "none": pa.array([None], pa.string()),
            "bytes": pa.array([b'a\n"b'], pa.binary()),
            'quo"ted': [1],
        }
    )
    pq.write_table(table, path)
    ((offset, line),) = all_records(read_all(opened(path)))
    assert offset == 0
    assert json.loads(line or b"") == {
        "zoned": "2024-02-29T12:00:00.123456Z",
        "nanos": "2024-02-29T12:00:00.123456Z",
        "plain": "2024-02-29T12:00:00.123000Z",
        "day": "2024-02-29",
        "rel": ["nofollow", "ugc"],
        "bytes": 'a\n"b',
        'quo"ted': 1,
    }
