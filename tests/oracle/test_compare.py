"""The comparison: silent on the rows that the model expects, and not silent on any other."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linktide.store.public_names import MACROS
from oracle.compare import LINK_ID_VIEWS, check_citation, compare, compare_view, query_of
from oracle.events import DeadLetter, Origin
from oracle.graph import citation
from oracle.histories import histories
from oracle.model import State, derive
from oracle.page_events import ReferralEvent, TargetEvent
from oracle.shown import Form, Settings, View
from oracle.turns import changes
from oracle.views import VIEWS
from oracle.written import event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oracle.events import Pair
    from oracle.page_events import AnyEvent

SQL_PAGE = Path(__file__).resolve().parents[2] / "docs" / "sql.md"

NOT_COMPARED = {
    "domains": {
        "domain_authority",
        "authority_percentile",
        "authority_note",
        "citation",
        "trust",
        "trust_ratio",
        "spam_mass",
    },
    "referrals": {"topic_id"},
    "pages": {"page_authority", "authority_percentile", "trust", "citation"},
    "refdomains": {"domain_authority", "trust"},
    "linked_domains": {"domain_authority", "trust"},
    "backlink_profiles": {"strong_share"},
    "broken_backlinks": {"domain_authority"},
    "broken_targets": {"best_authority"},
    "backlinks": {"domain_authority", "page_authority", "trust"},
    "outgoing_links": {"domain_authority", "page_authority", "trust"},
    "dead_letters": {
        "topic_id",
        "detail",
        "record_at",
        "received_at",
        "bytes",
        "byte_length",
        "bytes_hash",
        "replayed_at",
    },
    "sources": {"topic_id", "next_offset", "last_record_at", "updated_at"},
    "new_lost": {"source_name", "topic", "topic_id", "source_partition", "source_offset"},
}
"""Scores, wall clocks and bytes; and what `check_deciders` and `check_offsets` look at."""

COMPARED_ELSEWHERE = {
    *("authority_history", "topical_authority", "alerts", "link_observations"),
    *("link_velocity_by_follow", "link_velocity_daily", "link_velocity_baseline"),
    *("placements", "campaigns", "mine_files", "mine_refusals", "mine_domains", "own_pages", "blocklist"),
    *("anchor_terms", "source_rules", "toxicity_markers", "reviews", "review_history"),
}
"""Views that the model does not have, or that are compared where something is told of oneself. Tests of the
store hold those of velocity against sums by hand, tests of the pipeline what link_observations says against
the events that were sent."""
AROUND = {"title": "T", "semantic_location": "content", "links_external": "9", "words": "90"}
LETTERS = (DeadLetter(Origin("memory", "links", 0, 999), "NOT_JSON", 0),)


def documented_columns() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    name = ""
    heading = ""
    for line in SQL_PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            name = line.removeprefix("## ").partition("(")[0].strip()
            found[name] = set()
        elif not (match := re.match(r"\| ([a-z_, ]+) \|", line)):
            heading = heading if line.startswith("|") else ""
        elif not heading:
            heading = match[1]
        elif heading == "column":
            found[name] |= set(match[1].split(", "))
    of_backlinks = found["links"] - {"is_internal", "is_live", "lost_at", "confirmed_at", "lost_reason"}
    found["backlinks"] |= of_backlinks
    found["outgoing_links"] |= found["backlinks"]
    return found


def test_each_documented_column_is_compared_or_named_here() -> None:
    documented = documented_columns()
    assert set(documented) - {*COMPARED_ELSEWHERE, *MACROS} == {view.name for view in VIEWS}
    for view in VIEWS:
        left_out = NOT_COMPARED.get(view.name, set()) | {"link_id"}
        assert set(view.column_names) == documented[view.name] - left_out, view.name


def fill(connection: duckdb.DuckDBPyConnection, state: State) -> None:
    """Make a table of each view, with exactly the rows that the model expects."""
    types = {Form.PLAIN: "VARCHAR", Form.TIME: "TIMESTAMPTZ", Form.JSON: "JSON", Form.TEXT: "VARCHAR"}
    types[Form.SHARE] = "DOUBLE"
    pairs = {pair: number for number, pair in enumerate(sorted(state.links))}
    for view in VIEWS:
        rows = view.rows(state, Settings())
        names = view.column_names
        kinds = [plain_type(view, index, rows) or types[form] for index, (_, form) in enumerate(view.columns)]
        extra = {"sources": ", next_offset BIGINT", "new_lost": NEW_LOST_EXTRA}.get(view.name, "")
        id_column = ", link_id BIGINT" if view.name in {"links", *LINK_ID_VIEWS} else ""
        cells = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
        connection.execute(f"CREATE OR REPLACE TABLE {view.name} ({cells}{extra}{id_column})")
        values = ", ".join("make_timestamptz(?)" if form is Form.TIME else "?" for _, form in view.columns)
        for row in rows:
            given_cells = [json.dumps(value) if isinstance(value, dict) else value for value in row]
            connection.execute(
                f"INSERT INTO {view.name} ({', '.join(names)}) VALUES ({values})",  # noqa: S608
                given_cells,
            )
    fill_apart(connection, state, pairs)


NEW_LOST_EXTRA = ", source_name VARCHAR, topic VARCHAR, source_partition BIGINT, source_offset BIGINT"


def plain_type(view: View, index: int, rows: list[tuple[object, ...]]) -> str | None:
    """Find the type of a plain column from its cells; bool before int, as it is one."""
    if view.columns[index][1] is not Form.PLAIN:
        return None
    cells = [row[index] for row in rows if row[index] is not None]
    if cells and isinstance(cells[0], bool):
        return "BOOLEAN"
    return "BIGINT" if cells and isinstance(cells[0], int) else "VARCHAR"


def fill_apart(connection: duckdb.DuckDBPyConnection, state: State, pairs: Mapping[Pair, int]) -> None:
    for name in ("links", *LINK_ID_VIEWS):
        for (source_url, target_url), link_id in pairs.items():
            connection.execute(
                f"UPDATE {name} SET link_id = ? WHERE source_url = ? AND target_url = ?",  # noqa: S608
                [link_id, source_url, target_url],
            )
    for of in state.sources:
        connection.execute("UPDATE sources SET next_offset = ?", [of.greatest_offset + 1])
    for found in changes(state):
        if found.deciders:
            connection.execute(
                "UPDATE new_lost SET source_name = ?, topic = ?, source_partition = ?, source_offset = ?"
                " WHERE change = ? AND changed_at = make_timestamptz(?)"
                " AND source_url = ? AND target_url = ?",
                [*max(found.deciders), *found.row[:4]],
            )


@pytest.fixture(scope="module")
def filled(rich: State) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        fill(opened, rich)
        yield opened


@pytest.fixture
def connection(filled: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The rows of `rich`; what a test changes is taken back."""
    filled.execute("BEGIN")
    yield filled
    filled.execute("ROLLBACK")


