"""Statements and their rows, by psql and psycopg, on a running service."""

from __future__ import annotations

import math
import os
import sys
import threading
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from open_service import found_link
from sql_service import connected, needs_psql, psql, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linktide.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with served(tmp_path_factory.mktemp("sql")) as one:
        yield one


@needs_psql
def test_psql_reads_a_view(service: Service) -> None:
    answer = psql(
        service, "-At", "-c", "SELECT source_domain, is_live, first_seen, rel FROM links ORDER BY 1"
    )
    assert answer.returncode == 0, answer.stderr
    lines = [f"site-{number}.example|t|2026-01-01 00:00:00+00|" for number in range(3)]
    assert answer.stdout.splitlines() == lines
    assert answer.stderr == ""


@needs_psql
def test_psql_takes_many_statements_at_once(service: Service) -> None:
    script = (
        "BEGIN; SELECT 1; SELECT 'a;b' -- ;\n; COMMIT;\nSHOW server_version;\nSELECT no_such;\nSELECT 2;\n"
    )
    answer = psql(service, "-Atq", stdin=script)
    assert answer.stdout.split() == ["1", "a;b", "15.0", "2"]
    assert "no_such" in answer.stderr


VALUES: list[tuple[str, object]] = [
    ("NULL", None),
    ("NULL::INTEGER", None),
    ("true", True),
    ("(-5)::TINYINT", -5),
    ("200::UTINYINT", 200),
    ("(-32768)::SMALLINT", -32768),
    ("65535::USMALLINT", 65535),
    ("(-2147483648)::INTEGER", -(2**31)),
    ("4294967295::UINTEGER", 2**32 - 1),
    ("(-9223372036854775808)::BIGINT", -(2**63)),
    ("18446744073709551615::UBIGINT", Decimal(2**64 - 1)),
    ("sum(9223372036854775807::BIGINT * range::HUGEINT) FROM range(5)", Decimal((2**63 - 1) * 10)),
    ("(-12345.6789)::DECIMAL(18, 4)", Decimal("-12345.6789")),
    ("0.00001::DECIMAL(10, 5)", Decimal("0.00001")),
    ("0::DECIMAL(10, 5)", Decimal("0.00000")),
    ("1.1::FLOAT", pytest.approx(1.1)),
    ("1e300::DOUBLE", 1e300),
    ("'-Infinity'::DOUBLE", -math.inf),
    ("'ä€😀'", "ä€😀"),
    ("''", ""),
    ("'\\x00\\xff'::BLOB", b"\x00\xff"),
    ("DATE '2026-11-27'", date(2026, 11, 27)),
    ("TIME '23:59:59.5'", time(23, 59, 59, 500_000)),
    ("TIMESTAMP '1999-12-31 23:59:59.999999'", datetime(1999, 12, 31, 23, 59, 59, 999_999)),  # noqa: DTZ001
    ("TIMESTAMPTZ '2026-01-01 01:00:00+01'", datetime(2026, 1, 1, tzinfo=UTC)),
    ("TIMESTAMP_S '2026-01-01'", datetime(2026, 1, 1)),  # noqa: DTZ001
    ("TIMESTAMP_NS '2026-01-01 00:00:00.000001'", datetime(2026, 1, 1, 0, 0, 0, 1)),  # noqa: DTZ001
    ("INTERVAL '3 days 4 seconds'", timedelta(days=3, seconds=4)),
    ("[1, NULL, 3]", [1, None, 3]),
    ("[]::INTEGER[]", []),
    ("['a,b', NULL, 'NULL', '', '\"q\\']", ["a,b", None, "NULL", "", '"q\\']),
    ("[TIMESTAMPTZ '2026-01-01 00:00Z']", [datetime(2026, 1, 1, tzinfo=UTC)]),
    ("array_value(1.5::DOUBLE, 2)", [1.5, 2.0]),
    ("{'a': 1, 'b': ['x\"', NULL]}", {"a": 1, "b": ['x"', None]}),
    ("[[1], [2, 3]]", [[1], [2, 3]]),
    ("MAP {'k': 1.5::DOUBLE}", {"k": 1.5}),
    ("'b'::ENUM('a', 'b')", "b"),
    ("'{\"a\": 1}'::JSON", '{"a": 1}'),
    ("uuid '00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
]


@pytest.mark.parametrize("is_binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize(("expression", "wanted"), VALUES, ids=[text for text, _ in VALUES])
def test_every_type_arrives_in_both_formats(
    service: Service,
    expression: str,
    wanted: object,
    is_binary: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    with connected(service) as connection, connection.cursor(binary=is_binary) as cursor:
        (value,) = cursor.execute(f"SELECT {expression}").fetchone() or (None,)
    assert value == wanted


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("target_domain = %s", "target.example"),
        ("link_id > %s", 5),
        ("first_seen = %s", datetime(2026, 1, 1, tzinfo=UTC)),
        ("first_seen::DATE = %s", date(2026, 1, 1)),
        ("is_live = %s", True),
        ("source_domain = ANY(%s)", ["site-0.example", "site-1.example", "site-2.example"]),
        ("times_lost < %s", Decimal("0.5")),
        ("times_lost < %s", 0.5),
        ("last_seen > now() - %s", timedelta(days=36_500)),
        ("coalesce(anchor, %s) IS NULL", None),
        ("source_domain <> %s", "ä'; DROP TABLE links --"),
    ],
)
@pytest.mark.parametrize("form", ["%t", "%b"], ids=["text", "binary"])
def test_parameters_are_bound(service: Service, condition: str, value: Any, form: str) -> None:  # noqa: ANN401
    with connected(service) as connection:
        query = f"FROM links SELECT count(*) WHERE {condition.replace('%s', form)}"
        assert connection.execute(query, [value]).fetchone() == (3,)


def test_prepared_statements_are_prepared_once_and_run_again(service: Service) -> None:
    with connected(service, prepare_threshold=0) as connection:
        for number in range(5):
            query = "SELECT source_domain FROM links WHERE source_domain = %s LIMIT %s"
            rows = connection.execute(query, [f"site-{number}.example", 10]).fetchall()
            assert rows == ([(f"site-{number}.example",)] if number < 3 else [])


def test_the_newest_rows_are_seen_while_the_writer_writes(tmp_path: Path) -> None:
    with served(tmp_path, links=0) as service, connected(service) as connection:
        stop, pushed = threading.Event(), list[bytes]()

        def write() -> None:
            while not stop.is_set():
                line = found_link(len(pushed))
                service.state.push(line, topic="push", topic_id="", first_offset=None)
                pushed.append(line)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            seen = [0]
            while seen[-1] < 20:
                before = len(pushed)
                (count,) = connection.execute("SELECT count(*) FROM links").fetchone() or (0,)
                # Whoever pushed has heard that it is stored: it must be there.
                assert count >= before
                seen.append(count)
        finally:
            stop.set()
            writer.join()
    assert seen == sorted(seen)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_statements_stand_back_behind_the_writer(service: Service) -> None:
    with connected(service) as connection:
        connection.execute("SELECT 1")
        told = [
            (Path(task, "comm").read_text("utf-8").strip(), os.getpriority(os.PRIO_PROCESS, int(task.name)))
            for task in Path("/proc/self/task").iterdir()
        ]
    assert {priority > 0 for name, priority in told if name == "linktide-pgwire"} == {True}
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == 0


def test_what_is_refused_says_why_and_the_session_goes_on(service: Service) -> None:
    codes = {
        "SELECT * FROM no_such": "42501",
        "FROM internal.links": "42501",
        "DELETE FROM links": "42501",
        "SELEC 1": "42601",
        "SELECT no_such FROM links": "42703",
        "SELECT 'x'::INTEGER": "22P02",
        "SHOW no_such": "42704",
        "SET client_encoding = 'LATIN1'": "22023",
        "BEGIN ISOLATION LEVEL SERIALIZABLE": "0A000",
        "COPY links TO '/tmp/x'": "42501",
        "FETCH 1 FROM no_such": "34000",
    }
    with connected(service) as connection:
        for sql, code in codes.items():
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(sql)
            assert refused.value.sqlstate == code, sql
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_transaction_that_failed_takes_nothing_until_it_ends(service: Service) -> None:
    with connected(service, autocommit=False) as connection:
        connection.execute("SELECT 1")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT no_such")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.rollback()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_settings_are_kept_for_the_session(service: Service) -> None:
    with connected(service, application_name="tests") as connection:
        assert connection.execute("SHOW application_name").fetchone() == ("tests",)
        shown = connection.execute("SHOW ALL")
        assert [one.name for one in shown.description or []] == ["name", "setting", "description"]
        settings = {name: value for name, value, _ in shown.fetchall()}
        assert settings["application_name"] == "tests"
        assert settings["server_version"] == "15.0"
        assert settings["search_path"] == '"$user", public, own'
        connection.execute("SET statement_timeout = '50ms'")
        with pytest.raises(psycopg.errors.QueryCanceled, match="statement_timeout_seconds"):
            connection.execute("SELECT count(*) FROM range(100000000000)")
        connection.execute("RESET statement_timeout")
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
        connection.execute("DISCARD ALL")
        assert connection.execute("SHOW application_name").fetchone() == ("",)
