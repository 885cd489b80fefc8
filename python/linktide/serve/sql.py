"""The PostgreSQL endpoint: what its Rust part asks of Python, and its life beside the service."""

from __future__ import annotations

import errno
import logging
import socket
from typing import TYPE_CHECKING, Any, Protocol, Self

import duckdb

from linktide.errors import AbandonedQueryError, ConfigError, LinktideError, ReadersBusyError, RetryError
from linktide.serve.port_holder import port_holder
from linktide.serve.server import not_bound
from linktide.serve.sql_users import read_users
from linktide.setting import is_loopback
from linktide.store.gate import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from linktide.config import Config
    from linktide.metrics.values import Metrics

_LOG = logging.getLogger("linktide")

_CODES: tuple[tuple[type[Exception], str], ...] = (
    (duckdb.ParserException, "42601"),
    (duckdb.SyntaxException, "42601"),
    (duckdb.CatalogException, "42P01"),
    (duckdb.BinderException, "42703"),
    (duckdb.ConversionException, "22P02"),
    (duckdb.OutOfRangeException, "22003"),
    (duckdb.OutOfMemoryException, "53200"),
    (duckdb.InterruptException, "57014"),
    (duckdb.Error, "22000"),
)
"""SQLSTATE by what DuckDB raised; the first that fits."""


class SqlSource(Protocol):
    """The service as this endpoint sees it; every call may come from any thread."""

    def query(  # noqa: PLR0913 - all by name
        self,
        sql: str,
        *,
        max_rows: int | None,
        role: Role,
        is_abandoned: Callable[[], bool],
        parameters: Sequence[object] | None = None,
        timeout_seconds: float | None = None,
        catalogue_sql: str | None = None,
    ) -> pa.Table:
        """Run one statement through the gate. Raises LinktideError.

        `catalogue_sql` is the same as the catalogue is asked it, if it looks like a question to that.
        """

    def describe(
        self, sql: str, *, role: Role, parameters: Sequence[object] | None, catalogue_sql: str | None
    ) -> pa.Schema:
        """Return the columns of one statement that passes the gate. Raises LinktideError."""


class PgServer(Protocol):
    """The Rust part, running."""

    @property
    def port(self) -> int:
        """The port it listens on."""

    def replace_users(self, users: list[tuple[str, str, bytes, int, bytes, bytes]] | None) -> None:
        """Take other users; who is in stays in."""

    def replace_tls(self, chain: Path, key: Path) -> None:
        """Take another certificate for connections from now on. Raises ValueError, and nothing changes."""

    def stats(self) -> tuple[int, int, int, int, int]:
        """Return (open, accepted, failed logins, turned away, spilled bytes)."""

    def stop(self) -> None:
        """Close the listener and all connections; returns within two seconds."""


