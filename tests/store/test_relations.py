"""Partners, pages that draw links, and where links come from, beside brute force."""

from __future__ import annotations

import json
import random
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hand_made_store import Store, Story, day

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = "own.org"
CLOCK = 200
OTHERS = ("a.com", "b.de", "c.co.uk", "d.com", "e.de", "10.0.0.1", "localhost")
LANGUAGES = (None, "de", "de-AT", "EN")


@dataclass(frozen=True)
class Link:
    number: int
    source: str
    target: str
    page: str
    first: int
    """Day its first life began."""
    is_live: bool
    is_followed: bool
    language: str | None


def drawn() -> list[Link]:
    chance = random.Random(66)
    links = []
    for number in range(1, 241):
        other = chance.choice(OTHERS)
        is_out = number % 3 == 0 and other not in {"a.com", "localhost"}
        links.append(
            Link(
                number,
                OWN if is_out else other,
                other if is_out else OWN,
                f"/p{chance.randrange(6)}",
                chance.choice((5, 20, 50, 90, 150, 180, 199)) + (number % 7 if other != "d.com" else 0),
                chance.random() < (0.6 if other != "e.de" else 0.1),
                chance.random() < 0.5,
                chance.choice(LANGUAGES),
            )
        )
    return links


LINKS = [link for link in drawn() if link.first <= CLOCK]
IN = [link for link in LINKS if link.target == OWN]
OUT = [link for link in LINKS if link.source == OWN]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    story = Story()
    for link in LINKS:
        told = {"semantic_location": "content"} | ({"language": link.language} if link.language else {})
        story.link(
            link.number, f"{link.source}/{link.number}", link.target + link.page, attributes=json.dumps(told),
            rel="" if link.is_followed else "nofollow", attributes_at=day(link.first),
        )  # fmt: skip
        ended = {"lost_at": day(200), "confirmed_at": day(200), "lost_reason": "notfound"}
        story.life(link.number, day(link.first), **({} if link.is_live else ended))
        status = 1 if link.is_live else 3
        story.state(link.number, status, started_at=day(link.first), last_seen=day(link.first))
    with Store(tmp_path_factory.mktemp("relations") / "a.duckdb") as one:
        one.put(story.domains(OWN, *OTHERS), day(CLOCK))
        yield one


def by(store: Store, macro: str, key: str) -> dict[Any, dict[str, Any]]:
    return {row[key]: row for row in store.dicts(f"FROM {macro}('{OWN}')")}


def reciprocal() -> set[str]:
    return {link.source for link in IN if link.is_live} & {link.target for link in OUT if link.is_live}


def test_reciprocal_links_are_those_that_go_both_ways(store: Store) -> None:
    rows = by(store, "reciprocal_links", "other_domain")
    assert rows.keys() == reciprocal()
    for name, row in rows.items():
        into = [link for link in IN if link.is_live and link.source == name]
        out = [link for link in OUT if link.is_live and link.target == name]
        assert (row["backlinks"], row["outgoing_links"]) == (len(into), len(out))
        both = [any(link.is_followed for link in side) for side in (into, out)]
        assert row["is_dofollow_both"] == all(both)
        assert row["links_here_since"] == day(min(link.first for link in into))
    # Seen from the other side it is the same.
    for name, row in rows.items():
        other = store.dicts(f"FROM reciprocal_links('{name}') WHERE other_domain = '{OWN}'")
        assert [(one["backlinks"], one["outgoing_links"]) for one in other] == [
            (row["outgoing_links"], row["backlinks"])
        ]


def test_partners_came_back_or_are_linked_to(store: Store) -> None:
    rows = by(store, "partners", "source_domain")
    wanted = {}
    for name in {link.source for link in IN}:
        firsts = sorted(link.first for link in IN if link.source == name)
        episodes = 1 + sum(later - before > 30 for before, later in pairwise(firsts))
        if episodes >= 2 or name in reciprocal():
            wanted[name] = (episodes, len(firsts), name in reciprocal())
    assert {
        name: (row["episodes"], row["links_ever"], row["is_reciprocal"]) for name, row in rows.items()
    } == wanted


