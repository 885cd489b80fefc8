"""The battery of hostile statements of tests/store, and what only this protocol can send."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
import pytest
from sql_service import connected, served
from test_store_gate import HOSTILE

from linktide.store.gate import Role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from linktide.service import Service

SESSION = {
    "COMMIT",
    "ROLLBACK",
    "BEGIN TRANSACTION",
    "ABORT",
    "DEALLOCATE p",
    "SET search_path = 'internal'",
    "SELECT 1; SELECT 2",
}
"""Those that the session answers without a database, and the one whose parts are both harmless."""


def is_of_catalogue(line: str) -> bool:
    """Tell whether the catalogue of PostgreSQL answers a line; it holds nothing of the database."""
    return any(word in line for word in ("pg_tables", "information_schema.tables", "current_setting"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with served(tmp_path_factory.mktemp("sql")) as one:
        yield one


def state_of(service: Service) -> list[object]:
    def ask(sql: str) -> object:
        table = service.state.query(sql, max_rows=None, role=Role.ADMIN, is_abandoned=lambda: False)
        return table.to_pylist()

    tables = ("links", "settings", "writer", "parts", "segments", "migrations")
    return [ask(f"FROM internal.{table} t SELECT count(*), bit_xor(hash(t))") for table in tables]


def what_passes(service: Service, statements: list[str], *, is_prepared: bool) -> set[str]:
    """Return the statements that were not refused, seen below psycopg, which refuses some by itself."""
    passed = set()
    good = {psycopg.pq.ExecStatus.TUPLES_OK, psycopg.pq.ExecStatus.COMMAND_OK, psycopg.pq.ExecStatus.COPY_OUT}
    for statement in statements:
        with connected(service) as connection:
            wire, sql = connection.pgconn, statement.encode()
            wire.exec_(b"SET statement_timeout = '5s'")
            result = wire.exec_params(sql, None) if is_prepared else wire.exec_(sql)
            if result.status in good:
                passed.add(statement)
    return passed


@pytest.mark.parametrize("form", ["simple", "prepared"])
def test_the_battery_of_the_gate_comes_to_nothing(service: Service, tmp_path: Path, form: str) -> None:
    statements = [line.replace("{folder}", str(tmp_path)).replace("\\n", "\n") for line in HOSTILE]
    before = state_of(service)
    passed = what_passes(service, statements, is_prepared=form == "prepared")
    assert passed - SESSION - {line for line in statements if is_of_catalogue(line)} == set()
    assert state_of(service) == before
    assert list(tmp_path.iterdir()) == []


def test_the_battery_comes_to_nothing_in_a_copy_or_a_cursor(service: Service, tmp_path: Path) -> None:
    lines = [line.replace("{folder}", str(tmp_path)).replace("\\n", "\n") for line in HOSTILE]
    lines = [line for line in lines if ";" not in line and not is_of_catalogue(line)]
    before = state_of(service)
    for form in ("DECLARE c CURSOR FOR {}", "COPY ({}) TO STDOUT"):
        assert what_passes(service, [form.format(line) for line in lines], is_prepared=False) == set()
    assert state_of(service) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 5000 + "1" + ")" * 5000,
        "SELECT '" + "a" * 200_000 + "'",
        "SELECT regexp_matches('" + "a" * 30 + "b', '(a+)+$')",
        "SELECT count(*) FROM range(100000) a, range(100000) b WHERE a.range * b.range = 7",
        "SELECT string_agg(repeat('x', 10000), '') FROM range(1000000)",
        "SELECT range FROM range(100000000)",
        ";" * 10_000,
        "SELECT 1;" * 100,
        "/*" * 10_000,
        "$x$" * 10_000,
        "'" * 9_999,
        "SELECT $1",
        "SELECT $65535",
        "SELECT $99999999999999999999",
        "\x01\x02\x7f",
        "SELECT '\U0010ffff'",
    ],
    ids=range(16),
)
def test_odd_texts_are_refused_or_bounded(service: Service, sql: str) -> None:
    with connected(service) as connection:
        connection.execute("SET statement_timeout = '3s'")
        with suppress(psycopg.Error):
            connection.execute(sql)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


PROTOCOL = [
    message(b"B", b"\0\0" + struct.pack("!hhi", 0, 1, 4) + b"abcd" + struct.pack("!h", 0)),
    message(b"P", b"s\0SELECT $1\0" + struct.pack("!hI", 1, 0xFFFFFFFF)),
    message(b"P", b"\0SELECT 1\0" + struct.pack("!h", 0))
    + message(b"B", b"\0\0" + struct.pack("!hhhh", 0, 0, 2, 7)),
    message(b"D", b"X\0"),
    message(b"D", b"S" + b"no such\0"),
    message(b"E", b"no such\0" + struct.pack("!i", -5)),
    message(b"E", b"\0" + struct.pack("!i", 2**31 - 1)),
    message(b"C", b"Zx\0"),
    message(b"d", b"data that nobody asked for"),
    message(b"c", b""),
    message(b"f", b"no\0"),
    message(b"F", b"\0" * 12),
    message(b"p", b"again\0"),
    message(b"Q", b"\xff\xfe\0"),
    message(b"Q", b"no end"),
    b"Q" + struct.pack("!I", 3),
    b"Q" + struct.pack("!I", 0x3FFFFFF0) + b"a" * 100_000,
    b"\x00" * 64,
]


@pytest.mark.parametrize("data", PROTOCOL, ids=range(len(PROTOCOL)))
def test_broken_messages_end_the_connection_at_most(service: Service, data: bytes) -> None:
    with connected(service) as connection:
        with connected(service) as broken:
            raw = broken.pgconn.socket
            with socket.socket(fileno=socket.dup(raw)) as wire:
                wire.settimeout(20)
                # The endpoint may end the connection before all is sent.
                with suppress(OSError):
                    wire.sendall(data + message(b"S", b"") + message(b"X", b""))
                    wire.shutdown(socket.SHUT_WR)
                    while wire.recv(65_536):
                        pass
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_message_that_is_too_long_is_not_kept(service: Service) -> None:
    with connected(service) as connection, pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT length(%b)", [b"x" * (32 << 20)])
    with connected(service) as connection:
        row = connection.execute("SELECT octet_length(%b)", [b"x" * (8 << 20)]).fetchone()
        assert row == (8 << 20,)
