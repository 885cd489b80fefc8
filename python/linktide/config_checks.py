"""Settings that are right alone but cannot be meant together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linktide.errors import ConfigError
from linktide.setting import is_loopback

if TYPE_CHECKING:
    from linktide.config import Config


def check_together(config: Config) -> None:
    """Raise ConfigError, naming the settings and what is wanted."""
    both = sorted(set(config.tracked_domains) & set(config.rivals))
    if both:
        raise ConfigError(f"{both[0]} stands in tracked_domains and in rivals; keep it in one of them.")
    if config.epsilon_idle > config.epsilon_busy:
        raise ConfigError(
            f"epsilon_idle is {config.epsilon_idle:g}, above epsilon_busy ({config.epsilon_busy:g}); "
            "wanted at most that."
        )
    _check_publish(config)
    _check_kafka(config)
    _check_security(config)
    if config.sql_enabled:
        _check_open_address(
            config, "sql.host", "sql.users_file", "sql.tls_certfile", "sql.tls_keyfile", "users"
        )
    if config.http_enabled:
        _check_open_address(
            config, "http_host", "http_token_file", "http_tls_certfile", "http_tls_keyfile", "a token"
        )


def _check_publish(config: Config) -> None:
    target, database = config.publish_path, config.database
    if target is None:
        return
    # Its own files begin with its name: WAL, segments, state, the file by which commands find the service.
    if target.resolve().parent == database.resolve().parent and (
        target.name == database.name or target.name.startswith(f"{database.name}.")
    ):
        raise ConfigError(
            f"publish_path is {target}, which belongs to the database {database}; name another file."
        )
    if target.is_dir():
        raise ConfigError(f"publish_path is {target}, a folder; name a file in it.")


def _check_kafka(config: Config) -> None:
    if config.kafka_bootstrap_servers and not config.kafka_topics:
        raise ConfigError(
            "kafka.bootstrap_servers is set and kafka.topics is empty; name the topics to read."
        )
    if config.kafka_topics and not config.kafka_bootstrap_servers:
        raise ConfigError(
            "kafka.topics is set and kafka.bootstrap_servers is empty; name the brokers as host:port."
        )
    if config.kafka_assignment == "group" and not config.kafka_group_id:
        raise ConfigError(
            "kafka.assignment is group and kafka.group_id is empty; name the group that shares topics out."
        )
    if config.kafka_group_instance_id and config.kafka_assignment != "group":
        raise ConfigError(
            f"kafka.group_instance_id is set and kafka.assignment is {config.kafka_assignment}; wanted group."
        )


def _check_security(config: Config) -> None:
    uses_sasl = config.kafka_security_protocol.startswith("SASL_")
    if uses_sasl and not (
        config.kafka_sasl_mechanism and config.kafka_sasl_username and config.kafka_sasl_password
    ):
        raise ConfigError(
            f"kafka.security_protocol is {config.kafka_security_protocol}; it wants kafka.sasl_mechanism, "
            "kafka.sasl_username and kafka.sasl_password."
        )
    if not uses_sasl and config.kafka_sasl_mechanism:
        raise ConfigError(
            f"kafka.sasl_mechanism is set and kafka.security_protocol is {config.kafka_security_protocol}; "
            "wanted SASL_PLAINTEXT or SASL_SSL."
        )
    if config.kafka_ssl_keyfile and not config.kafka_ssl_certfile:
        raise ConfigError(
            "kafka.ssl_keyfile is set without kafka.ssl_certfile; name the certificate of the key."
        )


def _check_open_address(  # noqa: PLR0913, PLR0917 - the names of one endpoint's settings
    config: Config, host: str, secret: str, certificate: str, key: str, what: str
) -> None:
    """Refuse half a certificate, and an address that others can reach without proof of who asks."""

    def value(name: str) -> object:
        return getattr(config, name.replace(".", "_"))

    if (value(certificate) is None) != (value(key) is None):
        raise ConfigError(f"One of {certificate} and {key} is set; name both, the certificate and its key.")
    lacking = [name for name in (secret, certificate) if value(name) is None]
    if lacking and not is_loopback(str(value(host))):
        raise ConfigError(
            f"{host} is {value(host)}, which others can reach, and {' and '.join(lacking)} not set; "
            f"name {what} and a certificate, or set {host} to 127.0.0.1."
        )
