"""Tables of the user's own in the store: all of one or nothing, and who may name them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pyarrow as pa
import pytest
from new_file import begin_file, own_pins

from linktide.errors import RefusedQueryError, UnknownNameError
from linktide.store import own_tables
from linktide.store.catalogue import Catalogue
from linktide.store.database import Database, StoreSettings
from linktide.store.gate import Role
from linktide.store.own_tables import Loading, LoadRefusedError, Mode, checked_columns, unload
from linktide.store.public_names import VIEWS
from linktide.store.reader import ReaderPool, ReaderSettings
from linktide.store.stopped import open_stopped
from linktide.store.verify import read_whole
from linktide.store.writer import StoreWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POOLS: WeakKeyDictionary[Database, ReaderPool] = WeakKeyDictionary()
NOW = datetime(2026, 11, 27, tzinfo=UTC)
ROWS = pa.table({"page": ["https://a.example/", "https://b.example/"], "clicks": [10, 0]})


def opened(path: Path) -> Database:
    begin_file(path)
    return Database.open(StoreSettings(path), own_pins, NOW)


def writer_of(database: Database) -> StoreWriter:
    return StoreWriter(database, now=lambda: NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.duckdb"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    one = opened(path)
    yield one
    one.close()


def load(
    database: Database,
    name: str,
    *slices: pa.Table,
    mode: Mode = Mode.NEW,
    max_bytes: int = 1 << 30,
) -> Loading:
    loading = Loading(writer_of(database), name, mode, checked_columns(slices[0].schema), max_bytes)
    loading.begin()
    while loading.copy_slice():
        pass
    for rows in slices:
        loading.add(rows)
    loading.finish()
    return loading


def read(database: Database, sql: str, role: Role = Role.READER) -> list[tuple[object, ...]]:
    # One pool a database: making it locks the configuration.
    if database not in POOLS:
        POOLS[database] = ReaderPool.of(database, ReaderSettings(size=1))
    table = POOLS[database].query(sql, role).table
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.mark.parametrize("role", list(Role))
def test_a_loaded_table_is_read_with_its_schema_and_without(database: Database, role: Role) -> None:
    load(database, "search_console", ROWS)
    rows = [("https://a.example/", 10), ("https://b.example/", 0)]
    for name in ("own.search_console", "search_console", 'OWN."Search_Console"'):
        assert read(database, f"FROM {name} ORDER BY page", role) == rows
    joined = "SELECT count(*) FROM backlinks b JOIN own.search_console s ON s.page = b.target_url"
    assert read(database, joined, role) == [(0,)]


def test_a_table_with_the_name_of_a_view_does_not_stand_before_it(database: Database) -> None:
    counts = {view: read(database, f"SELECT count(*) FROM {view}") for view in VIEWS}  # noqa: S608
    load(database, "links", ROWS)
    assert read(database, "SELECT count(*) FROM links") == [(0,)]
    assert read(database, "SELECT count(*) FROM own.links") == [(2,)]
    # The views over `links` go on reading ours.
    for view in VIEWS:
        assert read(database, f"SELECT count(*) FROM {view}") == counts[view], view  # noqa: S608


def test_nothing_is_seen_of_a_load_until_it_ends(database: Database) -> None:
    loading = Loading(writer_of(database), "t", Mode.NEW, checked_columns(ROWS.schema), 1 << 30)
    loading.begin()
    loading.add(ROWS)
    with ReaderPool.of(database, ReaderSettings(size=1)) as readers:
        for name in ("t", "own.t", 'own."being loaded"', '"being loaded"'):
            for role in Role:
                with pytest.raises(UnknownNameError):
                    readers.query(f"FROM {name}", role)
        loading.finish()
        assert readers.query("FROM own.t").table.num_rows == 2


def test_replacing_swaps_columns_and_rows_at_once(database: Database) -> None:
    load(database, "t", ROWS)
    load(database, "t", pa.table({"other": [1.5]}), mode=Mode.REPLACE)
    assert read(database, "FROM own.t") == [(1.5,)]
    with pytest.raises(LoadRefusedError, match="--replace"):
        load(database, "t", ROWS)
    assert read(database, "FROM own.t") == [(1.5,)]


def test_a_reader_under_way_keeps_what_it_began_with(database: Database) -> None:
    load(database, "t", ROWS)
    cursor = database.cursor()
    cursor.execute("BEGIN TRANSACTION READ ONLY").fetchall()
    assert cursor.execute("SELECT count(*) FROM own.t").fetchall() == [(2,)]
    load(database, "t", pa.table({"other": [1.5]}), mode=Mode.REPLACE)
    assert cursor.execute("SELECT sum(clicks) FROM own.t").fetchall() == [(10,)]
    cursor.execute("ROLLBACK").fetchall()
    assert cursor.execute("FROM own.t").fetchall() == [(1.5,)]


def test_appending_copies_in_slices_and_adds(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_tables, "SLICE_ROWS", 3)
    many = pa.table({"n": list(range(10))})
    for again in range(1, 4):
        loading = load(database, "t", many, mode=Mode.APPEND)
        assert loading.rows == 10 * again
        assert loading.size_bytes == many.nbytes * again
        assert read(database, "SELECT count(*), sum(n) FROM own.t") == [(10 * again, 45 * again)]


@pytest.mark.parametrize(
    "rows",
    [
        pa.table({"page": ["x"]}),
        pa.table({"page": ["x"], "clicks": [1.5]}),
        ROWS.append_column("z", [[1, 2]]),
    ],
)
def test_appending_other_columns_is_refused(database: Database, rows: pa.Table) -> None:
    load(database, "t", ROWS)
    with pytest.raises(LoadRefusedError, match="columns"):
        load(database, "t", rows, mode=Mode.APPEND)
    assert read(database, "SELECT count(*) FROM own.t") == [(2,)]


def test_the_cap_holds_for_all_tables_together(database: Database) -> None:
    load(database, "t", ROWS, max_bytes=ROWS.nbytes)
    load(database, "t", ROWS, mode=Mode.REPLACE, max_bytes=ROWS.nbytes)
    for name, mode in (("u", Mode.NEW), ("t", Mode.APPEND)):
        with pytest.raises(LoadRefusedError, match="own_tables_max_bytes"):
            load(database, name, ROWS, mode=mode, max_bytes=2 * ROWS.nbytes - 1)
    assert read(database, "SELECT name, row_count FROM internal.own_tables", Role.ADMIN) == [("t", 2)]


def test_unloading_drops_the_table_and_its_name(database: Database) -> None:
    load(database, "t", ROWS)
    assert unload(writer_of(database), "t").row_count == 2
    with pytest.raises(RefusedQueryError):
        read(database, "FROM own.t")
    with pytest.raises(LoadRefusedError, match="there are: none"):
        unload(writer_of(database), "t")
    with pytest.raises(LoadRefusedError):
        unload(writer_of(database), 'x"; DROP SCHEMA internal; --')


@pytest.mark.parametrize(
    "name",
    [
        *("", "T", "1t", "_t", "t-t", "t t", "being loaded", "t" * 64, "tä", "t\n", 't"', "own.t"),
        *("pg_class", "duckdb_tables", "sqlite_master", "information_schema", "linktide_rows"),
        "x; DROP TABLE internal.writer",
    ],
)
def test_names_that_need_care_are_refused(database: Database, name: str) -> None:
    with pytest.raises(LoadRefusedError, match="cannot be the name"):
        load(database, name, ROWS)


@pytest.mark.parametrize("name", ["select", "table", "t" * 63, "user", "main", "own", "internal"])
def test_names_that_are_words_of_sql_are_quoted(database: Database, name: str) -> None:
    load(database, name, ROWS)
    load(database, name, ROWS, mode=Mode.APPEND)
    assert read(database, f'SELECT count(*) FROM own."{name}"') == [(4,)]  # noqa: S608
    unload(writer_of(database), name)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"A": [1]}), "name of a column"),
        (pa.table({"a b": [1]}), "name of a column"),
        (pa.table({'a"': [1]}), "name of a column"),
        (pa.table({"a" * 64: [1]}), "name of a column"),
        (pa.table([[1], [2]], names=["a", "a"]), "one name"),
        (pa.table({}), "0 columns"),
        (pa.table({f"c{n}": [1] for n in range(1001)}), "1001 columns"),
        (pa.table({"a": [{"b": 1}]}), "STRUCT"),
        (pa.table({"a": [[[1]]]}), "type"),
        (pa.table({"a": pa.array([1], pa.duration("us"))}), "type"),
    ],
)
def test_data_that_cannot_be_a_table_is_refused(table: pa.Table, words: str) -> None:
    with pytest.raises(LoadRefusedError, match=words):
        checked_columns(table.schema)


def test_what_a_dead_process_left_is_dropped_by_the_next_start(path: Path) -> None:
    database = opened(path)
    load(database, "kept", ROWS)
    loading = Loading(writer_of(database), "t", Mode.NEW, checked_columns(ROWS.schema), 1 << 30)
    loading.begin()
    loading.add(ROWS)
    database.close()
    database = opened(path)
    try:
        there = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'own'"
        assert database.connection.execute(there).fetchall() == [("kept",)]
        assert database.own.names().names == {"kept"}
        load(database, "t", ROWS)
    finally:
        database.close()


def test_a_transaction_that_fails_leaves_the_table_of_before(path: Path) -> None:
    database = opened(path)

    def bomb(point: str) -> None:
        if point == "named":
            raise OSError("no more")

    load(database, "t", ROWS)
    writer = StoreWriter(database, now=lambda: NOW, at=bomb)
    loading = Loading(writer, "t", Mode.REPLACE, {"x": "BIGINT"}, 1 << 30)
    loading.begin()
    loading.add(pa.table({"x": [1]}))
    with pytest.raises(Exception, match="no more"):
        loading.finish()
    database.close()
    database = opened(path)
    assert read(database, "SELECT sum(clicks) FROM own.t") == [(10,)]
    database.close()


def test_a_stopped_file_and_the_whole_reading_know_them(path: Path) -> None:
    database = opened(path)
    empty = database.connection.execute("SELECT 1").fetchall()
    load(database, "t", ROWS)
    database.close()
    assert empty
    with open_stopped(path, ReaderSettings(size=2)) as readers:
        assert readers.query("SELECT sum(clicks) FROM t").table.to_pylist() == [{"sum(clicks)": 10}]
        assert readers.query("SELECT sum(clicks) FROM own.t").table.num_rows == 1
        with pytest.raises(UnknownNameError):
            readers.query("FROM own.u")
    assert read_whole(path, "1GB").differences == ()


def test_the_catalogue_follows_what_is_loaded(database: Database) -> None:
    columns = "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = "

    def asked(catalogue: Catalogue, sql: str) -> list[tuple[object, ...]]:
        table = catalogue.ask(sql, sql, lambda readers, text: readers.query(text)).table
        return [tuple(row.values()) for row in table.to_pylist()]

    with ReaderPool.of(database, ReaderSettings(size=2)) as readers:
        catalogue = Catalogue(readers)
        tables = "SELECT relname, relkind, pg_table_is_visible(oid) FROM pg_class WHERE relnamespace = 2201"
        assert asked(catalogue, tables) == []
        load(database, "t", pa.table({"n": [1], "x": [[1.5]]}))
        assert asked(catalogue, tables) == [("t", "r", True)]
        number = "(SELECT oid FROM pg_class WHERE relname = 't')"
        assert asked(catalogue, columns + number) == [("n", "bigint"), ("x", "double precision[]")]
        load(database, "t", pa.table({"d": ["x"]}), mode=Mode.REPLACE)
        assert asked(catalogue, columns + number) == [("d", "text")]
        load(database, "links", ROWS)
        assert sorted(asked(catalogue, tables)) == [("links", "r", False), ("t", "r", True)]
        unload(writer_of(database), "t")
        unload(writer_of(database), "links")
        assert asked(catalogue, tables) == []
        catalogue.close()
