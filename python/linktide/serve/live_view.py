"""What GET /api/v1/top and /status tell: pure functions of the service's numbers and of two statements."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Final, Protocol

from linktide.json_rows import iso_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    Read = Callable[[str, Sequence[object]], pa.Table]

NEWEST_CHANGES: Final = 30
SCANNED_CHANGES: Final = 1_000
"""More than are shown: links within a domain, voided rows and older rows of the same life drop out."""

_NEWEST: Final = """
WITH scanned AS (
    SELECT link_id, target_domain, started_at, confirmed_at, is_void, rev,
           coalesce(confirmed_at, started_at) AS changed_at
    FROM internal.life_changes{where}
    ORDER BY rev DESC, changed_at DESC
    LIMIT $1
), newest AS (
    -- A row that supersedes one of these is newer, so it is among them: the fold is exact.
    SELECT link_id, target_domain, started_at, max(rev) AS rev,
           arg_max({{'confirmed_at': confirmed_at, 'changed_at': changed_at, 'is_void': is_void}},
                   rev) AS life
    FROM scanned
    GROUP BY link_id, target_domain, started_at
), shown AS MATERIALIZED (
    SELECT n.link_id, n.started_at, n.rev, n.life, l.source_url, l.target_url, l.target_domain, l.anchor
    FROM newest n
    JOIN internal.links l ON l.link_id = n.link_id AND l.target_domain = n.target_domain{links}
    WHERE NOT n.life.is_void AND l.s_dom_key <> l.t_dom_key
    ORDER BY n.rev DESC, n.life.changed_at DESC, n.link_id
    LIMIT $2
), begun AS (
    SELECT c.link_id, c.started_at, arg_max(c.is_void, c.rev) AS is_void
    FROM internal.life_changes c
    SEMI JOIN shown s ON s.link_id = c.link_id AND s.target_domain = c.target_domain
    GROUP BY c.link_id, c.started_at
), earlier AS (
    SELECT DISTINCT s.link_id, s.started_at
    FROM shown s
    JOIN begun b ON b.link_id = s.link_id AND b.started_at < s.started_at
    WHERE NOT b.is_void
)
SELECT s.life.changed_at AS observed_at,
       CASE WHEN s.life.confirmed_at IS NOT NULL THEN 'lost'
            WHEN e.link_id IS NOT NULL THEN 'restored' ELSE 'new' END AS change,
       s.source_url, s.target_url, s.anchor, s.target_domain, s.rev
FROM shown s
LEFT JOIN earlier e ON e.link_id = s.link_id AND e.started_at = s.started_at
ORDER BY s.rev DESC, s.life.changed_at DESC, s.link_id
"""
NEWEST_SQL: Final = _NEWEST.format(where="", links="")
"""Parameters: change rows to look at, changes to return. The newest changes of external links."""


def newest_since_sql(domains: int) -> str:
    """Return the same of batches after one and of so many domains, 0: of all; both are further parameters.

    The batch comes first. Of a table's parts only those with newer rows are read.
    """
    where = "\n    WHERE rev > $3"
    if not domains:
        return _NEWEST.format(where=where, links="")
    return _NEWEST.format(
        where=f"{where} AND {among('target_domain', domains, 4)}",
        links=f"\n        AND {among('l.target_domain', domains, 4)}",
    )


def among(column: str, values: int, first: int) -> str:
    """Return the condition that a column is one of so many parameters, numbered from `first`.

    Written out: a list in one parameter would not reach the order of the runs.
    """
    numbered = ", ".join(f"${number}" for number in range(first, first + values))
    return f"{column} IN ({numbered})"


TRACKED_SQL: Final = """
WITH wanted AS (
    SELECT DISTINCT domain_key, domain_name
    FROM internal.domain_names
    WHERE list_contains($1, domain_name)
), state AS (
    SELECT c.link_id, arg_max(c.status, c.rev) AS status
    FROM internal.link_changes c
    SEMI JOIN wanted w ON w.domain_key = c.t_dom_key
    GROUP BY c.link_id
), referring AS (
    SELECT l.t_dom_key, count(DISTINCT l.s_dom_key) AS refdomains
    FROM internal.links l
    SEMI JOIN wanted w ON w.domain_key = l.t_dom_key
    JOIN state s ON s.link_id = l.link_id
    WHERE s.status IN (1, 2) AND l.s_dom_key <> l.t_dom_key
    GROUP BY l.t_dom_key
), today AS (
    SELECT v.t_dom_key, sum(v.new_links + v.restored_links) AS new_today, sum(v.lost_links) AS lost_today
    FROM internal.velocity_delta v
    SEMI JOIN wanted w ON w.domain_key = v.t_dom_key
    WHERE v.hour >= (SELECT date_trunc('day', clock) FROM internal.writer)
    GROUP BY v.t_dom_key
)
SELECT w.domain_name, coalesce(r.refdomains, 0) AS refdomains,
       CAST(coalesce(t.new_today, 0) AS BIGINT) AS new_today,
       CAST(coalesce(t.lost_today, 0) AS BIGINT) AS lost_today
