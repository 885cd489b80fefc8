"""Dates of exports: which number is the day is decided by all dates of a file, or told to be open."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linktide.sources.vendors.dates import (
    DateEvidence,
    DateOrder,
    Moment,
    is_no_date,
    parse_date,
    time_text,
)

FORMS = {DateOrder.DAY_FIRST: "%d{0}%m{0}%Y", DateOrder.MONTH_FIRST: "%m{0}%d{0}%Y"}
DAYS = st.dates(date(1990, 1, 1), date(2040, 12, 31))
ORDERS = st.sampled_from(list(DateOrder))
MARKS = st.sampled_from("/.-")


def us_of(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def heard(texts: list[str]) -> DateEvidence:
    evidence = DateEvidence()
    for row, text in enumerate(texts, 2):
        evidence.hear(row, text)
    return evidence


@given(days=st.lists(DAYS, min_size=1), order=ORDERS, mark=MARKS)
def test_a_file_is_read_as_it_was_written_or_not_at_all(
    days: list[date], order: DateOrder, mark: str
) -> None:
    texts = [f"{day:{FORMS[order].format(mark)}}" for day in days]
    evidence = heard(texts)
    if any(day.day > 12 for day in days):
        chosen = evidence.order()
        assert chosen is order
    elif any(day.day != day.month for day in days):
        with pytest.raises(ValueError, match="two ways"):
            evidence.order()
        return
    else:
        chosen = evidence.order()
        assert chosen is None
    read = [parse_date(text, chosen) for text in texts]
    assert read == [Moment(us_of(datetime(d.year, d.month, d.day, tzinfo=UTC)), is_day=True) for d in days]


@given(days=st.lists(DAYS), order=ORDERS, data=st.data())
def test_the_order_of_rows_changes_nothing(days: list[date], order: DateOrder, data: st.DataObject) -> None:
    def told(texts: list[str]) -> object:
        try:
            return heard(texts).order()
        except ValueError as error:
            return str(error).split(":")[0][:12]

    texts = [f"{day:{FORMS[order].format('/')}}" for day in days]
    assert told(texts) == told(data.draw(st.permutations(texts)))


@given(one=DAYS, two=DAYS)
def test_dates_that_contradict_each_other_are_refused(one: date, two: date) -> None:
    texts = [f"{one:%d/%m/%Y}", f"{two:%m/%d/%Y}"]
    if one.day > 12 and two.day > 12:
        with pytest.raises(ValueError, match=r"row 2 has the day first.*row 3 the month"):
            heard(texts).order()


@given(at=st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 - given a zone below
def test_a_time_that_is_written_is_read_again(at: datetime) -> None:
    us = us_of(at.replace(tzinfo=UTC))
    assert parse_date(time_text(us), None) == Moment(us, is_day=False)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-01-31", "2026-01-31T00:00:00Z"),
        ("2026/1/31", "2026-01-31T00:00:00Z"),
        ("2026-01-31 12:30", "2026-01-31T12:30:00Z"),
        ("2026-01-31T12:30:15.25+02:00", "2026-01-31T10:30:15.250000Z"),
        ("2026-01-31 12:30:15 +00:00", "2026-01-31T12:30:15Z"),
        ("2026-01-31 12:30:15 UTC", "2026-01-31T12:30:15Z"),
        ("31 Jan 2026", "2026-01-31T00:00:00Z"),
        ("31-Jan-2026", "2026-01-31T00:00:00Z"),
        ("January 31, 2026", "2026-01-31T00:00:00Z"),
        ("Jan 31, 2026 12:05 AM", "2026-01-31T00:05:00Z"),
        ("Sept. 1, 2026, 1:05 pm", "2026-09-01T13:05:00Z"),
        ("1769817600", "2026-01-31T00:00:00Z"),
        ("1769817600250", "2026-01-31T00:00:00.250000Z"),
        (" 05/05/2026 ", "2026-05-05T00:00:00Z"),
    ],
)
def test_forms_that_are_known(text: str, wanted: str) -> None:
    at = parse_date(text, None)
    assert at is not None
    assert time_text(at.us) == wanted


@pytest.mark.parametrize(
    "text",
    [
        *("2026-02-30", "31/31/2026", "01/02/26", "yesterday", "2026-01", "2026-01-31 25:00", "31 Foo 2026"),
        *("01/02/2026", "2026-01-31 13:00 PM", "0000-01-01", "20260131", "9999-12-31T23:59:59-23:00"),
    ],
)
def test_what_is_no_date_alone(text: str) -> None:
    assert parse_date(text, None) is None


@pytest.mark.parametrize("text", ["", " ", "-", "N/A", "0000-00-00", "null", "Never"])
def test_what_says_that_there_is_no_date(text: str) -> None:
    assert is_no_date(text)


@given(text=st.text(max_size=30), order=st.sampled_from([None, *DateOrder]))
def test_no_text_breaks_it(text: str, order: DateOrder | None) -> None:
    at = parse_date(text, order)
    assert at is None or isinstance(time_text(at.us), str)
    heard([text])
