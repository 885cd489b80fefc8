"""The bytes of a plain, gzip or zstd file as a stream that notices when the file ends too early."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

import zstandard

from linktide.errors import StopError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_PLAIN_READ_BYTES = 1 << 20
_GZIP_READ_BYTES = 1 << 16
# gzip files may be padded with zero bytes after a member; after a zstd frame they would be damage.
_GZIP_PADDING = b"\0"
# One byte of zstd can stand for 32 KiB, so what is fed at once bounds what comes out at once (128 MiB).
_ZSTD_READ_BYTES = 1 << 12


class _Decompressor(Protocol):
    """What zlib and zstandard have in common for one gzip member or zstd frame."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def read_pieces(path: Path, magic: bytes) -> Iterator[bytes]:
    """Yield the decompressed bytes of `path`, whose format its first bytes `magic` tell.

    Raises StopError, naming the file, after the last good piece if the file is damaged, cut or unreadable.
    """
    try:
        if magic.startswith(GZIP_MAGIC):
            yield from _read_frames(path, _GZIP_READ_BYTES, _new_gzip, _GZIP_PADDING)
        elif magic.startswith(ZSTD_MAGIC):
            yield from _read_frames(path, _ZSTD_READ_BYTES, _new_zstd, b"")
        else:
            yield from _read_plain(path)
    except OSError as error:
        raise StopError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (zlib.error, zstandard.ZstdError) as error:
        raise StopError(f"{path} is damaged: {error}. What came before the damage was read.") from error


def _new_gzip() -> _Decompressor:
    return zlib.decompressobj(wbits=31)


def _new_zstd() -> _Decompressor:
    return zstandard.ZstdDecompressor().decompressobj()


def _read_plain(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PLAIN_READ_BYTES):
            yield piece


def _read_frames(
    path: Path, read_bytes: int, new: Callable[[], _Decompressor], padding: bytes
) -> Iterator[bytes]:
    """Yield what one frame after the other holds; a file is a series of gzip members or zstd frames."""
    current: _Decompressor | None = None
    with path.open("rb") as file:
        while data := file.read(read_bytes):
            while data:
                if current is None:
                    data = data.lstrip(padding) if padding else data
                    if not data:
                        break
                    current = new()
                piece = current.decompress(data)
                data = b""
                if current.eof:
                    data, current = current.unused_data, None
                if piece:
                    yield piece
    if current is not None:
        raise StopError(f"{path} ends too early: it was cut. What came before the cut was read.")
