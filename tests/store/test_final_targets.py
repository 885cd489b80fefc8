"""Where links end, and what is counted once, beside brute force."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from hand_made_store import Store, Story, day

from linktide.store.fold import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = "own.org"
MOVES = 10


@dataclass(frozen=True)
class Link:
    number: int
    source: str
    target: str
    kind: str | None = None
    is_live: bool = True
    seen: int = 1


def drawn() -> list[Link]:
    chance = random.Random(85)
    pages = [f"own.org/p{number}" for number in range(25)]
    links = [
        Link(
            number, f"s{chance.randrange(9)}.com/{number}", chance.choice(pages),
            is_live=chance.random() < 0.8, seen=number,
        )
        for number in range(1, 121)
    ]  # fmt: skip
    for number, page in enumerate(pages[:18], start=200):
        to = chance.choice([*pages, "moved.net/", "moved.net/x"])
        kind = chance.choice(("redirect", "canonical"))
        links.append(Link(number, page, to, kind, is_live=chance.random() < 0.9, seen=number))
        if chance.random() < 0.3:
            links.append(Link(number + 100, page, chance.choice(pages), "redirect", seen=number - 50))
    # A chain that is too long, one that is just short enough, and a page that names itself.
    links += [
        Link(400 + number, f"own.org/c{number}", f"own.org/c{number + 1}", "redirect") for number in range(12)
    ]
    links += [
        Link(number, f"t{number}.com/", f"own.org/{page}")
        for number, page in enumerate(("c0", "c2", "self"), start=500)
    ]
    links.append(Link(600, "own.org/self", "own.org/self", "canonical"))
    return links


LINKS = drawn()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    story = Story()
    for link in LINKS:
        story.link(link.number, link.source, link.target, link_type=link.kind, attributes_at=day(1))
        ended = {} if link.is_live else {"lost_at": day(9), "confirmed_at": day(9), "lost_reason": "notfound"}
        story.life(link.number, day(1), **ended)
        story.state(link.number, 1 if link.is_live else 3, started_at=day(1), last_seen=day(link.seen / 100))
    for row in story.records["links"]:
        # A page has one key, on whichever side it stands.
        row |= {f"{side}_key": 2**60 + crc32(row[f"{side}_url"].encode()) for side in ("source", "target")}
    with Store(tmp_path_factory.mktemp("finals") / "a.duckdb") as one:
        one.put(story, day(20))
        yield one


def moves() -> dict[str, Link]:
    found: dict[str, Link] = {}
    for link in sorted(LINKS, key=lambda link: (link.seen, link.target)):
        if link.kind is not None and link.is_live and link.source != link.target:
            found[link.source] = link
    return found


def end_of(page: str) -> tuple[str | None, list[str]]:
    """Walk on as long as there is a way that was not gone."""
    ways, seen = moves(), {page}
    via: list[str] = []
    while page in ways:
        if len(via) == MOVES or ways[page].target in seen:
            return None, via
        via.append(str(ways[page].kind))
        page = ways[page].target
        seen.add(page)
    return page, via


def inbound() -> dict[str, list[Link]]:
    found = defaultdict(list)
    for link in LINKS:
        if link.is_live and link.target.startswith("own.org/") and not link.source.startswith("own.org/"):
            found[link.target].append(link)
    return found


def test_links_end_where_the_last_page_stays(store: Store) -> None:
    rows = {row["target_url"]: row for row in store.dicts(f"FROM final_targets('{OWN}')")}
    wanted = {}
    for page, links in inbound().items():
        end, via = end_of(page)
        if via:
            final = None if end is None else f"https://{end}"
            domains = {link.source.partition("/")[0] for link in links}
            wanted[f"https://{page}"] = (final, via, len(via), len(links), len(domains))
    assert {
        url: (row["final_url"], row["via"], row["hops"], row["backlinks"], row["refdomains"])
        for url, row in rows.items()
    } == wanted
    assert {row["final_domain"] for row in rows.values()} == {"own.org", "moved.net", None}
    assert rows["https://own.org/c2"]["hops"] == MOVES
    assert rows["https://own.org/c2"]["final_url"] == "https://own.org/c12"
    assert rows["https://own.org/c0"]["final_url"] is None
    assert "https://own.org/self" not in rows


def test_headline_counts_are_of_where_links_end(store: Store) -> None:
    (row,) = store.dicts(f"FROM headline_counts('{OWN}')")
    of = inbound()
    links = [link for some in of.values() for link in some]
    ends = {page: end_of(page)[0] or page for page in of}
    assert row["backlinks"] == len(links)
    assert row["distinct_backlinks"] == len({(link.source, ends[link.target]) for link in links})
    assert (row["target_pages"], row["distinct_target_pages"]) == (len(of), len(set(ends.values())))
    assert row["moved_backlinks"] == sum(bool(end_of(link.target)[1]) for link in links)
    assert store.all("FROM headline_counts('nobody.org')") == []


def test_what_a_link_was_told_to_be_later_moves_its_page(tmp_path: Path) -> None:
    story = Story()
    for number, (source, target, kind) in enumerate(
        [("a.com/", "own.org/x", "text"), ("own.org/x", "new.net/", "text"),
         ("b.com/", "own.org/y", "text"), ("own.org/y", "new.net/", "redirect"),
         ("c.com/", "own.org/z", "text"), ("own.org/z", "new.net/", "redirect")],
        start=1,
    ):  # fmt: skip
        story.link(number, source, target, link_type=kind, attributes_at=day(1))
        story.state(number, 1, started_at=day(1), last_seen=day(1))
    for row in story.records["links"]:
        row |= {f"{side}_key": 2**60 + crc32(row[f"{side}_url"].encode()) for side in ("source", "target")}
    with Store(tmp_path / "a.duckdb") as one:
        one.put(story, day(2))
        ends = "SELECT target_url, via FROM final_targets('own.org') ORDER BY ALL"
        assert one.all(ends) == [("https://own.org/y", ["redirect"]), ("https://own.org/z", ["redirect"])]
        later = Story(sides=story.sides)
        later.attribute(2, "link_type", day(3), "canonical").attribute(4, "link_type", day(3), "text")
        later.attribute(6, "link_type", day(1), "redirect", is_void=True)
        one.put(later, day(4))
        assert one.all(ends) == [("https://own.org/x", ["canonical"])]
        Folder(one.database).fold_all()
        assert one.all(ends) == [("https://own.org/x", ["canonical"])]


def test_forms_of_one_page_count_once(tmp_path: Path) -> None:
    pairs = (
        ("a.com/x", "own.org/"), ("a.com/x/", "own.org/"), ("a.com/x/index.html", "own.org/index.php"),
        ("a.com/y?b=1&a=2", "own.org/p"), ("a.com/y?a=2&b=1", "own.org//p/"), ("b.com/", "own.org/P"),
    )  # fmt: skip
    with Store(tmp_path / "a.duckdb") as store:
        story = Story()
        for number, (source, target) in enumerate(pairs, start=1):
            story.link(number, source, target).life(number, day(1)).state(number, 1, started_at=day(1))
        store.put(story, day(2))
        (row,) = store.dicts(f"FROM headline_counts('{OWN}')")
        assert row == {
            "backlinks": 6, "distinct_backlinks": 3, "refdomains": 2, "source_pages": 6,
            "distinct_source_pages": 3,
            "target_pages": 5, "distinct_target_pages": 3, "moved_backlinks": 0,
        }  # fmt: skip
