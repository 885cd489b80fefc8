"""Each marker of toxicity, by examples that fire and others that do not."""

# ruff: noqa: S608 - SQL of the test's own

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from told_links import OWN, link
from toxic_kit import MONEY, TWINS, store_of, told, with_values

from linktide.store.reader import ReaderPool
from oracle.mine import Mine
from oracle.toxic_views import POINTS, Known

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oracle.model import Link


def test_a_page_with_many_links_and_little_text_is_a_farm(tmp_path: Path) -> None:
    links = with_values(
        {"links_external": "101", "words": "1000"},
        {"links_external": "101", "words": "1010"},
        {"links_external": "100", "words": "10"},
        {"links_external": "100"},
        {"links_external": "101"},
        {"links_external": "101", "words": "0"},
        {"words": "20000"},
        {},
    )
    assert told(tmp_path, "link_farm_page", links) == [True, False, False, False, None, None, None, None]


def test_a_money_term_alone_in_what_visitors_write(tmp_path: Path) -> None:
    def one(anchor: str | None, kind: str | None, **others: str) -> dict[str, str]:
        return (
            ({"anchor": anchor} if anchor is not None else {})
            | ({"source_kind": kind} if kind else {})
            | others
        )

    links = with_values(
        *(one("Buy  SHOES!", kind) for kind in ("comment", "forum", "directory", "profile")),
        one("", "forum", alt="buy shoes"),
        one("buy shoes", "editorial"),
        one("buy shoes now", "forum"),
        one("www.shoes.org", "forum"),
        one("", "forum"),
        one("buy shoes", None),
        one("other", None),
        one(None, "forum"),
    )
    known = Known(Mine(terms=MONEY))
    assert told(tmp_path, "money_anchor", links, known) == [True] * 5 + [False] * 4 + [None, False, None]
    (tmp_path / "a.duckdb").unlink()
    assert told(tmp_path, "money_anchor", links) == [None] * 5 + [False] + [None] * 6


def block(*days: float, ip: str = "10.1.2") -> list[Link]:
    return [
        link(f"b{place}.com/", begun=at, values={"ip_source": f"{ip}.{place}"})
        for place, at in enumerate(days)
    ]


@pytest.mark.parametrize(
    ("days", "wanted"),
    [
        ((1, 2, 3, 4, 5, 8), [True] * 6),
        ((1, 2, 3, 4, 5, 8.001), [False] * 6),
        ((1, 2, 3, 4, 5), [False] * 5),
        ((1, 6, 7, 8, 9, 10, 11, 17.5), [False, *[True] * 6, False]),
    ],
)
def test_many_domains_of_a_block_within_a_week(
    tmp_path: Path, days: tuple[float, ...], wanted: list[bool]
) -> None:
    assert told(tmp_path, "same_block", block(*days)) == wanted


def test_a_block_counts_domains_and_only_sound_addresses(tmp_path: Path) -> None:
    links = block(1, 2, 3, 4, 5)
    again = [link("b1.com/more", begun=2, values={"ip_source": "10.1.2.77"})]
    others = with_values(
        {"ip_source": "10.1.3.1"},
        {"ip_source": "2001:db8::1"},
        {"ip_source": "10.1.2"},
        {"ip_source": "10.1.2.3.4"},
        {},
    )
    assert told(tmp_path, "same_block", links + again + others) == [False] * 7 + [None] * 4


def outgoing(source: str, targets: Sequence[int], *, is_live: bool = True) -> list[Link]:
    return [link(f"{source}/", f"t{target}.com/", is_live=is_live) for target in targets]


def test_twins_link_to_the_same_domains(tmp_path: Path) -> None:
    # With the link to the domain itself they have one target more.
    sets: dict[str, Sequence[int]] = {
        "a.com": range(9), "b.com": range(9),
        "c.com": range(8), "d.com": range(8),
        "e.com": range(50, 69), "f.com": range(50, 68),
        "g.com": range(80, 98), "h.com": range(81, 99),
        "i.com": range(100, 109),
    }  # fmt: skip
    links = [one for name, of in sets.items() for one in outgoing(name, of)]
    # A lost link makes nobody alike, nor do two pages of one domain; who does not link here is no twin.
    links += [*outgoing("i.com", [110], is_live=False), link("i.com/2", "t100.com/2")]
    links += outgoing("far.com", [*range(100, 109), 111])
    links += [link(f"{name}/") for name in sets]
    # Whose link here is lost refers no more.
    links += [*outgoing("lost.com", range(200, 212)), link("lost.com/", is_live=False)]
    found = told(tmp_path, "twin_profile", links, Known(with_twins=True))
    assert dict(zip(sets, found, strict=True)) == {
        "a.com": True, "b.com": True, "c.com": None, "d.com": None, "e.com": True, "f.com": True,
        "g.com": False, "h.com": False, "i.com": False,
    }  # fmt: skip
    (tmp_path / "a.duckdb").unlink()
    assert told(tmp_path, "twin_profile", links) == [None] * len(sets)
    (tmp_path / "a.duckdb").unlink()
    with store_of(tmp_path, links) as store, ReaderPool.of(store.database) as readers:
        rows = readers.query(f"FROM twin_profiles('{OWN}')").table.to_pylist()
        asked = readers.query(f"SELECT count(twin_profile) AS told FROM link_toxicity('{OWN}'{TWINS})")
    assert {row["source_domain"]: row["twin_domain"] for row in rows} == {
        "a.com": "b.com", "b.com": "a.com", "e.com": "f.com", "f.com": "e.com",
        "g.com": None, "h.com": None, "i.com": None,
    }  # fmt: skip
    assert {row["source_domain"]: row["linked_domains"] for row in rows} == {
        "a.com": 10, "b.com": 10, "e.com": 20, "f.com": 19, "g.com": 19, "h.com": 19, "i.com": 10,
    }  # fmt: skip
    assert asked.table.to_pylist() == [{"told": len(rows)}]


