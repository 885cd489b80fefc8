"""The sections of a report: what each asks, shows and plots. An entry is a part of every format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from linktide.web.domain_table import Column
from linktide.web.report.plots import line_plot, survival_plot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linktide.web.domain_table import Plot, Row


@dataclass(frozen=True, slots=True)
class Section:
    """One part: `sql` names $domain, $at, $since, $year, $beginning, $names and $rivals."""

    name: str
    title: str
    about: str
    sql: str
    columns: tuple[Column, ...]
    plot: Callable[[Sequence[Row]], Plot | None] | None = None
    plot_label: str = ""
    is_of_now: bool = False
    """What it asks knows no other time: left out of a report as of one."""
    needs_rivals: bool = False
    is_plot_alone: bool = False
    """Its rows are too many to show; the plot has them."""
    empty: str = "Nothing to tell."


# What is otherwise since before the first event is all that lives, with what it carried then.
SECTIONS: Final = (
    Section(
        "summary",
        "Side by side",
        "Live links from other domains, and what came and went in the 30 days before.",
        """
SELECT domain_name, domain_authority, refdomains, backlinks, follow_ratio, effective_refdomains, gained_30d,
       lost_30d, note
FROM compare($names, at_time := $at)
""",
        (
            Column("domain_name", "Domain"),
            Column("domain_authority", "Authority", "points"),
            Column("refdomains", "Referring domains", "number"),
            Column("backlinks", "Live links", "number"),
            Column("follow_ratio", "Followed", "percent"),
            Column("effective_refdomains", "As varied as", "usual"),
            Column("gained_30d", "Gained, 30 d", "number"),
            Column("lost_30d", "Lost, 30 d", "number"),
            Column("note", "Note"),
        ),
    ),
    Section(
        "velocity",
        "Links gained and lost",
        "By day (UTC), the year before.",
        """
SELECT day, count(*) FILTER (is_begun) AS gained, -count(*) FILTER (NOT is_begun) AS lost
FROM (
    SELECT date_trunc('day', started_at) AS day, true AS is_begun
    FROM link_lives
    WHERE target_domain = $domain AND NOT is_internal AND started_at > $year AND started_at <= $at
    UNION ALL
    SELECT date_trunc('day', confirmed_at), false
    FROM link_lives
    WHERE target_domain = $domain AND NOT is_internal AND confirmed_at > $year AND confirmed_at <= $at
)
GROUP BY day
ORDER BY day
""",
        (Column("day", "Day", "day"), Column("gained", "Gained", "number"), Column("lost", "Lost", "number")),
        lambda rows: line_plot(
            rows, "day", [("Gained", "bars", "gain", "gained"), ("Lost", "bars", "loss", "lost")]
        ),
        plot_label="Links gained and lost a day",
        is_plot_alone=True,
        empty="No link came or went in that year.",
    ),
    Section(
        "growth",
        "Referring domains over time",
        "A domain refers while one of its links lives.",
        """
SELECT day, refdomains
FROM (
    SELECT date_trunc('day', changed_at) AS day,
           CAST(sum(sum(CASE change WHEN 'lost' THEN -1 ELSE 1 END))
                OVER (ORDER BY date_trunc('day', changed_at)) AS BIGINT) AS refdomains
    FROM refdomains_new_lost
    WHERE target_domain = $domain AND changed_at <= $at
    GROUP BY date_trunc('day', changed_at)
)
WHERE day > $year
ORDER BY day
""",
        (Column("day", "Day", "day"), Column("refdomains", "Referring domains", "number")),
        lambda rows: line_plot(rows, "day", [("Referring domains", "step", "main", "refdomains")]),
        plot_label="Referring domains by day",
        is_plot_alone=True,
        empty="No domain began or ceased to refer in that year.",
    ),
    Section(
        "authority",
        "Authority over time",
        "Of 100, as published; a new value is published when it moves.",
        """
SELECT scored_at, domain_authority
FROM authority_history
WHERE domain_name = $domain AND scored_at <= $at AND scored_at > $year AND domain_authority IS NOT NULL
ORDER BY scored_at
""",
        (Column("scored_at", "Time (UTC)", "moment"), Column("domain_authority", "Authority", "points")),
        lambda rows: line_plot(rows, "scored_at", [("Authority", "step", "main", "domain_authority")]),
        plot_label="Authority over time",
        is_plot_alone=True,
        empty="No score was published in that year.",
    ),
    Section(
        "changes",
        "What changed in 30 days",
        "Links that live at one end and not at the other, or carry another rel or anchor; losses first.",
        """
