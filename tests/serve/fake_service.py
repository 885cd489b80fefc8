"""A service that does as a test says, and an HTTP client that speaks to its application without a socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pyarrow as pa

from linktide.serve.http import HttpLimits, build_app

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp

    from linktide.store.gate import Role

BASE = "http://127.0.0.1:8640"


@dataclass(frozen=True, slots=True)
class Answer:
    next_offset: int
    accepted: int
    dead_letters: int


@dataclass
class FakeService:
    """Answers from its fields; a field that is an exception is raised."""

    table: pa.Table | Exception = field(default_factory=lambda: pa.table({"n": pa.array([1, 2])}))
    pushed: Answer | Exception = field(default_factory=lambda: Answer(2, 2, 0))
    told: Mapping[str, object] | Exception = field(default_factory=lambda: {"pid": 1})
    reason: str | None = None
    before: Callable[[], None] = lambda: None
    """Runs first in every blocking call."""
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    counted: list[tuple[str, int]] = field(default_factory=list)

    def query(self, sql: str, *, max_rows: int | None, role: Role) -> pa.Table:
        self.calls.append(("query", sql, max_rows, role))
        self.before()
        return _given(self.table)

    def push(self, data: bytes, *, topic: str, topic_id: str, first_offset: int | None) -> Answer:
        self.calls.append(("push", data, topic, topic_id, first_offset))
        self.before()
        return _given(self.pushed)

    def status(self) -> Mapping[str, object]:
        return _given(self.told)

    def top(self) -> Mapping[str, object]:
        return _given(self.told)

    def exposition(self) -> bytes:
        return b"# HELP linktide_x X.\n"

    def not_ready_because(self) -> str | None:
        return self.reason

    def count_request(self, route: str, status: int) -> None:
        self.counted.append((route, status))


def _given(value: Any) -> Any:  # noqa: ANN401 - whatever the test put there
    if isinstance(value, Exception):
        raise value
    return value


def ask(
    service: FakeService, method: str, path: str, *, limits: HttpLimits | None = None, **request: Any
) -> httpx.Response:  # noqa: ANN401 - what httpx takes
    """Send one request to a new application of the service."""
    return anyio.run(_ask, build_app(service, limits=limits), method, path, request)


async def _ask(app: ASGIApp, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        return await client.request(method, path, **request)
