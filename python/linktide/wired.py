"""The way to an index by the PostgreSQL protocol, through ADBC, which gives Arrow; the extra `postgresql`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

import pyarrow as pa

from linktide.errors import ConfigError, ExitCode, RefusedQueryError
from linktide.remote import RemoteError
from linktide.result import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from linktide.result import RowStream
    from linktide.ways import Parameters

_EMPTY = "ReadRecord failed at row 0: Unexpected end of input"
"""The driver's word for an empty COPY whose begin and end come in two messages; PostgreSQL sends one."""


class Wired:
    """A service, by the PostgreSQL protocol."""

    def __init__(self, url: str) -> None:
        try:
            from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - need not be there
        except ImportError as error:
            raise MissingExtraError(
                "adbc-driver-postgresql is not installed; install it by `pip install 'linktide[postgresql]'`."
            ) from error
        self._errors: type[Exception] = dbapi.Error
        self._open: Callable[[], Any] = lambda: dbapi.connect(url, autocommit=True)
        self._free = [self._opened()]
        self._is_closed = False

    def run(self, sql: str, parameters: Parameters, max_rows: int | None) -> RowStream:
        """As `Way.run`; a connection carries one result at a time, so each that is open has its own."""
        if parameters is not None and hasattr(parameters, "keys"):
            raise RefusedQueryError("Parameters by name do not work by PostgreSQL; give a list for $1, $2 ….")
        connection = self._free.pop() if self._free else self._opened()
        cursor = connection.cursor()
        try:
            cursor.execute(sql, None if parameters is None else list(parameters))
            reader = cursor.fetch_record_batch()
        except self._errors as error:
            cursor.close()
            self._put_back(connection, is_sound=True)
            raise _refused(error) from error

        def done(*, is_read: bool) -> None:
            with suppress(self._errors):
                cursor.close()
            self._put_back(connection, is_sound=is_read)

        return _WiredRows(reader, self._errors, max_rows, done)

    def close(self) -> None:
        """As `Way.close`."""
        self._is_closed = True
        while self._free:
            self._shut(self._free.pop())

    def _opened(self) -> Any:  # noqa: ANN401 - the driver tells no types
        try:
            return self._open()
        except self._errors as error:
            raise RemoteError(f"The service does not answer: {_told(error)}", ExitCode.FAILURE) from error

    def _put_back(self, connection: Any, *, is_sound: bool) -> None:  # noqa: ANN401
        if is_sound and not self._is_closed:
            self._free.append(connection)
        else:
            self._shut(connection)

    def _shut(self, connection: Any) -> None:  # noqa: ANN401
        with suppress(self._errors):
            connection.close()


class _WiredRows:
    """The rows of a cursor of ADBC."""

    def __init__(
        self,
        reader: pa.RecordBatchReader,
        errors: type[Exception],
        max_rows: int | None,
        done: Callable[..., None],
    ) -> None:
        self.schema: pa.Schema = reader.schema
        self._reader = reader
        self._errors = errors
        self._max_rows = max_rows
        self._done: Callable[..., None] | None = done
        self._rows = 0

    def __next__(self) -> pa.RecordBatch:
        if self._done is None:
            raise StopIteration
        try:
            batch = self._reader.read_next_batch()
        except StopIteration:
            self._end(is_read=True)
            raise
        except (self._errors, pa.ArrowException, OSError) as error:
            self._end(is_read=True)
            if not self._rows and _EMPTY in str(error):
                raise StopIteration from error
            raise _refused(error) from error
        self._rows += batch.num_rows
        if self._max_rows is not None and self._rows > self._max_rows:
            raise RefusedQueryError(f"the result has more rows than max_rows = {self._max_rows}; add a LIMIT")
        return batch

    def close(self) -> None:
        self._end(is_read=False)

    def _end(self, *, is_read: bool) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(is_read=is_read)


def _refused(error: Exception) -> RefusedQueryError:
    return RefusedQueryError(_told(error))


def _told(error: Exception) -> str:
    """Return the first line of what a driver says."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def with_password(url: str, token: str | None) -> str:
    """Return a URL with `token` as the password of its user. Raises ConfigError."""
    if token is None:
        return url
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at or ":" in user:
        raise ConfigError("A token is the password of the URL's user; name a user there, and no password.")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(token, safe='')}@{host}"))
