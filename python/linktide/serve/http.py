"""The HTTP room: routes, and which thread does what. docs/http.md describes them to users."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from linktide.errors import AbandonedQueryError, ExitCode, LinktideError, RetryError, StopError
from linktide.json_rows import json_pieces
from linktide.serve.access_token import AccessToken, read_token
from linktide.serve.answers import (
    FAILED,
    JSON_TYPE,
    PiecesAnswer,
    busy_answer,
    error_answer,
    hung_up,
    json_answer,
    made_in_threads,
)
from linktide.serve.arrow_stream import ARROW_TYPE, arrow_pieces
from linktide.serve.guard import Guard
from linktide.serve.page import PageRoutes
from linktide.serve.reading import (
    MAX_LIST_BYTES,
    MAX_QUERY_BYTES,
    MAX_SLICE_BYTES,
    BodyBudget,
    busy,
    read_arrow,
    read_body,
    read_explain,
    read_flag,
    read_load_step,
    read_query,
    read_reviews,
    read_stretch,
    read_text,
    read_what_if,
    want_json,
    wants_json,
)
from linktide.store.gate import Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import pyarrow as pa
    from starlette.types import Receive, Scope, Send

    from linktide.config import Config
    from linktide.serve.api import ServiceApi

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_T = TypeVar("_T")

_log = logging.getLogger("linktide.serve")


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How much of the machine requests may take."""

    push_bytes: int = 80 << 20
    """Longest body of events. A piece of a file goes up to its longest line, which may have 64 MiB."""
    bodies_bytes: int = 160 << 20
    """Bodies of all requests together."""
    queries: int = 8
    """Queries that run or are being sent at once: each may hold query_max_bytes."""
    pushes: int = 8
    """Pushes that wait for their commit at once."""
    others: int = 4
    """Threads for status, top and metrics; neither queries nor pushes can use them up."""
    wait_seconds: float = 5.0
    """How long a query waits for its turn."""
    body_seconds: float = 60.0
    """How long a body may take to arrive."""
    patience_seconds: float = 0.6
    """How long a page waits for what it can do without: a first look should not take a second."""
    stall_seconds: float = 30.0
    """How long a client may take no bytes of its answer."""


def build_app(service: ServiceApi, config: Config, *, limits: HttpLimits | None = None) -> Starlette:
    """Return the application; requests may name the configured host and those of the loopback.

    Raises ConfigError if the token cannot be read.
    """
    room = _Room(service, limits or HttpLimits())
    reports = _Reports(room)
    authority = _Authority(room)
    routes = [
        *PageRoutes(
            service.page, room.call, room.limits.patience_seconds, room.limits.stall_seconds
        ).routes(),
        Route("/metrics", reports.metrics, methods=["GET"]),
        Route("/-/healthy", _healthy, methods=["GET"]),
        Route("/-/ready", reports.ready, methods=["GET"]),
        Route("/api/v1/status", reports.status, methods=["GET"]),
        Route("/api/v1/top", reports.top, methods=["GET"]),
        Route("/api/v1/query", _Query(room), methods=["POST"]),
        Route("/api/v1/events", _Push(room).push, methods=["POST"]),
        Route("/api/v1/rekey", _Rekey(room).rekey, methods=["POST"]),
        Route("/api/v1/authority/audit", authority.audit, methods=["POST"]),
        Route("/api/v1/authority/explain", authority.explain, methods=["POST"]),
        Route("/api/v1/authority/what-if", authority.what_if, methods=["POST"]),
        Route("/api/v1/backup", _Recovery(room).backup, methods=["POST"]),
        Route("/api/v1/replay", _Recovery(room).replay, methods=["POST"]),
        Route("/api/v1/review", _Recovery(room).review, methods=["POST"]),
        Route("/api/v1/tables", _Tables(room).step, methods=["POST"]),
    ]
    guard = Middleware(
        Guard,
        hosts=(config.http_host,),
        routes={route.endpoint: route.path for route in routes},
        count=service.count_request,
        token=None if config.http_token_file is None else AccessToken(read_token(config.http_token_file)),
    )
    app = Starlette(
        routes=routes,
        middleware=[guard],
        exception_handlers={HTTPException: _tell_http, LinktideError: _tell_failure},
    )
    # A path is right or unknown; a redirect would only hide the slip.
    app.router.redirect_slashes = False
    return app


