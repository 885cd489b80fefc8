"""The routes of the built-in page: HTML, CSV and JSON of its tables, what it loads, what it hears."""

from __future__ import annotations

import re
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from linktide.errors import AbandonedQueryError, LinktideError, RetryError
from linktide.json_rows import json_pieces
from linktide.serve.answers import JSON_TYPE, PiecesAnswer, hung_up, made_in_threads
from linktide.serve.home_view import home, home_calls, last_days
from linktide.serve.live_feed import EVENTS_TYPE, LiveFeed, health_texts
from linktide.setting import parse_domain
from linktide.web.assets import assets
from linktide.web.csv_text import csv_pieces
from linktide.web.domain_table import SHOWN_ROWS
from linktide.web.render import Pages, domain_path
from linktide.web.report.report import gather, read_as_of
from linktide.web.report.text import report_text
from linktide.web.tables import TABLES, table_named

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    import pyarrow as pa
    from starlette.types import Receive, Scope, Send

    from linktide.serve.api import PageApi
    from linktide.web.domain_table import DomainTable

    Call = Callable[[Callable[[], Any]], Awaitable[Any]]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What a page of ours may load: its own files, nothing else, nothing inline."""
DAYS: Final = 90
MOST_DAYS: Final = 3_660
MOST_ROWS: Final = 10_000_000
"""In the file of a table, as far as the limits of queries allow."""
LEAST_PATIENCE_SECONDS: Final = 0.1
_AT_ONCE: Final = 2
"""Statements of one page that run at once: readers are left for others."""
_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_FORMATS: Final = ("csv", "json")
_REPORT_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "json": JSON_TYPE,
}
MOST_RIVALS: Final = 10
"""Beside a domain in its report."""


class PageRoutes:
    """Answers for the page. `call` makes a blocking call in a thread.

    A page is sent `patience_seconds` after it was asked for: what was not read by then comes a moment later.
    Of a file or the feed a client may take no bytes for `stall_seconds`.
    """

    def __init__(self, page: PageApi, call: Call, patience_seconds: float, stall_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._stall_seconds = stall_seconds
        self._page = page
        self._call = call
        self._assets = assets()
        self._pages = Pages(self._assets)
        self._feed = LiveFeed(page, call)
        self._report_turn = anyio.Semaphore(1)

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            Route("/", self._told(self.home), methods=["GET"]),
            Route("/domains", self._told(self.search), methods=["GET"]),
            Route("/domains/{name}", self._told(self.domain), methods=["GET"]),
            Route("/domains/{name}/report.{form}", self._told(self.report), methods=["GET"]),
            Route("/domains/{name}/{file}", self._told(self.table), methods=["GET"]),
            Route("/static/{file}", self.asset, methods=["GET"]),
            Route("/live", _Live(self._feed, self._stall_seconds), methods=["GET"]),
        ]

    # --- HTML ----------------------------------------------------------------------------------------------

    async def home(self, request: Request) -> Response:
        """Show the whole: GET /."""
        _only(request)
        found = await self._read(home_calls(self._page), needed=("counted",))
        return await self._html("home.html", home(self._page, found))

    async def search(self, request: Request) -> Response:
        """Lead to the page of the domain that was typed."""
        _only(request, "name")
        return RedirectResponse(domain_path(_domain(request.query_params.get("name", ""))), 303)

    async def domain(self, request: Request) -> Response:
        """Show one domain."""
        _only(request, "days")
        days = _number(request, "days", DAYS, 7, MOST_DAYS)
        name = await self._known(request)
        page = self._page
        calls: dict[str, Callable[[], Any]] = {
            table.name: partial(self._table_facts, table, name, days) for table in TABLES
        }
        found = await self._read(
            {
                "counted": lambda: page.domains([name])[0],
                "last_day": lambda: last_days(page, [name])[name],
            }
            | calls,
            needed=("counted", "last_day"),
        )
        facts = {
            "health": page.health(),
            "name": name,
            "role": dict(page.tracked).get(name),
            "domain": found["counted"] | found["last_day"],
            "tables": [found.get(table.name, {"table": table, "is_pending": True}) for table in TABLES],
            "days": days,
            "shown_rows": SHOWN_ROWS,
        }
        return await self._html("domain.html", facts)

    async def _read(self, calls: Mapping[str, Callable[[], Any]], needed: Sequence[str]) -> dict[str, Any]:
        """Make calls, two at a time, the needed first; the others are waited for as long as is patience.

        What is left goes on in its thread and its answer is kept: the page asks for it a moment later.
        Raises the first LinktideError of a call.
        """
        found: dict[str, Any] = {}
        failures: list[LinktideError] = []
        turns = anyio.CapacityLimiter(_AT_ONCE)
        patient_until = anyio.current_time() + self._patience_seconds

        async def make(name: str) -> None:
            async with turns:
                try:
                    found[name] = await self._call(calls[name])
                except LinktideError as error:
                    failures.append(error)

        async with anyio.create_task_group() as group:
            for name in needed:
                group.start_soon(make, name)
        if not failures:
            with anyio.move_on_after(max(LEAST_PATIENCE_SECONDS, patient_until - anyio.current_time())):
                async with anyio.create_task_group() as group:
                    for name in [name for name in calls if name not in needed]:
                        group.start_soon(make, name)
        if failures:
            raise failures[0]
        return found

    def _table_facts(self, table: DomainTable, name: str, days: int) -> Mapping[str, object]:
        most = days if table.is_by_day else SHOWN_ROWS if table.plot is None else 500
        # One row more tells whether there are more.
        asked = most if table.is_by_day else most + 1
        rows = self._page.read(table.sql, [name, asked]).to_pylist()
        return {
            "table": table,
            "rows": rows[:SHOWN_ROWS],
            "has_more": len(rows) > SHOWN_ROWS,
            "plot": table.plot(rows[:most]) if table.plot is not None and rows else None,
            "most_share": max((row[key] for row in rows for key in table.shares), default=0),
        }

    # --- files ---------------------------------------------------------------------------------------------

    async def table(self, request: Request) -> Response:
        """Send one table of a domain as CSV or JSON."""
        stem, _, form = request.path_params["file"].rpartition(".")
        table = table_named(stem)
        if table is None or form not in _FORMATS:
            raise HTTPException(404)
        _only(request, "rows")
        most = _number(request, "rows", MOST_ROWS, 1, MOST_ROWS)
        name = await self._known(request)
        read: pa.Table = await self._call(lambda: self._page.read_all(table.sql, [name, most]))
        texts = csv_pieces(read) if form == "csv" else json_pieces(read)
        pieces = made_in_threads((text.encode("utf-8") for text in texts), self._call)
        media_type = "text/csv; charset=utf-8" if form == "csv" else JSON_TYPE
        return _Download(pieces, media_type, f"{name}-{table.name}.{form}", self._stall_seconds)

    async def report(self, request: Request) -> Response:
        """Send the report on a domain as one file; one is made at a time."""
        form = request.path_params["form"]
        if form not in _REPORT_TYPES:
            raise HTTPException(404)
        _only(request, "as_of", "against")
        told = request.query_params.getlist("as_of")
        try:
            at = read_as_of(told[0]) if told else None
        except ValueError as error:
            raise HTTPException(400, f"as_of is {told[0][:40]!r}; {error}.") from None
        name = await self._known(request)
        rivals = dict.fromkeys(map(_domain, request.query_params.getlist("against")))
        if len(rivals) > MOST_RIVALS:
            raise HTTPException(400, f"against names {len(rivals)} domains; wanted at most {MOST_RIVALS}.")

        def make() -> bytes:
            report = gather(self._page.ask, name, [one for one in rivals if one != name], at)
            return report_text(report, form, self._page.now()).encode("utf-8")

        async with self._report_turn:
            made: bytes = await self._call(make)
        headers = {"Content-Disposition": f'attachment; filename="{quote(name)}-report.{form}"'}
        return Response(made, media_type=_REPORT_TYPES[form], headers=headers)

    async def asset(self, request: Request) -> Response:
        """Send what pages load; an address with a version may be kept for ever."""
        found = self._assets.get(request.path_params["file"])
        if found is None:
            raise HTTPException(404)
        is_this = request.query_params.get("v") == found.version
        kept = "public, max-age=31536000, immutable" if is_this else "no-cache"
        return Response(found.content, media_type=found.media_type, headers={"Cache-Control": kept})

    # --- inside --------------------------------------------------------------------------------------------

    async def _known(self, request: Request) -> str:
        """Return the domain of the path in the form of the index; 404 if nothing is known of it."""
        asked = request.path_params["name"]
        try:
            name = parse_domain(asked)
        except ValueError:
            raise HTTPException(404, f"{asked[:80]!r} is no domain.") from None
        if (await self._call(lambda: self._page.domains([name])))[0] is None:
            raise HTTPException(
                404,
                f"No link has named {name} yet. Pages are of registrable domains: example.org, not "
                "www.example.org.",
            )
        return name

    def _told(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Let errors of a route be pages, for people."""

        async def told(request: Request) -> Response:
            try:
                return await answer(request)
            except HTTPException as error:
                status = error.status_code
                is_unknown = status == HTTPStatus.NOT_FOUND and error.detail == HTTPStatus.NOT_FOUND.phrase
                sentence = "Nothing is at this address." if is_unknown else error.detail
            except AbandonedQueryError:
                raise
            except RetryError as error:
                status, sentence = 503, str(error)
            except LinktideError as error:
                # What a page asks is ours; what can be too much of it is the rows of a file.
                status, sentence = 400, str(error)
            facts = {"status": status, "phrase": HTTPStatus(status).phrase, "sentence": sentence}
            return await self._html("error.html", facts | {"health": self._page.health()}, status)

        return told

    async def _html(self, template: str, facts: Mapping[str, object], status: int = 200) -> Response:
        health: Mapping[str, object] = facts["health"]  # type: ignore[assignment]  # every page has it
        shown = dict(facts) | {"figures": health_texts(health)}
        text: str = await self._call(lambda: self._pages.render(template, shown))
        headers = {"Content-Security-Policy": POLICY}
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = "2"
        return Response(text, status, media_type="text/html; charset=utf-8", headers=headers)


