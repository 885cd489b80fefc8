"""What systemd hears: ready, alive, reloading, stopping; silence if work hangs."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from linktide_process import COMMAND, LinktideProcess, wait_until
from open_service import found_link, running

from linktide.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PID = 42
HUNG_AT = "written"
SECONDS = 60


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(f"\0{address[1:]}" if address[0] == "@" else address)
        one.settimeout(SECONDS)
        yield one


def heard(one: socket.socket) -> dict[str, str]:
    """Return the next datagram as names and values."""
    return dict(line.split("=", 1) for line in one.recv(4096).decode().splitlines())


def is_silent(one: socket.socket) -> bool:
    one.setblocking(False)  # noqa: FBT003 - the socket's own method
    try:
        one.recv(4096)
    except BlockingIOError:
        return True
    finally:
        one.settimeout(SECONDS)
    return False


def told_by(environ: dict[str, str], pid: int = PID) -> Supervisor:
    return Supervisor.of(environ, pid, lambda: 7.5)


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@linktide-test-{os.getpid()}"


def test_each_state_is_one_datagram(address: str) -> None:
    with listening(address) as one:
        supervisor = told_by({"NOTIFY_SOCKET": address})
        supervisor.ready()
        assert heard(one)["READY"] == "1"
        with supervisor.reloading():
            assert heard(one) == {"RELOADING": "1", "MONOTONIC_USEC": "7500000"}
        assert heard(one)["READY"] == "1"
        supervisor.stopping()
        assert heard(one)["STOPPING"] == "1"


def test_a_failed_reload_ends_too(address: str) -> None:
    with listening(address) as one:
        supervisor = told_by({"NOTIFY_SOCKET": address})
        with pytest.raises(ZeroDivisionError), supervisor.reloading():
            raise ZeroDivisionError
        assert "RELOADING" in heard(one)
        assert heard(one)["READY"] == "1"


def test_a_reason_is_one_line_and_no_other_state(address: str) -> None:
    with listening(address) as one:
        told_by({"NOTIFY_SOCKET": address}).down("no broker\nREADY=1\n\x1b[2J")
        assert heard(one) == {"STATUS": "no broker\\nREADY=1\\n\\x1b[2J"}


@pytest.mark.parametrize("named", [None, "", "vsock:2:1234", "relative/path"])
def test_without_a_socket_nobody_is_told(named: str | None, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = told_by({} if named is None else {"NOTIFY_SOCKET": named})
    supervisor.ready()
    supervisor.stopping()
    assert bool(caplog.records) is bool(named)


@pytest.mark.parametrize("named", ["/nowhere/at/all", "/" + "x" * 300, "@" + "x" * 300, "/a\0b"])
def test_a_socket_that_takes_nothing_is_a_warning(named: str, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = told_by({"NOTIFY_SOCKET": named})
    supervisor.ready()
    assert "cannot be told READY=1" in caplog.text
    caplog.clear()
    supervisor.stopping()  # in a signal handler: not even that
    assert not caplog.records


def test_signs_of_life_stop_where_work_hangs(address: str) -> None:
    with listening(address) as one:
        supervisor = told_by({"NOTIFY_SOCKET": address})
        assert supervisor.sign_of_life(1.0, None) == 1.0
        assert heard(one) == {"WATCHDOG": "1"}
        assert supervisor.sign_of_life(1.0, 1.0) == 1.0
        assert is_silent(one)
        assert supervisor.sign_of_life(None, 1.0) is None
        assert heard(one) == {"WATCHDOG": "1"}
        assert supervisor.sign_of_life(1.0, None) == 1.0
        assert heard(one) == {"WATCHDOG": "1"}


def test_signs_of_life_come_well_before_the_limit(address: str) -> None:
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "40000", "WATCHDOG_PID": str(PID)}
    with listening(address) as one, told_by(environ).watched(lambda: None):
        assert heard(one) == {"WATCHDOG": "1"}
        assert heard(one) == {"WATCHDOG": "1"}


@pytest.mark.parametrize(
    "environ",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}],
)
def test_no_limit_no_thread(address: str, environ: dict[str, str]) -> None:
    with listening(address) as one:
        with told_by({"NOTIFY_SOCKET": address} | environ).watched(lambda: None):
            assert not any(thread.name == "linktide-watchdog" for thread in threading.enumerate())
        assert is_silent(one)


@pytest.mark.slow
def test_a_service_tells_its_whole_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`linktide run` as systemd starts it: ready once it answers, alive, reloaded, stopped."""
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    states: list[str] = []
    with listening(address) as one:

        def hear() -> None:
            while "STOPPING" not in states:
                states.append(next(iter(heard(one))))

        listener = threading.Thread(target=hear)
        listener.start()
        (tmp_path / "linktide.toml").write_text("http_port = 0\n", "utf-8")
        arguments = (*COMMAND, "run", "--config", "linktide.toml", "--database", "links.duckdb")
        with LinktideProcess(tmp_path, *arguments) as service:
            wait_until(lambda: "READY" in states, "it says that it is ready")
            assert service.is_ready()
            wait_until(lambda: states[-4:].count("WATCHDOG") == len(states[-4:]), "only signs of life follow")
            os.kill(service.pid, signal.SIGHUP)
            wait_until(lambda: "RELOADING" in states, "it says that it reloads")
            wait_until(lambda: "READY" in states[states.index("RELOADING") :], "and that it has")
            assert service.terminate().exit_code == 0
        listener.join(SECONDS)
    assert states.count("READY") == 2
    assert states[-1] == "STOPPING"


def test_a_work_thread_that_hangs_stands_still(tmp_path: Path) -> None:
    """What the signs of life go by: in the midst of a batch the time of the last turn is told, and stays."""
    is_hanging, may_go_on = threading.Event(), threading.Event()

    def hang(point: str) -> None:
        if point == HUNG_AT:
            is_hanging.set()
            assert may_go_on.wait(SECONDS)

    with running(tmp_path, hang) as service:
        pushing = threading.Thread(
            target=service.state.push,
            args=(found_link(1),),
            kwargs={"topic": "push", "topic_id": "", "first_offset": None},
        )
        pushing.start()
        assert is_hanging.wait(SECONDS)
        stuck = service.state.turned_at()
        may_go_on.set()
        pushing.join(SECONDS)
        assert stuck is not None
        wait_until(lambda: service.state.turned_at() != stuck, "it comes round again")
    assert service.state.turned_at() is None
