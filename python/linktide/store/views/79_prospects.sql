-- What links bring more links.

-- A social link to a page begins a cascade if none came within `after_days` before. Beside each other: the other links to
-- the page that were first seen in the days after it, and in those before.
CREATE OR REPLACE MACRO main.link_cascades(domain_name, after_days := 14, before_days := 28) AS TABLE
WITH given AS MATERIALIZED (
    SELECT internal.whole_days('after_days', after_days) AS days_after, internal.whole_days('before_days', before_days) AS days_before
), firsts AS (
    SELECT v.link_id, min(v.started_at) AS first_seen FROM internal.lives v WHERE v.target_domain = domain_name GROUP BY v.link_id
), linked AS MATERIALIZED (
    SELECT k.target_url, k.source_url, k.source_domain, k.source_kind = 'social' AS is_social, f.first_seen
    FROM internal.kinds_of(domain_name) k JOIN firsts f ON f.link_id = k.link_id
), turns AS (
    SELECT l.target_url, l.first_seen, l.source_url,
           lag(l.first_seen) OVER (PARTITION BY l.target_url ORDER BY l.first_seen, l.source_url) AS social_before
    FROM linked l WHERE l.is_social
), begun AS MATERIALIZED (
    SELECT t.target_url, t.first_seen AS began_at, t.source_url, t.first_seen + to_days(g.days_after) AS until_at,
           t.first_seen - to_days(g.days_before) AS from_at
    FROM turns t CROSS JOIN given g
    WHERE t.social_before IS NULL OR t.first_seen - t.social_before > to_days(g.days_after)
), counted AS (
    SELECT b.target_url, b.began_at, b.source_url, b.until_at,
           count(*) FILTER (l.is_social AND l.first_seen >= b.began_at AND l.first_seen <= b.until_at) AS social_links,
           count(*) FILTER (NOT l.is_social AND l.first_seen >= b.from_at AND l.first_seen < b.began_at) AS links_before,
           count(*) FILTER (NOT l.is_social AND l.first_seen > b.began_at AND l.first_seen <= b.until_at) AS links_after,
           count(DISTINCT l.source_domain) FILTER (NOT l.is_social AND l.first_seen > b.began_at AND l.first_seen <= b.until_at)
               AS refdomains_after
    FROM begun b JOIN linked l ON l.target_url = b.target_url
    GROUP BY b.target_url, b.began_at, b.source_url, b.until_at
)
SELECT c.target_url, c.began_at, c.source_url AS social_source_url, c.social_links, c.links_before, c.links_after,
       c.refdomains_after, c.until_at <= w.clock AS is_over,
       CASE WHEN c.until_at <= w.clock THEN (c.links_after / g.days_after) / nullif(c.links_before / g.days_before, 0) END AS lift
FROM counted c
CROSS JOIN given g
CROSS JOIN internal.writer w
ORDER BY c.links_after DESC, c.began_at DESC, c.target_url;
