"""Streams of links told hour by hour, as they happened, and services that take them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from linktide.sources.memory import chunk_lines
from pipeline.whole import LINKS, memory_of, opened, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from linktide.index import LinkIndex
    from linktide.sources.source import Chunk

START = datetime(2026, 9, 1, tzinfo=UTC)
OWN = "own.example"


def link(kind: str, hour: float, number: int, *, target: str = OWN, **fields: object) -> dict[str, Any]:
    """Return an event of the numbered link, so many hours after START."""
    return {
        "event": kind,
        "observed_at": (START + timedelta(hours=hour)).isoformat(),
        "source_url": f"https://s{number}.example/p",
        "target_url": f"https://{target}/",
        **fields,
    }


def usual_days(days: int, a_day: int = 4, *, target: str = OWN) -> list[dict[str, Any]]:
    """Return days in which so many links are found, and as many lost a day later."""
    found = []
    for day in range(days):
        for turn in range(a_day):
            number, hour = day * a_day + turn, 24 * day + turn * 24 / a_day
            found.append(link("discovered", hour, number, target=target))
            found.append(link("lost", hour + 24.5, number, target=target))
    return sorted(found, key=lambda event: event["observed_at"])


def moved(events: Iterable[dict[str, Any]], to: datetime) -> list[dict[str, Any]]:
    """Return the events so that the twelfth day ends at an instant."""
    by = to - (START + timedelta(days=12))
    return [
        event | {"observed_at": (datetime.fromisoformat(event["observed_at"]) + by).isoformat()}
        for event in events
    ]


def chunks(events: Iterable[dict[str, Any]], *, late: timedelta = timedelta()) -> list[Chunk]:
    """Return a chunk for each hour, received when its last event happened or so much later."""
    by_hour: dict[str, list[dict[str, Any]]] = {}
    for event in sorted(events, key=lambda one: one["observed_at"]):
        by_hour.setdefault(event["observed_at"][:13], []).append(event)
    told: list[Chunk] = []
    offset = 0
    for group in by_hour.values():
        lines = [json.dumps(event).encode() for event in group]
        at = datetime.fromisoformat(group[-1]["observed_at"]) + late
        told += chunk_lines(
            LINKS,
            lines,
            lines_per_chunk=len(lines),
            received_at_us=int(at.timestamp() * 1e6),
            first_offset=offset,
        )
        offset += len(lines)
    return told


def take(
    path: Path,
    events: Iterable[dict[str, Any]],
    *,
    late: timedelta = timedelta(),
    at: Callable[[str, LinkIndex], None] | None = None,
    **settings: Any,  # noqa: ANN401 - as `load` takes them
) -> list[dict[str, Any]]:
    """Run a service on these events, a batch an hour; return its alerts."""
    given: dict[str, Any] = {"tracked_domains": (OWN,), "batch_max_events": 4, "snapshot_every_seconds": 0}
    run(path, [memory_of(chunks(events, late=late))], at, **given | settings)
    return alerts(path)


def alerts(path: Path) -> list[dict[str, Any]]:
    """Return the rows of the view."""
    with opened(path) as stopped:
        columns = [name for name, *_ in stopped.query("DESCRIBE alerts")]
        rows = stopped.query("FROM alerts ORDER BY started_at, alert_id")
        return [dict(zip(columns, row, strict=True)) for row in rows]


QUIET = usual_days(12)
MANY = [link("discovered", 24 * 2.5, 1000 + number) for number in range(40)]
BURST = [link("lost", 12 * 24 + 2 + number / 100, 1000 + number) for number in range(40)]
BURST_STORY = [*QUIET, *MANY, *BURST]
"""Usual days, and then forty links lost within half an hour."""
