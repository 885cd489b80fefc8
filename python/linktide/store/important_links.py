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
    SEMI JOIN (SELECT unnest(CAST($lost AS UBIGINT[])) AS link_id) a ON a.link_id = l.link_id
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
# The few links asked for are folded here: the views of state and attributes would fold all of the target.
_LEFT: Final = """
WITH linked AS (
    SELECT l.link_id, l.target_domain, l.s_dom_key
    FROM internal.links l
    SEMI JOIN (SELECT unnest(CAST($sources AS UBIGINT[])) AS s_dom_key) a ON a.s_dom_key = l.s_dom_key
    WHERE l.target_domain IN ({names})
), state AS (
    SELECT k.target_domain, k.s_dom_key, arg_max(c.status, c.rev) AS status
    FROM linked k JOIN internal.link_changes c ON c.link_id = k.link_id AND c.target_domain = k.target_domain
    WHERE c.target_domain IN ({names})
    GROUP BY k.target_domain, k.s_dom_key, k.link_id
)
SELECT target_domain, s_dom_key, count(*) FROM state WHERE status IN (1, 2) GROUP BY ALL
"""
_TOLD: Final = """
SELECT l.link_id, l.source_url, l.target_url, l.source_domain, l.anchor, l.rel, l.attributes_at
FROM internal.links l
SEMI JOIN (SELECT unnest(CAST($links AS UBIGINT[])) AS link_id) a ON a.link_id = l.link_id
WHERE l.target_domain IN ({names})
"""
_SAID_LATER: Final = """
SELECT link_id, field, max(observed_at) AS said_at, arg_max(value, observed_at) AS value
FROM (
    SELECT c.link_id, c.field, c.observed_at,
           arg_max(c.value, c.rev) AS value, arg_max(c.is_void, c.rev) AS is_void
    FROM internal.attribute_changes c
    SEMI JOIN (SELECT unnest(CAST($links AS UBIGINT[])) AS link_id) a ON a.link_id = c.link_id
    WHERE c.target_domain IN ({names}) AND c.field IN ('anchor', 'rel')
    GROUP BY c.link_id, c.field, c.observed_at
)
WHERE NOT is_void
GROUP BY link_id, field
"""
_ENDS: Final = """
SELECT c.link_id, arg_max(c.lost_reason, {{'started_at': c.started_at, 'rev': c.rev}}) AS lost_reason
FROM internal.life_changes c
SEMI JOIN (SELECT unnest(CAST($links AS UBIGINT[])) AS link_id) a ON a.link_id = c.link_id
WHERE c.target_domain IN ({names}) AND c.confirmed_at IS NOT NULL AND NOT c.is_void
GROUP BY c.link_id
"""

Row = dict[str, Any]
_ROUNDED: Final = 1e-3
"""The core holds the scores that were written in fewer digits than the tables."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A link that was lost, or is followed no more."""

    link_id: int
    target: str
    source_key: int
    """Of its domain."""
    page_authority: float
    domain_authority: float
    """As the core wrote them last."""
    is_lost: bool