class _Room:
    """What all routes share: the service, whose calls block and so run in threads, and what bounds them."""

    def __init__(self, service: ServiceApi, limits: HttpLimits) -> None:
        self.service = service
        self.limits = limits
        self.bodies = BodyBudget(limits.bodies_bytes)
        # One pool for all: queries and pushes have turns of their own and cannot use it up.
        self._threads = anyio.CapacityLimiter(limits.queries + limits.pushes + limits.others)

    async def call(self, call: Callable[[], _T]) -> _T:
        """Make a blocking call. It is abandoned if the server stops: a query must not hold up the end."""
        return await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._threads)


class _Reports:
    """The routes without a body."""

    def __init__(self, room: _Room) -> None:
        self._room = room

    async def metrics(self, _: Request) -> Response:
        return Response(await self._room.call(self._room.service.exposition), media_type=METRICS_TYPE)

    async def ready(self, _: Request) -> Response:
        reason = await self._room.call(self._room.service.not_ready_because)
        return json_answer({"ready": reason is None, "reason": reason}, 200 if reason is None else 503)

    async def status(self, _: Request) -> Response:
        return json_answer(await self._room.call(self._room.service.status))

    async def top(self, _: Request) -> Response:
        return json_answer(await self._room.call(self._room.service.top))


class _Query:
    """POST /api/v1/query. An ASGI application: the turn lasts until the answer is sent, not only made."""

    def __init__(self, room: _Room) -> None:
        self._room = room
        self._turns = anyio.Semaphore(room.limits.queries)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limits = self._room.limits
        request = Request(scope, receive, send)
        with self._room.bodies.share() as share:
            asked = read_query(await read_body(request, MAX_QUERY_BYTES, limits.body_seconds, share))
        async with _turn(self._turns, limits.wait_seconds, 503, "queries"):
            run = partial(
                self._room.service.query,
                asked.sql,
                max_rows=asked.max_rows,
                role=Role.READER,
                parameters=asked.parameters,
            )
            table = await self._until_hung_up(run, receive)
            is_json = wants_json(request.headers.get("accept", ""))
            rows = (piece.encode("utf-8") for piece in json_pieces(table))
            pieces = made_in_threads(rows if is_json else arrow_pieces(table), self._room.call)
            answer = PiecesAnswer(pieces, JSON_TYPE if is_json else ARROW_TYPE, limits.stall_seconds)
            await answer(scope, receive, send)

    async def _until_hung_up(self, run: Callable[..., pa.Table], receive: Receive) -> pa.Table:
        """Run a statement and let it hear when nobody waits for it any more."""
        is_left = threading.Event()
        watch = asyncio.create_task(_note_hang_up(receive, is_left))
        try:
            return await self._room.call(partial(run, is_abandoned=is_left.is_set))
        except AbandonedQueryError as error:
            raise ClientDisconnect from error
        finally:
            # Also where the server cuts this request off: the call goes on in its thread.
            is_left.set()
            watch.cancel()


class _Push:
    """POST /api/v1/events."""

    def __init__(self, room: _Room) -> None:
        self._room = room
        self._turns = anyio.Semaphore(room.limits.pushes)

    async def push(self, request: Request) -> Response:
        limits = self._room.limits
        stretch = read_stretch(request)
        async with _turn(self._turns, 0.0, 429, "pushes"):
            with self._room.bodies.share() as share:
                body = await read_body(request, limits.push_bytes, limits.body_seconds, share)
                if not body:
                    raise HTTPException(400, "The body is empty; wanted events, one JSON object a line.")
                try:
                    told = await self._room.call(partial(self._room.service.push, body, **asdict(stretch)))
                except RetryError as error:
                    return busy_answer(429, str(error), error.exit_code)
        counts = {
            "next_offset": told.next_offset,
            "accepted": told.accepted,
            "dead_letters": told.dead_letters,
        }
        return json_answer(counts)


class _Rekey:
    """POST /api/v1/rekey."""

    def __init__(self, room: _Room) -> None:
        self._room = room

    async def rekey(self, request: Request) -> Response:
        is_dry_run = read_flag(request, "dry_run")
        with self._room.bodies.share() as share:
            body = await read_body(request, MAX_LIST_BYTES, self._room.limits.body_seconds, share)
            text = read_text(body)
            run = partial(self._room.service.rekey, text, is_dry_run=is_dry_run)
            return json_answer(await self._room.call(run))


