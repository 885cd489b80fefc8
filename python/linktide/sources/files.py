"""Files as a source: NDJSON (plain, gzip, zstd), Parquet, and whatever can be read as one of them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from linktide.errors import StopError
from linktide.sources.decompress import GZIP_MAGIC, ZSTD_MAGIC, read_pieces
from linktide.sources.parquet import PARQUET_MAGIC, ParquetReader
from linktide.sources.source import Chunk, Codec, Partition, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

CLUSTER = "file"
_HASH_READ_BYTES = 1 << 20
_MAGIC_BYTES = 4
_SUFFIX_MAGIC = {".gz": GZIP_MAGIC, ".zst": ZSTD_MAGIC, ".parquet": PARQUET_MAGIC}


class RecordReader(Protocol):
    """Reads the records of one file as NDJSON."""

    def read(self) -> tuple[bytes, int]:
        """Return whole lines and how many they are; nothing and 0 at the end. Raises StopError."""

    def close(self) -> None:
        """Release the file; idempotent."""


class InputFile(Protocol):
    """What can be read as a file of events, from any of its records on."""

    def identify(self) -> tuple[Partition, int | None]:
        """Return its partition and how many records it has; None if only its end will tell.

        Raises StopError.
        """

    def reader(self, first: int) -> RecordReader:
        """Open it at record `first`, counted from 0. Raises StopError."""


class LineReader:
    """Whole lines of about `chunk_bytes`, from the physical line `first_line` (counted from 0) on.

    What was read before damage is handed out first; then StopError. A line above `max_line_bytes` is cut
    there: it keeps its number and fails to decode, so it ends as a dead letter instead of filling the memory.
    """

    def __init__(
        self, pieces: Iterator[bytes], first_line: int, chunk_bytes: int, max_line_bytes: int
    ) -> None:
        self._pieces = pieces
        self._chunk_bytes = chunk_bytes
        self._max_line_bytes = max_line_bytes
        self._lines_to_skip = first_line
        self._parts: list[bytes] = []
        self._part_bytes = 0
        self._is_cutting = False
        self._problem: StopError | None = None
        self._is_at_end = False

    def read(self) -> tuple[bytes, int]:
        """Return whole lines and how many they are; nothing and 0 at the end."""
        while not self._is_at_end:
            lines = self._read_lines()
            count = lines.count(b"\n") + (not lines.endswith(b"\n") and bool(lines))
            if self._lines_to_skip:
                lines, count = self._skip(lines, count)
            if count:
                return lines, count
        if self._problem is not None:
            raise self._problem
        return b"", 0

    def _skip(self, lines: bytes, count: int) -> tuple[bytes, int]:
        skipped = min(self._lines_to_skip, count)
        self._lines_to_skip -= skipped
        if skipped == count:
            return b"", 0
        cut = 0
        for _ in range(skipped):
            cut = lines.index(b"\n", cut) + 1
        return lines[cut:], count - skipped

    def _read_lines(self) -> bytes:
        """Gather pieces up to the last line end in them; at the end of the file all there is."""
        while self._part_bytes < self._chunk_bytes or b"\n" not in self._parts[-1]:
            try:
                piece = next(self._pieces, None)
            except StopError as problem:
                self._problem = problem
                return self._finish()
            if piece is None:
                return self._finish()
            self._keep(piece)
        last, _, rest = self._parts.pop().rpartition(b"\n")
        lines = b"".join([*self._parts, last, b"\n"])
        self._parts, self._part_bytes = [rest], len(rest)
        return lines

    def _keep(self, piece: bytes) -> None:
        if self._is_cutting:
            _, line_end, rest = piece.partition(b"\n")
            if not line_end:
                return
            self._is_cutting = False
            piece = b"\n" + rest
        elif self._part_bytes > self._max_line_bytes and b"\n" not in piece:
            self._is_cutting = True
            return
        self._parts.append(piece)
        self._part_bytes += len(piece)

    def _finish(self) -> bytes:
        self._is_at_end = True
        lines = b"".join(self._parts)
        self._parts, self._part_bytes = [], 0
        if self._problem is not None:
            # Half a line before damage is no record; a repaired file has another hash and is read anew.
            lines = lines[: lines.rfind(b"\n") + 1]
        return lines

    def close(self) -> None:
        """Release the file."""
        self._pieces = iter(())
        self._is_at_end = True


class EventFile:
    """A file of events as it lies there: a partition named by its base name and the hash of its bytes.

    Offsets: the number of the physical line, or of the row of a Parquet file, from 0.
    """

    def __init__(self, path: Path, chunk_bytes: int, max_line_bytes: int) -> None:
        self._path = path
        self._chunk_bytes = chunk_bytes
        self._max_line_bytes = max_line_bytes
        self._magic = b""

    def identify(self) -> tuple[Partition, int | None]:
        """As `InputFile.identify`; one pass over its bytes."""
        self._magic, topic_id, lines = _identify(self._path)
        # A name on disk is bytes; what is no UTF-8 of it must not stop the store.
        name = os.fsencode(self._path.name).decode("utf-8", "backslashreplace")
        is_packed = self._magic.startswith((GZIP_MAGIC, ZSTD_MAGIC, PARQUET_MAGIC))
        return Partition(CLUSTER, name, topic_id, 0), None if is_packed else lines

    def reader(self, first: int) -> RecordReader:
        """As `InputFile.reader`; wants `identify` before."""
        if self._magic.startswith(PARQUET_MAGIC):
            return ParquetReader(self._path, first)
        pieces = read_pieces(self._path, self._magic)
        return LineReader(pieces, first, self._chunk_bytes, self._max_line_bytes)


class FileSource:
    """Reads files one after the other.

    A file that was read to its end, or to a stored position, continues there however often the import is
    killed. Two files of one partition (the same name and bytes) are read once.
    """

    def __init__(
        self,
        files: Sequence[Path | InputFile],
        *,
        now_us: Callable[[], int],
        chunk_bytes: int = 4 << 20,
        max_line_bytes: int = 64 << 20,
    ) -> None:
        self._files: list[InputFile] = [
            EventFile(one, chunk_bytes, max_line_bytes) if isinstance(one, Path) else one for one in files
        ]
        self._now_us = now_us
        self._waiting: list[tuple[Partition, InputFile]] = []
        self._next: dict[Partition, int] = {}
        self._ends: dict[Partition, int] = {}
        self._reader: RecordReader | None = None

    def open(self, stored: Mapping[Partition, Position]) -> None:
        """Identify every file (one pass over its bytes) and begin at the stored positions.

        Raises StopError, naming the file, if one is missing, unreadable or not what its name says.
        """
        self.close()
        for file in self._files:
            partition, records = file.identify()
            if partition in self._next:
                continue
            self._next[partition] = stored.get(partition, Position(0)).next_offset
            if records is not None:
                self._ends[partition] = records
            self._waiting.append((partition, file))

    def poll(self, timeout_seconds: float) -> Sequence[Chunk]:
        """Return one chunk, or nothing at the end of the last file. Reads at once; may raise StopError."""
        del timeout_seconds
        while self._waiting:
            partition, file = self._waiting[0]
            if self._reader is None:
                self._reader = file.reader(self._next[partition])
                if isinstance(self._reader, ParquetReader):
                    self._ends[partition] = self._reader.rows
            data, count = self._reader.read()
            first = self._next[partition]
            if count:
                self._next[partition] = first + count
                return [Chunk(partition, Codec.NDJSON, data, first, first + count, self._now_us())]
            self._ends[partition] = first
            self._drop_reader()
            self._waiting.pop(0)
        return []

    def rest(self) -> None:
        """Nothing is lost by silence."""

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        """Do nothing: a file has no place for a position."""

    def lag(self) -> Mapping[Partition, int]:
        """Return records not yet polled; a compressed file is absent until its end is known."""
        return {p: max(0, end - self._next[p]) for p, end in self._ends.items()}

    @property
    def trouble(self) -> str | None:
        """None: a file that cannot be read is an error, not a trouble that passes."""
        return None

    @property
    def is_exhausted(self) -> bool:
        """True once the last record of the last file was handed out."""
        return not self._waiting

    def close(self) -> None:
        """Close the file being read."""
        self._drop_reader()
        self._waiting, self._next, self._ends = [], {}, {}

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def is_empty(path: Path) -> bool:
    """Tell whether a file holds no record: no line but blank ones, no row. Reads to the first one only.

    Raises StopError, naming the file, if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(_MAGIC_BYTES)
        if magic.startswith(PARQUET_MAGIC):
            rows = ParquetReader(path, 0)
            rows.close()
            return rows.rows == 0
        return all(not piece.strip() for piece in read_pieces(path, magic))
    except OSError as error:
        raise StopError(f"{path} cannot be read: {error.strerror or error}.") from error


def _identify(path: Path) -> tuple[bytes, str, int]:
    """Return the first bytes of a file, the hash of all of them and the number of its physical lines."""
    digest = hashlib.blake2b(digest_size=16)
    magic, lines, last = b"", 0, b"\n"
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(_HASH_READ_BYTES):
                magic = magic or piece[:_MAGIC_BYTES]
                digest.update(piece)
                lines += piece.count(b"\n")
                last = piece[-1:]
    except OSError as error:
        raise StopError(f"{path} cannot be read: {error.strerror or error}.") from error
    wanted = _SUFFIX_MAGIC.get(path.suffix, b"")
    if wanted and not magic:
        raise StopError(f"{path} is empty: it has no byte, not even the beginning of a {path.suffix} file.")
    if not magic.startswith(wanted):
        raise StopError(f"{path} is damaged: it does not begin as a {path.suffix} file does.")
    return magic, digest.hexdigest(), lines + (last != b"\n")
