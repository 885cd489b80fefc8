from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from kafka_reading import poll_up_to, source_of, unpack
from kafka_settings import PASSWORD, USER
from kafka_topics import produce_batches

from linktide.errors import BrokerUnreachableError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from kafka_broker import KafkaCluster

pytestmark = pytest.mark.broker
VALUES = [b"%d" % number for number in range(50)]


@pytest.fixture(scope="module")
def secured(secure_broker: KafkaCluster) -> KafkaCluster:
    secure_broker.create_topic("secured")
    produce_batches(secure_broker, "secured", VALUES, records_per_batch=10)
    return secure_broker


def sasl(cluster: KafkaCluster, mechanism: str, password: str = PASSWORD) -> dict[str, Any]:
    return {
        "bootstrap_servers": tuple(cluster.sasl_servers),
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_username": USER,
        "sasl_password": password,
    }


def ssl(cluster: KafkaCluster, cafile: Path | None = None) -> dict[str, Any]:
    return {
        "bootstrap_servers": tuple(cluster.ssl_servers),
        "security_protocol": "SSL",
        "ssl_cafile": cafile or cluster.folder / "ca.pem",
    }


def sasl_ssl(cluster: KafkaCluster, mechanism: str) -> dict[str, Any]:
    servers = {"bootstrap_servers": tuple(cluster.sasl_ssl_servers), "security_protocol": "SASL_SSL"}
    return sasl(cluster, mechanism) | ssl(cluster) | servers


@pytest.mark.parametrize("listener", ["PLAIN", "SCRAM-SHA-256", "SSL", "SASL_SSL"])
def test_every_listener_is_read_raw(secured: KafkaCluster, listener: str) -> None:
    if listener == "SASL_SSL":
        settings = sasl_ssl(secured, "SCRAM-SHA-256")
    else:
        settings = ssl(secured) if listener == "SSL" else sasl(secured, listener)
    counted: list[str] = []
    source = source_of(secured, "secured", count=counted.append, group_id=f"by-{listener}", **settings)
    source.open({})
    chunks = poll_up_to(source, 50)
    assert source.is_raw
    assert counted == []
    source.close()
    assert [value for _, _, value in unpack(chunks)] == VALUES


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_refused_login_names_the_user_and_not_the_password(secured: KafkaCluster, mechanism: str) -> None:
    source = source_of(secured, "secured", open_timeout_seconds=10, **sasl(secured, mechanism, "wrong-one"))
    # Kafka hangs up on most refused SCRAM logins before it says why.
    refusal = "the login of kafka.sasl_username = 'linktide'"
    with pytest.raises(BrokerUnreachableError, match=refusal) as caught:
        source.open({})
    assert "wrong-one" not in str(caught.value)


def test_a_certificate_nobody_vouches_for_is_refused(secured: KafkaCluster, tmp_path: Path) -> None:
    settings = ssl(secured) | {"ssl_cafile": None}
    source = source_of(secured, "secured", open_timeout_seconds=2, **settings)
    with pytest.raises(
        BrokerUnreachableError, match=r"kafka.security_protocol = SSL.*CERTIFICATE_VERIFY_FAILED"
    ):
        source.open({})
    missing = tmp_path / "none.pem"
    with pytest.raises(ConfigError, match=rf"kafka.ssl_cafile = {missing} is not a file"):
        source_of(secured, "secured", **ssl(secured, missing)).open({})


def test_the_password_is_not_shown(secured: KafkaCluster) -> None:
    from linktide.sources.kafka import KafkaSettings  # noqa: PLC0415 -- the only use

    shown = repr(KafkaSettings(topics=("t",), **sasl(secured, "PLAIN")))
    assert USER in shown
    assert PASSWORD not in shown
