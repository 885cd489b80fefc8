"""A database of many links, made by SQL in one go: what `restart.py` starts from.

Twelve links a page, about 0.7 pairs of domains a link, links of one page side by side as a crawl leaves
them; three links in ten were sighted again, one in twenty is lost, one in a hundred suspect, one in fifty
changed an attribute. No page links twice to one target. All is folded into sorted runs. Raw observations and
lives are left out: a start reads neither.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from linktide.index import URL_POLICY_VERSION
from linktide.store.database import Database, PinVersions, StoreSettings
from linktide.store.fold import Folder, FoldRule

if TYPE_CHECKING:
    from pathlib import Path

LINKS_PER_PAGE = 12
_SUFFIXES = "// VERSION: bench\nexample\n"
_BATCH = 20_000

# u(n, salt): a uniform number of [0, 1) that depends on its arguments alone.
_MACROS = (
    "CREATE TEMP MACRO u(n, salt) AS (hash(n, salt) % 1000003) / 1000003.0",
    """CREATE TEMP MACRO moment(seconds) AS
    make_timestamptz(CAST((1700000000 + seconds) * 1000000.0 AS BIGINT))""",
)
_LINKS = f"""
CREATE TEMP TABLE made AS
WITH ends AS (
    SELECT i, i // {LINKS_PER_PAGE} AS page,
           CAST(floor($domains * pow(u(i // {LINKS_PER_PAGE}, 1), 1.3)) AS BIGINT) AS s,
           CAST(floor($domains * pow(u(i, 2), 2.2)) AS BIGINT) AS away, u(i, 3) < 0.3 AS is_internal
    FROM range($links) numbers(i)
), targets AS (
    SELECT i, page, s, CASE WHEN is_internal THEN s ELSE away END AS t,
           {LINKS_PER_PAGE} * CAST(floor(4 * pow(u(i, 4), 3)) AS BIGINT) + i % {LINKS_PER_PAGE} AS place
    FROM ends
)
SELECT i, s, t, 'https://d' || s || '.example/p' || page AS source_url,
       'https://d' || t || '.example/' || CASE WHEN place = 0 THEN '' ELSE 't' || place END AS target_url,
       i // {_BATCH} + 1 AS rev
FROM targets
"""  # noqa: S608 - numbers of this file
_NAMES = """
    SELECT DISTINCT hash('d' || d) AS domain_key, 'd' || d || '.example' AS domain_name, 1 AS rev
    FROM (SELECT s AS d FROM made UNION ALL SELECT t FROM made) ORDER BY domain_key"""
_TABLES = {
    "links": """
        SELECT hash(i) AS link_id, hash(source_url) AS source_key, hash(target_url) AS target_key,
               hash('d' || s) AS s_dom_key, hash('d' || t) AS t_dom_key, source_url, target_url,
               'd' || s || '.example' AS source_domain, 'd' || t || '.example' AS target_domain,
               CASE WHEN u(i, 5) < 0.8 THEN 'anchor ' || hash(i, 6) % 5000 END AS anchor,
               CASE WHEN u(i, 7) < 0.25 THEN 'nofollow' WHEN u(i, 7) < 0.7 THEN '' END AS rel,
               CASE WHEN u(i, 8) < 0.1 THEN 'image' END AS link_type,
               CASE WHEN u(i, 9) < 0.02 THEN '{"language":"de"}' END AS attributes,
               moment(i // 100) AS attributes_at, moment(i // 100) AS seen_at, rev FROM made ORDER BY i""",
    "attribute_changes": """
        SELECT hash(i) AS link_id, hash('d' || t) AS t_dom_key, 'anchor' AS field,
               moment(i // 100 + 86400) AS observed_at, 'another ' || i AS value,
               false AS is_void, $rev AS rev
        FROM made WHERE u(i, 10) < 0.02 ORDER BY i""",
    "domain_names": _NAMES,
    "domain_keys": _NAMES,
}
_AGAIN = """
SELECT hash(i) AS link_id, hash('d' || t) AS t_dom_key,
       CASE WHEN u(i, 11) < 0.05 THEN 3 WHEN u(i, 11) < 0.06 THEN 2 ELSE 1 END AS status,
       moment(i // 100) AS started_at,
       moment(i // 100 + CASE WHEN u(i, 11) < 0.06 THEN 0 ELSE 500000 END) AS last_seen,
       CASE WHEN u(i, 11) < 0.05 THEN moment(i // 100 + 600000) END AS firm_loss_at,
       CASE WHEN u(i, 11) < 0.05 THEN 'removedfromhtml' END AS firm_loss_reason,
       CASE WHEN u(i, 11) BETWEEN 0.05 AND 0.06 THEN moment(i // 100 + 600000) END AS suspect_at,
       $rev + i // 20000 AS rev
FROM made WHERE u(i, 11) < 0.3 ORDER BY i
"""


def make_database(path: Path, links: int) -> float:
    """Make a database of so many links; return the pairs of domains a link."""
    settings = StoreSettings(path, memory_limit="6GB")
    pins = PinVersions(URL_POLICY_VERSION, "bench", _SUFFIXES)
    database = Database.open(settings, lambda: pins, datetime.now(UTC))
    connection = database.connection
    numbers = {"links": links, "domains": max(links // 12, 10), "rev": links // _BATCH + 2}
    try:
        for statement in _MACROS:
            connection.execute(statement).fetchall()
        connection.execute(_LINKS, {name: numbers[name] for name in ("links", "domains")}).fetchall()
        for table, query in _TABLES.items():
            used = {"rev": numbers["rev"]} if "$rev" in query else {}
            _insert(database, table, query, used)
        _insert(database, "link_changes", _AGAIN, {"rev": numbers["rev"]})
        connection.execute(
            "UPDATE internal.writer SET rev = ?, clock = moment(? // 100 + 700000), live_links = ?",
            [2 * numbers["rev"], links, links],
        ).fetchall()
        pairs = "SELECT count(DISTINCT (s, t)) FROM made WHERE s <> t"
        share = connection.execute(pairs).fetchall()[0][0] / links
        connection.execute("DROP TABLE made").fetchall()
        database.parts.reload()
        _fold(database)
        connection.execute("CHECKPOINT").fetchall()
    finally:
        database.close()
    return float(share)


def _insert(database: Database, table: str, query: str, numbers: dict[str, int]) -> None:
    hot = database.parts.hot(table)
    database.connection.execute(f'INSERT INTO internal."{hot}" BY NAME {query}', numbers).fetchall()


def _fold(database: Database) -> None:
    folder = Folder(database, FoldRule(slice_seconds=10.0, slice_rows=1_228_800))
    folder.seal()
    while folder.is_busy:
        folder.step()
