from __future__ import annotations

import logging
import math
import os
from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from scripted_service import ScriptedService, Stored, ask

from linktide.errors import (
    DiskFullError,
    FenceError,
    LinktideError,
    ReadersBusyError,
    RefusedQueryError,
    RetryError,
)
from linktide.store.gate import Role

QUERY = "/api/v1/query"
EVENTS = "/api/v1/events"
LINES = b'{"event":"discovered"}\n{}\n'
ARROW = "application/vnd.apache.arrow.stream"


def read_arrow(body: bytes) -> pa.Table:
    return pa.ipc.open_stream(body).read_all()


def test_health_answers_while_the_service_is_not_ready() -> None:
    service = ScriptedService(reason="the store is reopening")
    healthy = ask(service, "GET", "/-/healthy")
    assert (healthy.status_code, healthy.json()) == (200, {"healthy": True, "pid": os.getpid()})
    answer = ask(service, "GET", "/-/ready")
    assert (answer.status_code, answer.json()["reason"]) == (503, "the store is reopening")
    assert ask(ScriptedService(), "GET", "/-/ready").status_code == 200


def test_metrics_are_the_text_format_of_prometheus() -> None:
    answer = ask(ScriptedService(), "GET", "/metrics")
    assert answer.content == b"# HELP linktide_x X.\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/top"])
def test_reports_are_json_whatever_the_service_tells(path: str) -> None:
    moment = datetime(2026, 11, 20, 13, tzinfo=timezone(timedelta(hours=1)))
    told = {
        "p99": math.inf,
        "rate": math.nan,
        "at": moment,
        "rows": [{"anchor": "</script>\ud800", "n": 2**63}],
    }
    answer = ask(ScriptedService(told=told), "GET", path)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "p99": None,
        "rate": None,
        "at": "2026-11-20T12:00:00Z",
        "rows": [{"anchor": "</script>\ud800", "n": 2**63}],
    }


def test_a_query_answers_arrow_unless_json_is_asked_for() -> None:
    table = pa.table({"n": pa.array([1, None], pa.uint64()), "at": [datetime(2026, 1, 1, tzinfo=UTC)] * 2})
    service = ScriptedService(table=table)
    answer = ask(service, "POST", QUERY, json={"sql": "FROM links", "max_rows": 7})
    assert answer.headers["content-type"] == ARROW
    assert read_arrow(answer.content).equals(table)
    assert service.calls == [("FROM links", 7, Role.READER)]
    answer = ask(service, "POST", QUERY, json={"sql": "FROM links"}, headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == [
        {"n": 1, "at": "2026-01-01T00:00:00Z"},
        {"n": None, "at": "2026-01-01T00:00:00Z"},
    ]
    assert service.calls[1] == ("FROM links", None, Role.READER)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "no JSON"),
        (b"\xff{}", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"max_rows": ' + b"9" * 5000 + b"}", "no JSON"),
        (b'["sql"]', "lacks the text sql"),
        (b'{"sql": 1}', "lacks the text sql"),
        (b'{"sql": "x", "role": "admin"}', "'role'"),
        (b'{"sql": "x", "max_rows": 0}', "max_rows"),
        (b'{"sql": "x", "max_rows": true}', "max_rows"),
        (b'{"sql": "x", "max_rows": 1.5}', "max_rows"),
        (b'{"sql": "x", "parameters": "1"}', "no list and no object"),
        (b'{"sql": "x", "parameters": [{"timestamp": "2026-11-27T12:00:00"}]}', "timestamp"),
        (b'{"sql": "x", "parameters": [{"timestamp": 1}]}', "timestamp"),
        (b'{"sql": "x", "parameters": {"a": {"date": "soon"}}}', "date"),
        (b'{"sql": "x", "parameters": [[{}]]}', "is an object"),
    ],
)
def test_a_malformed_query_is_refused_before_the_service_hears_of_it(body: bytes, named: str) -> None:
    service = ScriptedService()
    answer = ask(service, "POST", QUERY, content=body)
    assert answer.status_code == 400
    assert named in answer.json()["error"]
    assert answer.json()["exit_code"] == 2
    assert not service.calls


