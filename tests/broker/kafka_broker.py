"""A real Apache Kafka on loopback for tests and benches: start, ready, stop, status, topic, tool.

`python tests/broker/kafka_broker.py start` gives one node; `--nodes 3` a KRaft cluster. What a cluster is
stands in `cluster.json` in its folder, so another process can open, stop or kill it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from kafka_jars import KAFKA_VERSION, BrokerError, cache_folder, fetch_jars, missing_programs
from kafka_settings import (
    LOGGING,
    SCRAM_USER,
    NodePorts,
    free_ports,
    make_certificate,
    render_properties,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """A cluster of combined controllers and brokers whose files all lie in `folder`."""

    folder: Path
    jars: Path
    ports: tuple[NodePorts, ...]
    heap_mib: int
    java_options: tuple[str, ...] = ()

    @classmethod
    def create(  # noqa: PLR0913 -- the switches of the command line
        cls,
        folder: Path,
        *,
        nodes: int = 1,
        has_sasl: bool = False,
        has_ssl: bool = False,
        heap_mib: int | None = None,
        settings: dict[str, str] | None = None,
        java_options: tuple[str, ...] = (),
    ) -> KafkaCluster:
        """Choose free ports, write the settings of every node and format its log folder; starts nothing."""
        reason = missing_programs()
        if reason is not None:
            raise BrokerError(reason)
        if (folder / "cluster.json").exists():
            raise BrokerError(f"{folder} already holds a cluster: stop it, or choose another --folder.")
        folder.mkdir(parents=True, exist_ok=True)
        ports = free_ports(nodes, has_sasl=has_sasl, has_ssl=has_ssl)
        heap = heap_mib or (512 if nodes == 1 else 256)
        cluster = cls(folder, fetch_jars(cache_folder()), ports, heap, java_options)
        if has_ssl:
            make_certificate(folder)
        cluster._write(settings)
        return cluster

    @classmethod
    def open(cls, folder: Path) -> KafkaCluster:
        """Return the cluster that was created in `folder`."""
        try:
            facts = json.loads((folder / "cluster.json").read_text())
        except FileNotFoundError:
            raise BrokerError(f"There is no cluster in {folder}: start one first.") from None
        ports = tuple(NodePorts(**node) for node in facts["ports"])
        return cls(folder, Path(facts["jars"]), ports, facts["heap_mib"], tuple(facts["java_options"]))

    def _write(self, settings: dict[str, str] | None) -> None:
        facts = {
            "jars": str(self.jars),
            "heap_mib": self.heap_mib,
            "java_options": self.java_options,
            "ports": [asdict(ports) for ports in self.ports],
        }
        (self.folder / "log4j2.properties").write_text(LOGGING)
        cluster_id = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "_")
        for node in range(len(self.ports)):
            properties = self._properties(node)
            properties.write_text(render_properties(node, self.ports, self.folder, settings))
            users = ["--add-scram", SCRAM_USER] if self.ports[node].sasl else []
            self.tool("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties), *users)
        (self.folder / "cluster.json").write_text(json.dumps(facts))

    @property
    def bootstrap_servers(self) -> list[str]:
        """Addresses of the PLAINTEXT listeners."""
        return [f"127.0.0.1:{ports.plain}" for ports in self.ports]

    @property
    def sasl_servers(self) -> list[str]:
        """Addresses of the SASL_PLAINTEXT listeners (PLAIN and SCRAM-SHA-256)."""
        return [f"127.0.0.1:{ports.sasl}" for ports in self.ports if ports.sasl]

    @property
    def ssl_servers(self) -> list[str]:
        """Addresses of the SSL listeners; their certificate is `ca.pem` in the folder."""
        return [f"127.0.0.1:{ports.ssl}" for ports in self.ports if ports.ssl]

    @property
    def sasl_ssl_servers(self) -> list[str]:
        """Addresses of the SASL_SSL listeners, which are there if both of the others are."""
        return [f"127.0.0.1:{ports.sasl_ssl}" for ports in self.ports if ports.sasl_ssl]

    def start(self, node: int | None = None, *, dies_with_caller: bool = False) -> None:
        """Start one node, or all; returns at once, without waiting for readiness.

        With `dies_with_caller` the kernel kills the nodes when the calling thread ends, however it ends.
        """
        for each in self._nodes(node):
            if self.pid(each) is not None:
                continue
            with (self.folder / f"node-{each}.log").open("ab") as log:
                process = subprocess.Popen(
                    self._java("kafka.Kafka", str(self._properties(each))),
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                    preexec_fn=_die_with_caller() if dies_with_caller else None,  # noqa: PLW1509 -- one system call
                )  # fmt: skip
            (self.folder / f"node-{each}.pid").write_text(str(process.pid))
            # The cluster outlives this object by design, so nobody waits on the Popen.
            process.returncode = 0

    def wait_ready(self, timeout_seconds: float = 60.0) -> None:
        """Return once every node that was started answers as a member of the cluster.

        Raises BrokerError if a node dies or the time runs out; the text ends with its last log line.
        """
        deadline = time.monotonic() + timeout_seconds
        running = [node for node in range(len(self.ports)) if (self.folder / f"node-{node}.pid").exists()]
        while not self._is_ready(len(running)):
            for node in running:
                if self.pid(node) is None:
                    raise BrokerError(f"Kafka node {node} died: {self._last_log_line(node)}")
            if time.monotonic() > deadline:
                line = self._last_log_line(running[0]) if running else "no node was started"
                raise BrokerError(f"Kafka was not ready within {timeout_seconds:g} s: {line}")
            time.sleep(_POLL_SECONDS)

    def _is_ready(self, wanted: int) -> bool:
        running = [node for node in range(len(self.ports)) if self.pid(node) is not None]
        if not running or not all(_accepts(self.ports[node].plain) for node in running):
            return False
        try:
            with self.admin() as admin:
                return len(admin.describe_cluster()["brokers"]) >= wanted
        except (KafkaError, OSError, BrokerError):
            return False

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        """Lend an admin client of the running nodes."""
        servers = self._running_servers()
        if not servers:
            raise BrokerError(f"No node of the cluster in {self.folder} is running: start one.")
        client = KafkaAdminClient(bootstrap_servers=servers, bootstrap_timeout_ms=5000)
        try:
            yield client
        finally:
            client.close()

    def _running_servers(self) -> list[str]:
        return [f"127.0.0.1:{p.plain}" for node, p in enumerate(self.ports) if self.pid(node) is not None]

    def pid(self, node: int) -> int | None:
        """Return the process id of a running node, else None; a reused id is not taken for the node."""
        try:
            pid = int((self.folder / f"node-{node}.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        # The command line is empty for a moment while java starts itself anew, and while it ends.
        is_ours = not command or str(self._properties(node)).encode() in command
        return pid if is_ours and state not in "ZX" else None

    def stop(self, node: int | None = None) -> None:
        """Stop one node, or all, in good order; one that will not stop is killed."""
        self._end(node, signal.SIGTERM)

    def kill(self, node: int | None = None) -> None:
        """Kill one node, or all, without a chance to say goodbye."""
        self._end(node, signal.SIGKILL)

    def _end(self, node: int | None, how: signal.Signals) -> None:
        nodes = self._nodes(node)
        for each in nodes:
            self._signal(each, how)
        deadline = time.monotonic() + _STOP_SECONDS
        while any(self.pid(each) is not None for each in nodes):
            if time.monotonic() > deadline:
                for each in nodes:
                    self._signal(each, signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
        for each in nodes:
            self._forget(each)

    def _signal(self, node: int, how: signal.Signals) -> None:
        pid = self.pid(node)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, how)

    def _forget(self, node: int) -> None:
        path = self.folder / f"node-{node}.pid"
        with suppress(FileNotFoundError, ValueError, ChildProcessError):
            # A node started by this very process stays a zombie until somebody waits; it is dying already.
            os.waitpid(int(path.read_text()), 0)
        path.unlink(missing_ok=True)

    def destroy(self) -> None:
        """Kill every node and remove the folder."""
        self.kill()
        shutil.rmtree(self.folder)

    def tool(self, main_class: str, *arguments: str, stdin: BinaryIO | None = None) -> str:
        """Run a Java tool of Kafka to its end and return what it printed; BrokerError if it fails."""
        command = self._java(main_class, *arguments)
        result = subprocess.run(command, stdin=stdin, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            text = (result.stderr.strip() or result.stdout.strip()).splitlines() or ["no output"]
            raise BrokerError(f"{main_class} failed: {text[-1]}")
        return result.stdout

    def create_topic(self, name: str, partitions: int = 1, **settings: str) -> None:
        """Create a topic and wait until its partitions have leaders; settings use _ for the dots."""
        configs = {key.replace("_", "."): value for key, value in settings.items()}
        replicas = min(len(self._running_servers()), 3)
        wanted = {"num_partitions": partitions, "replication_factor": replicas, "configs": configs}
        with self.admin() as admin:
            admin.create_topics({name: wanted}, wait_for_metadata=True)

    def topic(self, *arguments: str) -> str:
        """Run Kafka's own topic command, e.g. `--list`."""
        servers = ",".join(self._running_servers())
        return self.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", servers, *arguments)

    def _nodes(self, node: int | None) -> list[int]:
        if node is not None and not 0 <= node < len(self.ports):
            raise BrokerError(f"There is no node {node}: the cluster has {len(self.ports)}, counted from 0.")
        return list(range(len(self.ports))) if node is None else [node]

    def _properties(self, node: int) -> Path:
        return self.folder / f"node-{node}.properties"

    def _last_log_line(self, node: int) -> str:
        lines = (self.folder / f"node-{node}.log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else "its log is empty"

    def _java(self, main_class: str, *arguments: str) -> list[str]:
        return [
            "java", f"-Xmx{self.heap_mib}m", f"-Xms{self.heap_mib // 2}m", "-cp", f"{self.jars}/*",
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}", *self.java_options,
            main_class, *arguments,
        ]  # fmt: skip


