"""Calls to the webhook: each made until it is answered, none twice, none lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
from told_days import BURST_STORY, take

from linktide.alert_notifier import Notifier
from pipeline.whole import opened

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_calls_are_made_in_order_and_again_until_answered(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[str, str]] = []
    answers = [200, 503, 302, 200]

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["idempotency-key"], request.content.decode()))
        return httpx.Response(answers[len(seen) - 1])

    waiting = [("a/firing", '{"id": "a"}'), ("b/firing", '{"id": "b"}')]
    answered: list[str] = []
    client = httpx.Client(transport=httpx.MockTransport(answer))
    notifier = Notifier("http://secret-token@hook.example/", lambda: waiting, answered.append)
    assert [notifier.step(client) for _ in range(4)] == [False, False, True, True]
    assert [key for key, _ in seen] == ["a/firing", "b/firing", "b/firing", "b/firing"]
    assert answered == ["a/firing", "b/firing"]
    assert "secret-token" not in caplog.text


def test_a_call_that_is_refused_for_what_it_says_blocks_no_other() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(413 if request.headers["idempotency-key"] == "a" else 200)

    answered: list[str] = []
    client = httpx.Client(transport=httpx.MockTransport(answer))
    notifier = Notifier("http://hook.example/", lambda: [("a", "{}"), ("b", "{}")], answered.append)
    assert not notifier.step(client)
    assert answered == ["b"]


def test_calls_are_stored_with_their_alerts_and_not_of_the_past(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/"
    take(tmp_path / "a.duckdb", BURST_STORY, alerts_webhook_url=url)
    with opened(tmp_path / "a.duckdb") as stopped:
        rows = stopped.query("SELECT notice_id, state, body, delivered_at FROM internal.alert_notices")
    assert len(rows) == 1
    told = json.loads(rows[0][2])
    assert (told["alert"], told["state"], rows[0][3]) == ("LinkLossSpike", "firing", None)
    assert told["id"] == rows[0][0]
    assert told["actions"]
    take(tmp_path / "b.duckdb", BURST_STORY, late=timedelta(days=400), alerts_webhook_url=url)
    with opened(tmp_path / "b.duckdb") as stopped:
        assert stopped.query("FROM internal.alert_notices") == []
