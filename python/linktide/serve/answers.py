"""Answers of the HTTP room: JSON that is always valid, errors as one sentence, bodies sent piece by piece."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from starlette.responses import Response

from linktide.errors import ExitCode
from linktide.json_rows import json_value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from starlette.types import Receive, Scope, Send

JSON_TYPE = "application/json"
RETRY_AFTER_SECONDS = 1
FAILED = "The service failed to answer; its log says why."


def json_answer(told: Mapping[str, object], status: int = 200) -> Response:
    """Return a JSON object; what JSON cannot hold becomes null, times become ISO 8601 in UTC."""
    return Response(
        json.dumps(json_value(told), allow_nan=False).encode("ascii"), status, media_type=JSON_TYPE
    )


def error_answer(
    status: int, sentence: str, exit_code: int = ExitCode.FAILURE, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error as every route gives it: a sentence, and the exit code a command would end with."""
    answer = json_answer({"error": sentence, "exit_code": int(exit_code)}, status)
    answer.headers.update(headers or {})
    return answer


def busy_answer(status: int, sentence: str, exit_code: int = ExitCode.FAILURE) -> Response:
    """Return an error that says when to ask again."""
    return error_answer(status, sentence, exit_code, {"Retry-After": str(RETRY_AFTER_SECONDS)})


class ClientStalledError(Exception):
    """The client takes no bytes of its answer."""


async def made_in_threads(
    pieces: Iterator[bytes], call: Callable[[Callable[[], Any]], Awaitable[Any]]
) -> AsyncIterator[bytes]:
    """Yield pieces until an empty one, each made by `call`, which makes a blocking call in a thread."""
    while piece := await call(partial(next, pieces, b"")):
        yield piece


async def hung_up(receive: Receive) -> None:
    """Wait until the client hangs up; a body that was read whole is followed by nothing else."""
    while (await receive())["type"] != "http.disconnect":
        pass


class PiecesAnswer:
    """A body sent piece by piece, so that it never stands in memory twice.

    A client that takes no bytes for `stall_seconds` is hung up on: its answer would be held for ever.
    """

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        media_type: str,
        stall_seconds: float,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._pieces = pieces
        self._headers = headers or {}
        self._media_type = media_type
        self._stall_seconds = stall_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer. The first piece is made before the head, so that its errors can still be told."""
        del scope, receive
        first = await anext(self._pieces, b"")
        told = {"content-type": self._media_type, **self._headers}
        headers = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in told.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send(send, first)
        async for piece in self._pieces:
            await self._send(send, piece)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, piece: bytes) -> None:
        try:
            with anyio.fail_after(self._stall_seconds):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError as error:
            raise ClientStalledError from error
