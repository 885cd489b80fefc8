-- What a domain's links are as a whole. Lines for `--| word` as in 30_links.sql.

CREATE VIEW main.linked_domains AS --| state
SELECT p.source_domain, p.target_domain,
       internal.page_score(s.authority, w.is_authority_shown) AS domain_authority, --| domain_scores
       internal.page_score(s.trust, w.is_authority_shown AND w.trust_scale IS NOT NULL) AS trust, --| domain_scores
       p.backlinks AS outgoing_links,
       p.dofollow_backlinks AS dofollow_links, --| attributes
       p.source_pages, p.target_pages, --| distinct
       p.first_seen, --| lives
       p.last_seen, --| checks
FROM internal.live_pairs p
CROSS JOIN internal.writer w --| domain_scores
LEFT JOIN internal.sought_domain_scores s ON s.domain_key = p.t_dom_key --| domain_scores
;

CREATE VIEW main.backlink_profiles AS --| state
SELECT p.target_domain, CAST(sum(p.backlinks) AS BIGINT) AS backlinks,
       CAST(sum(p.dofollow) AS BIGINT) AS dofollow_backlinks, --| attributes
       CAST(sum(p.nofollow) AS BIGINT) AS nofollow_backlinks, CAST(sum(p.ugc) AS BIGINT) AS ugc_backlinks, --| attributes
       CAST(sum(p.sponsored) AS BIGINT) AS sponsored_backlinks, --| attributes
       sum(p.dofollow) / sum(p.backlinks) AS follow_ratio, --| attributes
       count(*) AS refdomains,
       count(*) FILTER (p.dofollow > 0) AS dofollow_refdomains, --| attributes
       count(*) FILTER (p.dofollow > 0) / count(*) AS refdomain_follow_ratio, --| attributes
       CASE WHEN any_value(w.is_authority_shown) --| domain_scores
            THEN count(*) FILTER (coalesce(s.authority, 0) >= 30) / count(*) END AS strong_share, --| domain_scores
       pow(CAST(sum(p.backlinks) AS DOUBLE), 2) / sum(p.backlinks * p.backlinks) AS effective_refdomains,
       max(p.backlinks) / sum(p.backlinks) AS top_refdomain_share,
       min(p.first_seen) AS first_seen, --| lives
FROM (
    SELECT target_domain, s_dom_key, count(*) AS backlinks,
           count(*) FILTER (is_dofollow) AS dofollow, --| attributes
           count(*) FILTER (is_nofollow) AS nofollow, --| attributes
           count(*) FILTER (is_ugc) AS ugc, count(*) FILTER (is_sponsored) AS sponsored, --| attributes
           min(first_seen) AS first_seen, --| lives
    FROM internal.live_links
    GROUP BY target_domain, s_dom_key
) p
CROSS JOIN internal.writer w --| domain_scores
LEFT JOIN internal.sought_domain_scores s ON s.domain_key = p.s_dom_key --| domain_scores
GROUP BY p.target_domain;