SELECT change, source_domain, count(*) AS links, min(source_url) AS example, max(changed_at) AS newest_at,
       mode(lost_reason) AS lost_reason
FROM backlinks_diff($domain, $since, $at)
GROUP BY change, source_domain
ORDER BY change = 'lost' DESC, links DESC, change, source_domain
LIMIT 20
""",
        (
            Column("change", "Change", "change"),
            Column("source_domain", "Domain"),
            Column("links", "Links", "number"),
            Column("example", "Such as", "url"),
            Column("newest_at", "Newest", "day"),
            Column("lost_reason", "Reason"),
        ),
        empty="Nothing came, went or changed.",
    ),
    Section(
        "refdomains",
        "Referring domains",
        "Those with most live links.",
        """
SELECT source_domain, count(*) AS links, count(*) FILTER (is_dofollow) AS followed, min(changed_at) AS since
FROM backlinks_diff($domain, $beginning, $at)
GROUP BY source_domain
ORDER BY links DESC, source_domain
LIMIT 20
""",
        (
            Column("source_domain", "Domain"),
            Column("links", "Live links", "number"),
            Column("followed", "Followed", "number"),
            Column("since", "Since", "day"),
        ),
        empty="No other domain links here.",
    ),
    Section(
        "anchors",
        "Anchors",
        "What live links say, by how many domains say it.",
        """
SELECT anchor, count(DISTINCT source_domain) AS refdomains, count(*) AS links,
       count(*) FILTER (is_dofollow) AS followed
FROM backlinks_diff($domain, $beginning, $at)
GROUP BY anchor
ORDER BY refdomains DESC, links DESC, anchor
LIMIT 20
""",
        (
            Column("anchor", "Anchor", "anchor"),
            Column("refdomains", "Domains", "number"),
            Column("links", "Live links", "number"),
            Column("followed", "Followed", "number"),
        ),
        empty="No link from another domain is live.",
    ),
    Section(
        "pages",
        "Pages that are linked to",
        "Those that most domains link to.",
        """
SELECT target_url, count(DISTINCT source_domain) AS refdomains, count(*) AS links
FROM backlinks_diff($domain, $beginning, $at)
GROUP BY target_url
ORDER BY refdomains DESC, links DESC, target_url
LIMIT 20
""",
        (
            Column("target_url", "Page", "url"),
            Column("refdomains", "Domains", "number"),
            Column("links", "Live links", "number"),
        ),
        empty="No link from another domain is live.",
    ),
    Section(
        "alerts",
        "Alerts",
        "What was worth a call in the year before, the newest first.",
        """
SELECT started_at, severity, alert, summary, ended_at
FROM alerts
WHERE domain_name = $domain AND started_at <= $at AND started_at > $year
ORDER BY started_at DESC
LIMIT 20
""",
        (
            Column("started_at", "Since (UTC)", "moment"),
            Column("severity", "Severity"),
            Column("alert", "Alert"),
            Column("summary", "What"),
            Column("ended_at", "Until", "moment"),
        ),
        empty="None. Alerts are of tracked domains and rivals.",
    ),
    Section(
        "survival",
        "How long links live",
        "Share of the links that outlive an age. Losses are known only from the check that found them: "
        "where links are re-checked seldom this is too high.",
        """
SELECT age_days, at_risk, lost, survival, survival_least, survival_most
FROM link_survival($domain)
WHERE link_group = 'all' AND survival > 0
ORDER BY age_days
""",
        (
            Column("age_days", "Age in days", "usual"),
            Column("at_risk", "Followed", "number"),
            Column("lost", "Lost", "number"),
            Column("survival", "Outlive it", "percent"),
        ),
        survival_plot,
        plot_label="Share of the links that outlive each age",
        is_of_now=True,
        is_plot_alone=True,
        empty="No link was lost, or too few were followed.",
    ),
    Section(
        "half_life",
        "Half-life",
        "The age that half of the links do not outlive.",
        """
