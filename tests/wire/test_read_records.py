"""The core reads what kafka-python's own builder wrote as kafka-python itself reads it."""

from __future__ import annotations

import gzip
import hashlib
import struct
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.consumer.fetcher import Fetcher, IsolationLevel
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.structs import TopicPartition
from record_batches import (
    APPEND_TIME,
    CRC_AT,
    GZIP,
    LZ4,
    SNAPPY,
    ZSTD,
    Message,
    Row,
    body_of,
    build,
    kafka_python_rows,
    marker,
    packed,
    rewrite,
    xerial,
    zstd_without_size,
)

from linktide._core import read_records, scan_record_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RECEIVED_AT_US = 5

MESSAGES = [
    Message(
        None if i % 50 == 7 else b'{"event": "seen", "n": %d}' % i * (i % 40),
        timestamp_ms=1_700_000_000_000 + (i * 37) % 1000 - 300,
        key=b"key %d" % i if i % 3 else None,
        headers=(("trace", b"\x00\xff"), ("empty", b""), ("nothing", None)) if i % 5 == 0 else (),
    )
    for i in range(700)
]
PLAIN = build(MESSAGES, base_offset=1000)
BODY = body_of(PLAIN)

COMPRESSORS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "gzip": (GZIP, gzip.compress),
    "gzip, two members": (GZIP, lambda b: gzip.compress(b[:999]) + gzip.compress(b[999:])),
    "snappy": (SNAPPY, lambda b: pa.compress(b, codec="snappy", asbytes=True)),
    "snappy, xerial": (SNAPPY, lambda b: xerial(b, 32 * 1024)),
    "lz4": (LZ4, lambda b: pa.compress(b, codec="lz4", asbytes=True)),
    "lz4, two frames": (
        LZ4,
        lambda b: b"".join(pa.compress(part, codec="lz4", asbytes=True) for part in (b[:999], b[999:])),
    ),
    "zstd": (ZSTD, zstandard.ZstdCompressor().compress),
    "zstd, no size": (ZSTD, zstd_without_size),
    "zstd, checksum": (ZSTD, zstandard.ZstdCompressor(write_checksum=True).compress),
    "zstd, level 19": (ZSTD, zstandard.ZstdCompressor(level=19).compress),
}


def rows_of(
    data: bytes, first_offset: int = 0, aborted: Sequence[tuple[int, int]] = (), codec: str = "kafka"
) -> list[Row]:
    batch = pa.record_batch(read_records(codec, data, first_offset, RECEIVED_AT_US, aborted))
    offsets, times, values = (column.cast(kind) for column, kind in zip(batch.columns, KINDS, strict=True))
    return list(zip(offsets.to_pylist(), times.to_pylist(), values.to_pylist(), strict=True))


KINDS = (pa.int64(), pa.int64(), pa.binary())


def test_schema() -> None:
    batch = pa.record_batch(read_records("kafka", b"", 0, 0))
    assert batch.schema == pa.schema(
        [
            pa.field("offset", pa.int64(), nullable=False),
            pa.field("timestamp", pa.timestamp("us", "UTC"), nullable=False),
            pa.field("value", pa.binary()),
        ]
    )
    assert batch.num_rows == 0


@pytest.mark.parametrize("compression", [0, GZIP, ZSTD])
def test_as_kafka_python_where_it_compresses_itself(compression: int) -> None:
    data = build(MESSAGES, 1000, compression)
    expected = kafka_python_rows(data)
    assert len(expected) == len(MESSAGES)
    assert rows_of(data) == expected
    assert scan_record_batches(data, 1000) == (1700, 700, None)


@pytest.mark.parametrize("name", COMPRESSORS)
def test_every_compression_as_the_plain_batch(name: str) -> None:
    identifier, compress = COMPRESSORS[name]
    data = packed(PLAIN, identifier, compress(BODY))
    assert rows_of(data) == kafka_python_rows(PLAIN)
    assert scan_record_batches(data, 1000) == (1700, 700, None)


def test_noise_that_no_compression_shrinks() -> None:
    plain = build([Message(hashlib.shake_128(b"noise").digest(300_000)), Message(b"end")])
    for identifier, compress in COMPRESSORS.values():
        assert rows_of(packed(plain, identifier, compress(body_of(plain)))) == kafka_python_rows(plain)


def test_the_public_builder_too() -> None:
    builder = MemoryRecordsBuilder(magic=2, compression_type=GZIP, batch_size=1 << 20)
    for message in MESSAGES[:50]:
        builder.append(message.timestamp_ms, message.key, message.value, list(message.headers))
    builder.close()
    data = bytes(builder.buffer())
    assert rows_of(data) == kafka_python_rows(data)


