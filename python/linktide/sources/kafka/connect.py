"""Opening clients of a Kafka cluster, with one sentence for everything that can stand in the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer
from kafka.errors import (
    AuthorizationError,
    IllegalArgumentError,
    IncompatibleBrokerVersion,
    KafkaConfigurationError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
)
from kafka.net.compat import KafkaNetClient

from linktide.errors import BrokerUnreachableError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from linktide.sources.kafka.settings import KafkaSettings

_TURN_SECONDS = 4.0
"""Enough for a login over a bad line, and no longer than a stop may have to wait."""


def never() -> bool:
    """Say that nothing is to be stopped."""
    return False


def connect_consumer(
    settings: KafkaSettings, timeout_seconds: float, is_stopping: Callable[[], bool] = never
) -> KafkaConsumer:
    """Return a consumer that has spoken with the cluster.

    Raises BrokerUnreachableError if nobody answers in time, or before a stop, or the login is refused;
    ConfigError if kafka-python cannot use the settings.
    """
    return connect(settings, KafkaConsumer, settings.consumer_options(), timeout_seconds, is_stopping)


def connect(
    settings: KafkaSettings,
    client_class: Callable[..., Any],
    options: dict[str, object],
    timeout_seconds: float,
    is_stopping: Callable[[], bool] = never,
) -> Any:  # noqa: ANN401 -- kafka-python has no types
    """Return a client of any class of kafka-python that has spoken with the cluster; raises as above."""
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
        path = getattr(settings, name)
        if path is not None and not path.is_file():
            raise ConfigError(f"kafka.{name} = {path} is not a file.")
    deadline = time.monotonic() + timeout_seconds
    # kafka-python waits without an ear for anything else, so it may wait in short turns only.
    while True:
        left = max(0.0, deadline - time.monotonic())
        try:
            return _connect_once(client_class, options, min(left, _TURN_SECONDS))
        except _NoAnswerError as error:
            if left <= _TURN_SECONDS or is_stopping():
                raise _refusal(settings, error.cause, timeout_seconds) from error.cause
        except (KafkaError, OSError, ValueError, AssertionError) as error:
            raise _refusal(settings, error, timeout_seconds) from error


class _NoAnswerError(Exception):
    """Nobody answered in time; `cause` says why, if the connections knew."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _connect_once(
    client_class: Callable[..., Any], options: dict[str, object], timeout_seconds: float
) -> Any:  # noqa: ANN401 -- kafka-python has no types
    made: list[KafkaNetClient] = []
    failures: list[Exception] = []

    def make_client(**configs: object) -> KafkaNetClient:
        made.append(_ListeningClient(failures.append, **configs))
        return made[-1]

    limits = {"bootstrap_timeout_ms": max(1, int(timeout_seconds * 1000)), "kafka_client": make_client}
    try:
        return client_class(**options, **limits)
    except (KafkaError, OSError, ValueError, AssertionError) as error:
        for client in made:
            # The class keeps its half-made client to itself when it fails, with a running thread in it.
            client.close()
        if not isinstance(error, KafkaTimeoutError):
            raise
        # It says only that time ran out; why, the connections knew. A broker that refuses a login
        # sometimes hangs up before it says so.
        refusals = [one for one in failures if isinstance(one, SaslAuthenticationFailedError)]
        raise _NoAnswerError((refusals or failures or [error])[-1]) from error


class _ListeningClient(KafkaNetClient):  # type: ignore[misc]  # kafka-python has no types
    """Hears why connections fail; kafka-python only logs it."""

    def __init__(self, hear: Callable[[Exception], None], **configs: object) -> None:
        super().__init__(**configs)
        connect_plainly = self._manager.get_connection

        def get_connection(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- kafka-python has no types
            connection = connect_plainly(*arguments, **options)
            connection.init_future.add_errback(hear)
            return connection

        self._manager.get_connection = get_connection


def _refusal(
    settings: KafkaSettings, error: Exception, timeout_seconds: float
) -> BrokerUnreachableError | ConfigError:
    servers = f"kafka.bootstrap_servers = {settings.servers_text}"
    if isinstance(error, SaslAuthenticationFailedError):
        return BrokerUnreachableError(
            f"The Kafka cluster at {servers} refused the login of kafka.sasl_username = "
            f"{settings.sasl_username!r} by kafka.sasl_mechanism = {settings.sasl_mechanism}: {error}."
        )
    if isinstance(error, (AuthorizationError, IncompatibleBrokerVersion)):
        return BrokerUnreachableError(f"The Kafka cluster at {servers} refused us: {error}.")
    if isinstance(
        error, (KafkaConfigurationError, IllegalArgumentError, OSError, ValueError, AssertionError)
    ):
        return ConfigError(f"The Kafka settings cannot be used ({servers}): {error}.")
    login = (
        f", the login of kafka.sasl_username = {settings.sasl_username!r}" if settings.sasl_username else ""
    )
    return BrokerUnreachableError(
        f"No Kafka broker answered at {servers} within {timeout_seconds:g} s "
        f"(kafka.security_protocol = {settings.security_protocol}; {error}): check the addresses{login} and "
        "that a broker listens there."
    )
