"""What links bring more links, whom to ask for one, and one's own pages, beside brute force."""

# ruff: noqa: S608 - statements of the test's own

from __future__ import annotations

import json
import math
import random
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hand_made_store import Store, Story, day, domain_key

from oracle.mine import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = "own.org"
RIVALS = ("rival.com", "rival.net", "rival.org")
CLOCK = 120
OTHERS = tuple(f"s{number}.com" for number in range(30))
TERMS = ("Red shoes", "Große Schuhe")
TITLE = "Shoes & boots"
TEXTS = ("", "red shoes", "The boots, große", "hats", "Rote Schuhe", "shoes")
BROKEN = {"rival.com/p1": 404, "rival.net/p0": 0, "own.org/p2": 410, "rival.org/p2": 200}


@dataclass(frozen=True)
class Link:
    number: int
    source: str
    target: str
    page: str
    first: float
    is_live: bool
    is_followed: bool
    acquisition: str
    is_social: bool
    text: str | None


def drawn() -> list[Link]:
    chance, texts = random.Random(79), random.Random(80)
    return [
        Link(
            number,
            chance.choice((*OTHERS, "rival.com")) if number % 40 else "other.edu",
            chance.choice((OWN, *RIVALS)),
            f"/p{chance.randrange(4)}",
            chance.choice((1.0, 30.0, 44.0, 60.5, 61.0, 90.0, 110.0)) + chance.randrange(5),
            chance.random() < 0.6,
            chance.random() < 0.6,
            chance.choice(("natural", "manual")),
            chance.random() < 0.2,
            texts.choice(TEXTS) if texts.random() < 0.3 else None,
        )
        for number in range(1, 301)
    ]


