"""Files of tables, CSV and Parquet, read as Arrow slices by an instance of DuckDB that sees nothing but them.

What is read was written by strangers: it may be cut off, of another encoding, or larger than memory.
"""

from __future__ import annotations

import glob
import re
import unicodedata
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from linktide.errors import LinktideError
from linktide.store.database import CLOSED_TO_EXTENSIONS
from linktide.store.own_tables import SLICE_BYTES, SLICE_ROWS, checked_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_READ_ROWS: Final = 20_480
"""Rows taken at a time: a sixth of a slice."""
_MEMORY: Final = "1GB"
_SNIFFED_WHOLE_BYTES: Final = 256 << 20
"""The types of a smaller CSV file are those of all its rows, of a larger one those of its first million."""
_SNIFFED_ROWS: Final = 1_000_000
_MOST_TOLD: Final = 400
_MOST_TOLD_OF_LINE: Final = 150
_MAX_NAME_BYTES: Final = 63
_CAST = {
    "HUGEINT": "DECIMAL(38,0)",
    "UHUGEINT": "DECIMAL(38,0)",
    "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP",
    "TIMESTAMP_NS": "TIMESTAMP",
    "TIME_NS": "TIME",
}
"""Types that are kept as others; what has no other becomes JSON if it is nested, else text."""
_KEPT = re.compile(
    r"(?:BOOLEAN|U?(?:TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|VARCHAR|BLOB|DATE|TIME|"
    r"TIMESTAMP|TIMESTAMP WITH TIME ZONE)(?:\[\])?"
)


_NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")
_ADVICE = ("possible", "*", "file =", "look at the", "this type was", "the search space", "column ")
"""How lines of DuckDB begin that are of no use to who only named a file."""
_PATTERN = re.compile(r"[*?\[]")


class TableFileError(LinktideError):
    """A file cannot be read as a table; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are to be read."""

    is_text: bool = False
    """Every column of CSV as text."""
    encoding: str | None = None
    """Of CSV: utf-8, utf-16 or latin-1; None: utf-16 if it begins so, else utf-8."""
    types: Mapping[str, str] | None = None
    """Column → type of DuckDB, of the table that the rows are for; None: as the files say."""


@dataclass(frozen=True, slots=True)
class OpenedFiles:
    """Files that can be read."""

    relation: duckdb.DuckDBPyRelation
    named: str

    @property
    def empty(self) -> pa.Table:
        """No rows, with all columns."""
        with _failures(self.named):
            return self.relation.limit(0).to_arrow_table()

    def slices(self) -> Iterator[pa.Table]:
        """Yield the rows, at most SLICE_ROWS and about SLICE_BYTES at a time. Raises TableFileError."""
        held: list[pa.RecordBatch] = []
        rows = size = 0
        with _failures(self.named):
            reader = self.relation.to_arrow_reader(_READ_ROWS)
        while True:
            with _failures(self.named):
                batch = next(reader, None)
            pieces = [] if batch is None else _cut(batch)
            for piece in pieces:
                if held and (rows + piece.num_rows > SLICE_ROWS or size + piece.nbytes > SLICE_BYTES):
                    yield pa.Table.from_batches(held)
                    held, rows, size = [], 0, 0
                held.append(piece)
                rows += piece.num_rows
                size += piece.nbytes
            if batch is None:
                break
        if held:
            yield pa.Table.from_batches(held)


def found_files(named: Sequence[str]) -> list[Path]:
    """Return the files that arguments name; one that is no file may be a pattern. Raises TableFileError."""
    found: list[Path] = []
    for name in named:
        path = Path(name)
        if path.is_file():
            found.append(path)
            continue
        matched = [Path(one) for one in sorted(glob.glob(name, recursive=True))]  # noqa: PTH207 - any pattern
        files = [one for one in matched if one.is_file()]
        if not files:
            raise TableFileError(f"{name} is no file, and no pattern that matches one.")
        found += files
    return list(dict.fromkeys(found))


