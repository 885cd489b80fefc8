"""A TCP proxy before a broker that holds back, slows, slices and resets what passes through it."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

_READ_BYTES = 64 << 10
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class FaultyProxy:
    """Listens on a loopback port of its own; one thread a direction of a connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._server_port = 0
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._towards_server = threading.Event()
        self._towards_client = threading.Event()
        self._is_over = threading.Event()
        self.slice_bytes = _READ_BYTES
        self.slice_pause_seconds = 0.0
        """How long to wait after each slice."""
        self.heal()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.heal()
        self._listener.close()
        self.reset()

    def serve(self, server_port: int) -> None:
        """Begin to pass connections on to a port."""
        self._server_port = server_port
        threading.Thread(target=self._accept, daemon=True).start()

    def heal(self) -> None:
        """Let everything pass at full speed, what was held back first."""
        self.slice_bytes, self.slice_pause_seconds = _READ_BYTES, 0.0
        self._towards_server.set()
        self._towards_client.set()

    def cut(self, *, is_one_way: bool = False) -> None:
        """Let nothing pass, with no word to either side; one way: answers do not come back."""
        self._towards_client.clear()
        if not is_one_way:
            self._towards_server.clear()

    def reset(self) -> int:
        """End every connection as a router does that has forgotten it; return how many."""
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                # Wakes the thread that reads; closing alone does not.
                connection.shutdown(socket.SHUT_RD)
                connection.close()
        return len(connections)

    def _accept(self) -> None:
        while not self._is_over.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._connections |= {client, server}
            for one, other, may_pass in (
                (client, server, self._towards_server),
                (server, client, self._towards_client),
            ):
                threading.Thread(target=self._pump, args=(one, other, may_pass), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket, may_pass: threading.Event) -> None:
        with suppress(OSError):
            while data := one.recv(_READ_BYTES):
                for at in range(0, len(data), self.slice_bytes):
                    may_pass.wait()
                    other.sendall(data[at : at + self.slice_bytes])
                    if self.slice_pause_seconds:
                        self._is_over.wait(self.slice_pause_seconds)
        for connection in (one, other):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
            with self._lock:
                self._connections.discard(connection)
