"""What the page at / shows: health, tracked domains beside their baseline, newest links, alerts, anchors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from linktide.json_rows import iso_utc
from linktide.serve.live_view import (
    NEWEST_CHANGES,
    SCANNED_CHANGES,
    TRACKED_SQL,
    among,
    newest_since_sql,
)
from linktide.web.alerts import ALERTS_SQL, shown_alerts
from linktide.web.velocity import BASELINE_DAYS, LEAST_DAYS, last_day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linktide.serve.api import PageApi
    from linktide.web.velocity import LastDay

    Facts = dict[str, object]

SHOWN_ANCHORS: Final = 10
SHOWN_ALERTS: Final = 20
SHOWN_SOURCES: Final = 20

_VELOCITY: Final = """
SELECT v.target_domain, CAST(date_diff('hour', v.hour, w.now_hour) // 24 AS INTEGER) AS days_ago,
       CAST(sum(v.new_links + v.restored_links) AS BIGINT) AS gained,
       CAST(sum(v.lost_links) AS BIGINT) AS lost
FROM internal.velocity_delta v
CROSS JOIN (SELECT date_trunc('hour', clock) AS now_hour FROM internal.writer) w
WHERE {among} AND v.hour > w.now_hour - INTERVAL {days} DAY AND v.hour <= w.now_hour
GROUP BY v.target_domain, days_ago
"""
_ANCHORS: Final = """
SELECT anchor, CAST(sum(refdomains) AS BIGINT) AS refdomains, CAST(sum(backlinks) AS BIGINT) AS backlinks
FROM anchors
WHERE {among}
GROUP BY anchor
ORDER BY refdomains DESC, backlinks DESC, anchor
LIMIT $1
"""
_SOURCES: Final = """
SELECT source_name, topic, source_partition, next_offset, events, dead_letters, last_record_at, updated_at
FROM sources
ORDER BY updated_at DESC, topic, source_partition
LIMIT $1
"""


def home(page: PageApi) -> Facts:
    """Return all facts of the page; blocks. Raises RetryError while the store is not open."""
    # First: what comes later than this is told by the live feed.
    rows = newest(page)
    names = [name for name, _ in page.tracked]
    return {
        "health": page.health(),
        "domains": _domains(page, names),
        "now": page.now(),
        "newest": rows,
        "newest_rev": max((row["rev"] for row in rows), default=0),
        "is_followed": bool(names),
        "alerts": _alerts(page),
        "sources": page.read(_SOURCES, [SHOWN_SOURCES]).to_pylist(),
        "baseline_days": BASELINE_DAYS,
        "least_days": LEAST_DAYS,
    }


def newest(page: PageApi, since_rev: int = 0) -> list[dict[str, Any]]:
    """Return the newest links that came and went, of tracked domains if there are any, the newest first.

    Of batches after `since_rev` only: the later, the less is read. Each has `rev`, the batch that told of it.
    """
    names = [name for name, _ in page.tracked]
    roles = dict(page.tracked)
    parameters = [SCANNED_CHANGES, NEWEST_CHANGES, since_rev, *names]
    rows = page.read(newest_since_sql(len(names)), parameters).to_pylist()
    return [
        row | {"observed_at": iso_utc(row["observed_at"]), "role": roles.get(row["target_domain"])}
        for row in rows
    ]


def _domains(page: PageApi, names: Sequence[str]) -> list[Facts]:
    if not names:
        return []
    found = {row["domain_name"]: row for row in page.read(TRACKED_SQL, [list(names)]).to_pylist()}
    velocity = last_days(page, names)
    return [
        {
            "name": name,
            "role": role,
            "is_met": counted is not None,
            "live_links": 0 if counted is None else counted["live_links"],
            "authority": None if counted is None else counted["authority"],
            "authority_note": "not met yet" if counted is None else counted["authority_note"],
            "refdomains": found.get(name, {}).get("refdomains", 0),
        }
        | told_of(velocity[name])
        for (name, role), counted in zip(page.tracked, page.domains(names), strict=True)
    ]


def last_days(page: PageApi, names: Sequence[str]) -> dict[str, LastDay]:
    """Return the last 24 hours of each domain beside its baseline; they end with the newest event."""
    sql = _VELOCITY.format(among=among("v.target_domain", len(names), 1), days=BASELINE_DAYS + 1)
    by_days_ago: dict[str, dict[int, tuple[int, int]]] = {name: {} for name in names}
    for row in page.read(sql, list(names)).to_pylist():
        by_days_ago[row["target_domain"]][row["days_ago"]] = row["gained"], row["lost"]
    return {name: last_day(days) for name, days in by_days_ago.items()}


def told_of(day: LastDay) -> Facts:
    """Return a last day as the pages show it."""
    usual = day.usual_gained
    return {
        "gained": day.gained,
        "lost": day.lost,
        "usual_gained": usual.mean if usual.is_known else None,
        "usual_lost": day.usual_lost.mean if day.usual_lost.is_known else None,
        "usual_width": usual.width,
        "usual_days": usual.days,
        "is_gain_spike": usual.is_spike(day.gained),
        "is_loss_spike": day.usual_lost.is_spike(day.lost),
        "spark": {
            "x": list(range(1 - len(day.by_day), 1)),
            "series": [
                {"label": "Gained", "kind": "bars", "tone": "gain", "values": [one for one, _ in day.by_day]},
                {"label": "Lost", "kind": "bars", "tone": "loss", "values": [-one for _, one in day.by_day]},
            ],
            "is_spark": True,
        },
    }


def anchors(page: PageApi) -> list[Mapping[str, object]]:
    """Return what most domains say that link to the tracked domains of one's own; blocks, maybe for long."""
    own = [name for name, role in page.tracked if role == "own"]
    if not own:
        return []
    sql = _ANCHORS.format(among=among("target_domain", len(own), 2))
    rows: list[Mapping[str, object]] = page.read(sql, [SHOWN_ANCHORS, *own]).to_pylist()
    return rows


def _alerts(page: PageApi) -> list[Mapping[str, object]] | None:
    """Return the newest alerts; None if this store has no view of them."""
    if not page.has_view("alerts"):
        return None
    return shown_alerts(page.read(ALERTS_SQL, [SHOWN_ALERTS]).to_pylist())
