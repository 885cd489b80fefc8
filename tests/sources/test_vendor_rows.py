"""Rows of each kind of export become the events they stand for. The files are in vendor_files.py."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vendor_files import CASES, SOURCE, TARGET, Case, csv_text, events_of, lines_of, looked_at, written

from linktide.sources.vendors.catalogue import LAYOUTS, LOST_REASONS
from linktide.sources.vendors.dates import DateOrder, parse_date
from linktide.sources.vendors.declared import Declared
from linktide.sources.vendors.mapping import folded
from linktide.sources.vendors.row_events import ROW_LINES, RowEvents, RowRules

if TYPE_CHECKING:
    from pathlib import Path

BY_TITLE = {case.title: case for case in CASES}


def test_each_layout_has_a_file_here() -> None:
    assert [layout.title for layout in LAYOUTS] == [case.title for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_row_becomes_its_events(case: Case, tmp_path: Path) -> None:
    export = looked_at(written(tmp_path / "export.csv", case.text), case.declared)
    assert export.known.layout.title == case.title
    urls = {"source_url": SOURCE, "target_url": TARGET}
    assert events_of(export) == [one | urls for one in case.events]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_headers_are_known_in_any_case_order_and_spelling(case: Case, tmp_path: Path) -> None:
    cells = {name.upper().replace(" ", "_"): cell for name, cell in reversed(case.cells.items())}
    export = looked_at(written(tmp_path / "a.csv", replace(case, cells=cells).text), case.declared)
    assert export.known.layout.title == case.title


def test_no_two_meanings_of_a_layout_share_a_column() -> None:
    for one in LAYOUTS:
        groups = [
            *(one.source_url, one.target_url, one.first_seen, one.last_seen, one.lost_at, one.is_lost),
            *(one.lost_reason, one.drop_reason, one.followed, one.rel, one.link_type),
            *(*one.rel_flags.values(), *one.texts.values(), *one.numbers.values()),
            tuple(one.type_flags),
        ]
        names = [folded(name) for group in groups for name in dict.fromkeys(map(folded, group))]
        assert len(names) == len(set(names)), one.title


def ahrefs(tmp_path: Path, **cells: str) -> list[dict[str, object]]:
    case = BY_TITLE["Ahrefs, Site Explorer"]
    changed = case.cells | {name.replace("_", " "): cell for name, cell in cells.items()}
    return events_of(looked_at(written(tmp_path / "a.csv", replace(case, cells=changed).text)))


def test_last_seen_of_ahrefs_is_a_loss_and_of_the_others_a_sighting(tmp_path: Path) -> None:
    at = {"First seen": "2024-01-05", "Last seen": "2024-03-01"}
    for title in ("Ahrefs, Site Explorer", "Semrush, Backlinks"):
        case = BY_TITLE[title]
        cells = case.cells | at | ({"Lost link": ""} if "Lost link" in case.cells else {})
        events = events_of(looked_at(written(tmp_path / "a.csv", replace(case, cells=cells).text)))
        kinds = {one["observed_at"]: one["event"] for one in events}
        last = "lost" if title.startswith("Ahrefs") else "seen"
        assert kinds == {"2024-01-05T00:00:00Z": "discovered", "2024-03-01T00:00:00Z": last}


def test_a_link_of_ahrefs_without_last_seen_lives(tmp_path: Path) -> None:
    assert [one["event"] for one in ahrefs(tmp_path, Last_seen="")] == ["discovered"]
    # One that is told not to be lost lives, whatever date stands there.
    for said in ("false", ""):
        assert [one["event"] for one in ahrefs(tmp_path, Lost=said)] == ["discovered", "seen"]
    # What says neither is no reason to take a date of loss for a sighting.
    (refused,) = ahrefs(tmp_path, Lost="gone in May")
    assert "neither a date nor yes or no: gone in May" in str(refused)


def test_a_date_in_the_lost_column_of_ahrefs_is_the_loss(tmp_path: Path) -> None:
    def told(**cells: str) -> list[tuple[object, object]]:
        return [(one["event"], str(one["observed_at"])[:10]) for one in ahrefs(tmp_path, **cells)[1:]]

    assert told(Lost="2024-05-01") == [("seen", "2024-03-01"), ("lost", "2024-05-01")]
    assert told(Lost="2024-03-01 12:00:00") == [("lost", "2024-03-01")]
    assert told(Lost="2024-05-01", Last_seen="") == [("lost", "2024-05-01")]
    assert told(Lost="true") == [("lost", "2024-03-01")]
    # It settles the order of the days, too.
    assert told(Lost="25/05/2024") == [("seen", "2024-03-01"), ("lost", "2024-05-25")]


def test_a_link_that_is_told_to_be_lost_is_lost_whatever_the_dates_say(tmp_path: Path) -> None:
    case = BY_TITLE["Majestic, Backlinks"]
    dates = {"DateLost": "2024-02-01", "LastSeenDate": "2024-03-01", "FlagDeleted": "+"}
    path = written(tmp_path / "a.csv", replace(case, cells=case.cells | dates).text)
    told = [(one["event"], str(one["observed_at"])) for one in events_of(looked_at(path))]
    assert told[-1] == ("lost", "2024-03-01T00:00:00.000001Z")


@pytest.mark.parametrize(
    ("status", "dropped", "reason"),
    [
        ("404 not found", "", "notfound"),
        ("Noindex", "", "noindex"),
        ("301/302 redirect", "", "pageredirected"),
        ("lostredirect", "", "lostredirect"),
        ("Crawl error", "", "pageerror"),
        ("Link removed", "Low value", "dropped:low_value"),
        ("Something new", "", "dropped:something_new"),
        ("", "", "dropped:unstated"),
        ("true", "", "dropped:unstated"),
        ("", "ünïx" * 40, "dropped:" + "_".join(["n_x"] * 11)[:32].strip("_")),
    ],
)
def test_reasons_of_losses(tmp_path: Path, status: str, dropped: str, reason: str) -> None:
    lost = ahrefs(tmp_path, Lost_status=status, Drop_reason=dropped)[-1]
    assert lost["lost_reason"] == reason


def test_known_reasons_are_those_of_the_contract() -> None:
    contract = {"removedfromhtml", "notfound", "noindex", "notcanonical", "pageredirected", "lostredirect"}
    assert set(LOST_REASONS.values()) == contract | {"pageerror"}
    assert all(folded(name) == name for name in LOST_REASONS)


@pytest.mark.parametrize(
    ("cells", "rel"),
    [
        ({"Nofollow": "false", "UGC": "", "Sponsored": ""}, []),
        ({"Nofollow": "", "UGC": "", "Sponsored": ""}, None),
        ({"Nofollow": "maybe", "UGC": "", "Sponsored": ""}, None),
        ({"Nofollow": "1", "UGC": "yes", "Sponsored": "X"}, ["nofollow", "sponsored", "ugc"]),
    ],
)
def test_rel_is_told_only_where_a_flag_tells(
    tmp_path: Path, cells: dict[str, str], rel: list[str] | None
) -> None:
    assert ahrefs(tmp_path, **cells)[0].get("rel") == rel


def test_formulas_and_links_that_are_none(tmp_path: Path) -> None:
    formula = f'=HYPERLINK("{SOURCE}","text")'
    assert ahrefs(tmp_path, Referring_page_URL=formula)[0]["source_url"] == SOURCE
    assert ahrefs(tmp_path, Anchor="=cmd|' /C calc'!A0")[0]["anchor"] == "=cmd|' /C calc'!A0"
    # Resolved against the source it would be a link that nobody made.
    for target in ("=cmd|' /C calc'!A0", "/path", "shop.example/x"):
        (told,) = ahrefs(tmp_path, Target_URL=target)
        assert target in str(told["refused"])
        assert "event" not in told


def test_a_number_that_is_none_is_kept_as_written(tmp_path: Path) -> None:
    told = ahrefs(tmp_path, Referring_page_HTTP_code="timeout", External_links="99999999999")[0]
    assert "http_code" not in told
    assert told["columns"] == {
        "Domain rating": "71",
        "Referring page HTTP code": "timeout",
        "External links": "99999999999",
    }


def test_the_offset_tells_the_row(tmp_path: Path) -> None:
    rows = [[f"https://b{n}.example/", "a", TARGET] for n in range(5)]
    text = "sep=,\n\n" + csv_text([["Source Url", "Anchor Text", "Target Url"], *rows])
    export = looked_at(written(tmp_path / "a.csv", text), Declared(exported_at_us=10**15))
    lines = lines_of(export)
    for n, (url, _, _) in enumerate(rows):
        row = n + 4  # as a spreadsheet counts them
        (told,) = [line for line in lines[(row - 1) * ROW_LINES : row * ROW_LINES] if line]
        assert json.loads(told)["source_url"] == url
    assert not any(lines[: 3 * ROW_LINES])


@given(data=st.data())
def test_reading_goes_on_anywhere(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("rows")
    cell = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    rows = data.draw(st.lists(st.lists(cell, max_size=5), max_size=6))
    text = csv_text([["Source Url", "Anchor Text", "Target Url"], [SOURCE, "é", TARGET], *rows])
    export = looked_at(written(folder / "a.csv", text), Declared(exported_at_us=10**15))
    lines = lines_of(export)
    assert len(lines) == export.identify()[1]
    first = data.draw(st.integers(0, len(lines)))
    assert lines_of(export, first) == lines[first:]


CELLS = st.lists(
    st.one_of(st.text(max_size=12), st.sampled_from(["2024-01-05", "05/01/2024", "true", SOURCE, "0"])),
    max_size=8,
)


@given(layout=st.sampled_from(LAYOUTS), cells=CELLS, order=st.sampled_from([None, *DateOrder]))
def test_no_row_breaks_the_reader(layout: object, cells: list[str], order: DateOrder | None) -> None:
    case = next(case for case in CASES if case.title == getattr(layout, "title", ""))
    chosen = next(one for one in LAYOUTS if one.title == case.title)
    rules = RowRules(
        chosen, tuple(case.cells), order, 10**15, is_time_given=True, home_url="https://shop.example/"
    )
    padded = (cells + [""] * len(case.cells))[: len(case.cells)]
    for one in (cells, padded):
        lines = RowEvents(rules).lines(2, one)
        assert len(lines) == ROW_LINES
        assert not any(b"\n" in line for line in lines)
        # What was in a row is told somehow, unless nothing was.
        assert any(lines) == any(one)


@given(first=st.integers(0, 400), last=st.integers(0, 400), lost=st.integers(0, 400))
def test_a_row_that_says_lost_ends_lost_unless_seen_on_a_later_day(first: int, last: int, lost: int) -> None:
    """Days since 2024, as cells without a time; the loss wins the day it shares with a sighting."""
    case = BY_TITLE["Moz, Link Explorer"]
    days = [(date(2024, 1, 1) + timedelta(days=one)).isoformat() for one in (first, last, lost)]
    cells = case.cells | dict(zip(("First Seen", "Last Seen", "Date Lost"), days, strict=True))
    layout = next(one for one in LAYOUTS if one.title == case.title)
    rules = RowRules(layout, tuple(cells), None, None, is_time_given=False, home_url=None)
    told = [json.loads(line) for line in RowEvents(rules).lines(2, list(cells.values())) if line]
    times = {one["event"]: parse_date(one["observed_at"], None) for one in told}
    seen = max(at.us for name, at in times.items() if at is not None and name != "lost")
    gone = times["lost"]
    assert gone is not None
    assert (gone.us > seen) == (lost >= max(first, last))
