from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hand_made_store import Store, Story, day

from linktide.errors import RefusedQueryError
from linktide.store.gate import MAX_STATEMENT_BYTES, Gate, Role
from linktide.store.public_names import VIEWS
from linktide.store.reader import QueryLimits, ReaderPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WRITES = """
INSERT INTO links SELECT * FROM links
INSERT INTO internal.settings VALUES ('a', 'b')
UPDATE internal.writer SET rev = 0
DELETE FROM internal.links
TRUNCATE internal.links
MERGE INTO internal.links l USING internal.links k ON l.link_id = k.link_id WHEN MATCHED THEN DELETE
CREATE TABLE mine (x INTEGER)
CREATE TEMP TABLE mine AS SELECT 1
CREATE OR REPLACE VIEW backlinks AS SELECT 1
CREATE MACRO f(x) AS x + 1
CREATE SEQUENCE s
CREATE SCHEMA mine
CREATE INDEX i ON internal.links (link_id)
CREATE TYPE t AS ENUM ('a')
CREATE SECRET s (TYPE s3)
DROP VIEW backlinks
DROP TABLE internal.links
DROP SCHEMA internal CASCADE
ALTER TABLE internal.links ADD COLUMN x INTEGER
COMMENT ON TABLE internal.links IS 'x'
WITH x AS (INSERT INTO internal.settings VALUES ('a', 'b') RETURNING *) SELECT * FROM x
WITH x AS (DELETE FROM internal.links RETURNING *) SELECT * FROM x
WITH x AS (UPDATE internal.writer SET rev = 0 RETURNING *) SELECT * FROM x
WITH x AS (SELECT 1), y AS (WITH z AS (DELETE FROM internal.links RETURNING 1) FROM z) SELECT * FROM y
SELECT * FROM (WITH x AS (DELETE FROM internal.links RETURNING 1) SELECT * FROM x) q
SELECT (WITH x AS (DELETE FROM internal.links RETURNING 1) SELECT count(*) FROM x)
WITH x AS (COPY links TO '{folder}/x.csv') SELECT * FROM x
EXPLAIN ANALYZE DELETE FROM internal.links
EXPLAIN ANALYZE SELECT 1
EXPLAIN (ANALYZE) DELETE FROM internal.links
EXPLAIN (ANALYZE) SELECT 1
EXPLAIN (FORMAT json) SELECT 1
EXPLAIN DELETE FROM internal.links
EXPLAIN WITH x AS (DELETE FROM internal.links RETURNING 1) SELECT * FROM x
EXPLAIN EXPLAIN SELECT 1
EXPLAIN EXPLAIN ANALYZE DELETE FROM internal.links
EXPLAIN /* x */ ANALYZE SELECT 1
EXPLAIN -- x\n ANALYZE DELETE FROM internal.links
/* EXPLAIN */ DELETE FROM internal.links
/* /* */ EXPLAIN ANALYZE DELETE FROM internal.links -- */
SELECT 1; DELETE FROM internal.links
SELECT 1; SELECT 2
COMMIT; DELETE FROM internal.links
COMMIT
ROLLBACK
BEGIN TRANSACTION
ABORT
EXPLAIN SELECT 1; DELETE FROM internal.links
PREPARE p AS DELETE FROM internal.links
EXECUTE p
DEALLOCATE p
CALL force_checkpoint()
CHECKPOINT
FORCE CHECKPOINT
VACUUM
ANALYZE
PIVOT links ON rel USING count(*)
SELECT nextval('s')
SELECT setval('s', 1)
SELECT currval('s')
SELECT write_log('x')
SELECT system.main.write_log('x')
SELECT "write_log"('x')
SELECT WRITE_LOG('x')
SELECT 'x'.write_log()
SELECT list_transform(['x'], lambda y: write_log(y))
SELECT * FROM links ORDER BY write_log('x')
SELECT count(*) FILTER (write_log('x') IS NULL) FROM links
SELECT sum(1) OVER (PARTITION BY write_log('x')) FROM links
SELECT * FROM links LIMIT (SELECT length(write_log('x')))
SELECT * FROM links GROUP BY ALL HAVING write_log('x') IS NULL
SELECT * FROM links a JOIN links b ON write_log('x') IS NULL
VALUES (write_log('x'))
SELECT * REPLACE (write_log('x') AS rel) FROM links
SELECT setseed(0.5)
"""

