"""The tables of a domain's page: what each asks, shows and plots. An entry is a table, its CSV and its JSON.

Parameters of every statement: the domain, the most rows. A statement names `target_domain` so that it reads
the few blocks that hold the domain, and no column that it does not show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from linktide.web.domain_table import Column, DomainTable
from linktide.web.profile_tables import PROFILE_TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from linktide.web.domain_table import Plot, Row


def seconds_of(rows: Sequence[Row], key: str) -> list[int]:
    """Return a column of times as plots take them: seconds since 1970."""

    def at(row: Row) -> int:
        moment: datetime = row[key]
        return int(moment.timestamp())

    return [at(row) for row in rows]


def _velocity_plot(rows: Sequence[Row]) -> Plot | None:
    days = rows[::-1]
    return {
        "x": seconds_of(days, "day"),
        "series": [
            {"label": "Gained", "kind": "bars", "tone": "gain", "values": [row["gained"] for row in days]},
            {"label": "Lost", "kind": "bars", "tone": "loss", "values": [-row["lost"] for row in days]},
            {
                "label": "Usually at most",
                "kind": "band",
                "tone": "muted",
                "values": [row["usual_high"] for row in days],
            },
            {
                "label": "at least",
                "kind": "band",
                "tone": "muted",
                "values": [row["usual_low"] for row in days],
            },
        ],
    }


def _growth_plot(rows: Sequence[Row]) -> Plot | None:
    days = rows[::-1]
    values = [row["refdomains"] for row in days]
    return {
        "x": seconds_of(days, "day"),
        "series": [{"label": "Referring domains", "kind": "area", "tone": "main", "values": values}],
    }


def _authority_plot(rows: Sequence[Row]) -> Plot | None:
    told = [row for row in rows[::-1] if row["domain_authority"] is not None]
    if not told:
        return None
    series = [
        {
            "label": "Authority",
            "kind": "step",
            "tone": "main",
            "values": [row["domain_authority"] for row in told],
        }
    ]
    if any(row["trust"] is not None for row in told):
        trust = [row["trust"] for row in told]
        series.append({"label": "Trust", "kind": "step", "tone": "gain", "values": trust})
    return {"x": seconds_of(told, "scored_at"), "series": series, "has_time": True}


# Days without a change are days too, from the first one told of to the clock's.
_VELOCITY: Final = """
WITH told AS (
    SELECT date_trunc('day', v.hour) AS day, sum(v.new_links + v.restored_links) AS gained,
           sum(v.lost_links) AS lost
    FROM internal.velocity_delta v
    WHERE v.target_domain = $1
    GROUP BY day
    HAVING gained <> 0 OR lost <> 0
), bounds AS (
    SELECT min(day) AS first_day, greatest(max(day), max(w.clock)) AS last_at
    FROM told CROSS JOIN internal.writer w
), days AS (
    SELECT d.day FROM bounds b, generate_series(b.first_day, b.last_at, INTERVAL 1 DAY) d(day)
), usual AS (
    SELECT d.day, CAST(coalesce(t.gained, 0) AS BIGINT) AS gained,
           CAST(coalesce(t.lost, 0) AS BIGINT) AS lost, count(*) OVER before AS days,
           avg(coalesce(t.gained, 0)) OVER before AS mean,
           stddev_pop(coalesce(t.gained, 0)) OVER before AS sd
    FROM days d LEFT JOIN told t ON t.day = d.day
    WINDOW before AS (ORDER BY d.day ROWS BETWEEN 28 PRECEDING AND 1 PRECEDING)
)
SELECT day, gained, lost, gained - lost AS net, CASE WHEN days >= 7 THEN mean END AS usual_gained,
       CASE WHEN days >= 7 THEN greatest(mean - greatest(sd, sqrt(mean)), 0) END AS usual_low,
       CASE WHEN days >= 7 THEN mean + greatest(sd, sqrt(mean)) END AS usual_high
FROM usual
ORDER BY day DESC
LIMIT $2
"""
_GROWTH: Final = """
SELECT day, new_refdomains, CAST(sum(new_refdomains) OVER (ORDER BY day) AS BIGINT) AS refdomains
FROM (
    SELECT date_trunc('day', began_at) AS day, count(*) AS new_refdomains
    FROM (SELECT min(started_at) AS began_at FROM backlinks WHERE target_domain = $1 GROUP BY source_domain)
    GROUP BY day
)
ORDER BY day DESC
LIMIT $2
"""
_REFDOMAINS: Final = """
SELECT d.source_domain, d.domain_authority, d.backlinks, d.dofollow_backlinks, r.state AS review_state,
       r.note AS review_note
