"""Where the tables carry registrable domains, and how hosts get other ones: the SQL of a rekey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import duckdb

from linktide.store.failure import write_failure
from linktide.store.segment_files import rewrite_segments

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from linktide.store.database import Database

KEYED: Final = {
    "links": ("s_dom_key", "t_dom_key", "source_domain", "target_domain"),
    "link_events": ("s_dom_key", "t_dom_key"),
    "link_changes": ("t_dom_key",),
    "life_changes": ("t_dom_key",),
    "attribute_changes": ("t_dom_key",),
}
"""Tables with a row or more a link → their columns that hold a domain of it."""
DERIVED: Final = {
    "velocity_delta": ("t_dom_key",),
    "domain_names": ("domain_key", "domain_name"),
    "domain_scores": ("domain_key",),
    "page_scores": ("domain_key",),
    "topic_scores": ("domain_key",),
    "authority_contributions": ("domain_key", "source_dom_key"),
}
"""Tables with rows a domain → their columns that hold it."""

_MOVED = "linktide_moved"
_MOVED_EVENT = (
    "e.* REPLACE (coalesce(m.s_dom_key, e.s_dom_key) AS s_dom_key, "
    "coalesce(m.t_dom_key, e.t_dom_key) AS t_dom_key)"
)
# A normalised URL has its host, and a port that is not the scheme's, between the second slash and the third.
_HOSTS = """
SELECT DISTINCT split_part(source_url, '/', 3) AS authority, source_domain AS domain_name FROM internal.links
UNION
SELECT DISTINCT split_part(target_url, '/', 3), target_domain FROM internal.links
"""
_MOVES = f"""
SELECT l.link_id, l.source_key, l.target_key, l.s_dom_key AS old_s_dom_key, l.t_dom_key AS old_t_dom_key,
       coalesce(s.new_domain_key, l.s_dom_key) AS s_dom_key,
       coalesce(t.new_domain_key, l.t_dom_key) AS t_dom_key,
       coalesce(s.new_domain_name, l.source_domain) AS source_domain,
       coalesce(t.new_domain_name, l.target_domain) AS target_domain
FROM internal.links l
LEFT JOIN {_MOVED} s ON s.domain_key = l.s_dom_key AND s.authority = split_part(l.source_url, '/', 3)
LEFT JOIN {_MOVED} t ON t.domain_key = l.t_dom_key AND t.authority = split_part(l.target_url, '/', 3)
WHERE s.authority IS NOT NULL OR t.authority IS NOT NULL
"""  # noqa: S608
_NEW_KEYS = """
INSERT INTO internal."{hot}" BY NAME
SELECT DISTINCT domain_key, domain_name, CAST($rev AS UBIGINT) AS rev
FROM (SELECT s_dom_key AS domain_key, source_domain AS domain_name FROM temp.moved_links
      UNION ALL SELECT t_dom_key, target_domain FROM temp.moved_links)
ANTI JOIN internal.domain_keys USING (domain_key)
"""
# A link counts in the velocity of its target's domain while its two domains differ. Its lives are folded here
# and not read from internal.lives, which would fold those of all links.
_VELOCITY = """
INSERT INTO internal."{hot}" BY NAME
WITH lives AS (
    SELECT link_id, started_at,
           arg_max({'confirmed_at': confirmed_at, 'is_void': is_void}, rev) AS newest
    FROM internal.life_changes
    SEMI JOIN temp.moved_links USING (link_id)
    GROUP BY link_id, started_at
), numbered AS (
    SELECT link_id, started_at, newest.confirmed_at AS confirmed_at,
           row_number() OVER (PARTITION BY link_id ORDER BY started_at) = 1 AS is_first
    FROM lives WHERE NOT newest.is_void
), turns AS (
    SELECT link_id, started_at AS at_time, CAST(is_first AS INTEGER) AS new_links,
           CAST(NOT is_first AS INTEGER) AS restored_links, 0 AS lost_links
    FROM numbered
    UNION ALL
    SELECT link_id, confirmed_at, 0, 0, 1 FROM numbered WHERE confirmed_at IS NOT NULL
), sides AS (
    SELECT link_id, old_t_dom_key AS t_dom_key, -1 AS sign FROM temp.moved_links
    WHERE old_s_dom_key <> old_t_dom_key
    UNION ALL
    SELECT link_id, t_dom_key, 1 FROM temp.moved_links WHERE s_dom_key <> t_dom_key
)
SELECT t_dom_key, date_trunc('hour', at_time) AS hour,
       CAST(sum(sign * new_links) AS INTEGER) AS new_links,
       CAST(sum(sign * restored_links) AS INTEGER) AS restored_links,
       CAST(sum(sign * lost_links) AS INTEGER) AS lost_links, CAST($rev AS UBIGINT) AS rev
