"""A small CSV file as checked cells: whoever wrote it hears which line and column is wrong."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from unicodedata import category

from linktide.errors import LinktideError
from linktide.setting import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

MAX_BYTES: Final = 256 << 20
MAX_REFUSALS: Final = 1_000
"""Most refused rows of a file that are told of one by one."""
SEPARATORS: Final = (",", ";", "\t", "|")
_MAX_CELL: Final = 8_192
_SHOWN: Final = 200
_BEGINNING: Final = 40
"""Characters that are shown of a value that is longer."""
_CONTROLS: Final = frozenset({"Cc", "Zl", "Zp", "Cs"})
"""Unicode categories: control characters, ends of lines and paragraphs, halves of pairs."""
_SPREADSHEET: Final = b"PK"
_ISO_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NO_DATE: Final = "is no date; wanted YYYY-MM-DD, or with a time YYYY-MM-DDThh:mm:ssZ"
_NUMBER: Final = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)


class MineFileError(LinktideError):
    """A file cannot be taken; what was taken of it before stays in force."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One cell that cannot be meant."""

    line: int
    column: str
    value: str
    reason: str
    """The rest of a sentence that begins with the value."""

    def sentence(self) -> str:
        """Return it as a sentence without its file."""
        return f"line {self.line}, column {self.column}: {self.value!r} {self.reason}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file; `read` raises ValueError, whose text completes the sentence of a refusal."""

    name: str
    read: Callable[[str], object]
    is_required: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(slots=True)
class Cells:
    """The rows of a file whose cells all could be read, by column; the others as refusals."""

    columns: dict[str, list[object]]
    lines: list[int] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    refused_rows: int = 0

    def refuse(self, refusal: Refusal) -> None:
        """Note a row that is left out."""
        self.refused_rows += 1
        if len(self.refusals) < MAX_REFUSALS:
            self.refusals.append(refusal)

    def keep(self, refused: dict[int, tuple[str, str]]) -> None:
        """Leave out the rows of these places; each for a column and the reason."""
        for place in sorted(refused):
            column, reason = refused[place]
            self.refuse(shown(self.lines[place], column, str(self.columns[column][place]), reason))
        self.lines = [one for place, one in enumerate(self.lines) if place not in refused]
        for name, values in self.columns.items():
            self.columns[name] = [one for place, one in enumerate(values) if place not in refused]


def shown(line: int, column: str, value: str, reason: str) -> Refusal:
    """Return a refusal with no more of the value than a person reads."""
    read = value if len(value) <= _SHOWN else f"{value[:_BEGINNING]}…"
    return Refusal(line, column, read, reason)


def read_bytes(path: Path) -> bytes:
    """Return a file whole. Raises MineFileError."""
    try:
        if not path.exists():
            raise MineFileError(f"{path} does not exist.")
        if not path.is_file():
            raise MineFileError(f"{path} is no regular file.")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise MineFileError(f"{path} has {size_text(size)}; wanted at most {size_text(MAX_BYTES)}.")
        return path.read_bytes()
    except OSError as error:
        raise MineFileError(f"{path} cannot be read: {error.strerror or error}.") from error


def text_of(raw: bytes, path: Path) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 if it begins so. Raises MineFileError."""
    if raw.startswith(_SPREADSHEET):
        raise MineFileError(f"{path} is an archive or a spreadsheet; save the sheet as CSV and name that.")
    is_wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = raw.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise MineFileError(f"{path}, line {line}: its bytes are no UTF-8; save it as CSV UTF-8.") from error
    if "\0" in text:
        raise MineFileError(f"{path}, line {text.count(chr(10), 0, text.index(chr(0))) + 1}: holds a NUL.")
    return text


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text with their ends: \n, \r\n or \r, and no other of Unicode's."""
    return list(io.StringIO(text, newline=""))


def read_cells(raw: bytes, path: Path, columns: Sequence[Column]) -> Cells:
    """Read a file with a header. Raises MineFileError where the whole file cannot be meant."""
    lines = lines_of(text_of(raw, path))
    begin = next((place for place, line in enumerate(lines) if line.strip()), None)
    if begin is None:
        raise MineFileError(f"{path} is empty; wanted a header with {_names(columns)}.")
    separator = max(SEPARATORS, key=lambda one: len(_known(lines[begin], one, columns)))
    reader = csv.reader(lines[begin:], delimiter=separator, strict=True)
    try:
        order = _order(next(reader), path, begin + 1, columns)
        cells = Cells({column.name: [] for column in columns})
        for line, row in _rows(reader, begin):
            _take(cells, line, row, order, columns)
    except csv.Error as error:
        raise MineFileError(f"{path}, line {begin + reader.line_num}: is no CSV ({error}).") from error
    return cells