def _die_with_caller() -> Callable[[], None]:
    libc = ctypes.CDLL(None)

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))

    return ask_kernel


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=f"Apache Kafka {KAFKA_VERSION} on loopback, for tests and benches.", allow_abbrev=False
    )
    parser.add_argument("--folder", type=Path, default=cache_folder() / "broker", help="the cluster's files")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser(
        "start", help="create the cluster if need be, start it and wait until it answers"
    )
    start.add_argument("--nodes", type=int, default=1)
    start.add_argument(
        "--sasl", action="store_true", help="add a SASL_PLAINTEXT listener (PLAIN, SCRAM-SHA-256)"
    )
    start.add_argument("--ssl", action="store_true", help="add an SSL listener")
    start.add_argument("--heap-mib", type=int, help="default: 512, or 256 for each node of a larger cluster")
    start.add_argument("--node", type=int, help="start this node only, of a cluster that exists")
    commands.add_parser("ready", help="wait until every started node answers")
    stop = commands.add_parser("stop", help="stop the cluster and remove its files, or stop one node")
    stop.add_argument("--node", type=int, help="stop this node only and keep all files")
    stop.add_argument("--kill", action="store_true", help="without a chance to say goodbye")
    stop.add_argument("--keep", action="store_true", help="keep the files")
    commands.add_parser("status", help="print addresses and process ids as JSON")
    # What follows these two goes to the Java tool as it is, so the parser must not touch it.
    commands.add_parser("topic", help="run Kafka's own topic command, e.g. topic --list", add_help=False)
    commands.add_parser("tool", help="run any Java tool of Kafka by its class name", add_help=False)
    return parser


