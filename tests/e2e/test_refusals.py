"""A service that must not start says why in one sentence and by its exit code; one that runs stays up."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import httpx
import pytest
from bad_values import event_bytes
from kafka_topics import producing
from linktide_process import COMMAND, Ended, LinktideProcess, wait_until
from new_file import begin_file

from linktide.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafka_broker import KafkaCluster

pytestmark = pytest.mark.broker
RUN = (*COMMAND, "run", "--database", "links.duckdb")
FREE_PORT = ("--http-port", "0")


def refused(folder: Path, code: ExitCode, *arguments: str) -> str:
    """Run a service that must refuse to start; return its one sentence."""
    ended = ended_of(folder, *arguments)
    assert ended.exit_code == code, ended.told
    errors = [line for line in ended.told.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "Traceback" not in ended.told
    return errors[0].removeprefix("Error: ")


def ended_of(folder: Path, *arguments: str) -> Ended:
    with LinktideProcess(folder, *RUN, *arguments) as service:
        return service.ended()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LinktideProcess]:
    """A service without Kafka that is ready."""
    begin_file(tmp_path / "links.duckdb")
    with LinktideProcess(tmp_path, *RUN, *FREE_PORT) as service:
        service.wait_ready()
        yield service


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port on which nobody answers: bound, but not listened on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_second_service_on_the_same_file(service: LinktideProcess, tmp_path: Path) -> None:
    beside = service.database.with_name("links.duckdb.service.json")
    told_before = beside.read_text()
    sentence = refused(tmp_path, ExitCode.DATABASE_LOCKED, *FREE_PORT)
    assert str(service.database) in sentence
    assert f"process {service.pid}" in sentence
    assert "`database`" in sentence
    assert service.is_ready()
    assert beside.read_text() == told_before
    ended = service.terminate()
    assert (ended.exit_code, beside.exists()) == (0, False)


def test_a_stop_does_not_wait_for_a_query(service: LinktideProcess) -> None:
    long = "SELECT count(*) FROM range(10000000) a, range(10000000) b"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(httpx.post, f"{service.address}/api/v1/query", json={"sql": long}, timeout=60)
        wait_until(lambda: is_busy(service), "the query runs")
        ended = service.terminate()
        assert running.exception() is not None or not running.result().is_success
    assert ended.exit_code == 0, ended.told
    assert "Traceback" not in ended.told
    assert ended.seconds < 10


def is_busy(service: LinktideProcess) -> bool:
    """Tell whether it burns the processor: user time between two looks."""
    before = user_ticks(service.pid)
    service.live_for(0.3)
    return user_ticks(service.pid) - before > 5


def user_ticks(pid: int) -> int:
    """Return the user time of a process in ticks, by default hundredths of a second."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def test_a_second_service_of_the_same_configuration(service: LinktideProcess, tmp_path: Path) -> None:
    port = json.loads(service.database.with_name("links.duckdb.service.json").read_text())["http_port"]
    sentence = refused(tmp_path, ExitCode.DATABASE_LOCKED, "--http-port", str(port))
    assert f"process {service.pid}" in sentence


def test_a_port_that_is_taken(service: LinktideProcess, tmp_path: Path) -> None:
    port = json.loads(service.database.with_name("links.duckdb.service.json").read_text())["http_port"]
    sentence = refused(
        tmp_path, ExitCode.CONFIG, "--http-port", str(port), "--database", str(tmp_path / "other.duckdb")
    )
    assert f"127.0.0.1 port {port} is taken by" in sentence
    assert str(service.pid) in sentence
    assert "http_port" in sentence


def test_a_file_of_a_newer_linktide(service: LinktideProcess, tmp_path: Path) -> None:
    assert service.terminate().exit_code == 0
    with duckdb.connect(service.database) as connection:
        connection.execute("INSERT INTO internal.migrations VALUES (999, 'of_tomorrow', now())").fetchall()
    sentence = refused(tmp_path, ExitCode.SCHEMA_TOO_NEW, *FREE_PORT)
    assert str(service.database) in sentence
    assert "999" in sentence
    assert "newer linktide" in sentence


