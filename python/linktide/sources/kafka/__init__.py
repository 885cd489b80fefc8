"""Kafka as a source, through kafka-python, whose fetched bytes go undecoded to the core."""

from linktide.sources.kafka.ranges import KafkaRanges
from linktide.sources.kafka.settings import KafkaSettings, kafka_settings
from linktide.sources.kafka.source import KafkaSource

__all__ = ["KafkaRanges", "KafkaSettings", "KafkaSource", "kafka_settings"]
