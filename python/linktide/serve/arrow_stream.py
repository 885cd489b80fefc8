"""Arrow results as an IPC stream, piece by piece."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

ARROW_TYPE = "application/vnd.apache.arrow.stream"
_ARROW_ROWS = 16_384


def arrow_pieces(table: pa.Table) -> Iterator[bytes]:
    """Yield an Arrow IPC stream of the table."""
    sink = _Sink()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=_ARROW_ROWS):
            writer.write_batch(batch)
            yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """Takes what the writer writes until it is taken away; the position goes on, the writer aligns by it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]  # a buffer: the writer may reuse it
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken
