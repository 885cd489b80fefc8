"""Rows of a synthetic web for the store alone, made by DuckDB: what the core would append, by millions.

Shape: 12 links a page; target domains by Zipf's law (exponent 1) over a million; source pages in 50,000
domains. Of the events of a batch 70 % begin a new link, 20 % sight an old one again, 10 % lose one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from linktide.store.database import Database

_LINKS: Final = """
SELECT hash(i) AS link_id, hash(p || 'p') AS source_key, hash(r || 't' || q) AS target_key,
       hash('s' || s) AS s_dom_key, hash('t' || r) AS t_dom_key,
       'https://www.site' || s || '-blog.com/2026/' || p || '/some-article-title' AS source_url,
       'https://target' || r || '.org/products/' || q || '/page' AS target_url,
       'site' || s || '-blog.com' AS source_domain, 'target' || r || '.org' AS target_domain,
       'anchor text ' || (hash(i * 3) % 5000) AS anchor, CASE WHEN i % 10 = 0 THEN 'nofollow' END AS rel,
       'text' AS link_type, CAST(NULL AS VARCHAR) AS attributes, t AS attributes_at, t AS seen_at,
       CAST({rev} AS UBIGINT) AS rev
FROM (
    SELECT i, i // 12 AS p, hash(i // 12) % 50000 AS s, hash(i * 7) % 977 AS q,
           CAST(floor(exp((hash(i * 11) % 1000000007) / 1000000007.0 * ln(1e6))) AS BIGINT) AS r,
           TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_microseconds(i * 100000) AS t
    FROM range({low}, {high}) generated(i)
)
ORDER BY i
"""
_EVENTS: Final = """
SELECT link_id, source_key, target_key, s_dom_key, t_dom_key, CAST({kind} AS UTINYINT) AS kind,
       attributes_at + to_hours({later}) AS observed_at, attributes_at + to_hours({later}) AS record_at,
       CAST(1 AS UINTEGER) AS source_id, CAST({off} + row_number() OVER () AS UBIGINT) AS off,
       CAST(NULL AS VARCHAR) AS lost_reason, rel, anchor, link_type,
       CAST(NULL AS VARCHAR) AS extra, CAST(NULL AS VARCHAR) AS raw_source_url,
       CAST(NULL AS VARCHAR) AS raw_target_url, CAST({rev} AS UBIGINT) AS rev
FROM {links}
"""
_STATES: Final = """
SELECT link_id, t_dom_key, CAST({status} AS UTINYINT) AS status, attributes_at AS started_at,
       attributes_at + to_hours({seen}) AS last_seen, {lost} AS firm_loss_at,
       CASE WHEN {status} = 3 THEN 'removedfromhtml' END AS firm_loss_reason,
       CAST(NULL AS TIMESTAMPTZ) AS suspect_at, CAST(NULL AS TIMESTAMPTZ) AS suspect_before_at,
       CAST({rev} AS UBIGINT) AS rev
FROM {links}
"""
_LIVES: Final = """
SELECT link_id, t_dom_key, attributes_at AS started_at, {alive} AS last_alive_at, {lost} AS lost_at,
       {lost} AS confirmed_at, CASE WHEN {status} = 3 THEN 'removedfromhtml' END AS lost_reason,
       {status} = 3 AS is_confirmed_by_event, false AS is_void, CAST({rev} AS UBIGINT) AS rev
FROM {links}
"""
_SCORES: Final = {
    "domain_scores": """
SELECT DISTINCT t_dom_key AS domain_key, 0.15 + (t_dom_key % 100003) / 1e3 AS citation,
       (t_dom_key % 100003) / 1e3 AS authority, 0.0 AS trust_mass, 0.0 AS trust,
       TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_days(CAST({rev} AS INTEGER)) AS scored_at,
       CAST({rev} AS UBIGINT) AS rev
FROM {links}
""",
    "page_scores": """
SELECT DISTINCT target_key AS page_key, t_dom_key AS domain_key, 1.5 AS citation, 3.0 AS authority,
       0.0 AS trust_mass, 0.0 AS trust,
       TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_days(CAST({rev} AS INTEGER)) AS scored_at,
       CAST({rev} AS UBIGINT) AS rev
