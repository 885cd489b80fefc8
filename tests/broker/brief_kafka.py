"""Clusters that live for seconds, as those of tests do: most of such a life goes to loading classes.

They take Kafka's classes from an archive, which Java makes once beside the jars, and compile little. Benches
measure, so they take a `KafkaCluster` as Java starts it by itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kafka_broker import KafkaCluster
from kafka_jars import BrokerError, cache_folder, fetch_jars, missing_programs

_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xlog:disable")
"""Java must not complain of an archive that it cannot use on standard output, where tools give answers."""


def create_brief(folder: Path, **how: Any) -> KafkaCluster:  # noqa: ANN401 - as `KafkaCluster.create` takes it
    """Create a cluster, as `KafkaCluster.create`, that starts soon and runs slowly."""
    archive = f"-XX:SharedArchiveFile={fetch_archive()}"
    return KafkaCluster.create(folder, java_options=(*_OPTIONS, archive), **how)


def fetch_archive() -> Path:
    """Return the archive of Kafka's classes for this Java, making it first if it is not there.

    Raises BrokerError. Safe to call from several processes.
    """
    jars = fetch_jars(cache_folder())
    archive = jars.with_name(f"{jars.name}-{_java_mark()}.jsa")
    if archive.exists():
        return archive
    with TemporaryDirectory(dir=jars.parent, prefix="kafka-classes-") as work:
        made = Path(work) / "made.jsa"
        options = (*_OPTIONS, f"-XX:ArchiveClassesAtExit={made}")
        cluster = KafkaCluster.create(Path(work) / "kafka", java_options=options)
        cluster.start(dies_with_caller=True)
        try:
            cluster.wait_ready()
            cluster.create_topic("any")
        finally:
            cluster.stop()
        made.replace(archive)
    return archive


def _java_mark() -> str:
    """Tell one Java from another: an archive fits the one that made it only."""
    java = shutil.which("java")
    if java is None:
        raise BrokerError(missing_programs() or "java is not on PATH")
    found = Path(java).resolve().stat()
    return f"{found.st_size:x}-{found.st_mtime_ns:x}"
