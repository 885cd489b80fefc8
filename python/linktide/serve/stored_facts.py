"""What GET /api/v1/status tells of the store: two statements and what they return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from linktide.store.gate import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linktide.sources.source import Partition
    from linktide.store.reader import ReaderPool

_STORED: Final = """
SELECT committed_at AS last_commit_at, clock AS newest_event_at, thinned_before, thinned_events
FROM internal.writer, (
    SELECT max(thinned_before_at) FILTER (thinned_rows > 0) AS thinned_before,
           CAST(coalesce(sum(thinned_rows), 0) AS BIGINT) AS thinned_events
    FROM internal.segments)
"""
_SOURCES: Final = """
SELECT cluster AS source_name, topic, topic_id, CAST(part AS BIGINT) AS source_partition, next_offset,
       NULL AS lag, events, dead_letters, last_record_at, updated_at,
       (SELECT CAST(coalesce(sum(end_offset - first_offset), 0) AS BIGINT)
        FROM internal.offset_gaps g WHERE g.source_id = o.source_id) AS absent_offsets,
       (SELECT arg_max(concat(kind, ': ', left_offset, ' → ', resumed_offset), (rev, left_offset))
        FROM internal.offset_jumps j WHERE j.source_id = o.source_id AND kind <> 'begun') AS last_offset_gap
FROM internal.source_offsets o ORDER BY ALL
"""


def stored_facts(readers: ReaderPool) -> Mapping[str, object]:
    """Return when the newest batch was stored, its clock, and what has expired."""
    rows: list[dict[str, object]] = readers.query(_STORED, Role.ADMIN).table.to_pylist()
    return rows[0]


def source_facts(readers: ReaderPool, lag: Mapping[Partition, int]) -> Sequence[Mapping[str, object]]:
    """Return one row a partition; `lag` has those that are consumed now."""
    rows: list[dict[str, Any]] = readers.query(_SOURCES, Role.ADMIN).table.to_pylist()
    by_name = {(part.cluster, part.topic, part.topic_id, part.number): lag[part] for part in lag}
    for row in rows:
        name = (row["source_name"], row["topic"], row["topic_id"], row["source_partition"])
        row["lag"] = by_name.get(name)
    return rows
