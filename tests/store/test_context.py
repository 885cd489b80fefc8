"""Where links stand and how near they are to what they link to, beside brute force."""

# ruff: noqa: RUF001, S608 - texts of any script, SQL of the test's own

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hand_made_store import Store, Story, day
from told_links import OWN, link, put, state_of

from oracle import context_views
from oracle.context_views import rounded
from oracle.mine import Mine
from oracle.shown import SHARE_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from oracle.model import Link

TEXTS = (
    "",
    "Good shoes",
    "the SHOE shop, and more",
    "靴の店",
    "Große Schuhe",
    "ＳＨＯＥＳ",
    "nothing of it",
    "shoes shoes shoes",
    "-- !",
)
MINE = Mine(
    terms=((OWN, "brand", "Acme Shoes"), (OWN, "money", "große schuhe"), ("other.org", "money", "nothing"))
)
PAGES = {f"{OWN}/": {"title": "The shoe shop 靴"}, f"{OWN}/b": {"title": ""}, f"{OWN}/c": {"language": "en"}}
TITLES = {"https://own.org/": "The shoe shop 靴"}


def drawn(seed: int) -> list[Link]:
    chance = random.Random(seed)
    links = {}
    for number in range(160):
        values = {
            name: chance.choice(TEXTS)
            for name in ("title", "snippet_left", "snippet_right", "anchor", "alt")
            if chance.random() < 0.4
        }
        values |= {name: chance.choice(of) for name, of in FACTS.items() if chance.random() < 0.6}
        source = f"s{chance.randrange(12)}.com/{number}"
        one = link(source, f"{chance.choice((OWN, OWN, OWN, 'other.org'))}/{chance.choice(('', 'b', 'c'))}",
                   values=values, is_live=chance.random() < 0.8)  # fmt: skip
        links[one.source_url] = one
    return list(links.values())


FACTS = {
    "semantic_location": ("content", "footer", "nav", "Content"),
    "links_external": ("0", "7", "120"),
    "words": ("0", "50", "900"),
}


@pytest.fixture(scope="module", params=range(3))
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, list[Link]]]:
    links = drawn(request.param)
    with Store(tmp_path_factory.mktemp("context") / "a.duckdb") as store:
        put(store, links, PAGES)
        for of in MINE.terms:
            store.database.connection.execute(
                "INSERT INTO internal.anchor_terms SELECT ?, ?, ?, internal.words(?), 'f'", [*of, of[2]]
            )
        yield store, links


def key(row: Sequence[object]) -> str:
    return repr(row)


def test_contexts_sum_up(told: tuple[Store, list[Link]]) -> None:
    store, links = told
    rows = store.all(f"SELECT * FROM context_mix('{OWN}')")
    shown = [(*row[:2], rounded(row[2]), row[3], rounded(row[4]), rounded(row[5])) for row in rows]
    assert sorted(shown, key=key) == sorted(context_views.context_mix(state_of(links), OWN), key=key)
    assert {row[0] for row in rows} == {"content", "footer", "nav", "Content", None}
    for place in (2, 4):
        assert sum(row[place] for row in rows if row[0] is not None) == pytest.approx(1)
    assert [row[2] for row in rows if row[0] is None] == [None]


def test_relevance_is_the_cosine(told: tuple[Store, list[Link]]) -> None:
    store, links = told
    rows = store.all(
        f"SELECT source_url, target_url, source_domain, round(relevance, {SHARE_DIGITS}), "
        f"round(anchor_relevance, {SHARE_DIGITS}), common_words "
        f"FROM link_relevance('{OWN}')"
    )
    wanted = context_views.link_relevance(state_of(links), OWN, MINE, TITLES)
    assert sorted(rows, key=key) == sorted(wanted, key=key)
    relevances = [row[3] for row in rows]
    assert {None, 0} < set(relevances)
    assert {None, 0} < {row[4] for row in rows}
    assert any(row[3] != row[4] for row in rows)
    assert all(0 <= one <= 1 for one in relevances if one is not None)
    known = [one for one in relevances if one is not None]
    assert relevances == [*sorted(known, reverse=True), *[None] * (len(relevances) - len(known))]


def test_relevance_of_a_domain_is_that_of_its_best_three(told: tuple[Store, list[Link]]) -> None:
    store, links = told
    rows = store.all(
        f"SELECT source_domain, round(relevance, {SHARE_DIGITS}), backlinks, rated_links "
        f"FROM refdomain_relevance('{OWN}')"
    )
    wanted = context_views.refdomain_relevance(state_of(links), OWN, MINE, TITLES)
    assert [row[0] for row in sorted(rows)] == [row[0] for row in sorted(wanted)]
    for shown, of in zip(sorted(rows), sorted(wanted), strict=True):
        assert shown[2:] == of[2:]
        assert shown[1] == pytest.approx(of[1])
    assert any(row[3] > 3 for row in rows)


