"""`linktide produce`: send a file of events to Kafka."""

from __future__ import annotations

import json
from pathlib import Path

import click

from linktide.cli import session
from linktide.cli.flags import config_options, read_config
from linktide.cli.progress import file_progress
from linktide.errors import ConfigError


@click.command("produce", short_help="Send a file of events to Kafka.")
@config_options
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--topic", metavar="NAME", help="The topic to write.  [the only one of kafka.topics]")
@click.option("--json", "is_json", is_flag=True, help="Print the count as one JSON object.")
def produce(file: Path, topic: str | None, *, is_json: bool, **flags: object) -> None:
    """Send FILE (NDJSON, one event a line) to Kafka, keyed by source host."""
    # The topic to write need not be among those to read, and none need be read.
    named = None if topic is None else (topic,)
    config = read_config(**flags, kafka_topics=named)  # type: ignore[arg-type]  # named by config_options
    if not config.kafka_bootstrap_servers:
        raise ConfigError("kafka.bootstrap_servers is not set; name the brokers as host:port.")
    if topic is None and len(config.kafka_topics) != 1:
        raise ConfigError(
            f"kafka.topics names {len(config.kafka_topics)} topics; say by --topic which one to write."
        )
    topic = topic or config.kafka_topics[0]
    with file_progress([file], "Producing") as progress:
        events = session.produce(config, file, topic, progress)
    click.echo(json.dumps({"events": events}) if is_json else f"Sent {events:,} events to the topic {topic}.")
