"""Who comes over links, beside brute force."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hand_made_store import Store, Story, day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST = date(2026, 10, 1)
CHANNELS = (None, "social", "referral", "crawler")


@dataclass(frozen=True)
class Visit:
    """What a source tells of a link's day; newer tellings replace it."""

    link: int
    day: int
    source: int
    told_at: int
    visits: int
    channel: str | None
    conversions: int | None


LIVE = {number: number % 4 != 0 for number in range(1, 41)}
"""Link → whether it lives; links above 40 are in referrals alone."""
UNKNOWN = range(41, 46)


def source_of(number: int) -> str:
    return f"www.s{number % 6}.com" if number in UNKNOWN else f"s{number % 6}.com"


def drawn() -> list[Visit]:
    chance = random.Random(64)
    return [
        Visit(
            chance.choice([*range(1, 31), *UNKNOWN]),
            chance.randrange(20),
            chance.choice((1, 2)),
            told_at,
            chance.randrange(9),
            chance.choice(CHANNELS),
            chance.choice((None, 1, 2)),
        )
        for told_at in range(300)
    ]


TOLD = drawn()


def daily() -> dict[tuple[int, int, bool], Visit]:
    """Fold what was told: the newest of each source, then the most of any source, crawlers apart."""
    newest: dict[tuple[int, int, int], Visit] = {}
    for visit in TOLD:
        newest[visit.link, visit.day, visit.source] = visit
    most: dict[tuple[int, int, bool], Visit] = {}
    for visit in newest.values():
        key = visit.link, visit.day, visit.channel == "crawler"
        most[key] = max(visit, most.get(key, visit), key=rank)
    return most


def rank(visit: Visit) -> tuple[int, tuple[bool, int], tuple[bool, str]]:
    # DuckDB has null above all in a struct.
    none_conversions = visit.conversions is None, visit.conversions or 0
    return visit.visits, none_conversions, (visit.channel is None, visit.channel or "")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    story = Story()
    for number, is_live in LIVE.items():
        ended = {} if is_live else {"lost_at": day(15), "confirmed_at": day(15), "lost_reason": "notfound"}
        story.link(
            number,
            f"{source_of(number)}/{number}",
            "a.org/",
            rel="ugc" if number % 2 else "",
            attributes_at=day(5),
        )
        story.life(number, day(5), **ended)
        story.state(number, 1 if is_live else 3, started_at=day(5), last_seen=day(5))
    # Of another domain that ends alike, and from the domain itself.
    others = [("x.com", "ba.org"), ("blog.a.org", "a.org")]
    for off, visit in enumerate(TOLD):
        extra = {"channel": visit.channel, "conversions": visit.conversions}
        told = (
            json.dumps({name: value for name, value in extra.items() if value is not None})
            if any(extra.values())
            else None
        )
        common = {"observed_at": day(21) + timedelta(seconds=visit.told_at), "record_at": day(22), "off": off}
        sides = [(visit.link, source_of(visit.link), "www.a.org" if visit.link in UNKNOWN else "a.org")]
        sides += [(90 + place, *pair) for place, pair in enumerate(others)]
        for link, source, target in sides:
            story.add(
                "referrals", link_id=link, source_key=link, target_key=1, source_url=f"https://{source}/{link}",
                target_url=f"https://{target}/", day=FIRST + timedelta(days=visit.day), visits=visit.visits,
                source_id=visit.source, extra=told, **common,
            )  # fmt: skip
    with Store(tmp_path_factory.mktemp("visits") / "a.duckdb") as one:
        one.put(story, day(22), offsets=(None, 1))
        second = (
            "INSERT INTO internal.source_offsets BY NAME SELECT * REPLACE (2 AS source_id, 'other' AS topic)"
        )
        one.all(f"{second} FROM internal.source_offsets WHERE source_id = 1")
        yield one


def visits_of(number: int, from_day: int = 0) -> list[Visit]:
    return [
        visit
        for (link, at, is_crawler), visit in daily().items()
        if link == number and not is_crawler and at >= from_day
    ]


