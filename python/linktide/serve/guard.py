"""What stands before every route: who may ask, what every answer carries, and the count of answers."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect

from linktide.serve.answers import FAILED, ClientStalledError, busy_answer, error_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from linktide.serve.access_token import AccessToken

OTHER_ROUTE = "other"
_HEALTH = frozenset({"/-/healthy", "/-/ready"})
"""Answered without the token: those who watch the service need no secret."""
_SAFE_METHODS = frozenset({"GET", "HEAD"})
# Texts in answers were written by strangers: no browser may take one for markup, run or keep anything. A page
# of our own says itself what it loads, and its files that they may be kept.
_UNLESS_TOLD = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
_HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_log = logging.getLogger("linktide.serve")


class Guard:
    """Refuses foreign hosts and origins, sets the headers of every answer, turns a failure into a 500.

    A name that resolves to this machine is not enough: a page of a stranger can make its own name do that
    (DNS rebinding). `hosts` are names to accept besides those of the loopback. `routes` has the pattern of
    each route by what answers there. With a `token` any host is accepted, and every request but those for
    health must carry it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Iterable[str],
        routes: Mapping[object, str],
        count: Callable[[str, int], None],
        token: AccessToken | None = None,
    ) -> None:
        self._app = app
        self._hosts = frozenset({"localhost", *(host.strip("[]").lower() for host in hosts)})
        self._routes = routes
        self._paths = frozenset(routes.values())
        self._count = count
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_started = False

        async def guarded_send(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                for name, value in _UNLESS_TOLD.items():
                    headers.setdefault(name, value)
                self._count(self._route(scope), message["status"])
            await send(message)

        try:
            refused = self._refusal(scope)
            await (refused or self._app)(scope, receive, guarded_send)
        except asyncio.CancelledError:
            if not is_started:
                answer = busy_answer(503, "The service is stopping: ask again when it runs.")
                await answer(scope, receive, guarded_send)
            raise
        except (ClientDisconnect, ClientStalledError):
            _log.debug("A client left before its answer ended.", extra={"path": scope["path"]})
        except Exception:  # noqa: BLE001 - the last one: logs, and shows nothing of it outside
            # Once the head is sent, all that is left is to hang up, which the server does on return.
            _log.exception("A request failed; this is an error in linktide.", extra={"path": scope["path"]})
            if not is_started:
                await error_answer(500, FAILED)(scope, receive, guarded_send)

    def _route(self, scope: Scope) -> str:
        """Return the pattern of the route asked for, also if the request was refused before it got there."""
        if scope["path"] in self._paths:
            return str(scope["path"])
        return self._routes.get(scope.get("endpoint"), OTHER_ROUTE)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        asked = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
        host = _host_of(asked)
        if host is None:
            return error_answer(400, "The request names no host, or more than one; send one Host header.")
        if self._token is not None:
            if scope["path"] not in _HEALTH and not self._carries_token(scope):
                sentence = "This needs the token: Authorization: Bearer TOKEN, or the token as a password."
                return error_answer(401, sentence, headers={"WWW-Authenticate": self._token.challenge})
        # Who is reached by any name must know the token; a page of another name does not.
        elif not self._is_ours(host):
            return error_answer(
                421, "The Host header names a host that is not this service; ask by a loopback address."
            )
        if scope["method"] not in _SAFE_METHODS and _is_foreign(scope, asked):
            return error_answer(403, "The request comes from a page of another site; that may not send here.")
        return None

    def _carries_token(self, scope: Scope) -> bool:
        told = [value for name, value in scope["headers"] if name == b"authorization"]
        return self._token is not None and len(told) == 1 and self._token.admits(told[0])

    def _is_ours(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host in self._hosts
        return address.is_loopback or host in self._hosts


def _host_of(asked: str) -> str | None:
    """Return the host of a Host header in lower case, without port and brackets; None if it is malformed."""
    try:
        parts = urlsplit(f"//{asked}")
        parts.port  # noqa: B018 - raises if it is none
    except ValueError:
        return None
    if parts.netloc != asked or "@" in asked or not parts.hostname:
        return None
    return parts.hostname.removesuffix(".")


def _is_foreign(scope: Scope, asked: str) -> bool:
    """Tell whether a browser sent this for a page of another origin; other programs send neither header."""
    sent = [(name, value.decode("latin-1")) for name, value in scope["headers"]]
    origins = [value for name, value in sent if name == b"origin"]
    sites = [value for name, value in sent if name == b"sec-fetch-site"]
    own = f"{scope['scheme']}://{asked}".lower()
    return any(origin.lower() != own for origin in origins) or any(
        site not in ("same-origin", "none") for site in sites
    )
