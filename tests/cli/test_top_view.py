from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from linktide.cli.top_view import SYNTHETIC_LINE, top_view

NOW = datetime(2026, 1, 31, 23, 0, tzinfo=UTC)
TEXT = st.text(max_size=60)
NUMBER = st.none() | st.integers(0, 10**12) | st.floats(0, 1e9)
TRACKED = st.fixed_dictionaries(
    {},
    optional={
        "domain": TEXT,
        "role": st.sampled_from(["own", "rival"]),
        "live_links": NUMBER,
        "refdomains": NUMBER,
        "new_today": NUMBER,
        "lost_today": NUMBER,
        "authority": NUMBER,
        "authority_note": st.none() | TEXT,
    },
)
NEWEST = st.fixed_dictionaries(
    {},
    optional={
        "observed_at": st.none() | TEXT,
        "change": st.sampled_from(["new", "lost", "restored"]) | TEXT,
        "source_url": TEXT,
        "target_url": TEXT,
        "anchor": st.none() | TEXT,
    },
)
TOLD = st.fixed_dictionaries(
    {},
    optional={
        "tracked": st.lists(TRACKED, max_size=40),
        "newest": st.lists(NEWEST, max_size=40),
        "lag": NUMBER,
        "events_per_second": NUMBER,
        "freshness_p99_seconds": NUMBER,
        "dead_letters": NUMBER,
        "live_links_total": NUMBER,
        "is_synthetic": st.booleans(),
        "note": TEXT,
    },
)
EXAMPLE: dict[str, object] = {
    "tracked": [
        {
            "domain": "harbour-bakery.example",
            "role": "own",
            "live_links": 1544,
            "refdomains": 812,
            "new_today": 31,
            "lost_today": 4,
            "authority": 61.25,
        },
        {
            "domain": "corner-loaf.test",
            "role": "rival",
            "live_links": 90,
            "refdomains": 12,
            "new_today": 0,
            "lost_today": 0,
            "authority": None,
            "authority_note": "graph too small",
        },
    ],
    "newest": [
        {
            "observed_at": "2026-01-31T13:00:00.123+01:00",
            "change": "new",
            "source_url": "https://ivory-draft.test/archive/357",
            "target_url": "https://harbour-bakery.example/",
            "anchor": "\x1b[2Jfresh bread",
        }
    ],
    "lag": 12,
    "events_per_second": 119.6,
    "freshness_p99_seconds": 0.834,
    "dead_letters": 0,
    "live_links_total": 33859,
    "is_synthetic": True,
}


def drawn(told: dict[str, object], width: int = 80, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    with console.capture() as capture:
        console.print(top_view(told, height, NOW))
    return capture.get().splitlines()


@given(TOLD)
def test_a_frame_fits_80_by_24_whatever_the_data(told: dict[str, object]) -> None:
    lines = drawn(told)
    assert len(lines) <= 24
    assert not any("\x1b" in line or "\x07" in line for line in lines)


@pytest.mark.parametrize("height", [10, 24, 60])
def test_rows_fill_the_height_and_no_more(height: int) -> None:
    row = {"change": "new", "source_url": "https://a.example/", "target_url": "https://b.example/"}
    told: dict[str, object] = {
        "tracked": [{"domain": f"d{n}.example"} for n in range(100)],
        "newest": [row] * 100,
    }
    assert len(drawn(told, height=height)) == max(height, 12)


def test_a_frame_shows_what_it_is_told() -> None:
    text = "\n".join(drawn(EXAMPLE, width=120))
    for part in (
        SYNTHETIC_LINE,
        "live links 33,859",
        "events/s 120",
        "lag 12",
        "p99 0.83 s",
        "dead letters 0",
        "harbour-bakery.example",
        "1,544",
        "812",
        "61.2",
        "corner-loaf.test (rival)",
        "graph too small",
        "12:00:00",
        "ivory-draft.test/archive/357",
        "\\x1b[2Jfresh bread",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("observed_at", "shown"),
    [
        ("2026-01-31T23:30:00+23:00", "00:30:00"),
        ("2026-01-30T23:59:59Z", "2026-01-30"),
        ("2026-01-31T12:00:00", "12:00:00"),
        ("yesterday", "-"),
        (None, "-"),
    ],
)
def test_a_link_of_today_shows_its_time_and_an_older_one_its_day(observed_at: str | None, shown: str) -> None:
    lines = drawn(
        {"newest": [{"observed_at": observed_at, "change": "new", "source_url": "a", "target_url": "b"}]}
    )
    assert lines[-1].split()[0] == shown


def test_only_synthetic_data_is_called_synthetic() -> None:
    assert "SYNTHETIC" not in "\n".join(drawn(EXAMPLE | {"is_synthetic": False}))


def test_without_data_the_frame_says_what_to_do() -> None:
    text = "\n".join(drawn({}))
    assert "set tracked_domains" in text
    assert "lag -" in text
    assert "the store is opening" in "\n".join(drawn({"note": "the store is opening"}))