LINKS = [link for link in drawn() if link.source != link.target]
LINKS.append(
    replace(LINKS[0], number=301, source="other.edu", target=OWN, page="/", is_live=False, text=None)
)
SCORES = {name: 3.0 * number for number, name in enumerate(OTHERS)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    story = Story()
    for link in LINKS:
        told = {"acquisition": link.acquisition, "source_kind": "social" if link.is_social else "editorial"}
        told |= {} if link.text is None else {"title": link.text}
        story.link(
            link.number, f"{link.source}/{link.number}", link.target + link.page, attributes=json.dumps(told),
            rel="" if link.is_followed else "nofollow", attributes_at=day(link.first),
        )  # fmt: skip
        ended = {"lost_at": day(CLOCK), "confirmed_at": day(CLOCK), "lost_reason": "notfound"}
        story.life(link.number, day(link.first), **({} if link.is_live else ended))
        story.state(
            link.number, 1 if link.is_live else 3, started_at=day(link.first), last_seen=day(link.first)
        )
    keys = {link["target_url"]: link["target_key"] for link in story.records["links"]}
    for off, (url, code) in enumerate(BROKEN.items()):
        story.add(
            "target_status", target_key=keys[f"https://{url}"], target_url=f"https://{url}", http_code=code,
            observed_at=day(100), record_at=day(100), source_id=1, off=off,
        )  # fmt: skip
    story.add(
        "target_status", target_key=keys["https://rival.net/p1"], target_url="https://rival.net/p1",
        http_code=404, observed_at=day(99), record_at=day(99), source_id=1, off=90,
    ).add(
        "target_status", target_key=keys["https://rival.net/p1"], target_url="https://rival.net/p1",
        observed_at=day(100), record_at=day(100), source_id=1, off=91, extra='{"title": "T"}',
    )  # fmt: skip
    story.page(keys[f"https://{OWN}/"], day(100), 92, extra=json.dumps({"title": TITLE}))
    for name, authority in SCORES.items():
        scored = {"domain_key": domain_key(name), "scored_at": day(CLOCK), "trust_mass": 0.0, "trust": 0.0}
        story.add("domain_scores", citation=1.0, authority=authority, **scored)
    with Store(tmp_path_factory.mktemp("prospects") / "a.duckdb") as one:
        one.put(story.domains(OWN, *RIVALS, *OTHERS), day(CLOCK))
        one.all("INSERT INTO internal.blocklist VALUES ('s3.com', 'list')")
        states = (("s4.com", "disavow"), ("s5.com", "remove"), ("s6.com", "whitelist"))
        for number, (name, state) in enumerate(states):
            values = f"{number}, '{name}', 'domain', '{state}', 'a note', 'a@b', now(), 'me'"
            one.all(f"INSERT INTO internal.reviews VALUES ({values})")
        for name in RIVALS[:2]:
            one.all(f"INSERT INTO internal.mine_domains VALUES ('{name}', 'rival')")
        one.all(f"INSERT INTO internal.mine_domains VALUES ('{OWN}', 'own')")
        put_terms(one)
        yield one


def put_terms(store: Store) -> None:
    for term in TERMS:
        words = f"internal.words('{term}')"
        store.all(f"INSERT INTO internal.anchor_terms SELECT '{OWN}', 'money', '{term}', {words}, 'f'")


WEIGHTS = {"authority": 0.3, "relevance": 0.2, "rivals": 0.25, "surviving": 0.15, "broken": 0.1}


def wanted_relevance(live: list[Link]) -> float | None:
    wanted = {word for term in (*TERMS, TITLE) for word in words_of(term)}
    told = [set(words_of(link.text or "")) for link in live]
    near = sorted(
        (len(own & wanted) / math.sqrt(len(own) * len(wanted)) for own in told if own), reverse=True
    )
    return sum(near[:3]) / len(near[:3]) if near else None


def wanted_targets(
    of: dict[str, list[Link]], rivals: tuple[str, ...], least: int
) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for source, links in of.items():
        live = [link for link in links if link.is_live]
        linked = sorted({link.target for link in live})
        broken = sum(BROKEN.get(link.target + link.page, 200) in {0, 404, 410} for link in live)
        if len(linked) >= least:
            rows[source] = {
                "domain_authority": SCORES.get(source, 0.0),
                "relevance": wanted_relevance(live),
                "domains_linked": linked,
                "rivals_share": len(linked) / len(rivals),
                "surviving_share": len(live) / len(links),
                "links_to_broken": broken,
                "backlinks": len(live),
                "dofollow_backlinks": sum(link.is_followed for link in live),
                "links_ever": len(links),
            }
    told = [row["relevance"] for row in rows.values() if row["relevance"] is not None]
    for row in rows.values():
        usual = sum(told) / len(told) if row["relevance"] is None and told else row["relevance"]
        factors = {
            "authority": None if row["domain_authority"] is None else row["domain_authority"] / 100,
            "relevance": usual,
            "rivals": row["rivals_share"],
            "surviving": row["surviving_share"],
            "broken": float(row["links_to_broken"] > 0),
        }
        known = {name: one for name, one in factors.items() if one is not None}
        row["score"] = pytest.approx(
            100
            * sum(WEIGHTS[name] * one for name, one in known.items())
            / sum(WEIGHTS[name] for name in known)
        )
        if row["relevance"] is not None:
            row["relevance"] = pytest.approx(row["relevance"])
    return rows


@pytest.mark.parametrize(("rivals", "least"), [(RIVALS, 1), (RIVALS, 3), (RIVALS[:2], 1), (None, 2)])
def test_who_refers_to_rivals_only_is_worth_asking(
    store: Store, rivals: tuple[str, ...] | None, least: int
) -> None:
    named = "" if rivals is None else f", rivals := {[name.upper() for name in rivals]}"
    rows = {
        row["source_domain"]: row
        for row in store.dicts(f"FROM outreach_targets('{OWN}'{named}, least := {least})")
    }
    asked = rivals or RIVALS[:2]
    own = {link.source for link in LINKS if link.is_live and link.target == OWN}
    others = {link.source for link in LINKS} - own - {"s3.com", "s4.com", "s5.com", OWN, *asked}
    of = {
        source: [link for link in LINKS if link.source == source and link.target in asked]
        for source in others
    }
    wanted = wanted_targets(of, asked, least)
    assert wanted
    assert {name: {key: row[key] for key in wanted[name]} for name, row in rows.items()} == wanted
    assert {name: row["contact"] for name, row in rows.items()} == {
        name: "a@b" if name == "s6.com" else None for name in wanted
    }
    scores = [row["score"] for row in rows.values()]
    assert scores == sorted(scores, reverse=True)
    assert {row["relevance"] is None for row in rows.values()} == {True, False}


def test_a_social_link_begins_a_cascade(store: Store) -> None:
    rows = store.dicts(f"FROM link_cascades('{OWN}', after_days := 10, before_days := 20)")
    wanted = {}
    for page in {link.page for link in LINKS}:
        of = [link for link in LINKS if link.target == OWN and link.page == page]
        social = sorted({link.first for link in of if link.is_social})
        others = [link for link in of if not link.is_social]
        for number, began in enumerate(social):
            if number and began - social[number - 1] <= 10:
                continue
            before = sum(began - 20 <= link.first < began for link in others)
            after = [link for link in others if began < link.first <= began + 10]
            is_over = began + 10 <= CLOCK
            wanted[f"https://{OWN}{page}", day(began)] = {
                "social_links": sum(link.is_social and began <= link.first <= began + 10 for link in of),
                "links_before": before,
                "links_after": len(after),
                "refdomains_after": len({link.source for link in after}),
                "is_over": is_over,
                "lift": pytest.approx((len(after) / 10) / (before / 20)) if before and is_over else None,
            }
    assert len(rows) == len(wanted)
    found = {(row["target_url"], row["began_at"]): row for row in rows}
    assert {key: {name: row[name] for name in wanted[key]} for key, row in found.items()} == wanted
    assert {row["is_over"] for row in rows} == {True, False}
    assert any(row["lift"] for row in rows)


@pytest.mark.parametrize("days", ["0", "-3", "0.5", "1e9"])
def test_a_cascade_lasts_whole_days(store: Store, days: str) -> None:
    with pytest.raises(duckdb.Error, match=r"before_days is .*; wanted a whole number of days from 1"):
        store.all(f"FROM link_cascades('nobody.org', before_days := {days})")


def test_magnets_can_be_counted_by_natural_links_alone(store: Store) -> None:
    rows = {
        row["target_url"]: row for row in store.dicts(f"FROM link_magnets('{OWN}', acquired := 'natural')")
    }
    natural = [link for link in LINKS if link.target == OWN and link.acquisition == "natural"]
    for url, row in rows.items():
        of = [link for link in natural if f"https://{OWN}{link.page}" == url]
        assert (row["links_ever"], row["backlinks"]) == (len(of), sum(link.is_live for link in of))
        assert row["first_seen"] == day(min(link.first for link in of))
    assert rows
    assert store.all(f"FROM link_magnets('{OWN}', acquired := 'self_created')") == []
    with pytest.raises(
        duckdb.Error, match="acquired is bought; wanted natural, manual, self_created or unknown"
    ):
        store.all(f"FROM link_magnets('{OWN}', acquired := 'bought')")


@contextmanager
def published(folder: Path) -> Iterator[Store]:
    """Make a store of pages that are listed, linked to, or both."""
    with Store(folder / "a.duckdb") as store:
        story = (
            Story()
            .link(1, "a.com/1", "own.org/old", rel="nofollow")
            .link(2, "a.com/2", "own.org/old", rel="")
        )
        story.link(3, "b.com/1", "own.org/moved", rel="").link(4, "own.org/", "own.org/within", rel="")
        story.link(5, "c.com/1", "own.org/gone", rel="").link(6, "c.com/1", "own.org/unlisted", rel="")
        for number, began in enumerate((12, 15, 2, 3, 4, 5), start=1):
            ended = (
                {"lost_at": day(9), "confirmed_at": day(9), "lost_reason": "notfound"} if number == 5 else {}
            )
            story.life(number, day(began), **ended)
            story.state(number, 3 if ended else 1, started_at=day(began), last_seen=day(began))
        keys = {"old/": story.records["links"][0]["target_key"], "alone": 7, "gone": 8}
        story.page(keys["old/"], day(8), 1, extra='{"title": "Old told"}')
        story.page(7, day(8), 2, extra='{"title": "Alone told"}')
        store.put(story, day(20))
        titles = {"old/": "'Old'", "moved": "'Moved'", "alone": "'Alone'", "gone": "'Gone'"}
        # As another writes it: what most likely is one page is one.
        pages = (
            ("old/", 10),
            ("moved", 8),
            ("within/index.html", 11),
            ("gone", 1),
            ("alone", 18),
            ("undated", None),
        )
        for page, published in pages:
            at = "NULL" if published is None else f"TIMESTAMPTZ '{day(published).isoformat()}'"
            title, key = titles.get(page, "NULL"), keys.get(page, 0)
            values = f"'https://own.org/{page}', 'own.org', {at}, 'f', {title}, {key}"
            store.all(f"INSERT INTO internal.own_pages VALUES ({values})")
        yield store


def test_own_pages_tell_how_long_the_first_link_took(tmp_path: Path) -> None:
    with published(tmp_path) as store:
        found = {
            row["target_url"].rpartition("/")[2]: (
                row["first_link_at"], row["is_listed"],
                row["days_to_first_link"], row["days_to_first_dofollow"],
            )
            for row in store.dicts("FROM discovery('own.org')")
        }  # fmt: skip
        assert found == {
            "old": (day(12), True, 2, 5),
            # Linked to before it was published here, and not since.
            "moved": (day(2), True, None, None),
            "index.html": (None, True, None, None),
            "gone": (day(4), True, 3, 3),
            "alone": (None, True, None, None),
            "undated": (None, True, None, None),
            "unlisted": (day(5), False, None, None),
        }
        orphans = store.dicts("FROM orphan_pages('own.org')")
        assert [
            (row["page_url"].rpartition("/")[2], row["days_since_published"], row["last_link_seen"])
            for row in orphans
        ] == [("alone", 2, None), ("gone", 19, day(4)), ("undated", None, None)]


def test_own_pages_have_the_titles_that_were_told_else_those_listed(tmp_path: Path) -> None:
    with published(tmp_path) as store:
        told = dict(store.all("SELECT target_url, title FROM discovery('own.org') WHERE title IS NOT NULL"))
        assert {url.rpartition("/")[2]: title for url, title in told.items()} == {
            "old": "Old told", "moved": "Moved", "alone": "Alone told", "gone": "Gone",
        }  # fmt: skip
        orphans = store.all("SELECT title FROM orphan_pages('own.org')")
        assert orphans == [("Alone told",), ("Gone",), (None,)]


def test_of_a_domain_nobody_knows_nothing_is_said(store: Store) -> None:
    for call in ("link_cascades('nobody.org')", "orphan_pages('nobody.org')"):
        assert store.all(f"FROM {call}") == []
    assert store.all(f"FROM outreach_targets('{OWN}', rivals := ['nobody.org'])") == []


def test_pages_that_are_most_likely_one_have_the_title_of_the_one_shown(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        for page, title in (("new/", "'Another title'"), ("new", "'My new, page'")):
            values = f"'https://own.org/{page}', 'own.org', NULL, 'f', {title}, 1"
            store.all(f"INSERT INTO internal.own_pages VALUES ({values})")
        found = store.all("SELECT target_url, title FROM discovery('own.org')")
        assert found == [("https://own.org/new", "My new, page")]
