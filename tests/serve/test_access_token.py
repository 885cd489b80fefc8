from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import anyio
import pytest
from scripted_service import ScriptedService, client_of

from linktide.config import Config
from linktide.errors import ConfigError
from linktide.serve.access_token import AccessToken, read_token
from linktide.serve.http import build_app

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

TOKEN = "correct-horse-battery-staple"  # noqa: S105 - of this test


def basic(password: str, user: str = "any") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def asked(folder: Path, path: str, authorization: str | None, host: str = "127.0.0.1") -> httpx.Response:
    (folder / "token").write_text(TOKEN + "\n", "utf-8")
    app = build_app(ScriptedService(), Config(http_token_file=folder / "token"))

    async def send() -> httpx.Response:
        headers = {"Host": host} | ({} if authorization is None else {"Authorization": authorization})
        async with client_of(app) as client:
            return await client.get(path, headers=headers)

    return anyio.run(send)


@pytest.mark.parametrize("sent", [f"Bearer {TOKEN}", f"bearer  {TOKEN} ", basic(TOKEN), basic(TOKEN, "")])
def test_the_token_opens_as_bearer_and_as_password(tmp_path: Path, sent: str) -> None:
    assert asked(tmp_path, "/api/v1/top", sent).status_code == 200
    # Whoever has the token may come by any name.
    assert asked(tmp_path, "/api/v1/top", sent, "links.example.org").status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        None, "", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, f"Token {TOKEN}", "Basic %%%",
        basic(TOKEN + "x"), basic("x", TOKEN), "Basic " + base64.b64encode(TOKEN.encode()).decode(),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/api/v1/status", "/live", "/static/page.css", "/domains/a.example", "/no"]
)
def test_every_route_but_health_needs_it(tmp_path: Path, path: str, sent: str | None) -> None:
    answer = asked(tmp_path, path, sent)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert TOKEN not in answer.text
    for health in ("/-/healthy", "/-/ready"):
        assert asked(tmp_path, health, sent).status_code == 200


@pytest.mark.parametrize(
    "held", ["", "short", "two words that are long enough", "x" * 5000, "a\nb" * 10, "\xff" * 20]
)
def test_a_file_without_a_token_is_refused_and_not_shown(tmp_path: Path, held: str) -> None:
    (tmp_path / "token").write_bytes(held.encode("latin-1"))
    with pytest.raises(ConfigError, match="http_token_file") as caught:
        read_token(tmp_path / "token")
    assert not held or held not in str(caught.value)
    with pytest.raises(ConfigError, match="No such file"):
        read_token(tmp_path / "none")


def test_the_token_is_not_in_its_repr() -> None:
    assert TOKEN not in repr(AccessToken(TOKEN))
