"""A running service, found by the file it leaves beside its database, and spoken to over HTTP."""

from __future__ import annotations

import io
import json
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import httpx
import pyarrow as pa

from linktide.errors import ConfigError, ExitCode, LinktideError
from linktide.serve.access_token import read_token
from linktide.serve.arrow_stream import ARROW_TYPE, arrow_pieces
from linktide.serve.service_file import service_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Buffer

    from linktide.config import Config
    from linktide.sources.source import Chunk

_BODY_BYTES = 1 << 20
_CONNECT_SECONDS = 2.0
_HEALTH_SECONDS = 10.0
_ANSWER_MARGIN_SECONDS = 30.0
_BUSY = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE})
_BUSY_PAUSE_SECONDS = 0.5
_BUSY_TRIES = 240
# The service answers a push once it is stored, and gives that a minute.
_PUSH_SECONDS = 120.0
# A batch under way ends first.
_STEP_SECONDS = 120.0
# The whole index is built again meanwhile.
_REKEY_SECONDS = 3600.0
# A table that is added to is copied first.
_LOAD_SECONDS = 3600.0
# Whole graphs are read and solved.
_SOLVE_SECONDS = 3600.0


class RemoteError(LinktideError):
    """What the running service answered; it carries the service's exit code."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        known = {code.value for code in ExitCode}
        self.exit_code = ExitCode(exit_code) if exit_code in known else ExitCode.FAILURE


class BusyError(RemoteError):
    """The running service cannot answer at the moment; the next try may go well."""


class NotRunningError(LinktideError):
    """No service runs on the database."""


class RunningService:
    """A running service, found by the file it leaves beside its database, or at a URL (without `pid`)."""

    def __init__(
        self,
        client: httpx.Client,
        pid: int | None,
        wait: Callable[[float], object] = time.sleep,
        sql_port: int | None = None,
    ) -> None:
        self._client = client
        self._wait = wait
        self.pid = pid
        self.sql_port = sql_port
        """Where it answers SQL clients; None if it does not."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def told_pid(self) -> object:
        """Return the process that answers; busy readers do not keep it from telling."""
        return _object(_accepted(self._request("GET", "/-/healthy", timeout_seconds=_HEALTH_SECONDS))).get(
            "pid"
        )

    def status(self) -> dict[str, object]:
        """Return what the service says of itself."""
        return self._get("/api/v1/status")

    def top(self) -> dict[str, object]:
        """Return the data of `linktide top`."""
        return self._get("/api/v1/top")

    def query(self, sql: str, max_rows: int | None = None) -> pa.Table:
        """Run one statement through the service's gate; without `max_rows` its own limit holds."""
        with self.rows(sql, max_rows=max_rows) as rows:
            return pa.Table.from_batches(list(rows), rows.schema)

    def rows(self, sql: str, parameters: object = None, max_rows: int | None = None) -> RemoteRows:
        """Run one statement, and read its rows as they come.

        `parameters` are what JSON can say, see docs/http.md. Raises RemoteError, BusyError.
        """
        asked = {"sql": sql, "parameters": parameters, "max_rows": max_rows}
        body = json.dumps({name: value for name, value in asked.items() if value is not None}).encode()
        kind = {"Content-Type": "application/json"}
        request = self._client.build_request("POST", "/api/v1/query", content=body, headers=kind)
        try:
            answer = self._client.send(request, stream=True)
            if not answer.is_success:
                answer.read()
        except httpx.HTTPError as error:
            raise self._silent(error) from error
        return RemoteRows(_accepted(answer))

    def rekey(self, text: str, *, is_dry_run: bool) -> dict[str, object]:
        """Have the service bring this public suffix list into force, or tell what that would change."""
        path = f"/api/v1/rekey?dry_run={str(is_dry_run).lower()}"
        kind = {"Content-Type": b"text/plain; charset=utf-8"}
        return _object(_accepted(self._request("POST", path, text.encode(), kind, _REKEY_SECONDS)))

    def audit(self) -> dict[str, object]:
        """Have the service hold its scores against exact ones."""
        path = "/api/v1/authority/audit"
        return _object(_accepted(self._request("POST", path, timeout_seconds=_SOLVE_SECONDS)))

    def explain(self, domain_name: str, from_at: str, to_at: str | None, limit: int) -> dict[str, object]:
        """Ask the service why the authority of a domain changed."""
        asked = {"domain_name": domain_name, "from_at": from_at, "to_at": to_at, "limit": limit}
        return self._post("/api/v1/authority/explain", asked, _SOLVE_SECONDS)

    def what_if(self, domain_name: str, gained: Sequence[str], lost: Sequence[str]) -> dict[str, object]:
        """Ask the service what other links would do."""
        asked = {"domain_name": domain_name, "gained": list(gained), "lost": list(lost)}
        return self._post("/api/v1/authority/what-if", asked, _SOLVE_SECONDS)

    def backup(self, step: str, token: str = "") -> dict[str, object]:
        """Take a step of a backup that this process makes."""
        return self._post("/api/v1/backup", {"step": step, "token": token}, _STEP_SECONDS)

    def table_step(self, step: str, rows: pa.Table | None = None, **told: str) -> dict[str, object]:
        """Take a step of a load that this process makes, or unload a table."""
        asked = httpx.QueryParams({"step": step, **told})
        body = b"" if rows is None else b"".join(arrow_pieces(rows))
        kind = {"Content-Type": ARROW_TYPE.encode()}
        return _object(_accepted(self._request("POST", f"/api/v1/tables?{asked}", body, kind, _LOAD_SECONDS)))

    def replay(self, wanted: Mapping[str, object]) -> dict[str, object]:
        """Have the service make events of dead letters, or of what is absent of topics."""
        return self._post("/api/v1/replay", wanted, _REKEY_SECONDS)

    def review(self, told: Mapping[str, object]) -> dict[str, object]:
        """Have the service note what is said of domains and pages."""
        return self._post("/api/v1/review", told, _STEP_SECONDS)

    def _post(self, path: str, told: Mapping[str, object], timeout_seconds: float) -> dict[str, object]:
        kind = {"Content-Type": b"application/json"}
        answer = self._request("POST", path, json.dumps(told).encode(), kind, timeout_seconds)
        return _object(_accepted(answer))

    def push(self, chunk: Chunk) -> tuple[int, int, int]:
        """Push one NDJSON chunk and return (next offset, accepted, dead letters) once it is stored.

        A service that is full or reopening its store is asked again for a while; offsets make that harmless.
        """
        headers = {
            "Content-Type": b"application/x-ndjson",
            # As bytes: the name of a file need not be ASCII.
            "Linktide-Topic": chunk.partition.topic.encode(),
            "Linktide-Topic-Id": chunk.partition.topic_id.encode(),
            "Linktide-First-Offset": str(chunk.first_offset).encode(),
        }
        answer = self._request("POST", "/api/v1/events", chunk.data, headers, _PUSH_SECONDS)
        for _ in range(_BUSY_TRIES):
            if answer.status_code not in _BUSY:
                break
            self._wait(_BUSY_PAUSE_SECONDS)
            answer = self._request("POST", "/api/v1/events", chunk.data, headers, _PUSH_SECONDS)
        told = _object(_accepted(answer))
        return _count(told, "next_offset"), _count(told, "accepted"), _count(told, "dead_letters")

    def _get(self, path: str) -> dict[str, object]:
        return _object(_accepted(self._request("GET", path)))

    def _request(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: Mapping[str, bytes] | None = None,
        timeout_seconds: float | None = None,
    ) -> httpx.Response:
        sent = [(name.encode(), value) for name, value in (headers or {}).items()]
        timeout = self._client.timeout if timeout_seconds is None else timeout_seconds
        try:
            return self._client.request(method, path, content=content, headers=sent, timeout=timeout)
        except httpx.HTTPError as error:
            raise self._silent(error) from error

    def _silent(self, error: Exception) -> RemoteError:
        url = self._client.base_url
        # Never the user and password of a URL.
        named = url.copy_with(username=None, password=None) if url.userinfo else url
        process = "" if self.pid is None else f" (pid {self.pid})"
        return RemoteError(f"The service at {named}{process} does not answer: {error}.", ExitCode.FAILURE)