FROM {links} WHERE hash(target_key) % 3 = 0
""",
}
_VELOCITY: Final = """
SELECT t_dom_key, date_trunc('hour', attributes_at) AS hour, CAST(count(*) AS INTEGER) AS new_links,
       0 AS restored_links, 0 AS lost_links, CAST({rev} AS UBIGINT) AS rev
FROM {links} GROUP BY t_dom_key, date_trunc('hour', attributes_at)
"""
_NAMES: Final = """
SELECT domain_key, domain_name, CAST({rev} AS UBIGINT) AS rev
FROM (SELECT s_dom_key AS domain_key, any_value(source_domain) AS domain_name FROM {links} GROUP BY 1
      UNION ALL SELECT t_dom_key, any_value(target_domain) FROM {links} GROUP BY 1)
ANTI JOIN internal.{table} USING (domain_key)
"""
_NO_TIME: Final = "CAST(NULL AS TIMESTAMPTZ)"
_LOST: Final = "attributes_at + to_hours(48)"


def _rows_of(links: str, rev: int, off: int) -> dict[str, str]:
    """Return SELECT by table of what new links append; `links` names a table of wide rows."""
    told = {"links": links, "rev": rev}
    return {
        "link_events": _EVENTS.format(kind=1, later=0, off=off, **told),
        "links": f"FROM {links}",
        "velocity_delta": _VELOCITY.format(**told),
        "domain_keys": _NAMES.format(table="domain_keys", **told),
        "domain_names": _NAMES.format(table="domain_names", **told),
        **{table: select.format(**told) for table, select in _SCORES.items()},
    }


def grow(database: Database, low: int, high: int, rev: int) -> None:
    """Append the rows of links number `low` to `high`, as if by one batch."""
    connection = database.connection
    wide = _LINKS.format(rev=rev, low=low, high=high)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE grown AS {wide}").fetchall()
    for table, select in _rows_of("temp.grown", rev, low).items():
        hot = database.parts.hot(table)
        connection.execute(f'INSERT INTO internal."{hot}" BY NAME {select}').fetchall()
    connection.execute("UPDATE internal.writer SET rev = ?, is_authority_shown = true", [rev]).fetchall()
    connection.execute(
        "UPDATE internal.writer SET clock = (SELECT max(attributes_at) FROM temp.grown)"
    ).fetchall()
    connection.execute("DROP TABLE temp.grown").fetchall()
    database.parts.reload()


def batch_tables(
    connection: duckdb.DuckDBPyConnection, known: int, rev: int, events: int
) -> dict[str, pa.Table]:
    """Return the Arrow tables of one batch on a database of so many links: 70 % new, 20 % seen, 10 % lost."""
    new, seen, lost = events * 7 // 10, events * 2 // 10, events // 10
    spread = known // (seen + lost)
    picks = {"grown": (known, known + new, 1), "seen": (0, seen, spread), "lost": (seen, seen + lost, spread)}
    for name, (low, high, step) in picks.items():
        wide = _LINKS.format(rev=rev, low=low * step, high=high * step)
        if step > 1:
            wide = wide.replace(
                f"FROM range({low * step}, {high * step})", f"FROM range({low * step}, {high * step}, {step})"
            )
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {wide}").fetchall()
    told = {"rev": rev}
    selects = _rows_of("temp.grown", rev, 0)
    old = {
        "link_events": [
            _EVENTS.format(kind=2, later=24, off=new, links="temp.seen", **told),
            _EVENTS.format(kind=3, later=48, off=new + seen, links="temp.lost", **told),
        ],
        "link_changes": [
            _STATES.format(status=1, seen=24, lost=_NO_TIME, links="temp.seen", **told),
            _STATES.format(status=3, seen=0, lost=_LOST, links="temp.lost", **told),
        ],
        "life_changes": [
            _LIVES.format(status=3, alive="attributes_at", lost=_LOST, links="temp.lost", **told)
        ],
    }
    found = {}
    for table in {**selects, **old}:
        told_of = [selects[table]] if table in selects else []
        whole = " UNION ALL BY NAME ".join(f"({one})" for one in (*told_of, *old.get(table, ())))
        if table == "page_scores":  # few pages move by a point that shows
            whole += " LIMIT 2000"
        found[table] = connection.sql(whole).to_arrow_table()
    for name in picks:
        connection.execute(f"DROP TABLE temp.{name}").fetchall()
    return found
