"""Token and TLS on a real socket, and the commands that go through both."""

from __future__ import annotations

import os
import ssl
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from scripted_service import ScriptedService

from linktide import remote
from linktide.config import Config
from linktide.errors import ConfigError
from linktide.serve.http import build_app
from linktide.serve.server import HttpServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "a-token-of-this-test-alone"  # noqa: S105 - of this test


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("https")
    for name in ("", "other-"):
        command = (
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=links.example "
            f"-keyout {name}key.pem -out {name}cert.pem"
        )
        subprocess.run(command.split(), cwd=made, check=True, capture_output=True)
    (made / "token").write_text(TOKEN + "\n", "utf-8")
    return made


@contextmanager
def running(folder: Path, host: str) -> Iterator[tuple[HttpServer, Config]]:
    config = Config(
        database=folder / "links.duckdb",
        http_host=host,
        http_port=0,
        http_token_file=folder / "token",
        http_tls_certfile=folder / "cert.pem",
        http_tls_keyfile=folder / "key.pem",
    )
    server = HttpServer(config, build_app(ScriptedService(told={"pid": os.getpid()}), config))
    server.start()
    try:
        server.announce(datetime(2026, 1, 1, tzinfo=UTC), "0")
        yield server, config
    finally:
        server.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - what a container binds
def test_commands_come_through_both_and_others_through_none(folder: Path, host: str) -> None:
    with running(folder, host) as (server, config):
        with remote.need_service(config) as found:
            assert found.status()["pid"] == os.getpid()
        # Not the certificate that was named: whoever answers is a stranger, and hears no token.
        assert remote.find_service(replace(config, http_tls_certfile=folder / "other-cert.pem")) is None
        with (
            remote.need_service(replace(config, http_token_file=None)) as found,
            pytest.raises(remote.RemoteError, match="needs the token"),
        ):
            found.status()
        context = ssl.create_default_context(cafile=folder / "cert.pem")
        context.check_hostname = False
        url = f"https://127.0.0.1:{server.port}/"
        assert httpx.get(url, verify=context).status_code == 401
        assert httpx.get(url, verify=context, auth=("me", TOKEN)).status_code == 200
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{server.port}/")


def test_a_key_of_another_certificate_is_a_sentence(folder: Path) -> None:
    config = Config(
        database=folder / "links.duckdb",
        http_port=0,
        http_tls_certfile=folder / "cert.pem",
        http_tls_keyfile=folder / "other-key.pem",
    )
    with pytest.raises(ConfigError, match="http_tls_keyfile"):
        HttpServer(config, build_app(ScriptedService(), config))
