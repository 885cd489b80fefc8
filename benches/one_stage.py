"""A measurement in a process of its own: `main` is that process, `sample` asks for one.

Its own process, because memory, allocator and caches of one stage must not reach into the next.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import capture
from broker import KafkaCluster
from measure import load_average
from report import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from measure import Usage


class LeftOutError(Exception):
    """What is to be measured is not here; the text says what is missing."""


@dataclass(slots=True)
class Result:
    """What one measurement found."""

    events: int
    """Accepted and refused."""
    usage: Usage
    more: dict[str, float] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    """CPU seconds by part."""
    version: str = ""
    """Of a peer."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is measured, and on what."""

    folder: Path
    """Of its own, empty, for database files."""
    captured: Path | None = None
    broker: Path | None = None
    """The folder of a cluster that runs."""
    topic: str = ""
    events: int = 0
    """Records of the topic."""

    @property
    def cluster(self) -> KafkaCluster:
        """The cluster; raises ValueError if none was named."""
        if self.broker is None:
            raise ValueError("this stage reads a topic: name the folder of its cluster by --broker")
        return KafkaCluster.open(self.broker)

    @property
    def servers(self) -> str:
        """Where the cluster answers."""
        return ",".join(self.cluster.bootstrap_servers)

    def data(self) -> capture.Capture:
        """Read the captured chunks; raises ValueError if none were named."""
        if self.captured is None:
            raise ValueError("this stage reads captured chunks: name them by --capture")
        return capture.read(self.captured)


def main(stages: Mapping[str, Callable[[Request], Result]]) -> int:
    """Measure the stage that the command line names, and print one line of JSON."""
    parser = argparse.ArgumentParser(description="Measure one stage in this process.", allow_abbrev=False)
    parser.add_argument("stage", choices=sorted(stages))
    parser.add_argument("--folder", type=Path, required=True, help="where a folder of its own is made")
    parser.add_argument("--capture", type=Path)
    parser.add_argument("--broker", type=Path, help="the folder of a cluster that runs")
    parser.add_argument("--topic", default="")
    parser.add_argument("--events", type=int, default=0, help="records of the topic")
    given = parser.parse_args()
    load_before = load_average()
    with tempfile.TemporaryDirectory(prefix="linktide-bench-", dir=given.folder) as folder:
        request = Request(Path(folder), given.capture, given.broker, given.topic, given.events)
        try:
            result = stages[given.stage](request)
        except (ImportError, LeftOutError) as error:
            sys.stdout.write(json.dumps({"left_out": str(error)}) + "\n")
            return 0
    told = {
        "events": result.events,
        "wall_seconds": result.usage.wall,
        "cpu_seconds": result.usage.cpu,
        "load_average": load_before,
        "more": result.more,
        "parts": result.stages,
        "version": result.version,
    }
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def sample(script: Path, stage: str, corpus: str, number: int, options: Sequence[str]) -> Sample | str:
    """Measure in a new process; return the sample, or why the stage is left out. Raises SystemExit."""
    command = [sys.executable, str(script), stage, *options]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - ourselves
    if result.returncode != 0:
        raise SystemExit(f"stage {stage} on {corpus} failed; what it said stands above")
    told = json.loads(result.stdout.splitlines()[-1])
    if "left_out" in told:
        return str(told["left_out"])
    return Sample(stage=stage, corpus=corpus, round=number, **told)
