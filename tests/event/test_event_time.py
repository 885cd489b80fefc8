"""`observed_at` against Python's own calendar."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from linktide import _core

if TYPE_CHECKING:
    from decimal import Decimal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RECORD_US = (datetime(2026, 8, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
FIRST_US = (datetime(1990, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
SHAPE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


def read(observed_at: str) -> int | str:
    """The instant in µs, or the reason it was refused for; `observed_at` is JSON."""
    event = f'{{"event":"seen","source_url":"a","target_url":"b","observed_at":{observed_at}}}'
    result = _core.decode_event(event.encode(), RECORD_US)
    return int(result["observed_at_us"]) if isinstance(result, dict) else result[0]


def in_range(at_us: int) -> int | str:
    return at_us if FIRST_US <= at_us <= RECORD_US + 3_600_000_000 else "TIME_RANGE"


def wanted(text: str) -> int | str:
    """The contract's reading by a pattern and `datetime`; leap seconds have a test in the core."""
    match = SHAPE.fullmatch(text)
    if match is None:
        return "TIME_FORMAT"
    *numbers, fraction, offset = match.groups()
    if offset is None:
        zone = UTC
    else:
        hours, minutes = (0, 0) if offset in "Zz" else (int(offset[1:3]), int(offset[4:6]))
        if hours > 23 or minutes > 59:
            return "TIME_FORMAT"
        sign = -1 if offset.startswith("-") else 1
        zone = timezone(sign * timedelta(hours=hours, minutes=minutes))
    try:
        naive = datetime(*map(int, numbers))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return "TIME_FORMAT"
    if offset is None:
        return "TIME_RANGE"
    whole = (naive - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001
    shift = (zone.utcoffset(None) or timedelta()) // timedelta(microseconds=1)
    return in_range(whole - shift + int((fraction or "0").ljust(6, "0")[:6]))


@given(
    at=st.datetimes(datetime(1985, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    minutes=st.integers(-1439, 1439),
)
def test_a_datetime_reads_back(at: datetime, minutes: int) -> None:
    aware = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert read(json.dumps(aware.isoformat())) == in_range((aware - EPOCH) // timedelta(microseconds=1))


@given(
    st.from_regex(
        r"(19[89]|20[0-2])\d-[01]\d-[0-3]\d[Tt ][0-2]\d:[0-6]\d:[0-5]\d"
        r"(\.\d{0,9})?([Zz]|[+-][0-2]\d:[0-6]\d)?",
        fullmatch=True,
    )
)
def test_nearly_times(text: str) -> None:
    assert read(json.dumps(text)) == wanted(text)


@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2026, 7, 1)),  # noqa: DTZ001
    st.integers(0, 25),
    st.sampled_from("0123456789:-+.TtZz ,/W"),
)
def test_one_wrong_character(at: datetime, place: int, character: str) -> None:
    good = at.isoformat() + "Z"
    text = good[:place] + character + good[place + 1 :]
    # Python has no year 0 and no leap second; both are tested in the core.
    if text[17:19] != "60" and not text.startswith("0000"):
        assert read(json.dumps(text)) == wanted(text)


@given(st.decimals(600_000_000_000, 1_800_000_000_000, places=6), st.integers(-8, 8))
def test_milliseconds_are_exact_however_written(milliseconds: Decimal, shift: int) -> None:
    exact = in_range(int(milliseconds * 1000))
    assert read(f"{milliseconds:f}") == exact
    assert read(f"{milliseconds.scaleb(-shift):f}e{shift}") == exact


@given(st.text())
def test_other_text_is_no_time(text: str) -> None:
    if SHAPE.fullmatch(text) is None:
        assert read(json.dumps(text)) == "TIME_FORMAT"
