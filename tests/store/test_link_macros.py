"""The macros over live links beside brute force: modes and groups, broken targets, rivals."""

# ruff: noqa: S608 - statements of constants

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import duckdb
import pytest
from hand_made_store import Store, Story, day, domain_key

if TYPE_CHECKING:
    from collections.abc import Iterator

SITES = ("shop.net", "rival.org", "other.io", "blog.de")
HOSTS = ("shop.net", "www.shop.net", "de.www.shop.net", "awww.shop.net", "rival.org", "other.io", "blog.de")
PATHS = ("/", "/hats", "/hats/red", "/coats?x=1")
ANCHORS = ("hats", "coats", "")
BROKEN = {"https://shop.net/hats": 404, "https://rival.org/hats": 0, "https://www.shop.net/": 503}
SOUND = {"https://shop.net/hats/red": 200}
HOSTILE = ("", "%", "'; DROP TABLE internal.links; --", "://", "[::1", "https://", "." * 300, "ß" * 3_000)


@dataclass(frozen=True)
class Link:
    number: int
    source: str
    """Host and path; the host is the domain."""
    target: str
    anchor: str
    rel: str

    @property
    def source_domain(self) -> str:
        return self.source.partition("/")[0]

    @property
    def target_host(self) -> str:
        return self.target.partition("/")[0]

    @property
    def target_domain(self) -> str:
        return ".".join(self.target_host.split(".")[-2:])

    @property
    def target_url(self) -> str:
        return f"https://{self.target}"


def drawn_links() -> list[Link]:
    chance = random.Random(9)
    pairs = {
        (f"{chance.choice(SOURCES)}/{chance.randrange(3)}", chance.choice(HOSTS) + chance.choice(PATHS))
        for _ in range(300)
    }
    return [
        Link(number, source, target, chance.choice(ANCHORS), chance.choice(("", "nofollow")))
        for number, (source, target) in enumerate(sorted(pairs), start=1)
        if source.partition("/")[0] != target.partition("/")[0]
    ]


SOURCES = tuple(f"{letter}.com" for letter in "abcdefgh") + SITES
LINKS = drawn_links()


def story_of(links: list[Link]) -> Story:
    story = Story()
    for link in links:
        story.link(
            link.number, link.source, link.target, anchor=link.anchor, rel=link.rel, attributes_at=day(1)
        )
        story.records["links"][-1] |= {
            "target_domain": link.target_domain,
            "t_dom_key": domain_key(link.target_domain),
        }
        story.sides[link.number] = (link.source_domain, link.target_domain)
        story.state(link.number, 1, started_at=day(1), last_seen=day(2)).life(link.number, day(1))
    keys = {record["target_url"]: record["target_key"] for record in story.records["links"]}
    for number, (url, code) in enumerate({**BROKEN, **SOUND}.items()):
        told = {"target_url": url, "record_at": day(2), "source_id": 1}
        story.add(
            "target_status", target_key=keys[url], observed_at=day(1), off=number, http_code=200, **told
        )
        story.add(
            "target_status", target_key=keys[url], observed_at=day(2), off=9 + number, http_code=code, **told
        )
    return story.domains(*SOURCES)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("macros") / "a.duckdb") as one:
        one.put(story_of(LINKS), offsets=(None, 1))
        yield one


def external() -> list[Link]:
    return [link for link in LINKS if link.source_domain != link.target_domain]


def is_meant(link: Link, target: str, mode: str) -> bool:
    host = target.partition("://")[2].partition("/")[0] or target
    return {
        "exact": link.target_url == target,
        "prefix": link.target_url.startswith(target),
        "domain": link.target_host == host,
        "subdomains": f".{link.target_host}".endswith(f".{host}"),
    }[mode]


def group_of(link: Link, grouping: str) -> tuple[object, ...]:
    return {
        "all": (link.number,),
        "one_per_domain": (link.source_domain,),
        "similar": (link.source_domain, link.target, link.anchor),
    }[grouping]


MODES = ("exact", "prefix", "domain", "subdomains")
GROUPINGS = ("all", "one_per_domain", "similar")
PLACES = ("https://shop.net/hats", "https://www.shop.net/", "shop.net", "www.shop.net", "nobody.org", "net")


@pytest.mark.parametrize(("place", "mode", "grouping"), list(product(PLACES, MODES, GROUPINGS)))
def test_links_to_a_place_are_those_of_brute_force(
    store: Store, place: str, mode: str, grouping: str
) -> None:
    wanted: defaultdict[tuple[object, ...], set[int]] = defaultdict(set)
    for link in external():
        if link.target_domain == "shop.net" and is_meant(link, place, mode):
            wanted[group_of(link, grouping)].add(link.number)
    found = store.all(
        "SELECT link_id, link_group_count FROM "
        f"backlinks_to('shop.net', place := '{place}', link_mode := '{mode}', grouping := '{grouping}')"
    )
    shown = {group: numbers for group, numbers in wanted.items() if {one for one, _ in found} & numbers}
    assert shown == dict(wanted)
    assert sorted(count for _, count in found) == sorted(map(len, wanted.values()))


