"""A filter on the target domain reaches the sorted runs of every table: none is read whole."""

# ruff: noqa: E501, S608 - SQL of the test's own

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hand_made_store import Store, Story, day

from linktide.store.database import ROW_GROUP_ROWS
from linktide.store.fold import Folder, FoldRule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# They share one store.
pytestmark = pytest.mark.xdist_group("domain reads")
LINKS = 600_000
DOMAINS = 5_000
_FILL = {
    "links": f"""
SELECT hash(i) AS link_id, hash(i // 12) AS source_key, hash(i * 7) AS target_key, hash(i % 97) AS s_dom_key,
       hash('d' || i % {DOMAINS}) AS t_dom_key, 'https://s/' || i AS source_url, 'https://t/' || i AS target_url,
       's' || i % 97 || '.org' AS source_domain, 'd' || i % {DOMAINS} || '.com' AS target_domain,
       'a' || i % 9 AS anchor, 1 AS rev
FROM range({LINKS}) t(i)""",
    "link_changes": "SELECT link_id, t_dom_key, 1 AS status, now() AS started_at, now() AS last_seen, 1 AS rev FROM w",
    "life_changes": "SELECT link_id, t_dom_key, now() AS started_at, CAST(NULL AS TIMESTAMPTZ) AS confirmed_at, "
    "false AS is_confirmed_by_event, false AS is_void, 1 AS rev FROM w "
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
        Folder(store.database, FoldRule(slice_rows=400_000)).fold_all()
        store.all("CHECKPOINT")
        yield store


def scanned(store: Store, query: str) -> dict[str, int]:
    """Return the rows that each table's scan has looked at."""
    text = store.database.connection.execute(f"EXPLAIN (ANALYZE, FORMAT json) {query}").fetchall()[0][1]
    found: dict[str, int] = {}

    def visit(node: dict[str, Any]) -> None:
        name = node.get("extra_info", {}).get("Table", "")
        if name:
            table = str(name).rpartition(".")[2]
            found[table] = found.get(table, 0) + int(node.get("rows_scanned", 0))
        for child in node.get("children", ()):
            visit(child)

    for root in json.loads(text)["operator"]:
        visit(root)
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
        assert sum(rows.values()) <= 2 * ROW_GROUP_ROWS < LINKS, looked_at


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
    for name, count in scanned(store, query).items():
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
