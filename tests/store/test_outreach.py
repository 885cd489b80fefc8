"""What makes a domain worth asking for a link: each factor of the score, and how near its texts are."""

# ruff: noqa: S608 - statements of the test's own

from __future__ import annotations

import json
import random
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
from hand_made_store import Store, Story, day

from oracle.context_views import cosine
from oracle.mine import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

OWN = "own.org"
TERMS = ("Red shoes", "Große Schuhe")


def told(  # noqa: PLR0913
    folder: Path,
    texts: Mapping[str, Sequence[str | None]],
    home: str | None,
    *,
    terms: bool = False,
    title: str | None = None,
    titles: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the rows of domains that link to a rival with these texts around, by domain.

    `titles` are what source pages (host and number of their link) told of themselves.
    """
    story = Story()
    links = [(source, "rival.com/", text) for source, of in texts.items() for text in of]
    for number, (source, target, text) in enumerate([*links, ("gone.com", f"{OWN}/", None)], 1):
        attributes = None if text is None else json.dumps({"snippet_left": text})
        story.link(number, f"{source}/{number}", target, attributes_at=day(1), attributes=attributes)
        story.life(number, day(1)).state(
            number, 3 if target == f"{OWN}/" else 1, started_at=day(1), last_seen=day(1)
        )
    if home is not None:
        story.page(story.records["links"][-1]["target_key"], day(2), 7, extra=json.dumps({"title": home}))
    for off, (page, text) in enumerate((titles or {}).items(), 20):
        story.page(2**62 + crc32(page.encode()), day(2), off, extra=json.dumps({"title": text}))
    with Store(folder / "told.duckdb") as one:
        one.put(story.domains(OWN, "rival.com", *texts), day(9))
        for term in TERMS if terms else ():
            words = f"internal.words('{term}')"
            one.all(f"INSERT INTO internal.anchor_terms SELECT '{OWN}', 'money', '{term}', {words}, 'f'")
        if title is not None:
            one.all(
                f"INSERT INTO internal.own_pages VALUES ('https://{OWN}/', '{OWN}', NULL, 'f', '{title}', 7)"
            )
        rows = one.dicts(f"FROM outreach_targets('{OWN}', rivals := ['rival.com'])")
    (folder / "told.duckdb").unlink()
    return {row["source_domain"]: row for row in rows}


def test_a_relevance_that_is_not_known_neither_raises_nor_lowers(tmp_path: Path) -> None:
    texts: dict[str, list[str | None]] = {
        "near.com": ["red shoes große schuhe"],
        "some.com": ["red hats"],
        "far.com": ["hats"],
        "mute.com": [None, "!"],
    }
    rows = told(tmp_path, texts, None, terms=True)
    near = {name: row["relevance"] for name, row in rows.items()}
    assert near["near.com"] == pytest.approx(1)
    assert (near["far.com"], near["mute.com"]) == (0, None)
    scores = {name: row["score"] for name, row in rows.items()}
    usual = sum(scores[name] for name in ("near.com", "some.com", "far.com")) / 3
    assert scores["mute.com"] == pytest.approx(usual)
    assert list(rows) == sorted(rows, key=lambda name: -scores[name])
    # Where nothing is known to tell it by, the others alone make the score.
    rows = told(tmp_path, texts, None)
    assert {row["relevance"] for row in rows.values()} == {None}
    assert [row["score"] for row in rows.values()] == [pytest.approx(100 * (0.25 + 0.15) / 0.8)] * 4


def test_a_home_page_tells_what_is_relevant(tmp_path: Path) -> None:
    rows = told(tmp_path, {"near.com": ["boots"], "far.com": ["hats"]}, "Boots")
    assert [(row["source_domain"], row["relevance"]) for row in rows.values()] == [
        ("near.com", 1),
        ("far.com", 0),
    ]


def test_the_title_of_a_page_that_links_is_text_around_its_links(tmp_path: Path) -> None:
    texts: dict[str, list[str | None]] = {"near.com": [None], "far.com": [None], "some.com": ["hats"]}
    titles = {"near.com/1": "Boots", "far.com/2": "Hats", "gone.com/4": "Boots"}
    rows = told(tmp_path, texts, "boots", titles=titles)
    assert {name: row["relevance"] for name, row in rows.items()} == {
        "near.com": 1,
        "far.com": 0,
        "some.com": 0,
    }


def test_a_title_that_is_listed_stands_for_one_that_nobody_told(tmp_path: Path) -> None:
    texts = {"near.com": ["boots"], "far.com": ["hats"]}
    for title, wanted in (("Boots", {"near.com": 1, "far.com": 0}), ("Hats", {"near.com": 0, "far.com": 1})):
        told_of = {name: row["relevance"] for name, row in told(tmp_path, texts, None, title=title).items()}
        assert told_of == wanted
        rows = told(tmp_path, texts, "boots", title=title)
        assert {name: row["relevance"] for name, row in rows.items()} == {"near.com": 1, "far.com": 0}


def test_relevance_is_that_of_the_three_most_relevant_links(tmp_path: Path) -> None:
    texts = {
        "a.com": ["boots"] * 3 + ["hats"] * 5,
        "b.com": ["boots"] * 2 + ["hats"],
    }
    rows = told(tmp_path, texts, "boots")
    assert {name: row["relevance"] for name, row in rows.items()} == {
        "a.com": 1,
        "b.com": pytest.approx(2 / 3),
    }


FACTORS = ("authority", "relevance", "rivals", "surviving", "broken")


def score_of(factors: dict[str, float], unknown: tuple[str, ...]) -> str:
    told_of = {**factors, "authority": 100 * factors["authority"], "usual": 0.3}
    text = {name: "NULL::DOUBLE" if name in unknown else str(one) for name, one in told_of.items()}
    text["broken"] = str(round(factors["broken"]))
    names = ("authority", "relevance", "usual", "rivals", "surviving", "broken")
    return f"internal.outreach_score({', '.join(text[name] for name in names)})"


@pytest.mark.parametrize(
    "unknown",
    [(), ("authority",), ("relevance",), ("relevance", "usual"), ("authority", "relevance", "usual")],
)
def test_more_of_a_factor_never_makes_the_score_less(tmp_path: Path, unknown: tuple[str, ...]) -> None:
    store = Store(tmp_path / "a.duckdb")
    for factor in set(FACTORS) - set(unknown):
        for given in ((0, 0, 0.1, 0, 0), (0.5, 0.2, 0.5, 0.5, 0), (0.9, 0.9, 1, 1, 1)):
            factors = dict(zip(FACTORS, given, strict=True))
            calls = [score_of({**factors, factor: value}, unknown) for value in (0, 0.3, 0.7, 1)]
            scores = store.all(f"SELECT {', '.join(calls)}")[0]
            assert list(scores) == sorted(scores)
            assert 0 <= scores[0] < scores[-1] <= 100.0001, (factor, scores)
    store.close()


def opportunity_store(folder: Path) -> Store:
    """Return a store of links to broken pages of others, beside pages of one's own with titles."""
    chance = random.Random(84)
    story = Story()
    words = ("red", "blue", "shoes", "hats", "rome", "Schuhe")
    for number in range(1, 81):
        own = number % 4 == 0
        target = f"{OWN}/{number % 8}" if own else f"other{number % 3}.org/{number % 7}"
        anchor = " ".join(chance.choices(words, k=2)) if chance.random() < 0.8 else None
        story.link(number, f"s{number}.com/", target, anchor=anchor, attributes_at=day(1))
        story.life(number, day(1)).state(number, 1, started_at=day(1), last_seen=day(1))
    keys = {link["target_url"]: link["target_key"] for link in story.records["links"]}
    for off, (url, key) in enumerate(keys.items()):
        answer = {"observed_at": day(2), "record_at": day(2), "source_id": 1, "off": off}
        code = 404 if OWN not in url or url.endswith("/4") else 200
        title = json.dumps({"title": " ".join(chance.choices(words, k=3))})
        story.add("target_status", target_key=key, target_url=url, http_code=code, extra=title, **answer)
    store = Store(folder / "a.duckdb")
    store.put(story.domains(OWN, "other0.org", "other1.org", "other2.org"), day(9))
    for number in range(6):
        title = " ".join(chance.choices(words, k=2))
        values = f"'https://{OWN}/listed{number}', '{OWN}', NULL, 'f', '{title}', {number}"
        store.all(f"INSERT INTO internal.own_pages VALUES ({values})")
    return store


def test_of_what_is_broken_the_page_nearest_to_it_is_named(tmp_path: Path) -> None:
    store = opportunity_store(tmp_path)
    titles = dict(store.all("SELECT page_url, title FROM internal.own_pages"))
    told = "SELECT target_url, extra->>'title' FROM internal.target_status WHERE http_code = 200"
    titles |= dict(store.all(told))
    links: defaultdict[str, set[str]] = defaultdict(set)
    for target, anchor in store.all("SELECT target_url, coalesce(anchor, '') FROM backlinks"):
        links[target] |= set(words_of(anchor))
    rows = store.all(
        "SELECT target_url, best_page, best_page_relevance FROM broken_link_opportunities('own.org')"
    )
    store.close()
    assert len(rows) == 21
    assert f"https://{OWN}/4" not in titles
    for target, page, relevance in rows:
        near = {url: cosine(set(words_of(title)), links[target]) or 0 for url, title in titles.items()}
        best = max(near.values())
        assert page == (min(url for url, one in near.items() if one > best - 1e-12) if best else None)
        assert relevance == (pytest.approx(best) if best else None)
    assert len({page for _, page, _ in rows}) > 2


def test_no_page_is_redirected_to_the_home_page_or_a_short_path_for_its_slash(tmp_path: Path) -> None:
    story = Story()
    paths = {"": 200, "a": 200, "b": 410, "shoes/red": 404, "shoes/reds": 200, "no/such": 404}
    for number, path in enumerate(paths, 1):
        story.link(number, f"s{number}.com/", f"{OWN}/{path}").life(number, day(1))
        story.state(number, 1, started_at=day(1), last_seen=day(1))
        link = story.records["links"][-1]
        answer = {"observed_at": day(2), "record_at": day(2), "source_id": 1, "off": number}
        story.add("target_status", target_key=link["target_key"], target_url=link["target_url"],
                  http_code=paths[path], **answer)  # fmt: skip
    with Store(tmp_path / "a.duckdb") as store:
        store.put(story.domains(OWN), day(9))
        found = dict(store.all(f"SELECT target_url, redirect_to FROM reclaim('{OWN}')"))
        # But the same path of another host is the same.
        store.all("UPDATE internal.target_status SET http_code = 404 WHERE ends_with(target_url, '.org/')")
        renamed = (
            f"UPDATE internal.\"{store.database.parts.hot('links')}\" SET target_url = 'https://www.{OWN}/'"
        )
        store.all(f"{renamed} WHERE target_url = 'https://{OWN}/a'")
        home = f"SELECT redirect_to, similarity FROM reclaim('{OWN}') WHERE target_url = 'https://{OWN}/'"
        assert store.all(home) == [(f"https://www.{OWN}/", 1)]
    assert found == {
        f"https://{OWN}/b": None,
        f"https://{OWN}/shoes/red": f"https://{OWN}/shoes/reds",
        f"https://{OWN}/no/such": None,
    }
