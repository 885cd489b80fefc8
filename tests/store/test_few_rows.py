"""What is looked up of a few links or domains by their keys is what the views of all have."""

# ruff: noqa: S608 - SQL of the test's own

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hand_made_store import Store, Story, day, domain_key

from linktide.store.fold import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

LINKS = 120
DOMAINS = tuple(f"d{number}.org" for number in range(12))
ROUNDS = ("run", "run", "sealed", "hot")
"""What becomes of the rows of each batch."""
FEW = (
    "WITH few AS MATERIALIZED ("
    "SELECT link_id, t_dom_key, seen_at FROM internal.links WHERE link_id % 3 = {rest})"
)


def told(chance: random.Random, number: int) -> Story:
    """Return states, attributes and scores for some of the links of the batches so far."""
    story = Story()
    for link in range(1 + LINKS // 4 * number, 1 + LINKS // 4 * (number + 1)):
        sides = (DOMAINS[link % 12], DOMAINS[link % 5])
        at = None if chance.random() < 0.1 else day(1 + link % 3)
        said = {"rel": chance.choice((None, "nofollow")), "link_type": chance.choice((None, "redirect"))}
        story.link(
            link,
            f"{sides[0]}/{link}",
            f"{sides[1]}/{link % 7}",
            attributes_at=at,
            seen_at=day(number) if link % 2 else None,
            **(said if at else {}),
        )
    for link in range(1, 1 + LINKS // 4 * (number + 1)):
        story.sides[link] = (DOMAINS[link % 12], DOMAINS[link % 5])
        if chance.random() < 0.5:
            instant = day(number + chance.random())
            story.state(link, chance.randrange(4), started_at=instant, last_seen=instant)
        for name in ("rel", "link_type", "anchor"):
            if chance.random() < 0.2:
                value = chance.choice(("", "nofollow", "redirect"))
                story.attribute(link, name, day(chance.randrange(1, 5)), value, is_void=chance.random() < 0.3)
    for name in DOMAINS:
        if chance.random() < 0.8:
            trust = chance.choice((None, chance.random()))
            scores = {"authority": 100 * chance.random(), "trust": trust, "citation": 1.0}
            story.add(
                "domain_scores", domain_key=domain_key(name), trust_mass=0.0, scored_at=day(1), **scores
            )
    return story if number else story.domains(*DOMAINS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    chance = random.Random(24)
    with Store(tmp_path_factory.mktemp("few") / "a.duckdb") as one:
        folder = Folder(one.database)
        for number, fate in enumerate(ROUNDS):
            one.put(told(chance, number), day(10))
            if fate == "run":
                folder.fold_all()
            elif fate == "sealed":
                folder.seal(is_whole=True)
        kinds = one.all(
            "SELECT DISTINCT kind FROM internal.parts WHERE table_name = 'link_changes' ORDER BY 1"
        )
        assert kinds == [("hot",), ("run",), ("sealed",)]
        yield one


@pytest.mark.parametrize("rest", range(3))
def test_states_are_those_of_the_view(store: Store, rest: int) -> None:
    columns = "link_id, status, started_at::VARCHAR, last_seen::VARCHAR"
    found = store.all(f"{FEW.format(rest=rest)} SELECT {columns} FROM internal.states_of('few') ORDER BY ALL")
    every = f"SELECT {columns} FROM internal.link_state WHERE link_id % 3 = {rest} ORDER BY ALL"
    assert found == store.all(every)
    assert len(found) > LINKS // 6


@pytest.mark.parametrize("field", ["rel", "link_type", "anchor"])
def test_attributes_are_those_of_the_view(store: Store, field: str) -> None:
    for rest in range(3):
        found = store.all(
            f"{FEW.format(rest=rest)} "
            f"SELECT l.link_id, internal.value_now(t.link_id, t.told, l.{field}, l.attributes_at) "
            f"FROM internal.links l SEMI JOIN few f ON f.link_id = l.link_id "
            f"LEFT JOIN internal.told_of('few', '{field}') t ON t.link_id = l.link_id ORDER BY ALL"
        )
        every = (
            f"SELECT link_id, {field} FROM internal.link_attributes WHERE link_id % 3 = {rest} ORDER BY ALL"
        )
        assert found == store.all(every)
        assert len({value for _, value in found}) > 1


@pytest.mark.parametrize("is_shown", [True, False])
def test_scores_are_those_of_the_view(store: Store, *, is_shown: bool) -> None:
    store.all(f"UPDATE internal.writer SET is_authority_shown = {is_shown}, trust_scale = 1")
    columns = "domain_key, domain_authority, trust"
    found = store.all(
        "WITH few AS MATERIALIZED (SELECT s_dom_key AS domain_key FROM internal.links WHERE link_id < 9) "
        f"SELECT {columns} FROM internal.scores_of('few') ORDER BY ALL"
    )
    every = f"SELECT {columns} FROM internal.shown_scores WHERE domain_key IN ({{}}) ORDER BY ALL"
    assert found == store.all(every.format(", ".join(str(domain_key(name)) for name in DOMAINS[1:9])))
    assert len(found) == 8


def test_rows_by_key_are_all_rows(store: Store) -> None:
    told = "(FROM internal.link_changes_base UNION ALL BY NAME FROM internal.link_changes_new)"
    for table, every in (
        ("links", "internal.links"),
        ("link_changes", told),
        ("attribute_changes", "internal.attribute_changes"),
    ):
        columns = ", ".join(store.database.parts.columns(table))
        rows = [
            store.all(f"SELECT {columns} FROM {name} ORDER BY ALL")
            for name in (every, f"internal.{table}_keyed")
        ]
        assert rows[0] == rows[1]
        assert rows[0]


def test_all_views_tell_the_same_scores_of_a_domain(store: Store) -> None:
    store.all("UPDATE internal.writer SET is_authority_shown = true, trust_scale = 1")
    every = {
        name: (authority, trust)
        for name, authority, trust in store.all(
            "SELECT n.domain_name, s.domain_authority, s.trust FROM internal.shown_scores s "
            "JOIN internal.newest_domain_names n ON n.domain_key = s.domain_key"
        )
    }
    for view, side in (
        ("backlinks", "source_domain"),
        ("outgoing_links", "target_domain"),
        ("refdomains", "source_domain"),
        ("linked_domains", "target_domain"),
    ):
        told = store.all(f"SELECT DISTINCT {side}, domain_authority, trust FROM {view}")
        assert len(told) > 2
        assert {name: (authority, trust) for name, authority, trust in told} == {
            name: every[name] for name, _, _ in told
        }, view
