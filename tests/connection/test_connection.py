"""`linktide.connect`: the same answers by every way, errors of our own, and results that stream."""

from __future__ import annotations

import gc
import sys
import threading
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import polars as pl
import pytest

import linktide
from connection.indexes import LINKS, WAYS, connected, serving, where
from linktide.connection import connect
from linktide.errors import (
    ConfigError,
    ExitCode,
    LinktideError,
    RefusedQueryError,
)
from linktide.remote import NotRunningError, RemoteError
from linktide.result import MissingExtraError, RowsReadError

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.connection import Connection

SOURCES = [f"site-{number}.example" for number in range(LINKS)]
NAMES = "SELECT source_domain FROM links ORDER BY 1"


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_shape_by_every_way(way: str, tmp_path: Path) -> None:
    with connected(way, tmp_path) as index:
        result = index.sql("SELECT source_domain, times_lost FROM links")
        assert result.columns == ["source_domain", "times_lost"]
        assert sorted(result.arrow()["source_domain"].to_pylist()) == SOURCES
        assert isinstance(result.df(), pd.DataFrame)
        assert isinstance(result.pl(), pl.DataFrame)
        assert sorted(result.df()["source_domain"]) == sorted(result.pl()["source_domain"]) == SOURCES
        assert [name for (name,) in index.sql(NAMES).fetchall()] == SOURCES
        rows = index.sql(NAMES)
        assert rows.fetchone() == (SOURCES[0],)
        assert rows.fetchmany(2) == [(SOURCES[1],), (SOURCES[2],)]
        assert rows.fetchall() == [(SOURCES[3],), (SOURCES[4],)]
        assert rows.fetchone() is None
        assert index.sql(NAMES).reader().read_all()["source_domain"].to_pylist() == SOURCES
        stream = index.sql(NAMES)
        assert duckdb.execute("SELECT count(*) FROM stream").fetchall() == [(LINKS,)]
        del stream
        empty = index.sql("SELECT source_domain FROM links WHERE false")
        assert (empty.arrow().num_rows, empty.columns) == (0, ["source_domain"])


def test_parameters_by_every_way(way: str, tmp_path: Path) -> None:
    with connected(way, tmp_path) as index:
        found = index.sql("SELECT source_domain FROM links WHERE source_domain = $1", [SOURCES[2]])
        assert found.fetchall() == [(SOURCES[2],)]
        hostile = "'; DROP VIEW links; --"
        assert (
            index.sql("SELECT source_domain FROM links WHERE source_domain = $1", [hostile]).fetchall() == []
        )
        since = datetime(2026, 1, 1, tzinfo=UTC)
        counted = "SELECT count(*) FROM links WHERE first_seen >= $1"
        assert index.sql(counted, [since]).fetchall() == [(LINKS,)]
        assert index.sql(counted, [since.replace(year=2027)]).fetchall() == [(0,)]


def test_named_parameters_and_other_types(way: str, tmp_path: Path) -> None:
    with connected(way, tmp_path) as index:
        named = "SELECT count(*) FROM links WHERE source_domain = $name"
        if way == "postgresql":
            with pytest.raises(RefusedQueryError, match=r"\$1"):
                index.sql(named, {"name": SOURCES[0]})
            return
        assert index.sql(named, {"name": SOURCES[0]}).fetchall() == [(1,)]
        told = index.sql("SELECT $1, $2, $3, $4, $5", [1, None, True, 0.5, date(2026, 1, 2)]).fetchone()
        assert told == (1, None, True, 0.5, date(2026, 1, 2))
        among = "SELECT count(*) FROM links WHERE list_contains($1, source_domain)"
        assert index.sql(among, [SOURCES[:3]]).fetchall() == [(3,)]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM internal.links",
        "SELECT * FROM internal.links",
        "SELEC 1",
        "SELECT no_such FROM links",
        "",
    ],
)
def test_one_gate_by_every_way(way: str, sql: str, tmp_path: Path) -> None:
    with connected(way, tmp_path) as index:
        with pytest.raises(RefusedQueryError) as refused:
            index.sql(sql).fetchall()
        assert refused.value.exit_code is ExitCode.REFUSED_QUERY
        assert index.sql("SELECT 1").fetchall() == [(1,)]


def test_more_rows_than_asked_for_is_an_error(way: str, tmp_path: Path) -> None:
    with connected(way, tmp_path) as index:
        with pytest.raises(RefusedQueryError, match="max_rows = 3"):
            index.sql(NAMES, max_rows=3).fetchall()
        assert len(index.sql(NAMES, max_rows=LINKS).fetchall()) == LINKS


