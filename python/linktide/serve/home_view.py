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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linktide.serve.api import PageApi

    Facts = dict[str, object]

SHOWN_ANCHORS: Final = 10
SHOWN_ALERTS: Final = 20
SHOWN_SOURCES: Final = 20

BASELINE_DAYS: Final = 28
LEAST_DAYS: Final = 7
"""Of the view link_velocity_baseline: days that it looks at, and those it wants to tell a spike."""
_BASELINE: Final = """
SELECT target_domain, gained_last_day AS gained, lost_last_day AS lost,
       coalesce(baseline_days, 0) AS usual_days, gained_spread AS usual_width,
       CASE WHEN gained_spike_above IS NOT NULL THEN gained_mean END AS usual_gained,
       CASE WHEN lost_spike_above IS NOT NULL THEN lost_mean END AS usual_lost,
       coalesce(gained_last_day > gained_spike_above, false) AS is_gain_spike,
       coalesce(lost_last_day > lost_spike_above, false) AS is_loss_spike
FROM link_velocity_baseline
WHERE {among}
"""
_NO_DAY: Final = {
    "gained": 0, "lost": 0, "usual_days": 0, "usual_width": None, "usual_gained": None, "usual_lost": None,
    "is_gain_spike": False, "is_loss_spike": False,
}  # fmt: skip
_DAYS: Final = """
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


def home_calls(page: PageApi) -> dict[str, Callable[[], Any]]:
    """Return the readings of the page by name, in their order; each blocks, the first costs nothing.

    They raise RetryError while the store is not open.
    """
    names = [name for name, _ in page.tracked]
    tracked: dict[str, Callable[[], Any]] = {
        "velocity": lambda: last_days(page, names),
        "refdomains": lambda: {
            row["domain_name"]: row["refdomains"] for row in page.read(TRACKED_SQL, [names]).to_pylist()
        },
    }
    return {
        "counted": lambda: page.domains(names) if names else [],
        "alerts": lambda: _alerts(page),
        "sources": lambda: page.read(_SOURCES, [SHOWN_SOURCES]).to_pylist(),
        "newest": lambda: newest(page),
        **(tracked if names else {}),
        "anchors": lambda: _anchors(page),
    }


def home(page: PageApi, found: Mapping[str, Any]) -> Facts:
    """Return the facts of the page from what was read by now; what was not is None."""
    rows = found.get("newest")
    return {
        "health": page.health(),
        "domains": _domains(page, found),
        "now": page.now(),
        "newest": rows,
        # From here on the live feed tells.
        "newest_rev": max((row["rev"] for row in rows or ()), default=0),
        "is_followed": bool(page.tracked),
        "alerts": found.get("alerts", ()),
        "is_alerts_read": "alerts" in found,
        "anchors": found.get("anchors"),
        "sources": found.get("sources"),
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


def _domains(page: PageApi, found: Mapping[str, Any]) -> list[Facts]:
    refdomains, velocity = found.get("refdomains"), found.get("velocity")
    return [
        {
            "name": name,
            "role": role,
            "live_links": 0 if counted is None else counted["live_links"],
            "authority": None if counted is None else counted["authority"],
            "authority_note": "not met yet" if counted is None else counted["authority_note"],
            "refdomains": None if refdomains is None else refdomains.get(name, 0),
            "last_day": None if velocity is None else velocity[name],
        }
        for (name, role), counted in zip(page.tracked, found["counted"], strict=True)
    ]


def last_days(page: PageApi, names: Sequence[str]) -> dict[str, Facts]:
    """Return the last 24 hours of each domain beside its baseline; they end with the newest event."""
    wanted = among("target_domain", len(names), 1)
    usual = page.read(_BASELINE.format(among=wanted), list(names)).to_pylist()
    days = page.read(_DAYS.format(among=f"v.{wanted}", days=BASELINE_DAYS + 1), list(names)).to_pylist()
    facts: dict[str, Facts] = {name: dict(_NO_DAY) for name in names}
    for row in usual:
        facts[row.pop("target_domain")] = row
    for name, told in facts.items():
        told["spark"] = _spark(
            {row["days_ago"]: (row["gained"], row["lost"]) for row in days if row["target_domain"] == name}
        )
    return facts


def _spark(by_days_ago: Mapping[int, tuple[int, int]]) -> Facts:
    days = range(max(by_days_ago, default=0), -1, -1)
    pairs = [by_days_ago.get(ago, (0, 0)) for ago in days]
    return {
        "x": [-ago for ago in days],
        "series": [
            {"label": "Gained", "kind": "bars", "tone": "gain", "values": [one for one, _ in pairs]},
            {"label": "Lost", "kind": "bars", "tone": "loss", "values": [-one for _, one in pairs]},
        ],
        "is_spark": True,
    }


def _anchors(page: PageApi) -> list[Mapping[str, object]]:
    """Return what most domains say that link to the tracked domains of one's own."""
    own = [name for name, role in page.tracked if role == "own"]
    if not own:
        return []
    sql = _ANCHORS.format(among=among("target_domain", len(own), 2))
    rows: list[Mapping[str, object]] = page.read(sql, [SHOWN_ANCHORS, *own]).to_pylist()
    return rows


def _alerts(page: PageApi) -> list[Mapping[str, object]]:
    """Return the newest alerts."""
    return shown_alerts(page.read(ALERTS_SQL, [SHOWN_ALERTS]).to_pylist())