FROM wanted w
LEFT JOIN referring r ON r.t_dom_key = w.domain_key
LEFT JOIN today t ON t.t_dom_key = w.domain_key
"""
"""Parameter: a list of domain names. Names never met have no row; today is the UTC day of the clock."""

GRAPH_TOO_SMALL: Final = "graph too small"
_NOT_MET: Final = "not met yet"
_NO_SCORE: Final = "no score yet"
_MEASURES: Final = (
    "authority_error_bound",
    "authority_error_bound_ratio",
    "authority_error_target",
    "authority_cpu_seconds",
)


class Counted(Protocol):
    """What the core counts of one domain."""

    @property
    def live_links(self) -> int:
        """Live links from other domains."""

    @property
    def authority(self) -> float | None:
        """0 to 100; None while not shown or not scored."""


@dataclass(frozen=True, slots=True)
class TopInput:
    """The numbers of the live view that no statement has to find."""

    tracked: Sequence[tuple[str, str]]
    """(domain, role) in the order to show them; the role is own or rival."""
    counted: Sequence[Counted | None]
    """What the core counts of each of them; None for a domain it has not met."""
    is_authority_shown: bool
    live_links: int
    lag: int
    """Records not yet fetched, of all partitions."""
    events_per_second: float
    freshness_p99_seconds: float | None
    dead_letters: int
    is_synthetic: bool


def version() -> str:
    """Return the version of the installed program, 0 if it runs from a checkout."""
    try:
        return installed_version("linktide")
    except PackageNotFoundError:
        return "0"


def figures(numbers: Mapping[str, float]) -> dict[str, object]:
    """Return the index's numbers as JSON has them: by name, counts whole, flags true or false."""
    return {name: _figure(name, value) for name, value in sorted(numbers.items())}


def _figure(name: str, value: float) -> object:
    if name in _MEASURES or not float(value).is_integer():
        return value
    return bool(value) if "is_" in name else int(value)


def top(told: TopInput, read: Read) -> dict[str, object]:
    """Return the data of the live view. `read` runs a statement as ADMIN; what it raises goes through."""
    return {
        "tracked": _tracked(told, read),
        "newest": _newest(read),
        "live_links_total": told.live_links,
        "lag": told.lag,
        "events_per_second": told.events_per_second,
        "freshness_p99_seconds": told.freshness_p99_seconds,
        "dead_letters": told.dead_letters,
        "is_synthetic": told.is_synthetic,
    }


def _newest(read: Read) -> list[dict[str, object]]:
    rows = read(NEWEST_SQL, [SCANNED_CHANGES, NEWEST_CHANGES]).to_pylist()
    shown = ("change", "source_url", "target_url", "anchor")
    return [{"observed_at": iso_utc(row["observed_at"])} | {key: row[key] for key in shown} for row in rows]


def _tracked(told: TopInput, read: Read) -> list[dict[str, object]]:
    if not told.tracked:
        return []
    rows = read(TRACKED_SQL, [[domain for domain, _ in told.tracked]]).to_pylist()
    found = {row["domain_name"]: row for row in rows}
    return [
        {"domain": domain, "role": role}
        | _domain_row(counted, found.get(domain, {}), is_authority_shown=told.is_authority_shown)
        for (domain, role), counted in zip(told.tracked, told.counted, strict=True)
    ]


def _domain_row(
    counted: Counted | None, found: Mapping[str, object], *, is_authority_shown: bool
) -> dict[str, object]:
    return {
        "live_links": 0 if counted is None else counted.live_links,
        "refdomains": found.get("refdomains", 0),
        "new_today": found.get("new_today", 0),
        "lost_today": found.get("lost_today", 0),
        **authority_told(counted, is_authority_shown=is_authority_shown),
    }


def authority_told(counted: Counted | None, *, is_authority_shown: bool) -> dict[str, object]:
    """Return the authority of a domain, or null and why there is none."""
    authority = counted.authority if counted is not None and is_authority_shown else None
    note = None
    if authority is None:
        note = GRAPH_TOO_SMALL if not is_authority_shown else _NOT_MET if counted is None else _NO_SCORE
    return {"authority": authority, "authority_note": note}
