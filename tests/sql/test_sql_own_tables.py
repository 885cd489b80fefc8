"""Own tables as SQL clients see them: in the catalogue, with their types, beside the views."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy
from open_service import found_link
from sql_service import connected, load_table, needs_psql, port_of, psql, served

from linktide.errors import RetryError
from linktide.load_desk import IDLE_SECONDS
from linktide.serve.reading import LoadStep
from linktide.store.own_tables import LoadRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from linktide.service import Service

AT = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
KINDS = pa.table(
    {
        "flag": pa.array([True], pa.bool_()),
        "i1": pa.array([-1], pa.int8()),
        "u1": pa.array([255], pa.uint8()),
        "i2": pa.array([-2], pa.int16()),
        "u2": pa.array([65_535], pa.uint16()),
        "i4": pa.array([-4], pa.int32()),
        "u4": pa.array([2**32 - 1], pa.uint32()),
        "i8": pa.array([-8], pa.int64()),
        "u8": pa.array([2**64 - 1], pa.uint64()),
        "f4": pa.array([0.5], pa.float32()),
        "f8": pa.array([0.25], pa.float64()),
        "money": pa.array([Decimal("1.50")], pa.decimal128(10, 2)),
        "wide": pa.array([Decimal(10) ** 37], pa.decimal128(38, 0)),
        "word": pa.array(['=1+1 "ü"'], pa.string()),
        "raw": pa.array([b"\0\xff"], pa.binary()),
        "day": pa.array([date(2026, 11, 27)], pa.date32()),
        "clock": pa.array([time(12, 30)], pa.time64("us")),
        "at": pa.array([AT.replace(tzinfo=None)], pa.timestamp("us")),
        "at_zone": pa.array([AT], pa.timestamp("us", "UTC")),
        "words": pa.array([["a", None]], pa.list_(pa.string())),
        "numbers": pa.array([[1, 2]], pa.list_(pa.int32())),
        "days": pa.array([[date(2026, 11, 27)]], pa.list_(pa.date32())),
    }
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with served(tmp_path_factory.mktemp("sql")) as one:
        load_table(one, "kinds", KINDS)
        load_table(one, "links", pa.table({"page": ["https://target.example/"], "clicks": [7]}))
        yield one


def test_values_of_every_type_come_back(service: Service) -> None:
    with connected(service) as connection:
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            row = cursor.execute("SELECT * FROM own.kinds").fetchone()
            assert row is not None
            expected = {
                name: column[0].as_py() for name, column in zip(KINDS.column_names, KINDS, strict=True)
            }
            assert dict(zip(KINDS.column_names, row, strict=True)) == expected


def test_the_catalogue_has_the_types_that_are_sent(service: Service) -> None:
    with connected(service) as connection:
        described = connection.execute("FROM own.kinds LIMIT 0").description or []
        told = connection.execute(
            "SELECT a.attname, a.atttypid::bigint FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'own' AND c.relname = 'kinds' ORDER BY a.attnum"
        ).fetchall()
        assert told == [(one.name, one.type_code) for one in described]
        rows = connection.execute(
            "SELECT table_schema, table_name, table_type FROM information_schema.tables "
            "WHERE table_name IN ('kinds', 'links') ORDER BY ALL"
        ).fetchall()
        assert rows == [
            ("own", "kinds", "BASE TABLE"),
            ("own", "links", "BASE TABLE"),
            ("public", "links", "VIEW"),
        ]
        columns = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = 'own' AND table_name = 'links' ORDER BY ordinal_position"
        ).fetchall()
        assert columns == [("page", "text"), ("clicks", "bigint")]


@needs_psql
def test_psql_lists_and_describes_them(service: Service) -> None:
    def shown(command: str) -> list[list[str]]:
        answer = psql(service, "-At", "-F", "|", "-c", command)
        assert answer.stderr == "", command
        return [line.split("|") for line in answer.stdout.splitlines()]

    assert shown(r"\dt") == [["own", "kinds", "table", "linktide"]]
    assert [row[1] for row in shown(r"\dt own.*")] == ["kinds", "links"]
    assert [row[:2] for row in shown(r"\d own.links")] == [["page", "text"], ["clicks", "bigint"]]
    assert ["money", "numeric(10,2)"] in [row[:2] for row in shown(r"\d kinds")]
    assert ["link_id", "numeric"] in [row[:2] for row in shown(r"\d links")]


def test_sqlalchemy_reflects_them(service: Service) -> None:
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://me@127.0.0.1:{port_of(service)}/linktide")
    try:
        inspector = sqlalchemy.inspect(engine)
        assert sorted(inspector.get_table_names(schema="own")) == ["kinds", "links"]
        table = sqlalchemy.Table("links", sqlalchemy.MetaData(), schema="own", autoload_with=engine)
        with engine.connect() as connection:
            assert connection.execute(sqlalchemy.select(table.c.clicks)).scalar() == 7
    finally:
        engine.dispose()


def test_they_join_with_the_views_of_their_name(service: Service) -> None:
    sql = "SELECT count(*), max(s.clicks) FROM links l JOIN own.links s ON s.page = l.target_url"
    with connected(service) as connection:
        assert connection.execute(sql).fetchone() == (3, 7)
        assert connection.execute("SELECT max(i8) FROM kinds").fetchone() == (-8,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute('SELECT * FROM own."being loaded"')
        for hostile in (
            "DROP TABLE own.links",
            "INSERT INTO own.links VALUES ('x', 1)",
            "DELETE FROM own.kinds",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(hostile)


def test_clients_see_what_was_replaced_and_unloaded(service: Service) -> None:
    load_table(service, "short", pa.table({"a": [1]}))
    with connected(service) as connection:
        names = "SELECT attname FROM pg_attribute WHERE attrelid = 'own.short'::regclass ORDER BY attnum"
        assert connection.execute(names).fetchall() == [("a",)]
        load_table(service, "short", pa.table({"b": [1], "c": [2]}), mode="replace")
        assert connection.execute(names).fetchall() == [("b",), ("c",)]
        service.state.load(LoadStep("unload", name="short"))
        assert connection.execute(names).fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("FROM own.short")


def test_a_refused_step_ends_the_load_and_not_the_service(service: Service) -> None:
    rows = pa.table({"a": [1]})
    state = service.state
    before = service._metrics.value("linktide_service_restarts_total")  # noqa: SLF001 - of the whole service
    wrong = [
        LoadStep("begin", name="x y", rows=rows),
        LoadStep("begin", name="t"),
        LoadStep("begin", name="t", mode="both", rows=rows),
        LoadStep("begin", name="kinds", rows=rows),
        LoadStep("begin", name="kinds", mode="append", rows=rows),
        LoadStep("rows", rows=rows),
        LoadStep("finish", token="ü"),  # noqa: S106 - of no load
        LoadStep("unload", name="no_such"),
        LoadStep("no such"),
    ]
    for step in wrong:
        with pytest.raises(LoadRefusedError):
            state.load(step)
    token = str(state.load(LoadStep("begin", name="t", rows=rows))["token"])
    with pytest.raises(RetryError, match=f"{IDLE_SECONDS:g} s"):
        state.load(LoadStep("begin", name="u", rows=rows))
    with pytest.raises(RetryError):
        state.load(LoadStep("unload", name="t"))
    with pytest.raises(LoadRefusedError, match="columns"):
        state.load(LoadStep("rows", token=token, rows=pa.table({"b": [1]})))
    with pytest.raises(LoadRefusedError, match="not under way"):
        state.load(LoadStep("finish", token=token))
    load_table(service, "t", rows)
    state.load(LoadStep("unload", name="t"))
    assert service._metrics.value("linktide_service_restarts_total") == before  # noqa: SLF001


def test_events_are_stored_while_a_table_is_loaded(tmp_path: Path) -> None:
    with served(tmp_path, links=0) as service:
        rows = pa.table({"a": list(range(1000))})
        token = str(service.state.load(LoadStep("begin", name="t", rows=rows))["token"])
        for number in range(5):
            service.state.push(found_link(number), topic="push", topic_id="", first_offset=None)
            service.state.load(LoadStep("rows", token=token, rows=rows))
        service.state.load(LoadStep("finish", token=token))
        with connected(service) as connection:
            assert connection.execute("SELECT count(*) FROM links").fetchone() == (5,)
            assert connection.execute("SELECT count(*) FROM t").fetchone() == (5000,)