@pytest.mark.parametrize("from_day", [0, 10])
def test_links_by_visits_are_those_of_brute_force(store: Store, from_day: int) -> None:
    since = f", from_day := '{FIRST + timedelta(days=from_day)}'" if from_day else ""
    rows = {row["link_id"]: row for row in store.dicts(f"FROM links_by_visits('a.org'{since})")}
    told = {number: visits_of(number, from_day) for number in [*LIVE, *UNKNOWN]}
    assert rows.keys() == {number for number in told if told[number] or LIVE.get(number)}
    for number, row in rows.items():
        of = told[number]
        assert row["visits"] == sum(visit.visits for visit in of)
        conversions = [visit.conversions for visit in of if visit.conversions is not None]
        assert row["conversions"] == (sum(conversions) if conversions else None)
        assert (row["is_known"], row["is_live"]) == (number in LIVE, LIVE.get(number, False))
        days = [visit.day for visit in of]
        assert row["first_day"] == (FIRST + timedelta(days=min(days)) if days else None)
    coverage = store.dicts(f"FROM referral_coverage('a.org'{since})")[0]
    total = sum(visit.visits for of in told.values() for visit in of)
    unmatched = sum(visit.visits for number in UNKNOWN for visit in told[number])
    assert (coverage["visits"], coverage["unmatched_visits"]) == (total, unmatched)
    assert coverage["unmatched_share"] == pytest.approx(unmatched / total)
    silent = [
        number for number, lives in LIVE.items() if lives and not sum(visit.visits for visit in told[number])
    ]
    assert (coverage["live_links"], coverage["silent_links"]) == (sum(LIVE.values()), len(silent))
    assert coverage["silent_share"] == pytest.approx(len(silent) / sum(LIVE.values()))


@pytest.mark.parametrize("days", [None, (0, 9), (4, 4)])
def test_diversification_is_one_over_the_sum_of_squares(store: Store, days: tuple[int, int] | None) -> None:
    low, high = days or (0, 1_000)
    since = [FIRST + timedelta(days=at) for at in days or ()]
    bounds = ", from_day := '{}', to_day := '{}'".format(*since) if days else ""
    visits = [visit for visit in daily().values() if visit.channel != "crawler" and low <= visit.day <= high]
    wanted = {
        "links": Counter(source_of(number) for number, lives in LIVE.items() if lives),
        "visits": Counter[str](),
        "channels": Counter[str](),
    }
    for visit in visits:
        wanted["visits"][source_of(visit.link).removeprefix("www.")] += visit.visits
        wanted["channels"][visit.channel or "unknown"] += visit.visits
    rows = {row["dimension"]: row for row in store.dicts(f"FROM diversification('a.org'{bounds})")}
    assert rows.keys() == wanted.keys()
    for name, counts in wanted.items():
        shares = [count / counts.total() for count in counts.values() if count]
        row = rows[name]
        assert (row["members"], row["total"]) == (len(shares), counts.total())
        assert row["effective_members"] == pytest.approx(1 / sum(share * share for share in shares))
        assert row["top_share"] == pytest.approx(max(shares))
        assert counts[row["top_member"]] == max(counts.values())


def test_visits_by_age_and_first_crawls_are_those_of_brute_force(store: Store) -> None:
    buckets: defaultdict[tuple[Any, Any], list[Visit]] = defaultdict(list)
    for visit in daily().values():
        if visit.channel != "crawler" and visit.link in LIVE:
            age = visit.day - 5
            buckets[(None, -1) if age < 0 else (0, 6) if age < 7 else (7, 29)].append(visit)
    rows = store.dicts("FROM visits_by_link_age('a.org')")
    assert {(row["from_days"], row["to_days"]): (row["links"], row["visits"]) for row in rows} == {
        bounds: (len({visit.link for visit in of}), sum(visit.visits for visit in of))
        for bounds, of in buckets.items()
    }
    crawls: defaultdict[int, list[int]] = defaultdict(list)
    for visit in daily().values():
        if visit.channel == "crawler" and visit.visits and visit.day >= 5:
            crawls[visit.link].append(visit.day)
    found = {row["link_id"]: row["days_to_first_crawl"] for row in store.dicts("FROM first_crawls('a.org')")}
    assert found == {number: min(crawls[number]) - 5 if crawls[number] else None for number in LIVE}


def test_without_visits_nothing_is_said(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as one:
        story = (
            Story()
            .link(1, "s.com/", "a.org/")
            .life(1, day(1))
            .state(1, 1, started_at=day(1), last_seen=day(1))
        )
        one.put(story, day(2))
        assert [row["visits"] for row in one.dicts("FROM links_by_visits('a.org')")] == [None]
        coverage = one.dicts("FROM referral_coverage('a.org')")[0]
        assert (coverage["visits"], coverage["unmatched_share"], coverage["silent_share"]) == (
            None,
            None,
            None,
        )
        rows = {row["dimension"]: row for row in one.dicts("FROM diversification('a.org')")}
        assert (rows["visits"]["effective_members"], rows["visits"]["total"]) == (None, None)
        assert (rows["links"]["effective_members"], rows["links"]["top_member"]) == (1, "s.com")
        assert one.all("FROM first_crawls('a.org')") == one.all("FROM visits_by_link_age('a.org')") == []
