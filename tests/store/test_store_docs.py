from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hand_made_store import Store

from linktide.store.public_names import MACROS, VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterator

DOC = Path(__file__).parents[2] / "docs" / "sql.md"
TYPES = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
Columns = list[tuple[str, str]]


def sections() -> dict[str, str]:
    parts = re.split(r"^## (\w+)(?:\(.*\))?\n", DOC.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def table_of(text: str) -> Columns:
    """Return (column, type) of every row of the section's table."""
    found = []
    for names, kind in re.findall(r"^\| ([a-z0-9_, ]+) \| ([A-Z]+(?:\[\])?) \|", text, flags=re.MULTILINE):
        found += [(name.strip(), TYPES.get(kind, kind)) for name in names.split(",")]
    return found


def documented() -> dict[str, Columns]:
    found: dict[str, Columns] = {}
    for view, text in sections().items():
        columns = table_of(text)
        if like := re.search(r"Columns of `(\w+)`", text):
            without = re.search(r"without ((?:`\w+`(?:, )?)+)(?:and after `(\w+)`)?", text)
            gone = set(re.findall(r"`(\w+)`", without[1])) if without else set()
            inherited = [one for one in found[like[1]] if one[0] not in gone]
            after = without[2] if without else None
            place = [name for name, _ in inherited].index(after) + 1 if after else len(inherited)
            columns = inherited[:place] + columns + inherited[place:]
        found[view] = columns
    return found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("docs") / "a.duckdb") as one:
        yield one


def test_the_gate_knows_just_the_documented_views(store: Store) -> None:
    query = "SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' AND NOT (internal OR temporary)"
    there = store.all(query)
    assert tuple(sections()) == VIEWS + MACROS
    assert {name for (name,) in there} == set(VIEWS)


def test_the_gate_knows_just_the_documented_macros(store: Store) -> None:
    there = dict(
        store.all(
            "SELECT function_name, parameters FROM duckdb_functions()"
            " WHERE schema_name = 'main' AND function_type = 'table_macro' AND NOT internal"
        )
    )
    told = dict(re.findall(r"^## (\w+)\((.*)\)$", DOC.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(there) == set(MACROS)
    assert {name: ", ".join(parameters) for name, parameters in there.items()} == told


@pytest.mark.parametrize("view", VIEWS + MACROS)
def test_columns_and_types_are_as_documented(store: Store, view: str) -> None:
    called = {
        "backlink_gap": "('a.com', ['b.com'], 1)",
        "backlinks_asof": "('2026-01-01')",
        "backlinks_diff": "('a.com', '2026-01-01', '2026-01-02')",
        "backlinks_to": "('a.com', grouping := 'similar')",
        "best_by_links": "('a.com')",
        "best_by_new_links_30d": "('a.com')",
        "broken_link_opportunities": "('a.com')",
        "compare": "(['a.com'])",
        "competitors": "('a.com')",
        "discovery": "('a.com')",
        "context_mix": "('a.com')",
        "link_relevance": "('a.com')",
        "link_toxicity": "('a.com')",
        "quality_score": "('a.com')",
        "refdomain_relevance": "('a.com')",
        "toxic_links": "('a.com')",
        "toxic_links_gained": "('a.com')",
        "toxic_links_of_day": "('a.com', 0)",
        "toxicity": "('a.com')",
        "twin_profiles": "('a.com')",
        "diversification": "('a.com')",
        "explain_authority": "('a.com', now(), now())",
        "final_targets": "('a.com')",
        "first_crawls": "('a.com')",
        "headline_counts": "('a.com')",
        "link_cascades": "('a.com')",
        "link_half_life": "('a.com')",
        "link_intersect": "(['a.com'], 1)",
        "link_magnets": "('a.com')",
        "link_origins": "('a.com')",
        "link_outlook": "('a.com')",
        "link_survival": "('a.com')",
        "links_by_visits": "('a.com')",
        "links_of": "('a.com')",
        "links_from": "('a.com')",
        "orphan_pages": "('a.com')",
        "outreach_targets": "('a.com')",
        "partners": "('a.com')",
        "reciprocal_links": "('a.com')",
        "reclaim": "('a.com')",
        "reviews_asof": "(now())",
        "disavow_export": "('a.com')",
        "referral_coverage": "('a.com')",
        "source_agreement": "('a.com')",
        "value_at_risk": "('a.com')",
        "visits_by_link_age": "('a.com')",
        "what_if": "('a.com', ['b.com'], [])",
    }
    relation = store.database.connection.sql(f"FROM {view}{called.get(view, '')}")
    real = list(zip(relation.columns, (str(kind) for kind in relation.types), strict=True))
    # Its section says that its rows are those of `links`.
    assert documented()["links" if view == "links_of" else view] == real
