"""What the alerts that rest on views ask of one domain; through a reader, never on the writer's thread."""

from __future__ import annotations

from typing import Final

from linktide.store.link_evidence import SHOWN_ROWS

WHAT_THERE_IS: Final = """
SELECT epoch_us(w.clock) AS clock_us, CAST(w.clock AS DATE) AS today,
       EXISTS (SELECT 1 FROM internal.placements WHERE target_domain = $domain) AS has_placements,
       EXISTS (SELECT 1 FROM internal.anchor_terms
               WHERE target_domain = $domain AND kind = 'money') AS has_terms,
       EXISTS (SELECT 1 FROM internal.target_status) AS has_answers,
       EXISTS (SELECT 1 FROM internal.referrals) AS has_visits
FROM internal.writer w
"""
"""Which of the others are worth asking: most domains have no placements, money terms or visits."""

OVERDUE: Final = """
SELECT source_url, target_url, campaign, state, violated_since,
       violated_since + to_days(CAST(g.grace_days AS INTEGER)) AS overdue_since, found_target_url,
       expected_rel, rel, expected_anchor, anchor, lost_reason, topic, source_partition, source_offset,
       count(*) OVER () AS overdue
FROM placements p
JOIN (SELECT link_id, max(grace_days) AS grace_days FROM internal.placements
      WHERE target_domain = $domain GROUP BY link_id) g ON g.link_id = p.link_id
WHERE p.target_domain = $domain AND p.is_overdue
ORDER BY overdue_since DESC, p.link_id
LIMIT $most
"""
"""Links that are not as agreed for longer than their grace; first those of which it ended last."""

EXACT_SHARE: Final = """
SELECT refdomain_share AS share FROM anchor_profile
WHERE target_domain = $domain AND anchor_class = 'exact'
"""
"""Share of the referring domains whose anchors are money terms and nothing else."""

ANCHORING: Final = """
SELECT count(DISTINCT s_dom_key) AS refdomains
FROM (SELECT unnest(sources) AS s_dom_key FROM internal.anchor_texts
      WHERE target_domain = $domain AND anchor IS NOT NULL)
"""
"""Of how many: the referring domains of which an anchor is told."""

EXACT_ANCHORS: Final = f"""
SELECT anchor, refdomains, backlinks FROM anchor_classes
WHERE target_domain = $domain AND anchor_class = 'exact'
ORDER BY refdomains DESC, backlinks DESC, anchor
LIMIT {SHOWN_ROWS}
"""  # noqa: S608 - a statement of ours

ANSWERS: Final = """
SELECT count(*) AS targets, count(*) FILTER (newest.http_code = 0 OR newest.http_code >= 400) AS broken
FROM internal.target_answers WHERE target_domain = $domain
"""
"""Of how many targets an answer is told, and how many do not answer; a tenth of the work of BROKEN."""

BROKEN: Final = "SELECT count(*) AS links FROM broken_backlinks WHERE target_domain = $domain"
BROKEN_A_DAY_AGO: Final = (
    "SELECT count(*) AS links FROM internal.broken_a_day_ago WHERE target_domain = $domain"
)
NEWLY_BROKEN: Final = f"""
SELECT b.target_url, any_value(b.http_code) AS http_code, max(b.observed_at) AS observed_at,
       count(*) AS backlinks, min(b.source_url) AS example_url
FROM broken_backlinks b
ANTI JOIN (SELECT link_id FROM internal.broken_a_day_ago WHERE target_domain = $domain) o
    ON o.link_id = b.link_id
WHERE b.target_domain = $domain
GROUP BY b.target_url
ORDER BY backlinks DESC, b.target_url
LIMIT {SHOWN_ROWS}
"""  # noqa: S608 - a statement of ours

GAINED: Final = """
SELECT gained_last_day, baseline_days FROM link_velocity_baseline WHERE target_domain = $domain
"""
"""Whether the toxic ones are worth asking: these are of the same days, and at least as many."""

TOXIC: Final = """
SELECT any_value(toxic_links) FILTER (day_number = 0) AS toxic,
       any_value(gained_links) FILTER (day_number = 0) AS gained,
       avg(toxic_links) FILTER (day_number BETWEEN 1 AND $days) AS mean,
       count(toxic_links) FILTER (day_number BETWEEN 1 AND $days) AS days
FROM toxic_links_gained($domain)
"""
"""Of the last day, and what is usual over so many days before; one of which nothing is known is left out."""

NEWLY_TOXIC: Final = f"""
SELECT source_url, target_url, source_domain, started_at, toxicity, markers_fired
FROM toxic_links_of_day($domain, 0)
LIMIT {SHOWN_ROWS}
"""  # noqa: S608 - a statement of ours
"""As dear as TOXIC, so asked only of a burst."""

VISITS: Final = """
SELECT top_member AS source, top_share AS share, total AS visits
FROM diversification($domain, from_day := $from_day, to_day := $to_day)
WHERE dimension = 'visits' AND total IS NOT NULL
"""
