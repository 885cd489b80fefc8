"""What a configuration names, opened or as settings of its room: for the service, and where none runs."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from linktide.errors import ConfigError
from linktide.index import URL_POLICY_VERSION, Decoder, scan_record_batches
from linktide.pipeline import PipelineSettings
from linktide.restore import rel_weights
from linktide.store.database import Database, PinVersions, StoreSettings
from linktide.store.reader import QueryLimits, ReaderSettings
from linktide.suffixes import misplaced, read_suffix_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from linktide.config import Config
    from linktide.metrics.values import Metrics
    from linktide.sources.kafka import KafkaRanges
    from linktide.sources.source import Source
    from linktide.store.database import Pins


def now_us() -> int:
    """Return the wall clock in Unix µs."""
    return time.time_ns() // 1_000


def kafka_source(
    config: Config, is_stopping: Callable[[], bool], metrics: Metrics, *, is_bounded: bool = False
) -> Source | None:
    """Return the configured Kafka source, None if no broker is named.

    A bounded one is exhausted at the ends that its topics have when it is opened.
    """
    if not config.kafka_bootstrap_servers:
        return None
    # The client of Kafka is a tenth of what a start imports: who names no broker need not wait for it.
    from linktide.sources.kafka import KafkaSource, kafka_settings  # noqa: PLC0415

    return KafkaSource(
        replace(kafka_settings(config), is_bounded=is_bounded),
        scan=scan_record_batches,
        now_us=now_us,
        is_stopping=is_stopping,
        count=lambda what: metrics.add(f"linktide_sources_{what}_total"),
    )


def kafka_ranges(config: Config, topics: Sequence[str], is_stopping: Callable[[], bool]) -> KafkaRanges:
    """Return a reader of stretches of topics; raises ConfigError if no broker is named."""
    if not config.kafka_bootstrap_servers:
        raise ConfigError("kafka.bootstrap_servers is empty; name the brokers that have the topics.")
    from linktide.sources.kafka import KafkaRanges, kafka_settings  # noqa: PLC0415 - as above

    settings = replace(kafka_settings(config), topics=tuple(topics))
    return KafkaRanges(settings, now_us=now_us, is_stopping=is_stopping)


def open_database(config: Config, *, is_checking_segments: bool = True) -> Database:
    """Open the configured file as its writer, or make it, pinned to the configured public suffix list.

    Raises what `Database.open` does, and ConfigError if the file was made with another URL policy, or, before
    one is made, if a domain of the configuration is none by the list.
    """
    if not config.database.exists():
        for sentence in misplaced(config, read_suffix_list(config.public_suffix_list)):
            raise ConfigError(sentence)
    settings = StoreSettings(
        config.database,
        memory_limit=f"{config.memory_limit}B",
        unverified_after_days=config.unverified_after_days,
        rel_weights=rel_weights(config),
        is_checking_segments=is_checking_segments,
    )

    def first_pins() -> PinVersions:
        suffixes = read_suffix_list(config.public_suffix_list)
        return PinVersions(URL_POLICY_VERSION, suffixes.version, suffixes.text)

    database = Database.open(settings, first_pins, datetime.now(UTC))
    if database.pins.url_policy_version != URL_POLICY_VERSION:
        database.close()
        raise ConfigError(
            f"{config.database} was made with URL policy {database.pins.url_policy_version}, this "
            f"program applies {URL_POLICY_VERSION}: import the data into a new database."
        )
    return database


def refuse_missing(config: Config) -> None:
    """Raise ConfigError if there is no database of the configured name."""
    if not config.database.exists():
        raise ConfigError(f"The database {config.database} does not exist; name another one by --database.")


@contextmanager
def opened_database(config: Config, *, is_checking_segments: bool = True) -> Iterator[Database]:
    """Open the configured file, as `open_database`, and close it when the block ends."""
    database = open_database(config, is_checking_segments=is_checking_segments)
    try:
        yield database
    finally:
        database.close()


def decoder_of(config: Config, pins: Pins) -> Decoder:
    """Return a decoder of events for a database with these pins."""
    return Decoder(
        pins.psl_text,
        pins.hash_seed,
        config.max_event_bytes,
        sightings_only_topics=config.sightings_only_topics,
    )


def reader_settings(config: Config) -> ReaderSettings:
    """Return how many readers there are and what bounds them."""
    limits = QueryLimits(
        timeout_seconds=config.statement_timeout_seconds,
        rows=config.query_max_rows,
        bytes=config.query_max_bytes,
    )
    return ReaderSettings(size=config.reader_connections, limits=limits)


def pipeline_settings(config: Config) -> PipelineSettings:
    """Return how batches are cut."""
    return PipelineSettings(
        batch_max_events=config.batch_max_events,
        batch_max_seconds=config.batch_max_seconds,
        catch_up_max_events=config.catch_up_max_events,
        queue_max_bytes=config.queue_max_bytes,
    )