class RemoteRows:
    """The rows of an answer, read as they arrive; iterate once, then close."""

    def __init__(self, answer: httpx.Response) -> None:
        """Take an answer whose body was not read. Raises RemoteError if that is no Arrow stream."""
        self._answer = answer
        try:
            with _broken_off():
                self._reader = pa.ipc.open_stream(io.BufferedReader(_Body(answer), _BODY_BYTES))
        except BaseException:
            answer.close()
            raise
        self.schema: pa.Schema = self._reader.schema

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> pa.RecordBatch:
        """Return the next rows. Raises RemoteError if the answer breaks off."""
        with _broken_off():
            return self._reader.read_next_batch()

    def close(self) -> None:
        """Let the service hear that nobody reads on."""
        self._answer.close()


class _Body(io.RawIOBase):
    """The body of an answer as a file."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self._pieces = answer.iter_bytes()
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, target: Buffer) -> int:
        view = memoryview(target).cast("B")
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        size = min(len(view), len(self._left))
        view[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


@contextmanager
def _broken_off() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, pa.ArrowInvalid, OSError) as error:
        raise RemoteError(f"The service's answer broke off: {error}", ExitCode.FAILURE) from error


def service_at(
    url: str, timeout_seconds: float, token: str | None = None, *, verify: ssl.SSLContext | bool = True
) -> RunningService:
    """Return the service at a URL, such as http://127.0.0.1:8640, without asking it anything yet.

    `token` is sent as `Authorization: Bearer`; `verify` says whom to trust by TLS. Raises ConfigError.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    timeout = httpx.Timeout(timeout_seconds + _ANSWER_MARGIN_SECONDS, connect=_CONNECT_SECONDS)
    try:
        client = httpx.Client(base_url=url, timeout=timeout, headers=headers, verify=verify, trust_env=False)
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigError(f"This is no URL of a service ({error}); wanted http://host:port.") from error
    return RunningService(client, None)


