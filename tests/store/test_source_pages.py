"""What pages tell of themselves counts for their links: beside a plain fold over all their answers."""

# ruff: noqa: S608 - SQL of the test's own

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
from hand_made_store import Store, Story, day
from told_links import OWN, link, put, state_of

from examples import seeds
from linktide.store.fold import Folder
from linktide.store.reader import ReaderPool
from oracle import context_views, mine_views, toxic_views
from oracle.context_views import rounded
from oracle.mine import Mine
from oracle.shown import SHARE_DIGITS, Settings
from oracle.toxic_views import POINTS, Known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from oracle.model import Link

OF_PAGES: dict[str, tuple[object, ...]] = {
    "title": ("", "Red shoes", "shoes and hats"),
    "language": ("", "en-GB", "de", "EN"),
    "generator": ("", "MediaWiki 1.4", "x"),
    "source_kind": ("forum", "Nonsense'"),
    "links_external": (0, 100, 101, 140),
    "words": (0, 50, 2000),
    "noindex": (True, False),
    "ip_source": ("10.1.2.3", "10.1.2.4", "::1"),
}
"""Field → what an answer may tell in it."""
OF_LINKS = OF_PAGES | {"semantic_location": ("content", "footer"), "anchor": ("shoes", "")}
REASONS = (None, None, "removedfromhtml", "noindex", "notcanonical", "dropped:x")
ERRORS = ("notfound", "pageredirected", "pageerror")
CODES = (None, 200, 204, 301, 404, 500)
PAGES = tuple(f"s{number % 9}.com/{number}" for number in range(24))
MINE = Mine(terms=((OWN, "money", "shoes"),))
KNOWN = Known(MINE, languages={f"https://{OWN}/": "en"})


@dataclass(frozen=True)
class Answer:
    """What a page told at one instant; by an event of its own, or of a target."""

    page: str
    at: float
    fields: dict[str, object]
    reason: str | None = None
    http_code: int | None = None
    is_of_target: bool = False

    @property
    def counts(self) -> bool:
        if self.is_of_target:
            return self.http_code is None or 200 <= self.http_code <= 299
        return self.reason not in ERRORS


def written(value: object) -> str:
    return json.dumps(value) if isinstance(value, (bool, int)) else str(value)


def fields_of(chance: random.Random, of: dict[str, tuple[object, ...]], share: float) -> dict[str, object]:
    return {name: chance.choice(values) for name, values in of.items() if chance.random() < share}


def drawn(chance: random.Random) -> tuple[list[Link], list[Answer]]:
    links = {}
    for number in range(90):
        values = {name: written(value) for name, value in fields_of(chance, OF_LINKS, 0.25).items()}
        page = chance.choice(PAGES)
        target = f"{chance.choice((OWN, OWN, OWN, 'other.org'))}/{number % 4 or ''}"
        begun = chance.choice((1, 2, 70, 85, 90))
        one = link(page, target, begun, values, is_live=chance.random() < 0.9)
        links[one.source_url, one.target_url] = one
    answers = [
        Answer(
            page,
            # Often two of one instant.
            chance.randrange(12),
            fields_of(chance, OF_PAGES, chance.choice((0.0, 0.3, 0.8))),
            chance.choice(REASONS + ERRORS),
            chance.choice(CODES),
            is_of_target=chance.random() < 0.2,
        )
        for page in PAGES[3:]
        for _ in range(chance.choice((0, 1, 2, 6)))
    ]
    chance.shuffle(answers)
    return list(links.values()), answers


def folded(answers: Iterable[Answer]) -> dict[str, dict[str, str]]:
    """Return what each page told last, field by field; of one instant the greatest by bytes."""
    found: dict[str, dict[str, str]] = {}
    for one in sorted(answers, key=lambda one: one.at):
        same = [of for of in answers if (of.page, of.at, of.counts) == (one.page, one.at, True)]
        for name in OF_PAGES:
            told = [text for of in same if (text := written(of.fields.get(name, "")))]
            if told:
                found.setdefault(one.page, {})[name] = max(told, key=str.encode)
    return found


def with_pages(links: Iterable[Link], answers: Sequence[Answer]) -> list[Link]:
    told = folded(answers)
    return [replace(one, page=told.get(one.source_url.removeprefix("https://"), {})) for one in links]


def put_answers(store: Store, answers: Sequence[Answer], begin: int = 1_000) -> None:
    story = Story()
    for off, one in enumerate(answers, begin):
        key, extra = 2**62 + crc32(one.page.encode()), json.dumps(one.fields) if one.fields else None
        if one.is_of_target:
            story.add(
                "target_status", target_key=key, target_url=f"https://{one.page}", observed_at=day(one.at),
                record_at=day(90), source_id=1, off=off, http_code=one.http_code, extra=extra,
            )  # fmt: skip
        else:
            story.page(key, day(one.at), off, extra=extra, loss_reason=one.reason, accepts_losses=False)
    store.put(story, day(90.5))


