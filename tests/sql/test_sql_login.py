"""Who comes in: users, verifiers, TLS, and what is refused before it listens."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import struct
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner
from sql_service import connected, needs_psql, port_of, psql, served

from linktide.cli import main
from linktide.config import load
from linktide.errors import ConfigError, ExitCode
from linktide.serve.sql_users import make_user, read_users, write_users
from linktide.store.gate import Role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from linktide.service import Service

PASSWORD = "correct horse"  # noqa: S105 - of the tests
SSL_REQUEST = struct.pack("!II", 8, 80877103)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("login")
    write_users(
        folder / "users",
        [make_user("me", Role.READER, PASSWORD), make_user("boss", Role.ADMIN, "ünï ①")],
    )
    make_certificate(folder)
    return folder


def make_certificate(folder: Path) -> None:
    """Write cert.pem and key.pem into a folder."""
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    tls: dict[str, Any] = {"sql_tls_certfile": folder / "cert.pem", "sql_tls_keyfile": folder / "key.pem"}
    with served(folder, sql_users_file=folder / "users", sql_connections=3, **tls) as one:
        yield one


@pytest.mark.parametrize("sslmode", ["disable", "require", "verify-full"])
def test_the_right_password_comes_in(service: Service, folder: Path, sslmode: str) -> None:
    with connected(
        service, password=PASSWORD, sslmode=sslmode, sslrootcert=folder / "cert.pem"
    ) as connection:
        assert connection.execute("SELECT count(*) FROM links").fetchone() == (3,)
        assert connection.pgconn.ssl_in_use == (sslmode != "disable")


def test_channel_binding_holds_under_tls(service: Service) -> None:
    with connected(service, password=PASSWORD, sslmode="require", channel_binding="require") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_passwords_are_prepared_as_clients_prepare_them(service: Service) -> None:
    with connected(service, user="boss", password="ünï 1") as connection:  # noqa: S106 - ① is 1 by SASLprep
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("user", "password"), [("me", "wrong"), ("nobody", PASSWORD), ("me", ""), ("", PASSWORD)]
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(service: Service, user: str, password: str) -> None:
    with (
        pytest.raises(psycopg.OperationalError) as refused,
        connected(service, user=user or "x", password=password or " "),
    ):
        pass
    assert f'password authentication failed for user "{user or "x"}"' in str(refused.value)


@needs_psql
def test_psql_logs_in(service: Service) -> None:
    assert psql(service, "-Atc", "SELECT 1", password=PASSWORD).stdout == "1\n"
    assert "password authentication failed" in psql(service, "-c", "SELECT 1", password="x").stderr  # noqa: S106


def test_roles_decide_what_may_be_named(service: Service) -> None:
    with connected(service, user="boss", password="ünï ①") as connection:  # noqa: S106 - of the tests
        assert connection.execute("SELECT count(*) > 0 FROM internal.writer").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM internal.writer")
    with (
        connected(service, password=PASSWORD) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT count(*) FROM internal.writer")


def test_one_client_too_many_is_told_so(service: Service) -> None:
    options: dict[str, Any] = {"password": PASSWORD}
    with connected(service, **options), connected(service, **options), connected(service, **options) as last:
        with pytest.raises(psycopg.OperationalError, match="sql_connections"), connected(service, **options):
            pass
        assert last.execute("SELECT 1").fetchone() == (1,)
    with connected(service, **options) as again:
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_users_are_taken_again(tmp_path: Path) -> None:
    file = tmp_path / "users"
    write_users(file, [make_user("me", Role.READER, "old")])
    with served(tmp_path, links=0, sql_users_file=file) as service:
        with connected(service, password="old"):  # noqa: S106 - of the tests
            pass
        write_users(file, [make_user("me", Role.READER, "new")])
        service._sql.reload(service._config)  # noqa: SLF001 - what SIGHUP does
        with connected(service, password="new"):  # noqa: S106 - of the tests
            pass
        with pytest.raises(psycopg.OperationalError), connected(service, password="old"):  # noqa: S106
            pass


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


STARTUP = message(b"", struct.pack("!I", 0x30000) + b"user\0me\0\0")
ODD = [
    b"",
    b"\0",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\0\0\0\x04",
    b"\xff" * 64,
    struct.pack("!II", 0x7FFFFFFF, 0x30000),
    SSL_REQUEST + b"\x16\x03\x01garbage",
    message(b"", struct.pack("!I", 0x20000) + b"user\0me\0\0"),
    message(b"", struct.pack("!I", 0x30000)),
    message(b"", struct.pack("!I", 80877102) + b"\0" * 8),
    STARTUP + message(b"Q", b"SELECT 1\0"),
    STARTUP + message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", 0x7FFFFFFF)),
    STARTUP + message(b"p", b"SCRAM-SHA-256\0\0\0\0\x04nope"),
    STARTUP + message(b"p", b"NO-SUCH\0\xff\xff\xff\xff"),
    STARTUP + b"p\0\0\0\0",
    STARTUP + b"\xfe" * 100,
    STARTUP + message(b"P", b"\0SELECT 1"),
    STARTUP + message(b"d", b"")[:4] + b"\0",
    STARTUP + message(b"p", b"SCRAM-SHA-256\0\0"),
]


@pytest.mark.parametrize("data", ODD, ids=range(len(ODD)))
def test_broken_bytes_let_nobody_in_and_break_nothing(service: Service, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port_of(service)), timeout=20) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(4096):
            answer += piece
    assert b"R\0\0\0\x08\0\0\0\0" not in answer  # AuthenticationOk
    with connected(service, password=PASSWORD) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_flood_of_half_open_connections_leaves_room_for_those_who_log_in(tmp_path: Path) -> None:
    with served(tmp_path, links=0, sql_connections=2) as service:
        address = ("127.0.0.1", port_of(service))
        flood = [socket.create_connection(address, timeout=20) for _ in range(60)]
        try:
            with connected(service) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
        finally:
            for one in flood:
                one.close()
        for _ in range(500):
            socket.create_connection(address, timeout=20).close()
        # What was closed leaves its place once it is looked at; on a busy machine this takes a moment.
        deadline = time.monotonic() + 5
        while True:
            try:
                with connected(service) as connection:
                    assert connection.execute("SELECT 1").fetchone() == (1,)
                    return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"sql_host": "0.0.0.0"}, "sql.users_file and sql.tls_certfile"),  # noqa: S104 - refused
        ({"sql_host": "::", "sql_users_file": "users"}, "sql.tls_certfile not set"),
        ({"sql_host": "db.example.org"}, "sql.users_file"),
        ({"sql_tls_certfile": "cert.pem"}, "sql.tls_keyfile"),
    ],
)
def test_an_address_that_others_reach_wants_users_and_tls(
    folder: Path, settings: dict[str, object], named: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(flags={"sql_enabled": True, **settings}, environ={}, folder=folder)
    assert named in str(refused.value)
    assert refused.value.exit_code == ExitCode.CONFIG


def test_what_cannot_be_listened_with_is_named(folder: Path, tmp_path: Path) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    wrong: list[tuple[dict[str, object], str]] = [
        ({"sql_port": taken.getsockname()[1], "origins": {"sql_port": "flag"}}, "sql.port"),
        ({"sql_users_file": tmp_path / "none"}, "sql.users_file"),
        (
            {"sql_tls_certfile": folder / "cert.pem", "sql_tls_keyfile": folder / "cert.pem"},
            "sql.tls_keyfile",
        ),
    ]
    with taken:
        for settings, named in wrong:
            with pytest.raises(ConfigError, match=named), served(tmp_path, links=0, **settings):
                pass


def test_a_port_that_is_taken_is_passed_over_unless_it_was_set(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with served(tmp_path, links=0, sql_port=port) as service, connected(service) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            assert service.state.status()["sql_port"] == port_of(service) != port
            assert f"linktide_sql_port {port_of(service)}.0".encode() in service.state.exposition()
        warnings = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
        assert [f"Port {port} for SQL clients is taken by" in one for one in warnings] == [True]
        set_by_hand = {"sql_port": port, "origins": {"sql_port": "flag"}}
        with pytest.raises(ConfigError, match=r"sql\.port"), served(tmp_path, links=0, **set_by_hand):
            pass


def certificate_of(service: Service, folder: Path) -> bytes:
    """Return the certificate that a client is shown, by asking for TLS as clients of PostgreSQL do."""
    context = ssl.create_default_context(cafile=folder / "cert.pem")
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port_of(service)), timeout=20) as plain:
        plain.sendall(SSL_REQUEST)
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain) as secure:
            shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return shown


def test_a_certificate_is_taken_again_with_the_configuration(folder: Path, tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        shutil.copy(folder / name, tmp_path / name)
    tls = {"sql_tls_certfile": tmp_path / "cert.pem", "sql_tls_keyfile": tmp_path / "key.pem"}
    settings = {**tls, "sql_users_file": folder / "users"}
    with served(tmp_path, links=0, **settings) as service:
        bound = {"password": PASSWORD, "sslmode": "require", "channel_binding": "require"}
        with connected(service, **bound) as before:
            first = certificate_of(service, tmp_path)
            make_certificate(tmp_path)
            service._sql.reload(service._config)  # noqa: SLF001 - what SIGHUP leads to
            assert certificate_of(service, tmp_path) != first
            # Who is in stays in; who comes is bound to the new one.
            assert before.execute("SELECT 1").fetchone() == (1,)
            with connected(service, **bound) as after:
                assert after.execute("SELECT 1").fetchone() == (1,)
        second = certificate_of(service, tmp_path)
        shutil.copy(folder / "key.pem", tmp_path / "key.pem")
        with pytest.raises(ConfigError, match=r"sql\.tls_keyfile"):
            service._sql.reload(service._config)  # noqa: SLF001
        assert certificate_of(service, tmp_path) == second


def test_what_comes_in_plain_behind_a_request_for_tls_is_not_read(service: Service, folder: Path) -> None:
    context = ssl.create_default_context(cafile=folder / "cert.pem")
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", port_of(service)), timeout=20) as plain:
        plain.sendall(SSL_REQUEST + STARTUP)
        assert plain.recv(1) == b"S"
        with suppress(OSError), context.wrap_socket(plain) as secure:
            assert secure.recv(1) == b""


def test_clients_of_other_machines_must_use_tls(folder: Path, tmp_path: Path) -> None:
    tls = {"sql_tls_certfile": folder / "cert.pem", "sql_tls_keyfile": folder / "key.pem"}
    with served(tmp_path, links=0, sql_host="0.0.0.0", sql_users_file=folder / "users", **tls) as service:  # noqa: S104
        plain = {"password": PASSWORD, "sslmode": "disable"}
        with pytest.raises(psycopg.OperationalError, match="connect with TLS"), connected(service, **plain):
            pass
        with connected(service, password=PASSWORD, sslmode="require") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def run(folder: Path, *arguments: str, given: str = "") -> tuple[int, str]:
    flags = ["--config", str(folder / "linktide.toml")]
    result = CliRunner().invoke(main, ["sql-user", *flags, *arguments], input=given)
    return result.exit_code, result.output


def test_users_are_written_and_removed_by_the_command(tmp_path: Path) -> None:
    (tmp_path / "linktide.toml").write_text('[sql]\nusers_file = "users"\n')
    assert run(tmp_path, "ann", given="secret word\n")[0] == 0
    assert run(tmp_path, "bob", "--role", "admin", given="other\n")[0] == 0
    file = tmp_path / "users"
    text = file.read_text()
    assert "secret" not in text
    assert "other" not in text
    assert file.stat().st_mode & 0o777 == 0o600
    assert [(user.name, user.role) for user in read_users(file)] == [("ann", "reader"), ("bob", "admin")]
    assert run(tmp_path, "ann", "--remove")[0] == 0
    assert [user.name for user in read_users(file)] == ["bob"]
    for arguments, given in ((["ann", "--remove"], ""), (["a b"], "x\n"), (["c"], "\n")):
        assert run(tmp_path, *arguments, given=given)[0] == int(ExitCode.CONFIG)


@pytest.mark.parametrize(
    "line", ["x", "me reader md5abc", "me owner {v}", "me reader {v}x", "me reader {short}"]
)
def test_a_line_that_is_no_user_is_named_and_not_shown(tmp_path: Path, line: str) -> None:
    verifier = make_user("me", Role.READER, PASSWORD).line.split()[2]
    file = tmp_path / "users"
    file.write_text("# comment\n\n" + line.format(v=verifier, short=verifier[:-20] + "=") + "\n")
    with pytest.raises(ConfigError, match="line 3") as refused:
        read_users(file)
    assert verifier[20:40] not in str(refused.value)


def test_check_looks_at_the_users(tmp_path: Path) -> None:
    (tmp_path / "linktide.toml").write_text('[sql]\nenabled = true\nusers_file = "users"\n')
    assert run(tmp_path, "ann", given="secret word\n")[0] == 0
    flags = ["--config", str(tmp_path / "linktide.toml")]
    told = CliRunner().invoke(main, ["check", *flags]).output
    assert re.search(r"ok +sql: 1 users of .*users may log in by 127.0.0.1 port 5433, without TLS", told)
    (tmp_path / "users").write_text("nobody\n")
    result = CliRunner().invoke(main, ["check", *flags])
    assert "line 1" in result.output
    assert result.exit_code == int(ExitCode.CONFIG)


def test_verifiers_are_those_of_postgresql() -> None:
    # RFC 7677, section 3: user, password, salt and iterations of the example.
    salt = bytes.fromhex("5b6d99689d123b8e4d4b0f4e1c4b7d3e")
    user = make_user("user", Role.READER, "pencil", salt)
    again = make_user("user", Role.READER, "pencil", salt)
    assert user == again
    assert user != make_user("user", Role.READER, "pencils", salt)
    assert user.line.startswith("user reader SCRAM-SHA-256$4096:")
