"""The links that lived at an instant, and what was published then, as one consistent view."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from linktide.store.failure import write_failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS_PER_BATCH: Final = 65_536
_UNWRITTEN: Final = 0.15
"""Citation of a domain that was never published: where every domain begins."""

_LIVE = """
WITH alive AS (
    SELECT DISTINCT v.link_id FROM internal.lives v
    WHERE v.started_at <= $at_time AND (v.confirmed_at IS NULL OR v.confirmed_at > $at_time)
), changed AS (
    SELECT DISTINCT c.link_id, true AS has_more FROM internal.attribute_changes c
), carried AS (
    SELECT r.link_id, arg_max(r.value, r.observed_at) FILTER (r.field = 'rel') AS rel,
           arg_max(r.value, r.observed_at) FILTER (r.field = 'link_type') AS link_type
    FROM internal.attribute_runs r
    WHERE r.observed_at <= $at_time AND r.field IN ('rel', 'link_type')
    GROUP BY r.link_id
)
SELECT l.source_key, l.s_dom_key, l.t_dom_key,
       CASE WHEN m.has_more THEN c.rel WHEN l.attributes_at <= $at_time THEN l.rel END AS rel,
       CASE WHEN m.has_more THEN c.link_type WHEN l.attributes_at <= $at_time THEN l.link_type END
           AS link_type
FROM internal.links l
JOIN alive a ON a.link_id = l.link_id
LEFT JOIN changed m ON m.link_id = l.link_id
LEFT JOIN carried c ON c.link_id = l.link_id
"""
_NAMES = "SELECT domain_key, domain_name FROM internal.newest_domain_names"
_PUBLISHED = """
SELECT s.citation, s.authority, epoch_us(s.scored_at)
FROM internal.domain_scores s
JOIN internal.newest_domain_names n ON n.domain_key = s.domain_key
WHERE n.domain_name = $name AND s.scored_at <= $at_time
ORDER BY s.rev DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Published:
    """What was published of a domain as of an instant."""

    citation: float
    points: float
    scored_at_us: int | None
    """Event time of the batch that published it; None if none had."""


class StoredPast:
    """Reads one consistent state of the tables through a cursor of its own, beside the writer."""

    def __init__(self, connection: DuckDBPyConnection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let every read in the block see the same state; meanwhile no checkpoint can be made."""
        try:
            self._connection.execute("BEGIN TRANSACTION READ ONLY").fetchall()
            yield
        except (duckdb.Error, pa.ArrowException) as error:
            raise write_failure(error, self._path, "read the tables") from error
        finally:
            with suppress(duckdb.Error):
                self._connection.execute("ROLLBACK").fetchall()

    def clock_us(self) -> int | None:
        """Return the greatest event time stored, Unix µs; None before the first event."""
        rows = self._connection.execute("SELECT epoch_us(clock) FROM internal.writer").fetchall()
        return None if rows[0][0] is None else int(rows[0][0])

    def live_links(self, at_us: int) -> Iterator[pa.RecordBatch]:
        """Stream each link that lived at the instant, in no order, with what it carried by then.

        source_key, s_dom_key, t_dom_key (uint64), rel, link_type (text or null). Domains are those of now.
        """
        yield from self._stream(_LIVE, {"at_time": _instant(at_us)})

    def domain_names(self) -> Iterator[pa.RecordBatch]:
        """Stream domain_key and domain_name of every domain that a link has named."""
        yield from self._stream(_NAMES, {})

    def published(self, domain_name: str, at_us: int) -> Published:
        """Return what was published of the domain as of the instant."""
        rows = self._connection.execute(
            _PUBLISHED, {"name": domain_name, "at_time": _instant(at_us)}
        ).fetchall()
        return Published(*rows[0]) if rows else Published(_UNWRITTEN, 0.0, None)

    def _stream(self, query: str, parameters: dict[str, object]) -> Iterator[pa.RecordBatch]:
        with self._connection.sql(query, params=parameters).to_arrow_reader(_ROWS_PER_BATCH) as reader:
            yield from reader


def _instant(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)
