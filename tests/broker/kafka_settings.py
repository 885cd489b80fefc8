"""What the nodes of a Kafka cluster for tests are told: server properties, logging, users, certificates."""

from __future__ import annotations

import socket
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_jars import BrokerError

if TYPE_CHECKING:
    from pathlib import Path

USER = "linktide"
PASSWORD = "only-for-tests"  # noqa: S105 -- a throw-away broker on loopback
_JAAS = "org.apache.kafka.common.security"
SCRAM_USER = f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]"

LOGGING = """status=error
appender.file.type=Console
appender.file.name=out
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{ISO8601} %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
"""


@dataclass(frozen=True, slots=True)
class NodePorts:
    """The loopback ports of one node; 0 where a listener is off."""

    controller: int
    plain: int
    sasl: int = 0
    ssl: int = 0
    sasl_ssl: int = 0


def free_ports(nodes: int, *, has_sasl: bool, has_ssl: bool) -> tuple[NodePorts, ...]:
    """Let the kernel choose; all sockets stay open until the last is bound, so no port comes twice."""
    with ExitStack() as stack:

        def free() -> int:
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
            return port

        def if_wanted(*, is_wanted: bool) -> int:
            return free() if is_wanted else 0

        return tuple(
            NodePorts(
                free(), free(), if_wanted(is_wanted=has_sasl), if_wanted(is_wanted=has_ssl),
                if_wanted(is_wanted=has_sasl and has_ssl),
            )
            for _ in range(nodes)
        )  # fmt: skip


def render_properties(
    node: int, ports: tuple[NodePorts, ...], folder: Path, extra: dict[str, str] | None = None
) -> str:
    """Return server.properties of one combined controller and broker."""
    replicas = min(len(ports), 3)
    mine = ports[node]
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "controller.quorum.voters": ",".join(f"{i}@127.0.0.1:{p.controller}" for i, p in enumerate(ports)),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(folder / f"node-{node}"),
        "auto.create.topics.enable": "false",
        # Without this every join of a group waits 3 s.
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "2",
        "offsets.topic.replication.factor": str(replicas),
        "transaction.state.log.num.partitions": "2",
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": "1",
        # The default of 128 MiB does not fit beside the rest in a small heap.
        "log.cleaner.dedupe.buffer.size": "8388608",
        "num.network.threads": "2",
        "num.io.threads": "4",
        **_listeners(mine),
        **(_sasl() if mine.sasl else {}),
        **(_ssl(folder) if mine.ssl else {}),
        **(extra or {}),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _listeners(ports: NodePorts) -> dict[str, str]:
    listeners = {"CONTROLLER": ports.controller, "PLAINTEXT": ports.plain}
    if ports.sasl:
        listeners["SASL_PLAINTEXT"] = ports.sasl
    if ports.ssl:
        listeners["SSL"] = ports.ssl
    if ports.sasl_ssl:
        listeners["SASL_SSL"] = ports.sasl_ssl
    addresses = [f"{name}://127.0.0.1:{port}" for name, port in listeners.items()]
    return {
        "listeners": ",".join(addresses),
        "advertised.listeners": ",".join(addresses[1:]),
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        "SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL",
    }


def _sasl() -> dict[str, str]:
    plain = f'{_JAAS}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    settings = {"sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256"}
    for listener in ("sasl_plaintext", "sasl_ssl"):
        prefix = f"listener.name.{listener}"
        settings[f"{prefix}.plain.sasl.jaas.config"] = plain
        settings[f"{prefix}.scram-sha-256.sasl.jaas.config"] = f"{_JAAS}.scram.ScramLoginModule required;"
    return settings


def _ssl(folder: Path) -> dict[str, str]:
    return {
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(folder / "broker.p12"),
        "ssl.keystore.password": PASSWORD,
        "ssl.key.password": PASSWORD,
    }


def make_certificate(folder: Path) -> None:
    """Write a self-signed key for 127.0.0.1 (broker.p12) and its certificate (ca.pem) into `folder`."""
    store = ["-keystore", str(folder / "broker.p12"), "-storepass", PASSWORD, "-alias", "broker"]
    _keytool(
        "-genkeypair", "-keyalg", "EC", "-storetype", "PKCS12", "-dname", "CN=localhost", "-validity", "30",
        "-ext", "san=dns:localhost,ip:127.0.0.1", "-ext", "bc:c", *store,
    )  # fmt: skip
    _keytool("-exportcert", "-rfc", "-file", str(folder / "ca.pem"), *store)


def _keytool(*arguments: str) -> None:
    result = subprocess.run(["keytool", *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BrokerError(f"keytool {arguments[0]} failed: {(result.stdout or result.stderr).strip()}")
