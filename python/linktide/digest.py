"""The digest: what happened to tracked domains since a time, at most 20 rows, the most valuable first."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_ROWS: Final = 20
COLUMNS: Final = (
    *("what", "target_domain", "source_domain", "links", "authority", "lost_reason", "told"),
    *("example_url", "newest_at"),
)
_AGO: Final = re.compile(r"(\d{1,4})([hd])")
# Alerts first, by severity; then links by the authority of the domain they come from, losses before gains. A
# domain with many links is one row.
_SQL: Final = """
WITH turns AS (
    SELECT CASE WHEN list_contains({rivals}, target_domain) THEN 'rival ' || change ELSE change END AS what,
           target_domain, source_domain, count(DISTINCT link_id) AS links, mode(lost_reason) AS lost_reason,
           min(source_url) AS example_url, max(changed_at) AS newest_at
    FROM new_lost
    WHERE list_contains({tracked}, target_domain) AND changed_at >= TIMESTAMPTZ '{since}'
          AND NOT (change = 'lost' AND list_contains({rivals}, target_domain))
    GROUP BY ALL
), told AS (
    SELECT 0 AS place, CASE severity WHEN 'critical' THEN 3 WHEN 'warning' THEN 2 ELSE 1 END AS worth,
           'alert: ' || alert AS what, coalesce(domain_name, '') AS target_domain, '' AS source_domain,
           CAST(NULL AS BIGINT) AS links, CAST(NULL AS DOUBLE) AS authority, NULL AS lost_reason,
           summary AS told, NULL AS example_url, started_at AS newest_at
    FROM alerts
    WHERE NOT is_historical AND (ended_at IS NULL OR ended_at >= TIMESTAMPTZ '{since}')
    UNION ALL
    SELECT 1, coalesce(d.domain_authority, 0), t.what, t.target_domain, t.source_domain, t.links,
           d.domain_authority, t.lost_reason, NULL, t.example_url, t.newest_at
    FROM turns t LEFT JOIN domains d ON d.domain_name = t.source_domain
)
SELECT what, target_domain, source_domain, links, authority, lost_reason, told, example_url, newest_at
FROM told
ORDER BY place, worth DESC, what = 'lost' DESC, links DESC, target_domain, source_domain
LIMIT {most}
"""


def since_of(text: str, now: datetime, timezone: str) -> datetime:
    """Return the time that a text means: today, yesterday, 24h, 7d, or ISO 8601.

    A day begins in the time zone. Raises ValueError if it means none.
    """
    zone = ZoneInfo(timezone)
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if text == "today":
        return midnight
    if text == "yesterday":
        return midnight - timedelta(days=1)
    if found := _AGO.fullmatch(text):
        return now - timedelta(hours=int(found[1]) * (24 if found[2] == "d" else 1))
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=zone)


def digest_sql(since: datetime, own: Sequence[str], rivals: Sequence[str]) -> str:
    """Return the statement of a digest; names of domains are those of settings, which are checked."""
    return _SQL.format(
        since=since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00"),
        tracked=_texts([*own, *rivals]),
        rivals=_texts(rivals),
        most=MOST_ROWS,
    )


def digest_html(rows: Sequence[Mapping[str, Any]], since: datetime) -> str:
    """Return the digest as a page without scripts or links: what strangers wrote stays text."""
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(_shown(row[name]))}</td>" for name in COLUMNS) + "</tr>"
        for row in rows
    )
    title = f"linktide since {since.isoformat(timespec='minutes')}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body><h1>{title}</h1>\n<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"
        "</body></html>\n"
    )


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _texts(names: Sequence[str]) -> str:
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    return f"CAST([{quoted}] AS VARCHAR[])"
