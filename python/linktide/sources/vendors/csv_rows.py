"""The rows of a CSV file in whatever encoding and separator, one at a time, in bounded memory."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from linktide.errors import ConfigError, StopError
from linktide.sources.decompress import read_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

    from _typeshed import WriteableBuffer

SEPARATORS: Final = (",", ";", "\t", "|")
_MAX_LINE_CHARACTERS: Final = 1 << 20
_BEGIN_BYTES: Final = 4_096
_SPREADSHEET: Final = b"PK"
_CODECS: Final = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "latin-1": "cp1252"}
"""One of `ENCODINGS` → codec; what calls itself latin-1 was written by Windows, which adds to it."""
_NO_UTF8: Final = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII: Final = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")
_END_SIGN: Final = "\ufdd0"
_END: Final = f'{_END_SIGN}""'
"""A last line: the reader takes the end of a file for the end of a quote. Inside one it reads otherwise."""


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How the text of a file is to be read."""

    codec: str
    separator: str


class CsvRows:
    """The records of a file, each with its number as a spreadsheet shows it, from 1; blank ones count.

    Iterating raises StopError, naming file and row, where the rest cannot be read: damage, a quote that is
    not closed, a line or cell without end.
    """

    def __init__(self, path: Path, form: CsvForm) -> None:
        self._path = path
        self._form = form
        self._pieces = _Pieces(read_pieces(path, _begin(path)[:4]))
        # Bytes that are no UTF-8 stay in the text as lone surrogates, so that only their rows are refused.
        errors = "strict" if form.codec.startswith("utf-16") else "surrogateescape"
        buffered = io.BufferedReader(self._pieces, 1 << 18)
        self._text: TextIO = io.TextIOWrapper(buffered, form.codec, errors, newline="")
        self._row = 0
        self._strange_bytes = self._letters = 0

    @property
    def content_hash(self) -> str:
        """The hash of the unpacked bytes read so far."""
        return self._pieces.digest.hexdigest()

    @property
    def is_no_utf8(self) -> bool:
        """Whether more bytes of the lines read are none of UTF-8 than characters beyond ASCII are.

        Two or three letters of another encoding can look like one of UTF-8; a damaged file has more that are.
        """
        return self._strange_bytes > self._letters

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; idempotent."""
        self._text.close()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (row number, cells)."""
        reader = csv.reader(self._lines(), delimiter=self._form.separator, strict=False)
        try:
            for cells in reader:
                if cells == [_END]:
                    return
                if cells and _END_SIGN in cells[-1]:
                    raise self._unreadable("the file ends inside a quote")
                self._row += 1
                yield self._row, cells
        except csv.Error as error:
            raise self._unreadable(f"{error}; is a quote before it not closed?") from error
        except UnicodeError as error:
            raise self._unreadable("its bytes are not of the encoding; name it by --encoding") from error

    def _lines(self) -> Iterator[str]:
        while line := self._text.readline(_MAX_LINE_CHARACTERS):
            if len(line) == _MAX_LINE_CHARACTERS and line[-1] not in "\r\n":
                raise self._unreadable(f"a line is longer than {_MAX_LINE_CHARACTERS:,} characters")
            if not line.isascii():
                self._strange_bytes += len(_NO_UTF8.findall(line))
                self._letters += len(_BEYOND_ASCII.findall(line))
            yield line
        yield _END

    def _unreadable(self, why: str) -> StopError:
        return StopError(f"{self._path} cannot be read as CSV from row {self._row + 1} on: {why}.")


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file, hashed as they go by."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._left = memoryview(b"")
        self.digest = hashlib.blake2b(digest_size=16)

    def readable(self) -> bool:
        return True

    def readinto(self, target: WriteableBuffer, /) -> int:
        view = memoryview(target).cast("B")
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self.digest.update(piece)
            self._left = memoryview(piece)
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def found_codec(path: Path, encoding: str | None) -> str:
    """Return the codec of a file by its first bytes, or that of a named encoding.

    Raises ConfigError for a file that is empty or no text, and for a pipe.
    """
    if not path.is_file():
        raise ConfigError(f"{path} is no regular file; an export is read twice, so save it first.")
    raw = _begin(path)
    if not raw:
        raise ConfigError(f"{path} is empty: it has no header. Nothing of it was imported.")
    if raw.startswith(_SPREADSHEET):
        raise ConfigError(
            f"{path} is an archive or a spreadsheet; unpack it, or save the sheet as CSV, and import that."
        )
    begin = next(read_pieces(path, raw[:4]), b"")[:_BEGIN_BYTES]
    if encoding not in (None, "utf-16"):
        return _CODECS[str(encoding)]
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark: every second byte of what is mostly ASCII is zero.
    zeros = (begin[0::2].count(0), begin[1::2].count(0))
    half = len(begin) // 4
    if encoding == "utf-16" or max(zeros) > half:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return "utf-8-sig"


def latin_codec() -> str:
    """Return the codec of files that are no UTF-8 at all."""
    return _CODECS["latin-1"]


def _begin(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_BEGIN_BYTES)
    except OSError as error:
        raise StopError(f"{path} cannot be read: {error.strerror or error}.") from error
