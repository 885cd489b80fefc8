"""Bursts and points of toxicity, and all of it beside brute force."""

# ruff: noqa: S608 - SQL of the test's own

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hand_made_store import Store, micros
from told_links import OWN, link, state_of
from toxic_kit import MONEY, TWINS, store_of, told, with_values

from examples import seeds
from linktide.mine.files import MARKERS
from oracle import toxic_views
from oracle.events import DAY_US
from oracle.mine import Mine
from oracle.toxic_views import POINTS, Known

if TYPE_CHECKING:
    from pathlib import Path

    from oracle.model import Link

BAD = {"hidden": "true"}
GOOD = {"hidden": "false"}
BY_HIDDEN = dict.fromkeys(POINTS, 0) | {"hidden": 40, "burst_member": 10}
"""Points by which a hidden link is toxic, and half of the markers is told."""


def wave(at: int, bad: int, good: int = 0) -> list[Link]:
    # Keys of domains are made of the last seven letters alone.
    return [
        link(f"{at}x{n}/", begun=at + n / 1_000, values=BAD if n < bad else GOOD) for n in range(bad + good)
    ]


@pytest.mark.parametrize(
    ("before", "last", "wanted"),
    [
        ([], (20, 19), True),
        ([], (20, 20), False),
        ([], (19, 0), False),
        # 28 toxic in 28 days: more than 5 times 1 a day; 112 in 28 days are 4 a day.
        ([(30, 28), (2, 0)], (20, 0), True),
        ([(30, 112), (2, 0)], (20, 0), False),
        ([(30, 111), (2, 0)], (20, 0), True),
        # More than 28 days ago: no part of the mean.
        ([(21, 500)], (20, 0), True),
        ([(22, 500)], (20, 0), False),
    ],
)
def test_a_burst_is_many_toxic_links_of_a_day(
    tmp_path: Path, before: list[tuple[int, int]], last: tuple[int, int], *, wanted: bool
) -> None:  # fmt: skip
    links = [link("first.com/", begun=1, values=GOOD)]
    for at, bad in before:
        links += wave(at, bad)
    links += wave(50, *last)
    found = told(tmp_path, "burst_member", links, Known(points=BY_HIDDEN))
    assert set(found[-sum(last) :]) == {wanted}


def test_a_burst_needs_a_week_before_it(tmp_path: Path) -> None:
    for first, wanted in ((43, True), (43.5, True), (44, None)):
        links = [link("first.com/", begun=first, values=GOOD), *wave(50, 20)]
        assert told(tmp_path, "burst_member", links, Known(points=BY_HIDDEN)) == [None, *[wanted] * 20]
        (tmp_path / "a.duckdb").unlink()


def test_toxicity_wants_half_of_the_markers_and_ends_at_100(tmp_path: Path) -> None:
    all_bad = {
        "links_external": "900", "words": "10", "anchor": "buy shoes", "source_kind": "forum", "rel": "",
        "hidden": "true", "noindex": "true", "language": "de", "semantic_location": "content",
    }  # fmt: skip
    half = {
        name: all_bad[name]
        for name in ("links_external", "words", "hidden", "noindex", "semantic_location", "language")
    }
    less = {name: text for name, text in half.items() if name != "noindex"}
    known = Known(Mine(terms=MONEY), blocklist=frozenset({"s0.com"}), points={"noindex": 60})
    with store_of(
        tmp_path, with_values(all_bad, half, less), known, {f"{OWN}/": {"language": "en"}}
    ) as store:
        rows = store.all(
            f"SELECT source_domain, toxicity, markers_evaluated, markers_fired FROM link_toxicity('{OWN}')"
        )
        found = {row[0]: row[1:] for row in rows}
    fired = [
        "link_farm_page",
        "money_anchor",
        "ugc_dofollow",
        "lang_mismatch",
        "hidden",
        "noindex",
        "blocklisted",
    ]
    assert found["s0.com"] == (100, 8, fired)
    # In content with a hundred links and more it is a directory, whose links are no ugc.
    assert found["s1.com"] == (15 + 5 + 5 + 60, 7, ["link_farm_page", "lang_mismatch", "hidden", "noindex"])
    assert found["s2.com"] == (25, 6, ["link_farm_page", "lang_mismatch", "hidden"])
    (tmp_path / "a.duckdb").unlink()
    with store_of(tmp_path, with_values(less), Known(points={"noindex": 60})) as store:
        query = f"SELECT toxicity, markers_evaluated, markers_fired FROM link_toxicity('{OWN}')"
        assert store.all(query) == [(None, 4, ["link_farm_page", "hidden"])]


