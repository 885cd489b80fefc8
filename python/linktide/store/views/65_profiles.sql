-- What a domain's links are as a whole, and what becomes of its referring domains.

-- A domain refers while one link of it at least lives; several that begin or end at one instant are one step.
CREATE VIEW main.refdomains_new_lost AS
WITH steps AS (
    SELECT l.target_domain, l.source_domain, s.stepped_at, CAST(sum(s.step) AS BIGINT) AS step
    FROM (
        SELECT link_id, target_domain, started_at AS stepped_at, 1 AS step FROM internal.lives
        UNION ALL
        SELECT link_id, target_domain, confirmed_at, -1 FROM internal.lives WHERE confirmed_at IS NOT NULL
    ) s
    JOIN internal.links l
        ON l.link_id = s.link_id AND l.target_domain = s.target_domain AND l.s_dom_key <> l.t_dom_key
    GROUP BY ALL
), counts AS (
    SELECT target_domain, source_domain, stepped_at, step,
           CAST(sum(step) OVER (PARTITION BY target_domain, source_domain ORDER BY stepped_at) AS BIGINT) AS backlinks
    FROM steps
), turns AS (
    SELECT target_domain, source_domain, stepped_at, backlinks,
           count(*) FILTER (backlinks > 0) OVER (
               PARTITION BY target_domain, source_domain ORDER BY stepped_at) AS beginnings
    FROM counts
    WHERE (backlinks = 0) <> (backlinks - step = 0)
)
SELECT CASE WHEN backlinks = 0 THEN 'lost' WHEN beginnings = 1 THEN 'new' ELSE 'restored' END AS change,
       stepped_at AS changed_at, target_domain, source_domain, backlinks
FROM turns;

CREATE VIEW main.linked_domains AS
SELECT p.source_domain, p.target_domain, s.domain_authority, s.trust, p.outgoing_links, p.dofollow_links,
       p.source_pages, p.target_pages, p.first_seen, p.last_seen
FROM (
    SELECT source_domain, target_domain, any_value(t_dom_key) AS t_dom_key, count(*) AS outgoing_links,
           count(*) FILTER (is_dofollow) AS dofollow_links,
           count(DISTINCT source_key) AS source_pages, count(DISTINCT target_key) AS target_pages,
           min(first_seen) AS first_seen, max(last_seen) AS last_seen
    FROM internal.live_links
    GROUP BY source_domain, target_domain
) p
LEFT JOIN internal.shown_scores s ON s.domain_key = p.t_dom_key;

CREATE VIEW main.backlink_profiles AS
WITH pairs AS (
    SELECT target_domain, s_dom_key, count(*) AS backlinks, count(*) FILTER (is_dofollow) AS dofollow,
           count(*) FILTER (is_nofollow) AS nofollow, count(*) FILTER (is_ugc) AS ugc,
           count(*) FILTER (is_sponsored) AS sponsored, min(first_seen) AS first_seen
    FROM internal.live_links
    GROUP BY target_domain, s_dom_key
)
SELECT p.target_domain, CAST(sum(p.backlinks) AS BIGINT) AS backlinks,
       CAST(sum(p.dofollow) AS BIGINT) AS dofollow_backlinks, CAST(sum(p.nofollow) AS BIGINT) AS nofollow_backlinks,
       CAST(sum(p.ugc) AS BIGINT) AS ugc_backlinks, CAST(sum(p.sponsored) AS BIGINT) AS sponsored_backlinks,
       sum(p.dofollow) / sum(p.backlinks) AS follow_ratio,
       count(*) AS refdomains, count(*) FILTER (p.dofollow > 0) AS dofollow_refdomains,
       count(*) FILTER (p.dofollow > 0) / count(*) AS refdomain_follow_ratio,
       CASE WHEN any_value(w.is_authority_shown)
            THEN count(*) FILTER (coalesce(n.authority, s.authority, 0) >= 30) / count(*) END AS strong_share,
       1 / sum(pow(p.backlinks / p.all_backlinks, 2)) AS effective_refdomains,
       max(p.backlinks / p.all_backlinks) AS top_refdomain_share,
       min(p.first_seen) AS first_seen
FROM (SELECT *, sum(backlinks) OVER (PARTITION BY target_domain) AS all_backlinks FROM pairs) p
CROSS JOIN internal.writer w
LEFT JOIN internal.recent_domain_scores n ON n.domain_key = p.s_dom_key
LEFT JOIN internal.domain_scores_base s ON s.domain_key = p.s_dom_key
GROUP BY p.target_domain;
