"""A running service, found by the file it leaves beside its database, and spoken to over HTTP."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Self

import httpx
import pyarrow as pa

from linktide.errors import ExitCode, LinktideError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from linktide.config import Config
    from linktide.sources.source import Chunk

_CONNECT_SECONDS = 2.0
_ANSWER_MARGIN_SECONDS = 30.0
_BUSY_PAUSE_SECONDS = 0.5


class RemoteError(LinktideError):
    """What the running service answered; it carries the service's exit code."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        known = {code.value for code in ExitCode}
        self.exit_code = ExitCode(exit_code) if exit_code in known else ExitCode.FAILURE


class NotRunningError(LinktideError):
    """No service runs on the database."""


class RunningService:
    """A running service, found by the file it leaves beside its database."""

    def __init__(self, client: httpx.Client, pid: int) -> None:
        self._client = client
        self.pid = pid

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._client.close()

    def status(self) -> dict[str, object]:
        """Return what the service says of itself."""
        return self._get("/api/v1/status")

    def top(self) -> dict[str, object]:
        """Return the data of `linktide top`."""
        return self._get("/api/v1/top")

    def query(self, sql: str, max_rows: int) -> pa.Table:
        """Run one statement through the service's gate."""
        answer = self._send("POST", "/api/v1/query", content=json.dumps({"sql": sql, "max_rows": max_rows}))
        try:
            return pa.ipc.open_stream(answer.content).read_all()
        except pa.ArrowInvalid as error:
            raise RemoteError(f"The service's answer broke off: {error}", ExitCode.FAILURE) from error

    def push(self, chunk: Chunk) -> tuple[int, int, int]:
        """Push one NDJSON chunk; return (next offset, accepted, dead letters). Waits while busy."""
        headers = {
            "Content-Type": "application/x-ndjson",
            "Linktide-Topic": chunk.partition.topic,
            "Linktide-Topic-Id": chunk.partition.topic_id,
            "Linktide-First-Offset": str(chunk.first_offset),
        }
        # A header is ASCII; a file's name need not be.
        encoded = {name: value.encode("utf-8") for name, value in headers.items()}
        told = _object(self._send("POST", "/api/v1/events", content=chunk.data, headers=encoded))
        return _count(told, "next_offset"), _count(told, "accepted"), _count(told, "dead_letters")

    def _get(self, path: str) -> dict[str, object]:
        return _object(self._send("GET", path))

    def _send(
        self,
        method: str,
        path: str,
        *,
        content: str | bytes = b"",
        headers: Mapping[str, bytes] | None = None,
    ) -> httpx.Response:
        sent: dict[bytes, bytes] = {name.encode(): value for name, value in (headers or {}).items()}
        if isinstance(content, str):
            sent[b"Content-Type"] = b"application/json"
        try:
            answer = self._client.request(method, path, content=content, headers=sent)
            while answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                time.sleep(_BUSY_PAUSE_SECONDS)
                answer = self._client.request(method, path, content=content, headers=sent)
        except httpx.HTTPError as error:
            sentence = f"The service at {self._client.base_url} (pid {self.pid}) does not answer: {error}."
            raise RemoteError(sentence, ExitCode.FAILURE) from error
        if answer.is_success:
            return answer
        raise _refusal(answer)


def service_file(database: Path) -> Path:
    """Return where a running service says how it is reached."""
    return database.with_name(database.name + ".service.json")


def find_service(config: Config) -> RunningService | None:
    """Return the service that runs on the configured database, or None.

    A file left behind by a killed service, or a port taken over by another one, is no service: the process
    that answers must be the one the file names.
    """
    try:
        told = json.loads(service_file(config.database).read_text("utf-8"))
        pid, port = int(told["pid"]), int(told["http_port"])
        host = str(told.get("http_host", "127.0.0.1"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    address = f"[{host}]" if ":" in host else host
    timeout = httpx.Timeout(
        config.statement_timeout_seconds + _ANSWER_MARGIN_SECONDS, connect=_CONNECT_SECONDS
    )
    # No proxy of the environment stands between a command and its own machine.
    client = httpx.Client(base_url=f"http://{address}:{port}", timeout=timeout, trust_env=False)
    service = RunningService(client, pid)
    try:
        if service.status().get("pid") == pid:
            return service
    except RemoteError:
        pass
    client.close()
    return None


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


def _refusal(answer: httpx.Response) -> RemoteError:
    try:
        told = answer.json()
        return RemoteError(str(told["error"]), int(told["exit_code"]))
    except (ValueError, KeyError, TypeError):
        sentence = f"The service answered {answer.status_code} to {answer.url.path}."
        return RemoteError(sentence, ExitCode.FAILURE)