def test_with_all_markers_switched_off_nothing_is_said(tmp_path: Path) -> None:
    told = {"hidden": "true", "noindex": "true"}
    with store_of(tmp_path, with_values(told), Known(points=dict.fromkeys(POINTS, 0))) as store:
        query = f"SELECT toxicity, markers_evaluated, markers_fired FROM link_toxicity('{OWN}')"
        assert store.all(query) == [(None, 0, [])]
        assert store.all(f"FROM toxic_links('{OWN}')") == []


def test_twins_may_be_named_twice_or_not_at_all(tmp_path: Path) -> None:
    with store_of(tmp_path, with_values({"hidden": "true"}, {"hidden": "false"})) as store:
        named = (
            "[{'source_domain': 's0.com', 'has_twin': false}, {'source_domain': 's0.com', 'has_twin': true}]"
        )
        query = f"SELECT source_domain, twin_profile FROM link_toxicity('{OWN}', twins := {{}}) ORDER BY ALL"
        assert store.all(query.format(named)) == [("s0.com", True), ("s1.com", None)]
        assert store.all(query.format("NULL")) == [("s0.com", None), ("s1.com", None)]


def test_the_markers_are_those_a_file_may_name(tmp_path: Path) -> None:
    with store_of(tmp_path, [], Known(points={"hidden": 0, "sitewide": 33})) as store:
        rows = store.all("SELECT marker, points, is_yours, built_in_points FROM toxicity_markers")
    assert tuple(row[0] for row in rows) == MARKERS == tuple(POINTS)
    assert {row[0]: row[1] for row in rows} == POINTS | {"hidden": 0, "sitewide": 33}
    assert {row[0] for row in rows if row[2]} == {"hidden", "sitewide"}
    assert {row[0]: row[3] for row in rows} == POINTS


FACTS: dict[str, tuple[str, ...]] = {
    "semantic_location": ("content", "footer", "footer", "aside", "nav"),
    "anchor": ("", "buy shoes", "Buy shoes!", "own", "www.shoes.org"),
    "alt": ("buy shoes",),
    "rel": ("", "nofollow", "ugc", "sponsored", "noopener"),
    "links_external": ("7", "100", "101", "300"),
    "words": ("0", "50", "1010", "9000"),
    "ip_source": ("10.0.0.1", "10.0.0.9", "10.0.1.1", "2001:db8::1", "10.0.0"),
    "language": ("en", "en-GB", "de", "DE-at"),
    "hidden": ("true", "false"),
    "noindex": ("true", "false"),
    "source_kind": ("comment", "forum", "directory", "profile", "editorial"),
}