class _Authority:
    """POST /api/v1/authority/…: questions that take a solve; the service answers one at a time."""

    def __init__(self, room: _Room) -> None:
        self._room = room

    async def audit(self, _: Request) -> Response:
        return json_answer(await self._room.call(self._room.service.audit))

    async def explain(self, request: Request) -> Response:
        asked = read_explain(await self._body(request))
        return json_answer(await self._room.call(partial(self._room.service.explain, **asdict(asked))))

    async def what_if(self, request: Request) -> Response:
        asked = read_what_if(await self._body(request))
        return json_answer(await self._room.call(partial(self._room.service.what_if, **asdict(asked))))

    async def _body(self, request: Request) -> bytes:
        with self._room.bodies.share() as share:
            return await read_body(request, MAX_QUERY_BYTES, self._room.limits.body_seconds, share)


class _Recovery:
    """POST /api/v1/backup, /api/v1/replay and /api/v1/review."""

    def __init__(self, room: _Room) -> None:
        self._room = room

    async def backup(self, request: Request) -> Response:
        told = await self._told(request)
        step, token = told.pop("step", None), told.pop("token", "")
        if not isinstance(step, str) or not isinstance(token, str) or told:
            raise HTTPException(
                400, "Wanted an object with step (hold, still, go, release) and the token of a hold."
            )
        return json_answer(await self._room.call(partial(self._room.service.backup, step, token)))

    async def replay(self, request: Request) -> Response:
        told = await self._told(request)
        return json_answer(await self._room.call(partial(self._room.service.replay, told)))

    async def review(self, request: Request) -> Response:
        want_json(request)
        with self._room.bodies.share() as share:
            body = await read_body(request, MAX_LIST_BYTES, self._room.limits.body_seconds, share)
            told = read_reviews(body)
            return json_answer(await self._room.call(partial(self._room.service.review, told)))

    async def _told(self, request: Request) -> dict[str, object]:
        with self._room.bodies.share() as share:
            body = await read_body(request, MAX_QUERY_BYTES, self._room.limits.body_seconds, share)
            try:
                told = json.loads(body or b"{}")
            except ValueError as error:
                raise HTTPException(400, f"The body is no JSON: {error}.") from error
        if not isinstance(told, dict):
            raise HTTPException(400, "The body is no JSON object.")
        return told


class _Tables:
    """POST /api/v1/tables."""

    def __init__(self, room: _Room) -> None:
        self._room = room

    async def step(self, request: Request) -> Response:
        asked = read_load_step(request)
        with self._room.bodies.share() as share:
            body = await read_body(request, MAX_SLICE_BYTES, self._room.limits.body_seconds, share)

            def take() -> Mapping[str, object]:
                return self._room.service.load(replace(asked, rows=read_arrow(body)))

            return json_answer(await self._room.call(take))


@asynccontextmanager
async def _turn(turns: anyio.Semaphore, wait_seconds: float, status: int, what: str) -> AsyncIterator[None]:
    """Hold one of the turns; raises HTTPException `status` if none is free within `wait_seconds`."""
    try:
        turns.acquire_nowait()
    except anyio.WouldBlock:
        with anyio.move_on_after(wait_seconds) as waiting:
            await turns.acquire()
        if waiting.cancelled_caught:
            raise busy(status, f"As many {what} run as may at once: try again in a moment.") from None
    try:
        yield
    finally:
        turns.release()


async def _note_hang_up(receive: Receive, is_left: threading.Event) -> None:
    await hung_up(receive)
    is_left.set()


async def _healthy(_: Request) -> Response:
    # The event loop answers: who looks for the service finds it also while every reader and thread is busy.
    return json_answer({"healthy": True, "pid": os.getpid()})


async def _tell_http(_: Request, error: Exception) -> Response:
    """Tell what the room itself refuses, unknown paths and methods among it."""
    if not isinstance(error, HTTPException):
        raise error
    is_clients = error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR and "Retry-After" not in (
        error.headers or {}
    )
    exit_code = ExitCode.USAGE if is_clients else ExitCode.FAILURE
    sentence = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        sentence = "Nothing answers at this path; docs/http.md lists the routes."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        sentence = f"This route takes {(error.headers or {}).get('Allow')} only."
    return error_answer(error.status_code, sentence, exit_code, error.headers)


async def _tell_failure(_: Request, error: Exception) -> Response:
    """Tell an error of the service by its fate: asked wrongly, try again, or a human must act."""
    if not isinstance(error, LinktideError):
        raise error
    if isinstance(error, RetryError):
        return busy_answer(503, str(error), error.exit_code)
    if isinstance(error, StopError):
        _log.error("A request failed: %s", error)
        return error_answer(500, FAILED, error.exit_code)
    return error_answer(400, str(error), error.exit_code)
