"""What alerts read and write, all of it in the transaction of a batch or one of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from linktide.store.link_evidence import SHOWN_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from linktide.alerts.change import Change

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)

_ADD_HOURS: Final = """
INSERT INTO internal.tracked_hours SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)
"""
_HOURS: Final = """
SELECT domain_name, hour, CAST(sum(gained_dofollow) AS INTEGER), CAST(sum(gained_nofollow) AS INTEGER),
       CAST(sum(lost_dofollow) AS INTEGER), CAST(sum(lost_nofollow) AS INTEGER)
FROM internal.tracked_hours GROUP BY domain_name, hour ORDER BY domain_name, hour
"""
# The first hour stays: it tells since when the domain is known.
_FOLD_HOURS: Final = (
    f"""
CREATE TEMP TABLE folded_hours AS FROM ({_HOURS})
WHERE hour >= $oldest
    OR (domain_name, hour) IN (SELECT domain_name, min(hour) FROM internal.tracked_hours GROUP BY domain_name)
""",  # noqa: S608 - a statement of ours
    "DELETE FROM internal.tracked_hours",
    "INSERT INTO internal.tracked_hours FROM folded_hours",
    "DROP TABLE folded_hours",
)
_PUT_SCORES: Final = """
INSERT INTO internal.tracked_scores SELECT unnest(?), ?, unnest(?)
ON CONFLICT (domain_name, hour) DO UPDATE SET authority = excluded.authority
"""
_OPEN: Final = """
SELECT alert_id, alert, domain_name, severity, started_at, inhibited_by, summary, CAST(evidence AS VARCHAR),
       CAST(offsets AS VARCHAR)