@dataclass(slots=True)
class ImportantLinks:
    """Answers by the tables of a batch, and keeps for a while what a link must reach."""

    _hour: int | None = None
    """Since 1970; when the marks were found."""
    _marks: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Target → least authority of its best pages and of its foremost domains."""

    def find(
        self, connection: DuckDBPyConnection, hour: int, asked: Sequence[Asked], own: Sequence[str]
    ) -> dict[int, Row]:
        """Return by link those that matter to their targets, which are some of the own, the best first.

        Lost ones matter if their page was among the best, max(5, 1 %), or if they were the last of a domain
        in the top tenth; live ones if either the page or the domain is.
        """
        if not asked or not _is_authority_shown(connection):
            return {}
        self._look(connection, hour, asked, own)
        marks = {one.link_id: self._reaches(one) for one in asked}
        is_doubtful = {link: mark.is_top and not mark.is_best for link, mark in marks.items()}
        doubtful = [one for one in asked if one.is_lost and is_doubtful[one.link_id]]
        left = _links_left(connection, doubtful)
        found = [
            one
            for one in asked
            if marks[one.link_id].is_best
            or (marks[one.link_id].is_top and not left.get((one.target, one.source_key)))
        ]
        found.sort(key=lambda one: (-one.page_authority, -one.domain_authority, one.link_id))
        return {one.link_id: _row_of(one) for one in found}

    def _reaches(self, one: Asked) -> _Marks:
        page, domain = self._marks.get(one.target, (math.inf, math.inf))
        return _Marks(
            one.page_authority > 0 and one.page_authority >= page - _ROUNDED,
            one.domain_authority > 0 and one.domain_authority >= domain - _ROUNDED,
        )

    def _look(
        self, connection: DuckDBPyConnection, hour: int, asked: Sequence[Asked], own: Sequence[str]
    ) -> None:
        """Find the marks anew if they are too old, those of all own domains by one statement."""
        is_known = {one.target for one in asked} <= self._marks.keys()
        if is_known and self._hour is not None and 0 <= hour - self._hour < KEPT_HOURS:
            return
        lost = [one.link_id for one in asked if one.is_lost]
        told = connection.execute(*_bound(_MARKS, own, {"lost": lost})).fetchall()
        self._hour = hour
        # A domain without a link has no mark, and none of its links can matter.
        self._marks = dict.fromkeys(own, (math.inf, math.inf)) | {
            name: (page_mark, domain_mark) for name, page_mark, domain_mark in told
        }


@dataclass(frozen=True, slots=True)
class _Marks:
    is_best: bool
    is_top: bool


def _is_authority_shown(connection: DuckDBPyConnection) -> bool:
    return bool(connection.execute("SELECT is_authority_shown FROM internal.writer").fetchall()[0][0])


def _row_of(one: Asked) -> Row:
    return {
        "link_id": one.link_id,
        "target_domain": one.target,
        "page_authority": round(one.page_authority, 3),
        "domain_authority": round(one.domain_authority, 3),
    }


def _links_left(connection: DuckDBPyConnection, asked: Sequence[Asked]) -> dict[tuple[str, int], int]:
    """Return by target and source domain how many links are live."""
    if not asked:
        return {}
    targets, sources = sorted({one.target for one in asked}), sorted({one.source_key for one in asked})
    told = connection.execute(*_bound(_LEFT, targets, {"sources": sources})).fetchall()
    return {(target, source): count for target, source, count in told}


def tell_more(connection: DuckDBPyConnection, found: Mapping[int, Row], lost: Container[int]) -> None:
    """Add to rows what links are and say, and to the lost ones why they were lost."""
    if not found:
        return
    targets = sorted({row["target_domain"] for row in found.values()})
    told_at = {}
    for row in _rows(connection, _TOLD, targets, {"links": list(found)}):
        told_at[row["link_id"]] = row.pop("attributes_at")
        found[row["link_id"]].update(row)
    for row in _rows(connection, _SAID_LATER, targets, {"links": list(found)}):
        at = told_at.get(row["link_id"])
        # What is stored beside the first telling may be older than it.
        if at is None or row["said_at"] >= at or found[row["link_id"]].get(row["field"]) is None:
            found[row["link_id"]][row["field"]] = row["value"]
    gone = [link for link in found if link in lost]
    for row in _rows(connection, _ENDS, targets, {"links": gone}) if gone else ():
        found[row["link_id"]].update(row)


def _bound(sql: str, names: Sequence[str], parameters: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    numbered = {f"name{number}": name for number, name in enumerate(names)}
    return sql.format(names=", ".join(f"${key}" for key in numbered)), {**numbered, **parameters}


def _rows(
    connection: DuckDBPyConnection, sql: str, names: Sequence[str], parameters: Mapping[str, object]
) -> list[Row]:
    told = connection.execute(*_bound(sql, names, parameters))
    columns = [column[0] for column in told.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in told.fetchall()]