@contextmanager
def opened_files(paths: Sequence[Path], reading: Reading) -> Iterator[OpenedFiles]:
    """Open files of one kind, whose columns are put together by name. Raises TableFileError."""
    named = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    scans = _scans_of(paths, reading)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "threads": 2,
        "temp_directory": "",
        **CLOSED_TO_EXTENSIONS,
    }
    with duckdb.connect(":memory:", config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        # It would write between what the command prints.
        connection.execute("SET enable_progress_bar = false").fetchall()
        connection.execute("SET allowed_paths = ?", [[str(path.resolve()) for path in paths]]).fetchall()
        connection.execute("SET enable_external_access = false").fetchall()
        connection.execute("SET lock_configuration = true").fetchall()
        with _failures(named):
            chosen = _chosen(*_sniffed(connection, scans), reading, named)
            opened = OpenedFiles(connection.sql(chosen), named)
        checked_columns(opened.empty.schema)
        yield opened


def column_names(names: Sequence[str]) -> list[str]:
    """Return names that need no quotes in SQL, each once: lower case, letters, digits and _.

    >>> column_names(["Top pages", "CTR (%)", "2024", "ctr", ""])
    ['top_pages', 'ctr', 'c_2024', 'ctr_2', 'column_5']
    """
    given: list[str] = []
    for place, name in enumerate(names, 1):
        words = re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", name).lower()).strip("_")
        words = words or f"column_{place}"
        base = _cut_name(words if not words[0].isdigit() and words[0].isalpha() else f"c_{words}", "")
        chosen, again = base, 1
        while chosen in given:
            again += 1
            chosen = _cut_name(base, f"_{again}")
        given.append(chosen)
    return given


def _cut_name(name: str, end: str) -> str:
    return name.encode()[: _MAX_NAME_BYTES - len(end)].decode(errors="ignore").rstrip("_") + end


def _sniffed(
    connection: duckdb.DuckDBPyConnection, scans: Sequence[str]
) -> tuple[duckdb.DuckDBPyRelation, str]:
    """Return the first scan that can be begun, and its text. Raises what the last one does."""
    for scan in scans[:-1]:
        with suppress(duckdb.Error):
            return connection.sql(scan), scan
    return connection.sql(scans[-1]), scans[-1]


def _scans_of(paths: Sequence[Path], reading: Reading) -> list[str]:
    """Return how the files can be read; the second way tells of a bad line where it is met."""
    kinds = {_kind_of(path) for path in paths}
    if len(kinds) > 1:
        raise TableFileError("The files are of more than one kind; load CSV, Parquet and packed ones apart.")
    kind, packing, encoding = kinds.pop()
    listed = ", ".join(_quoted(str(path.resolve())) for path in paths)
    if kind == "parquet":
        return [f"FROM read_parquet([{listed}], union_by_name = true)"]
    size = sum(path.stat().st_size for path in paths)
    is_small = size <= _SNIFFED_WHOLE_BYTES and not packing
    options = {
        "union_by_name": "true",
        "all_varchar": str(reading.is_text).lower(),
        "encoding": _quoted(reading.encoding or encoding),
        "compression": _quoted(packing or "none"),
        "null_padding": "false",
        "ignore_errors": "false",
    }
    told = ", ".join(f"{name} = {value}" for name, value in options.items())
    samples = ("-1" if is_small else str(_SNIFFED_ROWS), str(_READ_ROWS))
    return [f"FROM read_csv([{listed}], {told}, sample_size = {sample})" for sample in samples]


def _kind_of(path: Path) -> tuple[str, str, str]:
    """Return (csv or parquet, how it is packed, encoding), by how the file begins."""
    if _PATTERN.search(str(path.resolve())):
        raise TableFileError(
            f"{path} has one of *?[ in its path, which DuckDB takes for a pattern; rename it."
        )
    try:
        with path.open("rb") as file:
            begin = file.read(4)
    except OSError as error:
        raise TableFileError(f"{path} cannot be read: {error.strerror}.") from error
    if not begin:
        raise TableFileError(f"{path} is empty.")
    if begin == b"PAR1":
        return "parquet", "", ""
    if begin[:2] == b"PK":
        raise TableFileError(
            f"{path} is an archive or a spreadsheet; unpack it, or save the sheet as CSV, and load that."
        )
    packing = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}.get(begin[:2], "")
    is_wide = begin[:2] in (b"\xff\xfe", b"\xfe\xff")
    return "csv", packing, "utf-16" if is_wide else "utf-8"


def _chosen(relation: duckdb.DuckDBPyRelation, scan: str, reading: Reading, named: str) -> str:
    """Return the SELECT that gives each column its name and its type."""
    names = column_names(relation.columns)
    told = dict(zip(names, (str(kind) for kind in relation.types), strict=True))
    wanted = reading.types
    if wanted is not None and (strange := sorted(told.keys() ^ wanted.keys())):
        raise TableFileError(
            f"{named} has the columns {', '.join(told)}, the table has {', '.join(wanted)}: {strange[0]} is "
            "in one of them only; give the same columns, or replace the table."
        )
    columns = []
    for raw, name in zip(relation.columns, names, strict=True):
        kind = told[name] if wanted is None else wanted[name]
        quoted = '"' + raw.replace('"', '""') + '"'
        is_kept = _KEPT.fullmatch(kind) is not None
        is_nested = not is_kept and (kind.endswith("]") or kind.startswith(_NESTED))
        cast = kind if is_kept else _CAST.get(kind, "VARCHAR")
        value = f"to_json({quoted})" if is_nested else quoted
        columns.append(f'CAST({value} AS {cast if wanted is None else wanted[name]}) AS "{name}"')
    return f"SELECT {', '.join(columns)} {scan}"


def _cut(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    """Cut a batch into pieces of at most half a slice, or of one row."""
    if batch.nbytes <= SLICE_BYTES // 2 or batch.num_rows <= 1:
        return [batch]
    middle = batch.num_rows // 2
    return _cut(batch.slice(0, middle)) + _cut(batch.slice(middle))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def _failures(named: str) -> Iterator[None]:
    """Tell in one sentence what DuckDB says of a file."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, RuntimeError, OSError) as error:
        raise TableFileError(f"{named} cannot be read: {_sentence(error)}") from error


def _sentence(error: BaseException) -> str:
    """Return what is wrong and where, without the advice on options that we do not have."""
    lines = [line.strip() for line in str(error).splitlines()]
    told: list[str] = []
    for line in lines:
        if line.lower().startswith(_ADVICE):
            break
        if line:
            told.append(line.removeprefix("Invalid Input Error: ").rstrip(".")[:_MOST_TOLD_OF_LINE])
    sentence = "; ".join(told)[:_MOST_TOLD]
    if "onvert" in sentence:
        return f"{sentence}. Load it with --text to keep every column as text."
    return f"{sentence}."
