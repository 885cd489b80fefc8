"""What the core needs to be built again from the tables, as Arrow streams."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from linktide.sources.source import Partition, Position
from linktide.store.arrow_view import ARROW_VIEW
from linktide.store.failure import write_failure, write_failures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from linktide.store.database import Database

_ROWS_PER_BATCH = 65_536

# What a start reads may be all there is, or what is newer than a snapshot: `$since` is the first revision.
_DOMAINS = """
SELECT n.domain_key, n.domain_name, true AS has_node, s.authority, s.trust
FROM internal.newest_domain_names n
LEFT JOIN internal.newest_domain_scores s ON s.domain_key = n.domain_key
WHERE n.rev >= $since OR s.rev >= $since
"""
_NAMES = f"""
SELECT d.domain_key, d.domain_name, false AS has_node,
       NULL::DOUBLE AS authority, NULL::DOUBLE AS trust
FROM internal.domain_keys d
SEMI JOIN {ARROW_VIEW} w ON w.domain_key = d.domain_key
"""  # noqa: S608
# No joins here: the core puts the rows of a link together faster than a join of two large tables does. In the
# order of pages, as a crawl tells them: links of one page side by side take less memory, and graphs are built
# in one sweep.
_LINKS = """
SELECT link_id, source_key, target_key, s_dom_key, t_dom_key,
       attributes_at, anchor, rel, link_type, attributes
FROM internal.links
WHERE rev >= $since
ORDER BY source_key
"""
_ATTRIBUTES = """
SELECT a.link_id, a.attributes_changed_at, a.anchor, a.rel, a.link_type,
       CAST(a.attributes AS VARCHAR) AS attributes
FROM (SELECT DISTINCT link_id, target_domain FROM internal.attribute_changes WHERE rev >= $since) m
JOIN internal.link_attributes a ON a.link_id = m.link_id AND a.target_domain = m.target_domain
"""
_REGISTERS = """
SELECT link_id, rev, status, started_at, last_seen,
       firm_loss_at, firm_loss_reason, suspect_at, suspect_before_at
FROM internal.link_changes
WHERE rev >= $since
"""
_PAGE_SCORES = "SELECT page_key, rev, authority, trust FROM internal.page_scores WHERE rev >= $since"
_TOPIC_SCORES = "SELECT domain_key, topic, score FROM internal.newest_topic_scores WHERE rev >= $since"
_CONTRIBUTED = """
SELECT domain_key, max(scored_at) AS scored_at
FROM internal.authority_contributions
WHERE source_dom_key IS NULL
GROUP BY domain_key
"""
# Maxima: those of the newest rows, joined with those of a snapshot, are those of all rows.
_PAGES = """
SELECT page_key, firm_loss_at, firm_loss_reason, suspects[1] AS suspect_at, suspects[2] AS suspect_before_at
FROM (
    SELECT page_key, max(observed_at) FILTER (is_firm) AS firm_loss_at,
           arg_max(loss_reason, {'at_time': observed_at, 'rank': internal.reason_rank(loss_reason),
                                 'reason': loss_reason}) FILTER (is_firm) AS firm_loss_reason,
           list(DISTINCT observed_at ORDER BY observed_at DESC) FILTER (NOT is_firm) AS suspects
    FROM internal.page_losses
    WHERE rev >= $since
    GROUP BY page_key
)
"""
_PAGE_SETS = """
SELECT DISTINCT set_id FROM internal.page_snapshots WHERE set_id IS NOT NULL AND rev >= $since
"""
_OBSERVATIONS = f"""
SELECT e.link_id, e.kind, e.observed_at, e.lost_reason, e.rel, e.anchor, e.link_type, e.extra,
       NULL::VARCHAR AS listed_attributes
FROM internal.link_events e
SEMI JOIN {ARROW_VIEW} w ON w.link_id = e.link_id
UNION ALL
SELECT w.link_id, 4::UTINYINT, s.observed_at, NULL, g.rel, g.anchor, g.link_type, NULL, g.attributes
FROM {ARROW_VIEW} w
JOIN internal.page_snapshots s ON s.page_key = w.page_key
JOIN internal.page_sets g ON g.set_id = s.set_id AND g.link_id = w.link_id
UNION ALL
SELECT w.link_id, 3::UTINYINT, s.observed_at, s.loss_reason, NULL, NULL, NULL, NULL, NULL
FROM {ARROW_VIEW} w
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
    """Return the newest committed batch; rev 0 in a new file. Raises StoreFailedError."""
    # epoch_us: a TIMESTAMPTZ cannot be fetched as a Python value without pytz.
    with write_failures(database.path, "read the newest batch"):
        rows = database.connection.execute(
            "SELECT rev, epoch_us(clock), live_links, authority_error_bound, is_authority_shown, "
            "trust_scale, coalesce(topics, []) FROM internal.writer"
        ).fetchall()
    *numbers, topics = rows[0]
    return replace(WriterRow(*numbers), topics=tuple(topics))


