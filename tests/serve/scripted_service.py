"""A service that does as a test says, and a client that speaks to its application without a socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import httpx
import pyarrow as pa

from linktide.config import Config
from linktide.serve.http import HttpLimits, build_app

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.types import ASGIApp

    from linktide.serve.reading import LoadStep
    from linktide.store.gate import Role

BASE = "http://127.0.0.1:8640"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    next_offset: int
    accepted: int
    dead_letters: int


def nothing() -> None:
    """Be what happens before a call unless a test says otherwise."""


@dataclass
class ScriptedPage:
    """What the page is told; `reads` answers statements by the first word that one holds."""

    tracked: Sequence[tuple[str, str]] = ()
    reads: dict[str, pa.Table] = field(default_factory=dict)
    revisions: list[int | None] = field(default_factory=lambda: [1])
    """The last one stays."""
    met: dict[str, Mapping[str, object]] = field(default_factory=dict)
    failure: Exception | None = None
    asked: list[str] = field(default_factory=list)
    troubles: dict[str, object] = field(default_factory=dict)

    def now(self) -> datetime:
        return datetime(2026, 1, 2, tzinfo=UTC)

    def revision(self) -> int | None:
        return self.revisions.pop(0) if len(self.revisions) > 1 else self.revisions[0]

    def read(self, sql: str, parameters: Sequence[object]) -> pa.Table:
        del parameters
        self.asked.append(sql)
        if self.failure is not None:
            raise self.failure
        return next((table for word, table in self.reads.items() if word in sql), pa.table({}))

    read_all = read

    def ask(self, sql: str) -> pa.Table:
        return self.read(sql, ())

    def health(self) -> Mapping[str, object]:
        names = (
            "live_links", "domains", "lag", "events_per_second", "freshness_p99_seconds", "dead_letters",
            "last_commit_seconds_ago", "error_bound", "error_bound_ratio", "error_target", "file_bytes",
            "free_bytes", "not_ready_because",
        )  # fmt: skip
        return {**dict.fromkeys(names), "is_synthetic": False, **self.troubles}

    def domains(self, names: Sequence[str]) -> list[Mapping[str, object] | None]:
        return [self.met.get(name) for name in names]


@dataclass
class ScriptedService:
    """Answers from its fields; a field that is an exception is raised."""

    table: pa.Table | Exception = field(default_factory=lambda: pa.table({"n": pa.array([1, 2])}))
    stored: Stored | Exception = field(default_factory=lambda: Stored(2, 2, 0))
    told: Mapping[str, object] | Exception = field(default_factory=lambda: {"pid": 1})
    text: bytes | Exception = b"# HELP linktide_x X.\n"
    reason: str | None = None
    before: Callable[[], None] = nothing
    """Runs first in every query and push, in their thread."""
    is_abandoned: Callable[[], bool] = lambda: False
    """What the last query was given."""
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    counted: list[tuple[str, int]] = field(default_factory=list)
    page: ScriptedPage = field(default_factory=ScriptedPage)

    def query(
        self,
        sql: str,
        *,
        max_rows: int | None,
        role: Role,
        is_abandoned: Callable[[], bool],
        parameters: Sequence[object] | Mapping[str, object] | None = None,
    ) -> pa.Table:
        self.calls.append((sql, max_rows, role) if parameters is None else (sql, parameters))
        self.is_abandoned = is_abandoned
        self.before()
        return given(self.table)

    def rekey(self, text: str, *, is_dry_run: bool) -> Mapping[str, object]:
        self.calls.append((text, is_dry_run))
        return given(self.told)

    def audit(self) -> Mapping[str, object]:
        return given(self.told)

    def explain(self, domain_name: str, from_at: str, to_at: str | None, limit: int) -> Mapping[str, object]:
        self.calls.append((domain_name, from_at, to_at, limit))
        return given(self.told)

    def what_if(self, domain_name: str, gained: Sequence[str], lost: Sequence[str]) -> Mapping[str, object]:
        self.calls.append((domain_name, gained, lost))
        return given(self.told)

    def backup(self, step: str, token: str) -> Mapping[str, object]:
        self.calls.append((step, token))
        return given(self.told)

    def replay(self, wanted: Mapping[str, object]) -> Mapping[str, object]:
        self.calls.append((wanted,))
        return given(self.told)

    def load(self, asked: LoadStep) -> Mapping[str, object]:
        self.calls.append((asked,))
        return given(self.told)

    def review(self, told: Mapping[str, object]) -> Mapping[str, object]:
        self.calls.append((told,))
        return given(self.told)

    def push(self, data: bytes, *, topic: str, topic_id: str, first_offset: int | None) -> Stored:
        self.calls.append((data, topic, topic_id, first_offset))
        self.before()
        return given(self.stored)

    def status(self) -> Mapping[str, object]:
        return given(self.told)

    def top(self) -> Mapping[str, object]:
        return given(self.told)

    def exposition(self) -> bytes:
        return given(self.text)

    def not_ready_because(self) -> str | None:
        return self.reason

    def count_request(self, route: str, status: int) -> None:
        self.counted.append((route, status))


def given(value: T | Exception) -> T:
    if isinstance(value, Exception):
        raise value
    return value


def application(service: ScriptedService, limits: HttpLimits | None = None) -> ASGIApp:
    return build_app(service, Config(), limits=limits)


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)


def ask(
    service: ScriptedService,
    method: str,
    path: str,
    *,
    limits: HttpLimits | None = None,
    **request: Any,  # noqa: ANN401 - what httpx takes
) -> httpx.Response:
    """Send one request to a new application of the service."""

    async def send() -> httpx.Response:
        async with client_of(application(service, limits)) as client:
            return await client.request(method, path, **request)

    return anyio.run(send)