def filled(store: Store, links: Sequence[Link], answers: Sequence[Answer], batches: int) -> None:
    """Put links and what is told of them; answers in batches, so that older ones come late."""
    put(store, links, {f"{OWN}/": {"language": "en"}})
    for of in MINE.terms:
        store.database.connection.execute(
            "INSERT INTO internal.anchor_terms SELECT ?, ?, ?, internal.words(?), 'f'", [*of, of[2]]
        )
    for number in range(batches):
        put_answers(store, answers[number::batches], 1_000 * (number + 1))
        Folder(store.database).fold_all()


@dataclass(frozen=True)
class Told:
    store: Store
    links: list[Link]
    """With what their pages told."""
    pool: ReaderPool

    def narrow(self, sql: str) -> list[tuple[object, ...]]:
        """Ask as from outside: by the narrowest copies of the views."""
        return [tuple(row.values()) for row in self.pool.query(sql).table.to_pylist()]


@pytest.fixture(scope="module", params=range(3))
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    links, answers = drawn(random.Random(request.param))
    with Store(tmp_path_factory.mktemp("pages") / "a.duckdb") as store:
        filled(store, links, answers, request.param + 1)
        with ReaderPool.of(store.database) as pool:
            yield Told(store, with_pages(links, answers), pool)


def same(found: Iterable[Sequence[object]], wanted: Iterable[Sequence[object]]) -> bool:
    rows = [tuple(rounded(one) if isinstance(one, float) else one for one in row) for row in found]
    assert sorted(rows, key=repr) == sorted(map(tuple, wanted), key=repr)
    return bool(rows)


def test_sources_of_a_few_links_told_what_all_pages_told(told: Told) -> None:
    few = "WITH few AS MATERIALIZED (SELECT source_key FROM internal.links WHERE link_id % 3 = 0) "
    found = told.store.dicts(f"{few} FROM internal.told_by_sources('few') ORDER BY ALL")
    of_all = f"{few} FROM internal.page_told WHERE page_key IN (SELECT source_key FROM few) ORDER BY ALL"
    assert found == told.store.dicts(of_all)
    assert found


def test_what_is_drawn_differs_with_what_pages_told(told: Told) -> None:
    states = [state_of(told.links), state_of(replace(one, page={}) for one in told.links)]
    kinds = [mine_views.link_kinds(state, Settings()) for state in states]
    assert kinds[0] != kinds[1]
    marks = [list(toxic_views.rated(state, OWN, KNOWN).values()) for state in states]
    for name in ("link_farm_page", "lang_mismatch", "noindex", "same_block"):
        assert [one[name] for one in marks[0]] != [one[name] for one in marks[1]], name
    both = [(one.values[name], one.page[name]) for one in told.links for name in one.values.keys() & one.page]
    assert any(of_link != of_page for of_link, of_page in both)


def test_kinds_rest_on_what_pages_told(told: Told) -> None:
    store, links = told.store, told.links
    columns = "source_url, target_url, source_domain, target_domain"
    more = "is_dofollow, source_kind, kind_rule, acquisition, acquisition_rule, campaign"
    wanted = mine_views.link_kinds(state_of(links), Settings())
    assert same(store.all(f"SELECT {columns}, {more} FROM link_kinds"), wanted)
    assert {"told kind", "wiki generator", None} <= {row[6] for row in wanted}
    mix = mine_views.link_mix(state_of(links), Settings())
    assert same(store.all("FROM link_mix"), mix)
    assert same(told.narrow(f"SELECT {columns}, {more} FROM link_kinds"), wanted)
    found = told.narrow("SELECT target_domain, source_kind, acquisition, backlinks FROM link_mix")
    assert same(found, (row[:4] for row in mix))


def test_contexts_have_what_pages_told(told: Told) -> None:
    store, links = told.store, told.links
    state = state_of(links)
    names = [name for (name,) in store.all("SELECT column_name FROM (DESCRIBE link_context)")]
    rows = store.all(f"SELECT {', '.join(names[1:])} FROM link_context")
    wanted = context_views.link_context(state, Settings())
    assert same(rows, wanted)
    assert len({row[8] for row in rows}) > 3
    assert same(told.narrow(f"SELECT {', '.join(names[1:])} FROM link_context"), wanted)
    located = told.narrow("SELECT source_url, semantic_location FROM link_context")
    assert same(located, ((row[0], row[4]) for row in wanted))
    assert same(store.all(f"FROM context_mix('{OWN}')"), context_views.context_mix(state, OWN))


def test_relevance_reads_the_titles_of_pages(told: Told) -> None:
    store, links = told.store, told.links
    rows = store.all(
        f"SELECT source_url, target_url, source_domain, round(relevance, {SHARE_DIGITS}), "
        f"round(anchor_relevance, {SHARE_DIGITS}), common_words FROM link_relevance('{OWN}')"
    )
    assert same(rows, context_views.link_relevance(state_of(links), OWN, MINE, {}))


