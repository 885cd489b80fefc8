"""Fixtures shared by all rooms: the real Kafka. It is started only by tests that ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from brief_kafka import create_brief
from hypothesis import HealthCheck, settings
from kafka_jars import missing_programs

from work_order import for_workers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kafka_broker import KafkaCluster


def pytest_configure() -> None:
    """Let no property fail for its time: that is the business of benches, and machines are busy."""
    settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests where several workers take them."""
    if hasattr(config, "workerinput"):
        items[:] = for_workers(items)


def _start(folder: Path, *, is_secure: bool = False) -> Iterator[KafkaCluster]:
    reason = missing_programs()
    if reason is not None:
        pytest.skip(reason)
    cluster = create_brief(folder, has_sasl=is_secure, has_ssl=is_secure)
    try:
        # A run that is killed, by a timeout for one, must leave no broker behind.
        cluster.start(dies_with_caller=True)
        cluster.wait_ready()
        yield cluster
    finally:
        cluster.destroy()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """One Kafka node for the whole session; a test uses topics of its own and leaves the node alone."""
    yield from _start(tmp_path_factory.mktemp("broker") / "kafka")


@pytest.fixture(scope="session")
def secure_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """One Kafka node with SASL_PLAINTEXT and SSL listeners beside the plain one."""
    yield from _start(tmp_path_factory.mktemp("broker") / "kafka", is_secure=True)


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[KafkaCluster]:
    """One Kafka node that a test may stop, kill and damage."""
    yield from _start(tmp_path / "kafka")
