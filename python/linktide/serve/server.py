"""The HTTP server: uvicorn in a thread of its own, on a socket bound before anything else starts."""

from __future__ import annotations

import errno
import os
import socket
import threading
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

import uvicorn

from linktide.errors import ConfigError, StopError
from linktide.serve.port_holder import port_holder
from linktide.serve.service_file import ServiceFacts, remove_service_file, write_service_file

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.types import ASGIApp

    from linktide.config import Config

_BACKLOG = 128
_START_SECONDS = 10.0
_DRAIN_SECONDS = 2
_STOP_SECONDS = 3.0
_KEEP_ALIVE_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Bound:
    """A listening socket and where it listens."""

    listener: socket.socket
    host: str
    port: int


def bind(host: str, port: int) -> Bound:
    """Listen on host and port; port 0 takes any free one.

    Raises ConfigError naming both, the settings, and who holds the port if it is taken.
    """
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        # A port that a stopped service left a minute ago is free; one that is listened on is not.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise not_bound(host, port, error, "http_host", "http_port") from error
    # The numeric address: a name such as localhost may lead a client to another one.
    bound_host, bound_port = listener.getsockname()[:2]
    return Bound(listener, str(bound_host), int(bound_port))


def not_bound(host: str, port: int, error: OSError, host_setting: str, port_setting: str) -> ConfigError:
    """Return what to tell of an address that cannot be listened on, with the settings that name it."""
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"{host} port {port} is taken by {port_holder(port)}; stop that, or set {port_setting} to "
            "another port, or to 0 for any free one."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return ConfigError(
            f"{host} port {port} may not be bound by this user; set {port_setting} above 1023."
        )
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return ConfigError(
        f"{host} port {port} cannot be bound ({reason}); set {host_setting} to an address of this machine."
    )


class HttpServer:
    """Answers HTTP from `start` to `stop`. One thread calls it, in this order: start, announce, stop.

    Binds http_host and http_port at once; raises ConfigError as `bind` does, and for a certificate or key
    that cannot be used.
    """

    def __init__(self, config: Config, app: ASGIApp) -> None:
        self._database = config.database
        told = _uvicorn_config(app, config)
        self._bound = bind(config.http_host, config.http_port)
        self._facts: ServiceFacts | None = None
        self._server = _Server(told)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="linktide-http", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._bound.port

    def start(self) -> None:
        """Begin to answer; returns once it does. Raises StopError if the server does not come up."""
        self._thread.start()
        is_over = not self._server.is_settled.wait(_START_SECONDS)
        if is_over or not self._server.started:
            self.stop()
            raise StopError(
                f"The HTTP server on {self._bound.host} port {self.port} did not start"
                f" ({self._failure or f'nothing happened for {_START_SECONDS:g} s'})."
            ) from self._failure

    def announce(self, started_at: datetime, version: str, sql: tuple[str, int] | None = None) -> None:
        """Write the file by which commands find the service; the second time does nothing. Raises OSError.

        `sql` is where SQL clients are answered.

        Called once the database is open: who fails to open it must not overwrite the file of who holds it.
        """
        if self._facts is None:
            started = started_at.astimezone(UTC).isoformat()
            facts = ServiceFacts(
                os.getpid(), self._bound.host, self.port, started, version, *(sql or (None, None))
            )
            write_service_file(self._database, facts)
            self._facts = facts

    def stop(self) -> None:
        """Take no new connections, let answers that run end for 2 s, cut the rest; returns within 3 s."""
        if self._facts is not None:
            remove_service_file(self._database, self._facts)
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)
        self._bound.listener.close()

    def _run(self) -> None:
        try:
            # Outside the main thread uvicorn installs no signal handlers.
            self._server.run(sockets=[self._bound.listener])
        except BaseException as error:  # noqa: BLE001 - told by start; SystemExit is how uvicorn gives up
            self._failure = error
        finally:
            self._server.is_settled.set()


def _uvicorn_config(app: ASGIApp, config: Config) -> uvicorn.Config:
    told = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        # What it would log is told by our own routes, or is the noise of clients.
        log_level="critical",
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        ssl_certfile=config.http_tls_certfile,
        ssl_keyfile=config.http_tls_keyfile,
    )
    try:
        told.load()
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise ConfigError(
            f"http_tls_certfile = {config.http_tls_certfile} and http_tls_keyfile = "
            f"{config.http_tls_keyfile} cannot be used ({error}); wanted a certificate and its key, PEM."
        ) from error
    return told


class _Server(uvicorn.Server):
    """Says when it has started; uvicorn can only be polled."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_settled.set()
