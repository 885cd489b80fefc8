"""What alerts read and write, all of it in the transaction of a batch or one of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from linktide.alerts.change import Change

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)
SHOWN_ROWS: Final = 20
"""Most rows of evidence."""

_ADD_HOURS: Final = """
INSERT INTO internal.tracked_hours
SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)
ON CONFLICT (domain_name, hour) DO UPDATE SET
    gained_dofollow = gained_dofollow + excluded.gained_dofollow,
    gained_nofollow = gained_nofollow + excluded.gained_nofollow,
    lost_dofollow = lost_dofollow + excluded.lost_dofollow,
    lost_nofollow = lost_nofollow + excluded.lost_nofollow
"""
# The first hour stays: it tells since when the domain is known.
_DROP_HOURS: Final = """
DELETE FROM internal.tracked_hours h WHERE hour < ? AND hour > (
    SELECT min(f.hour) FROM internal.tracked_hours f WHERE f.domain_name = h.domain_name)
"""
_PUT_SCORE: Final = """
INSERT INTO internal.tracked_scores VALUES (?, ?, ?)
ON CONFLICT (domain_name, hour) DO UPDATE SET authority = excluded.authority
"""
_OPEN: Final = """
SELECT alert_id, alert, domain_name, severity, started_at, inhibited_by, summary, CAST(evidence AS VARCHAR),
       CAST(offsets AS VARCHAR)
FROM main.alerts WHERE ended_at IS NULL AND NOT is_historical
"""
# What a link is worth beside the others of its target: the page against the best pages, the domain against
# the referring domains, of the live links and those asked for.
_IMPORTANT: Final = """
WITH asked AS (
    SELECT l.link_id, l.source_key, l.s_dom_key, l.source_url, l.target_url, l.source_domain, l.anchor, l.rel
    FROM internal.link_attributes l
    WHERE l.target_domain = $domain AND list_contains($links, l.link_id)
), live AS (
    SELECT source_domain, domain_authority, page_authority
    FROM main.backlinks WHERE target_domain = $domain
), scored AS (
    SELECT a.*, s.domain_authority,
           CASE WHEN w.is_authority_shown THEN coalesce(p.page_authority, 0) END AS page_authority,
           (SELECT count(*) FROM live v WHERE v.source_domain = a.source_domain) AS links_left
    FROM asked a
    CROSS JOIN internal.writer w
    LEFT JOIN internal.shown_scores s ON s.domain_key = a.s_dom_key
    LEFT JOIN internal.shown_page_scores p ON p.page_key = a.source_key
), everyone AS (
    SELECT source_domain, domain_authority, page_authority FROM live
    UNION ALL SELECT source_domain, domain_authority, page_authority FROM scored WHERE NOT $is_live
), referring AS (
    SELECT source_domain, max(domain_authority) AS domain_authority FROM everyone GROUP BY source_domain
), marks AS (
    SELECT (SELECT quantile_disc(domain_authority, 0.9) FROM referring) AS domain_mark,
           (SELECT count(*) FROM everyone) AS links,
           (SELECT list(page_authority ORDER BY page_authority DESC) FROM everyone) AS pages
)
SELECT s.link_id, s.source_url, s.target_url, s.source_domain, s.anchor, s.rel, s.domain_authority,
       s.page_authority, s.links_left,
       s.page_authority > 0 AND s.page_authority >= m.pages[
           least(greatest(5, CAST(ceil(m.links / 100) AS BIGINT)), len(m.pages))] AS is_best_page,
       s.domain_authority > 0 AND s.domain_authority >= m.domain_mark AS is_top_domain
FROM scored s CROSS JOIN marks m
"""
_ENDS: Final = """
SELECT link_id, arg_max(lost_reason, started_at) AS lost_reason
FROM internal.lives WHERE target_domain = $domain AND list_contains($links, link_id) GROUP BY link_id
"""
_SOURCES: Final = """
SELECT l.source_domain, count(*) AS links, mode(t.lost_reason) AS lost_reason,
       min(l.source_url) AS example_url
FROM internal.life_turns t
JOIN internal.links l
    ON l.link_id = t.link_id AND l.target_domain = t.target_domain AND l.source_domain <> l.target_domain
