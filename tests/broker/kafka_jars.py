"""The jars of Apache Kafka, fetched once by Maven into a cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Artifact: TypeAlias = tuple[str, str, str]
"""Group, name, version."""
KAFKA_VERSION = "4.3.1"
LOG4J_VERSION = "2.25.4"
"""The log4j that Kafka 4.3.1 carries; its slf4j binding is not among Kafka's own dependencies."""

_REPOSITORY_ROOT = Path(__file__).resolve().parents[2]
_ARTIFACTS = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.kafka", "kafka-tools", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
)
STREAMS = (
    ("org.apache.kafka", "kafka-streams", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
)
"""Kafka Streams, for the peers of the benches alone."""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
_POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>linktide</groupId><artifactId>broker-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>{}</dependencies>
</project>
"""


class BrokerError(Exception):
    """The broker for tests cannot do what was asked; the text is one sentence."""


def missing_programs() -> str | None:
    """Return one sentence naming what a broker needs and this machine lacks, or None."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if not missing:
        return None
    return f"A real Kafka needs {' and '.join(missing)} on PATH (Java 17 or newer, Maven 3 or newer)."


def cache_folder() -> Path:
    """Return the folder for what may be fetched again: LINKTIDE_CACHE, or .cache at the repository root."""
    return Path(os.environ.get("LINKTIDE_CACHE") or _REPOSITORY_ROOT / ".cache").resolve()


def fetch_jars(cache: Path, what: str = "kafka", artifacts: Iterable[Artifact] = _ARTIFACTS) -> Path:
    """Return the folder of jars below `cache`, Kafka's by default, fetching them first if it is not there.

    Raises BrokerError if java or mvn is missing or Maven fails. Safe to call from several processes.
    """
    jars = cache / f"{what}-{KAFKA_VERSION}"
    if jars.is_dir():
        return jars
    reason = missing_programs()
    if reason is not None:
        raise BrokerError(reason)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="kafka-jars-") as work_name:
        work = Path(work_name)
        _run_maven(work, artifacts)
        try:
            (work / "jars").rename(jars)
        except OSError:
            # Another process was first; its folder is complete, because it arrived by a rename too.
            if not jars.is_dir():
                raise
    return jars


def _run_maven(work: Path, artifacts: Iterable[Artifact]) -> None:
    pom = work / "pom.xml"
    pom.write_text(_POM.format("".join(_DEPENDENCY.format(*artifact) for artifact in artifacts)))
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DoutputDirectory=jars"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=work)
    if result.returncode != 0:
        problem = next((line for line in result.stdout.splitlines() if "ERROR" in line), "no error line")
        raise BrokerError(f"Maven could not fetch Kafka {KAFKA_VERSION}: {problem.strip()}")