def test_parameters_reach_the_service_as_values() -> None:
    service = ScriptedService()
    sent = [1, 0.5, "x", None, True, ["a"], {"date": "2026-11-27"}, {"timestamp": "2026-11-27T12:00:00Z"}]
    assert ask(service, "POST", QUERY, json={"sql": "x", "parameters": sent}).status_code == 200
    assert ask(service, "POST", QUERY, json={"sql": "x", "parameters": {"n": 1}}).status_code == 200
    at = datetime(2026, 11, 27, 12, tzinfo=UTC)
    assert service.calls == [("x", [*sent[:6], date(2026, 11, 27), at]), ("x", {"n": 1})]


FATES = [
    (RefusedQueryError("no such view"), 400, 9, "no such view"),
    (LinktideError("send from 7"), 400, 1, "send from 7"),
    (RetryError("the store reopens"), 503, 1, "the store reopens"),
    (ReadersBusyError("all readers are busy"), 503, 1, "all readers are busy"),
    (DiskFullError("no room"), 503, 8, "no room"),
    (FenceError("offset 5 of /var/lib/x"), 500, 1, None),
    (RuntimeError("/var/lib/x"), 500, 1, None),
]


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("path", [QUERY, EVENTS, "/api/v1/status", "/api/v1/top"])
def test_an_error_is_told_by_its_fate(
    path: str, fate: tuple[Exception, int, int, str | None], caplog: pytest.LogCaptureFixture
) -> None:
    error, status, exit_code, sentence = fate
    service = ScriptedService(table=error, stored=error, told=error)
    body = b'{"sql": "x"}'
    answer = ask(service, "POST" if path in (QUERY, EVENTS) else "GET", path, content=body)
    is_push_retry = path == EVENTS and isinstance(error, RetryError)
    assert answer.status_code == (429 if is_push_retry else status)
    told = answer.json()
    assert told["exit_code"] == exit_code
    assert ("Retry-After" in answer.headers) == isinstance(error, RetryError)
    assert "var" not in answer.text
    if sentence is not None:
        assert told["error"] == sentence
    # What the asker is not told, the operator is, once.
    failures = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(failures) == (1 if status == 500 else 0)


def test_pushed_lines_go_to_the_stretch_the_headers_name() -> None:
    service = ScriptedService(stored=Stored(12, 1, 1))
    headers = {
        "Linktide-Topic": "caf\u00e9 %25 \u65e5.ndjson".encode(),
        "Linktide-Topic-Id": b"f00d",
        "Linktide-First-Offset": b"10",
    }
    answer = ask(service, "POST", EVENTS, content=LINES, headers=headers)
    assert answer.json() == {"next_offset": 12, "accepted": 1, "dead_letters": 1}
    quoted = headers | {"Linktide-Topic": b"caf%C3%A9 %25 %E6%97%A5.ndjson"}
    ask(service, "POST", EVENTS, content=LINES, headers=quoted)
    assert service.calls == [(LINES, "caf\u00e9 % \u65e5.ndjson", "f00d", 10)] * 2


def test_pushed_lines_without_headers_follow_the_last_ones() -> None:
    service = ScriptedService()
    ask(service, "POST", EVENTS, content=LINES)
    assert service.calls == [(LINES, "push", "", None)]


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ([("Linktide-First-Offset", b"-1")], "Linktide-First-Offset"),
        ([("Linktide-First-Offset", b"1_0")], "Linktide-First-Offset"),
        ([("Linktide-First-Offset", str(2**63).encode())], "Linktide-First-Offset"),
        ([("Linktide-First-Offset", "\u0661".encode())], "Linktide-First-Offset"),
        ([("Linktide-Topic-Id", b"f00d")], "Linktide-First-Offset"),
        ([("Linktide-Topic", b"\xff")], "Linktide-Topic"),
        ([("Linktide-Topic", b"")], "Linktide-Topic"),
        ([("Linktide-Topic", b"a%00b")], "Linktide-Topic"),
        ([("Linktide-Topic", b"a" * 5000)], "Linktide-Topic"),
        ([("Linktide-Topic", b"a"), ("Linktide-Topic", b"b")], "Linktide-Topic"),
    ],
)
def test_malformed_headers_are_refused_by_name(headers: list[tuple[str, bytes]], named: str) -> None:
    service = ScriptedService()
    encoded = [(name.encode(), value) for name, value in headers]
    answer = ask(service, "POST", EVENTS, content=LINES, headers=encoded)
    assert answer.status_code == 400
    assert named in answer.json()["error"]
    assert not service.calls


