"""Results that are copied, fetched piece by piece, cancelled, or not read at all."""

from __future__ import annotations

import csv
import io
import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from open_service import found_link, wait_until
from sql_service import connected, needs_psql, psql, served, stats_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from linktide.service import Service

MANY = "SELECT range AS n, 'text ' || range AS t FROM range(300000)"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with served(tmp_path_factory.mktemp("sql")) as one:
        yield one


def copied(connection: psycopg.Connection, statement: str) -> bytes:
    with connection.cursor().copy(statement) as copy:
        return b"".join(bytes(piece) for piece in copy)


ODD_ROWS = (
    "SELECT * FROM (VALUES (1, 'a\tb\\c'), (2, NULL), (3, ''), (4, 'x,\"y\"'), (5, '\\.')) v(n, t) ORDER BY n"
)


def test_rows_are_copied_as_text(service: Service) -> None:
    with connected(service) as connection:
        text = copied(connection, f"COPY ({ODD_ROWS}) TO STDOUT")
        assert text == b'1\ta\\tb\\\\c\n2\t\\N\n3\t\n4\tx,"y"\n5\t\\\\.\n'
        with connection.cursor().copy(f"COPY ({ODD_ROWS}) TO STDOUT") as copy:
            rows = list(copy.rows())
    assert rows == [("1", "a\tb\\c"), ("2", None), ("3", ""), ("4", 'x,"y"'), ("5", "\\.")]


def test_rows_are_copied_as_csv(service: Service) -> None:
    with connected(service) as connection:
        text = copied(connection, f"COPY ({ODD_ROWS}) TO STDOUT (FORMAT csv, HEADER)").decode()
    assert text.splitlines()[3] == '3,""'
    assert text.splitlines()[2] == "2,"
    assert [row[1] for row in csv.reader(io.StringIO(text))] == ["t", "a\tb\\c", "", "", 'x,"y"', "\\."]


def test_rows_are_copied_in_binary(service: Service) -> None:
    with connected(service) as connection:
        with connection.cursor().copy(
            "COPY (SELECT range::INTEGER, NULL::TEXT, 'ä' FROM range(5000)) TO STDOUT (FORMAT binary)"
        ) as copy:
            copy.set_types(["int4", "text", "text"])
            rows = list(copy.rows())
        assert rows == [(number, None, "ä") for number in range(5000)]
        empty = copied(connection, "COPY (SELECT 1 LIMIT 0) TO STDOUT (FORMAT binary)")
    assert empty == b"PGCOPY\n\xff\r\n\0" + b"\0" * 8 + b"\xff\xff"


@needs_psql
def test_psql_copies(service: Service) -> None:
    answer = psql(service, "-c", "\\copy (SELECT source_domain FROM links ORDER BY 1) TO STDOUT CSV HEADER")
    assert answer.stdout.split() == ["source_domain", *(f"site-{number}.example" for number in range(3))]


def test_a_server_side_cursor_reads_piece_by_piece(service: Service) -> None:
    with connected(service, autocommit=False) as connection:
        for is_binary in (False, True):
            with connection.cursor("c", binary=is_binary) as cursor:
                cursor.itersize = 70_000
                cursor.execute(MANY)
                rows = [number for number, _ in cursor]
            assert rows == list(range(300_000))


def test_cursors_are_declared_fetched_moved_and_closed(service: Service) -> None:
    with connected(service, autocommit=False) as connection:
        connection.execute("DECLARE c CURSOR FOR SELECT range FROM range(10)")
        connection.execute("DECLARE h CURSOR WITH HOLD FOR SELECT range FROM range(10)")
        assert connection.execute("FETCH 2 FROM c").fetchall() == [(0,), (1,)]
        assert connection.execute("MOVE FORWARD 3 IN c").statusmessage == "MOVE 3"
        assert connection.execute("FETCH NEXT FROM c").fetchall() == [(5,)]
        assert connection.execute("FETCH ALL FROM c").fetchall() == [(6,), (7,), (8,), (9,)]
        assert connection.execute("FETCH 1 FROM c").fetchall() == []
        with pytest.raises(psycopg.errors.DuplicateCursor):
            connection.execute("DECLARE h CURSOR FOR SELECT 1")
        connection.rollback()
        assert connection.execute("FETCH 1 FROM h").fetchall() == [(0,)]
        with pytest.raises(psycopg.errors.InvalidCursorName):
            connection.execute("FETCH 1 FROM c")
        connection.rollback()
        connection.execute("CLOSE ALL")
        with pytest.raises(psycopg.errors.InvalidCursorName):
            connection.execute("CLOSE h")


