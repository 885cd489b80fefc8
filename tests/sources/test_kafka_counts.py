from __future__ import annotations

from typing import TYPE_CHECKING

from kafka.errors import KafkaError

from linktide.config import Config
from linktide.configured import kafka_source
from linktide.metrics.values import Metrics
from linktide.sources.kafka import KafkaSettings, KafkaSource
from linktide.sources.kafka.commits import OffsetHints

if TYPE_CHECKING:
    import pytest


def test_each_failed_commit_is_told_and_the_first_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[str] = []
    settings = KafkaSettings(bootstrap_servers=("k:9092",), topics=("t",))
    hints = OffsetHints(settings, 1.0, lambda: failures.append("x"))
    for outcome in (KafkaError("no group"), "stored", KafkaError("no group")):
        hints._done(None, outcome)  # noqa: SLF001 - as kafka-python calls it
    assert len(failures) == 2
    assert caplog.text.count("no group") == 1


def test_what_the_source_counts_is_a_metric() -> None:
    metrics = Metrics()
    config = Config(kafka_bootstrap_servers=("k:9092",), kafka_topics=("t",))
    source = kafka_source(config, lambda: False, metrics)
    assert isinstance(source, KafkaSource)
    for what in ("damaged_refetches", "commit_failures"):
        source._count(what)  # noqa: SLF001 - what its parts are given
        assert metrics.value(f"linktide_sources_{what}_total") == 1