FROM turns JOIN sides USING (link_id)
GROUP BY ALL
HAVING sum(sign * new_links) <> 0 OR sum(sign * restored_links) <> 0 OR sum(sign * lost_links) <> 0
"""
# A domain has a name here once one of its links was sighted. What was sighted once stays so.
_SIGHTED = """
CREATE OR REPLACE TEMP TABLE sighted_sides AS
WITH old_keys AS (
    SELECT old_s_dom_key AS domain_key FROM temp.moved_links UNION SELECT old_t_dom_key FROM temp.moved_links
), sides AS (
    SELECT link_id, s_dom_key AS domain_key, source_domain AS domain_name FROM internal.links
    UNION ALL SELECT link_id, t_dom_key, target_domain FROM internal.links
), near AS (
    SELECT * FROM sides SEMI JOIN old_keys USING (domain_key)
    UNION ALL SELECT link_id, s_dom_key, source_domain FROM temp.moved_links
    UNION ALL SELECT link_id, t_dom_key, target_domain FROM temp.moved_links
)
SELECT DISTINCT domain_key, domain_name
FROM near
SEMI JOIN (FROM internal.link_changes WHERE last_seen IS NOT NULL) sighted USING (link_id)
"""
_NEW_NAMES = """
INSERT INTO internal."{hot}" BY NAME
SELECT domain_key, domain_name, CAST($rev AS UBIGINT) AS rev
FROM temp.sighted_sides ANTI JOIN internal.domain_names USING (domain_key)
"""
_GONE = """
CREATE OR REPLACE TEMP TABLE gone_domains AS
SELECT old_s_dom_key AS domain_key FROM temp.moved_links ANTI JOIN temp.sighted_sides s
    ON s.domain_key = old_s_dom_key
UNION
SELECT old_t_dom_key FROM temp.moved_links ANTI JOIN temp.sighted_sides s ON s.domain_key = old_t_dom_key
"""
# Its history stays, should the domain come back; it must then begin where every domain does.
_GONE_SCORES = """
INSERT INTO internal."{hot}" BY NAME
SELECT s.domain_key, 0.15 AS citation, 0.0 AS authority, 0.0 AS trust_mass, 0.0 AS trust,
       w.clock AS scored_at, CAST($rev AS UBIGINT) AS rev
FROM internal.newest_domain_scores s SEMI JOIN temp.gone_domains USING (domain_key), internal.writer w
WHERE s.authority <> 0 OR s.trust <> 0
"""
_GONE_TOPICS = """
INSERT INTO internal."{hot}" BY NAME
SELECT s.domain_key, s.topic, 0.0 AS trust_mass, 0.0 AS score, w.clock AS scored_at,
       CAST($rev AS UBIGINT) AS rev
FROM internal.newest_topic_scores s SEMI JOIN temp.gone_domains USING (domain_key), internal.writer w
WHERE s.score <> 0
"""
_PAGES = """
UPDATE internal."{part}" t SET domain_key = m.domain_key
FROM (
    SELECT source_key AS page_key, s_dom_key AS domain_key FROM temp.moved_links
    WHERE s_dom_key <> old_s_dom_key
    UNION SELECT target_key, t_dom_key FROM temp.moved_links WHERE t_dom_key <> old_t_dom_key
) m
WHERE m.page_key = t.page_key
"""
_GONE_NAMES = 'DELETE FROM internal."{part}" WHERE domain_key IN (FROM temp.gone_domains)'
_COUNTS = f"""
WITH moves AS ({_MOVES})
SELECT count(*) FROM moves
"""  # noqa: S608
_LARGEST = f"""
WITH sides AS (
    SELECT link_id, s_dom_key AS domain_key, split_part(source_url, '/', 3) AS authority FROM internal.links
    UNION ALL SELECT link_id, t_dom_key, split_part(target_url, '/', 3) FROM internal.links
)
SELECT m.domain_name, m.new_domain_name, count(DISTINCT m.authority), count(DISTINCT link_id)
FROM {_MOVED} m JOIN sides USING (domain_key, authority)
GROUP BY ALL
ORDER BY 4 DESC, 3 DESC, 1, 2
LIMIT $most
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class DomainMove:
    """Hosts that leave one domain for another."""

    domain_name: str
    new_domain_name: str
    hosts: int
    links: int
    """Links with such a host on either side."""


