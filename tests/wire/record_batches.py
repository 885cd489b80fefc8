"""Golden batches: kafka-python's own builder writes them, pyarrow's codecs pack what it cannot."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import pyarrow as pa
import zstandard
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import calc_crc32c

HEADER_BYTES = DefaultRecordBatchBuilder.header_size_in_bytes()
CRC_AT = DefaultRecordBatch.CRC_OFFSET
ATTRIBUTES_AT = DefaultRecordBatch.ATTRIBUTES_OFFSET
TRANSACTIONAL, CONTROL, APPEND_TIME = 0x10, 0x20, 0x08
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Message:
    """What a producer sends."""

    value: bytes | None
    timestamp_ms: int = 1_700_000_000_000
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = field(default=())


def build(
    messages: list[Message],
    base_offset: int = 0,
    compression: int = 0,
    producer_id: int = -1,
    *,
    is_transactional: bool = False,
) -> bytes:
    """Write a batch as a kafka-python producer does, with the base offset a broker sets."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=is_transactional,
        producer_id=producer_id,
        producer_epoch=-1 if producer_id < 0 else 0,
        base_sequence=-1 if producer_id < 0 else 0,
        batch_size=1 << 30,
    )
    for delta, message in enumerate(messages):
        builder.append(delta, message.timestamp_ms, message.key, message.value, list(message.headers))
    return struct.pack(">q", base_offset) + bytes(builder.build())[8:]


def rewrite(batch: bytes, *, attributes: int = 0, body: bytes | None = None) -> bytes:
    """Set attribute bits and replace the body, with length and checksum made true again."""
    body = batch[HEADER_BYTES:] if body is None else body
    head = bytearray(batch[:HEADER_BYTES])
    (old,) = struct.unpack_from(">h", head, ATTRIBUTES_AT)
    struct.pack_into(">h", head, ATTRIBUTES_AT, old | attributes)
    struct.pack_into(">i", head, 8, HEADER_BYTES - 12 + len(body))
    struct.pack_into(">I", head, CRC_AT, calc_crc32c(bytes(head[ATTRIBUTES_AT:]) + body))
    return bytes(head) + body


def packed(batch: bytes, compression: int, compressed: bytes) -> bytes:
    """Replace the body of a plain batch by its compressed form."""
    return rewrite(batch, attributes=compression, body=compressed)


def body_of(batch: bytes) -> bytes:
    """Return the bytes behind the header."""
    return batch[HEADER_BYTES:]


def marker(base_offset: int, producer_id: int, kind: int) -> bytes:
    """Write a control batch: kind 0 ends the producer's transaction as aborted, 1 as committed."""
    message = Message(b"\0\0\0\0\0\0", key=struct.pack(">hh", 0, kind))
    batch = build([message], base_offset, producer_id=producer_id, is_transactional=True)
    return rewrite(batch, attributes=CONTROL)


def xerial(body: bytes, block_bytes: int) -> bytes:
    """Frame snappy blocks as Java's producer does."""
    blocks = [body[start : start + block_bytes] for start in range(0, len(body), block_bytes)]
    frames = (pa.compress(block, codec="snappy", asbytes=True) for block in blocks)
    return b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01" + b"".join(
        struct.pack(">i", len(frame)) + frame for frame in frames
    )


def zstd_without_size(body: bytes) -> bytes:
    """Compress as Java's producer does, which does not know the size when it begins."""
    return zstandard.ZstdCompressor(write_content_size=False).compress(body)


Row = tuple[int, int, bytes | None]
"""(offset, timestamp in µs, value)"""


def kafka_python_rows(data: bytes) -> list[Row]:
    """Decode with kafka-python, control batches left out."""
    rows: list[Row] = []
    records = MemoryRecords(data)
    while (batch := records.next_batch()) is not None:
        assert batch.validate_crc()
        if not batch.is_control_batch:
            rows += [(r.offset, r.timestamp * 1000, r.value) for r in batch]
    return rows
