"""What links are and say: the evidence of alerts on single links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

SHOWN_ROWS: Final = 20
"""Most rows of evidence."""

# The few links asked for are folded here: the view of attributes would fold all of the target. Names are
# written out: a list in one parameter would not reach the order of the runs.
_TOLD: Final = """
SELECT l.link_id, l.source_url, l.target_url, l.source_domain, l.anchor, l.rel, l.attributes_at AS wide_at
FROM internal.links l
SEMI JOIN (SELECT unnest(CAST($links AS UBIGINT[])) AS link_id) a ON a.link_id = l.link_id
WHERE l.target_domain IN ({names})
"""
_SAID_LATER: Final = """
SELECT link_id, field, max(observed_at) FILTER (NOT is_void) AS said_at,
       arg_max(value, observed_at) FILTER (NOT is_void) AS value, list(observed_at) AS instants
FROM (
    SELECT c.link_id, c.field, c.observed_at,
           arg_max(c.value, c.rev) AS value, arg_max(c.is_void, c.rev) AS is_void
    FROM internal.attribute_changes c
    SEMI JOIN (SELECT unnest(CAST($links AS UBIGINT[])) AS link_id) a ON a.link_id = c.link_id
    WHERE c.target_domain IN ({names}) AND c.field IN ('anchor', 'rel')
    GROUP BY c.link_id, c.field, c.observed_at
)
GROUP BY link_id, field
"""

Row = dict[str, Any]


def tell_more(
    connection: DuckDBPyConnection, rows: Sequence[Row], said_at: Mapping[int, datetime | None]
) -> None:
    """Add to rows with `link_id` and `target_domain` what links are and say.

    `said_at` tells since when a link says what it says; of one whose wide row says just that nothing later is
    looked for.
    """
    if not rows:
        return
    told = {row["link_id"]: row for row in _asked(connection, _TOLD, rows)}
    wide_at = {link: row.pop("wide_at") for link, row in told.items()}
    changed = [row for row in rows if _may_say_more(told.get(row["link_id"]), wide_at, said_at)]
    for later in _asked(connection, _SAID_LATER, changed) if changed else ():
        row, at = told[later["link_id"]], wide_at[later["link_id"]]
        # As internal.current_run: the wide row says nothing at an instant that was told of again.
        has_wide = row[later["field"]] is not None and at is not None and at not in later["instants"]
        if not (has_wide and (later["said_at"] is None or at > later["said_at"])):
            row[later["field"]] = later["value"]
    for row in rows:
        row.update(told.get(row["link_id"], {}))


def _may_say_more(
    told: Row | None, wide_at: Mapping[int, datetime | None], said_at: Mapping[int, datetime | None]
) -> bool:
    if told is None:
        return False
    is_whole = told["anchor"] is not None and told["rel"] is not None
    at = wide_at[told["link_id"]]
    return not is_whole or at is None or at != said_at.get(told["link_id"])


def _asked(connection: DuckDBPyConnection, sql: str, rows: Sequence[Row]) -> list[Row]:
    names = {f"name{at}": name for at, name in enumerate(sorted({row["target_domain"] for row in rows}))}
    links = sorted({row["link_id"] for row in rows})
    told = connection.execute(
        sql.format(names=", ".join(f"${key}" for key in names)), {**names, "links": links}
    )
    columns = [column[0] for column in told.description or ()]
    return [dict(zip(columns, values, strict=True)) for values in told.fetchall()]