def test_append_time_as_kafka_python() -> None:
    data = rewrite(PLAIN, attributes=APPEND_TIME)
    assert rows_of(data) == kafka_python_rows(data)


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.builds(
                Message,
                value=st.none() | st.binary(max_size=200),
                timestamp_ms=st.integers(0, 2**52),
                key=st.none() | st.binary(max_size=20),
                headers=st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5))).map(
                    tuple
                ),
            ),
            min_size=1,
            max_size=6,
        ),
        max_size=5,
    ),
    st.sampled_from([0, *COMPRESSORS.values()]),
    st.integers(0, 60),
    st.integers(1, 2**40),
)
def test_any_log_as_kafka_python(
    batches: list[list[Message]],
    compressor: int | tuple[int, Callable[[bytes], bytes]],
    wanted: int,
    start: int,
) -> None:
    offset, plain, data = start, b"", b""
    for messages in batches:
        batch = build(messages, offset)
        plain += batch
        data += (
            batch
            if isinstance(compressor, int)
            else packed(batch, compressor[0], compressor[1](body_of(batch)))
        )
        offset += len(messages) + 2
    expected = [row for row in kafka_python_rows(plain) if row[0] >= start + wanted]
    assert rows_of(data, start + wanted) == expected
    end = max(start + wanted, offset - 2 if batches else 0)
    assert scan_record_batches(data, start + wanted)[0] == end


class Aborted:
    """An aborted transaction as kafka-python's fetch response tells it."""

    def __init__(self, producer_id: int, first_offset: int) -> None:
        self.producer_id = producer_id
        self.first_offset = first_offset


def kafka_python_committed(data: bytes, first_offset: int, aborted: list[tuple[int, int]]) -> list[Row]:
    records = Fetcher.PartitionRecords(
        first_offset,
        TopicPartition("topic", 0),
        MemoryRecords(data),
        isolation_level=IsolationLevel.READ_COMMITTED,
        aborted_transactions=[Aborted(*pair) for pair in aborted],
    )
    return [(r.offset, r.timestamp * 1000, r.value) for r in records.take()]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_transactions_as_kafka_python_read_committed(draw: st.DataObject) -> None:
    """Producers interleave; each step writes, commits, aborts, or writes outside any transaction."""
    steps = draw.draw(st.lists(st.tuples(st.integers(1, 3), st.sampled_from("wwwcai")), max_size=25))
    data, offset, opened, aborted = b"", 0, dict[int, int](), list[tuple[int, int]]()
    for producer, step in steps:
        if step in "wi":
            is_transactional = step == "w"
            messages = [Message(b"%d" % (offset + i)) for i in range(draw.draw(st.integers(1, 3)))]
            data += build(messages, offset, producer_id=producer, is_transactional=is_transactional)
            if is_transactional:
                opened.setdefault(producer, offset)
            offset += len(messages)
        elif producer in opened:
            data += marker(offset, producer, int(step == "c"))
            first = opened.pop(producer)
            if step == "a":
                aborted.append((producer, first))
            offset += 1
    first_offset = draw.draw(st.integers(0, offset))
    assert rows_of(data, first_offset, aborted) == kafka_python_committed(data, first_offset, aborted)
    assert rows_of(data) == kafka_python_rows(data)
    assert scan_record_batches(data, 0)[0] == offset


def test_a_cut_at_any_byte_leaves_the_whole_batches() -> None:
    first, second = build(MESSAGES[:3], 10), build(MESSAGES[3:6], 13, GZIP)
    data = first + second
    for length in range(len(data)):
        whole = first if length >= len(first) else b""
        assert rows_of(data[:length]) == kafka_python_rows(whole)
        assert scan_record_batches(data[:length], 10) == ((13, 3, None) if whole else (10, 0, None))


def test_a_damaged_batch_names_its_offset_and_spares_the_others() -> None:
    batches = [build(MESSAGES[:3], 10), build(MESSAGES[3:6], 13), build(MESSAGES[6:9], 16)]
    middle = bytearray(batches[1])
    middle[CRC_AT] ^= 1
    data = batches[0] + bytes(middle) + batches[2]
    assert [row[0] for row in rows_of(data)] == [10, 11, 12, 16, 17, 18]
    assert scan_record_batches(data, 10) == (19, 6, 13)
    assert scan_record_batches(data, 14) == (19, 3, 14)
    assert scan_record_batches(data, 16) == (19, 3, None)


def test_old_formats_are_damage() -> None:
    for magic in (0, 1):
        builder = MemoryRecordsBuilder(magic=magic, compression_type=0, batch_size=1 << 20)
        builder.append(1, b"key", b"value")
        builder.close()
        data = bytes(builder.buffer())
        assert rows_of(data) == []
        assert scan_record_batches(data, 0) == (1, 0, 0)


@pytest.mark.parametrize("codec", ["ndjson", "framed"])
def test_other_codecs(codec: str) -> None:
    lines = b"a\r\n\n b\nc"
    frames = b"".join(
        struct.pack("<qqi", offset, RECEIVED_AT_US, len(value)) + value
        for offset, value in [(6, b"below"), (7, b"a"), (9, b" b"), (10, b"c")]
    )
    rows = rows_of(lines if codec == "ndjson" else frames, 7, codec=codec)
    assert rows == [(7, RECEIVED_AT_US, b"a"), (9, RECEIVED_AT_US, b" b"), (10, RECEIVED_AT_US, b"c")]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_is_taken(kind: Callable[[bytes], bytes]) -> None:
    assert rows_of(kind(PLAIN)) == kafka_python_rows(PLAIN)
    assert scan_record_batches(kind(PLAIN), 1000) == (1700, 700, None)


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(ValueError, match='codec "csv" is not known, want kafka, ndjson or framed'):
        read_records("csv", b"", 0, 0)
