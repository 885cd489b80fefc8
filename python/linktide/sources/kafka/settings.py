"""What a user may say about his Kafka, and what kafka-python is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """Where the topics are and how they are read; a name here is the setting's without `kafka_`."""

    bootstrap_servers: tuple[str, ...]
    topics: tuple[str, ...]
    group_id: str | None = None
    """Offsets are written under it as a hint for lag tools; the stored ones alone decide. None: not."""
    is_group_member: bool = False
    """Read what the group gives us, not all partitions; needs `group_id`."""
    group_instance_id: str | None = None
    """Static membership: a restart under this name finds its partitions again, without a rebalance."""
    client_id: str = "linktide"
    isolation_level: str = "read_committed"
    offset_gap_policy: str = "continue"
    """"continue" or "stop": what to do where the log does not hold the stored position."""
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_check_hostname: bool = True
    fetch_max_bytes: int = 50 << 20
    max_partition_fetch_bytes: int = 2 << 20
    receive_buffer_bytes: int = 1 << 20
    fetch_max_wait_seconds: float = 0.5
    metadata_refresh_seconds: float = 30.0
    """How soon a new partition is noticed."""
    open_timeout_seconds: float = 30.0
    """How long an unreachable broker or a missing topic is waited for at the start."""
    is_bounded: bool = False
    """End where the logs end when they are opened; new partitions and records are not waited for."""
    is_raw_fetch_wanted: bool = True
    """False: records are decoded by kafka-python, at many times the cost."""

    @property
    def servers_text(self) -> str:
        """The brokers as the user wrote them."""
        return ",".join(self.bootstrap_servers)

    def client_options(self) -> dict[str, object]:
        """Return what consumers, producers and admin clients are told alike; absent values left out."""
        options: dict[str, object] = {
            "bootstrap_servers": list(self.bootstrap_servers),
            "client_id": self.client_id,
            "security_protocol": self.security_protocol,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password,
            "ssl_cafile": None if self.ssl_cafile is None else str(self.ssl_cafile),
            "ssl_certfile": None if self.ssl_certfile is None else str(self.ssl_certfile),
            "ssl_keyfile": None if self.ssl_keyfile is None else str(self.ssl_keyfile),
            "ssl_check_hostname": self.ssl_check_hostname,
            # The default of 30 s would leave a broker alone long after it is back.
            "reconnect_backoff_max_ms": 2000,
        }
        return {name: value for name, value in options.items() if value is not None}

    def consumer_options(self) -> dict[str, object]:
        """Return the options of the consumer that fetches."""
        return self.client_options() | {
            **self._membership(),
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "isolation_level": self.isolation_level,
            "fetch_max_bytes": self.fetch_max_bytes,
            "fetch_max_wait_ms": int(self.fetch_max_wait_seconds * 1000),
            "max_partition_fetch_bytes": self.max_partition_fetch_bytes,
            "receive_buffer_bytes": self.receive_buffer_bytes,
            "metadata_max_age_ms": int(self.metadata_refresh_seconds * 1000),
            "metrics_enabled": False,
        }

    def _membership(self) -> dict[str, object]:
        if not self.is_group_member:
            # With a group the consumer would wait for its coordinator before each fetch.
            return {"group_id": None}
        return {
            "group_id": self.group_id,
            "group_instance_id": self.group_instance_id,
            # Only the partitions that move stop, and only for a moment.
            "partition_assignment_strategy": [CooperativeStickyAssignor],
        }


def kafka_settings(config: Config) -> KafkaSettings:
    """Return what the configuration says about Kafka."""
    return KafkaSettings(
        bootstrap_servers=config.kafka_bootstrap_servers,
        topics=config.kafka_topics,
        group_id=config.kafka_group_id,
        is_group_member=config.kafka_assignment == "group",
        group_instance_id=config.kafka_group_instance_id,
        isolation_level=config.kafka_isolation_level,
        offset_gap_policy=config.kafka_offset_gap_policy,
        security_protocol=config.kafka_security_protocol,
        sasl_mechanism=config.kafka_sasl_mechanism,
        sasl_username=config.kafka_sasl_username,
        sasl_password=config.kafka_sasl_password,
        ssl_cafile=config.kafka_ssl_cafile,
        ssl_certfile=config.kafka_ssl_certfile,
        ssl_keyfile=config.kafka_ssl_keyfile,
        ssl_check_hostname=config.kafka_ssl_check_hostname,
        open_timeout_seconds=config.start_retry_seconds,
    )
