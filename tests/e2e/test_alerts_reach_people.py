"""A burst in the stream reaches a webhook: by Prometheus and Alertmanager, and by the service itself."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from linktide_process import COMMAND, LinktideProcess, wait_until
from told_days import MANY, OWN, QUIET, link, moved, take

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[2] / "deploy" / "prometheus"
TOOLS = ("prometheus", "prometheus-alertmanager")


class Receiver:
    """Takes calls and keeps them; answers 503 until told otherwise."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.refused = 0
        self.is_well = True
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.is_well:
                    receiver.calls.append(json.loads(body))
                else:
                    receiver.refused += 1
                self.send_response(200 if receiver.is_well else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    thread = threading.Thread(target=one.server.serve_forever)
    thread.start()
    yield one
    one.server.shutdown()
    thread.join()
    one.server.server_close()


@contextmanager
def running(folder: Path, *command: str) -> Iterator[None]:
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def service(folder: Path, *more: str) -> LinktideProcess:
    settings = ("--set", "http_port=0", "--set", f"tracked_domains={OWN}", *more)
    return LinktideProcess(folder, *COMMAND, "run", "--database", "links.duckdb", *settings)


def begin(folder: Path) -> datetime:
    """Make a database of twelve usual days that end now."""
    now = datetime.now(UTC) - timedelta(minutes=5)
    events = [one for one in moved([*QUIET, *MANY], now) if one["observed_at"] <= now.isoformat()]
    assert take(folder / "links.duckdb", events) == []
    return now


def burst(one: LinktideProcess, now: datetime) -> None:
    lost = [link("lost", 12 * 24 + number / 3600, 1000 + number) for number in range(40)]
    lines = "\n".join(json.dumps(event) for event in moved(lost, now))
    headers = {"Content-Type": "application/x-ndjson"}
    httpx.post(f"{one.address}/api/v1/events", content=lines, headers=headers).raise_for_status()


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="Prometheus and Alertmanager are not installed")
def test_a_burst_reaches_people_by_prometheus_and_alertmanager(tmp_path: Path, receiver: Receiver) -> None:
    now = begin(tmp_path)
    with ExitStack() as stack:
        one = stack.enter_context(service(tmp_path))
        one.wait_ready()
        manager, scraper = free_port(), free_port()
        rules = (DEPLOY / "linktide-rules.yaml").read_text("utf-8").replace("interval: 15s", "interval: 1s")
        scrapes = (DEPLOY / "prometheus.yaml").read_text("utf-8").replace(": 15s", ": 1s")
        scrapes = scrapes.replace("127.0.0.1:8640", str(one.address).removeprefix("http://")).replace(
            "9093", str(manager)
        )
        routes = (DEPLOY / "alertmanager.yaml").read_text("utf-8").replace("9095", str(receiver.port))
        (tmp_path / "linktide-rules.yaml").write_text(rules, "utf-8")
        (tmp_path / "prometheus.yaml").write_text(scrapes, "utf-8")
        (tmp_path / "alertmanager.yaml").write_text(
            routes.replace("group_wait: 5s", "group_wait: 0s"), "utf-8"
        )
        stack.enter_context(
            running(
                tmp_path,
                "prometheus-alertmanager",
                "--config.file=alertmanager.yaml",
                "--storage.path=manager",
                f"--web.listen-address=127.0.0.1:{manager}",
                "--cluster.listen-address=",
            )
        )
        stack.enter_context(
            running(
                tmp_path,
                "prometheus",
                "--config.file=prometheus.yaml",
                "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{scraper}",
            )
        )
        burst(one, now)
        wait_until(lambda: bool(receiver.calls), "the receiver hears", 60)
        told = receiver.calls[0]["alerts"][0]
        assert told["labels"]["alertname"] == "LinkLossSpike"
        assert told["labels"]["domain"] == OWN
        assert told["labels"]["severity"] == "critical"
        assert "1. " in told["annotations"]["description"]
        rows = one.query("SELECT alert, state FROM alerts")
        assert [(row["alert"], row["state"]) for row in rows] == [("LinkLossSpike", "firing")]


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_burst_reaches_a_webhook_once_whatever_dies(
    tmp_path: Path, receiver: Receiver, *, is_stopped: bool
) -> None:
    now = begin(tmp_path)
    receiver.is_well = False
    hook = ("--set", f"alerts.webhook_url=http://127.0.0.1:{receiver.port}/")
    with service(tmp_path, *hook) as one:
        one.wait_ready()
        burst(one, now)
        wait_until(lambda: receiver.refused > 0, "the receiver is called")
        one.kill()
    receiver.is_well = True
    with service(tmp_path, *hook) as one:
        one.wait_ready()
        wait_until(lambda: bool(receiver.calls), "the receiver is called again")
        (call,) = receiver.calls
        assert (call["alert"], call["domain"], call["state"]) == ("LinkLossSpike", OWN, "firing")
        assert call["evidence"][0]["lost_last_day"] >= 40
        assert one.metrics()["linktide_alert_active", ("LinkLossSpike", OWN, "critical")] == 1
        if is_stopped:
            one.terminate()
        else:
            # Killed before that, it would call again under the same id: nobody can know that it was heard.
            waiting = "linktide_alert_notices_waiting"
            wait_until(lambda: one.metrics()[waiting, ()] == 0, "the call is struck off")
    with service(tmp_path, *hook) as one:
        one.wait_ready()
        one.live_for(3)
        assert len(receiver.calls) == 1
