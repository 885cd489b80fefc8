from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_service import BASE, ScriptedService, ask

from linktide.serve.page import POLICY

if TYPE_CHECKING:
    import httpx

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
EVENTS = "/api/v1/events"


def is_page(answer: httpx.Response) -> bool:
    return answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/metrics", {}),
        ("GET", "/api/v1/top", {}),
        ("GET", "/api/v1/status", {}),
        ("GET", "/none", {}),
        ("PUT", "/", {}),
        ("POST", EVENTS, {"Origin": "null"}),
        ("GET", "/", {"Host": "evil.example"}),
    ],
)
def test_every_answer_carries_the_headers(method: str, path: str, headers: dict[str, str]) -> None:
    for service in (ScriptedService(), ScriptedService(told=RuntimeError("x"), text=RuntimeError("x"))):
        answer = ask(service, method, path, headers=headers)
        wanted = HEADERS | ({"content-security-policy": POLICY} if is_page(answer) else {})
        assert {name: answer.headers.get(name) for name in HEADERS} == wanted


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8640",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.8.8.8",
        "[::1]",
        "[::1]:8640",
    ],
)
def test_hosts_of_the_loopback_are_answered(host: str) -> None:
    assert ask(ScriptedService(), "GET", "/-/healthy", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("evil.example:8640", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("notlocalhost", 421),
        ("192.168.1.1", 421),
        ("0.0.0.0", 421),  # noqa: S104 - asked, not bound
        ("2130706433", 421),
        ("0x7f.1", 421),
        ("[::ffff:8.8.8.8]", 421),
        ("", 400),
        ("user@localhost", 400),
        ("localhost/evil", 400),
        ("localhost:port", 400),
        ("[::1", 400),
        ("localhost, evil.example", 421),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_hosts_are_refused_before_the_service_hears_of_them(
    method: str, host: str, status: int
) -> None:
    service = ScriptedService()
    answer = ask(
        service, method, EVENTS if method == "POST" else "/metrics", content=b"{}", headers={"Host": host}
    )
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "exit_code"}
    assert not service.calls


def test_two_host_headers_are_refused() -> None:
    headers = [("Host", "localhost"), ("Host", "localhost")]
    assert ask(ScriptedService(), "GET", "/metrics", headers=headers).status_code == 400


@given(st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z]{2,8}){1,2}(:[0-9]{1,4})?", fullmatch=True))
def test_no_name_in_the_dns_is_ours(host: str) -> None:
    assert ask(ScriptedService(), "GET", "/metrics", headers={"Host": host}).status_code in (400, 421)


@pytest.mark.parametrize(
    ("headers", "is_taken"),
    [
        ({}, True),
        ({"Origin": BASE}, True),
        ({"Origin": BASE, "Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://127.0.0.1:9999"}, False),
        ({"Origin": "https://127.0.0.1:8640"}, False),
        ({"Origin": "http://localhost:8640"}, False),
        ({"Origin": BASE + ".evil.example"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": BASE, "Sec-Fetch-Site": "cross-site"}, False),
    ],
)
@pytest.mark.parametrize("path", [EVENTS, "/api/v1/query"])
def test_pages_of_other_origins_may_not_post(path: str, headers: dict[str, str], *, is_taken: bool) -> None:
    service = ScriptedService()
    answer = ask(service, "POST", path, content=b'{"sql": "x"}', headers=headers)
    assert answer.status_code == (200 if is_taken else 403)
    assert bool(service.calls) == is_taken