OUTSIDE = """
SELECT * FROM '{folder}/secret.csv'
SELECT * FROM "{folder}/secret.csv"
FROM read_csv('{folder}/secret.csv')
FROM read_csv_auto('{folder}/secret.csv')
FROM READ_CSV('{folder}/secret.csv')
FROM main.read_csv('{folder}/secret.csv')
FROM system.main.read_csv('{folder}/secret.csv')
FROM read_text('{folder}/secret.csv')
FROM read_blob('{folder}/secret.csv')
FROM read_json('{folder}/secret.csv')
FROM read_ndjson('{folder}/secret.csv')
FROM read_parquet('{folder}/secret.csv')
FROM parquet_scan('{folder}/secret.csv')
FROM parquet_metadata('{folder}/secret.csv')
FROM parquet_schema('{folder}/secret.csv')
FROM read_duckdb('{folder}/secret.csv')
FROM sniff_csv('{folder}/secret.csv')
FROM glob('{folder}/*')
SELECT * FROM links, LATERAL (SELECT * FROM read_text('{folder}/secret.csv'))
SELECT (SELECT content FROM read_text('{folder}/secret.csv'))
COPY links TO '{folder}/x.csv'
COPY (SELECT 1) TO '{folder}/x.csv'
COPY internal.links FROM '{folder}/secret.csv'
EXPORT DATABASE '{folder}/x'
IMPORT DATABASE '{folder}/x'
ATTACH '{folder}/x.duckdb'
ATTACH ':memory:' AS m
DETACH a
USE internal
INSTALL httpfs
LOAD httpfs
UPDATE EXTENSIONS
SET memory_limit = '100GB'
SET GLOBAL threads = 100
RESET memory_limit
SET search_path = 'internal'
SET VARIABLE x = 1
PRAGMA database_list
PRAGMA enable_profiling
PRAGMA table_info('internal.links')
SELECT getenv('HOME')
SELECT current_setting('temp_directory')
SELECT getvariable('x')
SELECT sleep_ms(100000)
SELECT pg_sleep(100)
FROM query('DELETE FROM internal.links')
FROM query('FROM internal.links')
FROM query_table('internal.links')
FROM query_table(['backlinks', 'links'])
FROM json_execute_serialized_sql('x')
SELECT json_serialize_plan('SELECT * FROM internal.links')
FROM checkpoint()
FROM force_checkpoint()
FROM truncate_duckdb_logs()
FROM enable_logging()
FROM enable_logging(storage = 'file', storage_path = '{folder}/log')
FROM enable_profiling()
FROM disable_logging()
FROM copy_database('a', 'b')
FROM pragma_database_size()
FROM pragma_storage_info('links')
FROM pragma_table_info('links')
FROM duckdb_settings()
FROM duckdb_secrets()
FROM duckdb_logs()
FROM duckdb_databases()
FROM duckdb_tables()
FROM duckdb_views()
FROM duckdb_prepared_statements()
FROM duckdb_temporary_files()
FROM seq_scan(1)
FROM arrow_scan(1, 2, 3)
FROM python_arrow_scan(1, 2, 3)
FROM pandas_scan(1)
FROM python_map_function(1)
FROM test_all_types()
FROM repeat_row(1, num_rows = 10)
FROM which_secret('s3://x', 's3')
FROM register_external_resource('x')
FROM internal.links
FROM internal.settings
FROM INTERNAL.Settings
FROM "internal"."settings"
FROM a.internal.settings
FROM a.main.links
FROM a.links
TABLE internal.settings
SELECT * FROM links WHERE link_id IN (SELECT link_id FROM internal.links)
SELECT * FROM links UNION ALL SELECT * FROM internal.links
WITH internal AS (SELECT 1) SELECT * FROM internal.settings
WITH settings AS (SELECT 1) SELECT * FROM internal.settings
WITH x AS (SELECT * FROM duckdb_tables), duckdb_tables AS (SELECT 1) SELECT * FROM x
SELECT * FROM (WITH duckdb_tables AS (SELECT 1) SELECT * FROM duckdb_tables) a, duckdb_tables b
WITH duckdb_tables AS (SELECT * FROM duckdb_tables) SELECT * FROM duckdb_tables
SELECT * FROM (PIVOT internal.settings ON name USING count(*))
FROM internal.settings PIVOT (count(*) FOR name IN ('a'))
FROM internal.settings UNPIVOT (v FOR n IN (value))
FROM information_schema.tables
FROM pg_catalog.pg_tables
FROM pg_tables
FROM duckdb_settings
FROM sqlite_master
FROM links AT (VERSION => 1)
FROM linktide_rows
FROM no_such_table
SHOW TABLES
SHOW ALL TABLES
SHOW DATABASES
SHOW TABLES FROM internal
DESCRIBE internal.settings
SUMMARIZE internal.settings
DESCRIBE
SUMMARIZE '{folder}/secret.csv'
SELECT internal.has_token('a', 'b')
SELECT internal.points(1)
FROM internal.what_if('b.com', ['a.com'], [])
FROM system.main.what_if('b.com', ['a.com'], [])
FROM what_if((SELECT value FROM internal.settings LIMIT 1), [], [])
FROM what_if('b.com', (SELECT list(a) FROM read_csv('{folder}/secret.csv')), [])
FROM explain_authority('b.com', (SELECT committed_at FROM internal.writer), now())
FROM explain_authority(write_log('x'), now(), now())
SELECT range(100000000)
SELECT repeat('a', 1000000000)
SELECT lpad('a', times_lost, 'b') FROM links
SELECT list_resize([1], 100000000)
SELECT finalize(1)
SELECT count(*) EXPORT_STATE FROM links
"""