@pytest.fixture(scope="module")
def rich() -> State:
    """Make a state in which each view has a row, and time and events have ended lives."""
    events = [
        event("d0", 0, anchor="one", rel="noopener", link_type="text"),
        event("l1", 1),
        event("s2", 2),
        event("l3:pageerror", 3),
        event("d2", 4, target="https://c.net/", anchor="two", rel="ugc", attributes=AROUND),
        event("s400", 5, source="https://b.org/", target="https://c.net/"),
        event("d400", 6, target="https://a.com/2"),
        event("l400", 7, source="https://c.net/", target="https://d.de/"),
        event("s5", 9, target="https://c.net/", anchor="three", rel=""),
    ]
    origin = Origin("memory", "links", 0, 8)
    others: list[AnyEvent] = [
        TargetEvent(0, "https://b.org/", origin, 0, http_code=404),
        TargetEvent(0, "https://c.net/", origin, 0, http_code=410),
        ReferralEvent(0, "https://a.com/", "https://b.org/", date(2026, 1, 31), 3, origin, 0),
    ]
    return derive([*events, *others], LETTERS)


def test_the_rich_state_is_rich(rich: State) -> None:
    decided = {(found.name, bool(found.deciders)) for found in changes(rich)}
    turned = {("new", True), ("restored", True), ("lost", True), ("lost", False)}
    assert decided == turned | {("followed", True), ("anchor_changed", True)}
    assert all(view.rows(rich, Settings()) for view in VIEWS)


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_the_expected_rows_have_no_difference(data: st.DataObject) -> None:
    state = derive(data.draw(histories(max_events=20, max_links=3)), LETTERS)
    with duckdb.connect() as connection:
        fill(connection, state)
        assert compare(query_of(connection), state) == []


