"""What clients ask of PostgreSQL's catalogue, by the clients themselves and in their words."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import adbc_driver_postgresql.dbapi
import asyncpg
import psycopg
import pytest
import sqlalchemy
from sql_service import connected, needs_psql, port_of, psql, served

from linktide.store.public_names import MACROS, VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linktide.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with served(tmp_path_factory.mktemp("sql")) as one:
        yield one


def shown(service: Service, command: str) -> list[list[str]]:
    """Return the cells that psql shows for a backslash command."""
    answer = psql(service, "-At", "-F", "|", "-c", command)
    assert answer.stderr == "", command
    assert answer.returncode == 0
    return [line.split("|") for line in answer.stdout.splitlines()]


@needs_psql
@pytest.mark.parametrize("command", [r"\d", r"\dv", r"\dv *", r"\dv public.*"])
def test_psql_lists_the_views(service: Service, command: str) -> None:
    rows = shown(service, command)
    assert [row for row in rows if row[0] == "public"] == [
        ["public", view, "view", "linktide"] for view in sorted(VIEWS)
    ]


@needs_psql
@pytest.mark.parametrize("view", VIEWS)
def test_psql_describes_a_view_as_the_endpoint_sends_it(service: Service, view: str) -> None:
    told = [(row[0], row[1]) for row in shown(service, rf"\d {view}")]
    with connected(service) as connection:
        described = connection.execute(f"FROM {view} LIMIT 0").description or []
        columns = [(one.name, one.type_code) for one in described]
        names = dict(connection.execute("SELECT oid::bigint, format_type(oid, NULL) FROM pg_type").fetchall())
    assert [(name, names[code]) for name, code in columns] == [(name, kind) for name, kind in told]


@needs_psql
def test_psql_shows_what_else_there_is(service: Service) -> None:
    assert shown(service, r"\l")[0][:3] == ["linktide", "linktide", "UTF8"]
    assert shown(service, r"\dn") == [["own", "linktide"], ["public", "linktide"]]
    assert [row[1] for row in shown(service, r"\df")] == sorted(MACROS)
    assert [row[0] for row in shown(service, r"\du")] == ["linktide"]
    assert shown(service, r"\conninfo")[0][0].startswith(
        'You are connected to database "linktide" as user "me"'
    )


@needs_psql
@pytest.mark.parametrize(
    "command",
    [
        r"\dt",
        r"\dx",
        r"\di",
        r"\ds",
        r"\dm",
        r"\dT",
        r"\dD",
        r"\dC x",
        r"\db",
        r"\dO x",
        r"\dp x",
        r"\des",
        r"\dRp",
        r"\dE",
        r"\dy",
        r"\drds",
        r"\dc x",
        r"\dl",
    ],
)
def test_psql_shows_nothing_where_there_is_nothing(service: Service, command: str) -> None:
    answer = psql(service, "-c", command)
    assert answer.returncode == 0
    assert "ERROR" not in answer.stderr


@needs_psql
@pytest.mark.parametrize(
    "command", [r"\d+ links", r"\d+", r"\dv+", r"\dn+", r"\z", r"\dS", r"\l+", r"\df+ links_of"]
)
def test_psql_shows_more_on_demand(service: Service, command: str) -> None:
    assert shown(service, command)


def test_sqlalchemy_reflects_the_views(service: Service) -> None:
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://me@127.0.0.1:{port_of(service)}/linktide")
    try:
        inspector = sqlalchemy.inspect(engine)
        assert sorted(inspector.get_view_names()) == sorted(VIEWS)
        assert inspector.get_table_names() == []
        assert "public" in inspector.get_schema_names()
        assert inspector.get_pk_constraint("links")["constrained_columns"] == []
        assert inspector.get_foreign_keys("links") == []
        assert inspector.get_indexes("links") == []
        kinds = {column["name"]: str(column["type"]) for column in inspector.get_columns("links")}
        assert kinds["source_url"] == "TEXT"
        assert kinds["first_seen"] == "TIMESTAMP"
        assert kinds["is_live"] == "BOOLEAN"
        assert kinds["link_id"] == "NUMERIC"
        links = sqlalchemy.Table("links", sqlalchemy.MetaData(), autoload_with=engine)
        asked = sqlalchemy.select(sqlalchemy.func.count()).where(links.c.source_domain == "site-1.example")
        with engine.connect() as connection:
            assert connection.execute(asked).scalar() == 1
    finally:
        engine.dispose()


def test_asyncpg_asks_and_reads(service: Service) -> None:
    async def ask() -> list[Any]:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=port_of(service), user="me", database="linktide", ssl=False
        )
        try:
            rows = await connection.fetch(
                "SELECT source_domain FROM links WHERE is_live AND anchor IS NULL ORDER BY 1"
            )
            listed = await connection.fetchval("SELECT ['a', NULL]")
            async with connection.transaction(readonly=True):
                number = await connection.fetchval("SELECT $1::text || 'b' LIMIT $2", "a", 1)
            await connection.reset()
            return [[row[0] for row in rows], listed, number]
        finally:
            await connection.close()

    names, listed, number = asyncio.run(ask())
    assert names == [f"site-{number}.example" for number in range(3)]
    assert listed == ["a", None]
    assert number == "ab"


def test_adbc_reads_by_copy_with_the_types_it_asks_for(service: Service) -> None:
    with adbc_driver_postgresql.dbapi.connect(
        f"postgresql://me@127.0.0.1:{port_of(service)}/linktide"
    ) as connection:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT source_domain, first_seen, times_lost, is_live, anchor, "
                "[1.5::DOUBLE, NULL] AS listed FROM links ORDER BY 1"
            )
            table = cursor.fetch_arrow_table()
        kinds = [str(field.type) for field in table.schema]
        assert kinds[:5] == ["string", "timestamp[us, tz=UTC]", "int64", "bool", "string"]
        assert kinds[5].startswith("list")
        assert table.column("source_domain").to_pylist() == [f"site-{number}.example" for number in range(3)]
        assert table.column("listed").to_pylist() == [[1.5, None]] * 3
        objects = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
    tables = [
        table["table_name"]
        for catalog in objects
        for schema in catalog["catalog_db_schemas"]
        for table in schema["db_schema_tables"]
    ]
    assert set(VIEWS) <= set(tables)


QUESTIONS: dict[str, str] = json.loads(
    (Path(__file__).parent / "catalogue_questions.json").read_text("utf-8")
)
"""In the words of the program each is known from."""


@pytest.mark.parametrize("name", QUESTIONS)
def test_known_questions_are_answered(service: Service, name: str) -> None:
    with connected(service) as connection:
        rows = connection.execute(QUESTIONS[name]).fetchall()
    assert bool(rows) != (name == "grafana timescale")
    if "tables" in name:
        assert {"links", "domains"} <= {str(cell) for row in rows for cell in row}


def test_the_catalogue_tells_of_the_views_and_of_nothing_inside(service: Service) -> None:
    with connected(service) as connection:
        for table, column in (("pg_class", "relname"), ("information_schema.tables", "table_name")):
            names = {row[0] for row in connection.execute(f"FROM {table} SELECT {column}")}
            assert set(VIEWS) <= names
            assert not {"writer", "settings", "link_events"} & names


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_catalog.read_csv('/etc/passwd')",
        "SELECT pg_x.* FROM read_text('/etc/passwd') pg_x",
        "SELECT * FROM duckdb_settings() pg_x",
        "SELECT * FROM duckdb_settings pg_x",
        "SELECT pg_sleep(100)",
        "SELECT pg_catalog.pg_sleep(100)",
        "SELECT version(), repeat('a', 1000000000)",
        "INSERT INTO pg_catalog.pg_class (oid) VALUES (1)",
        "DROP TABLE pg_class",
        "WITH x AS (DELETE FROM pg_class RETURNING 1) SELECT * FROM x",
        "SELECT version(); DROP TABLE pg_class",
        "CREATE TABLE pg_x AS SELECT 1",
        "ATTACH 'x.duckdb' AS pg_x",
        "SELECT * FROM memory.pg.pg_class",
        "SELECT * FROM system.information_schema.tables",
        "SELECT getenv('HOME') AS pg_x",
        "FROM query('SELECT 1') pg_x",
        "COPY pg_class TO '/tmp/x'",
        "SELECT pg_x FROM internal.writer pg_x",
    ],
)
def test_hostile_questions_to_the_catalogue_are_refused(service: Service, sql: str) -> None:
    with connected(service) as connection:
        with pytest.raises(psycopg.Error):
            connection.execute(sql)
        assert connection.execute("SELECT count(*) > 100 FROM pg_class").fetchone() == (True,)


def test_a_question_to_views_that_looks_like_one_to_the_catalogue_reads_the_views(service: Service) -> None:
    with connected(service) as connection:
        rows = connection.execute(
            "SELECT count(*) AS pg_count, current_user IS NOT NULL FROM links"
        ).fetchall()
        assert rows == [(3, True)]