def test_pages_are_ordered_by_what_links_to_them(store: Store) -> None:
    pages: defaultdict[str, list[Link]] = defaultdict(list)
    for link in IN:
        pages[f"https://{OWN}{link.page}"].append(link)
    best = by(store, "best_by_links", "target_url")
    new = by(store, "best_by_new_links_30d", "target_url")
    rates = {}
    for url, of in pages.items():
        live = [link for link in of if link.is_live]
        firsts: dict[str, int] = {}
        for link in of:
            firsts[link.source] = min(link.first, firsts.get(link.source, link.first))
        fresh = (
            sum(link.first > CLOCK - 30 for link in of),
            sum(first > CLOCK - 30 for first in firsts.values()),
        )
        if live:
            row = best[url]
            assert (row["backlinks"], row["refdomains"]) == (len(live), len({link.source for link in live}))
            assert row["dofollow_backlinks"] == sum(link.is_followed for link in live)
            assert (row["new_links_30d"], row["new_refdomains_30d"]) == fresh
        assert (url in new) == (fresh[0] > 0)
        rates[url] = len(firsts) / max(CLOCK - min(firsts.values()), 1)
    assert best.keys() == {url for url, of in pages.items() if any(link.is_live for link in of)}
    order = [(row["refdomains"], row["backlinks"]) for row in best.values()]
    assert order == sorted(order, reverse=True)
    middle = statistics.median(rates.values())
    magnets = by(store, "link_magnets", "target_url")
    assert {url: row["refdomains_per_day"] for url, row in magnets.items()} == pytest.approx(
        {url: rate for url, rate in rates.items() if rate > middle}
    )
    assert [row["median_per_day"] for row in magnets.values()] == [pytest.approx(middle)] * len(magnets)
    assert magnets


def test_pages_are_found_by_their_first_links(store: Store) -> None:
    rows = by(store, "discovery", "target_url")
    for url, row in rows.items():
        of = [link for link in IN if f"https://{OWN}{link.page}" == url]
        followed = [link.first for link in of if link.is_followed]
        assert row["first_link_at"] == day(min(link.first for link in of))
        assert row["first_dofollow_at"] == (day(min(followed)) if followed else None)
        first = {
            f"https://{link.source}/{link.number}" for link in of if day(link.first) == row["first_link_at"]
        }
        assert row["first_source_url"] in first
    assert len(rows) == len({link.page for link in IN})


def test_shares_of_origins_sum_up_to_one(store: Store) -> None:
    rows = store.dicts(f"FROM link_origins('{OWN}')")
    live = [link for link in IN if link.is_live]
    languages = Counter(link.language and link.language.lower().partition("-")[0] for link in live)
    suffixes = Counter(
        None if link.source in {"10.0.0.1", "localhost"} else link.source.rpartition(".")[2] for link in live
    )
    found: defaultdict[str, dict[str | None, int]] = defaultdict(dict)
    for row in rows:
        found[row["dimension"]][row["name"]] = row["backlinks"]
    assert found["language"] == dict(languages)
    assert found["tld"] == dict(suffixes)
    assert found["semantic_location"] == {"content": len(live)}
    assert found["link_type"] == {None: len(live)}
    for dimension in found:
        of = [row for row in rows if row["dimension"] == dimension]
        assert sum(row["share"] for row in of) == pytest.approx(1)
        known = [row["known_share"] for row in of if row["name"] is not None]
        assert sum(known) == pytest.approx(1 if known else 0)
        assert all(row["known_share"] is None for row in of if row["name"] is None)


def test_of_a_domain_nobody_knows_nothing_is_said(store: Store) -> None:
    macros = (
        *("reciprocal_links", "partners", "best_by_links", "best_by_new_links_30d", "link_magnets"),
        *("discovery", "link_origins"),
    )
    for macro in macros:
        assert store.all(f"FROM {macro}('nobody.org')") == []
