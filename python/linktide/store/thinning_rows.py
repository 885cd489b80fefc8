"""Which rows of a segment define nothing any more: docs/decisions/0019 has the argument, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from linktide.store.parts import LINK_EVENTS
from linktide.store.segment_files import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from linktide.store.parts import Parts

_WITNESS_FILES: Final = 64
"""Segments that are searched for a later sighting: the next ones. A row for which none is found stays."""
_SHAPE: Final = """
hash(rel IS NULL, anchor IS NULL, link_type IS NULL,
     CASE WHEN extra IS NULL THEN 0 WHEN json_valid(extra) THEN hash(json_keys(extra)) ELSE hash(extra) END)
"""
"""Which fields a row carries, be they attributes or not."""
_WINDOW: Final = "INTERVAL 72 HOURS"
"""In it a sighting clears a suspect loss."""

_STEPS: Final = (
    # What could go: sightings, and losses that do not count (kind 7), which observe nothing.
    f"""
    CREATE OR REPLACE TEMP TABLE old_rows AS
    SELECT file_row_number AS place, link_id, source_key, kind, observed_at, {_SHAPE} AS shape
    FROM read_parquet('{{file}}', file_row_number = true)
    WHERE observed_at < {{horizon}} AND kind <> 3
    """,  # noqa: S608 - constants of this file
    """
    CREATE OR REPLACE TEMP TABLE old_links AS
    SELECT DISTINCT link_id, source_key FROM temp.old_rows WHERE kind <> 7
    """,
    # Between its first sighting and its last no life needs one.
    """
    CREATE OR REPLACE TEMP TABLE old_lives AS
    SELECT v.link_id, v.started_at, coalesce(v.last_alive_at, s.last_seen) AS last_alive_at
    FROM (SELECT c.link_id, c.started_at, arg_max_null(c.last_alive_at, c.rev) AS last_alive_at,
                 arg_max_null(c.is_void, c.rev) AS is_void
          FROM internal.life_changes c SEMI JOIN temp.old_links l ON l.link_id = c.link_id
          WHERE c.started_at < {horizon}
          GROUP BY c.link_id, c.started_at) v
    LEFT JOIN (SELECT c.link_id, arg_max_null(c.last_seen, c.rev) AS last_seen
               FROM internal.link_changes c SEMI JOIN temp.old_links l ON l.link_id = c.link_id
               GROUP BY c.link_id) s ON s.link_id = v.link_id
    WHERE NOT v.is_void
    """,
    # But a later one before the horizon that carries the same fields must stay: it is the last one for what
    # comes after the horizon, and keeps attributes current whatever comes before it.
    f"""
    CREATE OR REPLACE TEMP TABLE witnesses AS
    SELECT link_id, shape, max(observed_at) AS observed_at
    FROM (SELECT link_id, shape, observed_at FROM temp.old_rows WHERE kind <> 7
          UNION ALL
          SELECT e.link_id, {_SHAPE} AS shape, e.observed_at FROM ({{near}}) e
          SEMI JOIN temp.old_links l ON l.link_id = e.link_id
          WHERE e.kind IN (1, 2) AND e.observed_at < {{horizon}})
    GROUP BY link_id, shape
    """,  # noqa: S608 - constants of this file
    # A sighting that clears a suspicion, or outshines a loss of its instant, holds its life together.
    f"""
    CREATE OR REPLACE TEMP TABLE old_losses AS
    SELECT DISTINCT e.link_id, e.observed_at AS since,
           e.observed_at + CASE e.lost_reason WHEN 'pageerror' THEN {_WINDOW}
                           ELSE INTERVAL 0 HOURS END AS until
    FROM (FROM ({{others}}) UNION ALL BY NAME SELECT * FROM read_parquet('{{file}}')) e
    SEMI JOIN temp.old_links l ON l.link_id = e.link_id
    WHERE e.kind = 3 AND e.observed_at < {{horizon}}
    """,  # noqa: S608 - constants of this file
    f"""
    CREATE OR REPLACE TEMP TABLE old_answers AS
    SELECT DISTINCT s.page_key, s.observed_at AS since,
           s.observed_at + CASE WHEN s.loss_reason = 'pageerror' AND s.accepts_losses THEN {_WINDOW}
                                ELSE INTERVAL 0 HOURS END AS until
    FROM internal.page_snapshots s
    SEMI JOIN temp.old_links l ON l.source_key = s.page_key
    WHERE s.observed_at < {{horizon}}
    """,  # noqa: S608 - constants of this file
    # All that is told of one instant goes together or stays: its strongest value may be in any row.
    """
    CREATE OR REPLACE TEMP TABLE twins AS
    SELECT DISTINCT e.link_id, e.observed_at FROM ({others}) e
    SEMI JOIN temp.old_rows r ON r.link_id = e.link_id AND r.observed_at = e.observed_at
    """,
    """
    CREATE OR REPLACE TEMP TABLE runs AS
    SELECT DISTINCT a.link_id, a.observed_at FROM internal.attribute_changes a
    SEMI JOIN temp.old_links l ON l.link_id = a.link_id
    UNION ALL
    SELECT w.link_id, w.attributes_at FROM internal.links w
    SEMI JOIN temp.old_links l ON l.link_id = w.link_id
    WHERE w.attributes_at IS NOT NULL
    """,
    # A link that nobody has seen is known by them alone: the first in the segment stays.
    """
    CREATE OR REPLACE TEMP TABLE only_told AS
    SELECT r.link_id, min(r.place) AS place FROM temp.old_rows r
    ANTI JOIN (SELECT c.link_id FROM internal.life_changes c
               SEMI JOIN (FROM temp.old_rows WHERE kind = 7) l ON l.link_id = c.link_id
               GROUP BY c.link_id, c.started_at HAVING NOT arg_max_null(c.is_void, c.rev)) v
        ON v.link_id = r.link_id
    WHERE r.kind = 7 GROUP BY r.link_id
    """,
    """
    CREATE OR REPLACE TEMP TABLE expired AS
    SELECT r.place FROM temp.old_rows r ANTI JOIN temp.only_told o ON o.place = r.place WHERE r.kind = 7
    UNION ALL
    SELECT r.place FROM temp.old_rows r
    JOIN temp.old_lives v
        ON v.link_id = r.link_id AND v.started_at < r.observed_at AND r.observed_at < v.last_alive_at
    JOIN temp.witnesses w ON w.link_id = r.link_id AND w.shape = r.shape AND r.observed_at < w.observed_at
    ANTI JOIN temp.old_losses o
        ON o.link_id = r.link_id AND o.since <= r.observed_at AND r.observed_at <= o.until
    ANTI JOIN temp.old_answers p
        ON p.page_key = r.source_key AND p.since <= r.observed_at AND r.observed_at <= p.until
    ANTI JOIN temp.twins t ON t.link_id = r.link_id AND t.observed_at = r.observed_at
    ANTI JOIN temp.runs a ON a.link_id = r.link_id AND a.observed_at = r.observed_at
    WHERE r.kind <> 7
    """,
)


def find_expired(connection: DuckDBPyConnection, parts: Parts, file_name: str, horizon_us: int) -> int:
    """Make temp.expired: the places in a segment of the rows that define nothing; return how many.

    Reads the columns of keys and times of the segments whose times overlap. Inside a transaction of the
    caller, on a connection of its own. Raises what DuckDB raises.
    """
    folder = parts.segment_folder
    hot = [f'FROM internal."{part}"' for part in parts.physical(LINK_EVENTS)]
    found = connection.execute(
        "SELECT o.file_name, o.last_observed_at >= s.last_observed_at "  # noqa: S608 - a constant
        "FROM internal.segments o, internal.segments s WHERE s.file_name = $name AND o.file_name <> $name "
        f"AND o.last_observed_at >= s.first_observed_at - {_WINDOW} "
        "AND o.first_observed_at < make_timestamptz($horizon) ORDER BY o.last_observed_at, o.file_name",
        {"name": file_name, "horizon": horizon_us},
    ).fetchall()
    others = [quoted(folder / name) for name, _ in found]
    near = [quoted(folder / name) for name, is_later in found if is_later][:_WITNESS_FILES]
    words = {
        "file": quoted(folder / file_name),
        "horizon": f"make_timestamptz({horizon_us})",
        "others": _rows_of(others, hot),
        "near": _rows_of(near, hot),
    }
    for step in _STEPS:
        connection.execute(step.format(**words)).fetchall()
    return int(connection.execute("SELECT count(*) FROM temp.expired").fetchall()[0][0])


def _rows_of(paths: list[str], parts: list[str]) -> str:
    listed = ", ".join(f"'{path}'" for path in paths)
    selects = [*parts, *([f"FROM read_parquet([{listed}])"] if paths else [])]
    return " UNION ALL BY NAME ".join(selects)
