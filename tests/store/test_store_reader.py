from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hand_made_store import NOW, VERSIONS, Store, Story, day

from linktide.errors import (
    AbandonedQueryError,
    ConfigError,
    DatabaseLockedError,
    ReadersBusyError,
    RefusedQueryError,
    SchemaTooNewError,
)
from linktide.store.database import Database, StoreSettings
from linktide.store.migrate import Migration, migrations
from linktide.store.reader import QueryLimits, ReaderPool, ReaderSettings, stream_of
from linktide.store.stopped import open_stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LONG = "SELECT count(*) FROM range(10000000000000)"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.duckdb") as one:
        yield one


def story_of(link_id: int) -> Story:
    story = Story().link(link_id, f"a.com/{link_id}", "b.com/")
    return story.state(link_id, 1, started_at=day(1), last_seen=day(1)).life(link_id, day(1))


def count(pool: ReaderPool) -> int:
    return int(pool.query("SELECT count(*) AS n FROM backlinks").table["n"][0].as_py())


def run_long(pool: ReaderPool) -> None:
    with suppress(RefusedQueryError):
        pool.query(LONG, limits=QueryLimits(timeout_seconds=1))


class PublicClient:
    """A client of DuckDB that has what is public alone."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.sql = connection.sql


@pytest.mark.parametrize("of", [lambda connection: connection, PublicClient], ids=["as it is", "public"])
def test_rows_stream_whatever_the_client_has(of: Callable[[duckdb.DuckDBPyConnection], Any]) -> None:
    with duckdb.connect() as connection:
        assert hasattr(connection, "_submit"), "statements are planned twice: docs/decisions/0034"
        for parameters in ([3], {"1": 3}):
            with stream_of(of(connection), "SELECT i FROM range($1) t(i)", parameters) as reader:
                assert [row["i"] for batch in reader for row in batch.to_pylist()] == [0, 1, 2]


def test_a_locked_instance_still_lets_the_writer_work(store: Store) -> None:
    with ReaderPool.of(store.database) as pool:
        for link_id in range(1, 4):
            store.put(story_of(link_id), day(1))
            assert count(pool) == link_id
            assert store.writer.checkpoint().is_done
        for statement in ("SET memory_limit = '2GB'", "SET enable_external_access = true"):
            with pytest.raises(duckdb.Error, match="locked"):
                store.all(statement)


def test_readers_leave_no_transaction_behind(store: Store) -> None:
    with ReaderPool.of(store.database, ReaderSettings(size=1)) as pool:
        for statement, limits in (
            ("SELECT 1", QueryLimits()),
            ("SELECT error('x')", QueryLimits()),
            ("SELECT * FROM range(100000)", QueryLimits(rows=10)),
            (LONG, QueryLimits(timeout_seconds=0.05)),
        ):
            store.put(story_of(1), day(1))
            with suppress(RefusedQueryError):
                pool.query(statement, limits=limits)
            assert store.writer.checkpoint().is_done, statement


@pytest.mark.parametrize(
    ("statement", "limits", "words"),
    [
        (LONG, QueryLimits(timeout_seconds=0.05), r"longer than statement_timeout_seconds = 0\.05"),
        ("SELECT * FROM range(1001)", QueryLimits(rows=1000), "more rows than query_max_rows = 1000;"),
        ("SELECT * FROM range(1001)", QueryLimits().narrowed(10), "more rows than max_rows = 10;"),
        (
            "SELECT * FROM range(1001)",
            QueryLimits(rows=1000).narrowed(2000),
            "more rows than query_max_rows = 1000;",
        ),
        ("SELECT * FROM range(100000)", QueryLimits(bytes=5000), "more bytes than query_max_bytes = 5 kB;"),
        (LONG, QueryLimits(growth_bytes=-1), "a limit without a setting"),
        ("SELECT unnest(range(5000)) FROM range(5000)", QueryLimits(rows=10), "query_max_rows = 10;"),
        ("SELECT nonsense FROM links", QueryLimits(), "nonsense"),
        ("SELECT CAST('a' AS INTEGER)", QueryLimits(), "Conversion Error"),
    ],
)
def test_limits_and_mistakes_are_told_in_one_sentence(
    store: Store, statement: str, limits: QueryLimits, words: str
) -> None:
    with ReaderPool.of(store.database, ReaderSettings(size=1)) as pool:
        with pytest.raises(RefusedQueryError, match=words) as refused:
            pool.query(statement, limits=limits)
        assert "\n" not in str(refused.value)
        assert pool.query("SELECT 1 AS x").table.num_rows == 1


def test_a_statement_out_of_memory_names_the_setting(tmp_path: Path) -> None:
    Store(tmp_path / "a.duckdb").close()
    with open_stopped(tmp_path / "a.duckdb", ReaderSettings(size=1), "70MB") as pool:
        with pytest.raises(RefusedQueryError, match="memory_limit") as refused:
            pool.query("SELECT list(range) FROM range(100000000)")
        assert "66.7 MiB" in str(refused.value)


def test_a_result_just_at_its_limit_is_whole(store: Store) -> None:
    with ReaderPool.of(store.database) as pool:
        assert pool.query("SELECT * FROM range(1000)", limits=QueryLimits(rows=1000)).table.num_rows == 1000


def test_an_empty_result_keeps_its_columns(store: Store) -> None:
    with ReaderPool.of(store.database) as pool:
        table = pool.query("SELECT link_id, source_url FROM links").table
    assert (table.num_rows, table.schema.names) == (0, ["link_id", "source_url"])


def test_parameters_are_bound_not_spliced(store: Store) -> None:
    with ReaderPool.of(store.database) as pool:
        hostile = "'; DELETE FROM internal.links; --"
        assert pool.query("SELECT ? AS x", parameters=[hostile]).table.to_pylist() == [{"x": hostile}]
        assert pool.query("SELECT $a AS x", parameters={"a": 7}).table.to_pylist() == [{"x": 7}]
        with pytest.raises(RefusedQueryError):
            pool.query("SELECT ?", parameters=[])


def test_a_hungry_join_spills_or_fails_and_the_writer_goes_on(store: Store) -> None:
    with ReaderPool.of(store.database, ReaderSettings(operator_memory_limit="10MB")) as pool:
        hungry = "SELECT count(*) FROM (SELECT DISTINCT a.range, b.range FROM range(2000) a, range(2000) b)"
        with suppress(RefusedQueryError):
            pool.query(hungry, limits=QueryLimits(timeout_seconds=2))
        store.put(story_of(1), day(1))
        assert count(pool) == 1


def test_when_all_readers_are_busy_it_says_so(store: Store) -> None:
    settings = ReaderSettings(size=1, wait_seconds=0.01)
    with ReaderPool.of(store.database, settings) as pool:
        busy = threading.Thread(target=run_long, args=(pool,))
        busy.start()
        refusals: list[str] = []
        while busy.is_alive() and not refusals:
            try:
                pool.query("SELECT 1")
            except ReadersBusyError as error:
                refusals.append(str(error))
        busy.join()
        assert len(refusals) == 1
        for word in ("All 1 readers", "reader_connections", "0.01 s"):
            assert word in refusals[0]


def test_many_threads_read_while_one_writes(store: Store) -> None:
    store.put(story_of(1), day(1))
    failures: list[str] = []

    def read(pool: ReaderPool) -> None:
        seen = 0
        for _ in range(10):
            now = count(pool)
            if now < seen:
                failures.append(f"{now} after {seen}")
            seen = now

    with ReaderPool.of(store.database) as pool:
        readers = [threading.Thread(target=read, args=(pool,)) for _ in range(4)]
        for reader in readers:
            reader.start()
        for link_id in range(2, 12):
            store.put(story_of(link_id), day(1))
            store.writer.checkpoint()
        for reader in readers:
            reader.join()
        assert count(pool) == 11
    assert failures == []


def test_closing_ends_what_runs(store: Store) -> None:
    pool = ReaderPool.of(store.database, ReaderSettings(size=2))
    told: list[str] = []

    def run() -> None:
        try:
            pool.query(LONG)
        except ReadersBusyError as error:
            told.append(str(error))

    runners = [threading.Thread(target=run) for _ in range(2)]
    for runner in runners:
        runner.start()
    pool.close()
    for runner in runners:
        runner.join(timeout=10)
    assert len(told) == 2
    store.put(story_of(1), day(1))


def test_closing_ends_what_runs_beside_a_free_reader(store: Store) -> None:
    pool = ReaderPool.of(store.database, ReaderSettings(size=2))
    told: list[str] = []

    def run() -> None:
        try:
            pool.query(LONG)
        except ReadersBusyError as error:
            told.append(str(error))

    runner = threading.Thread(target=run)
    runner.start()
    deadline = time.monotonic() + 10
    while pool._free.qsize() == 2:  # noqa: SLF001 - the statement must run, not wait
        assert time.monotonic() < deadline
    pool.close()
    runner.join(timeout=10)
    assert len(told) == 1


def test_a_statement_nobody_waits_for_is_stopped(store: Store) -> None:
    is_left = threading.Event()
    with ReaderPool.of(store.database, ReaderSettings(size=1)) as pool:
        threading.Timer(0.05, is_left.set).start()
        with pytest.raises(AbandonedQueryError):
            pool.query(LONG, limits=QueryLimits(timeout_seconds=60), is_abandoned=is_left.is_set)
        assert pool.query("SELECT 1 AS x").table.num_rows == 1


def test_a_closed_pool_says_so(store: Store) -> None:
    pool = ReaderPool.of(store.database)
    pool.close()
    pool.close()
    with pytest.raises(ReadersBusyError, match="not open for reading"):
        pool.query("SELECT 1")


def test_who_waits_for_a_reader_when_the_pool_closes_is_told_to_come_again(store: Store) -> None:
    pool = ReaderPool.of(store.database, ReaderSettings(size=1, wait_seconds=30))
    told: list[str] = []

    def run() -> None:
        try:
            pool.query(LONG)
        except ReadersBusyError as error:
            told.append(str(error))

    runners = [threading.Thread(target=run) for _ in range(2)]
    for runner in runners:
        runner.start()
    pool.close()
    for runner in runners:
        runner.join(timeout=10)
    assert [("try again" in one) for one in told] == [True, True]


def test_a_stopped_file_is_read_behind_the_same_gate(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with Store(path) as store:
        store.put(story_of(1), day(1))
        with pytest.raises(DatabaseLockedError, match="this process"):
            open_stopped(path)
    before = path.read_bytes()
    with open_stopped(path) as pool:
        assert count(pool) == 1
        table = pool.query("SELECT first_seen FROM links").table
        assert table.to_pylist() == [{"first_seen": day(1)}]
        assert str(table.schema.field("first_seen").type) == "timestamp[us, tz=UTC]"
        for statement in ("FROM internal.links", f"FROM read_text('{path}')", "DELETE FROM internal.links"):
            with pytest.raises(RefusedQueryError):
                pool.query(statement)
    assert path.read_bytes() == before
    Store(path).close()


def test_a_file_that_cannot_be_read_is_refused_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        open_stopped(tmp_path / "none.duckdb")
    foreign = tmp_path / "foreign.duckdb"
    with duckdb.connect(str(foreign)):
        pass
    with pytest.raises(ConfigError, match="not linktide's"):
        open_stopped(foreign)
    newer = (
        *migrations(),
        Migration(migrations()[-1].version + 1, "later", "CREATE TABLE internal.later (x INTEGER)"),
    )
    Database.open(StoreSettings(tmp_path / "new.duckdb"), lambda: VERSIONS, NOW, newer).close()
    with pytest.raises(SchemaTooNewError, match="this linktide knows"):
        open_stopped(tmp_path / "new.duckdb")