SELECT link_group, lives, lost, followed_days, half_life_days, survival_90d, survival_365d, note
FROM link_half_life($domain)
""",
        (
            Column("link_group", "Links"),
            Column("lives", "Lives", "number"),
            Column("lost", "Ended", "number"),
            Column("followed_days", "Followed for days", "usual"),
            Column("half_life_days", "Half-life, days", "usual"),
            Column("survival_90d", "Outlive 90 d", "percent"),
            Column("survival_365d", "Outlive 365 d", "percent"),
            Column("note", "Note"),
        ),
        is_of_now=True,
        empty="No link was followed.",
    ),
    Section(
        "risk",
        "Authority at risk",
        "What is expected to go with links within 90 days.",
        """
SELECT source_domain, dofollow_backlinks, loss_chance, contribution, citation_at_risk, domain_authority,
       domain_authority_after, note
FROM value_at_risk($domain)
LIMIT 20
""",
        (
            Column("source_domain", "Domain (first: all)"),
            Column("dofollow_backlinks", "Followed links", "number"),
            Column("loss_chance", "Chance", "percent"),
            Column("contribution", "Adds", "usual"),
            Column("citation_at_risk", "At risk", "usual"),
            Column("domain_authority", "Authority", "points"),
            Column("domain_authority_after", "Without it", "points"),
            Column("note", "Note"),
        ),
        is_of_now=True,
    ),
    Section(
        "diversification",
        "On how many it depends",
        "As many equal ones would be as varied: 1 / Σ p².",
        """
SELECT dimension, members, effective_members, top_member, top_share
FROM diversification($domain)
""",
        (
            Column("dimension", "By"),
            Column("members", "There are", "number"),
            Column("effective_members", "As varied as", "usual"),
            Column("top_member", "The greatest"),
            Column("top_share", "has", "percent"),
        ),
        is_of_now=True,
    ),
    Section(
        "context",
        "Where links stand",
        "The part of the page that each live link stands in. Shares are of what is told.",
        """
SELECT coalesce(semantic_location, 'not told') AS semantic_location, refdomains, refdomain_share, backlinks,
       link_share, median_link_density
FROM context_mix($domain)
""",
        (
            Column("semantic_location", "Part of the page"),
            Column("refdomains", "Domains", "number"),
            Column("refdomain_share", "of the domains", "percent"),
            Column("backlinks", "Live links", "number"),
            Column("link_share", "of the links", "percent"),
            Column("median_link_density", "Links out per 100 words", "usual"),
        ),
        is_of_now=True,
        empty="No link from another domain is live.",
    ),
    Section(
        "toxicity",
        "What speaks against links",
        "Points of named markers by referring domain; from 40 on toxic. A reason to look, never a verdict.",
        """
SELECT source_domain, toxicity, array_to_string(markers_fired, ', ') AS markers, backlinks, toxic_backlinks
FROM toxicity($domain)
WHERE len(markers_fired) > 0
ORDER BY toxicity DESC NULLS LAST, len(markers_fired) DESC, source_domain
LIMIT 20
""",
        (
            Column("source_domain", "Domain"),
            Column("toxicity", "Points", "number"),
            Column("markers", "Markers that fire"),
            Column("backlinks", "Live links", "number"),
            Column("toxic_backlinks", "Toxic", "number"),
        ),
        is_of_now=True,
        empty="No marker fires, of those that can be told by what events say.",
    ),
    Section(
        "broken",
        "Links to broken pages",
        "Pages that do not answer although others link to them.",
        """
SELECT target_url, http_code, refdomains, backlinks
FROM broken_targets
WHERE target_domain = $domain
ORDER BY refdomains DESC, backlinks DESC, target_url
LIMIT 20
""",
        (
            Column("target_url", "Page", "url"),
            Column("http_code", "Answer", "usual"),
            Column("refdomains", "Domains", "number"),
            Column("backlinks", "Live links", "number"),
        ),
        is_of_now=True,
        empty="None is known.",
    ),
    Section(
        "gap",
        "Who links to rivals and not here",
        "Those that link to most of them first.",
        """
SELECT source_domain, domain_authority, len(domains_linked) AS rivals, backlinks
FROM backlink_gap($domain, $rivals, 1)
LIMIT 20
""",
        (
            Column("source_domain", "Domain"),
            Column("domain_authority", "Authority", "points"),
            Column("rivals", "Rivals", "number"),
            Column("backlinks", "Links to them", "number"),
        ),
        is_of_now=True,
        needs_rivals=True,
        empty="Nobody does.",
    ),
)
