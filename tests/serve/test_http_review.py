"""Reviews over HTTP: from whom they are taken, and that nothing said becomes more than text."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hostile_links import ATTACKS, MARKUP, got
from open_service import found_link, running
from scripted_service import BASE, ScriptedService, ask, client_of

from linktide.config import Config
from linktide.errors import RetryError
from linktide.mine.reviews import MAX_NOTE
from linktide.serve.http import build_app
from linktide.store.gate import Role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from linktide.service import Service

PATH = "/api/v1/review"
JSON = {"Content-Type": "application/json"}
BODY = b'{"reviews": [{"subject": "spam.example", "state": "disavow"}]}'
FORMS = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "")
"""What a form of another site can send without asking, and what is not named at all."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("review"), authority_min_domains=1) as found:
        lines = b"".join(found_link(number) for number in range(len(ATTACKS) + 1))
        found.state.push(lines, topic="t", topic_id="", first_offset=None)
        yield found


def said(service: Service, *reviews: object, **more: object) -> httpx.Response:
    async def send() -> httpx.Response:
        async with client_of(build_app(service.state, Config())) as client:
            body = json.dumps({"reviews": list(reviews), **more})  # half a pair is written out
            return await client.post(PATH, content=body, headers=JSON)

    return anyio.run(send)


def held(service: Service, subject: str) -> tuple[Any, ...] | None:
    sql = f"SELECT state, note, contact, noted_by FROM reviews WHERE subject = '{subject}'"  # noqa: S608
    rows = service.state.query(sql, max_rows=None, role=Role.READER, is_abandoned=lambda: False).to_pylist()
    return tuple(rows[0].values()) if rows else None


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("origin", [{}, {"Origin": BASE}, {"Sec-Fetch-Site": "none"}])
def test_what_a_form_can_send_is_refused_whoever_sends_it(kind: str, origin: dict[str, str]) -> None:
    service = ScriptedService()
    answer = ask(service, "POST", PATH, content=BODY, headers={"Content-Type": kind, **origin})
    assert (answer.status_code, service.calls) == (415, [])
    assert "Content-Type is not application/json" in answer.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": BASE, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:9999"},
    ],
)
@pytest.mark.parametrize("kind", ["application/json", *FORMS])
def test_a_page_of_another_site_may_not_review(kind: str, headers: dict[str, str]) -> None:
    service = ScriptedService()
    answer = ask(service, "POST", PATH, content=BODY, headers={"Content-Type": kind, **headers})
    assert (answer.status_code, service.calls) == (403, [])


def test_no_other_site_is_given_leave_and_no_other_method_answers() -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = ask(ScriptedService(), "OPTIONS", PATH, headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert ask(ScriptedService(), "GET", PATH).status_code == 405


def test_a_token_does_not_make_another_site_ours(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef0123456789abcdef\n")
    sent = base64.b64encode(b"me:0123456789abcdef0123456789abcdef").decode()
    service = ScriptedService()
    app = build_app(service, Config(http_token_file=tmp_path / "token"))

    async def post(**headers: str) -> int:
        async with client_of(app) as client:
            return (await client.post(PATH, content=BODY, headers={**JSON, **headers})).status_code

    async def all_of_them() -> list[int]:
        return [
            await post(),
            # A browser sends what it knows of Basic authentication with requests of other sites, too.
            await post(Authorization=f"Basic {sent}", Origin="https://evil.example"),
            await post(Authorization=f"Basic {sent}", Cookie="a=b", Origin=BASE),
        ]

    assert anyio.run(all_of_them) == [401, 403, 200]
    assert len(service.calls) == 1


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"", 400, "no JSON"),
        (b"[1]", 200, ""),
        (b'{"reviews": [], "x": 1}', 400, "'x', which is not known"),
        (b"[" * 100_000, 400, "no JSON"),
        (b"\xff\xfe", 400, "no JSON"),
        (b" " * (16 << 20) + b"  ", 413, "longer than"),
    ],
)
def test_bodies_that_are_none(content: bytes, status: int, says: str) -> None:
    answer = ask(ScriptedService(), "POST", PATH, content=content, headers=JSON)
    assert answer.status_code == status
    assert says in answer.text


def test_a_store_that_reopens_is_asked_again_later() -> None:
    answer = ask(ScriptedService(told=RetryError("not now")), "POST", PATH, content=BODY, headers=JSON)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ([], "Wanted an object with reviews"),
        ([1], "is no object"),
        ([{"subject": "www.spam.example", "state": "remove"}], "wanted spam.example"),
        ([{"subject": "spam.example", "state": "block"}], "is none of for_review"),
        ([{"subject": "spam.example", "state": ["disavow"]}], "is no text"),
        ([{"subject": "spam.example", "note": "a\ndomain:good.example"}], "cannot be printed"),
        ([{"subject": "spam.example", "note": "\ud800"}], "cannot be printed"),
        ([{"subject": "spam.example", "note": "x" * 10_000_000}], f"longer than {MAX_NOTE:,} characters"),
        ([{"subject": "spam.example", "note": "x", "by": "me"}], "'by' is not known"),
        ([{"subject": "spam.example", "note": "x", "line": -1}], "is no number of a line"),
        ([{"subject": "'; DROP TABLE x; --", "note": "x"}], "is no domain"),
    ],
)
def test_what_cannot_be_meant_is_told(service: Service, told: list[object], says: str) -> None:
    good = {"subject": "never.example", "state": "disavow", "line": 9}
    answer = said(service, *told, *([good] if told else []))
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert len(answer.text) < 2_000
    assert held(service, "never.example") is None
    assert held(service, "spam.example") is None
    assert service.state.not_ready_because() is None


def test_a_review_is_on_the_page_at_once_and_twice_is_once(service: Service) -> None:
    page = "/domains/target.example"

    def chosen() -> str | None:
        found = re.search(r'data-review="site-0\.example".*?</select>', got(service, page).text, re.DOTALL)
        assert found
        picked = re.search(r'value="(\w+)" selected', found[0])
        return picked[1] if picked else None

    assert chosen() == "none"
    asked = {"subject": "site-0.example", "state": "remove"}
    assert said(service, asked, noted_by="page").json() == {"noted": 1, "unchanged": 0}
    # No batch came in between.
    assert chosen() == "remove"
    assert said(service, asked, noted_by="other").json() == {"noted": 0, "unchanged": 1}
    assert held(service, "site-0.example") == ("remove", None, None, "page")
    assert said(service, {"subject": "SITE-0.example.", "state": None}).json()["noted"] == 1
    assert chosen() == "none"


def test_no_note_is_markup_or_a_formula(service: Service) -> None:
    notes = [attack for attack in ATTACKS if "\n" not in attack]
    reviews = [
        {"subject": f"site-{1 + number}.example", "note": note, "contact": note}
        for number, note in enumerate(notes)
    ]
    assert said(service, *reviews).json()["noted"] == len(notes)
    page = got(service, "/domains/target.example")
    for piece in MARKUP:
        assert piece not in page.text, piece
    assert not re.search(r"<script(?![^>]* src=\"/static/)", page.text)
    assert "{{ 7*7 }}{% raw %}" in html.unescape(page.text)
    written = got(service, "/domains/target.example/refdomains.csv").text
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    told = [row["review_note"] for row in rows if row["review_note"]]
    assert len(told) == len(notes)
    assert not [cell for cell in told if re.match(r"[=+@\t\r-]", cell)]
    as_json = json.loads(got(service, "/domains/target.example/refdomains.json").text)
    assert {row["review_note"] for row in as_json} == {None, *notes}