def count_links(database: Database, since: int = 0) -> int:
    """Return how many links became known at the revision `since` or later."""
    return _count(database, "links", since)


def _count(database: Database, table: str, since: int) -> int:
    query = f"SELECT count(*) FROM internal.{table} WHERE rev >= $since"  # noqa: S608 - a table of this file
    try:
        return int(database.connection.execute(query, {"since": since}).fetchall()[0][0])
    except duckdb.Error as error:
        raise write_failure(error, database.path, "read the tables") from error


def link_rows(database: Database, since: int = 0) -> Iterator[pa.RecordBatch]:
    """Stream the wide row of every link that became known at the revision `since` or later, page by page.

    link_id, source_key, target_key, s_dom_key, t_dom_key (uint64); attributes_at (timestamp[us, UTC]), and of
    that instant anchor, rel, link_type, attributes (a JSON object of texts), null where absent.

    Runs on the writer's connection, so inside its transaction if one is open; read it to its end before that
    connection is used again. Raises StoreFailedError.
    """
    yield from _stream(database, _LINKS, since)


def attribute_rows(database: Database, since: int = 0) -> Iterator[pa.RecordBatch]:
    """Stream the current attributes of links of which one changed at the revision `since` or later.

    link_id, attributes_changed_at, anchor, rel, link_type, attributes; attributes_changed_at is the newest
    instant at which a run of any begins; all null where none is left. Else as `link_rows`.
    """
    # The view goes over the runs of all links, however few are wanted.
    if _count(database, "attribute_changes", since) > 0:
        yield from _stream(database, _ATTRIBUTES, since)


def register_rows(database: Database, since: int = 0) -> Iterator[pa.RecordBatch]:
    """Stream the state rows of the revision `since` or later, in no order: the newest rev of a link wins.

    link_id, rev, status, and the registers, null where there is none. Else as `link_rows`.
    """
    yield from _stream(database, _REGISTERS, since)


def page_rows(database: Database, since: int = 0) -> Iterator[pa.RecordBatch]:
    """Stream the loss registers of pages that spoke of all their links at the revision `since` or later.

    page_key, firm_loss_at, firm_loss_reason, suspect_at, suspect_before_at; null where there is none.
    """
    yield from _stream(database, _PAGES, since)


def page_set_rows(database: Database, since: int = 0) -> Iterator[pa.RecordBatch]:
    """Stream the set_id of every content that a page answered with at the revision `since` or later."""
    yield from _stream(database, _PAGE_SETS, since)


def domain_rows(database: Database, since: int = 0) -> Iterator[pa.RecordBatch]:
    """Stream the domains whose name or score is of the revision `since` or later.

    domain_key, domain_name, has_node, authority, trust: the scores last written, null where none was;
    has_node is true, for one of the domain's links was sighted. Else as `link_rows`.
    """
    yield from _stream(database, _DOMAINS, since)


def name_rows(database: Database, domain_keys: object) -> Iterator[pa.RecordBatch]:
    """Stream the names of domains of which no link was ever sighted; has_node is false. As `domain_rows`.

    `domain_keys` is any Arrow array of uint64.
    """
    is_chunked = hasattr(domain_keys, "__arrow_c_stream__")
    keys = pa.chunked_array(domain_keys) if is_chunked else pa.array(domain_keys)
    with database.arrow.of(pa.table({"domain_key": keys})):
        yield from _stream(database, _NAMES)


def page_score_rows(database: Database, since: int = 0) -> Iterator[pa.RecordBatch]:
    """Stream what was written of pages: page_key, rev, authority, trust; the newest rev of a page wins."""
    yield from _stream(database, _PAGE_SCORES, since)


def topic_score_rows(database: Database, since: int = 0) -> Iterator[pa.RecordBatch]:
    """Stream what was last written of each domain on each topic: domain_key, topic, score."""
    yield from _stream(database, _TOPIC_SCORES, since)


def contributed_rows(database: Database) -> Iterator[pa.RecordBatch]:
    """Stream when contributions were last written of each domain: domain_key, scored_at."""
    yield from _stream(database, _CONTRIBUTED)


def observations_of(database: Database, wanted: pa.RecordBatch) -> pa.Table:
    """Return every stored observation of links, by events and by their pages, in no order.

    One query with a semi-join of each. `wanted` has link_id and page_key (uint64), each link once. Runs on
    the writer's connection, so inside its transaction if one is open. Raises StoreFailedError.
    """
    try:
        with database.arrow.of(wanted):
            return database.connection.sql(_OBSERVATIONS).to_arrow_table()
    except duckdb.Error as error:
        raise write_failure(error, database.path, "read observations") from error


def _stream(database: Database, query: str, since: int | None = None) -> Iterator[pa.RecordBatch]:
    parameters = None if since is None else {"since": since}
    try:
        yield from database.connection.sql(query, params=parameters).to_arrow_reader(_ROWS_PER_BATCH)
    except (duckdb.Error, pa.ArrowException) as error:
        # Rows are made as they are read, so what goes wrong shows while the caller reads.
        raise write_failure(error, database.path, "read the tables") from error