def test_results_may_be_open_side_by_side_and_left_half_read(way: str, tmp_path: Path) -> None:
    many = "SELECT * FROM range(300000) t(n)"
    with connected(way, tmp_path) as index:
        for _ in range(10):  # more than there are readers
            index.sql(many).fetchone()
        gc.collect()
        first, second = index.sql(many), index.sql(many)
        assert (first.fetchone(), second.fetchone(), first.fetchone()) == ((0,), (0,), (1,))
        first.close()
        assert len(second.fetchall()) == 299_999
        half = index.sql(many)
        assert half.fetchone() == (0,)
        with pytest.raises(RowsReadError):
            half.arrow()
        open_still = index.sql(many)
    assert open_still.columns == ["n"]
    with pytest.raises(LinktideError):
        open_still.fetchall()


def test_a_large_result_of_a_file_is_never_held(tmp_path: Path) -> None:
    with connected("stopped file", tmp_path) as index:
        result = index.sql("SELECT n, repeat('x', 1000) AS text FROM range(400000) t(n)")
        threads_before = threading.active_count()
        most = rows = 0
        for batch in result.batches():
            rows += batch.num_rows
            most = max(most, batch.nbytes)
        assert rows == 400_000
        assert most < 4 << 20
        result.close()
        assert threading.active_count() < threads_before


def test_a_statement_ends_with_its_connection(tmp_path: Path) -> None:
    with connected("stopped file", tmp_path) as index:
        index.sql("SELECT * FROM range(1000000000) t(n)")  # and nobody reads it


def test_limits_of_the_service_hold(tmp_path: Path) -> None:
    with serving(tmp_path, query_max_rows=3) as service:
        for way in WAYS[:2]:
            with connect(where(way, service, tmp_path)) as index, pytest.raises(RefusedQueryError):
                index.sql(NAMES).fetchall()
    # A file is its reader's own.
    with connect(tmp_path / "links.duckdb") as index:
        assert len(index.sql(NAMES).fetchall()) == LINKS


def test_what_is_no_index_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match=r"none\.duckdb"):
        connect(tmp_path / "none.duckdb")
    (tmp_path / "text.duckdb").write_text("no database")
    with pytest.raises(LinktideError, match=r"text\.duckdb"):
        connect(tmp_path / "text.duckdb")
    duckdb.connect(str(tmp_path / "foreign.duckdb")).execute("CREATE TABLE t (i INTEGER)").close()
    with pytest.raises(ConfigError, match="not linktide's"):
        connect(tmp_path / "foreign.duckdb")
    with pytest.raises(ConfigError, match="mysql"):
        connect("mysql://host/x")
    with pytest.raises(ConfigError, match="token"):
        connect(tmp_path / "x.duckdb", token="t")  # noqa: S106 - made up
    with pytest.raises(ConfigError, match="user"):
        connect("postgresql://127.0.0.1/linktide", token="t")  # noqa: S106


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_service_that_is_not_there_is_told_without_the_password(scheme: str) -> None:
    with pytest.raises(RemoteError) as silent, connect(f"{scheme}://me:hush@127.0.0.1:1/linktide") as index:
        index.sql("SELECT 1")
    assert "hush" not in str(silent.value)


def test_a_token_is_sent_as_a_bearer(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        url = where("service by URL", service, tmp_path)
        with connect(url, token="t") as index:  # noqa: S106
            assert index.sql("SELECT 1").fetchall() == [(1,)]
            sent = index._way._service._client.headers  # type: ignore[attr-defined]  # noqa: SLF001
            assert sent["authorization"] == "Bearer t"


@pytest.mark.parametrize(("package", "call"), [("pandas", "df"), ("polars", "pl")])
def test_a_missing_package_is_told_with_its_extra(
    package: str, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected("stopped file", tmp_path) as index:
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingExtraError, match=rf"linktide\[{package}\]") as missing:
            getattr(index.sql("SELECT 1 AS n"), call)()
        assert isinstance(missing.value, ImportError)
        # Nothing was read: another shape can still be had.


def test_a_missing_driver_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(MissingExtraError, match=r"linktide\[postgresql\]"):
        connect("postgresql://me@127.0.0.1/linktide")


@pytest.mark.parametrize("value", [datetime(2026, 1, 1), object(), {"timestamp": "x"}, b"x"])  # noqa: DTZ001
def test_a_value_that_http_cannot_say_is_told(value: object, tmp_path: Path) -> None:
    with connected("service by URL", tmp_path) as index, pytest.raises(RefusedQueryError, match=r"\$1"):
        index.sql("SELECT $1", [value])


def test_the_package_names_what_it_gives() -> None:
    assert linktide.connect is connect
    assert {"connect", "Connection", "Result"} <= set(linktide.__all__)


def repr_of(index: Connection) -> str:
    return repr(index.sql("SELECT 1 AS n"))


def test_a_result_names_its_columns(way: str, tmp_path: Path) -> None:
    with connected(way, tmp_path) as index:
        assert repr_of(index).startswith("<linktide result (n: int")
