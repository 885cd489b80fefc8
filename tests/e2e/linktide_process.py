"""A linktide in a process of its own: started, asked over HTTP, stopped, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx
import pyarrow as pa
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

PATIENCE_SECONDS = 90.0
"""Only a machine that is busy with much else needs nearly as much."""
_POLL_SECONDS = 0.02
COMMAND = ("-c", "from linktide.cli import main; main()")
"""`linktide`, whether or not it is installed."""

Offsets = dict[tuple[str, int], int]
"""(topic, partition) → offset after the last."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended."""

    exit_code: int
    told: str
    """All of its standard error."""
    seconds: float
    """How long that took since it was asked for, or since the start."""


def wait_until(is_so: Callable[[], bool], what: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Return once `is_so`; fails the test when patience ends."""
    deadline = time.monotonic() + patience_seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {patience_seconds:g} s: {what}"
        time.sleep(_POLL_SECONDS)


def command(
    folder: Path, *arguments: str, program: Sequence[str] = COMMAND
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end on the database in `folder`."""
    return subprocess.run(
        [sys.executable, *program, *arguments, "--database", "links.duckdb"],
        cwd=folder,
        env=environ_without_settings() | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def environ_without_settings() -> dict[str, str]:
    """Return the environment without settings of linktide: those of who runs the tests are not for it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LINKTIDE_")}


class LinktideProcess:
    """One process in `folder`, on the database there; at the end of its `with` block it is killed."""

    def __init__(
        self, folder: Path, *arguments: str, under: Sequence[str] = (), logs: Path | None = None
    ) -> None:
        """Run Python with these arguments, under another program if one is given; logs lie in the folder."""
        self.database = folder / "links.duckdb"
        self._log = (logs or folder) / f"stderr-{time.monotonic_ns()}.log"
        self.started = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*under, sys.executable, *arguments],
                cwd=folder,
                # Many run at once; that SQL takes another port where its own is taken has tests of its own.
                env=environ_without_settings()
                | {"PYTHONPATH": os.pathsep.join(sys.path), "LINKTIDE_SQL_PORT": "0"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._client = httpx.Client(timeout=30.0, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._client.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def told(self) -> str:
        """What it wrote to standard error so far."""
        return self._log.read_text(errors="replace")

    def live_for(self, seconds: float) -> None:
        """Let it run; it must not end by itself."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        assert self.is_running, self.told

    def live_until_ended(self, seconds: float) -> None:
        """Let it run for so long, or until it ends by itself."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    # --- ends ----------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> Ended:
        """Ask it by SIGTERM to stop, and wait until it has."""
        asked = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        return self.ended(since=asked)

    def ended(self, since: float | None = None) -> Ended:
        """Wait for its end."""
        code = self._process.wait(PATIENCE_SECONDS)
        return Ended(code, self.told, time.monotonic() - (self.started if since is None else since))

    # --- asked ---------------------------------------------------------------------------------------------

    @property
    def address(self) -> str | None:
        """Where it answers; None as long as it does not say."""
        facts = self._facts
        return None if facts is None else f"http://{facts['http_host']}:{facts['http_port']}"

    @property
    def sql_port(self) -> int:
        """Where it answers SQL clients, once it is ready."""
        facts = self._facts
        assert facts is not None
        return int(facts["sql_port"])

    @property
    def _facts(self) -> dict[str, Any] | None:
        """What the file beside the database says, unless it is of a process before it."""
        try:
            told: dict[str, Any] = json.loads(
                self.database.with_name("links.duckdb.service.json").read_text()
            )
        except FileNotFoundError:
            return None
        return told if told["pid"] == self.pid else None

    def wait_ready(self) -> float:
        """Return the seconds from its start until `/-/ready` answered 200."""
        wait_until(self.is_ready, "the service is ready")
        return time.monotonic() - self.started

    def is_ready(self) -> bool:
        assert self.is_running, self.told
        return self.address is not None and self.readiness()[0] == httpx.codes.OK

    def readiness(self) -> tuple[int, dict[str, Any]]:
        answer = self._client.get(f"{self.address}/-/ready")
        return answer.status_code, answer.json()

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.get(f"{self.address}/api/v1/status").json()
        return answer

    def query(self, sql: str) -> Sequence[Mapping[str, Any]]:
        answer = self._client.post(
            f"{self.address}/api/v1/query", json={"sql": sql}, headers={"Accept": "application/json"}
        )
        rows: list[dict[str, Any]] = answer.raise_for_status().json()
        return rows

    def load_step(self, step: str, **told: str) -> str:
        """Take a step of a load of one row; return the token of a load that this begins."""
        out = pa.BufferOutputStream()
        rows = pa.table({"n": [1]})
        with pa.ipc.new_stream(out, rows.schema) as writer:
            writer.write_table(rows)
        answer = self._client.post(
            f"{self.address}/api/v1/tables",
            params={"step": step, **told},
            content=out.getvalue().to_pybytes(),
        )
        return str(answer.raise_for_status().json().get("token"))

    def metrics(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Return (sample name, label values in order of their names) → value."""
        text = self._client.get(f"{self.address}/metrics").text
        return {
            (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def stored_offsets(self) -> Offsets:
        """Return where it stands by its own status."""
        return {
            (row["topic"], row["source_partition"]): row["next_offset"]
            for row in self.status().get("sources", ())
        }

    def wait_stored(self, ends: Offsets) -> None:
        """Return once everything below these offsets is stored."""
        wait_until(
            lambda: self.is_running and ends.items() <= self.stored_offsets().items(), f"stored up to {ends}"
        )