HOSTILE = [line for line in (WRITES + OUTSIDE).splitlines() if line]

ALLOWED = """
SELECT * FROM links
FROM main.backlinks
select * from BACKLINKS;
SELECT 1 -- a comment
VALUES (1, 2)
TABLE domains
EXPLAIN SELECT * FROM links
  /* why */ explain SELECT 1
DESCRIBE backlinks
SUMMARIZE refdomains
WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM a) SELECT * FROM b JOIN a USING (x)
WITH links AS (SELECT 1 AS x) SELECT x FROM links
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r
SELECT * FROM range(5), generate_series(1, 3), unnest([1, 2])
SELECT unnest(generate_series(1, 3)), lpad('7', 3, '0'), repeat('ab', 2)
SELECT * FROM links l, LATERAL (SELECT l.link_id + 1 AS next)
SELECT j.key FROM links, json_each(attributes) j
SELECT attributes->>'$.alt', attributes.alt FROM links
SELECT date_trunc('day', changed_at) AS d, count(*) FROM new_lost GROUP BY ALL ORDER BY d
SELECT floor(extract(epoch FROM hour) / 300) FROM link_velocity WHERE hour BETWEEN '2026-10-01Z' AND now()
SELECT row_number() OVER (PARTITION BY target_domain ORDER BY backlinks DESC) FROM refdomains
SELECT * FROM backlinks WHERE target_domain IN (SELECT domain_name FROM domains) LIMIT 10 OFFSET 1
SELECT * EXCLUDE (rel) FROM links WHERE rel IS NULL UNION ALL BY NAME SELECT * FROM links
SELECT CAST('1' AS INTEGER), TRY_CAST('x' AS DATE), '2026-10-01'::TIMESTAMPTZ, [1, 2]::BIGINT[]
SELECT list_transform([1, 2], lambda x: x + 1), [x * 2 FOR x IN [1, 2] IF x > 1], {'a': 1}.a, MAP {'k': 1}
SELECT source_domain FROM refdomains WHERE target_domain = 'a' INTERSECT SELECT source_domain FROM refdomains
FROM link_velocity PIVOT (sum(new_links) FOR target_domain IN ('b.com'))
SELECT * FROM links USING SAMPLE 10 ROWS
SELECT count(*) FILTER (is_dofollow), arg_max(anchor, last_seen), approx_count_distinct(source_url) FROM links
SELECT version(), current_database(), pg_typeof(1)
FROM what_if('b.com', ['a.com', 'c.com'], NULL)
SELECT * FROM main.WHAT_IF('b.com', (SELECT list(source_domain) FROM refdomains), [])
SELECT part, sum(contribution) FROM explain_authority('b.com', '2026-10-01', now()) GROUP BY part
SELECT link_group_count FROM backlinks_to('b.com', place := 'https://b.com/', link_mode := 'prefix')
FROM reclaim('b.com')
FROM link_intersect((SELECT list(domain_name) FROM domains), 1)
SELECT * FROM backlink_gap('b.com', ['c.com'], 1) JOIN competitors('b.com') ON true
FROM broken_link_opportunities('b.com')
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    (folder / "secret.csv").write_text("a,b\n1,2\n")
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    with Store(folder / "a.duckdb") as one:
        story = Story().link(
            1, "a.com/x", "b.com/", anchor="cat", attributes='{"alt":"x"}', attributes_at=day(1)
        )
        story.state(1, 1, started_at=day(1), last_seen=day(1)).life(1, day(1)).domains("a.com", "b.com")
        one.put(story, day(1), offsets=(None, 1))
        one.writer.checkpoint()
        yield one


@pytest.fixture(scope="module")
def pool(store: Store) -> Iterator[ReaderPool]:
    with ReaderPool.of(store.database) as one:
        yield one


def state_of(store: Store, folder: Path) -> tuple[object, ...]:
    """Return all that a statement could have changed: rows, objects, settings, files."""
    tables = store.all("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL")
    whole = "SELECT count(*), bit_xor(hash(t)) FROM {}.{} t"
    content = [store.all(whole.format(*table)) for table in tables]
    objects = store.all("SELECT view_name, sql FROM duckdb_views() ORDER BY ALL")
    settings = store.all("SELECT name, value FROM duckdb_settings() ORDER BY ALL")
    attached = store.all("SELECT database_name FROM duckdb_databases() ORDER BY ALL")
    files = sorted((file.name, file.stat().st_size) for file in folder.iterdir())
    main = hashlib.sha256((folder / "a.duckdb").read_bytes()).hexdigest()
    return tables, content, objects, settings, attached, files, main


def refusal(pool: ReaderPool, statement: str, role: Role = Role.READER) -> str | None:
    """Return the sentence with which a statement is refused, None if it ran."""
    try:
        pool.query(statement.replace("\\n", "\n"), role, limits=QueryLimits(timeout_seconds=5))
    except RefusedQueryError as error:
        return str(error)
    return None


def test_the_battery_is_large() -> None:
    assert len(set(HOSTILE)) >= 150


@pytest.mark.parametrize("role", Role)
def test_hostile_statements_are_refused_and_change_nothing(
    store: Store, pool: ReaderPool, folder: Path, role: Role
) -> None:
    pool.query("SELECT source_url FROM links")  # the copies of the views are made when first wanted
    before = state_of(store, folder)
    sentences = {line: refusal(pool, line.replace("{folder}", str(folder)), role) for line in HOSTILE}
    passed = [line for line, sentence in sentences.items() if sentence is None]
    assert not any(
        "\n" in sentence or not sentence for sentence in sentences.values() if sentence is not None
    )
    if role is Role.ADMIN:
        # All that an admin may do more is to read the schema internal.
        assert all("internal" in line.lower() for line in passed)
        passed = []
    assert passed == []
    assert state_of(store, folder) == before


def test_every_statement_refused_by_its_kind_is_refused_before_it_reaches_the_database() -> None:
    gate = Gate()
    through = []
    for line in HOSTILE:
        try:
            gate.check(line.replace("\\n", "\n"), Role.READER)
        except RefusedQueryError:
            continue
        through.append(line)
    gate.close()
    assert through == []


@pytest.mark.parametrize("statement", [line for line in ALLOWED.splitlines() if line])
@pytest.mark.parametrize("role", Role)
def test_plain_questions_are_answered(pool: ReaderPool, statement: str, role: Role) -> None:
    assert pool.query(statement, role).table.num_columns > 0


@pytest.mark.parametrize("view", VIEWS)
def test_readers_may_read_every_documented_view(pool: ReaderPool, view: str) -> None:
    assert pool.query(f"FROM {view}").table.num_columns > 1


def test_an_admin_may_read_the_tables_but_not_beyond(pool: ReaderPool) -> None:
    assert pool.query("SELECT rev FROM internal.writer", Role.ADMIN).table.to_pylist() == [{"rev": 1}]
    for statement in ("FROM duckdb_settings", "FROM a.internal.writer", "FROM pg_catalog.pg_tables"):
        with pytest.raises(RefusedQueryError, match="not a documented view"):
            pool.query(statement, Role.ADMIN)


@pytest.mark.parametrize(
    "statement",
    [
        "",
        ";",
        "-- nothing",
        "SELECT 1\0; DELETE FROM internal.links",
        "SELECT " + "(" * 5000 + "1" + ")" * 5000,
        "SELECT " + "1 + " * 20_000 + "1",
        "SELECT " + "[" * 900 + "1" + "]" * 900,
        "SELECT '" + "a" * MAX_STATEMENT_BYTES + "'",
        "SELECT '\ud800'",
    ],
    ids=["empty", "semicolon", "comment", "nul", "parentheses", "sum", "lists", "long", "surrogate"],
)
def test_odd_texts_are_refused_not_crashed_on(pool: ReaderPool, statement: str) -> None:
    sentence = refusal(pool, statement)
    assert sentence or statement.startswith(("SELECT [", "SELECT (", "SELECT 1 +"))
    assert pool.query("SELECT 1 AS x").table.to_pylist() == [{"x": 1}]