class SqlRefusal(Exception):  # noqa: N818 - it is what the client is told, not a fault
    """Why a statement has no rows, with the code of SQLSTATE that clients know it by."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class SqlDesk:
    """Runs the statements of the endpoint; its threads call it, several at once."""

    def __init__(self, source: SqlSource) -> None:
        self._source = source

    def run(  # noqa: PLR0913, PLR0917 - as the Rust part calls it
        self,
        sql: str,
        catalogue_sql: str | None,
        parameters: list[Any],
        role: str,
        timeout_seconds: float | None,
        is_abandoned: Callable[[], bool],
    ) -> pa.Table:
        """Return all rows of a statement. Raises SqlRefusal."""
        try:
            return self._source.query(
                sql,
                max_rows=None,
                role=Role(role),
                is_abandoned=is_abandoned,
                parameters=_bound(parameters),
                timeout_seconds=timeout_seconds,
                catalogue_sql=catalogue_sql,
            )
        except Exception as error:
            raise _refusal(error) from error

    def describe(self, sql: str, catalogue_sql: str | None, parameters: list[Any], role: str) -> pa.Schema:
        """Return the columns of a statement. Raises SqlRefusal."""
        try:
            return self._source.describe(
                sql, role=Role(role), parameters=_bound(parameters), catalogue_sql=catalogue_sql
            )
        except Exception as error:
            raise _refusal(error) from error


def _bound(parameters: list[Any]) -> list[object] | None:
    """Return the values as DuckDB takes them; a pair is a text and the type it must be read as."""

    def value(given: object) -> object:
        if isinstance(given, tuple):
            return duckdb.Value(*given)
        return [value(one) for one in given] if isinstance(given, list) else given

    return [value(given) for given in parameters] or None


def _refusal(error: Exception) -> SqlRefusal:
    if isinstance(error, AbandonedQueryError):
        return SqlRefusal("57014", "canceling statement due to user request")
    if isinstance(error, ReadersBusyError):
        return SqlRefusal("53300", str(error))
    if isinstance(error, RetryError):
        return SqlRefusal("57P03", str(error))
    if isinstance(error, LinktideError):
        cause = error.__cause__
        code = next((code for kind, code in _CODES if isinstance(cause, kind)), None)
        sentence = str(error)
        if "statement_timeout_seconds" in sentence:
            return SqlRefusal("57014", sentence)
        return SqlRefusal(code or ("54000" if "the result has more" in sentence else "42501"), sentence)
    _LOG.error("A statement of the SQL endpoint failed in a way that is our fault.", exc_info=error)
    return SqlRefusal("XX000", f"the statement failed inside the service ({type(error).__name__})")


class SqlServing:
    """The endpoint from the start of the service to its end; not there if sql.enabled is false."""

    def __init__(
        self,
        config: Config,
        source: SqlSource,
        metrics: Metrics,
        start: Callable[..., PgServer],
        *,
        is_on: bool,
    ) -> None:
        """Name the parts; `start` makes the Rust part. Nothing listens before the block is entered."""
        self._config = config
        self._desk = SqlDesk(source)
        self._metrics = metrics
        self._start = start
        self._is_on = is_on and config.sql_enabled
        self._server: PgServer | None = None

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port it listens on; None while it does not."""
        return None if self._server is None else (_numeric(self._config.sql_host), self._server.port)

    def __enter__(self) -> Self:
        """Listen. Raises ConfigError for an address, users or a certificate that cannot be used."""
        if self._is_on:
            self._server = self._listen()
            self._metrics.set("linktide_sql_port", float(self._server.port))
            self._metrics.on_scrape(self._tell)
            _LOG.info(
                "Serving SQL (PostgreSQL protocol) on %s port %d.", self._config.sql_host, self._server.port
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Close the listener and all connections."""
        if self._server is not None:
            self._server.stop()

    def reload(self, config: Config) -> None:
        """Read users and certificate again. Raises ConfigError, and those of before stay."""
        if self._server is None:
            return
        users = _told_users(config)
        if config.sql_tls_certfile is not None and config.sql_tls_keyfile is not None:
            try:
                self._server.replace_tls(config.sql_tls_certfile, config.sql_tls_keyfile)
            except ValueError as error:
                raise _wrong_tls(error) from error
        if config.sql_users_file is not None:
            self._server.replace_users(users)

    def _listen(self) -> PgServer:
        """Listen on the port of the settings; if that is the default and taken, on any free one."""
        config = self._config
        host = _numeric(config.sql_host)
        try:
            return self._listen_on(host, config.sql_port)
        except OSError as error:
            if config.is_set("sql_port") or error.errno != errno.EADDRINUSE:
                raise not_bound(host, config.sql_port, error, "sql.host", "sql.port") from error
        server = self._listen_on(host, 0)
        _LOG.warning(
            "Port %d for SQL clients is taken by %s; they are answered on port %d. Set sql.port to choose.",
            config.sql_port,
            port_holder(config.sql_port),
            server.port,
        )
        return server

    def _listen_on(self, host: str, port: int) -> PgServer:
        config = self._config
        users = _told_users(config)
        has_tls = config.sql_tls_certfile is not None and config.sql_tls_keyfile is not None
        is_near = is_loopback(host)
        try:
            return self._start(
                self._desk,
                host,
                port,
                connections=config.sql_connections,
                tls=(config.sql_tls_certfile, config.sql_tls_keyfile) if has_tls else None,
                needs_tls=has_tls and not is_near,
                spill_folder=config.database.parent,
                spill_bytes=config.sql_spill_max_bytes,
                users=users,
            )
        except ValueError as error:
            raise _wrong_tls(error) from error

    def _tell(self) -> None:
        """Set the gauges and counters that the Rust part keeps."""
        if self._server is not None:
            names = (
                "connections",
                "accepted_total",
                "failed_logins_total",
                "turned_away_total",
                "spilled_bytes",
            )
            for name, value in zip(names, self._server.stats(), strict=True):
                self._metrics.set(f"linktide_sql_{name}", float(value))


def _wrong_tls(error: ValueError) -> ConfigError:
    return ConfigError(f"{error}; set sql.tls_certfile and sql.tls_keyfile to PEM files that match.")


def _told_users(config: Config) -> list[tuple[str, str, bytes, int, bytes, bytes]] | None:
    if config.sql_users_file is None:
        return None
    return [
        (user.name, str(user.role), user.salt, user.iterations, user.stored_key, user.server_key)
        for user in read_users(config.sql_users_file)
    ]


def _numeric(host: str) -> str:
    """Return the address of a host name. Raises ConfigError if it has none."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][4][0])
    except OSError as error:
        raise ConfigError(
            f"sql.host {host} has no address ({error.strerror}); set an address of this machine."
        ) from error
