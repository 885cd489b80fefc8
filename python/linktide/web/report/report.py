"""The report on a domain: what came of its statements.

Each stands by itself, with its values written out: it is shown beside its figures and can be run as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from linktide.web.report.sections import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from linktide.web.report.sections import Section

    Row = Mapping[str, Any]
    Ask = Callable[[str], pa.Table]

DIFF_DAYS: Final = 30
PLOT_DAYS: Final = 365
BEGINNING: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""No event is older: what is otherwise since then is all that lives."""


@dataclass(frozen=True, slots=True)
class Told:
    """A section with its rows and the statement that made them."""

    section: Section
    sql: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a domain at a time."""

    domain: str
    rivals: tuple[str, ...]
    at: datetime
    is_of_now: bool
    parts: tuple[Told, ...]
    left_out: tuple[str, ...]
    """Titles of the sections that cannot be told of another time than now."""

    @property
    def summary(self) -> Row:
        """The figures of the domain itself."""
        return next(row for row in self.parts[0].rows if row["domain_name"] == self.domain)


def read_as_of(text: str) -> datetime:
    """Return the time that a person wrote by ISO 8601; without a zone it is UTC.

    Raises ValueError; its text is what was wanted.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("wanted a time by ISO 8601, such as 2026-01-31") from None
    try:
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        at = datetime.min.replace(tzinfo=UTC)
    if at < BEGINNING:
        raise ValueError(f"wanted a time from {BEGINNING:%Y-%m-%d} to 9999-12-31 in UTC")
    return at


def newest_time_sql(domain: str) -> str:
    """Return the statement that tells the time of the newest event."""
    return f"SELECT at_time FROM compare([{_text(domain)}])"  # noqa: S608 - `_text` quotes


def gather(ask: Ask, domain: str, rivals: Sequence[str], as_of: datetime | None) -> Report:
    """Ask all that a report on the domain tells, at `as_of` (None: the newest event).

    `ask` runs one statement. Raises what it does.
    """
    at = as_of or ask(newest_time_sql(domain)).to_pylist()[0]["at_time"] or BEGINNING
    values = _values(domain, rivals, at)
    asked = [section for section in SECTIONS if rivals or not section.needs_rivals]
    parts = [
        Told(section, sql, tuple(ask(sql).to_pylist()))
        for section in asked
        if as_of is None or not section.is_of_now
        for sql in [_filled(section.sql, values)]
    ]
    left_out = () if as_of is None else tuple(section.title for section in asked if section.is_of_now)
    return Report(domain, tuple(rivals), at, as_of is None, tuple(parts), left_out)


def _values(domain: str, rivals: Sequence[str], at: datetime) -> Mapping[str, str]:
    """Return what stands for each name in statements."""
    return {
        "$domain": _text(domain),
        "$names": _texts([domain, *rivals]),
        "$rivals": _texts(rivals),
        "$at": _time(at),
        "$since": _time(at - timedelta(days=DIFF_DAYS)),
        "$year": _time(at - timedelta(days=PLOT_DAYS)),
        "$beginning": _time(BEGINNING),
    }


def _filled(sql: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        sql = sql.replace(name, value)
    return sql.strip()


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _texts(texts: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, texts)) + "]"


def _time(at: datetime) -> str:
    return f"TIMESTAMPTZ '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"
