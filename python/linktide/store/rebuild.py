"""What the core needs to be built again from the tables, as Arrow streams."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from linktide.sources.source import Partition, Position
from linktide.store.failure import write_failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from linktide.store.database import Database

_WANTED = "linktide_wanted"

_LINKS = """
SELECT a.link_id, a.source_key, a.target_key, a.s_dom_key, a.t_dom_key,
       a.attributes_at, a.attributes_changed_at, a.anchor, a.rel, a.link_type,
       CAST(a.attributes AS VARCHAR) AS attributes,
       s.status, s.started_at, s.last_seen,
       s.firm_loss_at, s.firm_loss_reason, s.suspect_at, s.suspect_before_at
FROM internal.link_attributes a
LEFT JOIN internal.link_state s ON s.link_id = a.link_id
"""
_DOMAINS = """
SELECT n.domain_key, n.domain_name, true AS has_node, s.citation, s.authority, s.trust, s.scored_at
FROM internal.newest_domain_names n
LEFT JOIN internal.newest_domain_scores s ON s.domain_key = n.domain_key
UNION ALL
SELECT DISTINCT d.domain_key, d.domain_name, false,
       NULL::DOUBLE, NULL::DOUBLE, NULL::DOUBLE, NULL::TIMESTAMPTZ
FROM (SELECT s_dom_key AS domain_key, source_domain AS domain_name FROM internal.links
      UNION ALL SELECT t_dom_key, target_domain FROM internal.links) d
ANTI JOIN internal.domain_names n ON n.domain_key = d.domain_key
"""
_PAGES = "SELECT * FROM internal.page_registers"
_PAGE_SETS = "SELECT DISTINCT set_id FROM internal.page_snapshots WHERE set_id IS NOT NULL"
_PAGE_SCORES = "SELECT page_key, authority, trust FROM internal.newest_page_scores"
_TOPIC_SCORES = "SELECT domain_key, topic, score FROM internal.newest_topic_scores"
_OBSERVATIONS = f"""
SELECT e.link_id, e.kind, e.observed_at, e.lost_reason, e.rel, e.anchor, e.link_type, e.extra,
       NULL::VARCHAR AS listed_attributes
FROM internal.link_events e
SEMI JOIN {_WANTED} w ON w.link_id = e.link_id
UNION ALL
SELECT w.link_id, 4::UTINYINT, s.observed_at, NULL, g.rel, g.anchor, g.link_type, NULL, g.attributes
FROM {_WANTED} w
JOIN internal.page_snapshots s ON s.page_key = w.page_key
JOIN internal.page_sets g ON g.set_id = s.set_id AND g.link_id = w.link_id
UNION ALL
SELECT w.link_id, 3::UTINYINT, s.observed_at, s.loss_reason, NULL, NULL, NULL, NULL, NULL
FROM {_WANTED} w
JOIN internal.page_losses s ON s.page_key = w.page_key
ANTI JOIN internal.page_sets g ON g.set_id = s.set_id AND g.link_id = w.link_id
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class StoredOffset:
    """A row of internal.source_offsets."""

    source_id: int
    next_offset: int
    leader_epoch: int


@dataclass(frozen=True, slots=True)
class WriterRow:
    """The row of internal.writer: what the newest committed batch left."""

    rev: int
    clock_us: int | None
    """Unix µs of the greatest observed_at accepted; None before the first event."""
    live_links: int
    authority_error_bound: float
    is_authority_shown: bool
    trust_scale: float | None = None
    """Sum of the priors of citation over that of trust; None while nobody is trusted."""
    topics: tuple[str, ...] = ()
    """Those whose seeds are set."""


def read_offsets(connection: DuckDBPyConnection) -> dict[Partition, StoredOffset]:
    """Return the stored row of every partition ever committed."""
    rows = connection.execute(
        "SELECT cluster, topic, topic_id, part, source_id, next_offset, leader_epoch "
        "FROM internal.source_offsets"
    ).fetchall()
    return {Partition(*row[:4]): StoredOffset(*row[4:]) for row in rows}