def drawn(seed: int) -> tuple[list[Link], Known, dict[str, dict[str, Any]]]:
    """Draw links to the domain and from those that link to it, and what is known beside them."""
    chance = random.Random(seed)
    links: dict[tuple[str, str], Link] = {}
    share = chance.choice((0.4, 0.8))

    def add(source: str, target: str, begun: float) -> None:
        values = {name: chance.choice(of) for name, of in FACTS.items() if chance.random() < share}
        one = link(source, target, begun, values, is_live=chance.random() < 0.9)
        links[one.source_url, one.target_url] = one

    for _ in range(260):
        begun = chance.choice(
            (1, 20, 60.25, chance.uniform(60, 90.4), chance.uniform(1, 90.4), 77 + chance.random())
        )
        add(
            f"s{chance.randrange(24)}.com/{chance.randrange(7)}",
            f"{OWN}/{chance.choice(('', 'b', 'c', 'd'))}",
            begun,
        )
    for number in range(24):
        base = 10 * (number // 4)
        for target in range(base, base + chance.randrange(8, 16)):
            add(f"s{number}.com/", f"t{target}.com/", 5)
    scores = {f"s{n}.com": (chance.uniform(0, 80), chance.choice((0.0, 4.0, 12.0))) for n in range(20)}
    known = Known(
        Mine(terms=MONEY if seed % 2 else ()),
        scores,
        {f"https://{OWN}/": "en-US", f"https://{OWN}/b": "de"},
        frozenset({"s1.com", "s3.com"}) if seed % 3 else None,
        {"hidden": 30, "noindex": 25, "ugc_dofollow": 0} if seed % 2 else {},
        with_twins=seed % 4 != 0,
    )
    return list(links.values()), known, {f"{OWN}/": {"language": "en-US"}, f"{OWN}/b": {"language": "de"}}


@seeds(4)
def test_all_of_it_equals_the_brute_force(tmp_path: Path, seed: int) -> None:
    links, known, pages = drawn(seed)
    state, arguments = state_of(links), TWINS if known.with_twins else ""
    with store_of(tmp_path, links, known, pages) as store:
        columns = ", ".join(
            ("source_url, target_url, source_domain, toxicity, markers_evaluated, markers_fired", *POINTS)
        )
        shown = store.all(f"SELECT {columns} FROM link_toxicity('{OWN}'{arguments})")
        wanted = toxic_views.link_toxicity(state, OWN, known)
        assert sorted(shown, key=repr) == sorted(wanted, key=repr)
        bad = store.all(f"SELECT {columns} FROM toxic_links('{OWN}'{arguments})")
        assert bad == [row for row in shown if row[3] is not None and row[3] >= 40]
        of_domains = store.all(f"FROM toxicity('{OWN}'{arguments})")
        assert sorted(of_domains) == sorted(toxic_views.toxicity(state, OWN, known))
        assert store.all(f"FROM quality_score('{OWN}'{arguments})") == [
            toxic_views.quality_score(state, OWN, known)
        ]
        shown_twins = dict(store.all(f"SELECT source_domain, has_twin FROM twin_profiles('{OWN}')"))
        assert shown_twins == toxic_views.twins(state, OWN)
        gained = store.all(
            "SELECT day_number, epoch_us(from_at), epoch_us(until_at), gained_links, rated_links, "
            f"toxic_links FROM toxic_links_gained('{OWN}')"
        )
        assert gained == toxic_views.toxic_links_gained(state, OWN, known)
        for day in range(29):
            worst = store.all(
                "SELECT source_url, target_url, source_domain, epoch_us(started_at), toxicity, markers_fired "
                f"FROM toxic_links_of_day('{OWN}', {day})"
            )
            assert sorted(worst) == sorted(toxic_views.toxic_links_of_day(state, OWN, known, day))
            assert [row[4] for row in worst] == sorted((row[4] for row in worst), reverse=True)
            assert len(worst) == (gained[day][5] or 0)
    assert len(gained) == 29
    assert bad
    assert shown_twins


def test_days_end_with_the_hour_of_the_clock(tmp_path: Path) -> None:
    # The newest event is of 12:00 on day 90: 29 days before the end of its hour is 13:00 on day 61.
    edges = {
        61 + 13 / 24: 28,
        61 + 13 / 24 - 1e-6: None,
        62 + 13 / 24: 27,
        89 + 13 / 24: 0,
        89 + 13 / 24 - 1e-6: 1,
        90.5: 0,
    }
    links = [link(f"s{n}.com/", begun=at, values=BAD) for n, at in enumerate(edges)]
    with store_of(tmp_path, links, Known(points=BY_HIDDEN)) as store:
        rows = store.dicts(f"FROM toxic_links_gained('{OWN}')")
        clock = store.all("SELECT clock FROM internal.writer")[0][0]
    counts = {row["day_number"]: row["gained_links"] for row in rows if row["gained_links"]}
    days = [day for day in edges.values() if day is not None]
    assert counts == {day: days.count(day) for day in days}
    assert {row["day_number"]: row["toxic_links"] for row in rows if row["toxic_links"]} == counts
    assert rows[0]["until_at"] == clock.replace(minute=0) + timedelta(hours=1)
    assert all(micros(row["until_at"]) - micros(row["from_at"]) == DAY_US for row in rows)


def test_of_links_that_cannot_be_rated_no_day_is_said_to_be_clean(tmp_path: Path) -> None:
    with store_of(tmp_path, [link("s.com/", begun=90)]) as store:
        rows = store.all(f"SELECT gained_links, rated_links, toxic_links FROM toxic_links_gained('{OWN}')")
        assert rows == [(1, 0, None), *[(0, 0, 0)] * 28]
        assert store.all(f"FROM quality_score('{OWN}')") == [(1, 0, None)]


def test_of_a_domain_nobody_knows_nothing_is_said(tmp_path: Path) -> None:
    with store_of(tmp_path, [link("s.com/")]) as store:
        for macro in ("link_toxicity", "toxic_links", "toxicity"):
            assert store.all(f"FROM {macro}('nobody.org'{TWINS})") == []
        assert store.all("FROM quality_score('nobody.org')") == [(0, 0, None)]


def test_before_the_first_event_there_are_no_days(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        assert store.all(f"FROM toxic_links_gained('{OWN}')") == []