WHERE t.target_domain = $domain AND t.is_loss = $is_loss AND t.changed_at >= $since
GROUP BY l.source_domain ORDER BY links DESC, l.source_domain LIMIT $most
"""
_DAYS: Final = """
SELECT date_diff('day', TIMESTAMPTZ '1970-01-01 00:00:00+00', hour) AS day,
       CAST(sum(new_links + restored_links) AS BIGINT), CAST(sum(lost_links) AS BIGINT)
FROM main.link_velocity WHERE target_domain = ? GROUP BY day ORDER BY day
"""
WAITING_NOTICES: Final = """
SELECT notice_id, body FROM internal.alert_notices WHERE delivered_at IS NULL ORDER BY noted_at, notice_id
"""
"""The calls not answered yet, the oldest first."""
_KEPT_NOTICES: Final = timedelta(days=30)


def at_us(instant: datetime) -> int:
    """Return µs since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def time_of(at: int) -> datetime:
    """Return the time of µs since 1970."""
    return _EPOCH + timedelta(microseconds=at)


def _hour(hour: int) -> datetime:
    return _EPOCH + hour * _HOUR


def read_hours(connection: DuckDBPyConnection) -> list[tuple[str, int, tuple[int, int, int, int]]]:
    """Return (domain, hour since 1970, counts) of all that is kept."""
    rows = connection.execute("FROM internal.tracked_hours ORDER BY ALL").fetchall()
    return [(name, (hour - _EPOCH) // _HOUR, tuple(counts)) for name, hour, *counts in rows]


def add_hours(
    connection: DuckDBPyConnection, counted: Mapping[tuple[str, int], Sequence[int]], drop_before: int | None
) -> None:
    """Count news by (domain, hour since 1970), and drop hours before one if asked to."""
    if counted:
        names, hours = zip(*counted, strict=True)
        columns = [list(column) for column in zip(*counted.values(), strict=True)]
        connection.execute(_ADD_HOURS, [list(names), [_hour(one) for one in hours], *columns]).fetchall()
    if drop_before is not None:
        connection.execute(_DROP_HOURS, [_hour(drop_before)]).fetchall()


def read_scores(connection: DuckDBPyConnection) -> list[tuple[str, int, float]]:
    """Return (domain, hour since 1970, authority) of all that is kept."""
    rows = connection.execute("FROM internal.tracked_scores ORDER BY ALL").fetchall()
    return [(name, (hour - _EPOCH) // _HOUR, authority) for name, hour, authority in rows]


def put_scores(
    connection: DuckDBPyConnection, hour: int, scores: Mapping[str, float], drop_before: int
) -> None:
    """Store the scores of an hour, and drop those before another one."""
    for name, authority in scores.items():
        connection.execute(_PUT_SCORE, [name, _hour(hour), authority]).fetchall()
    connection.execute("DELETE FROM internal.tracked_scores WHERE hour < ?", [_hour(drop_before)]).fetchall()


def read_open(connection: DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the alerts that fire or are inhibited, each as the fields of a Change."""
    rows = connection.execute(_OPEN).fetchall()
    return [
        {
            "alert_id": alert_id,
            "alert": alert,
            "domain_name": name,
            "severity": severity,
            "is_historical": False,
            "started_us": at_us(began),
            "ended_us": None,
            "inhibited_by": why,
            "summary": summary,
            "evidence": json.loads(evidence),
            "offsets": json.loads(offsets),
        }
        for alert_id, alert, name, severity, began, why, summary, evidence, offsets in rows
    ]


def known_ids(connection: DuckDBPyConnection, ids: Iterable[str]) -> set[str]:
    """Return which of these alerts were told before."""
    rows = connection.execute(
        "SELECT DISTINCT alert_id FROM internal.alert_changes WHERE list_contains(?, alert_id)", [list(ids)]
    ).fetchall()
    return {alert_id for (alert_id,) in rows}


def append_changes(connection: DuckDBPyConnection, changes: Sequence[Change], noted_at: datetime) -> None:
    """Store changes of alerts in order."""
    rows = connection.execute("SELECT coalesce(max(change_number), 0) FROM internal.alert_changes").fetchall()
    for number, one in enumerate(changes, int(rows[0][0]) + 1):
        ended = None if one.ended_us is None else time_of(one.ended_us)
        connection.execute(
            "INSERT INTO internal.alert_changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                one.alert_id, one.alert, one.domain_name, one.severity, one.is_historical,
                time_of(one.started_us),
                ended, one.inhibited_by, one.summary, as_json(one.evidence), as_json(one.offsets),
                noted_at, number,
            ],
        ).fetchall()  # fmt: skip


def as_json(value: object) -> str:
    """Write rows as JSON; times as text."""
    return json.dumps(value, ensure_ascii=False, default=str)


def important_links(
    connection: DuckDBPyConnection, domain: str, links: Sequence[int], *, is_lost: bool
) -> list[dict[str, Any]]:
    """Return those of the links that matter to their target, the best first.

    Lost ones matter if their page was among the best, or if they were the last of a domain in the top tenth;
    live ones if either the page or the domain is.
    """
    if not connection.execute("SELECT is_authority_shown FROM internal.writer").fetchall()[0][0]:
        return []
    wanted = {"domain": domain, "links": list(links), "is_live": not is_lost}
    found: list[dict[str, Any]] = []
    for row in _dicts(connection, _IMPORTANT, wanted):
        is_best, is_top = row.pop("is_best_page"), row.pop("is_top_domain")
        if is_best or (is_top and not (is_lost and row["links_left"])):
            found.append(row)
    found.sort(
        key=lambda row: (-(row["page_authority"] or 0), -(row["domain_authority"] or 0), row["link_id"])
    )
    found = found[:SHOWN_ROWS]
    if is_lost and found:
        parameters = {"domain": domain, "links": [row["link_id"] for row in found]}
        reasons = dict(connection.execute(_ENDS, parameters).fetchall())
        for row in found:
            row["lost_reason"] = reasons.get(row["link_id"])
    return found


def spike_sources(
    connection: DuckDBPyConnection, domain: str, since_us: int, *, is_loss: bool
) -> list[dict[str, object]]:
    """Return the source domains behind what was gained or lost since then, the largest first."""
    wanted = {"domain": domain, "is_loss": is_loss, "since": time_of(since_us), "most": SHOWN_ROWS}
    return _dicts(connection, _SOURCES, wanted)


def day_totals(connection: DuckDBPyConnection, domain: str) -> list[tuple[int, int, int]]:
    """Return (days since 1970, gained, lost) of a domain, by the tables."""
    return [(day, gained, lost) for day, gained, lost in connection.execute(_DAYS, [domain]).fetchall()]


def _dicts(connection: DuckDBPyConnection, sql: str, parameters: dict[str, object]) -> list[dict[str, Any]]:
    told = connection.execute(sql, parameters)
    names = [column[0] for column in told.description or ()]
    return [dict(zip(names, row, strict=True)) for row in told.fetchall()]


def add_notices(
    connection: DuckDBPyConnection, notices: Iterable[tuple[str, str, str, str]], noted_at: datetime
) -> None:
    """Store calls to make: (notice id, alert id, state, body)."""
    for notice in notices:
        connection.execute(
            "INSERT INTO internal.alert_notices VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING",
            [*notice, noted_at],
        ).fetchall()


def count_waiting(connection: DuckDBPyConnection) -> int:
    """Return how many calls wait."""
    rows = connection.execute(
        "SELECT count(*) FROM internal.alert_notices WHERE delivered_at IS NULL"
    ).fetchall()
    return int(rows[0][0])


def strike_notices(connection: DuckDBPyConnection, ids: Iterable[str], delivered_at: datetime) -> None:
    """Note that calls were answered."""
    for notice_id in ids:
        connection.execute(
            "UPDATE internal.alert_notices SET delivered_at = ? WHERE notice_id = ?",
            [delivered_at, notice_id],
        ).fetchall()
        connection.execute(
            "DELETE FROM internal.alert_notices WHERE delivered_at < ?", [delivered_at - _KEPT_NOTICES]
        ).fetchall()