def find_service(config: Config) -> RunningService | None:
    """Return the service that runs on the configured database, or None.

    A file left behind by a killed service, or a port taken over by another one, is no service: the process
    that answers must be the one the file names.
    """
    try:
        told = json.loads(service_file(config.database).read_text("utf-8"))
        pid, port = int(told["pid"]), int(told["http_port"])
        host = str(told.get("http_host", "127.0.0.1"))
        sql_port = None if told.get("sql_port") is None else int(told["sql_port"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # An address that stands for all of them is no one's to connect to.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    address = f"[{host}]" if ":" in host else host
    # No proxy of the environment stands between a command and its own machine.
    token = None if config.http_token_file is None else read_token(config.http_token_file)
    scheme = "http" if config.http_tls_certfile is None else "https"
    service = service_at(
        f"{scheme}://{address}:{port}",
        config.statement_timeout_seconds,
        token,
        verify=_trust(config.http_tls_certfile),
    )
    service.pid, service.sql_port = pid, sql_port
    try:
        if service.told_pid() == pid:
            return service
    except RemoteError:
        pass
    service.close()
    return None


def _trust(certfile: Path | None) -> ssl.SSLContext | bool:
    """Trust the configured certificate and no other, by whatever name its service is reached here."""
    if certfile is None:
        return True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(certfile)
    except OSError as error:
        raise ConfigError(f"http_tls_certfile = {certfile} cannot be read ({error}).") from error
    return context


def need_service(config: Config) -> RunningService:
    """Return the running service; raises NotRunningError naming the file and what to do."""
    service = find_service(config)
    if service is None:
        raise NotRunningError(
            f"No service runs on {config.database}; start it by `linktide run`, "
            "or name another file by --database."
        )
    return service


def _object(answer: httpx.Response) -> dict[str, object]:
    try:
        told = answer.json()
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise RemoteError(f"The service's answer to {answer.url.path} is no JSON object.", ExitCode.FAILURE)
    return told


def _count(told: Mapping[str, object], name: str) -> int:
    value = told.get(name)
    if not isinstance(value, int):
        raise RemoteError(f"The service's answer lacks the number {name}.", ExitCode.FAILURE)
    return value


def _accepted(answer: httpx.Response) -> httpx.Response:
    """Return the answer; raises RemoteError with the service's sentence and exit code if it is a refusal."""
    if answer.is_success:
        return answer
    kind = BusyError if answer.status_code in _BUSY else RemoteError
    try:
        told = answer.json()
        refusal = kind(str(told["error"]), int(told["exit_code"]))
    except (ValueError, KeyError, TypeError):
        refusal = kind(f"The service answered {answer.status_code} to {answer.url.path}.", ExitCode.FAILURE)
    raise refusal
