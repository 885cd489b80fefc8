"""A service for the tests of commands: the agreed HTTP interface over made-up answers."""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Answer = tuple[int, str, bytes]


@dataclass
class FakeService:
    """What the service will say, and what it heard."""

    pid: int = field(default_factory=os.getpid)
    status: dict[str, object] = field(default_factory=lambda: {"version": "0.1.0", "sources": []})
    top: dict[str, object] = field(default_factory=dict)
    table: pa.Table = field(default_factory=lambda: pa.table({"n": [1]}))
    refusal: tuple[int, dict[str, object]] | None = None
    stored_offset: int = 0
    busy_answers: int = 0
    queries: list[dict[str, object]] = field(default_factory=list)
    pushes: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def answer(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Answer one request."""
        if path == "/-/healthy":
            return _json(200, {"healthy": True, "pid": self.pid})
        if self.busy_answers and path == "/api/v1/events":
            self.busy_answers -= 1
            return _json(503, {"error": "the queue is full", "exit_code": 1})
        if self.refusal is not None:
            return _json(*self.refusal)
        reports = {"/api/v1/status": self.status | {"pid": self.pid}, "/api/v1/top": self.top}
        if path in reports:
            return _json(200, reports[path])
        if path == "/api/v1/query":
            self.queries.append(json.loads(body))
            return 200, "application/vnd.apache.arrow.stream", _stream(self.table)
        self.pushes.append((headers, body))
        first = int(headers["linktide-first-offset"])
        self.stored_offset = max(self.stored_offset, first + body.count(b"\n"))
        return _json(
            200, {"next_offset": self.stored_offset, "accepted": body.count(b"\n"), "dead_letters": 0}
        )


@contextmanager
def serving(service: FakeService, database: Path) -> Iterator[None]:
    """Serve on a free port and write the file by which commands find it."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            code, kind, content = service.answer(self.path, body, headers)
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 - the names of the base class

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    found = database.with_name(database.name + ".service.json")
    found.write_text(json.dumps({"pid": os.getpid(), "http_port": server.server_port}), "utf-8")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _json(code: int, told: dict[str, object]) -> Answer:
    return code, "application/json", json.dumps(told).encode()


def _stream(table: pa.Table) -> bytes:
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    stream: bytes = out.getvalue().to_pybytes()
    return stream