def test_markers_are_told_by_pages(told: Told) -> None:
    store, links = told.store, told.links
    state = state_of(links)
    columns = "source_url, target_url, source_domain, toxicity, markers_evaluated, markers_fired"
    rows = store.all(f"SELECT {columns}, {', '.join(POINTS)} FROM link_toxicity('{OWN}')")
    assert same(rows, toxic_views.link_toxicity(state, OWN, KNOWN))
    of_domains = store.all(f"SELECT * EXCLUDE (domain_authority) FROM toxicity('{OWN}')")
    assert same(of_domains, ((row[0], *row[2:]) for row in toxic_views.toxicity(state, OWN, KNOWN)))
    gained = store.all(
        f"SELECT day_number, gained_links, rated_links, toxic_links FROM toxic_links_gained('{OWN}')"
    )
    assert same(gained, ((row[0], *row[3:]) for row in toxic_views.toxic_links_gained(state, OWN, KNOWN)))


def test_origins_count_the_languages_of_pages(told: Told) -> None:
    store, links = told.store, told.links
    counts: dict[str | None, int] = {}
    for one in context_views.links_to(state_of(links), OWN):
        name = toxic_views.language(one.of_source("language"))
        counts[name] = counts.get(name, 0) + 1
    found = store.all(f"SELECT name, backlinks FROM link_origins('{OWN}') WHERE dimension = 'language'")
    assert same(found, counts.items())
    assert len(found) > 2


def test_groups_of_kinds_are_those_of_link_kinds(told: Told) -> None:
    store, links = told.store, told.links
    kinds = {mine_views.kind_of(one, Mine())[0] for one in links if one.target_domain == OWN}
    found = store.all(f"SELECT link_group FROM link_half_life('{OWN}', groupings := ['source_kind'])")
    assert {kind for (kind,) in found} == kinds


@seeds(5)
def test_any_order_of_answers_tells_the_same(tmp_path: Path, seed: int) -> None:
    links, answers = drawn(random.Random(1_000 + seed))
    wanted = with_pages(links, answers)
    with Store(tmp_path / "a.duckdb") as store:
        filled(store, links, answers, 3)
        rows = store.all(
            f"SELECT source_url, target_url, {', '.join(OF_PAGES)} FROM internal.told_links('{OWN}', NULL)"
        )
    live = context_views.links_to(state_of(wanted), OWN)
    assert same(rows, ((one.source_url, one.target_url, *map(one.of_source, OF_PAGES)) for one in live))


def kinds_of(store: Store) -> list[tuple[Any, ...]]:
    return store.all("SELECT source_kind, kind_rule FROM link_kinds")


def of_target(page: str, at: float, http_code: int) -> Answer:
    return Answer(page, at, {"generator": "x"}, http_code=http_code, is_of_target=True)


def test_a_page_that_changes_what_made_it(tmp_path: Path) -> None:
    page = "s.com/p"
    with Store(tmp_path / "a.duckdb") as store:
        put(store, [link(page)])
        steps: tuple[tuple[Answer, list[tuple[str, str | None]]], ...] = (
            (Answer(page, 5, {"generator": "MediaWiki"}), [("wiki", "wiki generator")]),
            (Answer(page, 6, {"generator": "phpBB"}), [("forum", "forum generator")]),
            # Older, late; then answers that do not tell it, or are errors.
            (Answer(page, 4, {"generator": "x"}), [("forum", "forum generator")]),
            (Answer(page, 7, {"title": "T"}), [("forum", "forum generator")]),
            (Answer(page, 8, {"generator": ""}), [("forum", "forum generator")]),
            (Answer(page, 9, {"generator": "x"}, "notfound"), [("forum", "forum generator")]),
            (of_target(page, 9, 500), [("forum", "forum generator")]),
            (Answer("s.com/other", 9, {"generator": "x"}), [("forum", "forum generator")]),
            (of_target(page, 10, 200), [("unknown", None)]),
        )
        assert kinds_of(store) == [("unknown", None)]
        for number, (answer, wanted) in enumerate(steps):
            put_answers(store, [answer], 1_000 + number)
            assert kinds_of(store) == wanted, answer


def test_what_was_told_of_the_link_comes_first(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        put(store, [link("s.com/p", values={"generator": "MediaWiki"})])
        put_answers(store, [Answer("s.com/p", 5, {"generator": "phpBB", "links_external": 7})])
        assert kinds_of(store) == [("wiki", "wiki generator")]
        assert store.all("SELECT links_external FROM link_context") == [(7,)]
        # Attributes are what was told of the link alone.
        assert store.all("SELECT attributes FROM links") == [('{"generator": "MediaWiki"}',)]
