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
    from linktide.result import RowStream
    from linktide.ways import Parameters


class Wired:
    """A service, by the PostgreSQL protocol."""

    def __init__(self, url: str) -> None:
        try:
            from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - need not be there
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "adbc-driver-postgresql is not installed; install it by `pip install 'linktide[postgresql]'`."
            ) from error
        self._errors: type[Exception] = dbapi.Error
        try:
            self._connection = dbapi.connect(url, autocommit=True)
        except dbapi.Error as error:
            raise RemoteError(f"The service does not answer: {_told(error)}", ExitCode.FAILURE) from error

    def run(self, sql: str, parameters: Parameters, max_rows: int | None) -> RowStream:
        """As `Way.run`."""
        if parameters is not None and hasattr(parameters, "keys"):
            raise RefusedQueryError("Parameters by name do not work by PostgreSQL; give a list for $1, $2 ….")
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, None if parameters is None else list(parameters))
            return _WiredRows(cursor, cursor.fetch_record_batch(), self._errors, max_rows)
        except self._errors as error:
            cursor.close()
            raise _refused(error) from error

    def close(self) -> None:
        """As `Way.close`."""
        with suppress(self._errors):
            self._connection.close()


class _WiredRows:
    """The rows of a cursor of ADBC."""

    def __init__(
        self,
        cursor: Any,  # noqa: ANN401 - the driver tells no types
        reader: pa.RecordBatchReader,
        errors: type[Exception],
        max_rows: int | None,
    ) -> None:
        self.schema: pa.Schema = reader.schema
        self._cursor = cursor
        self._reader = reader
        self._errors = errors
        self._max_rows = max_rows
        self._rows = 0

    def __next__(self) -> pa.RecordBatch:
        try:
            batch = self._reader.read_next_batch()
        except (self._errors, pa.ArrowException, OSError) as error:
            raise _refused(error) from error
        self._rows += batch.num_rows
        if self._max_rows is not None and self._rows > self._max_rows:
            raise RefusedQueryError(f"the result has more rows than max_rows = {self._max_rows}; add a LIMIT")
        return batch

    def close(self) -> None:
        with suppress(self._errors):
            self._cursor.close()


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