FROM refdomains d LEFT JOIN reviews r ON r.subject = d.source_domain
WHERE d.target_domain = $1
ORDER BY d.domain_authority DESC NULLS LAST, d.backlinks DESC, d.source_domain
LIMIT $2
"""
_BACKLINKS: Final = """
SELECT source_url, target_url, anchor, is_dofollow, domain_authority, page_authority, started_at
FROM backlinks
WHERE target_domain = $1
ORDER BY domain_authority DESC NULLS LAST, page_authority DESC NULLS LAST, started_at DESC, link_id
LIMIT $2
"""
_ANCHORS: Final = """
SELECT anchor, refdomains, backlinks, dofollow_backlinks
FROM anchors
WHERE target_domain = $1
ORDER BY refdomains DESC, backlinks DESC, anchor
LIMIT $2
"""
# Not by new_lost: that looks up the event behind every turn, which is not shown here.
_CHANGES: Final = """
SELECT t.changed_at, t.change, l.source_url, l.target_url, l.anchor, t.lost_reason
FROM internal.life_turns t
JOIN internal.links l
    ON l.link_id = t.link_id AND l.target_domain = t.target_domain AND l.source_domain <> l.target_domain
WHERE t.target_domain = $1
ORDER BY t.changed_at DESC, t.link_id, t.change
LIMIT $2
"""
_AUTHORITY: Final = """
SELECT scored_at, domain_authority, trust
FROM authority_history
WHERE domain_name = $1
ORDER BY scored_at DESC
LIMIT $2
"""

TABLES: Final = (
    DomainTable(
        "velocity",
        "Velocity",
        "Links that began and ended, by day (UTC). The band is what is usual: the mean of the links gained "
        "on the 28 days before, give or take one width. Late events revise past days.",
        _VELOCITY,
        (
            Column("day", "Day", "day"),
            Column("gained", "Gained", "number"),
            Column("lost", "Lost", "number"),
            Column("net", "Net", "signed"),
            Column("usual_gained", "Usually gained", "usual"),
        ),
        _velocity_plot,
        is_by_day=True,
        is_wide=True,
        plot_label="Links gained and lost a day, beside what is usual",
        empty="No link to this domain has come or gone yet.",
    ),
    DomainTable(
        "growth",
        "Growth",
        "Domains that link here now, by the day their oldest live link began.",
        _GROWTH,
        (
            Column("day", "Day", "day"),
            Column("new_refdomains", "New domains", "number"),
            Column("refdomains", "Domains so far", "number"),
        ),
        _growth_plot,
        is_by_day=True,
        plot_label="Referring domains over time",
        empty="No other domain links here now.",
    ),
    DomainTable(
        "authority",
        "Authority",
        "Published scores over event time; a new one is published when the shown value moves.",
        _AUTHORITY,
        (
            Column("scored_at", "Time (UTC)", "moment"),
            Column("domain_authority", "Authority", "points"),
            Column("trust", "Trust", "points"),
        ),
        _authority_plot,
        plot_label="Authority over time",
        empty="No score has been published yet.",
    ),
    DomainTable(
        "refdomains",
        "Referring domains",
        "Domains with at least one live link here, those of most authority first. What you choose as a "
        "review is noted at once.",
        _REFDOMAINS,
        (
            Column("source_domain", "Domain", "domain"),
            Column("domain_authority", "Authority", "points"),
            Column("backlinks", "Live links", "number"),
            Column("dofollow_backlinks", "Followed", "number"),
            Column("review_state", "Review", "review"),
        ),
        empty="No other domain links here now.",
    ),
    DomainTable(
        "anchors",
        "Anchors",
        "What the live links say, by how many domains say it.",
        _ANCHORS,
        (
            Column("anchor", "Anchor", "anchor"),
            Column("refdomains", "Domains", "share"),
            Column("backlinks", "Live links", "number"),
            Column("dofollow_backlinks", "Followed", "number"),
        ),
        empty="No link from another domain is live.",
    ),
    DomainTable(
        "backlinks",
        "Top backlinks",
        "Live links from other domains, those of most authority first.",
        _BACKLINKS,
        (
            Column("source_url", "From", "url"),
            Column("target_url", "To", "url"),
            Column("anchor", "Anchor"),
            Column("is_dofollow", "Followed", "flag"),
            Column("domain_authority", "Domain authority", "points"),
            Column("started_at", "Since", "day"),
        ),
        is_wide=True,
        empty="No link from another domain is live.",
    ),
    DomainTable(
        "changes",
        "New and lost links",
        "Each time a link from another domain began or ended, the newest first.",
        _CHANGES,
        (
            Column("changed_at", "Time (UTC)", "moment"),
            Column("change", "Change", "change"),
            Column("source_url", "From", "url"),
            Column("target_url", "To", "url"),
            Column("anchor", "Anchor"),
            Column("lost_reason", "Reason"),
        ),
        is_wide=True,
        empty="No link has come or gone yet.",
    ),
    *PROFILE_TABLES,
)
"""In the order of the page."""


def table_named(name: str) -> DomainTable | None:
    """Return a table by its name."""
    return next((table for table in TABLES if table.name == name), None)
