"""POST /api/v1/authority/…: what the service hears, and what is refused before it does."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_service import ScriptedService, ask

from linktide.errors import ExitCode, LinktideError, RetryError

PATH = "/api/v1/authority/"


class NoAnswerError(LinktideError):
    exit_code = ExitCode.USAGE


@pytest.mark.parametrize(
    ("path", "body", "heard"),
    [
        ("audit", None, None),
        ("explain", {"domain_name": "a.com", "from_at": "2026-01-01"}, ("a.com", "2026-01-01", None, 0)),
        (
            "explain",
            {"domain_name": "'", "from_at": "x", "to_at": "y", "limit": 3},
            ("'", "x", "y", 3),
        ),
        ("what-if", {"domain_name": "a.com", "gained": ["b.com"]}, ("a.com", ("b.com",), ())),
        ("what-if", {"domain_name": "a.com", "lost": [], "gained": []}, ("a.com", (), ())),
    ],
)
def test_a_question_is_handed_over_and_answered(
    path: str, body: dict[str, Any] | None, heard: tuple[object, ...] | None
) -> None:
    service = ScriptedService(told={"change": 0.5})
    answer = ask(service, "POST", PATH + path, json=body)
    assert (answer.status_code, answer.json()) == (200, {"change": 0.5})
    assert service.calls == ([] if heard is None else [heard])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("explain", b"no json"),
        ("explain", b"[]"),
        ("explain", b'{"domain_name": "a.com"}'),
        ("explain", b'{"domain_name": 1, "from_at": "x"}'),
        ("explain", b'{"domain_name": "a.com", "from_at": "x", "limit": -1}'),
        ("explain", b'{"domain_name": "a.com", "from_at": "x", "limit": true}'),
        ("explain", b'{"domain_name": "a.com", "from_at": "x", "more": 1}'),
        ("what-if", b'{"domain_name": "a.com", "gained": "b.com"}'),
        ("what-if", b'{"domain_name": "a.com", "lost": [1]}'),
        ("what-if", b'{"gained": ["b.com"]}'),
        ("what-if", b"[" * 100_000),
    ],
)
def test_a_malformed_question_is_refused_before_the_service_hears_of_it(path: str, body: bytes) -> None:
    service = ScriptedService()
    answer = ask(service, "POST", PATH + path, content=body)
    assert (answer.status_code, answer.json()["exit_code"]) == (400, ExitCode.USAGE)
    assert service.calls == []


def test_no_answer_and_a_busy_service_say_so() -> None:
    body = {"domain_name": "a.com", "from_at": "2026-01-01"}
    refused = ask(
        ScriptedService(told=NoAnswerError("a side of no link")), "POST", PATH + "explain", json=body
    )
    assert (refused.status_code, refused.json()["exit_code"]) == (400, ExitCode.USAGE)
    waiting = ask(ScriptedService(told=RetryError("another runs")), "POST", PATH + "audit")
    assert waiting.status_code == 503
    assert "retry-after" in waiting.headers