class _Download(Response):
    """A file sent piece by piece."""

    def __init__(
        self, pieces: AsyncIterator[bytes], media_type: str, name: str, stall_seconds: float
    ) -> None:
        self._answer = PiecesAnswer(
            pieces,
            media_type,
            stall_seconds,
            {"Content-Disposition": f'attachment; filename="{quote(name)}"'},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


class _Live:
    """GET /live. An ASGI application: it lasts until the client or the service leaves."""

    def __init__(self, feed: LiveFeed, stall_seconds: float) -> None:
        self._feed = feed
        self._stall_seconds = stall_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        after = _number(request, "after", 0, 0, 2**63 - 1)
        # A browser that comes back says what it heard last.
        told = request.headers.get("last-event-id", "")
        if told:
            if not _NUMBER.fullmatch(told):
                raise HTTPException(400, f"Last-Event-ID is {told[:40]!r}; wanted the id of an event.")
            after = int(told)
        with self._feed.listener():
            async with anyio.create_task_group() as group:

                async def until_hung_up() -> None:
                    await hung_up(receive)
                    group.cancel_scope.cancel()

                group.start_soon(until_hung_up)
                answer = PiecesAnswer(self._feed.events(after), EVENTS_TYPE, self._stall_seconds)
                await answer(scope, receive, send)
                group.cancel_scope.cancel()


def _only(request: Request, *known: str) -> None:
    """Refuse a parameter that nothing reads: it is a slip. Raises HTTPException 400."""
    for name in request.query_params:
        if name not in known:
            wanted = " and ".join(known) or "none"
            raise HTTPException(400, f"The parameter {name[:40]!r} is not known here; wanted {wanted}.")


def _domain(typed: str) -> str:
    """Return the domain that was typed; people paste addresses. Raises HTTPException 400."""
    host = re.sub(r"^https?://", "", typed.strip(), flags=re.IGNORECASE).split("/")[0].split(":")[0]
    try:
        return parse_domain(host)
    except ValueError:
        raise HTTPException(400, f"{typed[:80]!r} is no domain; wanted a name such as example.org.") from None


def _number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of the query; raises HTTPException 400."""
    told = request.query_params.getlist(name)
    if not told:
        return default
    if len(told) != 1 or not _NUMBER.fullmatch(told[0]) or not low <= int(told[0]) <= high:
        raise HTTPException(400, f"{name} is {told[-1][:40]!r}; wanted a whole number from {low} to {high}.")
    return int(told[0])