def test_the_same_link_on_most_pages_of_a_domain(tmp_path: Path) -> None:
    def pages(
        source: str, count: int, location: str | None = "footer", anchor: str | None = "x"
    ) -> list[Link]:
        values = {"semantic_location": location, "anchor": anchor}
        of = {name: text for name, text in values.items() if text is not None}
        return [link(f"{source}/{place}", values=of) for place in range(count)]

    def others(source: str, count: int) -> list[Link]:
        return [link(f"{source}/o{place}", "other.com/") for place in range(count)]

    groups = {
        "most.com": (pages("most.com", 3) + others("most.com", 2), True),
        "aside.com": (pages("aside.com", 3, "aside") + others("aside.com", 2), True),
        "half.com": (pages("half.com", 3) + others("half.com", 3), False),
        "all.com": (pages("all.com", 3), True),
        "few.com": (pages("few.com", 2), False),
        "content.com": (pages("content.com", 5, "content"), False),
        "nowhere.com": (pages("nowhere.com", 5, None), None),
        "mute.com": (pages("mute.com", 5, anchor=None), None),
    }
    for name, (links, wanted) in groups.items():
        folder = tmp_path / name
        folder.mkdir()
        assert set(told(folder, "sitewide", links)) == {wanted}, name
    two_texts = pages("two.com", 3) + [
        link(f"two.com/a{n}", values={"semantic_location": "footer", "anchor": "y"}) for n in range(3)
    ]
    assert set(told(tmp_path, "sitewide", two_texts)) == {False}


def test_what_visitors_write_without_a_word_of_it(tmp_path: Path) -> None:
    kinds = ("comment", "forum", "editorial", None)
    rels = ("", "noopener", "sponsored", "ugc", "nofollow", None)
    links = with_values(
        *({"source_kind": kind or "", "rel": rel} if rel is not None else {"source_kind": kind or ""}
          for kind in kinds for rel in rels)
    )  # fmt: skip
    visitors = [True, True, True, False, False, None]
    # A rel of ugc tells the kind, if nothing else does.
    assert told(tmp_path, "ugc_dofollow", links) == visitors * 2 + [False] * 6 + [
        None,
        None,
        None,
        False,
        False,
        None,
    ]


def test_languages_are_compared_by_their_first_part(tmp_path: Path) -> None:
    pages = {f"{OWN}/": {"language": "en-US"}}
    values = ("EN", "en-GB", "de", "", None)
    links = with_values(*({} if one is None else {"language": one} for one in values))
    links.append(link("z.com/", f"{OWN}/mute", values={"language": "en"}))
    assert told(tmp_path, "lang_mismatch", links, pages=pages) == [False, False, True, None, None, None]


def test_flags_of_the_event(tmp_path: Path) -> None:
    links = with_values({"hidden": "true", "noindex": "false"}, {"hidden": "false", "noindex": "true"}, {})
    assert told(tmp_path, "hidden", links) == [True, False, None]
    (tmp_path / "a.duckdb").unlink()
    assert told(tmp_path, "noindex", links) == [False, True, None]


def test_a_blocklist_is_yours(tmp_path: Path) -> None:
    links = with_values({}, {})
    assert told(tmp_path, "blocklisted", links) == [None, None]
    (tmp_path / "a.duckdb").unlink()
    assert told(tmp_path, "blocklisted", links, Known(blocklist=frozenset({"s1.com"}))) == [False, True]


def test_authority_without_trust(tmp_path: Path) -> None:
    scores = {
        "s0.com": (66.0, 10.0), "s1.com": (65.7, 10.0), "s2.com": (99.0, 10.0), "s3.com": (98.5, 10.0),
        "s4.com": (6.5, 0.0), "s5.com": (9.0, 0.2), "s6.com": (0.0, 0.0),
    }  # fmt: skip
    links = with_values(*[{}] * 8)
    known = Known(scores=scores)
    assert told(tmp_path, "citation_trust_ratio", links, known) == [
        True,
        False,
        True,
        True,
        False,
        True,
        False,
        False,
    ]
    (tmp_path / "a.duckdb").unlink()
    # Switched on alone, so that one marker is half of all.
    alone = Known(scores=scores, points={name: 0 for name in POINTS if name != "citation_trust_ratio"})
    with store_of(tmp_path, links, alone) as store:
        found = dict(store.all(f"SELECT source_domain, toxicity FROM link_toxicity('{OWN}')"))
        assert [found[f"s{n}.com"] for n in range(8)] == [15, 0, 30, 15, 0, 15, 0, 0]
    (tmp_path / "a.duckdb").unlink()
    assert told(tmp_path, "citation_trust_ratio", links) == [None] * 8