def _start(options: argparse.Namespace) -> str:
    if (options.folder / "cluster.json").exists():
        cluster = KafkaCluster.open(options.folder)
    else:
        cluster = KafkaCluster.create(
            options.folder,
            nodes=options.nodes,
            has_sasl=options.sasl,
            has_ssl=options.ssl,
            heap_mib=options.heap_mib,
        )
    cluster.start(options.node)
    cluster.wait_ready()
    return ",".join(cluster.bootstrap_servers)


def _stop(options: argparse.Namespace) -> str:
    cluster = KafkaCluster.open(options.folder)
    (cluster.kill if options.kill else cluster.stop)(options.node)
    if options.node is None and not options.keep:
        cluster.destroy()
    return "stopped"


def _status(cluster: KafkaCluster) -> str:
    facts = {
        "bootstrap_servers": cluster.bootstrap_servers,
        "sasl_servers": cluster.sasl_servers,
        "ssl_servers": cluster.ssl_servers,
        "pids": [cluster.pid(node) for node in range(len(cluster.ports))],
    }
    return json.dumps(facts, indent=2)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 1 and one sentence on stderr if it cannot be done."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command not in ("topic", "tool"):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    try:
        if options.command in ("start", "stop"):
            text = {"start": _start, "stop": _stop}[options.command](options)
        else:
            cluster = KafkaCluster.open(options.folder)
            if options.command == "ready":
                cluster.wait_ready()
                text = "ready"
            elif options.command == "status":
                text = _status(cluster)
            elif options.command == "topic":
                text = cluster.topic(*rest)
            else:
                text = cluster.tool(*rest)
    except BrokerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{text.rstrip()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
