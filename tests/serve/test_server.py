"""The real server on a real socket, and the real client of the commands."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pyarrow as pa
import pytest
from open_service import wait_until
from scripted_service import ScriptedService, Stored, nothing

from linktide import remote
from linktide.config import Config
from linktide.errors import AbandonedQueryError, ConfigError, RefusedQueryError, StopError
from linktide.serve.http import build_app
from linktide.serve.port_holder import port_holder
from linktide.serve.server import HttpServer, bind
from linktide.serve.service_file import (
    ServiceFacts,
    remove_service_file,
    service_file,
    write_service_file,
)
from linktide.sources.source import Chunk, Codec, Partition

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FACTS = ServiceFacts(7, "127.0.0.1", 8640, "2026-11-20T12:00:00+00:00", "0.1.0")


@contextmanager
def running(
    service: ScriptedService, folder: Path, host: str = "127.0.0.1"
) -> Iterator[tuple[HttpServer, Config]]:
    config = Config(database=folder / "links.duckdb", http_host=host, http_port=0)
    server = HttpServer(config, build_app(service, config))
    server.start()
    try:
        server.announce(NOW, "0.1.0")
        yield server, config
    finally:
        server.stop()


def test_it_answers_on_the_port_it_says_and_then_no_more(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with running(ScriptedService(), tmp_path) as (server, _):
        url = f"http://127.0.0.1:{server.port}/-/healthy"
        answer = httpx.get(url)
        assert answer.status_code == 200
        assert "server" not in answer.headers
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    server.stop()


@pytest.mark.parametrize("host", ["localhost", "::1", "127.0.0.2"])
def test_any_loopback_address_can_be_bound(host: str, tmp_path: Path) -> None:
    if host == "::1" and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with (
        running(ScriptedService(told={"pid": os.getpid()}), tmp_path, host) as (_, config),
        remote.need_service(replace(config, http_host=host)) as found,
    ):
        assert found.status()["pid"] == os.getpid()


def test_a_taken_port_is_a_sentence_that_says_what_to_do() -> None:
    taken = bind("127.0.0.1", 0)
    with taken.listener, pytest.raises(ConfigError) as refused:
        bind("127.0.0.1", taken.port)
    sentence = str(refused.value)
    for part in ("127.0.0.1", str(taken.port), f"(pid {os.getpid()})", "http_port"):
        assert part in sentence


def test_a_port_can_be_bound_again_at_once(tmp_path: Path) -> None:
    with running(ScriptedService(), tmp_path) as (server, _):
        port = server.port
        # The server hangs up first, which leaves the port in TIME_WAIT.
        httpx.get(f"http://127.0.0.1:{port}/", headers={"Connection": "close"})
    with bind("127.0.0.1", port).listener:
        pass


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_names_the_setting(host: str) -> None:
    with pytest.raises(ConfigError, match=f"{host} port 0 .*http_host"):
        bind(host, 0)


def test_nobody_known_holds_a_free_port(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0).listener as listener:
        port = int(listener.getsockname()[1])
    assert port_holder(port) == "another program"
    assert port_holder(port, tmp_path) == "another program"


def test_a_server_that_cannot_listen_says_so(tmp_path: Path) -> None:
    config = Config(database=tmp_path / "links.duckdb", http_port=0)
    server = HttpServer(config, build_app(ScriptedService(), config))
    server._bound.listener.close()  # noqa: SLF001 - the fault to show
    with pytest.raises(StopError, match="did not start"):
        server.start()


def test_answers_that_run_end_before_the_server_does(tmp_path: Path) -> None:
    is_inside, may_go = threading.Event(), threading.Event()

    def wait() -> None:
        is_inside.set()
        assert may_go.wait(30)

    answers: list[httpx.Response] = []
    with running(ScriptedService(before=wait), tmp_path) as (server, _):
        url = f"http://127.0.0.1:{server.port}/api/v1/query"
        asking = threading.Thread(target=lambda: answers.append(httpx.post(url, json={"sql": "x"})))
        asking.start()
        assert is_inside.wait(30)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        may_go.set()
        asking.join(30)
        stopping.join(30)
    assert [answer.status_code for answer in answers] == [200]


def test_an_answer_that_does_not_end_is_cut_with_a_sentence(tmp_path: Path) -> None:
    is_inside, may_go = threading.Event(), threading.Event()

    def wait() -> None:
        is_inside.set()
        assert may_go.wait(60)

    answers: list[httpx.Response] = []
    try:
        with running(ScriptedService(before=wait), tmp_path) as (server, _):
            url = f"http://127.0.0.1:{server.port}/api/v1/query"
            asking = threading.Thread(
                target=lambda: answers.append(httpx.post(url, json={"sql": "x"}, timeout=60))
            )
            asking.start()
            assert is_inside.wait(30)
            begun = time.monotonic()
            server.stop()
            assert time.monotonic() - begun < 3.5
        asking.join(30)
    finally:
        may_go.set()
    assert [answer.status_code for answer in answers] == [503]
    assert "stopping" in answers[0].json()["error"]


def test_a_body_cut_off_by_the_client_reaches_no_one(tmp_path: Path) -> None:
    service = ScriptedService()
    with running(service, tmp_path) as (server, _):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(
                b"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{}\n"
            )
        assert httpx.get(f"http://127.0.0.1:{server.port}/-/healthy").status_code == 200
    assert service.calls == []
    assert service.counted == [("/-/healthy", 200)]


def test_a_query_hears_that_its_client_hung_up(tmp_path: Path) -> None:
    is_inside, is_stopped = threading.Event(), threading.Event()
    service = ScriptedService()

    def until_hung_up() -> None:
        is_inside.set()
        wait_until(service.is_abandoned)
        is_stopped.set()
        raise AbandonedQueryError

    service.before = until_hung_up
    with running(service, tmp_path) as (server, _):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            body = b'{"sql": "SELECT 1"}'
            head = f"POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)
            assert is_inside.wait(30)
            assert not service.is_abandoned()
        assert is_stopped.wait(30)
        service.before = nothing
        url = f"http://127.0.0.1:{server.port}/api/v1/query"
        assert httpx.post(url, json={"sql": "SELECT 1"}).status_code == 200


def test_the_commands_speak_to_the_server(tmp_path: Path) -> None:
    table = pa.table({"n": pa.array([1, 2, 3], pa.uint64())})
    told = {"pid": os.getpid(), "sources": []}
    service = ScriptedService(table=table, told=told, stored=Stored(12, 1, 1))
    with running(service, tmp_path) as (_, config), remote.need_service(config) as found:
        assert found.pid == os.getpid()
        assert found.status() == found.top() == told
        assert found.query("FROM links", 5).equals(table)
        partition = Partition("file", "caf\u00e9 50%.ndjson", "f00d", 0)
        chunk = Chunk(partition, Codec.NDJSON, b"{}\n{}\n", 10, 12, 0)
        assert found.push(chunk) == (12, 1, 1)
        service.table = RefusedQueryError("no such view")
        with pytest.raises(remote.RemoteError, match="no such view") as refused:
            found.query("FROM nothing", 5)
        assert refused.value.exit_code == 9
    assert service.calls[1] == (b"{}\n{}\n", "caf\u00e9 50%.ndjson", "f00d", 10)
    assert remote.find_service(config) is None


def test_the_file_is_where_commands_look_and_private_and_goes_with_the_server(tmp_path: Path) -> None:
    with running(ScriptedService(), tmp_path) as (server, config):
        path = service_file(config.database)
        assert path.parent == config.database.parent
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert json.loads(path.read_text("utf-8")) == {
            "pid": os.getpid(),
            "http_host": "127.0.0.1",
            "http_port": server.port,
            "started_at": "2026-11-20T12:00:00+00:00",
            "version": "0.1.0",
            "sql_host": None,
            "sql_port": None,
        }
        assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert list(tmp_path.iterdir()) == []


def test_before_it_is_announced_no_file_is_touched(tmp_path: Path) -> None:
    database = tmp_path / "links.duckdb"
    write_service_file(database, FACTS)
    config = Config(database=database, http_port=0)
    server = HttpServer(config, build_app(ScriptedService(), config))
    server.start()
    server.stop()
    assert json.loads(service_file(database).read_text("utf-8")) == asdict(FACTS)


def test_a_file_left_behind_is_replaced_and_one_of_a_later_service_stays(tmp_path: Path) -> None:
    database = tmp_path / "links.duckdb"
    write_service_file(database, FACTS)
    later = replace(FACTS, pid=8)
    write_service_file(database, later)
    remove_service_file(database, FACTS)
    assert json.loads(service_file(database).read_text("utf-8")) == asdict(later)
    remove_service_file(database, later)
    remove_service_file(database, later)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "links.duckdb.service.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_service_file(tmp_path / "links.duckdb", FACTS)
    assert [one.name for one in tmp_path.iterdir()] == ["links.duckdb.service.json"]