def test_an_empty_push_is_refused() -> None:
    service = ScriptedService()
    assert ask(service, "POST", EVENTS).status_code == 400
    assert not service.calls


def test_unknown_paths_and_methods_are_json_errors() -> None:
    service = ScriptedService()
    for method, path, status in (
        ("GET", "/favicon.ico", 404),
        ("GET", "/metrics/", 404),
        ("POST", "/nope", 404),
        ("GET", QUERY, 405),
        ("OPTIONS", EVENTS, 405),
        ("POST", "/metrics", 405),
    ):
        answer = ask(service, method, path)
        assert answer.status_code == status
        assert set(answer.json()) == {"error", "exit_code"}
        assert ("Allow" in answer.headers) == (status == 405)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_answers_are_counted_by_route_and_status_never_by_raw_path() -> None:
    service = ScriptedService(table=RefusedQueryError("no"))
    ask(service, "GET", "/metrics?x=1")
    ask(service, "GET", "/api/v1/../../etc/passwd")
    ask(service, "POST", QUERY, json={"sql": "x"})
    ask(service, "POST", "/metrics")
    ask(service, "GET", "/-/ready", headers={"Host": "evil.example"})
    assert service.counted == [
        ("/metrics", 200),
        ("other", 404),
        (QUERY, 400),
        ("/metrics", 405),
        ("/-/ready", 421),
    ]


REKEY = "/api/v1/rekey"
LIST = "// ===BEGIN\ncom\n公司.cn\n"


@pytest.mark.parametrize(
    ("asked", "is_dry_run"), [("", False), ("?dry_run=false", False), ("?dry_run=true", True)]
)
def test_a_rekey_hands_the_list_over_and_answers_what_changed(asked: str, is_dry_run: bool) -> None:  # noqa: FBT001
    service = ScriptedService(told={"hosts": 3, "largest": []})
    answer = ask(service, "POST", REKEY + asked, content=LIST.encode())
    assert (answer.status_code, answer.json()) == (200, {"hosts": 3, "largest": []})
    assert service.calls == [(LIST, is_dry_run)]


@pytest.mark.parametrize(
    ("asked", "body", "said"),
    [
        ("?dry_run=yes", b"com", "true or false"),
        ("?dry_run=true&dry_run=true", b"com", "once"),
        ("?dryrun=true", b"com", "dryrun"),
        ("", b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_malformed_rekey_is_refused_before_the_service_hears_of_it(
    asked: str, body: bytes, said: str
) -> None:
    service = ScriptedService()
    answer = ask(service, "POST", REKEY + asked, content=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert service.calls == []


def test_a_rekey_that_is_refused_or_must_wait_says_so() -> None:
    refused = ask(ScriptedService(told=LinktideError("no list")), "POST", REKEY, content=b"x")
    assert (refused.status_code, refused.json()["error"]) == (400, "no list")
    waits = ask(ScriptedService(told=RetryError("under way")), "POST", REKEY, content=b"x")
    assert waits.status_code == 503


def test_recovery_is_handed_over_or_refused_before_the_service_hears_of_it() -> None:
    service = ScriptedService(told={"token": "t"})
    asked = ask(service, "POST", "/api/v1/backup", json={"step": "still", "token": "t"})
    assert (asked.status_code, asked.json()) == (200, {"token": "t"})
    assert ask(service, "POST", "/api/v1/replay", json={"reasons": ["EMPTY"]}).status_code == 200
    assert service.calls == [("still", "t"), ({"reasons": ["EMPTY"]},)]
    for body in (b"[]", b"{", b'{"step": 1}', b'{"step": "hold", "path": "/x"}', b"{}"):
        assert ask(service, "POST", "/api/v1/backup", content=body).status_code == 400, body
    assert ask(service, "POST", "/api/v1/replay", content=b"[1]").status_code == 400
    assert len(service.calls) == 2