def relevance(
    folder: Path, pages: dict[str, dict[str, Any]], terms: Sequence[str], *values: dict[str, str]
) -> list[float | None]:
    """Return the relevance of links that carry these values."""
    with Store(folder / "b.duckdb") as store:
        put(store, [link(f"s.com/{n}", values=of) for n, of in enumerate(values)], pages)
        for term in terms:
            words = f"internal.words('{term}')"
            store.all(f"INSERT INTO internal.anchor_terms SELECT '{OWN}', 'brand', '{term}', {words}, 'f'")
        found = dict(store.all(f"SELECT source_url, relevance FROM link_relevance('{OWN}')"))
        return [found[f"https://s.com/{n}"] for n in range(len(values))]


def test_each_word_in_common_brings_relevance_up_and_each_other_down(tmp_path: Path) -> None:
    texts = (
        "cheap flights to rome",
        "cheap red flights to rome",
        "red shoes to rome",
        "red shoes for rome",
        "red shoes running",
        "red shoes for running",
    )
    found = relevance(tmp_path, {}, ["red shoes for", "running"], *({"title": text} for text in texts))
    assert all(before < after for before, after in pairwise(one or 0 for one in found))
    assert (found[0], found[-1]) == (0, 1)


def test_each_part_of_the_text_counts_and_none_twice(tmp_path: Path) -> None:
    parts = ("title", "snippet_left", "snippet_right", "anchor", "alt")
    found = relevance(tmp_path, {}, ["shoes"], *({part: "red shoes"} for part in parts),
                      {"title": "red shoes", "alt": "Shoes RED, shoes"}, {"generator": "shoes"})  # fmt: skip
    assert found == [pytest.approx(2**-0.5)] * 6 + [None]


@pytest.mark.parametrize("others", [0, 60, 62, 63, 64, 200])
def test_words_of_long_texts_are_counted_and_found_alike(tmp_path: Path, others: int) -> None:
    title = " ".join(f"w{n} w{n // 2}" for n in range(others))
    found = relevance(tmp_path, {}, ["red shoes"], {"title": f"{title} red shoes red"}, {"title": title})
    assert found == [pytest.approx(2 / (2 * (others + 2)) ** 0.5), 0 if others else None]


def test_without_text_on_either_side_there_is_none(tmp_path: Path) -> None:
    values: list[dict[str, str]] = [{"title": "shoes"}, {"title": ""}, {"title": "–"}, {}]
    assert relevance(tmp_path, {}, [], *values) == [None] * 4
    (tmp_path / "b.duckdb").unlink()
    assert relevance(tmp_path, {f"{OWN}/": {"title": "Shoes"}}, [], *values) == [1, None, None, None]


def answer(page_key: int, at: int, http_code: int, title: str) -> Story:
    told = {"observed_at": day(at), "record_at": day(at), "source_id": 1, "off": at, "http_code": http_code}
    return Story().add(
        "target_status",
        target_key=page_key,
        target_url=f"https://{OWN}/",
        extra=json.dumps({"title": title}),
        **told,
    )


def test_a_page_is_what_its_newest_sound_answer_says(tmp_path: Path) -> None:
    with Store(tmp_path / "c.duckdb") as store:
        put(store, [link("s.com/1", values={"title": "shoes"})], {})
        (page_key,) = store.all("SELECT DISTINCT target_key FROM internal.links")[0]
        answers = (
            (1, "hats", None),
            (3, "shoes", None),
            (4, "", None),
            (5, "Not found: hats", "notfound"),
            (6, "Try again, hats", "pageerror"),
            (7, "Elsewhere: hats", "pageredirected"),
        )
        story = answer(page_key, 8, 500, "hats")
        for at, title, reason in answers:
            story.page(page_key, day(at), at, extra=json.dumps({"title": title}), loss_reason=reason)
        store.put(story, day(91))
        told_title = "SELECT internal.newest_told(observed_at, title) FROM internal.page_answers"
        assert store.all(told_title) == [("shoes",)]
        store.put(answer(page_key, 9, 200, "boots"), day(92))
        assert store.all(told_title) == [("boots",)]


def test_of_a_domain_nobody_knows_nothing_is_said(told: tuple[Store, list[Link]]) -> None:
    for macro in ("context_mix", "link_relevance", "refdomain_relevance"):
        assert told[0].all(f"FROM {macro}('nobody.org')") == []