def _rows(reader: Iterator[list[str]], begin: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line of the file, cells) of the rows that are not blank."""
    line = begin + reader.line_num + 1  # type: ignore[attr-defined]  # a csv.reader
    for row in reader:
        if any(cell.strip() for cell in row):
            yield line, row
        line = begin + reader.line_num + 1  # type: ignore[attr-defined]  # as above


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(column.name for column in columns)


def _heading(cell: str) -> str:
    return cell.strip().strip('"').lower().replace(" ", "_").replace("-", "_")


def _known(header: str, separator: str, columns: Sequence[Column]) -> set[str]:
    names = {name for column in columns for name in (column.name, *column.aliases)}
    return names & {_heading(cell) for cell in header.split(separator)}


def _order(header: list[str], path: Path, line: int, columns: Sequence[Column]) -> list[int]:
    """Return which column stands in each place of a row."""
    places = {name: at for at, one in enumerate(columns) for name in (one.name, *one.aliases)}
    order: list[int] = []
    for cell in header:
        place = places.get(_heading(cell))
        if place is None:
            raise MineFileError(
                f"{path}, line {line}: the column {cell[:_SHOWN]!r} is not known; wanted {_names(columns)}, "
                "separated by commas."
            )
        if place in order:
            raise MineFileError(f"{path}, line {line}: the column {columns[place].name} stands there twice.")
        order.append(place)
    for at, column in enumerate(columns):
        if column.is_required and at not in order:
            raise MineFileError(f"{path}, line {line}: the column {column.name} is missing.")
    return order


def _take(cells: Cells, line: int, row: list[str], order: list[int], columns: Sequence[Column]) -> None:
    """Take one row, or the first reason why not."""
    if len(row) > len(order) and any(cell.strip() for cell in row[len(order) :]):
        cells.refuse(shown(line, "-", row[len(order)], f"is a cell beyond the {len(order)} of the header"))
        return
    texts = [""] * len(columns)
    for place, cell in zip(order, row, strict=False):
        texts[place] = cell.strip()
    values: list[object] = []
    for column, text in zip(columns, texts, strict=True):
        if not text:
            if column.is_required:
                cells.refuse(shown(line, column.name, text, "is empty"))
                return
            values.append(None)
            continue
        try:
            values.append(column.read(_bounded(text)))
        except ValueError as error:
            cells.refuse(shown(line, column.name, text, str(error)))
            return
    cells.lines.append(line)
    for column, value in zip(columns, values, strict=True):
        cells.columns[column.name].append(value)


def _bounded(text: str) -> str:
    if len(text) > _MAX_CELL:
        raise ValueError(f"is longer than {_MAX_CELL:,} characters")
    return text


def any_text(text: str) -> str:
    """Read a text of one line, in any script."""
    # Not `isprintable`: people write with joiners, soft hyphens and spaces of other widths.
    if any(category(one) in _CONTROLS for one in text):
        raise ValueError("holds a character that cannot be printed")
    return text


def one_of(*words: str) -> Callable[[str], str]:
    """Read one of some words."""

    def read(text: str) -> str:
        word = text.lower().replace("-", "_").replace(" ", "_")
        if word not in words:
            raise ValueError(f"is none of {', '.join(words)}")
        return word

    return read


def number(text: str) -> float:
    """Read an amount that is not negative, with a point before its decimals."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("is no number; wanted digits, a point before decimals, no sign of thousands")
    return float(text)


def whole(most: int) -> Callable[[str], int]:
    """Read a whole number from 0 on."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or int(text[:20]) > most:
            raise ValueError(f"is no whole number from 0 to {most:,}")
        return int(text)

    return read


def moment(text: str) -> datetime:
    """Read an instant, or a day as its beginning, by ISO 8601 alone: 03/04/2026 is two days."""
    if not _ISO_DATE.match(text):
        raise ValueError(_NO_DATE)
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(_NO_DATE) from None


def end_of(text: str) -> datetime:
    """Read an instant, or a day as its end."""
    found = moment(text)
    try:
        return found + timedelta(days=1) if _is_day(text) else found
    except OverflowError:
        raise ValueError(_NO_DATE) from None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
