"""The tables of a domain's page that tell what its links are and what became of them."""

from __future__ import annotations

from typing import Final

from linktide.web.domain_table import Column, DomainTable

_MIX: Final = """
SELECT source_kind, acquisition, backlinks, refdomains, refdomain_share
FROM link_mix
WHERE target_domain = $1
ORDER BY backlinks DESC, source_kind, acquisition
LIMIT $2
"""
_CLASSES: Final = """
SELECT anchor_class, refdomains, backlinks, refdomain_share
FROM anchor_profile
WHERE target_domain = $1
ORDER BY refdomain_share DESC NULLS LAST, backlinks DESC NULLS LAST, anchor_class
LIMIT $2
"""
# Without twins: to find them reads all links of the index.
_TOXICITY: Final = """
SELECT t.source_domain, t.toxicity, array_to_string(t.markers_fired, ', ') AS markers_fired,
       t.markers_evaluated || ' of ' || w.in_use AS markers_told, t.backlinks, t.toxic_backlinks
FROM toxicity($1) t
CROSS JOIN internal.marker_weights w
WHERE len(t.markers_fired) > 0
ORDER BY t.toxicity DESC NULLS LAST, len(t.markers_fired) DESC, t.backlinks DESC, t.source_domain
LIMIT $2
"""
_SURVIVAL: Final = """
SELECT link_group, lives, lost, half_life_days, survival_90d, survival_365d, note
FROM link_half_life($1)
LIMIT $2
"""
_PLACEMENTS: Final = """
SELECT state, is_overdue, violated_since, source_url, target_url, campaign, found_target_url, expected_rel,
       rel, expected_anchor, anchor
FROM placements
WHERE target_domain = $1
ORDER BY is_overdue DESC NULLS LAST, violated_since DESC NULLS LAST, source_url, target_url
LIMIT $2
"""
_CAMPAIGNS: Final = """
SELECT c.campaign, c.goal, c.placements, c.not_checked, c.won, c.surviving, c.spend, c.cost_per_surviving_link
FROM campaigns c
WHERE c.campaign IN (SELECT p.campaign FROM internal.placements p WHERE p.target_domain = $1)
ORDER BY c.campaign
LIMIT $2
"""

PROFILE_TABLES: Final = (
    DomainTable(
        "link_mix",
        "Link mix",
        "What kind of site the live links stand on, and how they came to be, by the rules in force. A domain "
        "whose links are of several kinds counts in parts.",
        _MIX,
        (
            Column("source_kind", "Kind of site", "word"),
            Column("acquisition", "Came by", "word"),
            Column("backlinks", "Live links", "share"),
            Column("refdomains", "Domains", "number"),
            Column("refdomain_share", "Of all domains", "percent"),
        ),
        empty="No link from another domain is live.",
    ),
    DomainTable(
        "anchor_profile",
        "Anchor profile",
        "What the anchors are, by the domains that use them. Exact and partial are told once the file of "
        "mine.terms has money terms of this domain.",
        _CLASSES,
        (
            Column("anchor_class", "Anchors", "word"),
            Column("refdomains", "Domains", "number"),
            Column("backlinks", "Live links", "number"),
            Column("refdomain_share", "Of all domains", "percent"),
        ),
        empty="No link from another domain is live.",
    ),
    DomainTable(
        "toxicity",
        "What speaks against links",
        "Domains of which a marker fires, those of most points first: a reason to look at them, never a "
        "verdict. Points are given once half of the markers in use can be told; from 40 on a link is toxic.",
        _TOXICITY,
        (
            Column("source_domain", "Domain", "domain"),
            Column("toxicity", "Points", "number"),
            Column("markers_fired", "Markers that fire", "word"),
            Column("markers_told", "Could be told"),
            Column("backlinks", "Live links", "number"),
            Column("toxic_backlinks", "Toxic", "number"),
        ),
        is_wide=True,
        empty="No marker fires, of those that can be told by what events say.",
    ),
    DomainTable(
        "survival",
        "How long links live",
        "The age that half of the links do not outlive, and how many outlive 90 and 365 days. Losses are "
        "known only from the check that found them: where links are checked seldom, these are too high.",
        _SURVIVAL,
        (
            Column("link_group", "Links", "word"),
            Column("lives", "Followed", "number"),
            Column("lost", "Lost", "number"),
            Column("half_life_days", "Half-life in days", "usual"),
            Column("survival_90d", "Outlive 90 days", "percent"),
            Column("survival_365d", "Outlive 365 days", "percent"),
            Column("note", "Note"),
        ),
        is_wide=True,
        empty="No link from another domain was followed yet.",
    ),
    DomainTable(
        "placements",
        "Placements",
        "Links that were agreed on, those that are wrong for longer than their grace first.",
        _PLACEMENTS,
        (
            Column("state", "State", "state"),
            Column("is_overdue", "Overdue", "flag"),
            Column("violated_since", "Wrong since", "day"),
            Column("source_url", "From", "url"),
            Column("target_url", "To", "url"),
            Column("campaign", "Campaign"),
            Column("rel", "Rel seen"),
            Column("anchor", "Anchor seen"),
        ),
        is_wide=True,
        empty="No link to this domain was agreed on: placements come from the file of mine.placements.",
    ),
    DomainTable(
        "campaigns",
        "Campaigns",
        "Campaigns with placements to this domain, over all domains they have. What they won is told once "
        "something is known of their links.",
        _CAMPAIGNS,
        (
            Column("campaign", "Campaign"),
            Column("goal", "Links wanted", "number"),
            Column("placements", "Agreed", "number"),
            Column("not_checked", "Not known yet", "number"),
            Column("won", "Won", "number"),
            Column("surviving", "Live", "number"),
            Column("spend", "Spent", "usual"),
            Column("cost_per_surviving_link", "Per live link", "usual"),
        ),
        is_wide=True,
        empty="No placement to this domain names a campaign.",
    ),
)
"""In the order of the page."""