FROM main.alerts WHERE ended_at IS NULL AND NOT is_historical
"""
_CHANGE_TYPES: Final = (
    *("VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR", "BOOLEAN", "TIMESTAMPTZ", "TIMESTAMPTZ"),
    *("VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR", "TIMESTAMPTZ", "UBIGINT"),
)
_APPEND: Final = "INSERT INTO internal.alert_changes SELECT {columns} + {number}".format(
    columns=", ".join(f"unnest(CAST(? AS {kind}[]))" for kind in _CHANGE_TYPES),
    number="(SELECT coalesce(max(change_number), 0) FROM internal.alert_changes)",
)
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
_TURN_TYPES: Final = (
    *("UBIGINT", "VARCHAR", "VARCHAR", "TIMESTAMPTZ", "BOOLEAN", "BOOLEAN", "BOOLEAN"),
    *("DOUBLE", "DOUBLE", "TIMESTAMPTZ", "VARCHAR"),
)
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
    rows = connection.execute(_HOURS).fetchall()
    return [(name, (hour - _EPOCH) // _HOUR, tuple(counts)) for name, hour, *counts in rows]


def add_hours(
    connection: DuckDBPyConnection, counted: Mapping[tuple[str, int], Sequence[int]], fold_from: int | None
) -> None:
    """Count news by (domain, hour since 1970); if asked to, fold those since an hour and drop the others."""
    if counted:
        names, hours = zip(*counted, strict=True)
        columns = [list(column) for column in zip(*counted.values(), strict=True)]
        connection.execute(_ADD_HOURS, [list(names), [_hour(one) for one in hours], *columns]).fetchall()
    if fold_from is not None:
        connection.execute(_FOLD_HOURS[0], {"oldest": _hour(fold_from)}).fetchall()
        for statement in _FOLD_HOURS[1:]:
            connection.execute(statement).fetchall()


def read_scores(connection: DuckDBPyConnection) -> list[tuple[str, int, float]]:
    """Return (domain, hour since 1970, authority) of all that is kept."""
    rows = connection.execute("FROM internal.tracked_scores ORDER BY ALL").fetchall()
    return [(name, (hour - _EPOCH) // _HOUR, authority) for name, hour, authority in rows]


def put_scores(
    connection: DuckDBPyConnection, hour: int, scores: Mapping[str, float], drop_before: int | None
) -> None:
    """Store the scores of an hour, and drop those before another one if asked to."""
    connection.execute(_PUT_SCORES, [list(scores), _hour(hour), list(scores.values())]).fetchall()
    if drop_before is not None:
        connection.execute(
            "DELETE FROM internal.tracked_scores WHERE hour < ?", [_hour(drop_before)]
        ).fetchall()


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


def known_ids(connection: DuckDBPyConnection, ids: Sequence[str]) -> set[str]:
    """Return which of these alerts were told before."""
    if not ids:
        return set()
    rows = connection.execute(
        "SELECT DISTINCT c.alert_id FROM internal.alert_changes c "
        "SEMI JOIN (SELECT unnest(?) AS alert_id) a ON a.alert_id = c.alert_id",
        [list(ids)],
    ).fetchall()
    return {alert_id for (alert_id,) in rows}


def append_changes(connection: DuckDBPyConnection, changes: Sequence[Change], noted_at: datetime) -> None:
    """Store changes of alerts in order."""
    columns = zip(
        *(
            (
                one.alert_id, one.alert, one.domain_name, one.severity, one.is_historical,
                time_of(one.started_us), None if one.ended_us is None else time_of(one.ended_us),
                one.inhibited_by, one.summary, as_json(one.evidence), as_json(one.offsets),
                noted_at, number,
            )
            for number, one in enumerate(changes, 1)
        ),
        strict=True,
    )  # fmt: skip
    connection.execute(_APPEND, [list(column) for column in columns]).fetchall()


def as_json(value: object) -> str:
    """Write rows as JSON; times as text."""
    return json.dumps(value, ensure_ascii=False, default=str)


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
    connection: DuckDBPyConnection, notices: Sequence[tuple[str, str, str, str]], noted_at: datetime
) -> None:
    """Store calls to make: (notice id, alert id, state, body)."""
    if notices:
        columns = [list(column) for column in zip(*notices, strict=True)]
        connection.execute(
            "INSERT INTO internal.alert_notices SELECT unnest(?), unnest(?), unnest(?), unnest(?), ?, NULL "
            "ON CONFLICT DO NOTHING",
            [*columns, noted_at],
        ).fetchall()


def count_waiting(connection: DuckDBPyConnection) -> int:
    """Return how many calls wait."""
    rows = connection.execute(
        "SELECT count(*) FROM internal.alert_notices WHERE delivered_at IS NULL"
    ).fetchall()
    return int(rows[0][0])


def strike_notices(connection: DuckDBPyConnection, ids: Sequence[str], delivered_at: datetime) -> None:
    """Note that calls were answered, and forget those answered long ago."""
    if ids:
        connection.execute(
            "UPDATE internal.alert_notices SET delivered_at = ? WHERE list_contains(?, notice_id)",
            [delivered_at, list(ids)],
        ).fetchall()
        connection.execute(
            "DELETE FROM internal.alert_notices WHERE delivered_at < ?", [delivered_at - _KEPT_NOTICES]
        ).fetchall()


def read_held(connection: DuckDBPyConnection) -> set[str]:
    """Return the domains of which turns wait to be judged."""
    rows = connection.execute("SELECT DISTINCT domain_name FROM internal.held_turns").fetchall()
    return {name for (name,) in rows}


def hold(connection: DuckDBPyConnection, turns: pa.Table) -> None:
    """Let turns wait to be judged, whatever comes."""
    columns = [turns[name].to_pylist() for name in turns.column_names]
    connection.execute(
        "INSERT INTO internal.held_turns SELECT "
        + ", ".join(f"unnest(CAST(? AS {kind}[]))" for kind in _TURN_TYPES),
        columns,
    ).fetchall()


def release(connection: DuckDBPyConnection) -> pa.Table:
    """Let turns wait no more; return the losses among them that no record took back meanwhile."""
    still = connection.sql(
        "SELECT h.* FROM internal.held_turns h JOIN internal.lives v "
        "ON v.link_id = h.link_id AND v.target_domain = h.domain_name AND v.confirmed_at = h.changed_at"
    ).to_arrow_table()
    connection.execute("DELETE FROM internal.held_turns").fetchall()
    return still
