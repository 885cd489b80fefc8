"""The file beside the database by which commands find a running service."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from linktide.serve.private_file import write_private

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What the file says."""

    pid: int
    http_host: str
    http_port: int
    started_at: str
    """ISO 8601, UTC."""
    version: str
    sql_host: str | None = None
    sql_port: int | None = None
    """Null: the service answers no SQL clients."""


def service_file(database: Path) -> Path:
    """Return where the service of a database says how it is reached."""
    return database.with_name(database.name + ".service.json")


def write_service_file(database: Path, facts: ServiceFacts) -> None:
    """Write the file at once or not at all, readable by its owner alone; one left behind is replaced.

    Called after the port is bound: whoever reads the file can connect. Raises OSError.
    """
    write_private(service_file(database), json.dumps(asdict(facts)) + "\n")


def remove_service_file(database: Path, facts: ServiceFacts) -> None:
    """Remove the file if it still says the same: a later service may have written its own."""
    path = service_file(database)
    with suppress(OSError, ValueError):
        if json.loads(path.read_text("utf-8")) == asdict(facts):
            path.unlink()