def test_a_cursor_takes_only_what_the_gate_lets_through(service: Service) -> None:
    with connected(service) as connection:
        for query in ("DELETE FROM internal.links", "SELECT * FROM internal.links", "SELECT 1 AS a, no_such"):
            with pytest.raises(psycopg.Error):
                connection.execute(f"DECLARE c CURSOR FOR {query}")
            with pytest.raises(psycopg.Error):
                copied(connection, f"COPY ({query}) TO STDOUT")


def test_a_cancel_ends_a_statement_soon(service: Service) -> None:
    slow = "SELECT count(*) FROM range(1000000000000)"
    with connected(service) as connection:
        for _ in range(2):
            started = time.monotonic()
            timer = threading.Timer(0.3, connection.cancel_safe)
            timer.start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute(slow)
            timer.join()
            assert time.monotonic() - started < 5
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_cancel_with_a_wrong_key_does_nothing(service: Service) -> None:
    with connected(service) as mine, connected(service) as other:
        other.cancel_safe()
        assert mine.execute("SELECT count(*) FROM range(1000000)").fetchone() == (1_000_000,)


def test_a_client_that_goes_away_takes_its_statement_with_it(service: Service) -> None:
    def abandoned() -> float:
        return service._metrics.value("linktide_serve_queries_total", "abandoned")  # noqa: SLF001

    before = abandoned()
    with connected(service) as connection:
        connection.pgconn.send_query(b"SELECT count(*) FROM range(1000000000000)")
        connection.pgconn.flush()
        connection.pgconn.finish()
    wait_until(lambda: abandoned() > before and stats_of(service)[0] == 0)


def test_a_result_that_is_not_read_goes_to_a_file_and_reads_the_same(tmp_path: Path) -> None:
    with served(tmp_path) as service, connected(service, autocommit=False) as connection:
        connection.execute(f"DECLARE c CURSOR FOR {MANY}")
        first = connection.execute("FETCH 10 FROM c").fetchall()
        wait_until(lambda: stats_of(service)[4] > 1_000_000)
        # No transaction of the store is open meanwhile: the writer stores and empties its WAL.
        service.state.push(found_link(77), topic="push", topic_id="", first_offset=None)
        rest = connection.execute("FETCH ALL FROM c").fetchall()
        assert [number for number, _ in first + rest] == list(range(300_000))
        connection.execute("CLOSE c")
        wait_until(lambda: stats_of(service)[4] == 0)
    assert not list(tmp_path.glob("*.arrow*"))


def test_what_does_not_fit_in_the_files_is_told_to_who_reads_too_late(tmp_path: Path) -> None:
    with served(tmp_path, sql_spill_max_bytes=1_000_000) as service, connected(service) as connection:
        connection.execute(f"DECLARE c CURSOR WITH HOLD FOR {MANY}")
        wait_until(lambda: stats_of(service)[4] > 0)
        with pytest.raises(psycopg.errors.DiskFull, match="sql_spill_max_bytes"):
            connection.execute("FETCH 1 FROM c")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_metrics_tell_of_the_clients(service: Service) -> None:
    with connected(service):
        text = service.state.exposition().decode()
    assert "\nlinktide_sql_connections 1.0" in text
    assert "\nlinktide_sql_failed_logins_total 0.0" in text
