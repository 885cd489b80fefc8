"""Bodies are bounded in size and time, and no kind of request can use up the threads of another."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import anyio
import pytest
from scripted_service import ScriptedService, application, ask, client_of
from starlette.exceptions import HTTPException

from linktide.serve.answers import ClientStalledError, PiecesAnswer
from linktide.serve.http import HttpLimits
from linktide.serve.reading import BodyBudget

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from starlette.types import Message

EVENTS = "/api/v1/events"
QUERY = "/api/v1/query"
TIGHT = HttpLimits(push_bytes=10, body_seconds=0.05)


class Told:
    """A body whose length is said, or not said, in a header."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = parts
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            self.sent += 1
            yield part


def test_a_body_at_the_bound_is_taken() -> None:
    service = ScriptedService()
    assert ask(service, "POST", EVENTS, limits=TIGHT, content=b"x" * 10).status_code == 200
    assert service.calls[0][0] == b"x" * 10


def test_a_body_that_says_it_is_too_long_is_not_read() -> None:
    service, body = ScriptedService(), Told(b"x")
    answer = ask(service, "POST", EVENTS, limits=TIGHT, content=body, headers={"Content-Length": "11"})
    assert (answer.status_code, body.sent, service.calls) == (413, 0, [])


def test_a_body_that_does_not_say_so_is_cut_at_the_bound() -> None:
    service, body = ScriptedService(), Told(b"12345678", b"90A", b"never asked for")
    answer = ask(service, "POST", EVENTS, limits=TIGHT, content=body)
    assert (answer.status_code, body.sent, service.calls) == (413, 2, [])


def test_a_query_has_a_bound_of_its_own() -> None:
    answer = ask(ScriptedService(), "POST", QUERY, content=b" " * ((1 << 20) + 1))
    assert answer.status_code == 413


def test_a_body_that_does_not_come_is_given_up() -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield b"1"
        await anyio.sleep_forever()

    service = ScriptedService()
    assert ask(service, "POST", EVENTS, limits=TIGHT, content=stuck()).status_code == 408
    assert not service.calls


def test_packed_bodies_are_refused() -> None:
    service = ScriptedService()
    answer = ask(service, "POST", EVENTS, content=b"x", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, service.calls) == (415, [])


def test_bodies_share_one_budget_and_give_it_back() -> None:
    budget = BodyBudget(10)
    with budget.share() as first:
        first.take(6)
        with budget.share() as second:
            second.take(3)
            with pytest.raises(HTTPException) as refused:
                second.take(2)
        assert refused.value.status_code == 429
        assert refused.value.headers == {"Retry-After": "1"}
        with budget.share() as third:
            third.take(4)
    with budget.share() as last:
        last.take(10)


@pytest.mark.parametrize(("path", "busy"), [(QUERY, 503), (EVENTS, 429)])
def test_one_too_many_is_told_to_come_again_and_reports_go_on(path: str, busy: int) -> None:
    limits = HttpLimits(queries=1, pushes=1, others=1, wait_seconds=0.05)
    is_inside, may_go = threading.Event(), threading.Event()

    def wait() -> None:
        is_inside.set()
        assert may_go.wait(30)

    service = ScriptedService(before=wait)
    body = b'{"sql": "x"}'

    async def play() -> tuple[httpx.Response, httpx.Response, list[httpx.Response]]:
        answers: list[httpx.Response] = []

        async def send_first() -> None:
            answers.append(await client.post(path, content=body))

        async with client_of(application(service, limits)) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send_first)
                await anyio.to_thread.run_sync(is_inside.wait)
                second = await client.post(path, content=body)
                report = await client.get("/api/v1/status")
                may_go.set()
            # The turn came back.
            answers.append(await client.post(path, content=body))
        return second, report, answers

    second, report, answers = anyio.run(play)
    assert second.status_code == busy
    assert second.headers["Retry-After"] == "1"
    assert report.status_code == 200
    assert [answer.status_code for answer in answers] == [200, 200]


def test_the_turn_of_a_failed_query_comes_back() -> None:
    service = ScriptedService(table=RuntimeError("x"))
    limits = HttpLimits(queries=1, wait_seconds=0.0)

    async def play() -> list[int]:
        async with client_of(application(service, limits)) as client:
            return [(await client.post(QUERY, json={"sql": "x"})).status_code for _ in range(3)]

    assert anyio.run(play) == [500, 500, 500]


def test_a_client_that_takes_nothing_is_hung_up_on() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        yield b"second"

    sent: list[bytes] = []

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))
        if message.get("body") == b"second":
            await anyio.sleep_forever()

    async def receive() -> Message:
        raise AssertionError

    async def play() -> None:
        await PiecesAnswer(pieces(), "x/y", stall_seconds=0.05)({}, receive, send)

    with pytest.raises(ClientStalledError):
        anyio.run(play)
    assert sent == [b"", b"first", b"second"]
