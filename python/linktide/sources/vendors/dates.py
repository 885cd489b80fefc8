"""Dates as exports write them. Which of two numbers is the day, all dates of a file decide, or nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

DAY_US: Final = 86_400_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TIME = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)? ?(?P<zone>Z|z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_ISO: Final = re.compile(r"(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})" + _TIME)
_NUMBERS: Final = re.compile(r"(?P<one>\d{1,2})([-/.])(?P<two>\d{1,2})\2(?P<year>\d{4})" + _TIME)
_DAY_NAME: Final = re.compile(r"(?P<day>\d{1,2})[ -](?P<name>[A-Za-z]{3,9})\.?,?[ -](?P<year>\d{4})" + _TIME)
_NAME_DAY: Final = re.compile(r"(?P<name>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})" + _TIME)
_EPOCH_NUMBER: Final = re.compile(r"(\d{10})(\d{3})?")
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_NONE: Final = frozenset(
    {"", "-", "—", "0", "n/a", "none", "null", "never", "0000-00-00", "0000-00-00 00:00:00"}
)


class DateOrder(StrEnum):
    """Which of the two numbers in 01/02/2026 is the day."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


class Moment(NamedTuple):
    """An instant of an export."""

    us: int
    """Unix µs; of a date its first instant in UTC."""
    is_day: bool
    """Whether only the day is told."""


def is_no_date(text: str) -> bool:
    """Tell whether a cell says that there is no date."""
    return text.strip().lower() in _NONE


def parse_date(text: str, order: DateOrder | None) -> Moment | None:
    """Read one cell; None if it is no date. A time without a zone is UTC.

    >>> parse_date("1970-01-02", None)
    Moment(us=86400000000, is_day=True)
    """
    text = text.strip()
    if found := _EPOCH_NUMBER.fullmatch(text):
        return Moment(int(found[1]) * 1_000_000 + int(found[2] or 0) * 1_000, is_day=False)
    if found := _ISO.fullmatch(text):
        return _moment(found, int(found["year"]), int(found["month"]), int(found["day"]))
    if found := _NUMBERS.fullmatch(text):
        one, two = int(found["one"]), int(found["two"])
        if order is None and one != two:
            return None
        month, day = (one, two) if order is DateOrder.MONTH_FIRST else (two, one)
        return _moment(found, int(found["year"]), month, day)
    if found := _DAY_NAME.fullmatch(text) or _NAME_DAY.fullmatch(text):
        month = _month(found["name"].lower())
        return _moment(found, int(found["year"]), month, int(found["day"]))
    return None


def _month(name: str) -> int:
    """Return the number of a month's English name or its first three letters; 0 if it is none."""
    for number, month in enumerate(_MONTHS, 1):
        if name in (month, month[:3]) or (name == "sept" and month == "september"):
            return number
    return 0


def _moment(found: re.Match[str], year: int, month: int, day: int) -> Moment | None:
    hour = int(found["hour"] or 0)
    if half := found["half"]:
        if not 1 <= hour <= 12:  # noqa: PLR2004 - a clock's face
            return None
        hour = hour % 12 + (12 if half in "Pp" else 0)
    fraction = int((found["fraction"] or "").ljust(6, "0")[:6])
    try:
        at = datetime(
            year, month, day, hour, int(found["minute"] or 0), int(found["second"] or 0), fraction, UTC
        )
        at -= _offset(found["zone"] or "")
    except (ValueError, OverflowError):
        return None
    return Moment((at - _EPOCH) // _MICROSECOND, found["hour"] is None)


def _offset(zone: str) -> timedelta:
    if zone[:1] not in ("+", "-"):
        return timedelta(0)
    digits = zone[1:].replace(":", "")
    east = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return east if zone[0] == "+" else -east


def time_text(us: int) -> str:
    """Return Unix µs as RFC 3339 in UTC.

    >>> time_text(86_400_000_001)
    '1970-01-02T00:00:00.000001Z'
    """
    at = _EPOCH + timedelta(microseconds=us)
    return at.replace(tzinfo=None).isoformat() + "Z"


@dataclass(slots=True)
class DateEvidence:
    """What the dates of a file say of their order."""

    day_first: tuple[int, str] | None = None
    """Row and text of the first date that can only be meant so."""
    month_first: tuple[int, str] | None = None
    either: tuple[int, str] | None = None

    def hear(self, row: int, text: str) -> None:
        """Take in one cell."""
        found = _NUMBERS.fullmatch(text.strip())
        if found is None:
            return
        is_day_first = parse_date(text, DateOrder.DAY_FIRST) is not None
        is_month_first = parse_date(text, DateOrder.MONTH_FIRST) is not None
        if is_day_first and is_month_first:
            if found["one"].zfill(2) != found["two"].zfill(2):
                self.either = self.either or (row, text)
        elif is_day_first:
            self.day_first = self.day_first or (row, text)
        elif is_month_first:
            self.month_first = self.month_first or (row, text)

    def order(self) -> DateOrder | None:
        """Return the order of the file, None if no date needs one. Raises ValueError with the reason."""
        if self.day_first and self.month_first:
            raise ValueError(
                f"its dates contradict each other: {self.day_first[1]!r} in row {self.day_first[0]} has the "
                f"day first, {self.month_first[1]!r} in row {self.month_first[0]} the month"
            )
        if self.day_first:
            return DateOrder.DAY_FIRST
        if self.month_first:
            return DateOrder.MONTH_FIRST
        if self.either:
            raise ValueError(
                f"its dates can be read in two ways, as {self.either[1]!r} in row {self.either[0]}, and no "
                "date of it tells which is meant"
            )
        return None
