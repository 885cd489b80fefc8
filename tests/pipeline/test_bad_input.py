"""Bad input through the whole pipeline, mixed with good: one dead letter each, and nothing else is lost."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from kafka.record.default_records import DefaultRecordBatchBuilder

from linktide.sources.source import Chunk, Codec
from oracle.compare import assert_same
from oracle.deliveries import render
from oracle.events import HOUR_US, DeadLetter, Event, Kind, Origin
from oracle.histories import BASE_US
from oracle.model import derive
from pipeline import whole
from pipeline.bad_input import ALL, Bad, written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RECORD_AT_US = BASE_US + 1_000 * HOUR_US
KEPT_BYTES = 64 * 1024
RAW_OFFSETS = "SELECT off FROM internal.link_events UNION ALL SELECT off FROM internal.dead_letters"

HOSTILE_TEXTS = (
    "\x00",
    "a\x00b",
    'quote " backslash \\ slash /',
    "'; DROP TABLE links; --",
    "=cmd|' /C calc'!A0",
    "\x1b[2J\x1b]0;title\x07",
    "\u202etfel ot thgir",
    "\ufeff\ufffe\uffff",
    "\U0001f469\u200d\U0001f4bb",
    "e\u0301" * 1_000,
    "\u2028\u2029\x85\r\n\t",
    '{"json": [1, null, NaN]}',
    "x" * 300_000,
    " ",
)
"""Legal text that something on the way might stumble over."""


def hostile(number: int, text: str) -> Event:
    """Make a sighting that carries the text wherever text may stand."""
    return Event(
        kind=Kind.SEEN,
        observed_at=BASE_US + number * HOUR_US,
        source_url=f"https://good.example/{number % 3}",
        target_url="https://better.example/",
        source_domain="good.example",
        target_domain="better.example",
        origin=Origin("memory", "links", 0, 0),
        record_at=RECORD_AT_US,
        anchor=text,
        attributes={"title": text, "alt": text[::-1], "semantic_location": "content"},
    )


def frames(values: Sequence[bytes | None], record_at: int = RECORD_AT_US) -> bytes:
    heads = [
        struct.pack("<qqi", offset, record_at, -1 if value is None else len(value))
        for offset, value in enumerate(values)
    ]
    return b"".join(head + (value or b"") for head, value in zip(heads, values, strict=True))


def chunk(values: Sequence[bytes | None], codec: Codec) -> Chunk:
    lines = b"" if codec is Codec.FRAMED else b"".join((value or b"") + b"\n" for value in values)
    return Chunk(whole.LINKS, codec, lines or frames(values), 0, len(values), RECORD_AT_US)


def mixed(bad: Sequence[Bad]) -> list[Bad | Event]:
    """Put good events before, between and after the bad records."""
    arriving: list[Bad | Event] = [hostile(number, text) for number, text in enumerate(HOSTILE_TEXTS)]
    for number, record in enumerate(bad):
        arriving += [record, hostile(number, f"after {record.name}")]
    placed = enumerate(arriving)
    return [
        replace(item, origin=item.origin._replace(offset=offset)) if isinstance(item, Event) else item
        for offset, item in placed
    ]


@pytest.mark.parametrize("codec", [Codec.FRAMED, Codec.NDJSON])
def test_each_bad_record_is_one_dead_letter(tmp_path: Path, codec: Codec) -> None:
    bad = [record for record in ALL if codec is Codec.FRAMED or record.fits_a_line]
    arriving = mixed(bad)
    values = [render(item) if isinstance(item, Event) else item.value for item in arriving]
    refused = {offset: item for offset, item in enumerate(arriving) if isinstance(item, Bad)}
    good = [item for item in arriving if isinstance(item, Event)]
    whole.run(tmp_path / "links.duckdb", [whole.memory_of([chunk(values, codec)])], queue_max_bytes=2**20)
    with whole.opened(tmp_path / "links.duckdb") as stopped:
        letters = [
            DeadLetter(Origin("memory", "links", 0, offset), item.reason, RECORD_AT_US)
            for offset, item in refused.items()
        ]
        assert_same(stopped.query, derive(good, letters))
        rows = stopped.query("SELECT source_offset, bytes, byte_length, detail FROM dead_letters")
        for offset, head, length, detail in rows:
            value = refused[offset].value
            assert head == (None if value is None else value[:KEPT_BYTES])
            assert length == len(value or b"")
            assert 0 < len(detail) < 1_000
        raw = stopped.query(RAW_OFFSETS)
        assert sorted(offset for (offset,) in raw) == list(range(len(arriving)))


def test_a_dead_letter_has_the_hash_of_the_whole(tmp_path: Path) -> None:
    long = b"x" * 200_000
    values = [None, b"", long, long, long[:-1] + b"y", long[:KEPT_BYTES]]
    whole.run(tmp_path / "links.duckdb", [whole.memory_of([chunk(values, Codec.FRAMED)])])
    with whole.opened(tmp_path / "links.duckdb") as stopped:
        rows = stopped.query("SELECT bytes, bytes_hash FROM dead_letters ORDER BY source_offset")
    heads, hashes = [row[0] for row in rows], [row[1] for row in rows]
    assert heads == [None, b"", *[long[:KEPT_BYTES]] * 4]
    assert hashes[0] == hashes[1] == 0x2D06800538D394C2  # xxh3_64 of nothing, from its published test vectors
    assert hashes[2] == hashes[3]
    assert len(set(hashes[2:])) == 3


def test_damaged_events_are_a_row_or_a_dead_letter_each(tmp_path: Path) -> None:
    """Flip, cut, double and insert bytes of good events: whatever becomes of them, nothing gets lost."""
    chance = random.Random(11)
    sound = [
        written(event=event, rel=["nofollow"], anchor="käufe 漢字", extra={"deep": [1, 2.5e3, None]})
        for event in ("discovered", "seen", "lost")
    ]
    values = [damaged(chance.choice(sound), chance) for _ in range(4_000)]
    values[::10] = [sound[0]] * len(values[::10])
    whole.run(tmp_path / "links.duckdb", [whole.memory_of([chunk(values, Codec.FRAMED)])])
    with whole.opened(tmp_path / "links.duckdb") as stopped:
        [(events, letters)] = stopped.query("SELECT events, dead_letters FROM sources")
        raw = stopped.query(RAW_OFFSETS)
    assert events + letters == len(values)
    assert events >= 400
    assert letters >= 400
    assert sorted(offset for (offset,) in raw) == list(range(len(values)))


def damaged(value: bytes, chance: random.Random) -> bytes:
    data = bytearray(value)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at, other = chance.randrange(len(data)), chance.randrange(len(data))
        first, last = min(at, other), max(at, other)
        match chance.randrange(5):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.choice(b'"\\{}[]:,\x00\xff0e')
            case 2:
                data[at:at] = chance.randbytes(3)
            case 3:
                data[at:at] = data[first : first + 20]
            case _:
                del data[first : min(last, first + 4)]
    return bytes(data)


TIMES_THAT_CANNOT_BE = (
    -(2**63),
    -1,
    RECORD_AT_US + HOUR_US + 1,
    4_070_908_800_000_000,  # 2099
    2**63 - 1_000,
    2**63 - 1,
)


@pytest.mark.parametrize("record_at", TIMES_THAT_CANNOT_BE)
def test_a_clock_that_runs_ahead_cannot_move_ours(tmp_path: Path, record_at: int) -> None:
    """A producer stamps records by its own clock; what lies ahead of the receipt is not believed."""
    values = [written(), written(observed_at="2098-12-31T23:59:59Z"), b"not json"]
    data = frames(values, record_at)
    received = Chunk(whole.LINKS, Codec.FRAMED, data, 0, len(values), RECORD_AT_US)
    whole.run(tmp_path / "links.duckdb", [whole.memory_of([received])])
    with whole.opened(tmp_path / "links.duckdb") as stopped:
        assert stopped.query("SELECT epoch_us(record_at) FROM internal.link_events") == [(RECORD_AT_US,)]
        rows = stopped.query("SELECT reason, epoch_us(record_at) FROM dead_letters ORDER BY source_offset")
        assert rows == [("TIME_RANGE", RECORD_AT_US), ("INVALID_JSON", RECORD_AT_US)]
        assert stopped.query("SELECT epoch_us(last_record_at) FROM sources") == [(RECORD_AT_US,)]
        assert stopped.query("SELECT epoch_us(clock) FROM internal.writer") == [(BASE_US,)]


def test_a_record_may_be_an_hour_ahead_of_its_receipt(tmp_path: Path) -> None:
    record_at = RECORD_AT_US + HOUR_US
    data = frames([written()], record_at)
    whole.run(
        tmp_path / "links.duckdb",
        [whole.memory_of([Chunk(whole.LINKS, Codec.FRAMED, data, 0, 1, RECORD_AT_US)])],
    )
    with whole.opened(tmp_path / "links.duckdb") as stopped:
        assert stopped.query("SELECT epoch_us(record_at) FROM internal.link_events") == [(record_at,)]


# --- few bytes that unpack to many -------------------------------------------------------------------------


def zstd_batch(values: Sequence[bytes | None], first_offset: int) -> bytes:
    """Write a Kafka record batch, compressed."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=DefaultRecordBatchBuilder.CODEC_ZSTD,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 30,
    )
    for delta, value in enumerate(values):
        builder.append(delta, RECORD_AT_US // 1_000, None, value, [])
    return struct.pack(">q", first_offset) + bytes(builder.build())[8:]


def kafka_chunk(batches: Sequence[Sequence[bytes | None]]) -> Chunk:
    data, offset = b"", 0
    for values in batches:
        data += zstd_batch(values, offset)
        offset += len(values)
    return Chunk(whole.LINKS, Codec.KAFKA, data, 0, offset, RECORD_AT_US)


@pytest.mark.parametrize("max_batch_bytes", [1, 500, 10_000])
def test_a_full_batch_ends_anywhere_in_a_chunk(tmp_path: Path, max_batch_bytes: int) -> None:
    good = [hostile(number, f"anchor {number}") for number in range(40)]
    events = [replace(event, origin=event.origin._replace(offset=2 * n)) for n, event in enumerate(good)]
    values = [value for event in events for value in (render(event), None)]
    received = kafka_chunk([values[:1], values[1:30], values[30:33], values[33:]])
    whole.run(tmp_path / "links.duckdb", [whole.memory_of([received])], max_batch_bytes=max_batch_bytes)
    letters = [
        DeadLetter(Origin("memory", "links", 0, offset), "TOMBSTONE", RECORD_AT_US)
        for offset in range(1, len(values), 2)
    ]
    with whole.opened(tmp_path / "links.duckdb") as stopped:
        assert_same(stopped.query, derive(events, letters))
        assert stopped.query("SELECT next_offset FROM sources") == [(len(values),)]
        [(batches,)] = stopped.query("SELECT count(DISTINCT rev) FROM internal.link_events")
    assert batches == {1: 40, 500: 40, 10_000: 2}[max_batch_bytes]


def test_few_bytes_that_unpack_to_many(tmp_path: Path) -> None:
    """A few KiB of a fetch hold more than a batch may take; a few more would be more than memory has."""
    junk = [bytes(KEPT_BYTES)] * 600
    received = kafka_chunk([[*junk, written()] for _ in range(4)])
    assert len(received.data) < 100_000
    whole.run(tmp_path / "links.duckdb", [whole.memory_of([received])])
    with whole.opened(tmp_path / "links.duckdb") as stopped:
        assert stopped.query("SELECT events, dead_letters FROM sources") == [(4, 2_400)]
        sizes = stopped.query("SELECT sum(byte_length) FROM internal.dead_letters GROUP BY rev")
    assert len(sizes) == 2
    assert max(sizes) <= (96 << 20,)