def read_positions(database: Database) -> dict[Partition, Position]:
    """Return where each stored partition stands, for `Source.open`."""
    try:
        offsets = read_offsets(database.connection)
    except duckdb.Error as error:
        raise write_failure(error, database.path, "read the offsets") from error
    return {
        partition: Position(stored.next_offset, stored.leader_epoch) for partition, stored in offsets.items()
    }


def read_writer(database: Database) -> WriterRow:
    """Return the newest committed batch; rev 0 in a new file."""
    # epoch_us: a TIMESTAMPTZ cannot be fetched as a Python value without pytz.
    rows = database.connection.execute(
        "SELECT rev, epoch_us(clock), live_links, authority_error_bound, is_authority_shown, trust_scale, "
        "coalesce(topics, []) FROM internal.writer"
    ).fetchall()
    *numbers, topics = rows[0]
    return replace(WriterRow(*numbers), topics=tuple(topics))


def link_rows(database: Database, rows_per_batch: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Stream one row a link, in no order.

    link_id, source_key, target_key, s_dom_key, t_dom_key (uint64); attributes_at, attributes_changed_at
    (the newest instant at which a run of any attribute begins); anchor, rel, link_type, attributes (current;
    attributes is a JSON object of texts); status and the registers of its newest link_changes row, null if
    it has none. Times are timestamp[us, UTC].

    Runs on the writer's connection, so inside its transaction if one is open; read it to its end before that
    connection is used again. Raises StoreFailedError.
    """
    yield from _stream(database, _LINKS, rows_per_batch)


def domain_rows(database: Database, rows_per_batch: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Stream one row a domain: domain_key, domain_name, has_node, citation, authority, trust, scored_at.

    Scores are null where none was written; has_node tells that one of the domain's links was sighted. Else as
    `link_rows`.
    """
    yield from _stream(database, _DOMAINS, rows_per_batch)


def page_rows(database: Database, rows_per_batch: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Stream the loss registers of pages.

    page_key, firm_loss_at, firm_loss_reason, suspect_at, suspect_before_at; else as `link_rows`.
    """
    yield from _stream(database, _PAGES, rows_per_batch)


def page_set_rows(database: Database, rows_per_batch: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Stream the set_id of every content of a page that is stored. Else as `link_rows`."""
    yield from _stream(database, _PAGE_SETS, rows_per_batch)


def page_score_rows(database: Database, rows_per_batch: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Stream what was last written of each page: page_key, authority, trust or null. Else as `link_rows`."""
    yield from _stream(database, _PAGE_SCORES, rows_per_batch)


def topic_score_rows(database: Database, rows_per_batch: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Stream what was last written of each domain on each topic: domain_key, topic, score."""
    yield from _stream(database, _TOPIC_SCORES, rows_per_batch)


def observations_of(database: Database, wanted: pa.RecordBatch) -> pa.Table:
    """Return every stored observation of links, by events and by their pages, in no order.

    One query with a semi-join of each. `wanted` has link_id and page_key (uint64), each link once. Runs on
    the writer's connection, so inside its transaction if one is open. Raises StoreFailedError.
    """
    connection = database.connection
    try:
        connection.register(_WANTED, wanted)
        try:
            return connection.sql(_OBSERVATIONS).to_arrow_table()
        finally:
            with suppress(duckdb.Error):  # fails in a transaction that has failed, and must not hide why
                connection.unregister(_WANTED)
    except duckdb.Error as error:
        raise write_failure(error, database.path, "read observations") from error


def _stream(database: Database, query: str, rows_per_batch: int) -> Iterator[pa.RecordBatch]:
    try:
        yield from database.connection.sql(query).to_arrow_reader(rows_per_batch)
    except (duckdb.Error, pa.ArrowException) as error:
        # Rows are made as they are read, so what goes wrong shows while the caller reads.
        raise write_failure(error, database.path, "read the tables") from error
