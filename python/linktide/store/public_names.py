"""The names that SQL from outside may say, as docs/sql.md explains them."""

from __future__ import annotations

VIEWS = (
    "links",
    "backlinks",
    "outgoing_links",
    "refdomains",
    "domains",
    "pages",
    "anchors",
    "linked_domains",
    "backlink_profiles",
    "refdomains_new_lost",
    "broken_backlinks",
    "broken_targets",
    "new_lost",
    "attribute_changes",
    "link_lives",
    "link_velocity",
    "link_velocity_by_follow",
    "link_velocity_daily",
    "link_velocity_baseline",
    "authority_history",
    "topical_authority",
    "target_status",
    "referrals",
    "dead_letters",
    "sources",
    "link_observations",
    "alerts",
)
"""The documented views, as in docs/sql.md; all that a reader may name."""
MACROS = (
    "links_of",
    "explain_authority",
    "what_if",
    "backlinks_asof",
    "backlinks_diff",
    "backlinks_to",
    "link_survival",
    "link_half_life",
    "link_outlook",
    "value_at_risk",
    "reclaim",
    "broken_link_opportunities",
    "link_intersect",
    "backlink_gap",
    "competitors",
)
"""The documented table macros, as in docs/sql.md; their own bodies name what a reader may not."""
