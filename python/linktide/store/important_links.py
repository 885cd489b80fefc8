"""Which links matter to their target: those of its best pages, and the last of its foremost domains."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from duckdb import DuckDBPyConnection

SHOWN_ROWS: Final = 20
"""Most rows of evidence."""
KEPT_HOURS: Final = 6
"""Of event time: what the best tenth has moves slowly, and to find it all links of the domain are read."""

# Of the links that live and those just lost. Names are written out: a list in one parameter would not reach
# the order of the runs.
_MARKS: Final = """
WITH everyone AS (
    SELECT target_domain, source_domain, domain_authority, page_authority
    FROM main.backlinks WHERE target_domain IN ({names})
    UNION ALL
    SELECT l.target_domain, l.source_domain, coalesce(s.authority, 0), coalesce(p.authority, 0)
    FROM internal.links l
    SEMI JOIN (SELECT unnest($lost) AS link_id) a ON a.link_id = l.link_id
    LEFT JOIN internal.newest_domain_scores s ON s.domain_key = l.s_dom_key
    LEFT JOIN internal.newest_page_scores p ON p.page_key = l.source_key
    WHERE l.target_domain IN ({names})
), ranked AS (
    SELECT target_domain, page_authority,
           row_number() OVER (PARTITION BY target_domain ORDER BY page_authority DESC) AS place,
           count(*) OVER (PARTITION BY target_domain) AS links
    FROM everyone
), pages AS (
    SELECT target_domain, min(page_authority) AS page_mark
    FROM ranked WHERE place <= greatest(5, ceil(links / 100)) GROUP BY target_domain
), referring AS (
    SELECT target_domain, max(domain_authority) AS domain_authority
    FROM everyone GROUP BY target_domain, source_domain
)
SELECT target_domain, any_value(p.page_mark), quantile_disc(r.domain_authority, 0.9)
FROM referring r JOIN pages p USING (target_domain) GROUP BY target_domain
"""
_ASKED: Final = """
SELECT l.link_id, l.source_url, l.target_url, l.source_domain, l.target_domain,
       coalesce(s.authority, 0) AS domain_authority, coalesce(p.authority, 0) AS page_authority,
       page_authority > 0 AND page_authority >= m.page_mark AS is_best_page
FROM internal.links l
SEMI JOIN (SELECT unnest($links) AS link_id) a ON a.link_id = l.link_id
JOIN (SELECT unnest($marked) AS target_domain, unnest($page_marks) AS page_mark,
             unnest($domain_marks) AS domain_mark) m ON m.target_domain = l.target_domain
LEFT JOIN internal.newest_domain_scores s ON s.domain_key = l.s_dom_key
LEFT JOIN internal.newest_page_scores p ON p.page_key = l.source_key
WHERE l.target_domain IN ({names})
      AND (page_authority > 0 AND page_authority >= m.page_mark
           OR domain_authority > 0 AND domain_authority >= m.domain_mark)
