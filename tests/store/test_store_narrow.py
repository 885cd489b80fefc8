"""Which views a statement is bound to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linktide.errors import RefusedQueryError
from linktide.store.gate import Gate, Role
from linktide.store.narrow import NarrowViews
from linktide.store.reader import ReaderPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

from hand_made_store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("narrow") / "a.duckdb") as store:
        yield store


@pytest.fixture(scope="module")
def views(store: Store) -> NarrowViews:
    return NarrowViews(store.database.cursor())


def width(views: NarrowViews, sql: str) -> str | None:
    path = views.path_for(Gate().check(sql, Role.READER).reads)
    return None if path is None else path.partition(",")[0].removeprefix("memory.only").strip("_")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT source_url FROM links", ""),
        ("SELECT l.Source_URL FROM LINKS l WHERE l.target_domain = 'x' ORDER BY 1 LIMIT 3", ""),
        ("EXPLAIN SELECT source_url FROM links", ""),
        ("SELECT count(*) FROM links_of('x')", ""),
        ("SELECT count(*) FROM links WHERE is_live", "state"),
        ("SELECT source_url FROM links GROUP BY ALL HAVING max(first_seen) > now()", "state_lives"),
        ("SELECT source_url FROM links QUALIFY row_number() OVER (ORDER BY times_lost) = 1", "state_lives"),
        ("SELECT count(*) FROM backlinks", "state"),
        ("SELECT anchor, backlinks FROM anchors", "state_attributes"),
        ("SELECT max(domain_authority) FROM refdomains", "state_domain_scores"),
        ("SELECT source_url FROM links l WHERE EXISTS (SELECT 1 FROM backlinks b WHERE b.anchor = 'x')",
         "state_attributes"),
        ("SELECT change, source_url FROM new_lost", ""),
        ("SELECT change, anchor FROM new_lost", "state_attributes"),
        ("SELECT refdomains, top_refdomain_share FROM backlink_profiles", "state"),
        ("SELECT follow_ratio FROM backlink_profiles", "state_attributes"),
        ("SELECT target_domain FROM linked_domains WHERE source_domain = 'x'", "state"),
        ("SELECT semantic_location FROM link_context", "state_attributes"),
        ("SELECT link_density FROM link_context", "state_attributes_page_told"),
        ("SELECT source_kind FROM link_kinds", "state_attributes_page_told"),
        ("SELECT k.source_kind, b.trust FROM link_kinds k JOIN backlinks b USING (link_id)",
         "state_attributes_domain_scores_page_told"),
        ("SELECT * FROM (SELECT source_url FROM links) t", ""),
        ("WITH t AS (SELECT source_url FROM links) SELECT * FROM t", ""),
        ("SELECT source_url FROM links JOIN (SELECT 1 AS is_live) x USING (is_live)", "state"),
    ],
)  # fmt: skip
def test_a_statement_gets_what_it_names(views: NarrowViews, sql: str, expected: str) -> None:
    assert width(views, sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM links",
        "SELECT l.* FROM links l",
        "SELECT COLUMNS('s.*') FROM links",
        "SELECT links FROM links",
        "SELECT l FROM links AS l",
        "SELECT unnest(l) FROM links_of('x') l",
        "SELECT #3 FROM links",
        "SELECT a FROM links AS l(a, b)",
        "SELECT source_url FROM links ORDER BY ALL",
        "SELECT source_url FROM links NATURAL JOIN backlinks",
        "SELECT source_url FROM links POSITIONAL JOIN backlinks",
        "SELECT (SELECT l.* FROM links l LIMIT 1)",
        "SELECT * FROM (SELECT 1) t, links",
        "WITH links AS (SELECT * FROM links) SELECT source_url FROM links",
        "DESCRIBE links",
        "SUMMARIZE links",
        "FROM links",
        "SELECT * FROM main.links",
        "SELECT sum(new_links) FROM link_velocity",
        "SELECT source_offset FROM new_lost",
        "SELECT 1",
    ],
)
def test_a_statement_that_may_read_all_or_none_gets_the_views(views: NarrowViews, sql: str) -> None:
    assert width(views, sql) is None


def test_no_wider_copy_is_made_than_is_wanted(store: Store) -> None:
    connection = store.database.cursor()
    connection.execute("DROP SCHEMA IF EXISTS memory.only_state_lives CASCADE").fetchall()
    made = "SELECT count(*) FROM duckdb_schemas() WHERE schema_name = 'only_state_lives'"
    views = NarrowViews(connection)
    assert width(views, "SELECT count(*) FROM links WHERE is_live") == "state"
    assert connection.execute(made).fetchall() == [(0,)]
    assert width(views, "SELECT max(first_seen) FROM links") == "state_lives"
    assert connection.execute(made).fetchall() == [(1,)]


def test_what_an_unknown_column_is_told_speaks_of_the_views(store: Store) -> None:
    with ReaderPool.of(store.database) as pool, pytest.raises(RefusedQueryError) as refused:
        pool.query("SELECT times_los FROM links")
    assert "only" not in str(refused.value)
    assert pool is not None


def test_every_cursor_finds_the_views_again_after_a_narrow_statement(tmp_path: Path) -> None:
    with Store(tmp_path / "b.duckdb") as store, ReaderPool.of(store.database) as pool:
        for _ in range(9):
            pool.query("SELECT source_url FROM links")
            assert pool.query("SELECT * FROM links").table.num_columns > 20
            with pytest.raises(RefusedQueryError):
                pool.query("SELECT source_url + 1 FROM links")