@pytest.mark.parametrize(
    "named",
    [
        "link_mode := 'host'", "link_mode := NULL", "link_mode := 'exact'", "link_mode := 'prefix'",
        "grouping := 'none'", "grouping := NULL",
    ],
)  # fmt: skip
def test_an_unknown_word_is_named(store: Store, named: str) -> None:
    with pytest.raises(duckdb.Error, match=r"backlinks_to: .* is (host|none|null), wanted"):
        store.all(f"FROM backlinks_to('shop.net', {named})")


def test_broken_targets_are_those_whose_newest_answer_is_an_error(store: Store) -> None:
    wanted: defaultdict[str, list[Link]] = defaultdict(list)
    for link in external():
        if link.target_url in BROKEN:
            wanted[link.target_url].append(link)
    assert wanted.keys() == BROKEN.keys()
    found = store.all("SELECT target_url, http_code, backlinks, refdomains FROM broken_targets")
    assert sorted(found) == sorted(
        (url, BROKEN[url], len(of), len({link.source_domain for link in of})) for url, of in wanted.items()
    )


def test_a_broken_page_is_offered_the_most_alike_sound_one(store: Store) -> None:
    found = {
        row[0]: row[1:]
        for row in store.all("SELECT target_url, redirect_to, similarity FROM reclaim('shop.net')")
    }
    assert found.keys() == {"https://shop.net/hats", "https://www.shop.net/"}
    redirect, similarity = found["https://shop.net/hats"]
    # The same path on another host.
    assert redirect.endswith(".shop.net/hats")
    assert similarity == 1
    assert not {redirect for redirect, _ in found.values()} & BROKEN.keys()


def test_opportunities_are_the_broken_targets_of_others(store: Store) -> None:
    found = store.all("SELECT target_url FROM broken_link_opportunities('shop.net')")
    assert found == [("https://rival.org/hats",)]
    assert store.all("SELECT best_page, best_page_relevance FROM broken_link_opportunities('shop.net')") == [
        (None, None)
    ]


def referring() -> dict[str, set[str]]:
    """Target domain → source domains."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for link in external():
        found[link.target_domain].add(link.source_domain)
    return found


@pytest.mark.parametrize("least", [1, 2, 3])
def test_the_intersect_and_the_gap_are_those_of_brute_force(store: Store, least: int) -> None:
    refers = referring()
    names = ["rival.org", "other.io", "blog.de"]
    linked = {source: sorted(name for name in names if source in refers[name]) for source in SOURCES}
    found = dict(store.all(f"SELECT source_domain, domains_linked FROM link_intersect({names}, {least})"))
    wanted = {source: of for source, of in linked.items() if len(of) >= least}
    assert found == wanted
    assert wanted
    gap = store.all(f"SELECT source_domain, domains_linked FROM backlink_gap('shop.net', {names}, {least})")
    assert dict(gap) == {
        source: of
        for source, of in wanted.items()
        if source not in refers["shop.net"] and source != "shop.net"
    }


def test_what_links_of_the_intersect_are_counted(store: Store) -> None:
    found = store.all(
        "SELECT sum(backlinks), sum(dofollow_backlinks) FROM link_intersect(['rival.org', 'rival.org'], 1)"
    )
    of = [link for link in external() if link.target_domain == "rival.org"]
    assert found == [(len(of), sum(not link.rel for link in of))]


def test_competitors_are_ordered_by_jaccard(store: Store) -> None:
    refers = referring()
    own = refers["shop.net"]
    wanted = {
        name: len(own & of) / len(own | of) for name, of in refers.items() if name != "shop.net" and own & of
    }
    found = store.all("SELECT domain_name, similarity FROM competitors('shop.net')")
    assert dict(found) == pytest.approx(wanted)
    assert [similarity for _, similarity in found] == sorted(wanted.values(), reverse=True)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_find_nothing(store: Store, name: str) -> None:
    quoted = "'" + name.replace("'", "''") + "'"
    for call in (
        f"backlinks_to({quoted})",
        f"backlinks_to('shop.net', place := {quoted} || ' ')",
        f"backlinks_to('shop.net', place := {quoted}, link_mode := 'exact')",
        f"reclaim({quoted})",
        f"link_intersect([{quoted}], 1)",
        f"backlink_gap({quoted}, [{quoted}], 1)",
        f"competitors({quoted})",
    ):
        assert store.all(f"SELECT count(*) FROM {call}") == [(0,)]