def test_a_broker_that_does_not_answer(tmp_path: Path, silent_port: int) -> None:
    brokers = ("--brokers", f"127.0.0.1:{silent_port}", "--topics", "events")
    begun = ended_of(tmp_path, "--http-port", "0", *brokers, "--set", "start_retry_seconds=0")
    late = ended_of(tmp_path, "--http-port", "0", *brokers, "--set", "start_retry_seconds=2")
    for ended in (begun, late):
        assert ended.exit_code == ExitCode.BROKER_UNREACHABLE, ended.told
        assert f"kafka.bootstrap_servers = 127.0.0.1:{silent_port}" in ended.told
    # What starting takes anyway does not count.
    assert late.seconds - begun.seconds < 10
    assert not (tmp_path / "links.duckdb.service.json").exists()


def test_a_start_that_waits_for_its_broker_can_be_stopped(tmp_path: Path, silent_port: int) -> None:
    brokers = ("--brokers", f"127.0.0.1:{silent_port}", "--topics", "events")
    with LinktideProcess(tmp_path, *RUN, *FREE_PORT, *brokers) as service:
        wait_until(service.database.exists, "the database is made")
        service.live_for(1)
        ended = service.terminate()
    assert ended.exit_code == 0, ended.told
    assert ended.seconds < 10


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("batch_max_events=many", ("batch_max_events", "many", "wanted")),
        ("batch_max_evnts=5", ("batch_max_evnts", "batch_max_events")),
        ("kafka.topics=events", ("kafka.topics", "kafka.bootstrap_servers")),
        ("http_host=0.0.0.0", ("http_host", "0.0.0.0", "http_token_file")),  # noqa: S104 -- must be refused
        ("database=/proc/links.duckdb", ("/proc/links.duckdb", "database")),
    ],
)
def test_a_wrong_configuration(tmp_path: Path, assignment: str, words: tuple[str, ...]) -> None:
    sentence = refused(tmp_path, ExitCode.CONFIG, *FREE_PORT, "--set", assignment)
    assert [word for word in words if word not in sentence] == []


def test_a_topic_that_does_not_exist(broker: KafkaCluster, tmp_path: Path) -> None:
    brokers = ("--brokers", broker.bootstrap_servers[0], "--topics", "no-such-topic")
    sentence = refused(tmp_path, ExitCode.CONFIG, *FREE_PORT, *brokers, "--set", "start_retry_seconds=1")
    assert "kafka.topics = no-such-topic does not exist" in sentence


def send(broker: KafkaCluster, *pages: str) -> None:
    with producing(broker) as producer:
        for page in pages:
            producer.send("events", event_bytes(source_url=page), partition=0)


@pytest.mark.timeout(300)
def test_a_broker_lost_while_running(own_broker: KafkaCluster, tmp_path: Path) -> None:
    own_broker.create_topic("events")
    send(own_broker, "https://before.example/")
    arguments = ("--brokers", own_broker.bootstrap_servers[0], "--topics", "events")
    with LinktideProcess(tmp_path, *RUN, *FREE_PORT, *arguments) as service:
        service.wait_ready()
        service.wait_stored({("events", 0): 1})
        own_broker.kill()
        wait_until(lambda: not service.is_ready(), "the service tells that it is not ready")
        code, told = service.readiness()
        assert (code, told["ready"]) == (httpx.codes.SERVICE_UNAVAILABLE, False)
        assert own_broker.bootstrap_servers[0] in told["reason"]
        status = service.status()
        assert (status["is_ready"], status["not_ready_because"]) == (False, told["reason"])
        assert service.metrics()["linktide_service_is_ready", ()] == 0
        # What is stored can be asked for all the same.
        assert service.query("SELECT count(*) AS links FROM links") == [{"links": 1}]
        own_broker.start(dies_with_caller=True)
        own_broker.wait_ready()
        send(own_broker, "https://after.example/")
        service.wait_stored({("events", 0): 2})
        assert service.is_ready()
        assert service.query("SELECT count(*) AS links FROM links") == [{"links": 2}]
        own_broker.kill()
        wait_until(lambda: not service.is_ready(), "the service tells that it is not ready")
        ended = service.terminate()
        assert ended.exit_code == 0, ended.told
        assert ended.seconds < 10