@pytest.mark.parametrize("view", VIEWS, ids=[view.name for view in VIEWS])
def test_a_row_missing_repeated_or_too_many_is_told(
    view: View, rich: State, connection: duckdb.DuckDBPyConnection
) -> None:
    query = query_of(connection)
    surplus = compare_view(query, derive([], []), view, Settings())
    connection.execute(f"INSERT INTO {view.name} SELECT * FROM {view.name} LIMIT 1")  # noqa: S608
    assert len(compare_view(query, rich, view, Settings()).repeated) == 1
    connection.execute(f"DELETE FROM {view.name}")  # noqa: S608
    found = compare_view(query, rich, view, Settings())
    assert len(found.missing) == found.expected_count > 0
    assert "missing" in found.describe()
    assert len(surplus.surplus) == found.expected_count


CELLS = [(view, index) for view in VIEWS for index in range(len(view.columns))]


@pytest.mark.parametrize(
    ("view", "index"), CELLS, ids=[f"{view.name}.{view.column_names[index]}" for view, index in CELLS]
)
def test_a_wrong_cell_of_any_column_is_told(
    view: View, index: int, rich: State, connection: duckdb.DuckDBPyConnection
) -> None:
    name, form = view.columns[index]
    rows = view.rows(rich, Settings())
    chosen = next((row for row in rows if row[index] is not None), rows[0])
    wrong = {
        Form.TIME: f"coalesce({name}, make_timestamptz(0)) + INTERVAL 1 MICROSECOND",
        Form.JSON: """'{"x": "y"}'""",
    }.get(form, "NULL" if chosen[index] is not None else "'x'")
    connection.execute(f"UPDATE {view.name} SET {name} = {wrong}")  # noqa: S608
    others = {one.name for one in VIEWS} - {view.name}
    complaints = compare(query_of(connection), rich, without=others)
    told = [text for text in complaints if text.startswith(f"view {view.name}:")]
    assert len(told) == 1
    assert f"{name}=" in told[0] or f"    {name}: expected" in told[0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE links SET link_id = 7", "share"),
        ("UPDATE link_lives SET link_id = link_id + 1", "link_lives: the link_id"),
        ("UPDATE new_lost SET source_offset = source_offset + 1000", "wanted one of"),
        ("UPDATE new_lost SET source_offset = 0 WHERE source_offset IS NULL", "but time decided it"),
        ("UPDATE new_lost SET source_name = NULL, source_offset = NULL", "wanted one of"),
        ("UPDATE sources SET next_offset = 3", "next_offset is 3"),
    ],
)
def test_what_is_checked_apart_is_told(
    change: str, told: str, rich: State, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute(change)
    assert any(told in text for text in compare(query_of(connection), rich))


def test_citation_is_checked_by_ratio(rich: State, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("ALTER TABLE domains ADD COLUMN citation DOUBLE")
    for name, score in citation(rich).items():
        connection.execute("UPDATE domains SET citation = ? WHERE domain_name = ?", [score * 1.01, name])
    assert check_citation(query_of(connection), rich, 0.011) == []
    assert len(check_citation(query_of(connection), rich, 0.009)) == len(citation(rich))