ORDER BY page_authority DESC, domain_authority DESC, l.link_id
"""
_LEFT: Final = """
SELECT target_domain, source_domain, count(*) FROM main.backlinks
WHERE target_domain IN ({names}) AND list_contains($sources, source_domain) GROUP BY ALL
"""
_TOLD: Final = """
SELECT a.link_id, a.anchor, a.rel, e.lost_reason
FROM internal.link_attributes a
LEFT JOIN (
    SELECT link_id, arg_max(lost_reason, started_at) AS lost_reason
    FROM internal.lives WHERE target_domain IN ({names}) AND list_contains($links, link_id) GROUP BY link_id
) e ON e.link_id = a.link_id
WHERE a.target_domain IN ({names}) AND list_contains($links, a.link_id)
"""

Row = dict[str, Any]
Asked = tuple[str, float, float]
"""Target of a link, authority of its page and of its domain as the core has them."""
_ROUNDED: Final = 1e-3


@dataclass(slots=True)
class ImportantLinks:
    """Answers by the tables of a batch, and keeps for a while what a link must reach."""

    _hour: int | None = None
    """Since 1970; when the marks were found."""
    _marks: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Target → least authority of its best pages and of its foremost domains."""

    def find(
        self,
        connection: DuckDBPyConnection,
        hour: int,
        lost: Mapping[int, Asked],
        live: Mapping[int, Asked],
        own: Sequence[str],
    ) -> dict[int, Row]:
        """Return those of the links that matter to their targets, which are some of the own, the best first.

        Lost ones matter if their page was among the best, max(5, 1 %), or if they were the last of a domain
        in the top tenth; live ones if either the page or the domain is.
        """
        asked = {**live, **lost}
        if not asked or not _is_authority_shown(connection):
            return {}
        self._look(connection, hour, list(lost), {one[0] for one in asked.values()}, own)
        links = [link for link, one in asked.items() if self._may_matter(*one)]
        if not links:
            return {}
        known = sorted({asked[link][0] for link in links})
        marks = [self._marks[name] for name in known]
        found = _rows(
            connection,
            _ASKED,
            known,
            {
                "links": links,
                "marked": known,
                "page_marks": [one[0] for one in marks],
                "domain_marks": [one[1] for one in marks],
            },
        )
        return {row["link_id"]: row for row in _with_links_left(connection, found, lost)}

    def _may_matter(self, target: str, page: float, domain: float) -> bool:
        """Tell whether to ask the tables; the core holds scores in fewer digits than these."""
        found = self._marks.get(target)
        if found is None:
            return False
        return page > max(found[0] - _ROUNDED, 0) or domain > max(found[1] - _ROUNDED, 0)

    def _look(
        self,
        connection: DuckDBPyConnection,
        hour: int,
        lost: Sequence[int],
        names: set[str],
        own: Sequence[str],
    ) -> None:
        """Find the marks anew if they are too old, those of all own domains by one statement."""
        is_known = names <= self._marks.keys()
        if is_known and self._hour is not None and 0 <= hour - self._hour < KEPT_HOURS:
            return
        told = connection.execute(*_bound(_MARKS, own, {"lost": lost})).fetchall()
        self._hour = hour
        # A domain without a link has no mark, and none of its links can matter.
        self._marks = dict.fromkeys(own, (math.inf, math.inf)) | {
            name: (page_mark, domain_mark) for name, page_mark, domain_mark in told
        }


def _is_authority_shown(connection: DuckDBPyConnection) -> bool:
    return bool(connection.execute("SELECT is_authority_shown FROM internal.writer").fetchall()[0][0])


def _with_links_left(connection: DuckDBPyConnection, found: Sequence[Row], lost: Container[int]) -> list[Row]:
    """Leave out lost links whose page is none of the best and whose domain links here still."""
    asked = {(row["target_domain"], row["source_domain"]) for row in found if row["link_id"] in lost}
    left: dict[tuple[str, str], int] = {}
    if asked:
        sources = sorted({source for _, source in asked})
        targets = sorted({target for target, _ in asked})
        told = connection.execute(*_bound(_LEFT, targets, {"sources": sources})).fetchall()
        left = {(target, source): count for target, source, count in told}
    kept = []
    for row in found:
        is_best = row.pop("is_best_page")
        if row["link_id"] in lost:
            row["links_left"] = left.get((row["target_domain"], row["source_domain"]), 0)
            if not is_best and row["links_left"]:
                continue
        kept.append(row)
    return kept


def tell_more(connection: DuckDBPyConnection, found: Mapping[int, Row], lost: Container[int]) -> None:
    """Add to rows what links say, and to the lost ones why they were lost."""
    if not found:
        return
    targets = sorted({row["target_domain"] for row in found.values()})
    for row in _rows(connection, _TOLD, targets, {"links": list(found)}):
        one = found[row["link_id"]]
        one |= {"anchor": row["anchor"], "rel": row["rel"]}
        if row["link_id"] in lost:
            one["lost_reason"] = row["lost_reason"]


def _bound(sql: str, names: Sequence[str], parameters: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    numbered = {f"name{number}": name for number, name in enumerate(names)}
    return sql.format(names=", ".join(f"${key}" for key in numbered)), {**numbered, **parameters}


def _rows(
    connection: DuckDBPyConnection, sql: str, names: Sequence[str], parameters: Mapping[str, object]
) -> list[Row]:
    told = connection.execute(*_bound(sql, names, parameters))
    columns = [column[0] for column in told.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in told.fetchall()]