def stored_hosts(connection: DuckDBPyConnection) -> pa.Table:
    """Return authority (host, and port if the URL has one) and domain_name of every host of a link."""
    return connection.sql(_HOSTS).to_arrow_table()


def count_moves(
    connection: DuckDBPyConnection, moved: pa.RecordBatch, most: int
) -> tuple[int, list[DomainMove]]:
    """Return how many links have a moved host, and the `most` largest moves. `moved` is the core's."""
    connection.register(_MOVED, moved)
    try:
        links = int(connection.execute(_COUNTS).fetchall()[0][0])
        rows = connection.execute(_LARGEST, {"most": most}).fetchall()
    finally:
        connection.unregister(_MOVED)
    return links, [DomainMove(*row) for row in rows]


def move_hosts(database: Database, moved: pa.RecordBatch, rev: int) -> None:
    """Give the links of moved hosts their new domains in every table; inside the writer's transaction.

    Touches the rows of these links alone. What is new gets the revision `rev`, which becomes that of the
    database. Scores of domains that stay are left to the core. Raises StoreFailedError or DiskFullError.
    """
    connection, parts = database.connection, database.parts
    try:
        connection.register(_MOVED, moved)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE moved_links AS {_MOVES}").fetchall()
        connection.unregister(_MOVED)
        _append(database, _NEW_KEYS, "domain_keys", rev)
        for table, columns in KEYED.items():
            for part in parts.of(table):
                is_named = part.is_named and "target_domain" in parts.run_columns(table)
                more = ("target_domain",) if is_named and "target_domain" not in columns else ()
                connection.execute(_update(part.name, (*columns, *more))).fetchall()
        rewrite_segments(connection, parts, rev, _MOVED_EVENT, "true")
        take_back_velocity(database, rev)
        for name in parts.physical("page_scores"):
            connection.execute(_PAGES.format(part=name)).fetchall()
        drop_empty_domains(database, rev)
        connection.execute("UPDATE internal.writer SET rev = ?", [rev]).fetchall()
        connection.execute("DROP TABLE temp.moved_links").fetchall()
    except duckdb.Error as error:
        raise write_failure(error, database.path, "give hosts other domains") from error


def take_back_velocity(database: Database, rev: int) -> None:
    """Count the lives of temp.moved_links under their new target domains, and no more under the old ones."""
    _append(database, _VELOCITY, "velocity_delta", rev)


def drop_empty_domains(database: Database, rev: int) -> None:
    """Take names and scores from the old domains of temp.moved_links that no sighted link has any more."""
    connection = database.connection
    connection.execute(_SIGHTED).fetchall()
    _append(database, _NEW_NAMES, "domain_names", rev)
    connection.execute(_GONE).fetchall()
    _append(database, _GONE_SCORES, "domain_scores", rev)
    _append(database, _GONE_TOPICS, "topic_scores", rev)
    for name in database.parts.physical("domain_names"):
        connection.execute(_GONE_NAMES.format(part=name)).fetchall()
    for table in ("sighted_sides", "gone_domains"):
        connection.execute(f"DROP TABLE temp.{table}").fetchall()


def _append(database: Database, statement: str, table: str, rev: int) -> None:
    text = statement.replace("{hot}", database.parts.hot(table))
    database.connection.execute(text, {"rev": rev}).fetchall()


def _update(part: str, columns: tuple[str, ...]) -> str:
    assignments = ", ".join(f"{column} = m.{column}" for column in columns)
    keys = [column for column in columns if column.endswith("_key")]
    is_other = " OR ".join(f"m.{key} <> m.old_{key}" for key in keys)
    return (
        f'UPDATE internal."{part}" t SET {assignments} FROM temp.moved_links m '  # noqa: S608
        f"WHERE m.link_id = t.link_id AND ({is_other})"
    )
