"""`linktide.connect`: SQL on an index from Python: a running service, a stopped file, a snapshot file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from linktide.config import Config
from linktide.errors import ConfigError
from linktide.remote import NotRunningError, find_service, service_at
from linktide.result import Result
from linktide.store.reader import QueryLimits, ReaderSettings
from linktide.store.stopped import open_stopped
from linktide.ways import Served, Stopped
from linktide.wired import Wired, with_password

if TYPE_CHECKING:
    from linktide.ways import Parameters, Way

_TIMEOUT_SECONDS = 30.0
_MOST = 1 << 62
_HTTP = frozenset({"http", "https"})
_POSTGRESQL = frozenset({"postgresql", "postgres"})


class Connection:
    """Runs statements on an index, each by itself: there are no transactions, nothing can be written.

    Several results may be open at once. For a thread of its own make another connection.
    """

    def __init__(self, way: Way) -> None:
        self._way = way

    def sql(self, query: str, params: Parameters = None, *, max_rows: int | None = None) -> Result:
        """Run one statement; what may be asked is in docs/sql.md.

        `params` are the values of $1, $2 …, or by name of $name. With `max_rows` a larger result is an error.
        Raises RefusedQueryError (refused by the gate, wrong, too slow, too large), RetryError (try again in a
        moment), and LinktideError.
        """
        return Result(self._way.run(query, params, max_rows))

    def close(self) -> None:
        """Close it; what was not read of its results is lost."""
        self._way.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def connect(
    where: str | Path, *, token: str | None = None, timeout_seconds: float = _TIMEOUT_SECONDS
) -> Connection:
    """Open an index for reading.

    `where` is the path of a database (its service is asked if one runs, else the file is read), or of a
    snapshot file; or the URL of a service: http://host:port, or postgresql://user@host:port/linktide (extra
    `postgresql`). `token` is sent as a bearer token over HTTP, and is the password of a PostgreSQL URL.
    Over HTTP a service that is silent for longer than `timeout_seconds` and a margin is given up; of a file
    nothing bounds a statement. Raises ConfigError for what is no index, and LinktideError.
    """
    text = str(where)
    scheme = urlsplit(text).scheme.lower() if "://" in text else ""
    if scheme in _HTTP:
        return Connection(Served(service_at(text, timeout_seconds, token)))
    if scheme in _POSTGRESQL:
        return Connection(Wired(with_password(text, token)))
    if scheme:
        raise ConfigError(
            f"{scheme}://… cannot be connected to; wanted a path, or a URL of http, https or postgresql."
        )
    if token is not None:
        raise ConfigError("A path takes no token; name the service by its URL.")
    limits = QueryLimits(float("inf"), _MOST, _MOST, growth_bytes=_MOST)
    return connect_configured(Config(database=Path(where)), limits)


def connect_configured(config: Config, limits: QueryLimits | None = None) -> Connection:
    """Open the configured database: through its service if one runs, else the file.

    `limits` bound statements on the file; without them, those of the configuration. Raises NotRunningError
    if there is neither, and what `open_stopped` does.
    """
    service = find_service(config)
    if service is not None:
        return Connection(Served(service))
    if not config.database.exists():
        raise NotRunningError(
            f"The database {config.database} does not exist; make it by `linktide import` or `linktide run`, "
            "or name another one by --database."
        )
    limits = limits or QueryLimits(
        config.statement_timeout_seconds, config.query_max_rows, config.query_max_bytes
    )
    settings = ReaderSettings(limits=limits)
    return Connection(Stopped(open_stopped(config.database, settings, f"{config.memory_limit}B"), limits))
