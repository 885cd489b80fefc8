"""A filter on the target domain reaches the sorted runs of every table: none is read whole."""

# ruff: noqa: E501, S608 - SQL of the test's own

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hand_made_store import Store, Story, day

from linktide.store.database import ROW_GROUP_ROWS
from linktide.store.fold import Folder, FoldRule
from linktide.store.public_names import MACROS, VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterator

# They share one store.
pytestmark = pytest.mark.xdist_group("domain reads")
LINKS = 600_000
DOMAINS = 5_000
DOMAIN = "('d7.com')"
_FILL = {
    "links": f"""
SELECT hash(i) AS link_id, hash(i // 12) AS source_key, hash(i * 7) AS target_key, hash(i % 97) AS s_dom_key,
       hash('d' || i % {DOMAINS}) AS t_dom_key, 'https://s/' || i AS source_url, 'https://t/' || i AS target_url,
       's' || i % 97 || '.org' AS source_domain, 'd' || i % {DOMAINS} || '.com' AS target_domain,
       'a' || i % 9 AS anchor, CASE WHEN i % 1000 = 0 THEN 'redirect' ELSE 'text' END AS link_type, CASE WHEN i % 2 = 0 THEN now() END AS seen_at, 1 AS rev
FROM range({LINKS}) t(i)""",
    "link_changes": "SELECT link_id, t_dom_key, 1 AS status, now() AS started_at, now() AS last_seen, 1 AS rev FROM w "
    "WHERE seen_at IS NULL",
    "life_changes": "SELECT link_id, t_dom_key, now() AS started_at, CAST(NULL AS TIMESTAMPTZ) AS confirmed_at, "
    "false AS is_confirmed_by_event, false AS is_void, 1 AS rev FROM w WHERE seen_at IS NULL "
    "UNION ALL SELECT link_id, t_dom_key, now() - INTERVAL 9 DAY, now() - INTERVAL 5 DAY, true, false, 1 FROM w "
    "WHERE link_id % 3 = 0",
    "domain_keys": "SELECT DISTINCT t_dom_key AS domain_key, target_domain AS domain_name, 1 AS rev FROM w",
    "velocity_delta": "SELECT t_dom_key, date_trunc('hour', now()) AS hour, 1 AS new_links, 0 AS restored_links, "
    "0 AS lost_links, 1 AS rev FROM w",
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """600,000 links in runs of several row groups, and some more that are still hot."""
    with Store(tmp_path_factory.mktemp("reads") / "a.duckdb") as store:
        parts = store.database.parts
        store.all(f"CREATE TEMP TABLE w AS {_FILL['links']}")
        for table, select in _FILL.items():
            chosen = "FROM w" if table == "links" else select
            store.all(f'INSERT INTO internal."{parts.hot(table)}" BY NAME {chosen}')
        store.all("UPDATE internal.writer SET clock = now() + INTERVAL 1 HOUR")
        parts.reload()
        store.all(
            "INSERT INTO internal.page_snapshots BY NAME SELECT DISTINCT source_key AS page_key, "
            "now() AS observed_at, now() AS record_at, 1 AS source_id, 1 AS off, false AS accepts_losses, "
            '\'{"words":50,"title":"T"}\' AS extra, 1 AS rev FROM w'
        )
        Folder(store.database, FoldRule(slice_rows=400_000)).fold_all()
        store.all("CHECKPOINT")
        yield store


def scans(store: Store, query: str) -> list[tuple[str, int]]:
    """Return the table of each scan and the rows that it has looked at."""
    text = store.database.connection.execute(f"EXPLAIN (ANALYZE, FORMAT json) {query}").fetchall()[0][1]
    found: list[tuple[str, int]] = []

    def visit(node: dict[str, Any]) -> None:
        name = node.get("extra_info", {}).get("Table", "")
        if name:
            found.append((str(name).rpartition(".")[2], int(node.get("rows_scanned", 0))))
        for child in node.get("children", ()):
            visit(child)

    for root in json.loads(text)["operator"]:
        visit(root)
    return found


PAGES = LINKS // 12
"""Each has answered once."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "macro", ["context_mix", "link_relevance", "link_origins", "link_toxicity", "toxic_links_gained"]
)
def test_of_all_answers_of_pages_those_of_a_domain_are_read(store: Store, macro: str) -> None:
    text = f"EXPLAIN (ANALYZE, FORMAT json) FROM {macro}('d7.com')"
    told = json.loads(store.database.connection.execute(text).fetchall()[0][1])
    handed_on: list[int] = []

    def visit(node: dict[str, Any]) -> None:
        if str(node.get("extra_info", {}).get("Table", "")).endswith(".page_snapshots"):
            handed_on.append(int(node["intermediate_rows"]))
        for child in node.get("children", ()):
            visit(child)

    for root in told["operator"]:
        visit(root)
    # The keys of all are compared; a filter of the keys may let some more through.
    assert handed_on
    assert max(handed_on) <= PAGES // 10, handed_on


def scanned(store: Store, query: str) -> Counter[str]:
    """Return the rows that all scans of each table have looked at."""
    found: Counter[str] = Counter()
    for table, rows in scans(store, query):
        found[table] += rows
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ("SELECT count(source_url), count(last_seen), count(first_seen) FROM links WHERE target_domain = 'd7.com'",
         {"links", "link_changes", "life_changes"}),
        ("SELECT count(source_url), count(last_seen) FROM links_of('d7.com')", {"links", "link_changes"}),
        ("SELECT sum(backlinks) FROM refdomains WHERE target_domain = 'd7.com'", {"links", "link_changes"}),
        ("SELECT count(DISTINCT link_id) FROM link_lives WHERE target_domain = 'd7.com'", {"links", "life_changes"}),
        ("SELECT count(*) FROM backlinks_diff('d7.com', now() - INTERVAL 30 DAY, now()) WHERE change = 'new'",
         {"links", "life_changes"}),
        ("SELECT count(*) FROM link_outlook('d7.com')", {"links", "life_changes"}),
        ("SELECT lives - lost FROM link_half_life('d7.com') WHERE link_group = 'all'", {"links", "life_changes"}),
        ("SELECT 120 + count(*) FROM source_agreement('d7.com')", {"links", "link_changes"}),
        ("SELECT count(*) FROM links_by_visits('d7.com')", {"links", "link_changes"}),
        ("SELECT total FROM diversification('d7.com') WHERE dimension = 'links'", {"links", "link_changes"}),
        ("SELECT backlinks FROM compare(['d7.com'])", {"links", "life_changes"}),
        ("SELECT CAST(sum(backlinks) AS BIGINT) FROM link_intersect(['d7.com'], 1)", {"links"}),
        ("SELECT sum(backlinks) FROM best_by_links('d7.com')", {"links", "link_changes", "life_changes"}),
        ("SELECT count(*) FROM discovery('d7.com')", {"links", "link_changes", "life_changes"}),
        ("SELECT sum(backlinks) FROM link_origins('d7.com') WHERE dimension = 'tld'", {"links", "link_changes"}),
        ("SELECT count(source_kind) FROM link_kinds WHERE target_domain = 'd7.com'", {"links", "link_changes"}),
        ("SELECT CAST(sum(backlinks) AS BIGINT) FROM link_mix WHERE target_domain = 'd7.com'", {"links", "link_changes"}),
        ("SELECT CAST(sum(backlinks) AS BIGINT) FROM anchor_classes WHERE target_domain = 'd7.com'", {"links", "link_changes"}),
        ("SELECT CAST(sum(backlinks) AS BIGINT) FROM anchor_profile WHERE target_domain = 'd7.com'", {"links", "link_changes"}),
        ("SELECT count(*) FROM link_context WHERE target_domain = 'd7.com'", {"links", "link_changes"}),
        ("SELECT CAST(sum(backlinks) AS BIGINT) FROM context_mix('d7.com')", {"links", "link_changes"}),
        ("SELECT sum(new_links) FROM link_velocity WHERE target_domain = 'd7.com'", {"velocity_delta"}),
    ],
)  # fmt: skip
def test_a_question_of_one_domain_looks_at_few_rows(store: Store, query: str, tables: set[str]) -> None:
    assert store.all(query)[0][0] == LINKS // DOMAINS
    looked_at = scanned(store, query)
    for table in tables:
        rows = {name: count for name, count in looked_at.items() if name.startswith(f"{table}_run")}
        assert rows, looked_at
        # Two row groups may hold a domain; who asks for lives reads them and the wide rows twice.
        assert sum(rows.values()) <= 4 * ROW_GROUP_ROWS < LINKS, looked_at


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM link_relevance('d7.com')",
        "SELECT CAST(sum(backlinks) AS BIGINT) FROM toxicity('d7.com')",
        "SELECT sum(gained_links) FROM toxic_links_gained('d7.com')",
    ],
)
def test_macros_that_read_a_domain_more_than_once_look_at_few_rows_each_time(
    store: Store, query: str
) -> None:
    assert store.all(query)[0][0] == LINKS // DOMAINS
    looked_at = scanned(store, query)
    for table in ("links", "link_changes"):
        rows = sum(count for name, count in looked_at.items() if name.startswith(f"{table}_run"))
        assert 0 < rows <= 4 * ROW_GROUP_ROWS < LINKS, looked_at


WIDE = ("links", "link_changes", "life_changes")
"""Tables with a row a link or more."""
CALLS = {
    "backlink_gap": "('d8.com', ['d7.com'], 1)",
    "backlinks_diff": "('d7.com', now() - INTERVAL 30 DAY, now())",
    "compare": "(['d7.com'])",
    "explain_authority": "('d7.com', now() - INTERVAL 3 DAY, now())",
    "link_intersect": "(['d7.com', 'd8.com'], 1)",
    "outreach_targets": "('d8.com', rivals := ['d7.com'])",
    "toxic_links_of_day": "('d7.com', 0)",
    "what_if": "('d7.com', ['s1.org'], [])",
}
"""Of macros that want more than a domain."""
WHOLE = {
    "backlink_gap": "as link_intersect",
    "broken_link_opportunities": "it is of all other domains",
    "competitors": "it compares with all other domains",
    "domains": "a row counts links of both sides, and the runs are sorted by one",
    "final_targets": "where pages lead on is told by links to wherever they lead",
    "headline_counts": "as final_targets, which it rests on",
    "links_from": "as reciprocal_links",
    "link_intersect": "the states of links to several domains are found by one column of all that changed",
    "outreach_targets": "as link_intersect",
    "pages": "as domains",
    "partners": "as reciprocal_links",
    "reciprocal_links": "links from the domain are sorted by where they lead",
    "twin_profiles": "it compares all links of the referring domains",
    "what_if": "a share is of all links of its source",
}
"""Documented names that read all links for one domain, and why; docs/sql.md names them."""
APART = {
    "backlinks_asof": "it has no domain; a view that is filtered",
    "reviews_asof": "it has no domain",
}


def asked_of_a_domain(store: Store) -> dict[str, str]:
    """Return a statement for each documented view with a column, and each macro with a parameter, of a domain."""
    columns = (
        "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'main' AND NOT internal"
    )
    of_views = set(store.all(columns))
    found = {}
    for view in VIEWS:
        column = next((one for one in ("target_domain", "domain_name") if (view, one) in of_views), None)
        if column is not None:
            found[view] = f"FROM {view} WHERE {column} = 'd7.com'"
    return found | {name: f"FROM {name}{CALLS.get(name, DOMAIN)}" for name in MACROS if name not in APART}


@pytest.mark.timeout(600)
def test_no_view_or_macro_reads_all_links_for_a_domain_but_those_named(store: Store) -> None:
    asked = asked_of_a_domain(store)
    whole = {}
    hot = store.database.parts.hot
    # What reads links from the domain has something to read.
    store.all(
        f'INSERT INTO internal."{hot("links")}" BY NAME SELECT 1 AS link_id, 1 AS source_key, 1 AS target_key, '
        "hash('d7') AS s_dom_key, hash('d8') AS t_dom_key, 'https://d7.com/' AS source_url, "
        "'https://d8.com/' AS target_url, 'd7.com' AS source_domain, 'd8.com' AS target_domain, 2 AS rev"
    )
    store.all(
        f"INSERT INTO internal.\"{hot('link_changes')}\" BY NAME SELECT 1 AS link_id, hash('d8') AS t_dom_key, "
        "1 AS status, now() AS started_at, now() AS last_seen, 2 AS rev"
    )
    for name, query in asked.items():
        looked_at = dict.fromkeys(WIDE, 0)
        for table, rows in scans(store, query):
            if (of := table.partition("_run")[0]) in WIDE:
                looked_at[of] = max(looked_at[of], rows)
        if max(looked_at.values()) > 2 * ROW_GROUP_ROWS:
            whole[name] = looked_at
    for table in ("links", "link_changes"):
        store.all(f'DELETE FROM internal."{hot(table)}" WHERE link_id = 1')
    assert whole.keys() == WHOLE.keys(), whole
    assert len(asked) > 70


@pytest.mark.timeout(600)
def test_macros_take_domains_in_any_case(store: Store) -> None:
    told = 0
    for name, query in asked_of_a_domain(store).items():
        if name in MACROS:
            shouted = re.sub(r"'[ds]\d\.\w+'", lambda found: found[0].upper(), query)
            assert shouted != query
            rows = store.all(query)
            told += len(rows) > 0
            assert sorted(map(repr, store.all(shouted))) == sorted(map(repr, rows)), name
    assert told > 25


def test_the_docs_name_what_reads_all_links_for_a_domain() -> None:
    told = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"These read all links whatever the domain: (.*?)\.", told, re.DOTALL)
    assert re.findall(r"`(\w+)`", named) == sorted(WHOLE)


def test_placements_of_a_domain_look_at_few_rows(store: Store) -> None:
    store.all(
        "INSERT INTO internal.placements BY NAME "
        "SELECT link_id, source_key, t_dom_key, source_url, target_url, source_domain, target_domain, 3 AS grace_days, "
        "'f' AS file_name, row_number() OVER () AS line FROM temp.w WHERE target_domain = 'd7.com'"
    )
    query = "SELECT count(*) FROM placements WHERE target_domain = 'd7.com' AND state = 'ok'"
    assert store.all(query) == [(LINKS // DOMAINS,)]
    for name, count in scanned(store, query).items():
        if name.startswith(("links_run", "link_changes_run", "life_changes_run")):
            assert count <= 2 * ROW_GROUP_ROWS, (name, count)


def test_broken_links_of_a_day_ago_look_at_few_rows(store: Store) -> None:
    store.all("UPDATE internal.writer SET clock = clock + INTERVAL 3 DAY")
    store.all(
        "INSERT INTO internal.target_status BY NAME SELECT DISTINCT target_key, target_url, now() AS observed_at, "
        "now() AS record_at, 1 AS source_id, 1 AS off, 404 AS http_code, 1 AS rev FROM temp.w WHERE target_domain = 'd7.com'"
    )
    query = "SELECT count(*) FROM internal.broken_a_day_ago WHERE target_domain = 'd7.com'"
    assert store.all(query) == [(LINKS // DOMAINS,)]
    for name, count in scans(store, query):
        if name.startswith(("links_run", "life_changes_run")):
            assert count <= 2 * ROW_GROUP_ROWS, (name, count)


def test_an_answer_without_a_code_is_the_newest_all_the_same(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as one:
        story = (
            Story()
            .link(1, "a.com/", "b.com/")
            .life(1, day(0))
            .state(1, 1, started_at=day(0), last_seen=day(0))
        )
        (row,) = story.records["links"]
        for at, code in ((1, 404), (2, None)):
            story.add(
                "target_status", target_key=row["target_key"], target_url=row["target_url"], http_code=code,
                observed_at=day(at), record_at=day(at), source_id=1, off=at,
            )  # fmt: skip
        one.put(story, day(2.5))
        query = "SELECT count(*) FROM {} WHERE target_domain = 'b.com'"
        assert one.all(query.format("broken_backlinks")) == [(0,)]
        assert one.all(query.format("internal.broken_a_day_ago")) == [(1,)]
        one.put(Story(), day(4))
        assert one.all(query.format("internal.broken_a_day_ago")) == [(0,)]


def test_without_a_filter_all_rows_are_there(store: Store) -> None:
    assert store.all("SELECT count(*), count(DISTINCT link_id) FROM links") == [(LINKS, LINKS)]
