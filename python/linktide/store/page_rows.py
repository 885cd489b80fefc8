"""Which old answers of pages define nothing any more: docs/decisions/0019 has the argument, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_WINDOW: Final = "INTERVAL 72 HOURS"
"""In it a sighting clears a suspect loss."""
_KEYS: Final = 1 << 64
"""Keys of pages are hashes of 64 bits, so a stretch of them is a share of the pages."""

_STEPS: Final = (
    # An answer like the one before and the one after it, neither at its instant. The one after is old as
    # well: it is then the last one for what comes after the horizon.
    """
    CREATE OR REPLACE TEMP TABLE unchanged AS
    SELECT page_key, observed_at, source_id, off, rev
    FROM (SELECT page_key, observed_at, source_id, off, rev, said,
                 lag(said) OVER answers AS said_before, lead(said) OVER answers AS said_after,
                 lag(observed_at) OVER answers AS before_at, lead(observed_at) OVER answers AS after_at
          FROM (SELECT page_key, observed_at, source_id, off, rev,
                       {{'set_id': set_id, 'reason': loss_reason, 'accepts_losses': accepts_losses}} AS said
                FROM internal.page_snapshots s
                SEMI JOIN (SELECT page_key FROM internal.page_snapshots
                           WHERE {since} <= observed_at AND observed_at < {until}
                             AND page_key BETWEEN {low} AND {high}) n ON n.page_key = s.page_key
                WHERE observed_at < {until} AND page_key BETWEEN {low} AND {high})
          WINDOW answers AS (PARTITION BY page_key ORDER BY observed_at))
    WHERE said_before IS NOT DISTINCT FROM said AND said_after IS NOT DISTINCT FROM said
      AND before_at < observed_at AND observed_at < after_at
      AND NOT (said.accepts_losses AND coalesce(said.reason = 'pageerror', false))
    """,
    """
    CREATE OR REPLACE TEMP TABLE unchanged_pages AS SELECT DISTINCT page_key FROM temp.unchanged
    """,
    """
    CREATE OR REPLACE TEMP TABLE page_links AS
    SELECT l.link_id, l.source_key AS page_key, l.attributes_at FROM internal.links l
    SEMI JOIN temp.unchanged_pages p ON p.page_key = l.source_key
    """,
    # What a page told last of a field, whenever that was, describes its links.
    """
    CREATE OR REPLACE TEMP TABLE last_told AS
    SELECT page_key, max(observed_at) AS observed_at
    FROM (UNPIVOT (SELECT a.* FROM internal.page_answers a
                   SEMI JOIN temp.unchanged_pages p ON p.page_key = a.page_key)
          ON COLUMNS(* EXCLUDE (page_key, observed_at)) INTO NAME field VALUE text)
    GROUP BY page_key, field
    """,
    # Rows that a newer one supersedes, too: they keep more than must be, and need no fold.
    """
    CREATE OR REPLACE TEMP TABLE turns AS
    SELECT l.page_key, unnest([c.started_at, c.last_alive_at, c.lost_at, c.confirmed_at]) AS observed_at
    FROM internal.life_changes c JOIN temp.page_links l ON l.link_id = c.link_id
    UNION ALL
    SELECT l.page_key, a.observed_at
    FROM internal.attribute_changes a JOIN temp.page_links l ON l.link_id = a.link_id
    UNION ALL
    SELECT page_key, attributes_at FROM temp.page_links
    """,
    # Of what links alone were told: an instant stays whole, and what clears a suspicion stays.
    """
    CREATE OR REPLACE TEMP TABLE told AS
    SELECT e.source_key AS page_key, e.observed_at FROM internal.link_events e
    SEMI JOIN temp.unchanged u ON u.page_key = e.source_key AND u.observed_at = e.observed_at
    WHERE e.kind <> 7 AND e.observed_at < {until}
    """,
    """
    CREATE OR REPLACE TEMP TABLE suspicions AS
    SELECT DISTINCT e.source_key AS page_key, e.observed_at AS since FROM internal.link_events e
    SEMI JOIN temp.unchanged_pages p ON p.page_key = e.source_key
    WHERE e.kind = 3 AND e.lost_reason = 'pageerror' AND e.observed_at < {until}
    """,
)
_EXPIRED: Final = f"""
SELECT u.rev, u.source_id, u.off, u.page_key FROM temp.unchanged u
ANTI JOIN temp.turns t ON t.page_key = u.page_key AND t.observed_at = u.observed_at
ANTI JOIN temp.last_told d ON d.page_key = u.page_key AND d.observed_at = u.observed_at
ANTI JOIN temp.told e ON e.page_key = u.page_key AND e.observed_at = u.observed_at
ANTI JOIN temp.suspicions s
    ON s.page_key = u.page_key AND s.since <= u.observed_at AND u.observed_at <= s.since + {_WINDOW}
"""  # noqa: S608 - constants of this file


_BETWEEN: Final = """
SELECT {what} FROM internal.page_snapshots WHERE {since} <= observed_at AND observed_at < {until}
"""


def end_of_stretch(
    connection: DuckDBPyConnection, since_us: int, horizon_us: int, most_rows: int
) -> tuple[int, int]:
    """Return until when to look, so that about `most_rows` answers lie between, and how many are older.

    At most the horizon. Raises what DuckDB raises.
    """

    def told(what: str, since_us: int, until_us: int) -> int:
        words = {"what": what, "since": _instant(since_us), "until": _instant(until_us)}
        return int(connection.execute(_BETWEEN.format(**words)).fetchall()[0][0])

    rows, until_us = told("count(*)", since_us, horizon_us), horizon_us
    if rows > most_rows:
        share = f"CAST({most_rows / rows} AS FLOAT)"
        middle_us = told(f"approx_quantile(epoch_us(observed_at), {share})", since_us, horizon_us)
        until_us = min(horizon_us, max(since_us, middle_us) + 1)
    return until_us, told("count(*)", 0, until_us)


def find_unchanged(
    connection: DuckDBPyConnection, since_us: int, until_us: int, share: int, shares: int
) -> pa.Table:
    """Return the answers before `until_us` that define nothing, of pages that gave one after `since_us`.

    Of one of so many shares of the pages: rev, source_id, off (which name the row), page_key. Reads keys and
    times of all tables of links. Inside a transaction of the caller, on a connection of its own. Raises what
    DuckDB raises.
    """
    low, high = share * _KEYS // shares, (share + 1) * _KEYS // shares - 1
    words = {
        "since": _instant(since_us),
        "until": _instant(until_us),
        "low": f"CAST({low} AS UBIGINT)",
        "high": f"CAST({high} AS UBIGINT)",
    }
    for step in _STEPS:
        connection.execute(step.format(**words)).fetchall()
    return connection.sql(_EXPIRED).to_arrow_table()


def in_order(tables: list[pa.Table]) -> pa.Table:
    """Return all rows in the order in which they were stored."""
    return pa.concat_tables(tables).sort_by("rev")


def _instant(at_us: int) -> str:
    return f"make_timestamptz({at_us})"
